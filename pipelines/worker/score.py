"""Score pictures: identity against the sources, faces, angle, quality. One function for every step.

Who a picture shows is told by the primary recogniser. When that one cannot work (its pack is missing), every picture
still gets its faces counted, its angle and its quality, and identity says in words why it is not there.
"""

import logging
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import cast

import numpy as np
from PIL import Image

from pipelines.domain.cancelled import Cancelled
from pipelines.domain.events import Event, Progress, Scored, Started, Warned
from pipelines.domain.requests import Reference, ScoringSpec
from pipelines.domain.scores import EXPRESSIONS, Angle, Box, Expression, FaceKind, Identity, Quality, Scores
from pipelines.domain.shots import ImageRef
from pipelines.faces import FaceSettings, recogniser
from pipelines.faces.angle import angle_of
from pipelines.faces.base import Attributes, Face, Recogniser, RecogniserMissing, sure_attribute
from pipelines.faces.face_kind import kind_of_face
from pipelines.faces.features import Features, of_face
from pipelines.faces.identity import Drawn, References, identify, is_copy, nothing
from pipelines.faces.main_face import main_face, too_small
from pipelines.faces.quality import measure, measure_source
from pipelines.storage.migrations import MadeByNewer
from pipelines.storage.pictures import dhash, hamming, read_recipe
from pipelines.storage.presets import load_presets
from pipelines.storage.workspace import Workspace

log = logging.getLogger(__name__)

PHOTOGRAPHS = "sface"
"""Who says whether a face is photographed."""
BY_EYES = Identity(recogniser="", model_hash="", why="Judged by your eyes alone.")


def score(
    images: Sequence[ImageRef],
    spec: ScoringSpec,
    *,
    workspace: Workspace,
    settings: FaceSettings,
    emit: Callable[[Event], None],
    cancelled: Callable[[], bool],
) -> dict[str, Scores]:
    """Score ``images``; answers by image id, each also sent as ``Scored``.

    A picture that cannot be read is warned about and left out. References are described once per process, whatever
    the number of calls. Raises Cancelled between two pictures, and ValueError for an unknown recogniser.
    """
    scorer = Scorer(spec, workspace, settings)
    emit(Started(total=len(images)))
    if scorer.lacking:
        emit(Warned(text=f"Identity is not measured. {scorer.lacking}"))
    answers: dict[str, Scores] = {}
    for done, ref in enumerate(images, 1):
        if cancelled():
            raise Cancelled
        try:
            answers[ref.id] = scorer.score(ref)
        except (OSError, Image.DecompressionBombError) as error:
            log.warning("%s cannot be read: %s", ref.path, error)
            emit(Warned(text=f"{ref.path} cannot be read and is not scored: {error}"))
        else:
            emit(Scored(image=ref.id, scores=answers[ref.id]))
        emit(Progress(done=done))
    return answers


@dataclass(frozen=True)
class Seen:
    """What one recogniser sees in one picture."""

    faces: tuple[Face, ...]
    dhash: str


