"""Fixtures of the training tests; what they give is in train_helpers.py."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from train_helpers import FAMILY, Bench, fresh_resident

from pipelines.engine.resident import Resident
from pipelines.storage.workspace import Workspace


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Steady bits and a quiet machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def models_root(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace that models are looked for in."""
    workspace = Workspace(tmp_path_factory.mktemp("models"))
    workspace.create()
    return workspace


@pytest.fixture(scope="session")
def residents(models_root: Workspace) -> dict[str, Resident]:
    """One resident for each family, so that tests do not swap them."""
    return {target: fresh_resident(models_root) for target in FAMILY}


@pytest.fixture
def bench(tmp_path: Path, residents: dict[str, Resident]) -> Bench:
    workspace = Workspace(tmp_path / "workspace")
    workspace.create()
    return Bench(workspace, residents)
