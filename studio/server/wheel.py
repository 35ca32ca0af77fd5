"""The wheel as a whole: its rounds, whether to turn again, and where each LoRA comes from."""

from typing import Any

from fastapi import APIRouter
from typing_extensions import TypedDict

from pipelines.domain.stopping import Advice
from pipelines.workflow import lineage, rounds
from studio.server.in_words import InWords, unchecked
from studio.server.state import Studio
from studio.server.tiles import Tile, tile


class RoundTold(TypedDict):
    """A training of the character's LoRA, in words."""

    version: str
    state: str
    lora: str
    learnt: str
    settings: str
    rate: str
    gain: str


class Wheel(TypedDict):
    """The rounds, what the stop rule says, and the lineage of the LoRAs."""

    rounds: list[RoundTold]
    rule: Advice
    nodes: list[lineage.Node]
    edges: list[lineage.Edge]


class NodePictures(TypedDict):
    """The pictures that a node of the lineage stands for."""

    pictures: list[Tile]


def wheel_routes(studio: Studio) -> APIRouter:
    """The wheel, and the pictures behind each part of it."""
    router = APIRouter(route_class=InWords)

    @router.get("/wheel")
    def wheel() -> Wheel:
        return studio.remembered("wheel", lambda: told(studio))

    @router.get("/wheel/{node:path}", **unchecked(NodePictures))
    def pictures(node: str) -> dict[str, Any]:
        """The pictures of ``enriched/v1``, ``lora/v2`` and so on."""
        found = lineage.pictures(studio.session, studio.character_id, node)
        return {"pictures": [tile(image, studio.session.store.verdict(image.id)) for image in found]}

    return router


def told(studio: Studio) -> Wheel:
    """The wheel of the character worked on."""
    session, who = studio.session, studio.character_id
    found = lineage.lineage(session, who)
    return {
        "rounds": [_round(made) for made in rounds.rounds(session, who)],
        "rule": rounds.stop_rule(session, who),
        "nodes": found.nodes,
        "edges": found.edges,
    }


def _round(made: rounds.Round) -> RoundTold:
    return {
        "version": made.version,
        "state": made.state,
        "lora": made.lora,
        "learnt": ", ".join(f"{n} {origin}" for origin, n in made.learnt.items()),
        "settings": f"{made.preset}: rank {made.rank}, {made.steps} steps",
        "rate": made.rate,
        "gain": made.gain,
    }
