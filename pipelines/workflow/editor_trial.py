"""The proof of an editor LoRA: the edits that no training saw, made by the base, by the community's LoRAs and by the
new one, on the same seeds, each held against the corrected picture and against the character. It goes into Enrich if it
wins.

It wins when, over the tries of the held-out edits, it is nearer to the corrected picture than the base and than the
community's stack in more tries than not and on average, and no more of its pictures show someone else.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from statistics import fmean
from typing import Literal

from PIL import Image, ImageChops, ImageStat

from pipelines.domain.rates import mcnemar
from pipelines.domain.records import Correction, ImageRecord, Job, SavedStack, TrainingRun
from pipelines.domain.shots import LoraStack, Plan, Purpose, Shot
from pipelines.domain.words import count
from pipelines.planning import base
from pipelines.session import NotFound, Session
from pipelines.workflow import datasets, loras, render, training, triplets
from pipelines.workflow.characters import NotAllowed

Candidate = Literal["base", "community", "new"]
TITLES: dict[Candidate, str] = {"base": "the base", "community": "the community's LoRAs", "new": "the new LoRA"}
TRIES = 3
"""Seeds that each held-out edit is made with: one picture says little."""
FEWEST = 1
"""Held-out edits below which nothing is proven."""
SIDE = 256
"""Pixels of the longer side that two pictures are compared at."""


@dataclass(frozen=True)
class Measured:
    """How a candidate did. ``distance``: mean absolute difference to the corrected picture, 0 to 1; ``identity``: mean
    cosine to the sources (``None``: not measured); ``wrong``: pictures that show someone else."""

    candidate: Candidate
    stack: str
    pictures: int
    distance: float
    identity: float | None
    wrong: int


@dataclass(frozen=True)
class Duel:
    """The new LoRA against another: nearer to the corrected picture in ``nearer`` of ``tries``; ``p`` is the sign
    test's (two-sided, ties left out)."""

    rival: Candidate
    nearer: int
    tries: int
    p: float
    won: bool

    @property
    def words(self) -> str:
        """What came of it."""
        tries = count(self.tries, "try", "tries")
        return f"nearer than {TITLES[self.rival]} in {self.nearer} of {tries} (p = {self.p:.2g})"


@dataclass(frozen=True)
class Trial:
    """What is known of a LoRA's proof. ``edits``: how many held-out edits there are for it; ``to_make``: pictures that
    are not made yet."""

    version: str
    edits: int
    to_make: int
    measured: tuple[Measured, ...]
    duels: tuple[Duel, ...]
    promoted: bool

    @property
    def made(self) -> bool:
        """Whether all that it takes has been made."""
        return self.edits >= FEWEST and self.to_make == 0

    @property
    def won(self) -> bool:
        """Whether the LoRA goes into Enrich by the rule."""
        return self.made and bool(self.duels) and all(duel.won for duel in self.duels)

    @property
    def words(self) -> str:
        """What can be said of it, and what is missing."""
        if self.edits < FEWEST:
            return (
                f"Editor {self.version} cannot be proven: {count(self.edits, 'correction')} of at least {FEWEST} "
                "kept from its training. Give more corrections, then train the next."
            )
        if self.to_make:
            return f"Editor {self.version} is not tried on its {count(self.edits, 'held-out edit')} yet."
        told = "; ".join(duel.words for duel in self.duels)
        end = "it wins" if self.won else "it does not win"
        return f"Editor {self.version} on {count(self.edits, 'held-out edit')}: {told}: {end}."


def trained(session: Session, character_id: str) -> list[TrainingRun]:
    """Runs of the editor that gave a LoRA, oldest first."""
    return [run for run in training.runs(session, character_id, "editor") if run.lora]


def newest(session: Session, character_id: str, version: str = "") -> TrainingRun:
    """The newest run of the editor that gave a LoRA, or that of a version. Raises NotFound."""
    found = [r for r in trained(session, character_id) if version in ("", r.version)]
    if not found:
        name = session.character(character_id).name
        raise NotFound(f"{name} has no editor LoRA {version}".rstrip() + ": train one from corrections first.")
    return found[-1]


