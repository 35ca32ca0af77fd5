"""What is true in the mini world, for the simulated reviewer. Works in the worker: it draws, and it reads pictures with
an independent recogniser, another network than the primary one, against true renders of the character instead of its
sources.
"""

import io
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import cast

import numpy as np
from PIL import Image

from pipelines.domain.cancelled import Cancelled
from pipelines.domain.events import Event, Progress, Started
from pipelines.domain.requests import ExamineRequest, TargetsRequest
from pipelines.domain.scores import Angle
from pipelines.faces import FaceSettings, recogniser
from pipelines.faces.angle import angle_of
from pipelines.faces.base import Attributes, Recogniser
from pipelines.faces.calibration import accept_threshold, against
from pipelines.faces.identity import References
from pipelines.storage.atomic import write_durably
from pipelines.storage.workspace import Workspace
from pipelines.world.cast import member
from pipelines.world.face_distance import face_distance, true_faces
from pipelines.world.practice_sources import views
from pipelines.world.reading import Reading, Said
from pipelines.world.renderer import BACKGROUNDS, EXPRESSIONS, LIGHTS, POSES, YAWS, Character, View, render

PRIMARY, INDEPENDENT = "mini", "mini-judge"
"""The independent recogniser reads faces; the primary one lends its reader of whole pictures (framing, pose, light,
background)."""
STRANGERS = range(8_000_000, 8_000_080)
NEAR, FULL = 10, 6
"""True renders at each angle: heads and shoulders, full figures."""
PLACES = {"street": "city"}
"""Backgrounds that edits call otherwise than the world."""
BATCH = 40

Cancel = Callable[[], bool]
Tell = Callable[[Event], None]


def examine(
    request: ExamineRequest, *, workspace: Workspace, settings: FaceSettings, emit: Tell, cancelled: Cancel
) -> dict[str, Reading]:
    """A reading of each picture, by image id. Raises Cancelled, OSError for a picture that cannot be read, and
    RecogniserMissing when that recogniser is not there."""
    emit(Started(total=len(request.images)))
    truth = GroundTruth(settings)
    near, full = (truth.known(request.number, request.size, whole, request.held_out) for whole in (False, True))
    thresholds = [
        truth.threshold(known, request.size, whole, request.far) for known, whole in ((near, False), (full, True))
    ]
    who = Character.from_seed(member(request.number).seed, request.held_out)
    found: dict[str, Reading] = {}
    for done, ref in enumerate(request.images, 1):
        if cancelled():
            raise Cancelled
        with Image.open(workspace.path(ref.path)) as file:
            found[ref.id] = truth.read(file.convert("RGB"), (near, full), thresholds, who)
        emit(Progress(done=done))
    return found


class GroundTruth:
    """The independent recogniser, and the reader of whole pictures beside it."""

    def __init__(self, settings: FaceSettings) -> None:
        self.independent, self.scene = recogniser(INDEPENDENT, settings), recogniser(PRIMARY, settings)

    def known(self, number: int, size: int, whole: bool, held_out: bool) -> References:
        """True renders of a practice character as it sees them; at each angle some."""
        who = Character.from_seed(member(number).seed, held_out)
        rng = random.Random(f"truth {number} {whole}")  # noqa: S311
        wanted = [_any_view(rng, angle, whole) for angle in YAWS for _ in range(FULL if whole else NEAR)]
        return _rows(self.independent, [(who, view) for view in wanted], size)

    def threshold(self, known: References, size: int, whole: bool, far: float) -> float:
        """The cosine that a share ``far`` of pictures of strangers passes, against these true renders."""
        others = _strangers(self.independent, size, whole)
        return accept_threshold(against(known, others.embeddings, others.angles), far, len(others.ids))[0]

    def read(
        self,
        image: Image.Image,
        known: Sequence[References],
        thresholds: Sequence[float],
        who: Character | None = None,
    ) -> Reading:
        """One RGB picture; ``known`` and ``thresholds`` for heads and for full figures. With ``who`` it is, damage is
        seen in heads; in a full figure a face is a few pixels."""
        scene = self.scene.picture(image)
        place = int("framing" in scene and scene["framing"].word == "full")
        seen = Reading(
            threshold=round(thresholds[place], 4),
            framing=_said(scene, "framing"),
            pose=_said(scene, "pose"),
            light=_said(scene, "light"),
            background=_said(scene, "background"),
        )
        face = next((f for f in self.independent.faces(image) if f.embedding is not None), None)
        if face is None or face.embedding is None:
            return seen
        angle = angle_of(face.yaw, face.pitch)
        score = float(against(known[place], face.embedding[None], (angle,))[0])
        expression = _said(face.attributes, "expression")
        read = {"identity": round(score, 4), "angle": angle, "expression": expression}
        if who and not place and angle in YAWS and expression.word in EXPRESSIONS:
            far = face_distance(image, face.box, true_faces(self.independent, who, angle, expression.word))
            read["face_distance"] = None if far is None else round(far, 1)
        return seen.model_copy(update=read)


