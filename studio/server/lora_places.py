"""Where a LoRA is: its path, a download, a copy for ComfyUI, folders for a hub and for other trainers."""

import subprocess
import sys
from pathlib import Path
from typing import Literal

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.responses import FileResponse
from pydantic import Field
from typing_extensions import TypedDict

from pipelines.domain.base import Frozen
from pipelines.domain.bounds import Rank, Weight
from pipelines.storage.names import slug
from pipelines.workflow import lora_folder, merging
from studio.server.in_words import Begun, Done, InWords
from studio.server.loopback import from_here, only_from_here
from studio.server.state import Studio

OPENERS = {"darwin": "open", "win32": "explorer"}
"""What opens a folder, by ``sys.platform``; elsewhere ``xdg-open``."""


class LoraBeside(TypedDict):
    """A LoRA that another can be merged with."""

    id: str
    name: str


class LoraPlace(TypedDict):
    """Where a LoRA is. ``here``: asked from this machine, so that folders can be opened and written; its path is told
    to nobody else. ``comfy``: folders for LoRAs of other programs; ``trained``: it was trained here; ``beside``: LoRAs
    that it can be merged with."""

    id: str
    name: str
    version: str
    trigger: str
    path: str
    bytes: int
    here: bool
    comfy: list[str]
    trained: bool
    beside: list[LoraBeside]


class LoraMerge(Frozen):
    """LoRAs to be made into one called ``name``: ids with weights, to ``rank`` (``None``: the sum of theirs)."""

    rows: tuple[tuple[str, Weight], ...] = Field(min_length=2, max_length=20)
    name: str = Field(min_length=1, max_length=100)
    rank: Rank | None = None


class LoraGoes(Frozen):
    """Where a LoRA is to go: ``what`` of it, into which folder of this machine."""

    what: Literal["comfyui", "hub", "trainers"]
    folder: str = Field(min_length=1, max_length=4096)


class LoraWent(TypedDict):
    """What was written, where; what other trainers will do otherwise."""

    folder: str
    files: list[str]
    unmapped: dict[str, list[str]]


def lora_place_routes(studio: Studio) -> APIRouter:
    """Where a LoRA is, and how it leaves."""
    router = APIRouter(route_class=InWords)

    @router.get("/loras/{lora_id}/place")
    def place(lora_id: str, request: Request) -> LoraPlace:
        found, here = lora_folder.place(studio.session, lora_id), from_here(request)
        return {
            "id": found.lora.id,
            "name": found.lora.name,
            "version": found.lora.version,
            "trigger": found.lora.trigger,
            "path": str(found.file) if here else "",
            "bytes": found.file.stat().st_size,
            "here": here,
            "comfy": [str(folder) for folder in found.comfy] if here else [],
            "trained": found.lora.origin == "trained",
            "beside": [{"id": x.id, "name": x.name} for x in merging.beside(studio.session, found.lora)],
        }

    @router.post("/loras/merge")
    def merge(asked: LoraMerge) -> Begun:
        """Make one LoRA of several, as a job; its end tells what is lost."""
        return {"job": merging.submit(studio.session, merging.MergeOptions(asked.rows, asked.name, asked.rank)).id}

    @router.get("/loras/{lora_id}/file")
    def file(lora_id: str) -> Response:
        """The file, to keep."""
        found = lora_folder.place(studio.session, lora_id)
        name = f"{slug(found.lora.name, 'lora', 120)}{found.file.suffix}"
        return FileResponse(found.file, filename=name, media_type="application/octet-stream")

    router.include_router(_folder_routes(studio))
    return router


def _folder_routes(studio: Studio) -> APIRouter:
    """What names folders of this machine, for its own browser alone."""
    router = APIRouter(route_class=InWords, dependencies=[Depends(only_from_here)])

    @router.post("/loras/{lora_id}/open")
    def open_folder(lora_id: str) -> Done:
        """Show the file's folder in this machine's own program for folders."""
        _show(lora_folder.place(studio.session, lora_id).file.parent)
        return {"ok": True}

    @router.post("/loras/{lora_id}/write")
    def write(lora_id: str, goes: LoraGoes) -> LoraWent:
        """Write the LoRA, or what it was trained with, into a folder of this machine."""
        folder = Path(goes.folder.strip()).expanduser()
        if "\0" in goes.folder or not folder.is_absolute():
            raise HTTPException(422, f"{goes.folder!r} is no whole path: it begins at the top of the disk.")
        if goes.what == "comfyui":
            copy = lora_folder.copy_to(studio.session, lora_id, folder)
            return {"folder": str(copy.parent), "files": [copy.name], "unmapped": {}}
        make = lora_folder.write_for_hub if goes.what == "hub" else lora_folder.write_for_trainers
        made = make(studio.session, lora_id, folder)
        unmapped = {trainer: list(words) for trainer, words in made.unmapped.items()}
        return {"folder": str(made.folder), "files": list(made.files), "unmapped": unmapped}

    return router


def _show(folder: Path) -> None:
    opener = OPENERS.get(sys.platform, "xdg-open")
    try:
        subprocess.Popen(
            [opener, str(folder)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
    except OSError as error:
        raise HTTPException(422, f"{opener} cannot be started to show {folder}: {error.strerror}.") from error
