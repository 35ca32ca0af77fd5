"""Face packs by a button: which there are, with licence and size, and getting one."""

from dataclasses import replace

from fastapi import APIRouter, Request

from pipelines.domain.base import Frozen
from pipelines.workflow import face_packs
from studio.server.in_words import Begun, InWords
from studio.server.loopback import from_here
from studio.server.state import Studio


class FacePacks(Frozen):
    """What there is to recognise faces by, here or not."""

    packs: tuple[face_packs.PackOffer, ...]


def face_pack_routes(studio: Studio) -> APIRouter:
    """Listing and getting face packs."""
    router = APIRouter(route_class=InWords)

    @router.get("/faces/packs")
    def packs(request: Request) -> FacePacks:
        """What can be had, and what is here; places on this machine's disk are not told to another one."""
        found, near = face_packs.offers(studio.session), from_here(request)
        return FacePacks(packs=tuple(pack if near else replace(pack, place="") for pack in found))

    @router.post("/faces/packs/{name}/get")
    def fetch(name: str) -> Begun:
        """Download a pack, whose size and licence were shown, as a job."""
        return {"job": face_packs.obtain(studio.session, name).id}

    return router
