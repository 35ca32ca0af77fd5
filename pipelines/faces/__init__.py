"""Faces: who is in a picture, which way they look, and how good the picture is."""

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

from pipelines.domain.presets import FacePreset
from pipelines.faces.base import Limits, Thresholds
from pipelines.storage.preset_files import PRESETS
from pipelines.storage.presets import shipped

if TYPE_CHECKING:
    from pathlib import Path

    from pipelines.faces.base import Recogniser


class FaceSettings(Protocol):
    """What recognisers need of the settings; empty means each library's own default place."""

    @property
    def insightface_root(self) -> "Path | str | None": ...
    @property
    def facenet_weights(self) -> "Path | str | None": ...


def recogniser(name: str, settings: FaceSettings, known: Mapping[str, FacePreset] | None = None) -> "Recogniser":
    """The recogniser called ``name`` among ``known`` (none: those that come with the product), the same object for the
    same preset and settings. Nothing is loaded before its first picture and nothing is ever downloaded. Raises
    ValueError for another name."""
    known = shipped().faces if known is None else known
    if name not in known:
        raise ValueError(f"There is no recogniser {name!r}. There is: {', '.join(known)}.")
    return _made(
        known[name].model_dump_json(), str(settings.insightface_root or ""), str(settings.facenet_weights or "")
    )


@cache
def _made(described: str, insightface_root: str, facenet_weights: str) -> "Recogniser":
    preset = FacePreset.model_validate_json(described)
    found = _of_kind(preset, insightface_root, facenet_weights)
    found.limits = Limits(preset.angle_bin, preset.smallest_face)
    return found


def _of_kind(preset: FacePreset, insightface_root: str, facenet_weights: str) -> "Recogniser":
    folder, heads = (PRESETS / place if place else None for place in (preset.folder, preset.heads))
    known: dict[str, Any] = {"name": preset.name, "title": preset.title}
    if preset.thresholds:
        known["thresholds"] = Thresholds(preset.thresholds.same, preset.thresholds.other)
    if preset.kind == "insightface":
        from pipelines.faces.insightface_pack import InsightFacePack

        return InsightFacePack(str(folder or insightface_root), heads=heads, **known)
    if preset.kind == "sface":
        from pipelines.faces.sface import YuNetSFace

        return YuNetSFace(folder or PRESETS, **known)
    if preset.kind == "look":
        from pipelines.faces.look import Look

        return Look(folder or PRESETS, **known)
    if preset.kind == "vision":
        from pipelines.faces.vision import Vision

        return Vision(folder or PRESETS, **known)
    if preset.kind == "upright":
        from pipelines.faces.upright import Upright

        return Upright(folder or PRESETS, **known)
    if preset.kind == "facenet":
        from pipelines.faces.facenet import Facenet

        return Facenet(facenet_weights)
    from pipelines.faces.perceptual import Perceptual

    return Perceptual()
