"""LoRA files by a button: what lies where one is said to be, and its download."""

from fastapi import APIRouter, HTTPException, Request
from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypedDict

from pipelines.workflow import loras
from studio.server.in_words import Begun, InWords
from studio.server.loopback import from_here
from studio.server.state import Studio

LONGEST = 2000


class WhatLora(BaseModel):
    """A LoRA by an entry's name, a repository or an address, and the model preset that it must fit ("": any)."""

    model_config = ConfigDict(extra="forbid")

    what: str = Field(min_length=1, max_length=LONGEST)
    family: str = Field(default="", max_length=200)


class LoraThere(TypedDict):
    """What would be downloaded: the file's name, from where, its size in bytes (0: not told), what is known of its
    licence."""

    name: str
    place: str
    bytes: int
    licence: str


def lora_download_routes(studio: Studio) -> APIRouter:
    """Looking up and getting a LoRA."""
    router = APIRouter(route_class=InWords)

    @router.post("/loras/look")
    def look(asked: WhatLora, request: Request) -> LoraThere:
        """What would be downloaded; nothing is."""
        _only_the_hub_for_others(asked.what, request)
        address, name = loras.address_of(studio.session, asked.what)
        there = loras.look_up(studio.session, asked.what)
        entry = next((e for e in studio.session.presets.catalogue if e.name == name), None)
        licence = (entry.licence if entry else "") or there.licence
        return {"name": there.name, "place": address.repo or address.url, "bytes": there.bytes, "licence": licence}

    @router.post("/loras/get")
    def fetch(asked: WhatLora, request: Request) -> Begun:
        """Download it into the library, as a job."""
        _only_the_hub_for_others(asked.what, request)
        return {"job": loras.obtain(studio.session, asked.what, family=asked.family).id}

    def _only_the_hub_for_others(what: str, request: Request) -> None:
        """An address is asked from this machine's place in the network, which is not for others to use."""
        if loras.address_of(studio.session, what)[0].url and not from_here(request):
            raise HTTPException(403, "Addresses outside the hub are fetched on the machine that runs the studio alone.")

    return router
