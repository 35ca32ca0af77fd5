"""The model card: 23 pictures made without hand editing, judged, and told as a rate with its interval."""

from dataclasses import dataclass, field, replace
from typing import Literal

from pipelines.domain.presets import CardCell
from pipelines.domain.rates import clustered, wilson
from pipelines.domain.records import Card, ImageRecord, Job, Record, Verdict
from pipelines.domain.seen import Measured, seen
from pipelines.domain.shots import LoraStack, Plan
from pipelines.domain.words import count
from pipelines.planning import model_card
from pipelines.session import Session
from pipelines.storage.presets import shipped
from pipelines.workflow import datasets, loras, render

CellVerdict = Literal["right", "wrong", "unsure", "missing"]


@dataclass
class Cell:
    """One cell of the poster. ``by`` is who judged it: ``human``, ``simulated``, ``machine`` or nobody; ``read`` which
    readers see which angle and expression in it, in words."""

    cell: CardCell
    image: ImageRecord | None
    verdict: CellVerdict
    by: str
    why: str = ""
    read: str = ""


@dataclass
class Rate:
    """How many cells are right at the first try, of how many; the 95 % interval; whether the target is proven.
    ``judged``: how many somebody has looked at."""

    right: int
    total: int
    low: float
    high: float
    target: float
    unsure: int
    missing: int
    judged: int = 0
    seeds: int = 1

    @property
    def open(self) -> bool:
        """Whether nothing can be said of the rate yet: pictures wait, and nobody has judged one."""
        return not self.judged and self.unsure > 0

    @property
    def words(self) -> str:
        """As the poster says it."""
        if self.missing == self.total:
            return "No picture of this card has been made yet."
        if self.open:
            found = self.total - self.unsure - self.missing
            wrong = f"; {found} found wrong by machine" if found else ""
            return f"Nobody has judged this card yet: {count(self.unsure, 'picture')} to look at{wrong}."
        over = f"over {self.seeds} seeds" if self.seeds > 1 else "at the first try"
        share, clustered = f"{self.right} of {self.total} right {over}", ", by cells" if self.seeds > 1 else ""
        between = f"95 % interval {self.low * 100:.0f}-{self.high * 100:.0f}{clustered}"
        interval = f"({self.right / self.total:.0%}, {between})"
        met = "reached" if self.low >= self.target else "not yet proven"
        return f"{share} {interval.replace('%,', ' %,')}: target {self.target * 100:.0f} % {met}"


@dataclass(frozen=True)
class CardOptions:
    """For which LoRA, the character's own or any other (empty: the base model), at which ``strength``, with which stack
    ``beside`` it. ``seed`` of ``None`` is the benchmark's own: cards of the same seed can be held against each other;
    ``seeds``: how many times each cell is made, so that luck is told from skill."""

    lora: str = ""
    strength: float = 1.0
    seed: int | None = None
    beside: LoraStack = field(default_factory=LoraStack)
    seeds: int = 1


def plan(session: Session, character_id: str, options: CardOptions) -> Plan:
    """The 23 shots of a card, for each seed. Raises NotFound for an unknown LoRA, NotAllowed for one that is there
    twice."""
    character = session.character(character_id)
    own = loras.stack(session, [(options.lora, options.strength)]) if options.lora else LoraStack()
    version = datasets.following(c.version for c in session.store.all(Card, character=character_id))
    return model_card.plan(
        model_card.CardChoice(
            character=character,
            family=session.family(character.generator),
            stack=loras.together(own, options.beside),
            spec=session.presets.card,
            seed=options.seed,
            seeds=options.seeds,
            version=version,
            folder=session.workspace.card_folder(character_id, version),
        )
    )


def submit(session: Session, character_id: str, options: CardOptions) -> Job:
    """Run a card. Raises what ``plan`` does."""
    lora = loras.get(session, options.lora) if options.lora else None
    made = plan(session, character_id, replace(options, lora=lora.id if lora else ""))
    name = lora.name if lora else "the base model"
    seed = session.presets.card.seed if options.seed is None else options.seed

    def card_of(job: Job) -> list[Record]:
        return [
            Card(
                id=f"{character_id}/{made.version}",
                character=character_id,
                version=made.version,
                lora=lora.id if lora else "",
                seed=seed,
                strength=options.strength,
                beside=options.beside,
                seeds=options.seeds,
                job=job.id,
            )
        ]

    return render.submit(session, made, f"Model card of {name}", alongside=card_of)


