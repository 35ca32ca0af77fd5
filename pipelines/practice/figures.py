"""How a practice run went, in figures: everything from the store, nothing measured anew."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from itertools import combinations
from statistics import fmean, median

from pipelines.domain.base import Frozen
from pipelines.domain.rates import mcnemar, wilson
from pipelines.domain.records import Card, ImageRecord, Job, Label, LoraRecord, Survey, Who
from pipelines.domain.requests import ExamineRequest, RenderRequest, TrainRequest
from pipelines.practice.reviewer import opinion, readings
from pipelines.queue.stored_request import stored_request_if_readable
from pipelines.session import Session
from pipelines.storage.pictures import hamming
from pipelines.workflow import card as cards
from pipelines.workflow import datasets, review, sources, twins
from pipelines.world.reading import Reading

STEPS = {
    "practice": "sources", "score": "sources", "calibrate": "calibrate", "examine": "look", "targets": "correct",
    "obtain": "models", "obtain-lora": "models", "obtain-faces": "models", "prepare": "models",
    "caption": "sources", "read": "sources",
    "enriched": "enrich", "synthetic": "generate", "card": "cards", "survey": "survey",
    "character": "train", "editor": "train editor",
    "sample": "checkpoints",
}  # fmt: skip
"""What each kind of job, plan or training is called in the report."""
NEAR = twins.NEAR_DUPLICATE


class Share(Frozen):
    """``right`` of ``total``, with the 95 % Wilson interval of the rate (0-1)."""

    right: int
    total: int
    low: float
    high: float

    @classmethod
    def of(cls, right: int, total: int) -> "Share":
        """With its interval."""
        return cls(right=right, total=total, low=wilson(right, total)[0], high=wilson(right, total)[1])

    @property
    def words(self) -> str:
        """``18 of 23 (78 %, 58-90)``"""
        if not self.total:
            return "none"
        share, low, high = (round(100 * x) for x in (self.right / self.total, self.low, self.high))
        return f"{self.right} of {self.total} ({share} %, {low}-{high})"


class CellFigures(Frozen):
    """One cell of a card: what was decided, by whom, and what is true (``None``: nobody has looked). ``face_distance``:
    how far its face is from the truth (``Reading``)."""

    name: str
    image: str
    verdict: str
    by: str
    truly: bool | None
    face_distance: float | None = None


class CardFigures(Frozen):
    """One card: what was decided, what is true, how many show the character at all, and how far their faces are from
    the truth (of 255, median)."""

    version: str
    lora: str
    rate: Share
    words: str
    truly: Share | None
    identity: Share | None
    face_distance: float | None = None
    cells: tuple[CellFigures, ...]


class Gain(Frozen):
    """Two cards cell by cell: right in both, in one only, in neither; ``p`` of McNemar's exact test."""

    first: str
    last: str
    both: int
    only_first: int
    only_last: int
    neither: int
    p: float

    @property
    def words(self) -> str:
        """``v2 against v1: 6 cells won, 1 lost, p = 0.12``"""
        return f"{self.last} against {self.first}: {self.only_last} cells won, {self.only_first} lost, p = {self.p:.2g}"


class Drift(Frozen):
    """Pictures of one kind: mean cosine of the independent recogniser to the ORIGINAL sources, how many of them near
    duplicates (of a source or each other), and how many bits of 64 two of them differ by on average."""

    what: str
    pictures: int
    identity: float | None
    near_duplicates: int
    spread: float | None


class Gate(Frozen):
    """What was decided at a gate, by whom; ``mistakes`` of ``known``: decisions that differ from the truth."""

    gate: str
    who: str
    labels: dict[str, int]
    known: int
    mistakes: int


class Editor(Frozen):
    """Held-out edits by the base and with the trained editor: all right, and the right person, of the same shots; and
    how many faces came nearer to the truth (``Reading.face_distance``) with it, how many went farther away: of turned
    heads, which is what an editor errs most in, and of all other edits."""

    lora: str
    triplets: int
    before: Share
    after: Share
    identity_before: Share
    identity_after: Share
    turned: tuple[int, int]
    others: tuple[int, int]
    p: float


class Pictures(Frozen):
    """Ids of what the report shows."""

    sources: tuple[str, ...]
    enriched: tuple[tuple[str, Label | None], ...]
    pristine: tuple[str, ...]


class Figures(Frozen):
    """All of it. ``by_step`` and ``minutes`` are of the jobs; ``seed`` and ``error_rate`` are the simulated
    reviewer's."""

    character: str
    name: str
    number: int | None
    seed: int | None
    error_rate: float | None
    cards: tuple[CardFigures, ...]
    gain: Gain | None
    gain_truly: Gain | None
    drift: tuple[Drift, ...]
    gates: tuple[Gate, ...]
    editor: Editor | None
    by_step: dict[str, float]
    minutes: float
    pictures: Pictures


