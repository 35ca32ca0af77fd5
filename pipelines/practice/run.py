"""The whole wheel for a practice character, by the steps a human takes, with the simulated reviewer at the gates.

Every stage first looks whether its outcome is there: the same run on the same workspace goes on where it ended.
"""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from pipelines.domain.records import Card, Character, ImageRecord, Job, LoraRecord, TrainingRun
from pipelines.domain.requests import PracticeRequest
from pipelines.domain.shots import THEN, Plan
from pipelines.practice import editor, reviewer
from pipelines.practice.choices import Choices, choices
from pipelines.practice.preference import preference
from pipelines.queue.stored_request import stored_request_if_readable
from pipelines.session import Session
from pipelines.workflow import (
    calibration,
    card_report,
    characters,
    datasets,
    enrich,
    few_sources,
    generate,
    loras,
    practice,
    pristine,
    review,
    sources,
    thresholds,
    training,
)
from pipelines.workflow import card as cards
from pipelines.workflow.characters import NotAllowed
from pipelines.world.reading import Reading

ENDED = ("done", "failed", "cancelled", "interrupted")
EACH = 2
"""Sources that each failed cell is edited from."""
OURS = ("practice", "calibrate", "render", "examine", "targets", "train")
"""Kinds of jobs that a run asks for."""

Tell = Callable[[dict[str, Any]], None]
"""Hears of every event: plain values, ``event`` first."""
Follow = Callable[[Job], Job]
"""Waits for a job; returns it as it ended."""


class Halted(RuntimeError):
    """The run ended before its end; the message says why. The same run goes on where it was."""


@dataclass(frozen=True)
class Wish:
    """What to practise: which character, how many rounds, how wrong the reviewer is, whether it makes corrections (and
    how many at most), what it chooses, how many of the twelve sources there are, and of how many ``tries`` the best is
    kept when what failed on a card is edited anew for the next round (0: it is not)."""

    number: int
    rounds: int
    error: float
    seed: int = 0
    corrections: bool = False
    triplets: int | None = None
    held_out: bool = False
    choices: Choices = field(default_factory=lambda: choices())
    sources: int = practice.SOURCES
    tries: int = 0


