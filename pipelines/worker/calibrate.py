"""Calibrate a character: look at its sources and at pictures of others with each recogniser, and calibrate its
threshold.

Pictures of others are those the request names and, for a character of the mini world, people drawn on the spot.
"""

import json
import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from pipelines.domain.cancelled import Cancelled
from pipelines.domain.events import Event, Progress, Started, Warned
from pipelines.domain.requests import CalibrateRequest, Reference
from pipelines.domain.scores import Angle
from pipelines.faces import FaceSettings, recogniser
from pipelines.faces.angle import angle_of
from pipelines.faces.base import Recogniser, RecogniserMissing
from pipelines.faces.calibration import Calibrated, Impostors, TooFewSources, calibrate
from pipelines.faces.calibration_report import page, words
from pipelines.faces.identity import References
from pipelines.faces.main_face import main_face, too_small
from pipelines.storage.atomic import write_durably
from pipelines.storage.presets import load_presets
from pipelines.storage.workspace import Workspace

log = logging.getLogger(__name__)
NOBODY = np.zeros((0, 1), np.float32)
VIEWS = 5  # of each stranger


@dataclass
class Row:
    """What a recogniser makes of one picture: ``name`` is an image id, or the group of an impostor."""

    name: str
    angle: Angle
    embedding: np.ndarray


class Calibration:
    """One request being worked at. The first recogniser tells the angles, as it does when pictures are scored."""

    def __init__(
        self,
        request: CalibrateRequest,
        *,
        workspace: Workspace,
        settings: FaceSettings,
        emit: Callable[[Event], None],
        cancelled: Callable[[], bool],
    ) -> None:
        self._request, self._workspace, self._settings = request, workspace, settings
        self._emit, self._cancelled = emit, cancelled
        self._done = 0
        self._faceless: dict[str, int] = {}

    def run(self) -> list[dict[str, Any]]:
        """The calibration of each recogniser that can work, as plain values. Raises RecogniserMissing when the first
        cannot, TooFewSources, and Cancelled between two pictures."""
        request = self._request
        able = self._able()
        others = [(other.group, image) for other in request.others for image in other.images]
        total = len(request.references) + len(request.verified) + len(others) + VIEWS * len(request.strangers)
        self._emit(Started(total=total))
        rows = {who.name: ([], [], []) for who in able}
        for reference, place in [(r, 0) for r in request.references] + [(r, 1) for r in request.verified]:
            self._look(able, rows, place, reference.image.id, self._open(reference), said=reference.angle)
        for group, image in others:
            self._look(able, rows, 2, group, self._open(Reference(image=image)))
        for group, picture in self._strangers():
            self._look(able, rows, 2, group, picture)
        return [self._draw(who, *rows[who.name]) for who in able]

    def _able(self) -> list[Recogniser]:
        able: list[Recogniser] = []
        known = load_presets(self._workspace.root).faces
        for name in self._request.recognisers:
            who = recogniser(name, self._settings, known)
            try:
                if missing := who.ready():
                    raise RecogniserMissing(missing)
                who.load()
                able.append(who)
            except RecogniserMissing as error:
                if not able:
                    raise
                self._emit(Warned(text=f"No line for {name}. {error}"))
        return able

    def _open(self, reference: Reference) -> Image.Image | None:
        try:
            with Image.open(self._workspace.path(reference.image.path)) as file:
                return file.convert("RGB")
        except (OSError, Image.DecompressionBombError) as error:
            log.warning("%s cannot be read: %s", reference.image.path, error)
            self._emit(Warned(text=f"{reference.image.path} cannot be read and is left out: {error}"))
            return None

    def _strangers(self) -> Iterator[tuple[str, Image.Image]]:
        if not self._request.strangers:
            return
        from pipelines.world.strangers import pictures

        for seed, picture in pictures(self._request.strangers, self._request.size):
            yield f"practice stranger {seed}", picture

    def _look(
        self,
        able: list[Recogniser],
        rows: dict[str, tuple[list[Row], list[Row], list[Row]]],
        place: int,
        name: str,
        picture: Image.Image | None,
        said: Angle = "unsure",
    ) -> None:
        if self._cancelled():
            raise Cancelled
        self._done += 1
        self._emit(Progress(done=self._done))
        angle = said
        if picture is None:
            return
        for who in able:
            faces = who.faces(picture)
            if faces and angle == "unsure":
                angle = angle_of(faces[0].yaw, faces[0].pitch)
            sought = np.stack([r.embedding for r in rows[who.name][0]]) if rows[who.name][0] and place < 2 else NOBODY
            face = main_face(faces, sought)
            if face is None or face.embedding is None or too_small(face, who.limits.smallest_face):
                self._faceless[who.name] = self._faceless.get(who.name, 0) + 1
            else:
                rows[who.name][place].append(Row(name, angle, face.embedding))

    def _draw(self, who: Recogniser, own: list[Row], verified: list[Row], others: list[Row]) -> dict[str, Any]:
        request = self._request
        if len(own) < 2:
            raise TooFewSources(
                f"{who.name} can compare {len(own)} of {len(request.references)} sources; it needs two."
            )
        drawn = calibrate(
            _references(own, who),
            Impostors(_stack(others, own), tuple(r.angle for r in others), tuple(r.name for r in others)),
            far=request.far,
            verified=_references(verified, who) if verified else None,
            names_others=who.thresholds.other > -1,
        )
        report = f"{request.folder}/{who.name}.html"
        known = _values(drawn, who, own) | {"version": request.version, "report": report}
        facts = {
            "Recogniser": who.title,
            "Weights": who.model_hash,
            "Pictures without a face that can be compared": str(self._faceless.get(who.name, 0)),
        }
        text = page(drawn, f"Where the line lies for {request.name}", facts)
        write_durably(self._workspace.path(report), text.encode())
        scores = {
            "genuine": [[r.name, r.angle, _plain(s)] for r, s in zip(own, drawn.genuine, strict=True)],
            "impostor": [[r.name, r.angle, _plain(s)] for r, s in zip(others, drawn.impostor, strict=True)],
        }
        data = known | {"character": request.character, "closest": drawn.closest, "words": words(drawn)}
        data["scores"] = scores
        write_durably(self._workspace.path(f"{request.folder}/{who.name}.json"), json.dumps(data, indent=1).encode())
        return known


