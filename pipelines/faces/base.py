"""What a recogniser is, whatever is behind it."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
from PIL import Image


class RecogniserMissing(RuntimeError):
    """The recogniser cannot work: the message says what is missing or broken and where to put it."""


@dataclass(frozen=True)
class Said:
    """One word a reader said, and the probability it gave to it."""

    word: str
    sure: float


Attributes = Mapping[str, Said]
"""What readers say, by head."""


def sure_attribute(attributes: Attributes, head: str, sure: float = 0.5) -> str:
    """The word of a head that is at least so ``sure`` of it; empty when it is not, or not there."""
    said = attributes.get(head)
    return said.word if said and said.sure >= sure else ""


@dataclass(frozen=True)
class Face:
    """One face found in a picture.

    ``box``: x0, y0, x1, y1 in pixels; ``keypoints``: (5, 2) in pixels, the eye on the image's left, the eye on its
    right, nose, mouth corner left, mouth corner right; ``score``: the detector's confidence, 0-1; ``embedding``: unit
    norm, or ``None`` when there are no weights for it; ``yaw``: degrees, > 0 when the nose points toward the image's
    RIGHT; ``pitch``: degrees, > 0 looking up. ``None``: not measured. ``attributes``: what readers beside the
    recogniser say of it, by head (``expression``, ``hair`` ...); empty when there are none.
    """

    box: tuple[float, float, float, float]
    keypoints: np.ndarray | None = None
    score: float = 1.0
    embedding: np.ndarray | None = None
    yaw: float | None = None
    pitch: float | None = None
    attributes: Attributes = field(default_factory=dict)

    @property
    def side(self) -> float:
        """Pixels of the shorter side of the box."""
        x0, y0, x1, y1 = self.box
        return max(0.0, min(x1 - x0, y1 - y0))

    @property
    def area(self) -> float:
        """Square pixels of the box."""
        x0, y0, x1, y1 = self.box
        return max(0.0, x1 - x0) * max(0.0, y1 - y0)


@dataclass(frozen=True)
class Thresholds:
    """Cosines between two single pictures, NOT against a centroid (``identity.against_centroid`` converts them).

    From ``same`` on it counts as the same character; below ``other`` as someone else; between, a human decides.
    ``provisional``: a starting value that nobody has calibrated on this character's pictures.
    """

    same: float
    other: float
    provisional: bool = True


@dataclass(frozen=True)
class Limits:
    """What a recogniser needs to be heeded: ``angle_bin`` references at one angle before they have a centroid of their
    own, and faces of ``smallest_face`` pixels (the shorter side of their box) before anything is told of them."""

    angle_bin: int = 3
    smallest_face: float = 0.0


class Recogniser(Protocol):
    """Finds faces and describes them. ``title`` says what it is, in words for the user; ``model_hash`` names the
    exact weights (empty while they are missing); ``finds_faces`` is False for one that describes any picture."""

    name: str
    thresholds: Thresholds
    limits: Limits
    finds_faces: bool

    @property
    def title(self) -> str: ...
    @property
    def model_hash(self) -> str: ...

    def ready(self) -> str:
        """Empty when it can tell identities; else words on what is missing and where to put it."""
        ...

    def load(self) -> None:
        """Load the weights now, once. Raises RecogniserMissing when identities cannot be told: files that are there
        may still be broken."""
        ...

    def faces(self, image: Image.Image) -> list[Face]:
        """All faces of an RGB picture, the largest first. No face is an answer: an empty list. Raises
        RecogniserMissing when it cannot look at all."""
        ...

    def picture(self, image: Image.Image) -> Attributes:
        """What the whole picture shows (``framing``, ``pose``, ``facing`` ...); empty without a reader for that."""
        ...


def unit(vector: np.ndarray) -> np.ndarray:
    """``vector`` (d,) at length 1, float32; a zero vector stays zero."""
    length = float(np.linalg.norm(vector))
    return (vector / length if length else vector).astype(np.float32)


def file_hash(*paths: Path) -> str:
    """16 hex digits of the SHA-256 of the files' contents in order: which weights these are."""
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]


def largest_first(faces: list[Face]) -> list[Face]:
    """The order every recogniser answers in."""
    return sorted(faces, key=lambda face: face.area, reverse=True)
