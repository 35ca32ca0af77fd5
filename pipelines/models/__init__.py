"""Architectures of models: a package each, with all that only it knows.

``facts`` (names in LoRA files, signature, shapes, sizes; no torch: the page and the command line read it), ``drive``
(how its diffusers pipeline makes a picture) and ``train`` (what its transformer is asked in training). ``base``,
``driver`` and ``denoiser`` are what the three implement, ``registry`` finds them. See docs/adding-a-model.md.
"""
