"""The mini Qwen-Image-Edit: pairs from the mini world, instructions in the studio's own words, training, export."""
