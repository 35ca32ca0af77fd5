"""The mini reader: Qwen2.5-VL's layout, taught the product's own questions about the mini world's pictures."""
