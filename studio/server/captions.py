"""Captions on the page: what pictures are learnt with, edited together, and datasets that leave with them."""

import secrets
import tempfile
import zipfile
from pathlib import Path
from typing import IO, Annotated, Literal

from fastapi import APIRouter, Query
from fastapi.responses import FileResponse
from pydantic import Field
from starlette.background import BackgroundTask
from typing_extensions import TypedDict

from pipelines.domain.base import Frozen
from pipelines.domain.records import CaptionEdit, ImageRecord
from pipelines.planning.caption_edits import LONGEST, CaptionChange
from pipelines.storage import export as files
from pipelines.storage.atomic import make_folder, new_file
from pipelines.workflow import caption_edits as editing
from pipelines.workflow import export, reading, review
from pipelines.workflow.caption_edits import Kind
from studio.server.in_words import InWords, unchecked
from studio.server.shown import for_the_shown
from studio.server.state import Studio

MOST_CHOSEN = 100_000
Ids = Annotated[tuple[str, ...], Field(max_length=MOST_CHOSEN)]
Words = Annotated[str, Field(max_length=LONGEST)]


class CaptionRow(TypedDict):
    """A picture's caption as it is learnt, who wrote it ("": nobody, it is built), and what is to be said of it."""

    id: str
    kind: str
    name: str
    caption: str
    by: str
    tokens: int
    notes: list[str]


class CaptionsTold(TypedDict):
    """Captions of a character; ``undo`` says what would be taken back ("": nothing), ``exact`` whether the model's own
    tokenizer counted, ``captioner`` who could write them here, and ``lacking`` why nobody can."""

    rows: list[CaptionRow]
    notes: list[str]
    exact: bool
    most: int
    undo: str
    captioner: str
    lacking: str


class MachineAsked(Frozen):
    """Which pictures a captioner is to caption."""

    images: Ids


class JobBegun(TypedDict):
    """A job that was asked for."""

    job: str
    title: str


class CaptionsAsked(Frozen):
    """What is to be done with the captions of which pictures."""

    images: Ids
    change: CaptionChange


class CaptionsWritten(Frozen):
    """Captions by picture, word for word."""

    captions: dict[str, Words]


class CaptionsChanged(TypedDict):
    """Captions that change, by picture, as they become."""

    captions: dict[str, str]


class CaptionsBack(TypedDict):
    """How many captions are as before, and what was taken back."""

    captions: int
    words: str


def caption_routes(studio: Studio) -> APIRouter:
    """Captions of the character that is worked on."""
    router = APIRouter(route_class=InWords)

    @router.get("/captions", **unchecked(CaptionsTold))
    def captions(kind: Annotated[list[Kind] | None, Query()] = None, tag: str = "") -> CaptionsTold:
        """Captions of pictures of these kinds; of all when none is named."""
        return listed(studio, tuple(kind or editing.KINDS), tag)

    @router.post("/captions/preview", dependencies=[for_the_shown(studio)])
    def preview(asked: CaptionsAsked) -> CaptionsChanged:
        return {"captions": editing.preview(studio.session, studio.character_id, _chosen(studio, asked), asked.change)}

    @router.post("/captions/change", dependencies=[for_the_shown(studio)])
    def change(asked: CaptionsAsked) -> CaptionsChanged:
        made = editing.change(studio.session, studio.character_id, _chosen(studio, asked), asked.change)
        return {"captions": _after(made)}

    @router.post("/captions/write", dependencies=[for_the_shown(studio)])
    def write(asked: CaptionsWritten) -> CaptionsChanged:
        words = "one caption written" if len(asked.captions) == 1 else f"{len(asked.captions)} captions written"
        return {"captions": _after(editing.write(studio.session, studio.character_id, asked.captions, words))}

    @router.post("/captions/machine", dependencies=[for_the_shown(studio)])
    def machine(asked: MachineAsked) -> JobBegun:
        """Have captions written that no human wrote."""
        images = [review.get(studio.session, image) for image in asked.images]
        job = reading.caption(studio.session, studio.character_id, images)
        return {"job": job.id, "title": job.title}

    @router.post("/captions/undo", dependencies=[for_the_shown(studio)])
    def undo() -> CaptionsBack:
        edit, back = editing.undo(studio.session, studio.character_id)
        return {"captions": back, "words": edit.words}

    @router.get("/export/{what}.zip")
    def dataset(what: Literal["source", "enriched", "pristine", "training", "editor"]) -> FileResponse:
        """A dataset as other trainers read it, in one file."""
        packed = _packed(studio, what)
        name = f"{studio.character_id}-{what}.zip"
        return FileResponse(packed, filename=name, background=BackgroundTask(packed.unlink, missing_ok=True))

    return router


def listed(studio: Studio, kinds: tuple[Kind, ...], tag: str) -> CaptionsTold:
    """What the page is told of captions; nothing when there is no character."""
    if not studio.character_id:
        return {"rows": [], "notes": [], "exact": True, "most": 0, "undo": "", "captioner": "", "lacking": ""}
    images = editing.pictures(studio.session, studio.character_id, kinds, tag)
    found = editing.listing(studio.session, studio.character_id, images)
    captioner, lacking = reading.who(studio.session, studio.character_id)
    return {
        "rows": [
            {"id": r.image.id, "kind": r.image.kind, "name": _name(r.image), "caption": r.caption, "by": r.by,
             "tokens": r.tokens, "notes": list(r.notes)}
            for r in found.rows
        ],
        "notes": list(found.notes),
        "exact": found.exact,
        "most": found.most,
        "undo": found.undo.words if found.undo else "",
        "captioner": captioner,
        "lacking": lacking,
    }  # fmt: skip


def _name(image: ImageRecord) -> str:
    if image.intake:
        return image.intake.filename
    return image.shot.purpose.cell if image.shot else image.id[:8]


def _chosen(studio: Studio, asked: CaptionsAsked) -> list[ImageRecord]:
    return [review.get(studio.session, image) for image in asked.images]


def _after(edit: CaptionEdit | None) -> dict[str, str]:
    return {b.image: b.after for b in edit.changed} if edit else {}


def _packed(studio: Studio, what: export.What) -> Path:
    """The dataset as a ZIP in the cache; who sends it removes it. Raises NotFound, OSError."""
    found = export.entries(studio.session, studio.character_id, what)
    cache = studio.session.workspace.path("cache/export")
    make_folder(cache)
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        files.write(Path(folder), found, Path())
        target = cache / f"{secrets.token_hex(8)}.zip"
        with new_file(target) as (_, file):
            _pack(Path(folder), file)
    return target


def _pack(folder: Path, target: IO[bytes]) -> None:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(folder).as_posix())