def figures(session: Session, character_id: str) -> Figures:
    """Of a practice character, run by whomever. Raises NotFound."""
    character = session.character(character_id)
    known = readings(session, character_id)
    jobs = session.store.all(Job, character=character_id)
    asked = [r for r in map(stored_request_if_readable, jobs) if isinstance(r, ExamineRequest)]
    shown = [_card(session, card, known) for card in cards.cards(session, character_id)]
    steps = _minutes(jobs)
    return Figures(
        character=character.id,
        name=character.name,
        number=character.practice,
        seed=asked[-1].seed if asked else None,
        error_rate=asked[-1].error if asked else None,
        cards=tuple(shown),
        gain=_gain(shown, lambda cell: cell.verdict == "right"),
        gain_truly=_gain(shown, lambda cell: bool(cell.truly)) if known else None,
        drift=tuple(_drift(session, character_id)),
        gates=tuple(_gates(session, character_id, known)),
        editor=_editor(session, character_id, known),
        by_step=steps,
        minutes=round(sum(steps.values()), 2),
        pictures=_pictures(session, character_id),
    )


def _card(session: Session, card: Card, known: Mapping[str, Reading]) -> CardFigures:
    board = cards.board(session, card)
    rate = cards.rate(board)
    lora = session.store.get(LoraRecord, card.lora) if card.lora else None
    cells = tuple(
        CellFigures(
            name=c.cell.name, image=c.image.id if c.image else "", verdict=c.verdict, by=c.by,
            truly=opinion(c.image, known[c.image.id]).right if c.image and c.image.id in known else None,
            face_distance=known[c.image.id].face_distance if c.image and c.image.id in known else None,
        )
        for c in board
    )  # fmt: skip
    seen = [known[c.image] for c in cells if c.image in known]
    far = [c.face_distance for c in cells if c.face_distance is not None]
    return CardFigures(
        version=card.version,
        lora=lora.name if lora else "base model",
        rate=Share(right=rate.right, total=rate.total, low=rate.low, high=rate.high),
        words=rate.words,
        truly=Share.of(sum(bool(c.truly) for c in cells), len(cells)) if seen else None,
        identity=Share.of(sum(r.same for r in seen), len(cells)) if seen else None,
        face_distance=median(far) if far else None,
        cells=cells,
    )


def _gain(shown: list[CardFigures], right: Callable[[CellFigures], bool]) -> Gain | None:
    """The last card against the first."""
    if len(shown) < 2:
        return None
    first, last = shown[0], shown[-1]
    pairs = Counter((right(a), right(b)) for a, b in zip(first.cells, last.cells, strict=True))
    lost, won = pairs[True, False], pairs[False, True]
    return Gain(
        first=first.lora, last=last.lora, both=pairs[True, True], only_first=lost, only_last=won,
        neither=pairs[False, False], p=mcnemar(lost, won),
    )  # fmt: skip


def _minutes(jobs: Iterable[Job]) -> dict[str, float]:
    """Minutes that jobs ran, by what they were for; also of those that were cut short."""
    total: dict[str, float] = defaultdict(float)
    for job in jobs:
        if job.took is not None:
            total[_step(job)] += job.took / 60
    return {name: round(minutes, 2) for name, minutes in total.items()}


def _step(job: Job) -> str:
    request = stored_request_if_readable(job)
    if request is None:
        return STEPS.get(job.kind, job.kind)
    if isinstance(request, RenderRequest):
        kind = request.plan.kind
    else:
        kind = request.target if isinstance(request, TrainRequest) else job.kind
    return STEPS.get(kind, kind)


def _drift(session: Session, character_id: str) -> Iterable[Drift]:
    found = sources.sources(session, character_id)
    yield _drift_of("sources", found, [])
    good = review.good(session, character_id, "enriched")
    if good:
        yield _drift_of("enriched, good", good, found)
    for version, images in _by_version(datasets.pictures(session, character_id, "synthetic")).items():
        yield _drift_of(f"synthetic {version}", images, found)
    for dataset in datasets.versions(session, character_id, "pristine"):
        kept = [image for i in dataset.images if (image := session.store.get(ImageRecord, i))]
        yield _drift_of(f"pristine {dataset.version}", kept, found)
    for version, images in _by_version(datasets.pictures(session, character_id, "card")).items():
        yield _drift_of(f"card {version}", images, found)


