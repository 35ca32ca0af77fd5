"""What the routes answer is of the type that they say, with nothing left out."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient
from pydantic import TypeAdapter

from pipelines.domain.records import Decision, ImageRecord
from studio.server import cards, pictures, piles, status
from studio.server.state import Studio

Put = Callable[..., ImageRecord]


@pytest.fixture
def full(studio: Studio, put: Put) -> ImageRecord:
    source = put("source")
    made = put("enriched", sources=(source.ref,), verdict="right", score=0.8)
    put("enriched", sources=(source.ref,))
    put("synthetic", score=0.2)
    said = Decision(image=made.id, who="human", action="label", value="good", reason="so it is")
    studio.session.store.decide(said)
    return made


def test_an_answer_holds_all_that_its_view_made(client: TestClient, studio: Studio, full: ImageRecord) -> None:
    views: dict[str, tuple[Any, Any]] = {
        "/review?gate=enriched": (piles.Pile, piles.pile(studio, "enriched")),
        "/review/pristine": (piles.Candidates, piles.candidates(studio)),
        "/pictures?kind=enriched": (pictures.Pictures, pictures.of_kind(studio, "enriched", "latest")),
        f"/picture/{full.id}": (pictures.Picture, pictures.everything(studio, full.id)),
        "/cards": (cards.Cards, cards.told(studio)),
        "/status": (status.StudioStatus, status.now(studio)),
    }
    for path, (kind, view) in views.items():
        answer = client.get(path).json()
        assert answer == TypeAdapter(Any).dump_python(view, mode="json"), path
        adapter = TypeAdapter(kind)
        assert adapter.dump_python(adapter.validate_python(answer), mode="json") == answer, path
