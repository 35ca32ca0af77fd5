"""A small world of clay people whose every truth is known, drawn in torch: who, seen how, and what is true of it."""

from pipelines.world.renderer.backgrounds import NAMES as BACKGROUNDS
from pipelines.world.renderer.backgrounds import PLAIN
from pipelines.world.renderer.characters import HELD_OUT, TWINS, Character, HeldOut, twin
from pipelines.world.renderer.scene import render, render_tensor
from pipelines.world.renderer.truth import Truth
from pipelines.world.renderer.views import EXPRESSIONS, FRAMINGS, LIGHTS, POSES, YAWS, View, sample_view

__all__ = [
    "BACKGROUNDS",
    "EXPRESSIONS",
    "FRAMINGS",
    "HELD_OUT",
    "LIGHTS",
    "PLAIN",
    "POSES",
    "TWINS",
    "YAWS",
    "Character",
    "HeldOut",
    "Truth",
    "View",
    "render",
    "render_tensor",
    "sample_view",
    "twin",
]
