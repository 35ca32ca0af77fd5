"""How much each place of a picture counts in the loss: more where a face has eyes and mouth.

An expression is a few pixels. Of a loss in which all pixels count alike it is a small part, and a LoRA that learns a
face unlearns how to change it. Trainers call this masked training.
"""

from collections.abc import Callable

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from pipelines.faces.features import Features

Finder = Callable[[Image.Image], Features | None]
"""Finds the features of the largest face of an RGB picture; ``None`` where there is none."""
SMALLEST = 0.06
"""No bell is narrower than this share of the picture: about the width of a latent token."""


def emphasis(features: Features, height: int, width: int, gain: float) -> Tensor:
    """Weights (..., height, width), float32, mean 1: a place at the middle of the features counts ``1 + gain`` times
    as much as one far away; between, a bell of two normal distributions."""
    x, y, across, down = (
        torch.as_tensor(np.asarray(value, dtype=np.float32))[..., None]
        for value in (features.x, features.y, features.across, features.down)
    )
    columns, rows = ((torch.arange(n) + 0.5) / n for n in (width, height))
    aside = ((columns - x) / across.clamp(min=SMALLEST)).square()
    below = ((rows - y) / down.clamp(min=SMALLEST)).square()
    weights = 1 + gain * torch.exp(-0.5 * (below[..., :, None] + aside[..., None, :]))
    return weights / weights.mean((-2, -1), keepdim=True)
