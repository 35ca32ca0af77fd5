"""Every kind of durable write as Windows would do it (``tests/windows.py``)."""

from pathlib import Path

import pytest
import torch
from PIL import Image
from windows import Windows

from pipelines.domain.records import Decision, Job
from pipelines.storage import settings
from pipelines.storage.pictures import read_recipe, save_picture
from pipelines.storage.store import Store
from pipelines.storage.workspace import Workspace
from pipelines.training.checkpoints import Checkpoint, newest, save


@pytest.fixture(params=[True, False], ids=["ntfs", "fat"])
def windows(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Windows:
    simulated = Windows(hard_links=request.param)
    simulated.install(monkeypatch)
    return simulated


def put(store: Store, number: int) -> None:
    store.put(Job(id=f"j{number}", kind="test", title="two\nlines \x1a", request={}, done=number))


def numbers(store: Store) -> list[int]:
    return [job.done for job in store.all(Job)]


def test_the_store_opens_again_and_again(windows: Windows, workspace_root: Path) -> None:
    for number in range(1, 5):
        with Store.open(workspace_root) as store:
            assert numbers(store) == list(range(1, number)) and store.repairs == ()
            put(store, number)
    assert b"\r" not in b"".join(p.read_bytes() for p in workspace_root.glob("flenwheel.*"))


def test_a_store_whose_studio_was_killed_opens_again(windows: Windows, workspace_root: Path) -> None:
    for number in range(1, 4):
        store = Store.open(workspace_root)
        put(store, number)
        store.decide(Decision(image="a", who="human", action="note", value="\n"))
        # the system closes what a killed process had open
        store._journal.close()
        assert store._workspace_lock
        store._workspace_lock.release()
    with Store.open(workspace_root) as store:
        assert numbers(store) == [1, 2, 3] and len(store.all(Decision)) == 3
        assert store.repairs == ()


def test_the_store_compacts_while_it_is_written(
    windows: Windows, workspace_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.storage.store.COMPACT_BYTES", 1500)
    with Store.open(workspace_root) as store:
        for number in range(60):
            put(store, number)
    with Store.open(workspace_root, read_only=True) as store:
        assert numbers(store) == list(range(60))


def checkpoint(step: int) -> Checkpoint:
    weights = {"block.lora_A.weight": torch.full((2, 3), float(step))}
    return Checkpoint(step, "fp", weights, {"state": {}, "param_groups": [{"lr": 1e-3, "params": [0]}]}, (0.5,) * step)


def test_checkpoints_are_written_in_the_place_of_others_and_dropped(windows: Windows, tmp_path: Path) -> None:
    for step in (1, 2, 2, 3):
        save(tmp_path, checkpoint(step), total_limit=2)
    found = newest(tmp_path)
    assert found is not None and found.step == 3 and found.losses == (0.5,) * 3
    del found
    assert sorted(p.name for p in tmp_path.iterdir()) == ["000002", "000003"]


def test_pictures_and_settings_are_kept(windows: Windows, workspace_root: Path) -> None:
    workspace = Workspace(workspace_root)
    workspace.create()
    record = save_picture(workspace, Image.new("RGB", (40, 30), "red"), character="a", kind="source", version="v1")
    assert read_recipe(workspace.path(record.path), record.path) == record
    settings.save(workspace_root, {"theme": "light"})
    settings.save(workspace_root, {"threads": 3})
    assert (settings.load(workspace_root).theme, settings.load(workspace_root).threads) == ("light", 3)
