"""What the readers learn to say about a picture, as numbers: taken from the renderer's truth and nowhere else."""

from collections.abc import Callable, Sequence
from dataclasses import fields

import numpy as np

from pipelines.world.renderer import BACKGROUNDS, EXPRESSIONS, FRAMINGS, LIGHTS, POSES, Truth
from pipelines.world.renderer.characters import (
    BEARDS,
    CLOTHES,
    EXTRAS,
    EYES,
    GLASSES,
    HAIRS,
    MARKS,
    SKINS,
    STYLES,
    TOPS,
    Shape,
)

# What an identity is: words (classes) and numbers. Clothes are no part of it; people change them.
WORDS: dict[str, tuple[str, ...]] = {
    "skin": tuple(SKINS),
    "hair": tuple(HAIRS),
    "style": STYLES,
    "eyes": tuple(EYES),
    "glasses": GLASSES,
    "beard": BEARDS,
    "mark": MARKS,
    "extra": EXTRAS,
    "lashes": ("no", "yes"),
}
# Of the body, and seldom in a face's crop: shoulders and build say nothing there.
NUMBERS = tuple(f.name for f in fields(Shape) if f.name not in ("shoulders", "build"))
FACE_HEADS: dict[str, tuple[str, ...]] = {"expression": tuple(EXPRESSIONS)}
# What a whole picture shows. No pose in a portrait, none when it cannot be seen.
SCENE_HEADS: dict[str, tuple[str, ...]] = {
    "framing": FRAMINGS,
    "pose": ("none", *POSES),
    "light": tuple(LIGHTS),
    "background": tuple(BACKGROUNDS),
    "clothes": tuple(CLOTHES),
    "top": TOPS,
    "facing": ("toward", "away"),
}
# Beyond this a head is seen from behind: there is no face.
BEHIND = 112.0

Table = dict[str, np.ndarray]


def has_face(truth: Truth) -> bool:
    """Whether the face is turned toward the viewer at all."""
    return abs((truth.yaw + 180) % 360 - 180) < BEHIND


def table(truths: Sequence[Truth]) -> Table:
    """One row a picture: classes as int64 (N,), ``numbers`` (N, 24), ``turn`` (N, 3: sine and cosine of yaw, pitch in
    degrees / 30), ``keypoints`` (N, 5, 2) with the eye at the picture's left first, and ``box`` (N, 4), in shares."""
    out: Table = {}
    for name, words in WORDS.items():
        value = (lambda t: "yes" if t.character.lashes else "no") if name == "lashes" else _of_character(name)
        out[name] = _index([value(t) for t in truths], words)
    for name in ("expression", "framing", "light", "background"):
        out[name] = _index([getattr(t, name) for t in truths], (FACE_HEADS | SCENE_HEADS)[name])
    out["pose"] = _index([t.pose or "none" for t in truths], SCENE_HEADS["pose"])
    out["clothes"] = _index([t.character.clothes for t in truths], SCENE_HEADS["clothes"])
    out["top"] = _index([t.character.top for t in truths], TOPS)
    out["face"] = np.array([has_face(t) for t in truths], np.int64)
    out["facing"] = 1 - out["face"]
    out["numbers"] = np.array([[getattr(t.character.shape, n) for n in NUMBERS] for t in truths], np.float32)
    yaw = np.radians([t.yaw for t in truths])
    pitch = np.array([t.view.pitch for t in truths])
    out["turn"] = np.stack([np.sin(yaw), np.cos(yaw), pitch / 30], 1).astype(np.float32)
    out["keypoints"] = np.stack([ordered(np.array(t.keypoints, np.float32)) for t in truths])
    out["box"] = np.array([t.box for t in truths], np.float32)
    return out


def ordered(points: np.ndarray) -> np.ndarray:
    """Keypoints (5, 2) with the eye and the corner of the mouth at the picture's left first, as detectors give them:
    in profile and beyond the character's own order crosses over."""
    eyes, corners = points[:2], points[3:]
    eyes = eyes[np.argsort(eyes[:, 0], kind="stable")]
    corners = corners[np.argsort(corners[:, 0], kind="stable")]
    return np.concatenate([eyes, points[2:3], corners])


def _of_character(name: str) -> Callable[[Truth], str]:
    return lambda t: getattr(t.character, name)


def _index(values: Sequence[str], words: Sequence[str]) -> np.ndarray:
    place = {word: i for i, word in enumerate(words)}
    return np.array([place[value] for value in values], np.int64)
