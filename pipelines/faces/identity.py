"""Is it the same character? Rules: docs/numbers.md, "Identity"."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from pipelines.domain.scores import Angle, Identity, IdentityVerdict
from pipelines.domain.words import count
from pipelines.faces.base import Thresholds, unit

ENOUGH = 3
"""References that an angle needs for a centroid of its own, unless a recogniser wants more; and profiles among the
references without which no profile is called."""
NEAR_DUPLICATE = 4
"""Bits of 64 in which the difference hashes of near-duplicates differ at most."""


@dataclass(frozen=True)
class References:
    """What identity is measured against: human-verified sources whose face could be described.

    ``embeddings``: (n, d), unit rows; ``angles`` and ``ids``: one for each row. ``enough``: rows at one angle that have
    a centroid of their own.
    """

    embeddings: np.ndarray
    angles: tuple[Angle, ...]
    ids: tuple[str, ...]
    enough: int = ENOUGH

    def without(self, image_id: str) -> "References":
        """The others: a source is never compared with itself."""
        rest = [i for i, own in enumerate(self.ids) if own != image_id]
        angles: tuple[Angle, ...] = tuple(self.angles[i] for i in rest)
        return References(self.embeddings[rest], angles, tuple(self.ids[i] for i in rest), self.enough)

    def facing(self, angle: Angle) -> tuple[str, np.ndarray]:
        """The references of that angle when there are ``enough``, else all of them; and the bin's name."""
        same = [i for i, own in enumerate(self.angles) if own == angle and angle != "unsure"]
        return (str(angle), self.embeddings[same]) if len(same) >= self.enough else ("all", self.embeddings)

    def call(self, angle: Angle) -> bool:
        """Whether a face at that angle can be called someone else: no recogniser is good enough to tell a profile from
        other angles (EER 0.7 % frontal, 4.7 % to profile)."""
        return not angle.startswith("profile") or sum(own == angle for own in self.angles) >= ENOUGH


class Drawn(NamedTuple):
    """A threshold that was calibrated on these references (``calibration``): right from ``threshold`` on, someone else
    below ``floor``; a share ``far`` of others passes."""

    threshold: float
    floor: float
    far: float


def centroid(embeddings: np.ndarray) -> tuple[np.ndarray, float]:
    """The mean of unit rows (n, d) at length 1, and the length it had: 1 for identical rows, less for varied ones."""
    mean = embeddings.mean(axis=0)
    return unit(mean), float(np.linalg.norm(mean))


def against_centroid(pairwise: float, length: float) -> float:
    """A pairwise threshold (cosine between two pictures) as a threshold against a centroid of mean ``length``.

    The cosine to the centroid times ``length`` is the mean cosine to the references, so the threshold is
    ``pairwise / length``. For references that resemble each other by s this is s / sqrt(s + (1 - s) / n): 0.46
    becomes 0.61 at n = 5. Never above 1.
    """
    return min(1.0, pairwise / length) if length > 0 else 1.0


def leave_one_out(embeddings: np.ndarray) -> np.ndarray:
    """Each reference's cosine to the centroid of the others, (n,); empty for fewer than two."""
    n = len(embeddings)
    if n < 2:
        return np.zeros(0)
    rest = [centroid(np.delete(embeddings, i, axis=0))[0] for i in range(n)]
    return np.array([float(own @ other) for own, other in zip(embeddings, rest, strict=True)])


def identify(
    embedding: np.ndarray,
    references: References,
    thresholds: Thresholds,
    *,
    recogniser: str,
    model_hash: str,
    angle: Angle = "unsure",
    drawn: Drawn | None = None,
) -> Identity:
    """Compare one unit embedding (d,) with the references, by the calibrated threshold when there is one.

    Score: cosine to the centroid of the references at the same angle when there are enough, else of all. Without a
    calibrated threshold it is right from ``max(tau, smallest leave-one-out score)`` on, wrong below the lower
    threshold, and unsure between; tau and the lower threshold are then the recogniser's pairwise ones, converted. A
    profile without profile references is never called wrong (``References.call``).
    """
    bin_name, rows = references.facing(angle)
    if not len(rows):
        return nothing("There are no sources to compare with.", recogniser=recogniser, model_hash=model_hash)
    centre, length = centroid(rows)
    score = float(embedding @ centre)
    single = rows @ embedding
    threshold, floor = drawn[:2] if drawn else _starting_thresholds(rows, length, thresholds)
    verdict = _verdict(score, threshold, floor)
    how = f", calibrated at {drawn.far:.2g} false accepts" if drawn else _START if thresholds.provisional else ""
    why = _why(verdict, score, threshold, len(rows), bin_name) + f"{how}."
    if not references.call(angle) and verdict != "right":
        verdict = "cannot tell"
        why = f"A profile, and fewer than {ENOUGH} sources show one: too little to tell."
    return Identity(
        recogniser=recogniser,
        model_hash=model_hash,
        score=round(score, 4),
        highest=round(float(single.max()), 4),
        mean=round(float(single.mean()), 4),
        n=len(rows),
        bin=bin_name,
        threshold=round(threshold, 4),
        verdict=verdict,
        why=why,
    )


def nothing(why: str, *, recogniser: str, model_hash: str, n: int = 0) -> Identity:
    """The answer when there is nothing to measure."""
    return Identity(recogniser=recogniser, model_hash=model_hash, n=n, verdict="cannot tell", why=why)


def is_copy(highest: float, references: References, hash_distance: int) -> bool:
    """Whether a picture repeats a source: it is closer to one (``highest``: cosine) than any two sources are to each
    other, and a near duplicate of one (``hash_distance``: bits between their difference hashes)."""
    among = references.embeddings @ references.embeddings.T
    closest = max(among[np.triu_indices(len(among), k=1)], default=-1.0)
    return highest > float(closest) and hash_distance <= NEAR_DUPLICATE


_START = "; the line is a starting value"


def _starting_thresholds(rows: np.ndarray, length: float, thresholds: Thresholds) -> tuple[float, float]:
    alone = leave_one_out(rows)
    lowest = float(alone.min()) if len(alone) else 0.0
    return max(against_centroid(thresholds.same, length), lowest), against_centroid(thresholds.other, length)


def _verdict(score: float, threshold: float, floor: float) -> IdentityVerdict:
    if score >= threshold:
        return "right"
    return "wrong" if score < min(floor, threshold) else "unsure"


def _why(verdict: str, score: float, threshold: float, n: int, bin_name: str) -> str:
    against = count(n, "source") + ("" if bin_name == "all" else f" seen {bin_name}")
    side = "at or above" if verdict == "right" else "below"
    return f"{score:.2f} against {against}, {side} the line of {threshold:.2f}"
