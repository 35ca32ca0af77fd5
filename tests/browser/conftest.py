"""A studio process for a test, and a Chromium for the session."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from browser_helpers import Running, chromium, start, stop
from playwright.sync_api import Browser


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture
def running(workspace_root: Path) -> Iterator[Running]:
    studio = start(workspace_root)
    yield studio
    stop(studio)
