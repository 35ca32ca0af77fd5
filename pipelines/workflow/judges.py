"""Who judges a character's pictures."""

from collections.abc import Mapping
from dataclasses import dataclass

from pipelines.domain.presets import FacePreset, ModelFamily
from pipelines.domain.records import Character
from pipelines.session import Session
from pipelines.storage.face_packs import pack_in, packs_root
from pipelines.storage.preset_files import PRESETS
from pipelines.storage.settings import Settings


@dataclass(frozen=True)
class Judge:
    """Names of recognisers (``presets/faces``): who says whom a picture shows, and who is asked besides."""

    recogniser: str
    second_opinion: str = ""


LOOK = "look"
"""The recogniser of characters that are told by their look."""


def judge(session: Session, character: Character, family: ModelFamily) -> Judge:
    """Who judges a character's pictures of a model family. By its face: those the family's preset names, or who stands
    in for one whose weights are not on disk. By its look: one recogniser for all. By eyes alone: nobody."""
    if character.judged_by != "face":
        return Judge(LOOK if character.judged_by == "look" else "")
    first = in_use(family.recogniser, session.presets.faces, session.settings)
    second = in_use(family.second_opinion, session.presets.faces, session.settings)
    return Judge(first, "" if second == first else second)


def in_use(name: str, known: Mapping[str, FacePreset], settings: Settings) -> str:
    """The recogniser that works under that name on this disk: itself, or the one that its preset names instead."""
    preset = known.get(name)
    if preset is None or not preset.instead or preset.instead not in known or _on_disk(preset, settings):
        return name
    return preset.instead


def _on_disk(preset: FacePreset, settings: Settings) -> bool:
    """Whether there are weights where this recogniser would look; packs alone have a place that may be empty."""
    if preset.kind != "insightface":
        return True
    root = PRESETS / preset.folder if preset.folder else packs_root(settings.insightface_root)
    return pack_in(root) is not None
