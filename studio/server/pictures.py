"""Pictures of the workspace, and everything that is known of one."""

import re
from typing import Annotated, Literal

from fastapi import APIRouter, HTTPException, Response
from fastapi.responses import FileResponse
from pydantic import Field
from typing_extensions import TypedDict

from pipelines.domain.base import Frozen
from pipelines.domain.records import Decision, ImageRecord, TrainingRun
from pipelines.domain.scores import Angle, Expression, Framing
from pipelines.domain.shots import ImageRef
from pipelines.storage import pictures as files
from pipelines.workflow import again, chains, datasets, review, sources
from studio.server.in_words import Begun, InWords, unchecked
from studio.server.state import Studio
from studio.server.tiles import Tile, tile

IMAGE_ID = re.compile(r"[0-9a-f]{64}")
FOREVER = {"Cache-Control": "public, max-age=31536000, immutable"}


class Tags(Frozen):
    """What a picture shows, as the human says; ``None`` leaves a tag as it is."""

    angle: Angle | None = None
    expression: Expression | None = None
    framing: Framing | None = None
    caption: str | None = Field(None, max_length=2000)


class Pictures(TypedDict):
    """Pictures of one kind and version, oldest first, with the versions there are."""

    version: str
    versions: list[str]
    pictures: list[Tile]


class DecisionSaid(TypedDict):
    """A decision as the picture's page tells it."""

    who: str
    action: str
    value: str | int | None
    reason: str
    where: str
    at: str


class Picture(Tile):
    """Everything about one picture: recipe, lineage, scores, decisions; lines are pairs of a name and words.
    ``varied``: what can be varied alone, with its value; ``settings``: whether it has any to use again.
    ``corrected_by`` and ``corrects`` are pictures that teach the editor together with it (flywheel 2)."""

    recipe: list[tuple[str, str]]
    parents: list[str]
    children: list[str]
    corrected_by: list[str]
    corrects: list[str]
    scores: list[tuple[str, str]]
    decisions: list[DecisionSaid]
    trained: list[str]
    caption: str
    again: bool
    varied: dict[str, str]
    settings: bool


class OneThing(Frozen):
    """What is to be varied (``again.ONE_THING``), and the values that it is to have."""

    name: str = Field(max_length=40)
    values: tuple[Annotated[str, Field(max_length=5000)], ...] = Field(max_length=100)


class Again(Begun):
    """The job that makes a shot once more."""

    title: str


def picture_routes(studio: Studio) -> APIRouter:
    """Pictures and what is known of them."""
    router = APIRouter(route_class=InWords)

    @router.get("/img/{image_id}")
    def image(image_id: str, w: int = 0) -> Response:
        """A picture of the workspace by the hash of its file; ``w`` asks for a thumbnail."""
        record = studio.session.store.get(ImageRecord, image_id) if IMAGE_ID.fullmatch(image_id) else None
        if record is None or w not in (0, *files.WIDTHS):
            raise HTTPException(404, "There is no such picture in this workspace.")
        workspace = studio.session.workspace
        path = files.thumbnail(workspace, record, w) if w else workspace.path(record.path)
        if not path.is_file():
            raise HTTPException(404, f"The file of this picture is gone: {record.path}")
        return FileResponse(path, headers=FOREVER)

    @router.get("/pictures", **unchecked(Pictures))
    def pictures(kind: str, version: str = "latest", run: str = "") -> Pictures:
        return of_kind(studio, kind, version, run)

    @router.get("/picture/{image_id}")
    def picture(image_id: str) -> Picture:
        return everything(studio, image_id)

    @router.post("/picture/{image_id}/tags")
    def tag(image_id: str, tags: Tags) -> Picture:
        sources.tag(studio.session, image_id, **tags.model_dump())
        return everything(studio, image_id)

    @router.post("/picture/{image_id}/vary-one")
    def vary_one(image_id: str, asked: OneThing) -> Again:
        """The same shot with other values of one thing, its seed and all else the same, as a job."""
        job = again.vary_one(studio.session, image_id, asked.name, asked.values)
        return {"job": job.id, "title": job.title}

    @router.post("/picture/{image_id}/{action}")
    def once_more(image_id: str, action: Literal["retry", "vary"]) -> Again:
        """The same shot with a new seed, or with a few, as a job."""
        job = {"retry": again.retry, "vary": again.vary}[action](studio.session, image_id)
        return {"job": job.id, "title": job.title}

    return router


