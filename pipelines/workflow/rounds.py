"""The rounds of a character's wheel as a person reads them: what was trained, on what, what its card says; and whether
to turn once more (``pipelines.domain.stopping``)."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from pipelines.domain.records import Card, ImageRecord, Job, JobState, LoraRecord, TrainingRun
from pipelines.domain.requests import TrainRequest
from pipelines.domain.stopping import Advice, Measurement, advice, gain
from pipelines.domain.words import count
from pipelines.queue.stored_request import stored_request_if_readable
from pipelines.session import Session
from pipelines.storage.markdown import plain, table
from pipelines.storage.presets import shipped
from pipelines.workflow import card as cards
from pipelines.workflow import datasets, loras, training


@dataclass(frozen=True)
class Round:
    """One training of the character's LoRA. ``learnt``: pictures by origin; ``cards``: versions of the cards of its
    LoRA, oldest first; ``rate`` is in words, of the newest plain card of each seed; ``gain`` says what changed since
    the round before (empty: nothing to compare). ``made``: pictures that Generate drew with it."""

    version: str
    run: str
    lora: str
    state: JobState
    family: str
    preset: str
    rank: int
    steps: int
    learnt: Mapping[str, int]
    parent: str
    made: int
    cards: tuple[str, ...]
    rate: str
    gain: str
    created: datetime

    @property
    def words(self) -> str:
        """In a line: ``v2 (done): 12 source, 41 enriched, 12 pristine; rank 16, 1500 steps of flux1-dev; ...``."""
        learnt = ", ".join(f"{n} {origin}" for origin, n in self.learnt.items()) or "pictures that are gone"
        parts = [f"{self.version} ({self.state}): {learnt}", f"rank {self.rank}, {self.steps} steps on {self.family}"]
        parts += [f"pictures of {self.parent} among them"] if self.parent else []
        return "; ".join([*parts, self.rate or "no card yet", *([self.gain] if self.gain else [])])


def rounds(session: Session, character_id: str) -> list[Round]:
    """Every training of a character's LoRA, oldest first. Raises NotFound."""
    session.character(character_id)
    found = training.runs(session, character_id, "character")
    versions, drawn = {run.id: run.version for run in found}, _drawn_with(session, character_id)
    made: list[Round] = []
    before: Measurement | None = None
    for run in found:
        its = cards_of(session, run)
        now = measured(session, run.version, its)
        made.append(
            Round(
                version=run.version,
                run=run.id,
                lora=run.lora,
                state=run.state,
                family=run.family,
                preset=run.preset,
                rank=int(run.settings.get("rank", 0)),
                steps=int(run.settings.get("steps", 0)),
                learnt=learnt(session, run),
                parent=versions.get(run.parent, ""),
                made=sum(drawn[lora] for lora in loras_of(session, run)),
                cards=tuple(card.version for card in its),
                rate=now.words.partition(": ")[2] if now.whole else _not_whole(now),
                gain=f"{gain(before, now).words}" if before and now.whole else "",
                created=run.created,
            )
        )
        before = now if now.whole else before
    return made


def stop_rule(session: Session, character_id: str) -> Advice:
    """Whether another round is worth its time, by what the cards of the rounds so far say: of the LoRAs that fit the
    model that the character has now. Raises NotFound."""
    fitting = {lora.id for lora in loras.trained(session, character_id, "character")}
    done = [run for run in training.runs(session, character_id, "character") if run.lora in fitting]
    return advice([measured(session, r.version, cards_of(session, r)) for r in done], shipped().card.target)


def loras_of(session: Session, run: TrainingRun) -> list[str]:
    """Ids of the LoRAs that came of a run: the one that is its version first, then steps that were kept."""
    kept = [lora.id for lora in session.store.all(LoraRecord, run=run.id)]
    return list(dict.fromkeys([*([run.lora] if run.lora else []), *kept]))


def cards_of(session: Session, run: TrainingRun) -> list[Card]:
    """The cards of the LoRA that a run's version is, oldest first."""
    return [card for card in cards.cards(session, run.character) if run.lora and card.lora == run.lora]


def measured(session: Session, version: str, found: Iterable[Card]) -> Measurement:
    """What cards say together: of each seed the newest. A card at another strength, or with LoRAs beside, says nothing
    of the LoRA as it is."""
    newest = {card.seed: card for card in found if card.plain}
    known = {"right": True, "wrong": False}
    cells = {
        f"{seed}+{n}/{cell.cell.name}": known.get(cell.verdict)
        for seed, card in newest.items()
        for n, board in enumerate(cards.boards(session, card))
        for cell in board
    }
    return Measurement(version, cells)


def _not_whole(now: Measurement) -> str:
    if not now.cells:
        return ""
    waiting = sum(verdict is None for verdict in now.cells.values())
    return f"{count(waiting, 'cell')} of its card to judge"


def _drawn_with(session: Session, character_id: str) -> Counter[str]:
    """How many pictures of Generate each LoRA (id) drew."""
    made = datasets.pictures(session, character_id, "synthetic")
    return Counter(adapter.sha256 for i in made if i.shot for adapter in i.shot.stack.adapters)


def learnt(session: Session, run: TrainingRun) -> dict[str, int]:
    """How many pictures of each origin a run learnt from: as it was asked; by their kinds when that is not kept."""
    job = session.store.get(Job, run.job)
    request = stored_request_if_readable(job) if job else None
    if isinstance(request, TrainRequest):
        return dict(Counter(item.origin for item in request.items))
    found = filter(None, (session.store.get(ImageRecord, i) for i in run.images))
    return dict(Counter({"synthetic": "pristine"}.get(image.kind, image.kind) for image in found))


def markdown(session: Session, character_id: str) -> str:
    """The rounds written down, with what the stop rule says."""
    rule = stop_rule(session, character_id)
    columns = ("round", "state", "learnt from", "settings", "card", "since the round before")
    rows = [
        (
            r.version,
            r.state,
            ", ".join(f"{n} {origin}" for origin, n in r.learnt.items()),
            f"{r.preset}: rank {r.rank}, {r.steps} steps, {r.family}",
            r.rate or "none",
            r.gain,
        )
        for r in rounds(session, character_id)
    ]
    title = plain(f"Rounds of {session.character(character_id).name}")
    return f"# {title}\n\n{plain(rule.words)}\n\n{table(columns, rows)}"
