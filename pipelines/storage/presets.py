"""Presets, read: what comes with the product, and over it the user's own from ``presets/`` in a workspace.

A broken file of the user's never keeps a workspace from opening: it is told (``Presets.problems``) and left out.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from pipelines.domain.base import content_hash
from pipelines.domain.presets import (
    REVISION_MARK,
    Axis,
    CaptionFactor,
    CardSpec,
    CatalogueEntry,
    CharacterKind,
    FacePreset,
    FailureMode,
    Framings,
    ModelFamily,
    Scenario,
    TrainingPreset,
    WildcardList,
)
from pipelines.domain.reading import CaptionPrompt, Question, ReaderPreset
from pipelines.domain.records import Target
from pipelines.storage.preset_files import KINDS, PRESETS, Entries, PresetError, read_kind, read_one

FOLDER = "presets"
CARD, FRAMINGS = "model_card.toml", "prompts/framings.toml"
"""The benchmark is everybody's: a card of one's own would prove nothing to others. It is not read from a workspace."""
_HUB = re.compile(r"[\w.-]+/[\w.-]+")
_REVISION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}")
# What of a model says nothing about its pictures: words, memory to foretell, and what every shot holds itself.
_ASIDE: dict[str, Any] = {
    **dict.fromkeys(
        (
            "name",
            "title",
            "roles",
            "revision",
            "licence",
            "licence_note",
            "recogniser",
            "second_opinion",
            "modelspec",
            "geometry",
            "caption_from",
        ),
        True,
    ),
    "weights": {"gib"},
    "parts": {"__all__": {"parameters", "plain", "unused"}},
    "defaults": {"width", "height", "steps", "guidance"},
}


@dataclass(frozen=True)
class Presets:
    """All presets, ours first in each kind. ``own`` are the names that the user's files add or change, by kind;
    ``problems`` what of these files was left out and why. Nothing here is to be changed."""

    models: dict[str, ModelFamily]
    faces: dict[str, FacePreset]
    trainings: dict[str, TrainingPreset]
    catalogue: tuple[CatalogueEntry, ...]
    axes: tuple[Axis, ...]
    survey_prompts: tuple[Axis, ...]
    scenarios: tuple[Scenario, ...]
    wildcards: tuple[WildcardList, ...]
    failures: tuple[FailureMode, ...]
    kinds: tuple[CharacterKind, ...]
    factors: tuple[CaptionFactor, ...]
    questions: tuple[Question, ...]
    caption_prompts: tuple[CaptionPrompt, ...]
    readers: dict[str, ReaderPreset]
    card: CardSpec
    framings: tuple[Axis, ...] = ()
    own: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    problems: tuple[str, ...] = ()

    @property
    def edits(self) -> tuple[Axis, ...]:
        """All that a picture can be edited along; an axis of the user's stands for ours of that name."""
        names = {axis.name for axis in self.axes}
        return (*self.axes, *(axis for axis in self.framings if axis.name not in names))

    def trainings_for(self, model: str, target: Target) -> list[TrainingPreset]:
        """The training presets of a target that are meant for a model preset; where none names it, as for one of the
        user's own, those for others of its architecture that know the same world."""
        meant = [p for p in self.trainings.values() if p.target == target and model in p.families]
        own = self.models.get(model)
        if meant or own is None:
            return meant
        alike = {m.name for m in self.models.values() if (m.architecture, m.world) == (own.architecture, own.world)}
        return [p for p in self.trainings.values() if p.target == target and alike & set(p.families)]

    def offered(self, editor: str) -> tuple[CatalogueEntry, ...]:
        """The catalogue for an editor (a model preset): what was made for it alone, then the others by relevance."""
        shown = (e for e in self.catalogue if not e.editors or editor in e.editors)
        return tuple(sorted(shown, key=lambda e: (not e.editors, -e.relevance)))


@cache
def shipped() -> Presets:
    """The presets that come with the product. Raises PresetError when this installation is damaged."""
    return _presets(our_entries(), read_one(CardSpec, PRESETS / CARD), ())