def cards(session: Session, character_id: str) -> list[Card]:
    """A character's cards, oldest first."""
    return sorted(session.store.all(Card, character=character_id), key=lambda c: datasets.number(c.version))


def board(session: Session, card: Card, seed: int = 0) -> list[Cell]:
    """The 23 cells of a card in reading order, each with its picture and verdict; of its first seed, or another (from
    0)."""
    made = datasets.pictures(session, card.character, "card", card.version)
    pictures = {i.shot.purpose.cell: i for i in made if i.shot and i.shot.purpose.variant == seed}
    return [_cell(session, cell, pictures.get(cell.name)) for cell in session.presets.card.cells]


def boards(session: Session, card: Card) -> list[list[Cell]]:
    """The cells of a card for each of its seeds."""
    return [board(session, card, seed) for seed in range(card.seeds)]


def _cell(session: Session, cell: CardCell, image: ImageRecord | None) -> Cell:
    if image is None:
        return Cell(cell, None, "missing", "")
    verdict = session.store.verdict(image.id)
    judged = by_eyes(verdict)
    if judged is not None and verdict.who is not None:
        return Cell(cell, image, judged, verdict.who, _reason(verdict), _read(image))
    return Cell(cell, image, *_machine(cell, image), _read(image))


def _read(image: ImageRecord) -> str:
    """Who sees what: one voice for each fact, and none where readers disagree."""
    facts: tuple[Measured, ...] = ("angle", "expression")
    told = [(name, seen(image, name)) for name in facts]
    return "; ".join(
        f"{name} {found.value} by {' and '.join(found.by)}" if found.known else f"{name} unsure: {found.why}"
        for name, found in told
        if found.known or found.why
    )


def by_eyes(verdict: Verdict) -> CellVerdict | None:
    """What a label says of a cell; ``None`` without one: then it is the machine's turn."""
    return None if verdict.label is None else "right" if verdict.label == "good" else "wrong"


def _reason(verdict: Verdict) -> str:
    return verdict.reason or ", ".join(verdict.failures)


def _machine(cell: CardCell, image: ImageRecord) -> tuple[CellVerdict, str, str]:
    """What machines may say alone: wrong when it is someone else or another view; right never, since anatomy and
    artifacts need eyes."""
    identity = image.scores.identity
    if identity is not None and identity.verdict == "wrong":
        return "wrong", "machine", "someone else"
    angle, expression = seen(image, "angle"), seen(image, "expression")
    if angle.known and angle.value != cell.angle and not cell.pose:
        return "wrong", "machine", f"view is {angle.value}"
    if cell.expression and expression.known and expression.value != cell.expression:
        return "wrong", "machine", f"expression is {expression.value}"
    return "unsure", "", "waits for your eyes"


def rate(cells: list[Cell], seeds: int = 1) -> Rate:
    """The first-try rate over all cells; one that waits for eyes or is missing is not right. Of several ``seeds`` the
    interval is over cells: what a cell shows with one seed says something of what it shows with the next."""
    right = sum(c.verdict == "right" for c in cells)
    low, high = wilson(right, len(cells)) if seeds == 1 else clustered(by_cell(cells))
    return Rate(
        right=right,
        total=len(cells),
        low=low,
        high=high,
        target=shipped().card.target,
        unsure=sum(c.verdict == "unsure" for c in cells),
        missing=sum(c.verdict == "missing" for c in cells),
        judged=sum(c.by in ("human", "simulated") for c in cells),
        seeds=seeds,
    )


def by_cell(cells: list[Cell]) -> list[list[bool]]:
    """Whether each picture is right, those of one cell together."""
    found: dict[str, list[bool]] = {}
    for c in cells:
        found.setdefault(c.cell.name, []).append(c.verdict == "right")
    return list(found.values())


def whole_rate(session: Session, card: Card) -> Rate:
    """The rate of a card over all its seeds."""
    return rate([cell for cells in boards(session, card) for cell in cells], card.seeds)
