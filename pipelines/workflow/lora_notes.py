"""Step 0, before anything is tested: which community LoRAs there are, what the user found out about each, and which of
them were tested."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pipelines.domain.lora_notes import AXES, Looked, LoraAxis, LoraNotes
from pipelines.domain.presets import ModelFamily
from pipelines.domain.records import LoraRecord, Survey
from pipelines.session import Session
from pipelines.workflow import loras

LOOK_INTO, TEST = 10, 5
"""Of how many the card should be read, and how many tested, before one is decided for."""


@dataclass(frozen=True)
class Candidate:
    """A LoRA that might be surveyed. ``key`` is what notes on it are kept by; ``suits`` says whether it is made for the
    editor's architecture; ``surveys`` are the versions that tested it for the character."""

    key: str
    name: str
    kind: str
    suits: bool
    notes: LoraNotes
    surveys: tuple[str, ...]

    @property
    def status(self) -> str:
        """How far it is, in words: tested, or as far as it was looked into."""
        return f"tested in {', '.join(self.surveys)}" if self.surveys else self.notes.looked or "not looked into"

    @property
    def looked_into(self) -> bool:
        """Whether anything was found out about it."""
        return bool(self.surveys or self.notes.looked or self.notes.scores or self.notes.note)


def candidates(session: Session, family: ModelFamily, character_id: str) -> list[Candidate]:
    """What the catalogue offers for an editor, and the files here that fit it and no entry knows; tested for a
    character ("": for nobody)."""
    entries = session.presets.offered(family.name)
    own = [x for x in loras.usable(session, family.name) if not loras.catalogued(entries, x)]
    about = {e.name: (e.name, e.kind, family.architecture in e.suits) for e in entries}
    about |= {x.id: (x.name, "trained here" if x.origin == "trained" else "brought in", True) for x in own}
    notes, tested = notes_on(session, about), _tested(session, character_id)
    return [
        Candidate(key, name, kind, suits, notes[key], tuple(tested.get(key, ())))
        for key, (name, kind, suits) in about.items()
    ]


def notes_on(session: Session, keys: Iterable[str]) -> dict[str, LoraNotes]:
    """What is kept of LoRAs, by key; empty notes where nothing is."""
    kept = {notes.id: notes for notes in session.store.all(LoraNotes)}
    return {key: kept.get(key, LoraNotes(id=key)) for key in keys}


def key_of(session: Session, name: str) -> str:
    """By what notes on a LoRA are kept: its entry in the catalogue, else its file. Raises NotFound."""
    if any(name == entry.name for entry in session.presets.catalogue):
        return name
    lora = loras.by_name(session, name)
    entry = loras.catalogued(session.presets.catalogue, lora)
    return entry.name if entry else loras.get(session, lora.id).id


def write(
    session: Session,
    key: str,
    *,
    scores: Mapping[LoraAxis, int | None] | None = None,
    note: str | None = None,
    looked: Looked | None = None,
) -> LoraNotes:
    """Keep what was found out; what is ``None`` stays as it is, and so does the score of an axis that is not named (one
    of ``None`` is taken away). Raises NotFound, and ValueError for a score that is none."""
    key = key_of(session, key)
    with session.store.alone():
        before = notes_on(session, [key])[key]
        rated = {**before.scores, **(scores or {})}
        notes = LoraNotes(
            id=key,
            scores={axis: rated[axis] for axis in AXES if rated.get(axis) is not None},
            note=before.note if note is None else note.strip(),
            looked=before.looked if looked is None else looked,
            created=before.created,
        )
        session.store.put(notes)
    return notes


def progress(found: Iterable[Candidate]) -> str:
    """How far the survey of LoRAs is, in words: ``4 of 10 looked into, 2 of 5 tested``."""
    listed = [candidate for candidate in found if candidate.suits]
    tested, looked = sum(bool(c.surveys) for c in listed), sum(c.looked_into for c in listed)
    return f"{looked} of {LOOK_INTO} looked into, {tested} of {TEST} tested"


def _tested(session: Session, character_id: str) -> dict[str, list[str]]:
    """Versions of the character's surveys by the key of each LoRA that they tested."""
    found: dict[str, list[str]] = {}
    for made in sorted(session.store.all(Survey, character=character_id), key=lambda s: s.created):
        for sha256 in dict.fromkeys(a.sha256 for stack in made.stacks for a in stack.adapters):
            lora = session.store.get(LoraRecord, sha256)
            entry = loras.catalogued(session.presets.catalogue, lora) if lora else None
            found.setdefault(entry.name if entry else sha256, []).append(made.version)
    return found