def _said(attributes: Attributes, head: str) -> Said:
    return Said(word=attributes[head].word, sure=round(attributes[head].sure, 3)) if head in attributes else Said()


def _any_view(rng: random.Random, angle: str, whole: bool) -> View:
    return View.at(
        angle,
        expression=rng.choice(list(EXPRESSIONS)),
        light=rng.choice(list(LIGHTS)),
        background=rng.choice(list(BACKGROUNDS)),
        framing="full" if whole else rng.choice(("portrait", "portrait", "bust")),
        pose=rng.choice(POSES),
    ).jittered(rng)


@lru_cache(maxsize=8)
def _strangers(independent: Recogniser, size: int, whole: bool) -> References:
    """People whom no reader has learnt, once from each angle; kept as long as the process lives."""
    rng = random.Random(f"strangers {whole}")  # noqa: S311
    angles = ("front", "profile-left") if whole else tuple(YAWS)
    wanted = [(Character.from_seed(seed), _any_view(rng, angle, whole)) for seed in STRANGERS for angle in angles]
    return _rows(independent, wanted, size)


def _rows(independent: Recogniser, wanted: Sequence[tuple[Character, View]], size: int) -> References:
    rows: list[tuple[np.ndarray, Angle, str]] = []
    for start in range(0, len(wanted), BATCH):
        part = wanted[start : start + BATCH]
        pixels, truths = render([who for who, _ in part], [view for _, view in part], size)
        for picture, truth in zip(pixels, truths, strict=True):
            face = next((f for f in independent.faces(Image.fromarray(picture)) if f.embedding is not None), None)
            if face is not None and face.embedding is not None:
                rows.append((face.embedding, cast(Angle, truth.angle), truth.identity))
    return References(np.stack([r[0] for r in rows]), tuple(r[1] for r in rows), tuple(r[2] for r in rows))


def targets(request: TargetsRequest, *, workspace: Workspace, emit: Tell, cancelled: Cancel) -> list[str]:
    """Draw what edits of the character's sources should have given: ``<name>.png`` for each, in the request's folder;
    returns the paths. Raises KeyError for an edit that the world cannot draw, Cancelled between batches."""
    emit(Started(total=len(request.wanted)))
    who = Character.from_seed(member(request.number).seed, request.held_out)
    seen = views(request.number)
    paths: list[str] = []
    for start in range(0, len(request.wanted), BATCH):
        if cancelled():
            raise Cancelled
        part = request.wanted[start : start + BATCH]
        pixels, _ = render([who] * len(part), [edited(seen[w.source], w.axis, w.value) for w in part], request.size)
        for want, picture in zip(part, pixels, strict=True):
            paths.append(f"{request.folder}/{want.name}.png")
            data = io.BytesIO()
            Image.fromarray(picture).save(data, "PNG")
            write_durably(workspace.path(paths[-1]), data.getvalue(), sync=False)
        emit(Progress(done=len(paths)))
    return paths


def edited(view: View, axis: str, value: str) -> View:
    """``view`` with the one factor changed that an edit asks for. Raises KeyError for what the world cannot draw."""
    if axis == "angle":
        return replace(view, yaw=YAWS[value])
    name, known = {
        "expression": ("expression", EXPRESSIONS),
        "lighting": ("light", LIGHTS),
        "background": ("background", BACKGROUNDS),
    }[axis]
    word = PLACES.get(value, value)
    if word not in cast(Iterable[str], known):
        raise KeyError(f"no {axis} {value!r} in the mini world")
    return replace(view, **{name: word})
