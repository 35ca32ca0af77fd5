"""Folders of this machine to choose from in Settings: their names alone, and to this machine's own browser alone."""

import os
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from typing_extensions import TypedDict

from studio.server.in_words import InWords
from studio.server.loopback import only_from_here
from studio.server.state import Studio

MOST = 2000
"""Folders of one folder that are listed."""


class BadFolder(ValueError):
    """A place that no folder can be listed of; the message says which and why."""


class Folders(TypedDict):
    """What a folder holds: names of folders, never of files. ``parent`` is "" at the top; ``left_out`` counts those
    beyond the first ones; ``places`` are where people usually begin."""

    at: str
    parent: str
    folders: list[str]
    left_out: int
    places: list[str]


def folder_routes(studio: Studio) -> APIRouter:
    """The folders of this machine."""
    router = APIRouter(route_class=InWords, dependencies=[Depends(only_from_here)])

    @router.get("/folders")
    def folders(at: Annotated[str, Query(max_length=4096)] = "") -> Folders:
        """The folders in ``at`` (empty: the home folder); of a place that is not there, those of the nearest above."""
        return listed(at, studio.session.workspace.root)

    return router


def listed(at: str, workspace: Path) -> Folders:
    """The folders in a place. Raises BadFolder for what is no whole path, or cannot be opened."""
    here = _nearest(at)
    try:
        with os.scandir(here) as entries:
            names = sorted((e.name for e in entries if not e.name.startswith(".") and _is_folder(e)), key=str.casefold)
    except OSError as error:
        raise BadFolder(f"{here} cannot be opened: {error.strerror}") from error
    return {
        "at": str(here),
        "parent": "" if here.parent == here else str(here.parent),
        "folders": names[:MOST],
        "left_out": max(0, len(names) - MOST),
        "places": [str(place) for place in dict.fromkeys((_home(), workspace.resolve(), Path(here.anchor)))],
    }


def _home() -> Path:
    return Path("~").expanduser()


def _nearest(at: str) -> Path:
    """The folder that ``at`` names, or the nearest above it that is there."""
    if "\0" in at:
        raise BadFolder("That is no path.")
    place = Path(at.strip()).expanduser() if at.strip() else _home()
    if not place.is_absolute():
        raise BadFolder(f"{at!r} is not a whole path: it begins at the top, such as {Path('/').absolute()}")
    place = Path(os.path.normpath(place))
    return next((folder for folder in (place, *place.parents) if _can_be(folder)), Path(place.anchor))


def _can_be(folder: Path) -> bool:
    try:
        return folder.is_dir()
    except OSError:
        return False


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False
