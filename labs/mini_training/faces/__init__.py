"""The eyes of the mini world: a detector, a recogniser, heads, a scene reader, and an independent judge.

All of them read the renderer's own parameters off pictures of characters nobody has seen before; nothing is ever
trained on a picture that a model made.
"""