def _by_version(images: Iterable[ImageRecord]) -> dict[str, list[ImageRecord]]:
    groups: dict[str, list[ImageRecord]] = {}
    for image in images:
        groups.setdefault(image.version, []).append(image)
    return groups


def _drift_of(what: str, images: list[ImageRecord], known: list[ImageRecord]) -> Drift:
    opinions = [i.scores.second_opinion for i in images]
    cosines = [o.score for o in opinions if o is not None and o.score is not None]
    hashes, old = [i.dhash for i in images if i.dhash], [i.dhash for i in known if i.dhash]
    far = [hamming(a, b) for a, b in combinations(hashes, 2)]
    near = sum(any(hamming(h, other) <= NEAR for other in [*old, *hashes[:n]]) for n, h in enumerate(hashes))
    return Drift(
        what=what,
        pictures=len(images),
        identity=round(fmean(cosines), 3) if cosines else None,
        near_duplicates=near,
        spread=round(fmean(far), 1) if far else None,
    )


def _gates(session: Session, character_id: str, known: Mapping[str, Reading]) -> Iterable[Gate]:
    for gate in ("enriched", "synthetic", "card"):
        groups: dict[Who, list[ImageRecord]] = {}
        for image in datasets.pictures(session, character_id, gate):
            verdict = session.store.verdict(image.id)
            if verdict.label and verdict.who:
                groups.setdefault(verdict.who, []).append(image)
        for who, images in groups.items():
            labels = Counter(str(session.store.verdict(i.id).label) for i in images)
            read = [i for i in images if i.id in known]
            passed = {i.id: session.store.verdict(i.id).label == "good" for i in read}
            mistakes = sum(passed[i.id] != opinion(i, known[i.id]).right for i in read)
            yield Gate(gate=gate, who=who, labels=dict(labels), known=len(read), mistakes=mistakes)


def _editor(session: Session, character_id: str, known: Mapping[str, Reading]) -> Editor | None:
    """The newest survey that sets one editor of the character's own against the base."""
    for made in reversed(session.store.all(Survey, character=character_id)):
        lora = _own_editor(session, made)
        if lora is None:
            continue
        done = [i for i in datasets.pictures(session, character_id, "survey", made.version) if i.id in known and i.shot]
        pairs: dict[tuple[str, str], dict[bool, ImageRecord]] = defaultdict(dict)
        for image in done:
            pairs[image.parents[0].id, image.shot.purpose.cell][bool(image.shot.stack.adapters)] = image  # type: ignore[union-attr]
        both = [(p[False], p[True]) for p in pairs.values() if len(p) == 2]
        right = [tuple(opinion(i, known[i.id]).right for i in pair) for pair in both]
        same = [tuple(known[i.id].same for i in pair) for pair in both]
        return Editor(
            lora=lora.name,
            triplets=len(review.corrections(session, character_id)),
            before=Share.of(sum(a for a, _ in right), len(both)),
            after=Share.of(sum(b for _, b in right), len(both)),
            identity_before=Share.of(sum(a for a, _ in same), len(both)),
            identity_after=Share.of(sum(b for _, b in same), len(both)),
            turned=_nearer(known, [pair for pair in both if _turns(pair[0])]),
            others=_nearer(known, [pair for pair in both if not _turns(pair[0])]),
            p=mcnemar(right.count((True, False)), right.count((False, True))),
        )
    return None


def _turns(image: ImageRecord) -> bool:
    return image.shot is not None and image.shot.purpose.labels.get("axis") == "angle"


def _nearer(known: Mapping[str, Reading], pairs: Iterable[tuple[ImageRecord, ImageRecord]]) -> tuple[int, int]:
    """In how many pairs the second face is nearer to the truth, and in how many farther from it."""
    far = [(known[a.id].face_distance, known[b.id].face_distance) for a, b in pairs]
    told = [(a, b) for a, b in far if a is not None and b is not None]
    return sum(b < a for a, b in told), sum(b > a for a, b in told)


def _own_editor(session: Session, made: Survey) -> LoraRecord | None:
    if len(made.stacks) != 1 or len(made.stacks[0].adapters) != 1:
        return None
    lora = session.store.get(LoraRecord, made.stacks[0].adapters[0].sha256)
    return lora if lora and lora.origin == "trained" and lora.character == made.character else None


def _pictures(session: Session, character_id: str) -> Pictures:
    enriched = datasets.pictures(session, character_id, "enriched")
    kept = [i for d in datasets.versions(session, character_id, "pristine") for i in d.images]
    return Pictures(
        sources=tuple(s.id for s in sources.sources(session, character_id)),
        enriched=tuple((i.id, session.store.verdict(i.id).label) for i in enriched),
        pristine=tuple(dict.fromkeys(kept)),
    )
