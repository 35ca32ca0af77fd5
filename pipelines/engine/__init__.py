"""The one quantized model: weights found or fetched, memory foretold, loaded once, adapters on top, pictures out."""