def of_kind(studio: Studio, kind: str, version: str, run: str = "") -> Pictures:
    """Pictures of one kind and version (``latest``, ``all``, ``v1``), oldest first, with the versions there are."""
    store = studio.session.store
    found = datasets.pictures(studio.session, studio.character_id, kind)
    if run:
        job = getattr(store.get(TrainingRun, run), "job", run)
        found = [image for image in found if image.job == job]
    versions = sorted({image.version for image in found}, key=_order)
    if version == "latest":
        version = versions[-1] if versions else ""
    broken = chains.broken(studio.session, studio.character_id) if kind == "enriched" else {}
    shown = found if version in ("all", "") or run else [image for image in found if image.version == version]
    return {
        "version": version,
        "versions": versions,
        "pictures": [tile(i, store.verdict(i.id), broken.get(i.id, "")) for i in shown if not _removed(studio, i)],
    }


def _order(version: str) -> tuple[int, str]:
    digits = version.removeprefix("v")
    return (int(digits) if digits.isdigit() else 0, version)


def _removed(studio: Studio, image: ImageRecord) -> bool:
    return image.kind == "source" and studio.session.store.verdict(image.id).label == "reject"


def everything(studio: Studio, image_id: str) -> Picture:
    """Everything about one picture: recipe, lineage, scores, decisions. Raises NotFound."""
    store = studio.session.store
    image = review.get(studio.session, image_id)
    given = review.given_corrections(studio.session, image.character)
    return {
        **tile(image, store.verdict(image.id), chains.broken(studio.session, image.character).get(image.id, "")),
        "recipe": _recipe(image),
        "parents": list(dict.fromkeys(p.id for p in [*review.lineage(studio.session, image), *_seen(image)])),
        "children": [i.id for i in store.all(ImageRecord, character=image.character) if image.ref in _seen(i)][:60],
        "corrected_by": [c.target.id for c in given if c.wrong.id == image.id],
        "corrects": [c.wrong.id for c in given if c.target.id == image.id],
        "scores": _scores(image),
        "decisions": [_said(d) for d in store.decisions(image.id)],
        "trained": [
            _trained(studio, run) for run in store.all(TrainingRun, character=image.character) if image.id in run.images
        ],
        "caption": image.caption,
        "again": again.repeatable(image),
        "varied": again.values(image),
        "settings": image.shot is not None,
    }


def _seen(image: ImageRecord) -> tuple[ImageRef, ...]:
    """The pictures that it was made from, the one that was edited first."""
    return image.shot.seen if image.shot else ()


def _trained(studio: Studio, run: TrainingRun) -> str:
    """A training in which a picture took part, and whose pictures it learnt from."""
    parent = studio.session.store.get(TrainingRun, run.parent) if run.parent else None
    return f"{run.version} ({run.target}{f', with pictures that {parent.version} made' if parent else ''})"


def _said(decision: Decision) -> DecisionSaid:
    plain = decision.model_dump(mode="json", include=set(DecisionSaid.__annotations__))
    return DecisionSaid(**plain)


def _recipe(image: ImageRecord) -> list[tuple[str, str]]:
    lines: list[tuple[str, str]] = []
    if shot := image.shot:
        lines += [("Prompt", shot.prompt), ("Without", shot.negative_prompt), ("Model", shot.family)]
        lines += [("LoRA stack", shot.stack.label), ("Seed", str(shot.seed))]
        lines += [("Steps, guidance", f"{shot.steps}, {shot.guidance:g}")]
        lines += [("Noise schedule", ", ".join(f"{name} {value:.4g}" for name, value in shot.schedule.values.items()))]
    if came := image.intake:
        lines += [("File", came.filename), ("Format", came.format), ("On the way in", "; ".join(came.notes))]
    lines += [("Size", f"{image.width} x {image.height}"), ("Dataset", f"{image.kind} {image.version}")]
    lines += [("Caption", image.caption), ("Made in", f"{image.seconds:.1f} s" if image.seconds else "")]
    lines += [("Peak memory", f"{image.peak_gib:.1f} GB" if image.peak_gib else ""), ("Id", image.id[:16])]
    return [line for line in lines if line[1]]


def _scores(image: ImageRecord) -> list[tuple[str, str]]:
    lines: list[tuple[str, str]] = []
    for name, identity in (("Identity", image.scores.identity), ("Second opinion", image.scores.second_opinion)):
        if identity is None:
            continue
        number = "" if identity.score is None else f" {identity.score:.2f}"
        line = "" if identity.threshold is None else f", line at {identity.threshold:.2f}"
        lines.append((name, f"{identity.verdict}{number}{line} ({identity.recogniser})"))
        lines.append(("", identity.why))
    if image.scores.faces is not None:
        lines.append(("Faces", str(image.scores.faces)))
    if image.scores.quality:
        lines.append(("Quality", "; ".join(image.scores.quality.issues) or "no doubts"))
    return [line for line in lines if line[1]]
