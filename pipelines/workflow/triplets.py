"""The triplets of flywheel 2 before they are learnt from: which can teach, which are kept to prove what was learnt, and
which cannot be used, each with its reasons.

A triplet is kept from every training by the content of its edit (source and instruction) alone: whoever looks at the
same triplets keeps the same ones. A LoRA is proven on kept ones that its own training did not see, so that nothing is
proven by what was learnt, whatever was corrected or left out since.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field

from pipelines.domain.presets import ModelFamily
from pipelines.domain.records import Correction, ImageRecord, TrainingRun
from pipelines.domain.shots import ImageRef
from pipelines.models import registry
from pipelines.planning.base import size_of_edit
from pipelines.session import Session
from pipelines.workflow import gate, review

HELD_OUT = 0.25
"""The share of triplets that is kept from training."""
ENOUGH = 5
"""Triplets from which one can be spared: with fewer all are learnt from."""
LEFT_OUT = "source, or what was to be made of it, is not let through any more"
Edit = tuple[str, str]
"""What was asked of which source (id): what a triplet teaches an answer to."""


@dataclass(frozen=True)
class Unfit:
    """A triplet that cannot be learnt from, and why, in words that follow its name."""

    correction: Correction
    why: tuple[str, ...]

    @property
    def words(self) -> str:
        """The triplet by its corrected picture, and why not."""
        return f"{self.correction.target.id[:8]}: {'; '.join(self.why)}"


@dataclass
class Triplets:
    """The triplets of a character. ``taught`` may be learnt from, ``held_out`` never are, ``barred`` did not pass the
    gate (their pictures are not let through any more), ``unfit`` are not what a triplet has to be."""

    taught: list[Correction] = field(default_factory=list)
    held_out: list[Correction] = field(default_factory=list)
    barred: list[Correction] = field(default_factory=list)
    unfit: list[Unfit] = field(default_factory=list)

    @property
    def given(self) -> int:
        """How many there are in all."""
        return len(self.taught) + len(self.held_out) + len(self.barred) + len(self.unfit)


def triplets(session: Session, character_id: str) -> Triplets:
    """The triplets of a character, sorted. Raises NotFound."""
    character = session.character(character_id)
    family = session.presets.models.get(character.editor)
    found, fit = Triplets(), []
    for correction in review.given_corrections(session, character_id):
        if why := problems(session, correction, family):
            found.unfit.append(Unfit(correction, tuple(why)))
        elif gate.stands(session, character_id, pictures(correction)):
            fit.append(correction)
        else:
            found.barred.append(correction)
    for correction in fit:
        kept = len(fit) >= ENOUGH and is_held_out(edit_of(correction))
        (found.held_out if kept else found.taught).append(correction)
    return found


def pictures(correction: Correction) -> tuple[ImageRef, ...]:
    """What a training would see of a triplet. The wrong picture is not shown: what is decided of it changes nothing."""
    return (correction.target, correction.source, *correction.beside)


def edit_of(correction: Correction) -> Edit:
    """The edit that a triplet corrects. Its source's id is the hash of the file."""
    return correction.source.id, " ".join(correction.instruction.split())


def is_held_out(edit: Edit) -> bool:
    """Whether triplets of this edit are kept from training: by its content alone, a share of ``HELD_OUT``."""
    digest = hashlib.sha256("\n".join(edit).encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64 < HELD_OUT


def problems(session: Session, correction: Correction, family: ModelFamily | None) -> list[str]:
    """Why a triplet cannot teach, in words; empty when it can, as far as its pictures go."""
    source, target, wrong = (
        session.store.get(ImageRecord, ref.id) for ref in (correction.source, correction.target, correction.wrong)
    )
    found = [
        f"the {what} is gone ({ref.path})"
        for what, ref, record in (
            ("source", correction.source, source),
            ("corrected picture", correction.target, target),
        )
        if record is None or not session.workspace.path(record.path).is_file()
    ]
    if not correction.instruction.strip():
        found.append("no instruction was kept: it is not known what was asked")
    if source is None or target is None:
        return found
    if target.pixels == source.pixels:
        found.append("the corrected picture is the source itself: it would teach to change nothing")
    elif wrong is not None and wrong.id != target.id and target.pixels == wrong.pixels:
        found.append("the corrected picture is the wrong one, pixel for pixel")
    return found + ([why] if family and (why := _size_problem(source, target, family)) else [])


def _size_problem(source: ImageRecord, target: ImageRecord, family: ModelFamily) -> str:
    """An edit has the proportions of its source, to a step of the model's grid: else what is learnt is a crop, a zoom
    or a squeeze."""
    step = registry.of(family).multiple(family)
    asked, given = (size_of_edit((i.width, i.height), family) for i in (source, target))
    if all(abs(a - b) <= step for a, b in zip(asked, given, strict=True)):
        return ""
    return (
        f"the corrected picture has other proportions ({target.width} x {target.height} px) than its source "
        f"({source.width} x {source.height} px): crop or extend it to those"
    )


def proof_of(session: Session, run: TrainingRun) -> list[Correction]:
    """The held-out triplets that a training did not see: neither their corrected picture, nor another of their edit."""
    seen = set(run.images)
    taught = {edit_of(c) for c in review.given_corrections(session, run.character) if c.target.id in seen}
    held = triplets(session, run.character).held_out
    return [c for c in held if c.target.id not in seen and edit_of(c) not in taught]


def words(found: Triplets) -> list[str]:
    """What is not learnt from, and why, in lines."""
    lines = [f"Correction {unfit.words}." for unfit in found.unfit]
    if found.held_out:
        lines.append(
            f"{len(found.held_out)} of {found.given} corrections are kept to prove the LoRA, and never learnt."
        )
    elif len(found.taught) >= ENOUGH:
        lines.append("No correction is kept to prove the LoRA: their contents decide which are. More bring some.")
    return lines


def other_edits(edits: Iterable[ImageRecord], held_out: Iterable[Correction]) -> list[ImageRecord]:
    """Good edits that give away nothing of what is held out: neither its answer nor another to the same edit."""
    targets, asked = {c.target.id for c in held_out}, {edit_of(c) for c in held_out}

    def given_away(image: ImageRecord) -> bool:
        prompt = " ".join(image.shot.prompt.split()) if image.shot else ""
        return image.id in targets or any((ref.id, prompt) in asked for ref in image.parents[:1])

    return [image for image in edits if not given_away(image)]
