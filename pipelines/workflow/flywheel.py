"""The wheel itself: which step is done, which is next, which gate is closed and why."""

from dataclasses import dataclass, replace
from typing import Literal

from pipelines.domain.records import Card, Character, LoraRecord, TrainingRun
from pipelines.domain.words import count
from pipelines.session import NotFound, Session
from pipelines.workflow import (
    card,
    datasets,
    editor_trial,
    loras,
    practice,
    pristine,
    review,
    rounds,
    sources,
    training,
    triplets,
)
from pipelines.workflow.characters import NotAllowed

State = Literal["done", "next", "open", "blocked"]
Tab = Literal["survey", "enrich", "train", "generate", "review", "model_card"]


@dataclass
class RailStep:
    """One step of the rail. ``count`` is what it has to show (``None``: not counted); ``why`` is in words."""

    key: str
    title: str
    count: int | None
    state: State
    why: str
    tab: Tab


@dataclass
class NextAction:
    """The next best action: what, why, and the tab where it is done (``gate`` preselects the pile in Review)."""

    title: str
    why: str
    tab: Tab
    gate: str = ""


@dataclass
class Rail:
    """Where a character's wheel stands. ``round`` counts from 1 and grows with each trained LoRA."""

    round: int
    steps: list[RailStep]
    next: NextAction


@dataclass
class _Counts:
    sources: int
    enriched: int
    waiting: int
    good: int
    trained: list[LoraRecord]
    synthetic: int
    candidates: int
    pristine: int
    cards: list[Card]


def status(session: Session, character_id: str) -> Rail:
    """The rail of a character. Raises NotFound."""
    character = session.character(character_id)
    counts = _count(session, character_id)
    action = _gone(session, character) or _next(session, character_id, counts)
    return Rail(round=len(counts.trained) + 1, steps=_steps(session, character_id, counts, action), next=action)


def _gone(session: Session, character: Character) -> NextAction | None:
    """What comes first when a model of the character's is not there any more: it was a preset of the user's own."""
    used = (character.generator, character.editor)
    gone = [name for name in used if name not in session.presets.models]
    if not gone:
        return None
    why = f"{character.name} works with {' and '.join(map(repr, gone))}: its file is gone or broken (Settings)"
    return NextAction("Put the model preset back", why, "enrich")


def _count(session: Session, character_id: str) -> _Counts:
    return _Counts(
        sources=len(sources.sources(session, character_id)),
        enriched=len(datasets.pictures(session, character_id, "enriched")),
        waiting=len(review.undecided(session, character_id, "enriched")),
        good=len(review.good(session, character_id, "enriched")),
        trained=loras.trained(session, character_id, "character"),
        synthetic=len(datasets.pictures(session, character_id, "synthetic")),
        candidates=len(review.undecided(session, character_id, "synthetic")),
        pristine=len(pristine.kept(session, character_id)),
        cards=card.cards(session, character_id),
    )


def _next(session: Session, character_id: str, n: _Counts) -> NextAction:
    """The first thing that is missing, in the order of the README's table."""
    if not n.sources and practice.drawing(session, character_id):
        return NextAction("See them arrive", "the pictures are being drawn", "enrich")
    if not n.sources:
        return NextAction("Add pictures of the character", "10 to 20, from at least two angles", "enrich")
    if not n.enriched:
        return NextAction("Enrich the sources", "three to five edits of each, of what the sources lack", "enrich")
    if n.waiting:
        return NextAction(
            f"Review {count(n.waiting, 'picture')}", "gate to training: every picture is judged", "review", "enriched"
        )
    if not n.trained:
        blockers = training.dataset(session, character_id).blockers
        first = training.following(session, character_id, "character")
        return NextAction(f"Train {first}", " ".join(blockers) or "the gate is open", "train")
    if (rule := rounds.stop_rule(session, character_id)).stop:
        return NextAction(f"Use {rule.version}: the wheel can stop", rule.words, "model_card")
    latest = n.trained[-1]
    if not n.synthetic:
        return NextAction(f"Generate with {latest.version}", "new angles and scenes to choose from", "generate")
    if n.candidates:
        why = "filter first, then look: the best fill the gaps of the next training"
        return NextAction(f"Review {n.candidates} candidates", why, "review", "synthetic")
    if _new_pristine(session, character_id, latest):
        return NextAction(
            f"Train {training.following(session, character_id, 'character')}",
            "new pristine pictures wait for it",
            "train",
        )
    if not n.pristine and review.good(session, character_id, "synthetic"):
        return NextAction("Keep the best as pristine", "10 to 20 that fill gaps", "review", "synthetic")
    if not any(c.lora == latest.id for c in n.cards):
        return NextAction(f"Run the model card of {latest.version}", "23 pictures prove what it can do", "model_card")
    return _after_the_card(session, character_id, n)


def _new_pristine(session: Session, character_id: str, latest: LoraRecord) -> bool:
    """Whether there are pristine pictures to learn from that the latest LoRA has not seen."""
    run = session.store.get(TrainingRun, latest.run)
    seen = set(run.images) if run else set()
    return any(image.id not in seen for image in pristine.learnt_from(session, character_id)["pristine"])


