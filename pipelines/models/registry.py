"""Which architectures there are: every package beside this file that has ``facts``. Imports no torch."""

from collections.abc import Collection
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pkgutil import iter_modules

from pipelines import models
from pipelines.domain.presets import ModelFamily
from pipelines.models.base import Architecture, Layers, Likeness
from pipelines.storage.preset_files import PresetError


@cache
def architectures() -> dict[str, Architecture]:
    """All architectures by name."""
    packages = [f"{models.__name__}.{m.name}" for m in iter_modules(models.__path__) if m.ispkg]
    found = (import_module(f"{p}.facts").ARCHITECTURE for p in packages if find_spec(f"{p}.facts"))
    return {architecture.name: architecture for architecture in found}


def of(family: ModelFamily) -> Architecture:
    """The architecture of a model preset. Raises PresetError when there is none of that name."""
    found = architectures().get(family.architecture)
    if found is None:
        known = ", ".join(architectures())
        raise PresetError(f"{family.name}: there is no architecture {family.architecture!r} (known: {known}).")
    return found


def with_pipeline(name: str) -> Architecture | None:
    """The architecture that a diffusers pipeline class belongs to; ``None`` when it is none of ours."""
    return next((a for a in architectures().values() if a.pipeline == name), None)


def titles(last: str = "and") -> str:
    """All architectures in words: ``FLUX.1, FLUX.2 klein and Qwen-Image-Edit``."""
    *others, end = (a.title for a in architectures().values())
    return f"{', '.join(others)} {last} {end}"


def recognise(layers: Layers, claim: str, among: Collection[Architecture] = ()) -> tuple[Architecture, ...]:
    """Whose layers a LoRA has: one architecture, several when they leave it open, none. ``among``: only these come into
    question (none: all do).

    What the layers say comes first. ``claim``, how the header calls its base model, counts only where they leave it
    open: a FLUX attention LoRA fits into Qwen without a warning, as both are 3072 wide.
    """
    alike = {a: a.likeness(layers) for a in among or architectures().values()}
    possible = [a for a, likeness in alike.items() if likeness]
    certain = [a for a in possible if alike[a] is Likeness.CERTAIN]
    claimed = [a for a in possible if a.claim.search(claim.lower())]
    best = [a for a in possible if alike[a] == max(alike.values())]
    return tuple(next((group for group in (certain, claimed, best) if len(group) == 1), best))
