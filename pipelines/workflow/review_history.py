"""What a human decided at a gate, as the decisions tell it: what was said last can be taken back, also after a restart;
and how fast it goes."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice, pairwise

from pipelines.domain.records import Decision, new_id
from pipelines.domain.words import count
from pipelines.session import Session
from pipelines.workflow.characters import NotAllowed
from pipelines.workflow.render import about
from pipelines.workflow.review import Gate, at_gate

STEPS = 100
"""How many of the last steps can be taken back one after another."""
NOTHING = "Nothing that a human decided here is left to take back."
WORDS = {"good": "good", "needs_correction": "needs correction", "reject": "rejected"}

PACE_OF = 50
"""Labels that the pace is measured over."""
FEWEST = 5
PAUSE = timedelta(minutes=2)
"""Who does not decide for so long does something else meanwhile."""


@dataclass(frozen=True)
class Step:
    """What a human decided with one key: of one picture, or of all that were selected; the last one first."""

    id: str
    decisions: tuple[Decision, ...]

    @property
    def words(self) -> str:
        """What was said, and of how many pictures."""
        said = _said(self.decisions[-1])
        pictures = {d.image for d in self.decisions}
        return said if len(pictures) == 1 else f"{count(len(pictures), 'picture')}: {said}"


def _said(decision: Decision) -> str:
    value = decision.value
    if decision.where == "correction":
        return "corrected"
    if decision.action == "label":
        return WORDS.get(str(value), "label cleared")
    if decision.action == "failure":
        return str(value)
    if decision.action == "note":
        return "note" if value else "note cleared"
    return f"{'edit quality' if decision.action == 'edit' else 'identity'} {value or 'cleared'}"


def steps(session: Session, character_id: str, gate: Gate, most: int = STEPS) -> list[Step]:
    """What a human decided at a gate and has not taken back, the last first. Decisions of one ``batch`` are one step,
    with what they said of pictures that lie elsewhere (what corrects one)."""
    here = {image.id for image in at_gate(session, character_id, gate)}
    found: dict[str, list[Decision]] = {}
    for decision in _standing(session.store.newest(Decision)):
        step = decision.batch or decision.id
        if step in found:
            found[step].append(decision)
        elif decision.who == "human" and decision.image in here:
            if len(found) == most:
                break
            found[step] = [decision]
    return [Step(name, tuple(decisions)) for name, decisions in found.items()]


def _standing(newest_first: Iterable[Decision]) -> Iterator[Decision]:
    """Decisions that were not taken back, without what takes others back."""
    undone: set[str] = set()
    for decision in newest_first:
        if decision.id in undone:
            continue
        if decision.action == "undo":
            undone.add(decision.undoes)
        else:
            yield decision


def undo(session: Session, character_id: str, gate: Gate, step: str = "") -> Step:
    """Take back what a human decided last at a gate, or the ``step`` of that id. Answers what takes it back: given to
    ``redo``, it stands again. Raises NotAllowed when there is nothing to take back."""
    found = steps(session, character_id, gate)
    wanted = next((s for s in found if step in ("", s.id)), None)
    if wanted is None:
        raise NotAllowed("That was taken back already." if step and found else NOTHING)
    return _take_back(session, wanted.decisions)


def redo(session: Session, undone: str) -> Step:
    """Have decisions stand again that ``undo`` took back; ``undone`` is the id of what it answered. Raises NotAllowed
    when there are none."""
    found = tuple(d for d in session.store.all(Decision, batch=undone) if d.action == "undo")
    if not undone or not found:
        raise NotAllowed("That was not taken back.")
    return _take_back(session, found)


def _take_back(session: Session, decisions: Iterable[Decision]) -> Step:
    batch = new_id()
    said = [
        Decision(image=d.image, who="human", action="undo", undoes=d.id, where=d.where, batch=batch) for d in decisions
    ]
    session.store.decide(*said)
    return Step(batch, tuple(said))


@dataclass(frozen=True)
class Pace:
    """How many pictures a human labels in an hour, and the seconds that are left at this pace."""

    per_hour: int
    left: float

    @property
    def words(self) -> str:
        """The pace and what is left, as one says it."""
        return f"{self.per_hour} an hour" + (f", {about(self.left)} left" if self.left else "")


def pace(session: Session, character_id: str, gate: Gate, waiting: int) -> Pace | None:
    """How fast a human labels at a gate, of the last labels and without pauses; None while too few say. ``waiting``
    pictures are still to be judged."""
    here = {image.id for image in at_gate(session, character_id, gate)}
    labels = (
        d
        for d in islice(session.store.newest(Decision), PACE_OF * 20)
        if d.who == "human" and d.action == "label" and d.value and d.image in here
    )
    times = [d.at for d in islice(labels, PACE_OF)]
    gaps = [later - earlier for later, earlier in pairwise(times) if later - earlier <= PAUSE]
    worked = sum(gaps, timedelta()).total_seconds()
    if len(gaps) < FEWEST or worked <= 0:
        return None
    each = worked / len(gaps)
    return Pace(round(3600 / each), waiting * each)