def run(
    request: CalibrateRequest,
    *,
    workspace: Workspace,
    settings: FaceSettings,
    emit: Callable[[Event], None],
    cancelled: Callable[[], bool],
) -> list[dict[str, Any]]:
    """See ``Calibration.run``: the fields of ``domain.calibrations.Calibration`` for each recogniser, and the reports
    in the request's folder (``<recogniser>.html`` and ``.json`` with every score)."""
    return Calibration(request, workspace=workspace, settings=settings, emit=emit, cancelled=cancelled).run()


def _references(rows: Iterable[Row], who: Recogniser) -> References:
    rows = list(rows)
    return References(
        _stack(rows, rows), tuple(r.angle for r in rows), tuple(r.name for r in rows), who.limits.angle_bin
    )


def _stack(rows: list[Row], like: list[Row]) -> np.ndarray:
    return np.stack([r.embedding for r in rows]) if rows else np.zeros((0, len(like[0].embedding)), np.float32)


def _plain(number: float) -> float | None:
    return None if np.isnan(number) else round(float(number), 4)


def _values(drawn: Calibrated, who: Recogniser, own: list[Row]) -> dict[str, Any]:
    names = ("far", "far_low", "far_high", "tau", "smallest", "threshold", "floor", "effective", "provisional", "why")
    return {name: getattr(drawn, name) for name in names} | {
        "recogniser": who.name,
        "model_hash": who.model_hash,
        "references": [(r.name, r.angle) for r in own],
        "impostors": len(drawn.impostor),
        "others": len(set(drawn.groups)),
        "auc": _plain(drawn.auc),
        "rejects": [rate.model_dump() for rate in drawn.rejects],
    }