def plan(session: Session, run: TrainingRun) -> Plan:
    """Every held-out edit, by each candidate, on the same seeds. Raises NotAllowed when there are too few, NotFound."""
    corrections = triplets.proof_of(session, run)
    if len(corrections) < FEWEST:
        raise NotAllowed(trial(session, run).words)
    stacks = candidates(session, run)
    shots = [
        _shot(session, run, correction, seed, candidate, stack)
        for candidate, stack in stacks.items()
        for correction in corrections
        for seed in range(TRIES)
    ]
    unique = {shot.id: shot for shot in shots}
    return Plan(
        character=run.character, kind="sample", version=run.version, folder=_folder(session, run),
        shots=tuple(unique.values()),
    )  # fmt: skip


def submit(session: Session, run: TrainingRun) -> Job:
    """Make what the proof takes. Raises NotAllowed, NotFound."""
    made = plan(session, run)
    return render.submit(session, made, f"Prove editor {run.version}: {count(len(made), 'picture')}")


def candidates(session: Session, run: TrainingRun) -> dict[Candidate, LoraStack]:
    """What is held against each other: the base, what is ticked in Enrich besides the character's own (left out when
    that is nothing; what it was tried against once it stays held against), the new LoRA alone. Raises NotFound when it
    is gone."""
    new = loras.stack(session, [(run.lora, 1.0)])
    community = _tried_against(session, run) or _community(session, run.character)
    return {
        "base": LoraStack(),
        **({"community": community} if community.adapters else {}),
        "new": new,
    }


def _community(session: Session, character_id: str) -> LoraStack:
    saved = _enrich_stack(session, character_id)
    usable = loras.usable(session, session.character(character_id).editor)
    others = {lora.id for lora in usable if lora.character != character_id or lora.origin != "trained"} - {*saved.off}
    return loras.stack(session, [(a.sha256, a.weight) for a in saved.stack.adapters if a.sha256 in others])


def _tried_against(session: Session, run: TrainingRun) -> LoraStack | None:
    stacks = (i.shot.stack for i in _pictures(session, run) if i.shot and _candidate(i) == "community")
    return next(stacks, None)


def _pictures(session: Session, run: TrainingRun) -> list[ImageRecord]:
    """What was made for a proof; a picture whose file is gone is to be made again."""
    folder = f"{_folder(session, run)}/"
    made = [i for i in datasets.pictures(session, run.character, "sample", run.version) if i.path.startswith(folder)]
    return [image for image in made if session.workspace.path(image.path).is_file()]


def _candidate(image: ImageRecord) -> str:
    return image.shot.purpose.labels.get("candidate", "") if image.shot else ""


def _enrich_stack(session: Session, character_id: str) -> SavedStack:
    """The stack on Enrich's screen; an empty one where nothing was ever put in."""
    place = SavedStack.place(character_id, "editor")
    return session.store.get(SavedStack, place) or SavedStack(id=place, character=character_id, role="editor")


def _folder(session: Session, run: TrainingRun) -> str:
    return f"{session.workspace.lora_folder(run.character, run.target, run.version)}/trial"


def _shot(
    session: Session, run: TrainingRun, correction: Correction, seed: int, candidate: Candidate, stack: LoraStack
) -> Shot:
    family = session.family(run.family)
    character = session.character(run.character)
    choice = base.Choice(character=character, family=family, version=run.version, folder=_folder(session, run))
    source, *beside = (_known(session, ref.id) for ref in (correction.source, *correction.beside))
    labels = {"correction": correction.id, "candidate": candidate, "try": str(seed)}
    purpose = Purpose(step="sample", cell=f"held out {correction.target.id[:8]}", labels=labels, variant=seed)
    drawn = base.shot_seed(0, "/".join(triplets.edit_of(correction)), seed)
    return base.make_shot(
        choice, correction.instruction, purpose, seed=drawn, stack=stack, source=source, beside=beside
    )


def _known(session: Session, image_id: str) -> ImageRecord:
    image = session.store.get(ImageRecord, image_id)
    if image is None:
        raise NotFound(f"A picture of a held-out correction is gone: {image_id[:8]}.")
    return image


def trial(session: Session, run: TrainingRun) -> Trial:
    """How the proof of a LoRA stands, by the pictures that are there."""
    corrections = {c.id: c for c in triplets.proof_of(session, run)}
    stacks = candidates(session, run) if len(corrections) >= FEWEST else {}
    made = _made(session, run, stacks)
    keys = [(c, n) for c in corrections for n in range(TRIES)]
    missing = sum((candidate, *key) not in made for candidate in stacks for key in keys)
    measured = tuple(
        _measured(candidate, stack, [(corrections[c], made[candidate, c, n]) for c, n in keys], session)
        for candidate, stack in stacks.items()
        if not missing
    )
    duels = tuple(_duels(session, corrections, keys, made, measured))
    return Trial(run.version, len(corrections), missing, measured, duels, is_promoted(session, run))


