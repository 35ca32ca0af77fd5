"""A studio around a small workspace, spoken to in process or through Chromium."""

import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uvicorn
from fastapi.testclient import TestClient
from guarded import LAN, client_of
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, Route
from starlette.types import ASGIApp
from studio_helpers import NASTY, Served

from pipelines.domain.intake import Intake
from pipelines.domain.records import Decision, ImageRecord
from pipelines.domain.scores import Identity, Scores
from pipelines.domain.shots import ImageRef, Purpose, Shot
from pipelines.storage.pictures import save_picture
from pipelines.workflow import characters, datasets
from pipelines.workflow.opening import open_session
from studio.__main__ import main
from studio.app import build
from studio.server.own import own
from studio.server.place import Place
from studio.server.state import Studio
from studio.server.web import WEB


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    with open_session(tmp_path_factory.mktemp("workspace")) as session:
        characters.create(session, "Ada", may_use=True)
        yield Studio(session)


@pytest.fixture(scope="module")
def inside(whole: Studio) -> ASGIApp:
    """All that stands behind the guard, made once."""
    app = build(whole)
    app.user_middleware.clear()
    return app


@pytest.fixture
def opened(inside: ASGIApp) -> TestClient:
    """A studio that was opened to the network, and who does not know its password."""
    return client_of(inside, Place("0.0.0.0"), f"{LAN}:7860")


@pytest.fixture
def studio(workspace_root: Path) -> Iterator[Studio]:
    with open_session(workspace_root) as session:
        characters.create(session, "Ada", origin="drawn here", may_use=True)
        yield Studio(session)


@pytest.fixture
def put(studio: Studio) -> Callable[..., ImageRecord]:
    """Put a picture there, as a job would have: ``put("enriched", sources=(..), verdict="right", score=0.8)``."""
    made = 0

    def _put(
        kind: str,
        *,
        version: str = "v1",
        sources: tuple[ImageRef, ...] = (),
        cell: str = "front/neutral",
        verdict: Any = "cannot tell",
        score: float | None = None,
        filename: str = "ada.png",
        labels: dict[str, str] | None = None,
    ) -> ImageRecord:
        nonlocal made
        made += 1
        session = studio.session
        pixels = np.full((64, 64, 3), made * 9 % 255, dtype=np.uint8)
        pixels[: made % 64, :, 0] = 255
        angle, _, expression = cell.partition("/")
        purpose = Purpose(step="enrich", cell=cell, labels=labels or {"angle": angle, "expression": expression})
        shot = Shot(
            family="mini-flux", revision="1", prompt=NASTY, sources=sources, seed=made, steps=1, guidance=1, width=64,
            height=64, purpose=purpose,
        )  # fmt: skip
        intake = Intake(filename=filename, original="x", original_sha256="0" * 64, format="PNG")
        identity = Identity(recogniser="perceptual", model_hash="x", score=score, threshold=0.5, verdict=verdict)
        folder = (
            f"characters/ada/{kind}s/{version}"
            if kind in ("card", "survey")
            else f"characters/ada/data/{kind}/{version}"
        )
        record = save_picture(
            session.workspace, Image.fromarray(pixels), character="ada", kind=kind, version=version,
            path=f"{folder}/{made}.png", caption=NASTY, shot=None if kind == "source" else shot,
            intake=intake if kind == "source" else None,
            scores=Scores(identity=identity if score is not None else None, faces=1),
        )  # fmt: skip
        session.store.put(record)
        if kind == "source":
            session.store.decide(Decision(image=record.id, who="human", action="label", value="good", where="source"))
        if kind in ("source", "enriched", "synthetic"):
            datasets.include(session, "ada", kind, version, [record.id])  # type: ignore[arg-type]
        return record

    return _put


@pytest.fixture
def run(workspace_root: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run a command with ``--json``; its exit status and its answer."""

    def _run(*words: str) -> tuple[int, dict[str, Any]]:
        status = main([*words, "--workspace", str(workspace_root), "--json"])
        return status, json.loads(capsys.readouterr().out)

    return _run


@pytest.fixture
def client(studio: Studio) -> TestClient:
    """The studio's own routes, without the page and its guard."""
    return TestClient(own(studio), base_url="http://127.0.0.1:7860")


@pytest.fixture(scope="session")
def port() -> int:
    """Where every studio of this run is served, one after the other: Chromium keeps what it has read and compiled."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def served(studio: Studio, port: int) -> Iterator[Served]:
    config = uvicorn.Config(build(studio, port=port), host="127.0.0.1", port=port, log_level="critical")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield Served(studio, f"http://127.0.0.1:{port}")
    server.should_exit = server.force_exit = True
    thread.join(timeout=10)


@pytest.fixture(scope="session")
def profile(browser: Browser) -> Iterator[BrowserContext]:
    """Whom Chromium belongs to: what it has read stays, what pages wrote is removed for each test."""
    made = browser.new_context(viewport={"width": 1280, "height": 800})
    yield made
    made.close()


@pytest.fixture
def page(profile: BrowserContext, served: Served) -> Iterator[Page]:
    """The studio, open in Chromium; a test fails on any error of our scripts."""
    opened = profile.new_page()
    wiped = {"origin": served.url, "storageTypes": "cookies,local_storage,indexeddb"}
    profile.new_cdp_session(opened).send("Storage.clearDataForOrigin", wiped)
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.goto(served.url)
    opened.wait_for_selector("#character-picker option", state="attached", timeout=60_000)
    yield opened
    opened.close()
    assert errors == []


@pytest.fixture
def modules(page: Page) -> None:
    """Lets a test import a module of the page by itself: ``import("/ui/core/dom.js")``."""

    def from_disk(route: Route) -> None:
        path = WEB / route.request.url.partition("/ui/")[2]
        route.fulfill(body=path.read_text("utf-8"), content_type="text/javascript")

    page.route(re.compile(r"/ui/\w+/\w+\.js$"), from_disk)
