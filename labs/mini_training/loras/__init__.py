"""The mini community LoRAs: small specialists for the mini editor, made with the product's own trainer."""
