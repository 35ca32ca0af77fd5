"""A studio process for a test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from browser_helpers import Running, start, stop


@pytest.fixture
def running(workspace_root: Path) -> Iterator[Running]:
    studio = start(workspace_root)
    yield studio
    stop(studio)
