"""Sizes of pictures that are made from pictures: the one place where an edit, its reference and what an editor learns
from get theirs, so that nothing is zoomed or shifted between them."""

import math

WIDEST = 2.0
"""No picture is made or seen wider or taller than 2:1 (its middle is): beyond it no model here was trained."""


def middle(width: int, height: int) -> tuple[int, int]:
    """The size of a picture's middle that is at most ``WIDEST`` to one, pixels; itself when it is that already."""
    return min(width, int(height * WIDEST)), min(height, int(width * WIDEST))


def fitted(width: int, height: int, area: float, multiple: int) -> tuple[int, int]:
    """The proportions of ``width`` x ``height`` on ``area`` pixels, each side to the nearest multiple, as
    ``calculate_dimensions`` of diffusers' Qwen-Image-Edit-Plus has it (there always of 32)."""
    width, height = middle(width, height)
    wide = math.sqrt(area * (width / height))
    return _nearest(wide, multiple), _nearest(wide / (width / height), multiple)


def shrunk(width: int, height: int, area: float, multiple: int) -> tuple[int, int]:
    """The proportions of ``width`` x ``height`` on at most ``area`` pixels, each side cut to a multiple, as diffusers'
    FLUX.2 pipelines resize and crop what they are given."""
    width, height = middle(width, height)
    scale = math.sqrt(area / (width * height))
    return _below(width * scale, multiple), _below(height * scale, multiple)


def _nearest(pixels: float, multiple: int) -> int:
    return max(multiple, round(pixels / multiple) * multiple)


def _below(pixels: float, multiple: int) -> int:
    return max(multiple, int(pixels) // multiple * multiple)