def load_presets(root: Path | None) -> Presets:
    """The presets of the workspace at ``root``: ours, and the user's over them. Raises nothing for the user's."""
    folder = root / FOLDER if root else None
    if folder is None or not folder.is_dir():
        return shipped()
    problems: list[str] = []
    found = _read(folder, our_entries(), problems)
    _mark(found["models"])
    return _presets(found, shipped().card, tuple(problems + _unread(folder)))


class PresetFolder:
    """The presets of a workspace, read again when a file of its ``presets/`` has changed."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._read: tuple[object, Presets] | None = None

    def current(self) -> Presets:
        """The presets as the files stand now; the same object while they stand."""
        stamp = self._stamp()
        if self._read is None or self._read[0] != stamp:
            self._read = stamp, load_presets(self._root)
        return self._read[1]

    def reload(self) -> Presets:
        """Read everything anew: a clock that stands still hides a change."""
        self._read = None
        return self.current()

    def _stamp(self) -> object:
        folder = self._root / FOLDER
        found = []
        for path in sorted(folder.rglob("*.toml")) if folder.is_dir() else ():
            try:
                known = path.stat()
            except OSError:
                continue
            found.append((path, known.st_mtime_ns, known.st_size))
        return folder.is_dir(), tuple(found)


@cache
def our_entries() -> dict[str, Entries]:
    problems: list[str] = []
    found = _read(PRESETS, {kind.name: Entries() for kind in KINDS}, problems, ours=True)
    if problems:
        raise PresetError("\n".join(["The presets of this FLENwheel are damaged:", *problems]))
    return found


def _read(folder: Path, base: Mapping[str, Entries], problems: list[str], ours: bool = False) -> dict[str, Entries]:
    found: dict[str, Entries] = {}
    for kind in KINDS:
        known = base[kind.name]
        check = _Check(kind.name, known, found, ours)
        found[kind.name] = read_kind(kind, folder, known, check, problems)
        if kind.name == "failures":
            _one_key_each(found["failures"], known, problems)
    return found


def _presets(found: Mapping[str, Entries], card: CardSpec, problems: tuple[str, ...]) -> Presets:
    by_name: dict[str, Any] = {name: found[name].values for name in ("models", "faces", "trainings", "readers")}
    listed: dict[str, Any] = {k.name: tuple(found[k.name].values.values()) for k in KINDS if k.name not in by_name}
    own = {name: tuple(entries.own) for name, entries in found.items() if entries.own and found is not our_entries()}
    framings = read_one(Framings, PRESETS / FRAMINGS).axis
    return Presets(**by_name, **listed, card=card, framings=framings, own=own, problems=problems)


@dataclass
class _Check:
    """What no single field shows: names of other presets, and that files of the user's stay what the user named."""

    kind: str
    base: Entries
    found: Mapping[str, Entries]
    ours: bool

    def __call__(self, value: Any, name: str) -> list[str]:
        looked = getattr(self, f"_{self.kind}", None)
        return [] if looked is None or self.ours else looked(value, self.base.values.get(name))

    def _models(self, family: ModelFamily, ours: ModelFamily | None) -> list[str]:
        wrong = _folder("weights.folder", family.weights.folder, ours.weights.folder if ours else "")
        known = dict.fromkeys(m.architecture for m in self.base.values.values())
        if family.architecture not in known:
            wrong.append(f"architecture: FLENwheel cannot drive {family.architecture!r} (known: {', '.join(known)})")
        for part, file in family.weights.files.items():
            wrong += _folder(f"weights.files.{part}", file, ours.weights.files.get(part, "") if ours else "")
        if family.weights.hub and not _HUB.fullmatch(family.weights.hub):
            wrong.append(f"weights.hub: {family.weights.hub!r} is no repository, such as owner/model")
        if not _REVISION.fullmatch(family.revision):
            wrong.append(f"revision: {family.revision!r} is not of letters, digits, '.', '_' and '-' alone")
        for place, name in (("recogniser", family.recogniser), ("second_opinion", family.second_opinion)):
            wrong += self._unknown(place, [name] if name else [], "faces", "recogniser")
        return wrong

    def _faces(self, face: FacePreset, ours: FacePreset | None) -> list[str]:
        wrong = _folder("folder", face.folder, ours.folder if ours else "")
        return wrong + _folder("heads", face.heads, ours.heads if ours else "")

    def _readers(self, reader: ReaderPreset, ours: ReaderPreset | None) -> list[str]:
        wrong = _folder("folder", reader.folder, ours.folder if ours else "")
        wrong += self._unknown("models", reader.models, "models", "model")
        for field_name, names in (("questions", reader.questions), ("caption", [reader.caption])):
            kind = "caption_prompts" if field_name == "caption" else "questions"
            wrong += self._unknown(field_name, names, kind, "question" if kind == "questions" else "caption prompt")
        if reader.kind != "openai" and not (reader.models or reader.folder):
            wrong.append("models: name the models that it is a part of, or the folder that holds its weights")
        if reader.least_px > reader.most_px:
            wrong.append("least_px: is more than most_px")
        return wrong

    def _trainings(self, preset: TrainingPreset, ours: TrainingPreset | None) -> list[str]:
        return self._unknown("families", preset.families, "models", "model")

    def _catalogue(self, entry: CatalogueEntry, ours: CatalogueEntry | None) -> list[str]:
        if entry.shipped == (ours.shipped if ours else ""):
            return []
        return ["shipped: says which file comes with FLENwheel; bring your own in with Survey, 'Bring in a file'"]

    def _unknown(self, place: str, names: Any, kind: str, noun: str) -> list[str]:
        known = self.found[kind].values
        lost = [name for name in names if name not in known]
        return [f"{place}: there is no {noun} {name!r} (known: {', '.join(known)})" for name in lost]


