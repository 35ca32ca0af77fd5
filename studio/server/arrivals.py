"""Folders of pictures that are dropped on the page become sources, with the captions beside them."""

import tempfile
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Annotated

from fastapi import APIRouter, File, Form, UploadFile
from typing_extensions import TypedDict

from pipelines.domain.words import count
from pipelines.session import NotFound
from pipelines.storage.atomic import make_folder, write_durably
from pipelines.storage.given import passed_over
from pipelines.workflow import sources
from studio.server.in_words import InWords
from studio.server.shown import for_the_shown
from studio.server.state import Studio

CHUNK = 2**20
NOBODY = "Make a character first: New character, above."
NO_FILES = "There is nothing to take in: no file in what was dropped."


class ArrivalTold(TypedDict):
    """What became of files that were brought in, as a message of the page."""

    title: str
    lines: list[str]
    bullets: bool
    tone: str


def arrival_routes(studio: Studio) -> APIRouter:
    """Pictures that come in."""
    router = APIRouter(route_class=InWords)

    @router.post("/sources", dependencies=[for_the_shown(studio)])
    def bring_in(
        files: Annotated[list[UploadFile], File()], first_frame: Annotated[bool, Form()] = False
    ) -> ArrivalTold:
        """Files of a folder, by their names in it; hidden ones are passed over. Every other is taken or named."""
        if not studio.character_id:
            raise NotFound(NOBODY)
        visible = [f for f in files if not any(map(passed_over, PurePosixPath(f.filename or "").parts))]
        if not visible:
            raise NotFound(NO_FILES)
        return taken_in(studio, visible, first_frame)

    return router


def taken_in(studio: Studio, files: list[UploadFile], first_frame: bool) -> ArrivalTold:
    """Take uploaded files in, and have them looked at. Through the disk: a folder may hold more than memory does."""
    cache = studio.session.workspace.path("cache/arrivals")
    make_folder(cache)
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        given = [(file.filename or "picture", Path(folder) / str(n)) for n, file in enumerate(files)]
        for (_, path), file in zip(given, files, strict=True):
            write_durably(path, iter(partial(file.file.read, CHUNK), b""), sync=False)
        arrival = sources.add(studio.session, studio.character_id, given, first_frame=first_frame)
    sources.measure_new(studio.session, studio.character_id)
    return arrival_words(arrival)


def arrival_words(arrival: sources.Arrival) -> ArrivalTold:
    """What became of files, one line for each that was refused or is doubtful."""
    taken, lost = len(arrival.admitted), len(arrival.refused)
    title = f"{count(taken, 'picture')} taken in"
    title += f", {arrival.captions} with captions" if arrival.captions else ""
    title += f", {lost} refused" if lost else ""
    lines = [words if name in words else f"{name}: {words}" for name, words in arrival.refused]
    lines += [words for _, words in arrival.doubtful]
    tone = "bad" if lost else "warn" if lines else "good"
    return {"title": title, "lines": [*lines, *arrival.noted], "bullets": True, "tone": tone}
