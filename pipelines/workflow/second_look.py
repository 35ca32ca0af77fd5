"""A blind second look: a share of what a human judged is judged again without seeing what was said or measured. How
often both looks say the same is how sure a single one is."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil

from pipelines.domain.rates import percent, wilson
from pipelines.domain.records import Decision, ImageRecord, Label, Verdict
from pipelines.domain.verdicts import after, standing
from pipelines.domain.words import count
from pipelines.session import Session
from pipelines.workflow.review import Gate, at_gate

WHERE = "second look"
"""The gate that a second look is recorded at. It is a decision like any other: the last one counts."""
SHARE = 0.05
FEWEST = 5
"""Of fewer no figure says anything."""


@dataclass(frozen=True)
class Consistency:
    """How often a human's second look said the same as the first. ``kappa`` (Cohen 1960) takes off what chance alone
    would give to labels of these numbers; None where both looks know only one label."""

    same: int
    of: int
    kappa: float | None

    @property
    def words(self) -> str:
        """In words, with its interval (Wilson, 95 %)."""
        if not self.of:
            return "No picture was looked at twice yet."
        low, high = wilson(self.same, self.of)
        rate = f"{percent(self.same / self.of)}, 95 % interval {low * 100:.0f}-{high * 100:.0f}"
        kappa = "" if self.kappa is None else f"; kappa {self.kappa:.2f}"
        return f"Judged the same twice: {self.same} of {count(self.of, 'picture')} ({rate}{kappa})."


def to_look_at(session: Session, character_id: str, gate: Gate, share: float = SHARE) -> list[str]:
    """Ids of the pictures to look at again: a ``share`` of what a human labelled at a gate, at least ``FEWEST`` where
    there are so many, chosen by their hashes; without those that were looked at twice. The same ones until then."""
    images = at_gate(session, character_id, gate)
    twice = {pair.image for pair in _pairs(session, images)}
    verdicts = {image.id: session.store.verdict(image.id) for image in images}
    labelled = [i for i, verdict in verdicts.items() if verdict.label and verdict.who == "human"]
    wanted = max(min(FEWEST, len(labelled)), ceil(share * len(labelled)))
    # ids are hashes of content: in any order of theirs pictures stand at random
    left = sorted((i for i in labelled if i not in twice), key=lambda i: i[::-1])
    return left[: max(0, wanted - len(twice))]


@dataclass(frozen=True)
class _Pair:
    image: str
    first: Label
    second: Label


def consistency(session: Session, character_id: str, gate: Gate) -> Consistency:
    """How often the second look at pictures of a gate said the same as the first."""
    pairs = _pairs(session, at_gate(session, character_id, gate))
    same = sum(pair.first == pair.second for pair in pairs)
    return Consistency(same, len(pairs), kappa([(pair.first, pair.second) for pair in pairs]))


def differing(session: Session, character_id: str, gate: Gate) -> list[str]:
    """Ids of the pictures that were judged otherwise at the second look."""
    pairs = _pairs(session, at_gate(session, character_id, gate))
    return [pair.image for pair in pairs if pair.first != pair.second]


def kappa(pairs: Iterable[tuple[str, str]]) -> float | None:
    """Cohen's kappa of two judgements of the same things; None when chance alone would make them all agree."""
    told = list(pairs)
    firsts, seconds = Counter(a for a, _ in told), Counter(b for _, b in told)
    by_chance = sum(firsts[label] * seconds[label] for label in firsts)
    every = len(told) ** 2
    if by_chance == every:
        return None
    agreed = sum(a == b for a, b in told) * len(told)
    return (agreed - by_chance) / (every - by_chance)


def _pairs(session: Session, images: Iterable[ImageRecord]) -> list[_Pair]:
    looked = {d.image for d in session.store.all(Decision, where=WHERE)}
    found = (_pair(image.id, session.store.decisions(image.id)) for image in images if image.id in looked)
    return [pair for pair in found if pair]


def _pair(image: str, decisions: list[Decision]) -> _Pair | None:
    """The label that stood before the first second look, and what that said."""
    counting, before = standing(decisions), Verdict()
    for decision in (d for d in decisions if d.id in counting):
        if decision.where == WHERE and decision.action == "label" and decision.value:
            second = after(Verdict(), decision).label
            return _Pair(image, before.label, second) if before.label and second else None
        before = after(before, decision)
    return None