class Scorer:
    """The recognisers of one scoring spec, with the references as each of them sees them."""

    def __init__(self, spec: ScoringSpec, workspace: Workspace, settings: FaceSettings) -> None:
        self._spec, self._workspace = spec, workspace
        faces = load_presets(workspace.root).faces
        self._primary = recogniser(spec.recogniser, settings, faces) if spec.recogniser else None
        self._photographs = recogniser(PHOTOGRAPHS, settings) if spec.kinds else None
        self._second = recogniser(spec.second_opinion, settings, faces) if spec.second_opinion else None
        self._lacking = {r.name: _why_not(r) for r in (self._primary, self._second) if r}
        self._finder = _finder(self._primary, self.lacking, settings)
        self._references: dict[str, References] = {}

    @property
    def lacking(self) -> str:
        """Why the primary one cannot tell identities; empty when it can, and when nobody is asked to."""
        return self._lacking[self._primary.name] if self._primary else ""

    def score(self, ref: ImageRef) -> Scores:
        """All scores of one picture. Raises OSError when it cannot be read."""
        path = self._workspace.path(ref.path)
        with Image.open(path) as file:
            image = file.convert("RGB")
        found = None if self._finder is None else self._finder.faces(image)
        face = self._meant(found, ref)
        scene = {} if self._finder is None else self._finder.picture(image)
        angle = _angle(face, scene)
        return Scores(
            identity=self._identity(self._primary, ref, image, found, angle) if self._primary else BY_EYES,
            second_opinion=self._identity(self._second, ref, image, found, angle) if self._second else None,
            faces=None if found is None else len(found),
            face=None if face is None else _whole_pixels(face, image.size),
            kind=self._kind(image, path),
            angle=angle,
            yaw=None if face is None or face.yaw is None or math.isnan(face.yaw) else round(face.yaw, 1),
            expression=_expression(face),
            pose=sure_attribute(scene, "pose"),
            framing=sure_attribute(scene, "framing"),
            quality=self._quality(image, brought_in=_brought_in(path)),
        )

    def _meant(self, found: list[Face] | None, ref: ImageRef) -> Face | None:
        """The face whose angle and expression are told: the one that is compared, when the finder compares."""
        if not found:
            return None
        if len(found) == 1 or self._finder is not self._primary or self.lacking or self._primary is None:
            return found[0]
        return main_face(found, self._seen_by(self._primary).without(ref.id).embeddings) or found[0]

    def _kind(self, image: Image.Image, path: Path) -> FaceKind:
        if self._photographs is None or self._photographs.ready() or not _brought_in(path):
            return ""
        return kind_of_face(image, self._photographs.faces(image))

    def _quality(self, image: Image.Image, brought_in: bool) -> Quality:
        """Size counts for pictures that were brought in: what is made here has the size that was planned."""
        return measure_source(image, self._spec.smallest) if brought_in else measure(image)

    def _identity(
        self, who: Recogniser, ref: ImageRef, image: Image.Image, found: list[Face] | None, angle: Angle
    ) -> Identity:
        name, model = who.name, who.model_hash
        if self._lacking[name]:
            return nothing(self._lacking[name], recogniser=name, model_hash=model)
        faces = found if who is self._finder and found is not None else who.faces(image)
        references = self._seen_by(who).without(ref.id)
        face = main_face(faces, references.embeddings)
        asked = sum(r.image.id != ref.id for r in self._spec.references)
        why = too_small(face, who.limits.smallest_face) if face else "No face to compare."
        if face is None or face.embedding is None or why:
            missing = nothing(why, recogniser=name, model_hash=model, n=len(references.ids))
            return missing.model_copy(update={"asked": asked})
        answer = identify(
            face.embedding, references, who.thresholds,
            recogniser=name, model_hash=model, angle=angle, drawn=self._threshold(name, model),
        )  # fmt: skip
        why = " ".join(self._remarks(answer, faces, ref, image, references, who))
        return answer.model_copy(update={"why": why, "asked": asked})

    def _threshold(self, name: str, model: str) -> Drawn | None:
        known = (x for x in self._spec.thresholds if (x.recogniser, x.model_hash) == (name, model))
        return next((Drawn(x.threshold, x.floor, x.far) for x in known), None)

    def _remarks(
        self,
        answer: Identity,
        faces: list[Face],
        ref: ImageRef,
        image: Image.Image,
        references: References,
        who: Recogniser,
    ) -> list[str]:
        words = [answer.why]
        if len(faces) > 1:
            words.append(f"{len(faces)} faces; the one nearest the sources was compared.")
        if answer.highest is not None and self._copies(answer.highest, ref, image, references, who):
            words.append("It looks like a copy of a source.")
        return words

    def _copies(
        self, highest: float, ref: ImageRef, image: Image.Image, references: References, who: Recogniser
    ) -> bool:
        own = dhash(image)
        others = [self._seen(who, r.image) for r in self._spec.references if r.image.id != ref.id]
        distance = min((hamming(own, seen.dhash) for seen in others if seen), default=64)
        return is_copy(highest, references, distance)

    def _seen_by(self, who: Recogniser) -> References:
        """The references whose face can be described; angle as the human said, else as measured."""
        if who.name not in self._references:
            alone = [face.embedding for face in self._single(who) if face.embedding is not None]
            like = np.stack(alone) if alone else np.zeros((0, 1), np.float32)
            rows = [row for r in self._spec.references if (row := self._row(who, r, like)) is not None]
            embeddings = np.stack([row[0] for row in rows]) if rows else np.zeros((0, 1), np.float32)
            self._references[who.name] = References(
                embeddings, tuple(row[1] for row in rows), tuple(row[2] for row in rows), who.limits.angle_bin
            )
        return self._references[who.name]

    def _single(self, who: Recogniser) -> Iterator[Face]:
        """The faces of references that show one alone: by these the others' are chosen."""
        for reference in self._spec.references:
            seen = self._seen(who, reference.image)
            if seen and len(seen.faces) == 1:
                yield seen.faces[0]

    def _row(self, who: Recogniser, reference: Reference, like: np.ndarray) -> tuple[np.ndarray, Angle, str] | None:
        seen = self._seen(who, reference.image)
        face = main_face(seen.faces, like) if seen else None
        if face is None or face.embedding is None or too_small(face, who.limits.smallest_face):
            return None
        angle = reference.angle if reference.angle != "unsure" else angle_of(face.yaw, face.pitch)
        return face.embedding, angle, reference.image.id

    def _seen(self, who: Recogniser, ref: ImageRef) -> Seen | None:
        try:
            return _describe(who, who.model_hash, ref.id, str(self._workspace.path(ref.path)))
        except OSError as error:
            log.warning("the source %s cannot be read: %s", ref.path, error)
            return None


