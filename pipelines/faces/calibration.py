"""Where the threshold lies for one character: from what its own sources score against each other (leave-one-out) and
what others score against it. Works for any recogniser: it sees unit vectors only. Rules: docs/numbers.md, "Identity".

Every score is taken as the product takes it (``identity.identify``): against the centroid of the references at the
same angle when there are three, else of all.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from pipelines.domain.calibrations import RejectRate
from pipelines.domain.rates import wilson
from pipelines.domain.scores import Angle
from pipelines.faces.identity import References, centroid

FAR = 0.01
"""The share of pictures of others that may pass, unless another is asked for."""
SOURCES = 5
"""Sources with a face below which the smallest leave-one-out score says next to nothing (it rejects 1 in n + 1)."""
SURE = 0.95
DRAWS = 200_000


class TooFewSources(ValueError):
    """Fewer than two references: nothing can be left out."""


@dataclass(frozen=True)
class Impostors:
    """Pictures of others. ``embeddings``: (m, d), unit rows; ``angles`` and ``groups``: one for each row. A group is
    one other character, or the pictures of one prompt: its pictures resemble each other, so they do not count as
    independent."""

    embeddings: np.ndarray
    angles: tuple[Angle, ...]
    groups: tuple[str, ...]


@dataclass(frozen=True)
class Calibrated:
    """The threshold of one character and why it is there.

    A score passes from ``threshold`` on and fails below ``floor``; between, a human looks. ``tau`` is the threshold by
    the impostors alone: of new others, ``far_low`` to ``far_high`` pass it (95 % interval). ``smallest`` is the
    smallest leave-one-out score. ``genuine`` (n,) and ``impostor`` (m,) are the scores, NaN in ``genuine`` where
    nothing can be measured. ``effective`` says how many independent pictures the impostors are worth. ``provisional``
    with ``why``: too little to calibrate with.
    """

    far: float
    tau: float
    far_low: float
    far_high: float
    smallest: float
    threshold: float
    floor: float
    effective: float
    auc: float
    genuine: np.ndarray
    genuine_angles: tuple[Angle, ...]
    impostor: np.ndarray
    groups: tuple[str, ...]
    rejects: tuple[RejectRate, ...] = ()
    why: str = ""
    closest: tuple[tuple[str, float], ...] = field(default=())

    @property
    def passing(self) -> float:
        """The share of right pictures that pass, each held against the line that the others would give: against the
        line of all, the smallest could never fail. NaN without any."""
        total = sum(rate.total for rate in self.rejects)
        return 1 - sum(rate.not_passed for rate in self.rejects) / total if total else float("nan")

    @property
    def provisional(self) -> bool:
        """Whether the threshold must not be used yet."""
        return bool(self.why)


def calibrate(
    references: References,
    impostors: Impostors,
    *,
    far: float = FAR,
    verified: References | None = None,
    names_others: bool = True,
) -> Calibrated:
    """The threshold of the character that ``references`` show, such that a share ``far`` of others passes ``tau``.

    ``threshold = max(tau, smallest leave-one-out score)`` and ``floor`` is the smaller of the two (-1 for a stand-in
    that must not call anybody someone else: ``names_others`` of False). ``verified`` are pictures beyond the references
    that a human called right: they only help to say how many right ones are rejected.
    Raises TooFewSources, and ValueError when ``far`` is not between 0 and 1.
    """
    if not 0 < far < 1:
        raise ValueError(f"A share of false accepts lies between 0 and 1, not at {far:g}.")
    if len(references.ids) < 2:
        raise TooFewSources("At least two sources with a face are needed.")
    genuine = left_out(references)
    known = genuine[~np.isnan(genuine)]
    scores = against(references, impostors.embeddings, impostors.angles)
    effective = effective_sample_size(scores, impostors.angles, impostors.groups)
    tau, low, high = accept_threshold(scores, far, effective)
    smallest = float(known.min()) if len(known) else 1.0
    return Calibrated(
        far=far,
        tau=tau,
        far_low=low,
        far_high=high,
        smallest=smallest,
        threshold=max(tau, smallest),
        floor=min(tau, smallest) if names_others else -1.0,
        effective=effective,
        auc=area(known, scores),
        genuine=genuine,
        genuine_angles=references.angles,
        impostor=scores,
        groups=impostors.groups,
        rejects=tuple(_rejects(references, genuine, tau, verified, names_others)),
        why=_too_little(len(known), far, effective, len(scores), len(set(impostors.groups))),
        closest=_closest(scores, impostors.groups),
    )


def against(references: References, embeddings: np.ndarray, angles: Sequence[Angle]) -> np.ndarray:
    """Cosines (m,) of unit rows (m, d) seen at ``angles`` to the centroid that the product would hold each against."""
    centres = {angle: centroid(references.facing(angle)[1])[0] for angle in set(angles)}
    pairs = zip(embeddings, angles, strict=True)
    return np.array([float(row @ centres[angle]) for row, angle in pairs], dtype=np.float64)


def left_out(references: References) -> np.ndarray:
    """Each reference's score (n,) against the others, as if it were a new picture; NaN for a profile that has fewer
    than three others of its angle: the product does not call those either (``identify``)."""
    scores = np.full(len(references.ids), np.nan)
    for i, (own, angle) in enumerate(zip(references.embeddings, references.angles, strict=True)):
        rest = references.without(references.ids[i])
        if rest.call(angle):
            scores[i] = own @ centroid(rest.facing(angle)[1])[0]
    return scores


def accept_threshold(scores: np.ndarray, far: float, effective: float) -> tuple[float, float, float]:
    """``tau`` just above the r-th largest impostor score, r = max(1, floor(far (m + 1))), and the 95 % interval of
    the share of NEW pictures of others that pass it.

    The share above the r-th largest of m independent scores is Beta(r, m + 1 - r) whatever their distribution (order
    statistics: Casella, Berger, 5.4), mean r / (m + 1); with pictures that depend on each other, m is ``effective``.
    No scores: a threshold that nothing passes, and nothing known about it.
    """
    m = len(scores)
    if not m:
        return 1.0, 0.0, 1.0
    rank = max(1, int(far * (m + 1)))
    tau = float(np.nextafter(np.sort(scores)[m - rank], 2.0))
    passing = rank / (m + 1) * (effective + 1)
    draws = np.random.default_rng(0).beta(passing, effective + 1 - passing, DRAWS)
    low, high = np.quantile(draws, [(1 - SURE) / 2, (1 + SURE) / 2])
    return tau, float(low), float(high)


def effective_sample_size(scores: np.ndarray, angles: Sequence[Angle], groups: Sequence[str]) -> float:
    """How many independent pictures ``scores`` (m,) are worth: m / (1 + (size - 1) icc), Kish's design effect.

    ``size`` is the mean group size a picture finds itself in and ``icc`` the intraclass correlation of one-way
    analysis of variance, after the mean of each angle is taken off (angles differ in level, not in people).
    """
    m, names = len(scores), np.array(groups)
    members = [np.flatnonzero(names == name) for name in dict.fromkeys(groups)]
    if len(members) < 2:
        return float(len(members))
    sizes = np.array([len(g) for g in members])
    size = float((sizes**2).sum() / m)
    level = scores.astype(np.float64).copy()
    for angle in set(angles):
        same = np.array([a == angle for a in angles])
        level[same] -= level[same].mean()
    means = np.array([level[g].mean() for g in members])
    between = float((sizes * (means - level.mean()) ** 2).sum() / (len(members) - 1))
    inside = float(sum(((level[g] - mean) ** 2).sum() for g, mean in zip(members, means, strict=True)))
    within = inside / (m - len(members)) if m > len(members) else 0.0
    usual = (m - size) / (len(members) - 1)
    total = between + (usual - 1) * within
    icc = min(1.0, max(0.0, (between - within) / total)) if total > 0 else 0.0
    return m / (1 + (size - 1) * icc)


def area(genuine: np.ndarray, impostor: np.ndarray) -> float:
    """Area under the ROC: how often a right picture scores above one of somebody else, ties counting half. NaN when
    one side is empty."""
    if not len(genuine) or not len(impostor):
        return float("nan")
    higher = (genuine[:, None] > impostor[None]).mean() + (genuine[:, None] == impostor[None]).mean() / 2
    return float(higher)


def roc(genuine: np.ndarray, impostor: np.ndarray) -> np.ndarray:
    """Points (k, 2) from (0, 0) to (1, 1): share of others and share of right pictures that pass, for a threshold that
    falls through all scores."""
    lines = np.unique(np.concatenate([genuine, impostor]))[::-1]
    points = [((impostor >= line).mean(), (genuine >= line).mean()) for line in lines]
    return np.array([(0.0, 0.0), *points, (1.0, 1.0)])


def _rejects(
    references: References, genuine: np.ndarray, tau: float, verified: References | None, names_others: bool
) -> list[RejectRate]:
    """By angle. A source is held against the thresholds that the OTHER sources would have given: against its own
    threshold the smallest could never fall."""
    known = np.flatnonzero(~np.isnan(genuine))
    judged: list[tuple[Angle, float, np.ndarray]] = []
    for i in known.tolist():
        judged.append((references.angles[i], float(genuine[i]), genuine[known[known != i]]))
    if verified is not None and len(verified.ids):
        scores = against(references, verified.embeddings, verified.angles)
        for angle, score in zip(verified.angles, scores, strict=True):
            if references.call(angle):
                judged.append((angle, float(score), genuine[known]))
    rows: dict[Angle, list[tuple[bool, bool]]] = {}
    for angle, score, rest in judged:
        smallest = float(rest.min()) if len(rest) else tau
        fails = names_others and score < min(tau, smallest)
        rows.setdefault(angle, []).append((score < max(tau, smallest), fails))
    return [_count(angle, rows[angle]) for angle in _order(rows)]


def _order(angles: Iterable[Angle]) -> list[Angle]:
    usual: tuple[Angle, ...] = ("profile-left", "half-left", "front", "half-right", "profile-right", "back", "unsure")
    there = set(angles)
    return [angle for angle in usual if angle in there]


def _count(angle: Angle, rows: list[tuple[bool, bool]]) -> RejectRate:
    not_passed = sum(out for out, _ in rows)
    failed = sum(fails for _, fails in rows)
    low, high = wilson(not_passed, len(rows))
    return RejectRate(angle=angle, total=len(rows), not_passed=not_passed, failed=failed, low=low, high=high)


def _too_little(n: int, far: float, effective: float, m: int, others: int) -> str:
    """Why the threshold stays provisional, in words; empty when it does not."""
    if n < SOURCES:
        return f"Only {n} sources could be compared with the others; {SOURCES} are wanted."
    if far * (effective + 1) >= 1:
        return ""
    if not m:
        return "There are no pictures of others to compare with."
    return (
        f"Too few pictures of others: {m} of {others} others are worth {effective:.0f} independent ones, and a line "
        f"that {far:.2g} of them pass needs {int(np.ceil(1 / far - 1))}. The least that can be said with these is "
        f"{1 / (effective + 1):.2g}."
    )


def _closest(scores: np.ndarray, groups: Sequence[str], count: int = 5) -> tuple[tuple[str, float], ...]:
    """The others that come closest, by their highest score."""
    best: dict[str, float] = {}
    for group, score in zip(groups, scores, strict=True):
        best[group] = max(best.get(group, -1.0), float(score))
    return tuple(sorted(best.items(), key=lambda item: -item[1])[:count])