class PracticeRun:
    """One practice run in a session. ``go`` does all of it; nothing is kept here that the workspace does not know."""

    character: Character

    def __init__(self, session: Session, wish: Wish, *, follow: Follow, tell: Tell = lambda event: None) -> None:
        self.session, self.wish, self.follow, self.tell = session, wish, follow, tell

    def go(self) -> Character:
        """Turn the wheel ``rounds`` times. Raises Halted, and what the steps refuse (NotAllowed, NotFound)."""
        self.character = self._character()
        for number in range(1, self.wish.rounds + 1):
            self._round(number)
        return self.character

    def edit(self) -> Character:
        """Only the second flywheel: enrich, review, correct, train the editor, prove it. Raises as ``go`` does."""
        self.character = self._character()
        self._enrich()
        editor.turn(self)
        return self.character

    # ---- the wheel

    def _round(self, number: int) -> None:
        if len(self.trained()) < number:
            if number == 1:
                self._enrich()
                if self.wish.corrections:
                    editor.turn(self)
            else:
                self._generate(number)
                self._edit_what_failed(number)
            self._train(number)
        self._card(number)

    def _character(self) -> Character:
        """The practice character of this workspace, begun if need be, with its sources looked at."""
        mine = [c for c in characters.present(self.session) if c.practice == self.wish.number and self._is_ours(c)]
        if not mine:
            w = self.wish
            made, job = practice.start(self.session, w.number, held_out=w.held_out, count=w.sources)
            self.character = made
            self.work("sources", job)
        else:
            self.character = mine[0]
        self._settle()
        found = sources.sources(self.session, self.character.id)
        self.tell({"event": "character", "character": self.character.id, "sources": len(found)})
        if not thresholds.newest(self.session, self.id) and len(found) >= calibration.LEAST:
            self.work("calibrate", calibration.submit(self.session, self.id))
        return self.character

    def _is_ours(self, character: Character) -> bool:
        """Whether it was begun, with as many sources as are wished for."""
        jobs = self.session.store.all(Job, character=character.id)
        requests = map(stored_request_if_readable, (job for job in jobs if job.kind == "practice"))
        drawn = [request.sources for request in requests if isinstance(request, PracticeRequest)]
        return bool(jobs) and self.wish.sources in (drawn or [practice.SOURCES])

    def _settle(self) -> None:
        """Let what is queued end, then go on with the last job if it was cut short."""
        everyone = self.session.store.all(Job, character=self.character.id)
        for job in everyone:
            if job.state not in ENDED:
                self.work("earlier", job)
        last = self.session.own_queue.job(everyone[-1].id) if everyone else None
        if last and last.state != "done" and last.kind in OURS:
            self._resume(last)
        for job in self.session.store.all(Job, character=self.character.id):
            if job.state not in ENDED:  # what followed from it: sources are looked at
                self.work("earlier", job)

    def _resume(self, last: Job) -> None:
        """Go on with a job; where its pictures do not stand any more, its stage asks anew for what does."""
        try:
            job = self.session.own_queue.resume(last.id)
        except NotAllowed as refusal:
            self.tell({"event": "not resumed", "title": last.title, "why": str(refusal)})
        else:
            self.work("earlier", job)

    def _enrich(self) -> None:
        if not any(version.frozen for version in datasets.versions(self.session, self.id, "enriched")):
            self._edits()  # once a training has used them, more would go into another version
        self._review("enriched")

    def _edits(self) -> None:
        wanted = self.wish.choices.enrich
        options = enrich.EnrichOptions(
            edits=wanted.edits,
            per_source=wanted.per_source,
            count=wanted.count,
            gaps=wanted.gaps,
            seed=self.wish.seed,
            few=few_sources.few_here(self.session, self.id),
        )
        self._make("enrich", enrich.plan(self.session, self.id, options), enrich.submit)

    def _generate(self, number: int) -> None:
        wanted, lora = self.wish.choices.generate, self.trained()[number - 2]
        plan = generate.plan(
            self.session,
            self.id,
            generate.GenerateOptions(
                lora=lora.id,
                scenarios=wanted.scenarios,
                variants=wanted.variants,
                count=wanted.count,
                seed=self.wish.seed + number,
                guidance=wanted.guidance,
            ),
        )
        self._make("generate", plan, generate.submit)
        sorted_out = review.apply_filter(self.session, self.id)
        self.tell({"event": "filtered", "rejected": len(sorted_out.rejected), "left": sorted_out.left})
        self._review("synthetic")
        self._keep_pristine(plan)

    def _edit_what_failed(self, number: int) -> None:
        """The cells that were wrong on the last card as edits: a turn and then the expression, of ``EACH`` sources, and
        each step the best of some tries."""
        card = self._card_of(self.trained()[number - 2])
        if not self.wish.tries or card is None:
            return
        try:
            chains = card_report.chains_for(self.session, card)
        except NotAllowed as nothing:
            self.tell({"event": "nothing to edit anew", "card": card.version, "why": str(nothing)})
            return
        self.tell({"event": "edited anew", "card": card.version, "chains": list(chains)})
        for chain in chains:
            options = enrich.EnrichOptions(
                chains=(chain,),
                per_source=1,
                best_of=self.wish.tries,
                count=EACH * len(chain.split(THEN)) * self.wish.tries,
                seed=self.wish.seed + number,
            )
            self._make("enrich", enrich.plan(self.session, self.id, options), enrich.submit)
        self._review("enriched")

    def _keep_pristine(self, plan: Plan) -> None:
        """This round's pictures that fill gaps, looked at once more, become pristine, once; if none does, the best."""
        good = [i for i in review.good(self.session, self.id, "synthetic") if i.version == plan.version]
        known = pristine.kept(self.session, self.id)
        if not good or any(i.id in known for i in good):
            return
        readings, learnt = self.readings(), pristine.learnt_from(self.session, self.id)
        sure = reviewer.again(good, readings, seed=self.wish.seed, error=self.wish.error)
        if not sure:
            return
        best = pristine.order(sure, learnt, lambda image: preference(readings.get(image.id)))
        chosen = pristine.filling(best, learnt) or best[: pristine.MOST]
        made = pristine.keep(self.session, self.id, [i.id for i in chosen])
        self.tell({"event": "pristine", "version": made.version, "pictures": len(made.images)})

    def _train(self, number: int) -> None:
        job = training.submit(self.session, self.id, self.training("character"))
        self.work("train", job, round=number)

    def _card(self, number: int) -> None:
        lora = self.trained()[number - 1]
        card = self._card_of(lora)
        if card is None:
            self.work("card", cards.submit(self.session, self.id, cards.CardOptions(lora.id)), round=number)
            card = self._card_of(lora)
        assert card is not None
        board = cards.board(self.session, card)
        waiting = [c.image for c in board if c.image and c.by not in ("human", "simulated")]
        self._decide(waiting, "card")
        rate = cards.rate(cards.board(self.session, card))
        self.tell(
            {"event": "card", "version": card.version, "lora": lora.name, "right": rate.right, "total": rate.total,
             "words": rate.words}
        )  # fmt: skip

    # ---- the gates

    def _review(self, gate: Literal["enriched", "synthetic"]) -> None:
        self._decide(review.undecided(self.session, self.id, gate), gate)

    def _decide(self, waiting: list[ImageRecord], gate: str) -> None:
        if not waiting:
            return
        said = reviewer.decide(
            self.session,
            waiting,
            self.examine(waiting),
            seed=self.wish.seed,
            error=self.wish.error,
            corrections=self.wish.corrections and gate == "enriched",
            where="card" if gate == "card" else "review",
        )
        labels = Counter(opinion.label for opinion in said.values())
        self.tell({"event": "decided", "gate": gate, "by": "simulated", **labels})

    def examine(self, images: list[ImageRecord]) -> dict[str, Reading]:
        """What the independent recogniser reads in pictures; those that were read before are not read again."""
        w = self.wish
        job = reviewer.look(self.session, self.id, images, seed=w.seed, error=w.error, held_out=w.held_out)
        if job:
            self.work("look", job)
        return self.readings()

    # ---- small things

    @property
    def id(self) -> str:
        """The character's."""
        return self.character.id

    def readings(self) -> dict[str, Reading]:
        """Everything that was read so far."""
        return reviewer.readings(self.session, self.id)

    def training(self, target: training.Target) -> training.TrainOptions:
        """How a target is trained here."""
        chosen = self.wish.choices.train
        return training.TrainOptions(target, getattr(chosen, target), dict(chosen.settings or ()))

    def work(self, step: str, job: Job, **more: Any) -> Job:
        """Wait for a job and tell of it. Raises Halted unless it is done."""
        self.tell({"event": "started", "step": step, "job": job.id, "title": job.title, **more})
        began = time.monotonic()
        ended = self.follow(job)
        seconds = round(time.monotonic() - began, 1)
        self.tell(
            {"event": "ended", "step": step, "job": job.id, "title": job.title, "state": ended.state,
             "seconds": seconds, "warnings": list(ended.warnings), **more}
        )  # fmt: skip
        if ended.state != "done":
            words = f"{ended.title}: {ended.state}."
            raise Halted(f"{words} {ended.error}".strip())
        return ended

    def _make(self, step: str, plan: Plan, submit: Callable[[Session, Plan], Job]) -> None:
        """Have the pictures of a plan made, unless all are there."""
        images = self.session.store.all(ImageRecord, character=self.id, kind=plan.kind, version=plan.version)
        there = {i.shot.id for i in images if i.shot}
        if any(shot.id not in there for shot in plan.shots):
            self.work(step, submit(self.session, plan), pictures=len(plan))

    def trained(self) -> list[LoraRecord]:
        """The LoRAs of the character, oldest first."""
        made = {x.run: x for x in loras.trained(self.session, self.id, "character")}
        runs = (r for r in self.session.store.all(TrainingRun, character=self.id, target="character") if r.lora)
        return [made[r.id] for r in runs if r.id in made]

    def _card_of(self, lora: LoraRecord) -> Card | None:
        return next((c for c in cards.cards(self.session, self.id) if c.lora == lora.id), None)
