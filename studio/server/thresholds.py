"""The identity threshold of a character on the page: what it would be calibrated from, where it lies and why, its
report."""

import json
from typing import Annotated, Literal, NotRequired

from fastapi import APIRouter, Body, File, HTTPException, Response, UploadFile
from fastapi.responses import FileResponse
from typing_extensions import TypedDict

from pipelines.domain.bounds import Fraction
from pipelines.domain.calibrations import Calibration, RejectRate
from pipelines.domain.rates import wilson
from pipelines.domain.records import Job
from pipelines.session import NotFound
from pipelines.workflow import calibration, judges, outsiders, sources, thresholds
from pipelines.workflow.calibration import CalibrateOptions
from studio.server.in_words import STILL, Begun, InWords
from studio.server.review import PICTURE_LIMIT
from studio.server.shown import for_the_shown
from studio.server.state import Studio


class Share(TypedDict):
    """``out`` of ``total``, and the 95 % interval of that rate."""

    out: int
    total: int
    low: float
    high: float


class ScoresTold(TypedDict):
    """The scores that a calibration saw, the others that come closest, and what it says in words."""

    genuine: list[float]
    impostor: list[float]
    closest: list[tuple[str, float]]
    words: str


class OthersKept(TypedDict):
    """What became of pictures of other people."""

    taken: int
    people: int
    refused: list[str]


class CalibrationTold(ScoresTold):
    """A threshold with what it was calibrated from; ``frr``: right pictures that do not pass; ``remarks`` are of
    pictures that were judged by it."""

    version: str
    recogniser: str
    far: float
    far_low: float
    far_high: float
    tau: float
    smallest: float
    threshold: float
    floor: float
    auc: float | None
    impostors: int
    others: int
    effective: float
    provisional: bool
    why: str
    created: str
    rejects: list[RejectRate]
    used: bool
    stale: bool
    frr: Share
    report: str
    remarks: list[str]


class ThresholdsTold(TypedDict):
    """The thresholds of the character, and what a new one would be calibrated from; ``worth``: of the starting line,
    in words; ``strangers``: whether strangers can be drawn, and others brought in."""

    character: str
    sources: int
    others: int
    blocker: str
    weak: list[str]
    start: float | None
    worth: str
    strangers: bool
    far: float
    failed: str
    calibrations: list[CalibrationTold]
    waiting: int


class Nobody(TypedDict):
    """Nobody is worked on."""

    character: None


class ThresholdNow(TypedDict):
    """How it stands with the threshold, and where it lies."""

    state: Literal["nobody", "none", "used", "provisional", "stale"]
    threshold: NotRequired[float]


def threshold_routes(studio: Studio) -> APIRouter:
    """Routes of the identity threshold of the character that is worked on."""
    router = APIRouter(route_class=InWords)

    @router.get("/thresholds")
    def thresholds_of() -> ThresholdsTold | Nobody:
        nobody: Nobody = {"character": None}
        return studio.remembered("thresholds", lambda: view(studio)) if studio.character_id else nobody

    @router.get("/thresholds/now")
    def now() -> ThresholdNow:
        return studio.remembered("thresholds-now", lambda: brief(studio))

    @router.post("/thresholds", dependencies=[for_the_shown(studio)])
    def draw(far: Annotated[Fraction, Body(embed=True)] = CalibrateOptions.far) -> Begun:
        return {"job": calibration.submit(studio.session, studio.character_id, CalibrateOptions(far)).id}

    @router.post("/thresholds/score", dependencies=[for_the_shown(studio)])
    def score() -> Begun:
        return {"job": calibration.score_again(studio.session, studio.character_id).id}

    @router.post("/thresholds/strangers", dependencies=[for_the_shown(studio)])
    def strangers() -> Begun:
        return {"job": calibration.draw_strangers(studio.session, studio.character_id).id}

    @router.post("/thresholds/others", dependencies=[for_the_shown(studio)])
    def others(files: Annotated[list[UploadFile], File()]) -> OthersKept:
        """Pictures of other people: the first folder of a file's name is the person, a file alone is one by itself."""
        given = [(file.filename or "", file.file.read(PICTURE_LIMIT)) for file in files]
        kept = outsiders.bring_in(studio.session, given)
        studio.forget("thresholds")
        return {
            "taken": kept.taken,
            "people": len(kept.people),
            "refused": [f"{name}: {why}" for name, why in kept.refused],
        }

    @router.get("/thresholds/{version}/{recogniser}")
    def report(version: str, recogniser: str) -> Response:
        """The report of a calibration, by its record: no other file of the workspace can be asked for here."""
        found = studio.session.store.get(Calibration, f"{studio.character_id}/{version}/{recogniser}")
        path = studio.session.workspace.path(found.report) if found and found.report else None
        if path is None or not path.is_file():
            raise HTTPException(404, "There is no such report in this workspace.")
        return FileResponse(path, media_type="text/html; charset=utf-8", headers=STILL | {"Cache-Control": "no-cache"})

    return router


