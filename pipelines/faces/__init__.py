"""Faces: who is in a picture, which way they look, and how good the picture is."""

from functools import cache
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    from pipelines.faces.base import Recogniser

NAMES = ("insightface", "facenet", "perceptual")


class FaceSettings(Protocol):
    """What recognisers need of the settings; empty means each library's own default place."""

    @property
    def insightface_root(self) -> "Path | str | None": ...
    @property
    def facenet_weights(self) -> "Path | str | None": ...


def recogniser(name: str, settings: FaceSettings) -> "Recogniser":
    """The recogniser called ``name`` (one of ``NAMES``), the same object for the same settings. Nothing is loaded
    before its first picture and nothing is ever downloaded. Raises ValueError for another name."""
    if name not in NAMES:
        raise ValueError(f"There is no recogniser {name!r}. There is: {', '.join(NAMES)}.")
    return _made(name, str(settings.insightface_root or ""), str(settings.facenet_weights or ""))


@cache
def _made(name: str, insightface_root: str, facenet_weights: str) -> "Recogniser":
    if name == "insightface":
        from pipelines.faces.insightface_pack import InsightFacePack

        return InsightFacePack(insightface_root)
    if name == "facenet":
        from pipelines.faces.facenet import Facenet

        return Facenet(facenet_weights)
    from pipelines.faces.perceptual import Perceptual

    return Perceptual()