def _brought_in(path: Path) -> bool:
    """Whether a picture came from elsewhere, as its recipe says."""
    try:
        recipe = read_recipe(path)
    except MadeByNewer:
        return False
    return bool(recipe and recipe.intake)


@lru_cache(maxsize=1024)
def _describe(who: Recogniser, model_hash: str, image_id: str, path: str) -> Seen:
    """A reference as ``who`` sees it; ids are content hashes, so an answer stays true for the same weights."""
    with Image.open(path) as file:
        image = file.convert("RGB")
    return Seen(tuple(who.faces(image)), dhash(image))


def _whole_pixels(face: Face, size: tuple[int, int]) -> Box:
    """The box of a face as far as it lies in the picture."""
    (left, top, right, bottom), (width, height) = face.box, size
    return max(0, round(left)), max(0, round(top)), min(width, round(right)), min(height, round(bottom))


def _angle(face: Face | None, scene: Attributes) -> Angle:
    """As the face looks; a person without a face is seen from behind, if somebody can tell that there is a person."""
    if face:
        return angle_of(face.yaw, face.pitch)
    return "back" if sure_attribute(scene, "facing") == "away" else "unsure"


def _expression(face: Face | None) -> Expression:
    """What the readers beside the recogniser see in a face; ``unsure`` without them, or when they are."""
    word = sure_attribute(face.attributes, "expression") if face else ""
    return cast(Expression, word) if word in EXPRESSIONS else "unsure"


def _why_not(who: Recogniser) -> str:
    """Why ``who`` cannot tell identities; empty when it can. A broken pack shows only when it is loaded."""
    missing = who.ready()
    if missing:
        return missing
    try:
        who.load()
    except RecogniserMissing as error:
        return str(error)
    return ""


def finder(
    spec: ScoringSpec, workspace: Workspace, settings: FaceSettings
) -> Callable[[Image.Image], Features | None] | None:
    """Finds the features of the largest face of an RGB picture, as ``spec`` would find faces; ``None`` when nobody
    there can."""
    primary = recogniser(spec.recogniser, settings, load_presets(workspace.root).faces) if spec.recogniser else None
    who = _finder(primary, _why_not(primary) if primary else "", settings)
    if who is None:
        return None

    def find(image: Image.Image) -> Features | None:
        faces = who.faces(image)
        return of_face(faces[0], image.size) if faces else None

    return find


def _finder(primary: Recogniser | None, lacking: str, settings: FaceSettings) -> Recogniser | None:
    """Who finds faces: the primary one, unless something is ``lacking``. Then YuNet, which comes with the product.
    Nobody when the primary one does not know faces, or nobody is asked: a toy is not to be called faceless."""
    if primary is None or not primary.finds_faces:
        return None
    if not lacking:
        return primary
    finder = recogniser(PHOTOGRAPHS, settings)
    return None if finder.ready() else finder