def brief(studio: Studio) -> ThresholdNow:
    """What the doors to the threshold say of it; cheap, for they are on screen while one reviews."""
    if not studio.character:
        return {"state": "nobody"}
    try:
        recogniser = judges.judge(
            studio.session, studio.character, studio.session.family(studio.character.generator)
        ).recogniser
    except NotFound:  # a preset of the user's that is gone: told on the rail
        recogniser = ""
    drawn = thresholds.newest(studio.session, studio.character_id).get(recogniser)
    if drawn is None:
        return {"state": "none"}
    state = "used" if _used(studio, drawn) else "provisional" if drawn.provisional else "stale"
    return {"state": state, "threshold": drawn.threshold}


def view(studio: Studio) -> ThresholdsTold:
    """The thresholds of the character, the recogniser's first, and what a new one would be calibrated from. Raises
    NotFound."""
    session, character = studio.session, studio.session.character(studio.character_id)
    ahead = calibration.estimate(session, character.id)
    judge = judges.judge(session, character, session.family(character.generator))
    known = thresholds.newest(session, character.id)
    drawn = [known[name] for name in (judge.recogniser, judge.second_opinion) if name in known]
    return {
        "character": character.name,
        "sources": ahead.sources,
        "others": ahead.others,
        "blocker": ahead.blocker,
        "weak": list(ahead.weak),
        "worth": calibration.worth_of_start(session, character),
        "strangers": not calibration.drawn_here(session, character) and character.judged_by != "none",
        "start": _starting(studio, judge.recogniser),
        "far": CalibrateOptions.far,
        "failed": _failed(studio, drawn[0] if drawn else None),
        "calibrations": [_calibration(studio, c) for c in drawn],
        "waiting": len(calibration.otherwise_scored(session, drawn[0])) if drawn and _used(studio, drawn[0]) else 0,
    }


def _starting(studio: Studio, recogniser: str) -> float | None:
    """The threshold for two single pictures that is in use until one is calibrated; ``None``: the recogniser's own."""
    preset = studio.session.presets.faces.get(recogniser)
    return preset.thresholds.same if preset and preset.thresholds else None


def _failed(studio: Studio, last: Calibration | None) -> str:
    """Why the newest attempt failed, when nothing has been calibrated since."""
    tried = [j for j in studio.session.store.all(Job, character=studio.character_id) if j.kind == "calibrate"]
    if not tried or tried[-1].state != "failed" or (last and last.job == tried[-1].id):
        return ""
    return tried[-1].error


def _used(studio: Studio, drawn: Calibration) -> bool:
    return not drawn.provisional and thresholds.fits(drawn, sources.references(studio.session, drawn.character))


def _calibration(studio: Studio, drawn: Calibration) -> CalibrationTold:
    """A threshold with what it was calibrated from; the scores are read from the file beside its report."""
    names = ("version", "recogniser", "far", "far_low", "far_high", "tau", "smallest", "threshold", "floor", "auc")
    more = ("impostors", "others", "effective", "provisional", "why", "created")
    out = sum(r.not_passed for r in drawn.rejects)
    total = sum(r.total for r in drawn.rejects)
    low, high = wilson(out, total)
    return CalibrationTold(
        **drawn.model_dump(mode="json", include={*names, *more}),
        rejects=list(drawn.rejects),
        used=_used(studio, drawn),
        stale=not drawn.provisional and not _used(studio, drawn),
        frr={"out": out, "total": total, "low": low, "high": high},
        report=f"/thresholds/{drawn.version}/{drawn.recogniser}",
        **_told(studio, drawn),
        remarks=calibration.remarks(studio.session, drawn),
    )


def _told(studio: Studio, drawn: Calibration) -> ScoresTold:
    """Scores, closest others and words of a calibration; empty when its file is gone."""
    try:
        told = json.loads(studio.session.workspace.path(drawn.report).with_suffix(".json").read_text("utf-8"))
    except (OSError, ValueError):
        return {"genuine": [], "impostor": [], "closest": [], "words": "The file with its scores is gone."}
    genuine, impostor = ([s for _, _, s in told["scores"][name] if s is not None] for name in ("genuine", "impostor"))
    return {"genuine": genuine, "impostor": impostor, "closest": told["closest"], "words": told["words"]}
