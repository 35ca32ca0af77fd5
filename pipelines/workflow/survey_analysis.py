"""What a survey proves: stacks held against each other pair by pair, whether eyes and machine agree, and which way the
rules would go."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

from pipelines.domain.rates import holm, kappa, mcnemar, wilson
from pipelines.domain.records import ImageRecord, Survey, Verdict, Way
from pipelines.domain.shots import LoraStack
from pipelines.planning.survey import columns, labels
from pipelines.session import Session
from pipelines.workflow import survey
from pipelines.workflow.survey import Standing

GOAL = 0.7
"""Share of right pictures that an editor is trusted from."""
ENOUGH = 10
"""Measured pictures of a stack below which nothing is recommended."""
WELL = 3.5
"""Stars of an edit, on average, from which edits are done well."""
SURE = 0.05
"""The p below which a difference counts as one (after Holm's correction for all pairs)."""
RIGHT, WRONG = 4, 2
"""Stars for identity from which, and up to which, eyes call a picture right or wrong; between them they do not say."""
RULES = (
    "The stack whose rate of right identities is surest (lower end of its 95 % interval) leads; below"
    f" {ENOUGH} measured pictures of each nothing is recommended.",
    f"A: one LoRA, or the base, leads with {100 * GOAL:.0f} % or more right, and its edits have {WELL} stars or more"
    " where they were rated.",
    "B: the same, of several LoRAs together.",
    f"D: the leader stays below that, but is better than the base (McNemar, p < {SURE} after Holm).",
    "C: nothing is proven better than the base, and nothing is good enough.",
)


@dataclass(frozen=True)
class Pair:
    """Two stacks on the same places (picture, prompt, seed). Identity: ``pairs`` measured in both, right in the
    ``first`` or the ``second`` alone, and the p of McNemar's test, corrected for all pairs of the survey (Holm).
    ``rated`` places have stars in both; ``more_first`` and ``more_second`` say who had more, ``p_stars`` is the sign
    test's, corrected likewise."""

    first: str
    second: str
    pairs: int
    only_first: int
    only_second: int
    p: float
    rated: int
    more_first: int
    more_second: int
    p_stars: float

    @property
    def words(self) -> str:
        """What is proven, of identity."""
        if not self.pairs:
            return "nothing measured in both"
        if self.p >= SURE:
            return f"no difference is proven ({self.only_first} : {self.only_second}, p = {self.p:.2g})"
        better = self.first if self.only_first > self.only_second else self.second
        return f"{better} is better ({self.only_first} : {self.only_second}, p = {self.p:.2g})"


@dataclass(frozen=True)
class Agreement:
    """How far eyes and machine say the same of identity, over ``pictures`` of which both are sure: how many they agree
    on, and Cohen's kappa (``None``: cannot be told)."""

    pictures: int
    agreed: int
    kappa: float | None

    @property
    def words(self) -> str:
        """As the report says it."""
        if not self.pictures:
            return "Nobody rated a picture yet of which the machine is sure: whether it sees as you do is not known."
        told = f"You and the machine agree on {self.agreed} of {self.pictures} pictures"
        return told + (f" (kappa {self.kappa:.2f})." if self.kappa is not None else ".")


@dataclass(frozen=True)
class Recommendation:
    """Which way the rules go (``None``: there is not enough to tell), with which stack, and why."""

    way: Way | None
    stack: str
    reasons: tuple[str, ...]


def pairwise(session: Session, made: Survey) -> list[Pair]:
    """Every two stacks of a survey held against each other, on the places that both have."""
    shown = labels(made.stacks)
    at: dict[str, dict[object, ImageRecord]] = {label: {} for label in shown.values()}
    for image in survey.results(session, made):
        if image.shot and (label := shown.get(image.shot.stack.content)):
            why = image.shot.purpose
            at[label][why.labels.get("image"), why.labels.get("prompt"), why.variant] = image
    found = [_counts(session, at, first, second) for first, second in combinations(at, 2)]
    identity = holm([mcnemar(c[1], c[2]) for _, _, c in found])
    stars = holm([mcnemar(c[4], c[5]) for _, _, c in found])
    return [Pair(first, second, *c[:3], identity[n], *c[3:], stars[n]) for n, (first, second, c) in enumerate(found)]


Counts = tuple[int, int, int, int, int, int]


def _counts(
    session: Session, at: dict[str, dict[object, ImageRecord]], first: str, second: str
) -> tuple[str, str, Counts]:
    both = [(at[first][place], at[second][place]) for place in at[first] if place in at[second]]
    right = _known(both, _measured_right)
    stars = _known(both, lambda image: session.store.verdict(image.id).identity)
    return first, second, (
        len(right), sum(a > b for a, b in right), sum(a < b for a, b in right),
        len(stars), sum(a > b for a, b in stars), sum(a < b for a, b in stars),
    )  # fmt: skip


def _known(
    both: list[tuple[ImageRecord, ImageRecord]], say: Callable[[ImageRecord], int | None]
) -> list[tuple[int, int]]:
    said = ((say(one), say(two)) for one, two in both)
    return [(one, two) for one, two in said if one is not None and two is not None]


def _measured_right(image: ImageRecord) -> int | None:
    who = image.scores.identity
    return None if who is None or who.score is None else int(who.verdict == "right")


def agreement(session: Session, made: Survey) -> Agreement:
    """Whether eyes and machine see the same, over the pictures of a survey."""
    said: list[tuple[str, str]] = []
    for image in survey.results(session, made):
        eyes, who = _by_eyes(session.store.verdict(image.id)), image.scores.identity
        if eyes and who and who.verdict in ("right", "wrong"):
            said.append((eyes, who.verdict))
    return Agreement(len(said), sum(one == two for one, two in said), kappa(said))


def _by_eyes(verdict: Verdict) -> str:
    if verdict.identity is None:
        return ""
    return "right" if verdict.identity >= RIGHT else "wrong" if verdict.identity <= WRONG else ""


def recommend(session: Session, made: Survey) -> Recommendation:
    """Which way the rules (``RULES``) go, by what this survey has shown. The user may say otherwise."""
    table = [s for s in survey.standings(session, made) if s.measured >= ENOUGH]
    wanted = len(columns(made.stacks))
    if len(table) < wanted:
        short = f"{wanted - len(table)} of {wanted} columns have fewer than {ENOUGH} measured pictures"
        return Recommendation(None, "", (f"{short}: add pictures, prompts or seeds, and ask again.",))
    best = max(table, key=lambda s: (wilson(s.right, s.measured)[0], s.stars_edit or 0.0, -s.stack.count(" + ")))
    told = [f"{best.stack} leads: {_rate(best)}."]
    stars = "" if best.stars_edit is None else f"Its edits have {best.stars_edit:.1f} stars on average."
    told.append(stars or "Nobody rated its edits yet: whether they do what was asked is not known.")
    told.append(agreement(session, made).words)
    good = best.right / best.measured >= GOAL and (best.stars_edit is None or best.stars_edit >= WELL)
    return _way(session, made, best, good, table, tuple(told))


def _way(
    session: Session, made: Survey, best: Standing, good: bool, table: list[Standing], told: tuple[str, ...]
) -> Recommendation:
    base = LoraStack().label
    if good:
        several = any(labels(made.stacks)[s.content] == best.stack for s in made.stacks if len(s.adapters) > 1)
        alone = " No LoRA is needed for it." if best.stack == base else ""
        return Recommendation("B" if several else "A", best.stack, (*told, f"That reaches {100 * GOAL:.0f} %.{alone}"))
    pairs = [p for p in pairwise(session, made) if {p.first, p.second} == {base, best.stack}]
    plain = next((s for s in table if s.stack == base), None)
    if pairs and plain and pairs[0].p < SURE and best.right > plain.right:
        why = f"That is not good enough ({100 * GOAL:.0f} %, {WELL} stars), but better than the base: {pairs[0].words}."
        return Recommendation("D", best.stack, (*told, why))
    why = f"That is not good enough ({100 * GOAL:.0f} %, {WELL} stars), and nothing is proven better than the base."
    return Recommendation("C", best.stack, (*told, why))


def _rate(s: Standing) -> str:
    low, high = (100 * end for end in wilson(s.right, s.measured))
    return f"{s.right} of {s.measured} right ({100 * s.right / s.measured:.0f} %, 95 % interval {low:.0f}-{high:.0f})"
