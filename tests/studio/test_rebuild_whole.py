"""Lost records come back from the files alone, and the workspace works as before: real commands, real files."""

import contextlib
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from old_workspaces import OLD, copy_of
from PIL import Image
from tab_helpers import lora_file

from pipelines.domain.records import Decision, ImageRecord, Job, LoraRecord, SavedStack
from pipelines.domain.shots import Adapter, LoraStack
from pipelines.storage.copies import KINDS
from pipelines.storage.journal import Journal
from pipelines.storage.store import Store
from pipelines.storage.workspace import Workspace
from pipelines.workflow import sources
from pipelines.workflow.opening import open_session
from studio.__main__ import main


def told(root: Path, *words: str) -> dict[str, Any]:
    """Run a command with ``--json``; its answer."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        main([*words, "--workspace", str(root), "--json"])
    return json.loads(said.getvalue())


def tables(root: Path) -> dict[str, list[Any]]:
    """All records that the store holds, in order."""
    found = Journal(root).load()
    assert found.keys() <= {*KINDS, "migrations"}
    return {n: [KINDS[n].model_validate(d) for d in rows.values()] for n, rows in found.items() if rows and n in KINDS}


def in_use(root: Path) -> dict[str, Any]:
    """What a person gets to see: each character's steps, gates and lists, and what a training would learn from."""
    everyone = told(root, "status")["characters"]
    seen: dict[str, Any] = {"characters": everyone, "loras": told(root, "loras")}
    for who in everyone:
        seen[who] = {
            "status": told(root, "status", "--character", who)["rail"],
            "train": told(root, "train", "--dry-run", "--character", who),
            **{g: told(root, "review", "--gate", g, "--character", who) for g in ("enriched", "synthetic", "card")},
        }
    return seen


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace of the first version with all kinds of records, and what was done in it since."""
    root = copy_of(OLD, tmp_path_factory.mktemp("whole") / "workspace")
    folder = tmp_path_factory.mktemp("pictures")
    for n in range(3):
        noise = np.random.default_rng(n).integers(0, 255, (64, 64, 3), dtype=np.uint8)
        Image.fromarray(noise).save(folder / f"{n}.png")
    told(root, "import", str(folder), "--new", "Ada", "--may-use", "--angle", "front", "--origin", "drawn here")
    told(root, "import", str(lora_file(folder, "mine")))
    told(root, "loras", "mine", "--steps", "6")
    with open_session(root) as session:
        first, second, _ = session.store.all(ImageRecord, character="ada")
        sources.tag(session, first.id, caption="tagged by hand", expression="smiling")
        sources.remove(session, second.id)
        session.store.put(SavedStack(id="ada/editor/kept", character="ada", role="editor", name="kept"))
        session.store.decide(
            *(Decision(image=first.id, who="human", action="identity", value=n, where="survey") for n in (2, 5, 4))
        )
    return root


@pytest.fixture
def root(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "workspace"))


def lose_all(root: Path) -> None:
    for path in root.glob("flenwheel*"):
        path.unlink()


def lose_snapshots(root: Path) -> None:
    for path in root.glob("flenwheel.json*"):
        path.unlink()


def lose_snapshot(root: Path) -> None:
    (root / "flenwheel.json").unlink()


def lose_journal(root: Path) -> None:
    for path in root.glob("flenwheel.journal*"):
        path.unlink()


def spoil_snapshots(root: Path) -> None:
    for path in root.glob("flenwheel.json*"):
        path.write_bytes(b'{"half')


@pytest.mark.slow
@pytest.mark.parametrize("lose", [lose_all, lose_snapshots, lose_snapshot, lose_journal, spoil_snapshots])
def test_lost_records_come_back_one_by_one_and_work_as_before(root: Path, lose: Callable[[Path], None]) -> None:
    used, before = in_use(root), tables(root)
    lose(root)
    report = told(root, "rebuild")
    assert report["ok"], report
    assert (report["lost"], report["left_out"], report["missing"], report["unreadable"]) == ([], [], [], [])
    assert tables(root) == before
    assert in_use(root) == used
    again = told(root, "rebuild")
    assert (again["records"], again["restored"]) == ({}, [])


@pytest.mark.slow(seconds=4)
def test_a_snapshot_of_long_ago_is_brought_up_to_the_present(root: Path) -> None:
    """The journal is gone, and the snapshot that is left is older than what was said since."""
    old = {path.name: path.read_bytes() for path in root.glob("flenwheel.*")}
    with open_session(root) as session:
        first = session.store.all(ImageRecord, character="ada")[0]
        sources.tag(session, first.id, caption="said later")
        session.store.decide(Decision(image=first.id, who="human", action="note", value="later"))
    before, used = tables(root), in_use(root)
    lose_all(root)
    for name, data in old.items():
        (root / name).write_bytes(data)
    with open_session(root) as session:
        assert any("flenwheel rebuild" in words for words in session.store.repairs)
        session.store.decide(Decision(id="between", image=first.id, who="human", action="edit", value=3))
    told(root, "rebuild")
    now = tables(root)
    assert {d.id for d in now["decisions"]} == {"between", *(d.id for d in before["decisions"])}
    assert {name: rows for name, rows in now.items() if name != "decisions"} == {
        name: rows for name, rows in before.items() if name != "decisions"
    }
    assert in_use(root)["ada"]["train"] == used["ada"]["train"]


@pytest.mark.slow(seconds=5)
def test_a_characters_folder_alone_becomes_the_character_in_another_workspace(root: Path, tmp_path: Path) -> None:
    with open_session(root) as session:
        lora = next(x for x in session.store.all(LoraRecord) if x.name == "mine")
        stack = LoraStack(adapters=(Adapter(name="mine", sha256=lora.id, path=lora.path),))
        session.store.put(SavedStack(id="ada/editor/with", character="ada", role="editor", name="with", stack=stack))
    used = in_use(root)
    other = tmp_path / "other"
    told(other, "import", str(lora_file(tmp_path, "others")))
    for folder in (root / "characters").iterdir():
        shutil.copytree(folder, other / "characters" / folder.name, dirs_exist_ok=True)
    report = told(other, "rebuild")
    assert report["ok"] and report["missing"] == report["left_out"] == []
    assert [words for words in report["lost"] if "'mine' is not here" in words] == report["lost"] != []
    now = in_use(other)
    for who in used["characters"]:
        assert now[who] == used[who]
    told(other, "rebuild")
    assert in_use(other) == now


def test_nobody_is_let_in_by_a_file_that_was_refused(root: Path) -> None:
    workspace = Workspace(root)
    with Store.open(root) as store:
        known = store.all(ImageRecord, character="ada")[0]
    stayed = workspace.path(known.path).with_name("refused.png")
    with Image.open(workspace.path(known.path)) as image:
        image.save(stayed, pnginfo=_recipe_of(workspace.path(known.path)), compress_level=1)
    before = tables(root)
    lose_all(root)
    report = told(root, "rebuild")
    assert report["left_out"] == [workspace.relative(stayed)]
    assert tables(root) == before


def _recipe_of(path: Path) -> Any:
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    with Image.open(path) as image:
        for name, text in image.info.items():
            if isinstance(text, str):
                info.add_text(name, text)
    return info


def test_what_cannot_be_restored_is_named(root: Path) -> None:
    workspace = Workspace(root)
    with Store.open(root) as store:
        gone = store.all(ImageRecord, character="ada")[0]
        workspace.path(gone.path).unlink()
    copies = root / "characters" / "ada" / "records.jsonl"
    lines = copies.read_bytes().split(b"\n")
    spoilt = next(n for n, line in enumerate(lines) if b"stacks" in line)
    lines[spoilt] = lines[spoilt].replace(b"kept", b"kapt")
    copies.write_bytes(b"\n".join(lines))
    lose_all(root)
    report = told(root, "rebuild")
    assert report["missing"] == [gone.path]
    assert len(report["lost"]) == 1 and "damaged" in report["lost"][0] and "ada" in report["lost"][0]
    assert told(root, "status")["characters"]


def test_without_copies_the_pictures_made_here_come_back_and_the_rest_is_named(root: Path) -> None:
    for path in root.rglob("records.jsonl"):
        path.unlink()
    with Store.open(root, read_only=True) as store:
        made = {i.id for i in store.all(ImageRecord) if i.shot}
        brought = {i.path for i in store.all(ImageRecord) if i.intake}
    lose_all(root)
    report = told(root, "rebuild")
    assert set(report["restored"]) == made
    assert brought <= set(report["left_out"])
    assert any("No record says who" in words for words in report["lost"])


def test_a_job_that_waited_is_not_begun_by_a_rebuild(root: Path) -> None:
    with Store.open(root) as store:
        done = store.all(Job)[0]
        store.put(done.model_copy(update={"id": "waits", "state": "queued", "ended": None, "resumes": ""}))
    lose_all(root)
    told(root, "rebuild")
    with Store.open(root, read_only=True) as store:
        job = store.get(Job, "waits")
        assert job is not None and job.state == "interrupted" and "lost" in job.error


@pytest.mark.slow
def test_a_practice_character_is_whole_again(tmp_path: Path) -> None:
    root = tmp_path / "workspace"
    started = told(root, "practice", "--start", "3")
    assert len(started["sources"]) == 12
    told(root, "review", "--label", "reject", started["sources"][0], "--reason", "blurred")
    used, before = in_use(root), tables(root)
    lose_all(root)
    report = told(root, "rebuild")
    assert sorted(report["restored"]) == sorted(started["sources"])
    assert tables(root) == before
    assert in_use(root) == used