def _folder(place: str, given: str, ours: str) -> list[str]:
    """A folder of the user's is named whole: what it would be relative to is no question then."""
    if not given or given == ours or (Path(given).is_absolute() and ".." not in Path(given).parts):
        return []
    return [f"{place}: {given!r} is not the whole path of a folder, such as /home/me/models/mine"]


def _one_key_each(found: Entries, base: Entries, problems: list[str]) -> None:
    """A letter notes one failure mode: who comes with a letter that is taken is left out, ours stands."""
    for name in list(found.own):
        key = found.values[name].key
        taken = next((n for n, other in found.values.items() if n != name and other.key == key), None)
        if taken is None:
            continue
        problems.append(f"failures.toml: failure {name}: key: {key!r} is the letter of {taken!r} already")
        found.own.remove(name)
        if name in base.values:
            found.values[name] = base.values[name]
        else:
            del found.values[name]


def _mark(models: Entries) -> None:
    """What the user adds or changes gets a mark of its content behind its revision, which every shot and training
    names. So one shot is one picture: a job that was planned before a change is told apart and refused in words."""
    for name in models.own:
        family = models.values[name]
        ours = our_entries()["models"].values.get(name)
        if ours is None or _facts(family) != _facts(ours):
            mark = content_hash(_facts(family))[:8]
            models.values[name] = family.model_copy(update={"revision": f"{family.revision}{REVISION_MARK}{mark}"})


def _facts(family: ModelFamily) -> dict[str, Any]:
    """What decides its pictures. Fields at their default are left out, so that a field that a later FLENwheel adds
    changes no mark."""
    return family.model_dump(mode="json", exclude=_ASIDE, exclude_defaults=True)


def _unread(folder: Path) -> list[str]:
    read = {path for kind in KINDS for path in folder.glob(kind.files)}
    lost = [p.relative_to(folder).as_posix() for p in sorted(folder.rglob("*.toml")) if p not in read]
    places = ", ".join(kind.files for kind in KINDS)
    why = {CARD: "the model card is the same for everybody, so that cards can be compared"}
    return [f"{file}: is not read: {why.get(file, f'presets are {places}')}" for file in lost]