Made = dict[tuple[Candidate, str, int], ImageRecord]


def _made(session: Session, run: TrainingRun, stacks: dict[Candidate, LoraStack]) -> Made:
    """The pictures of the proof by candidate, correction and try, as the stacks are now."""
    found: Made = {}
    for image in _pictures(session, run):
        for candidate, stack in stacks.items():
            if image.shot and _candidate(image) == candidate and image.shot.stack.content == stack.content:
                labels = image.shot.purpose.labels
                found[candidate, labels["correction"], int(labels["try"])] = image
    return found


def _measured(
    candidate: Candidate, stack: LoraStack, pairs: Sequence[tuple[Correction, ImageRecord]], session: Session
) -> Measured:
    scores = [i.scores.identity.score for _, i in pairs if i.scores.identity and i.scores.identity.score is not None]
    return Measured(
        candidate,
        stack.label,
        len(pairs),
        fmean(distance(session, correction, image) for correction, image in pairs),
        fmean(scores) if scores else None,
        sum(bool(i.scores.identity and i.scores.identity.verdict == "wrong") for _, i in pairs),
    )


def _duels(
    session: Session,
    corrections: dict[str, Correction],
    keys: Sequence[tuple[str, int]],
    made: Made,
    measured: Sequence[Measured],
) -> Iterable[Duel]:
    by = {m.candidate: m for m in measured}
    if "new" not in by:
        return
    own = [distance(session, corrections[c], made["new", c, n]) for c, n in keys]
    for rival in measured:
        if rival.candidate == "new":
            continue
        other = [distance(session, corrections[c], made[rival.candidate, c, n]) for c, n in keys]
        yield duel(rival.candidate, own, other, no_worse=by["new"].wrong <= rival.wrong)


def duel(rival: Candidate, own: Sequence[float], other: Sequence[float], *, no_worse: bool = True) -> Duel:
    """The new LoRA against another, try by try: distances to the corrected pictures. ``no_worse``: no more of its
    pictures show someone else."""
    nearer = sum(a < b for a, b in zip(own, other, strict=True))
    farther = sum(a > b for a, b in zip(own, other, strict=True))
    won = no_worse and 2 * nearer > len(own) and fmean(own) < fmean(other)
    return Duel(rival, nearer, len(own), mcnemar(nearer, farther), won)


def distance(session: Session, correction: Correction, image: ImageRecord) -> float:
    """How far a picture is from the corrected one: the mean absolute difference of its RGB values, 0 to 1."""
    place = session.workspace.path
    return _distance(place(image.path), place(correction.target.path), image.id, correction.target.id)


@lru_cache(maxsize=4096)
def _distance(picture: Path, target: Path, *content: str) -> float:
    """By content: a picture's file never changes."""
    with Image.open(picture) as one, Image.open(target) as two:
        scale = min(1.0, SIDE / max(one.size))
        size = max(1, round(one.width * scale)), max(1, round(one.height * scale))
        pair = [i.convert("RGB").resize(size, Image.Resampling.LANCZOS) for i in (one, two)]
    return fmean(ImageStat.Stat(ImageChops.difference(*pair)).mean) / 255


def is_promoted(session: Session, run: TrainingRun) -> bool:
    """Whether Enrich edits with a run's LoRA: it is ticked on the stack there."""
    saved = _enrich_stack(session, run.character)
    return any(a.sha256 == run.lora and a.sha256 not in saved.off for a in saved.stack.adapters)


def promote(session: Session, run: TrainingRun, *, anyway: bool = False) -> SavedStack:
    """Let Enrich edit with a run's LoRA alone, as it was proven: what was ticked there stays on the list, unticked.
    ``anyway``: the human overrules the proof. Raises NotAllowed when it has not won, and NotFound."""
    proof = trial(session, run)
    if not proof.won and not anyway:
        raise NotAllowed(f"{proof.words} It goes into Enrich when it wins; you may overrule that.")
    new = loras.stack(session, [(run.lora, 1.0)]).adapters
    with session.store.alone():
        before = _enrich_stack(session, run.character)
        kept = tuple(a for a in before.stack.adapters if a.sha256 != run.lora)
        saved = before.model_copy(
            update={"stack": LoraStack(adapters=new + kept), "off": tuple(a.sha256 for a in kept)}
        )
        session.store.put(saved)
    return saved