def _after_the_card(session: Session, character_id: str, n: _Counts) -> NextAction:
    cells = card.board(session, n.cards[-1])
    waiting = sum(c.verdict == "unsure" for c in cells)
    if waiting:
        return NextAction(
            f"Judge {count(waiting, 'cell')} of the card", "only eyes can call a picture right", "model_card"
        )
    rule, rate = rounds.stop_rule(session, character_id), card.rate(cells)
    if rate.right >= rate.target * rate.total:
        return NextAction("Look at the model card", rate.words, "model_card")
    return NextAction(
        "Turn the wheel again: generate", rule.words if rule.reason == "go on" else rate.words, "generate"
    )


def _steps(session: Session, character_id: str, n: _Counts, action: NextAction) -> list[RailStep]:
    blockers = training.dataset(session, character_id).blockers
    advice = " ".join(sources.advice(session, character_id))
    coming = training.following(session, character_id, "character")
    newest = n.trained[-1].version if n.trained else coming
    following = coming if n.trained else datasets.following([coming])
    untrained = "" if n.trained else f"Train {coming} first."
    rule = rounds.stop_rule(session, character_id).words
    rail = [
        _step("sources", "sources", "enrich", count=n.sources, why=advice or "good enough to start"),
        _step("enriched", "enriched", "enrich", count=n.enriched, blocker="" if n.sources else "Add pictures first."),
        _step(
            "good",
            "good",
            "review",
            count=n.good,
            done=n.enriched > 0 and not n.waiting,
            blocker="" if n.enriched else "Nothing to review yet: enrich first.",
            why=f"{n.waiting} wait for review",
        ),
        _step("train", newest, "train", done=bool(n.trained), blocker="" if n.trained else " ".join(blockers)),
        _step("synthetic", "synthetic", "generate", count=n.synthetic, blocker=untrained),
        _step(
            "pristine",
            "pristine",
            "review",
            count=n.pristine,
            blocker="" if n.synthetic else "Generate first.",
            why=f"{n.candidates} candidates wait for review",
        ),
        _step("retrain", following, "train", done=False, blocker=_why_no_retrain(session, character_id, n, blockers)),
        _step("card", "card", "model_card", count=len(n.cards), blocker=untrained, why=rule),
    ]
    rail += _editor_step(session, character_id)
    current = _current_key(action, n)
    return [replace(step, state="next") if step.key == current else step for step in rail]


def _editor_step(session: Session, character_id: str) -> list[RailStep]:
    """Flywheel 2, once there is something to turn it with: corrections, the LoRA that learnt from them, its proof."""
    found = triplets.triplets(session, character_id)
    if not found.given:
        return []
    made = editor_trial.trained(session, character_id)
    if made:
        return [_proof_step(session, made[-1], found.given)]
    blockers = training.dataset(session, character_id, "editor").blockers
    kept = f", {len(found.held_out)} kept to prove it" if found.held_out else ""
    why = f"{count(len(found.taught), 'correction')} to learn from{kept}: train the editor"
    blocker = " ".join(blockers)
    return [_step("editor", "corrections", "train", count=found.given, done=False, blocker=blocker, why=why)]


def _proof_step(session: Session, run: TrainingRun, given: int) -> RailStep:
    """How the proof of the newest editor LoRA stands, or what is in its way."""
    try:
        proof = editor_trial.trial(session, run)
    except (NotFound, NotAllowed) as problem:
        return _step("editor", "corrections", "train", count=given, done=False, why=str(problem))
    why = f"{proof.words} {'Enrich edits with it.' if proof.promoted else ''}".strip()
    return _step("editor", "corrections", "train", count=given, done=proof.promoted, why=why)


def _step(
    key: str,
    title: str,
    tab: Tab,
    *,
    count: int | None = None,
    done: bool | None = None,
    blocker: str = "",
    why: str = "",
) -> RailStep:
    """A step that is done when it has something to count, unless ``done`` says otherwise; blocked when told why."""
    finished = bool(count) if done is None else done
    state: State = "done" if finished else "blocked" if blocker else "open"
    return RailStep(key, title, count, state, why if finished else blocker or why, tab)


def _why_no_retrain(session: Session, character_id: str, n: _Counts, blockers: list[str]) -> str:
    if not n.trained:
        return f"Train {training.following(session, character_id, 'character')} first."
    if blockers:
        return " ".join(blockers)
    return "" if _new_pristine(session, character_id, n.trained[-1]) else "No new pristine pictures yet."


def _current_key(action: NextAction, n: _Counts) -> str:
    if action.tab == "enrich":
        return "enriched" if n.sources else "sources"
    if action.tab == "review":
        return "pristine" if action.gate == "synthetic" else "good"
    if action.tab == "train":
        return "retrain" if n.trained else "train"
    return {"generate": "synthetic", "model_card": "card"}[action.tab]
