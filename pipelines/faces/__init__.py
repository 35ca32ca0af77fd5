"""Faces: who is in a picture, which way they look, and how good the picture is."""

from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

from pipelines.domain import presets
from pipelines.faces.base import Thresholds

if TYPE_CHECKING:
    from pathlib import Path

    from pipelines.faces.base import Recogniser


class FaceSettings(Protocol):
    """What recognisers need of the settings; empty means each library's own default place."""

    @property
    def insightface_root(self) -> "Path | str | None": ...
    @property
    def facenet_weights(self) -> "Path | str | None": ...


def names() -> tuple[str, ...]:
    """What recognisers there are: the files of ``presets/faces``."""
    return tuple(presets.faces())


def recogniser(name: str, settings: FaceSettings) -> "Recogniser":
    """The recogniser called ``name`` (one of ``names()``), the same object for the same settings. Nothing is loaded
    before its first picture and nothing is ever downloaded. Raises ValueError for another name."""
    if name not in names():
        raise ValueError(f"There is no recogniser {name!r}. There is: {', '.join(names())}.")
    return _made(name, str(settings.insightface_root or ""), str(settings.facenet_weights or ""))


@cache
def _made(name: str, insightface_root: str, facenet_weights: str) -> "Recogniser":
    preset = presets.faces()[name]
    folder, heads = (presets.PRESETS / place if place else None for place in (preset.folder, preset.heads))
    known: dict[str, Any] = {"name": name, "title": preset.title}
    if preset.thresholds:
        known["thresholds"] = Thresholds(preset.thresholds.same, preset.thresholds.other)
    if preset.kind == "insightface":
        from pipelines.faces.insightface_pack import InsightFacePack

        return InsightFacePack(str(folder or insightface_root), heads=heads, **known)
    if preset.kind == "upright":
        from pipelines.faces.upright import Upright

        return Upright(folder or presets.PRESETS, **known)
    if preset.kind == "facenet":
        from pipelines.faces.facenet import Facenet

        return Facenet(facenet_weights)
    from pipelines.faces.perceptual import Perceptual

    return Perceptual()
