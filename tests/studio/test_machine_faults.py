"""A full disk and no memory, met while the studio answers: told in words, and what was known stays."""

import errno
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

sys.path.append(str(Path(__file__).parents[1] / "faults"))
from full_disk import full_disk

from pipelines.domain.records import Decision, ImageRecord
from pipelines.storage import pictures
from pipelines.storage.store import Store
from studio.server.own import own
from studio.server.state import Studio

Put = Callable[..., ImageRecord]
WRITES = 12
"""More writes than any of these requests makes."""


@pytest.fixture
def web(studio: Studio) -> Iterator[TestClient]:
    with TestClient(own(studio), base_url="http://127.0.0.1:7860", raise_server_exceptions=False) as made:
        yield made


def asked(image: str) -> list[tuple[str, object]]:
    """What a person asks for in a short day, as the page sends it."""
    label = {"id": os.urandom(8).hex(), "image": image, "action": "label", "value": "good"}
    return [
        ("/decisions", {"decisions": [label]}),
        (f"/picture/{image}/tags", {"angle": "front"}),
        ("/characters", {"name": "Bo", "may_use": True}),
        ("/characters/ada/choose", {}),
        ("/settings", {"theme": "light"}),
        ("/thresholds/score", {}),
        ("/presets/begin", {}),
        ("/review/pristine", {"images": [image]}),
        ("/backup", {}),
    ]


@pytest.mark.slow(seconds=4)
@pytest.mark.parametrize("count", [1, 10**6])
def test_no_room_at_any_write_of_any_route_is_told_in_words(
    studio: Studio, web: TestClient, put: Put, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    """A route said "Internal Server Error" for a full disk."""
    image = put("synthetic", score=0.8, verdict="right")
    met = 0
    for first in range(1, WRITES):
        for path, body in asked(image.id):
            with full_disk(monkeypatch) as disk:
                disk.fill(first, count)
                answer = web.post(path, json=body)
            if answer.status_code == 507:
                met += 1
                assert "space" in answer.json()["detail"], (path, answer.text)
            else:
                assert answer.status_code < 500, (path, first, answer.text)
    assert met > 4
    assert web.post("/decisions", json=asked(image.id)[0][1]).status_code == 200
    store = Store.open(studio.session.workspace.root, read_only=True)
    assert store.repairs == () and store.verdict(image.id).label == "good"
    assert store.all(Decision)


@pytest.mark.parametrize("error", [MemoryError(), OSError(errno.EMFILE, os.strerror(errno.EMFILE))])
def test_no_memory_for_a_thumbnail_is_told_in_words(
    web: TestClient, put: Put, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    image = put("synthetic")

    def fails(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(pictures.Image, "open", fails)
    for path in (f"/img/{image.id}?w=256", f"/img/{image.id}?w=512", f"/picture/{image.id}"):
        answer = web.get(path)
        assert answer.status_code in (200, 404, 507), answer.text
        assert answer.status_code == 200 or answer.json()["detail"]
    monkeypatch.undo()
    assert web.get(f"/img/{image.id}?w=256").status_code == 200
