"""The second copy of the records: in step with them whatever happens, small, and in nobody's way."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from old_workspaces import OLD, copy_of

from pipelines.domain.records import Character, Decision, ImageRecord, Job, JobProgress, LoraRecord
from pipelines.storage import atomic, migrations, mirror
from pipelines.storage.copies import read_copies
from pipelines.storage.journal_lines import Tables, encode_line
from pipelines.storage.rebuild import rebuild
from pipelines.storage.store import Store
from pipelines.storage.workspace import Workspace

ADA = Character(id="ada", name="Ada", generator="mini-flux", editor="mini-qwen-edit")


def picture(number: int, character: str = "ada") -> ImageRecord:
    path = f"characters/{character}/{number}.png"
    return ImageRecord(
        id=f"{number:064x}", character=character, kind="source", version="v1", path=path, width=1, height=1,
        pixels=f"{number:064x}",
    )  # fmt: skip


def said(number: int, note: str = "x") -> Decision:
    return Decision(id=f"d{number}-{note}", image=picture(number).id, who="human", action="note", value=note)


def file(root: Path, character: str = "ada") -> Path:
    return root / "characters" / character / "records.jsonl"


def kept(path: Path) -> set[str]:
    """Ids of the records in a file of the mirror, by their table."""
    return {f"{table}/{name}" for table, name in mirror.read(path).kept if table != migrations.TABLE}


def test_each_record_goes_into_the_folder_that_it_belongs_to(workspace_root: Path) -> None:
    lora = LoraRecord(id="c" * 64, name="angles", path="loras/a.safetensors", family="flux", rank=4)
    with Store.open(workspace_root) as store:
        store.put(ADA, picture(1), picture(2, "bob"), lora, decided=[said(1)])
        store.put(Job(id="j", kind="render", title="t", character="ada", request={}), JobProgress(id="j", done=3))
    assert kept(file(workspace_root)) == {
        "characters/ada", f"images/{picture(1).id}", "decisions/d1-x", "jobs/j", "progress/j",
    }  # fmt: skip
    assert kept(file(workspace_root, "bob")) == {f"images/{picture(2).id}"}
    assert kept(workspace_root / "loras" / "records.jsonl") == {f"loras/{lora.id}"}


def test_a_workspace_of_before_gets_its_copies_when_it_is_opened_first(tmp_path: Path) -> None:
    root = copy_of(OLD, tmp_path / "workspace")
    assert mirror.files(Workspace(root)) == []
    with Store.open(root) as store:
        store.mirrored()
        assert len(mirror.files(Workspace(root))) >= 2
        assert read_copies(Workspace(root), store).kept == {}
    before = {path: path.read_bytes() for path in mirror.files(Workspace(root))}
    with Store.open(root):
        pass
    assert {path: path.read_bytes() for path in mirror.files(Workspace(root))} == before, "in step: nothing to write"


def test_reading_writes_nothing(tmp_path: Path) -> None:
    root = copy_of(OLD, tmp_path / "workspace")
    Store.open(root, read_only=True).close()
    assert mirror.files(Workspace(root)) == []


def test_whoever_opens_a_workspace_without_its_records_is_told_what_to_do(workspace_root: Path) -> None:
    with Store.open(workspace_root) as store:
        store.put(ADA)
        store.mirrored()
        assert Store.open(workspace_root, read_only=True).repairs == (), "nor is it beside an open store"
    assert Store.open(workspace_root, read_only=True).repairs == ()
    for path in workspace_root.glob("flenwheel.*"):
        path.unlink()
    for read_only in (True, False):
        with Store.open(workspace_root, read_only=read_only) as store:
            assert any("flenwheel rebuild" in words for words in store.repairs)
            if not read_only:
                rebuild(Workspace(workspace_root), store)
    assert Store.open(workspace_root, read_only=True).repairs == ()


KILLED = """
import os, signal, sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from pipelines.storage.store import Store
from test_mirror import ADA, picture, said
store = Store.open(Path(sys.argv[1]))
store.put(ADA, picture(1))
store.mirrored()
for number in range(50):
    store.decide(said(1, str(number)))
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_what_a_kill_kept_it_from_writing_is_made_up_for(workspace_root: Path) -> None:
    helpers = Path(__file__).parents[1]
    words = [sys.executable, "-c", KILLED, str(workspace_root), str(Path(__file__).parent)]
    done = subprocess.run(words, check=False, env={**os.environ, "PYTHONPATH": str(helpers)})
    assert done.returncode == -signal.SIGKILL
    with file(workspace_root).open("ab") as half:
        half.write(b'0badf00d {"seq":')  # and half a line
    with Store.open(workspace_root) as store:
        assert len(store.decisions(picture(1).id)) == 50 and store.repairs == ()
    with Store.open(workspace_root) as store:
        assert read_copies(Workspace(workspace_root), store).kept == {}
    assert {f"decisions/d1-{n}" for n in range(50)} <= kept(file(workspace_root))


@pytest.mark.slow(seconds=3)
def test_it_stays_small_however_often_a_record_is_written_over(
    workspace_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mirror, "SLACK", 20_000)
    with Store.open(workspace_root) as store:
        store.put(ADA, picture(1))
        for number in range(300):
            store.put(picture(1).model_copy(update={"caption": f"{number} " + "long " * 100}))
            if number % 25 == 0:
                store.mirrored()
    size = file(workspace_root).stat().st_size
    assert size < 20_000 + 25 * 1000 + 10_000
    found = mirror.read(file(workspace_root))
    assert str(found.kept["images", picture(1).id].document["caption"]).startswith("299 ")


def test_what_it_alone_knows_outlives_being_written_anew(workspace_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The records are lost, nobody rebuilds, and work goes on: what was, can be had for as long as that takes."""
    with Store.open(workspace_root) as store:
        store.put(ADA, picture(1), picture(2), decided=[said(1, "old")])
    for path in workspace_root.glob("flenwheel.*"):
        path.unlink()
    monkeypatch.setattr(mirror, "SLACK", 2000)
    for n in range(3):
        with Store.open(workspace_root) as store:
            store.put(
                picture(1).model_copy(update={"caption": f"new {n} " + "long " * 500}), decided=[said(1, f"n{n}")]
            )
    with Store.open(workspace_root) as store:
        rebuild(Workspace(workspace_root), store)
        assert store.get(Character, "ada") == ADA
        first = store.get(ImageRecord, picture(1).id)
        assert first is not None and first.caption.startswith("new 2")
        assert [d.value for d in store.decisions(picture(1).id)] == ["old", "n0", "n1", "n2"], "as they were made"


def test_what_was_lost_twice_at_the_same_place_is_kept_twice(
    workspace_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mirror, "SLACK", 0)
    for n in range(4):
        for path in workspace_root.glob("flenwheel.*"):
            path.unlink()
        with Store.open(workspace_root) as store:
            store.put(picture(n))
            store.mirrored()
            store.put(picture(n).model_copy(update={"caption": "long " * 500}))
    with Store.open(workspace_root) as store:
        assert read_copies(Workspace(workspace_root), store).of(ImageRecord) != []
    assert kept(file(workspace_root)) == {f"images/{picture(n).id}" for n in range(4)}


def test_a_folder_speaks_of_its_own_character_alone(workspace_root: Path) -> None:
    with Store.open(workspace_root) as store:
        store.put(ADA, picture(1))
    stolen: Tables = {
        "images": {"1": picture(7).model_dump(mode="json")},
        "decisions": {"1": {**said(1).model_dump(mode="json"), "action": "label", "value": "good"}},
        "characters": {"1": {**ADA.model_dump(mode="json"), "name": "Eve"}},
        "surprises": {"1": {"id": "x"}},
    }
    file(workspace_root, "eve").parent.mkdir()
    file(workspace_root, "eve").write_bytes(encode_line(1, stolen))  # type: ignore[arg-type]
    with Store.open(workspace_root) as store:
        report = rebuild(Workspace(workspace_root), store)
        assert store.get(Character, "ada") == ADA
        assert store.get(ImageRecord, picture(7).id) is None and store.decisions(picture(1).id) == []
    assert all(any(table in words for words in report.lost) for table in stolen)


def test_a_record_that_is_none_is_named_and_costs_only_itself(workspace_root: Path) -> None:
    with Store.open(workspace_root) as store:
        store.put(ADA)
    bad: Any = {"characters": {"7": {"id": "ada", "name": 3}}, "stacks": {"1": {"id": "x", "character": "ada"}}}
    with file(workspace_root).open("ab") as more:
        more.write(encode_line(99, bad))
    with Store.open(workspace_root) as store:
        report = rebuild(Workspace(workspace_root), store)
        assert store.get(Character, "ada") == ADA
    assert len(report.lost) == 2 and all("cannot be read" in words for words in report.lost)


@pytest.mark.parametrize("path", ["../../mine.png", "/etc/hostname", "characters/eve/\0.png", "C:/mine.png"])
def test_a_record_that_names_a_file_elsewhere_is_left_out_and_named(workspace_root: Path, path: str) -> None:
    stray = {"1": {**picture(7, "eve").model_dump(mode="json"), "path": path}}
    file(workspace_root, "eve").parent.mkdir(parents=True)
    file(workspace_root, "eve").write_bytes(encode_line(1, {"images": stray}))  # type: ignore[dict-item]
    with Store.open(workspace_root) as store:
        report = rebuild(Workspace(workspace_root), store)
        assert store.all(ImageRecord) == [] and report.restored == []
    assert len(report.lost) == 1 and "not a path inside the workspace" in report.lost[0]


def test_copies_of_a_newer_flenwheel_are_named_and_left_alone(workspace_root: Path) -> None:
    with Store.open(workspace_root) as store:
        store.put(ADA)
    path = file(workspace_root, "eve")
    path.parent.mkdir()
    path.write_bytes(encode_line(1, {migrations.TABLE: {"9": {"id": "m999_scents", "at": ""}}}))
    content = path.read_bytes()
    with Store.open(workspace_root) as store:
        assert rebuild(Workspace(workspace_root), store).newer == ["characters/eve/records.jsonl"]
        store.put(ADA.model_copy(update={"id": "eve", "name": "Eve"}))
        store.mirrored()
    assert path.read_bytes().startswith(content)
    assert b"Eve" not in path.read_bytes()


def test_copies_of_an_older_flenwheel_are_read_and_brought_up_to_date(
    workspace_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Store.open(workspace_root) as store:
        store.put(ADA, picture(1))

    def m999_loud(tables: Tables) -> Tables:
        """Names are written in capitals."""
        return migrations.reshaped(tables, "characters", lambda c: {**c, "name": c["name"].upper()})

    later = migrations.Migration("m999_loud", "Names are written in capitals.", m999_loud)
    monkeypatch.setattr(migrations, "ALL", [*migrations.ALL, later])
    assert mirror.read(file(workspace_root)).kept["characters", "ada"].document["name"] == "ADA"
    with Store.open(workspace_root) as store:
        store.put(picture(2))
    assert b'"ADA"' in file(workspace_root).read_bytes() and b'"Ada"' not in file(workspace_root).read_bytes()
    assert b"m999_loud" in file(workspace_root).read_bytes().splitlines()[0]


def test_a_copy_that_cannot_be_written_stops_nobody_and_is_made_up_for(
    workspace_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object, **kwargs: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(mirror, "append_line", full)
        with Store.open(workspace_root) as store:
            store.put(ADA, picture(1), decided=[said(1)])
            store.mirrored()
    assert not file(workspace_root).exists()
    with Store.open(workspace_root) as store:
        assert store.decisions(picture(1).id)
    assert kept(file(workspace_root)) == {"characters/ada", f"images/{picture(1).id}", "decisions/d1-x"}


@pytest.mark.parametrize(
    "changes",
    [
        {"images": {"1": ["no", "document"]}},
        {"images": {"1": "words"}},
        {"images": {"\u00b2": {"id": "x"}}},
        {"images": {"9" * 5000: {"id": "x"}}},
        {"images": {"1": {"id": ["x"]}}},
        {"migrations": {"1": {"id": 3}}},
        {"runs": {"1": {"id": "x", "curve": 7}}},
    ],
    ids=range(7),
)
def test_lines_that_nobody_wrote_harm_nobody(workspace_root: Path, changes: Any) -> None:
    with Store.open(workspace_root) as store:
        store.put(ADA)
    with file(workspace_root).open("ab") as more:
        more.write(encode_line(99, changes))
    (workspace_root / "characters" / "eve").mkdir()
    file(workspace_root, "eve").write_bytes(encode_line(99, changes))
    with Store.open(workspace_root) as store:
        store.put(ADA.model_copy(update={"token": "other"}))
        store.mirrored()
        rebuild(Workspace(workspace_root), store)
    with Store.open(workspace_root) as store:
        assert [c.token for c in store.all(Character)] == ["other"]


def test_a_rebuild_mends_the_copies_too(workspace_root: Path) -> None:
    with Store.open(workspace_root) as store:
        store.put(ADA, picture(1), decided=[said(1)])
    path = file(workspace_root)
    path.write_bytes(path.read_bytes().replace(b"Ada", b"Adx"))
    with Store.open(workspace_root) as store:
        assert len(rebuild(Workspace(workspace_root), store).lost) == 1
        assert rebuild(Workspace(workspace_root), store).lost == []
    assert kept(path) == {"characters/ada", f"images/{picture(1).id}", "decisions/d1-x"}


@pytest.mark.skipif(sys.platform == "win32", reason="symlinks")
def test_nothing_is_written_through_a_link_in_a_workspace_that_you_were_given(
    workspace_root: Path, tmp_path: Path
) -> None:
    mine = tmp_path / "mine"
    mine.write_bytes(b"mine\n")
    (tmp_path / "folder").mkdir()
    for folder in ("loras", "characters/ada"):
        (workspace_root / folder).mkdir(parents=True)
        (workspace_root / folder / "records.jsonl").symlink_to(mine)
    (workspace_root / "characters" / "bob").symlink_to(tmp_path / "folder")
    with Store.open(workspace_root) as store:
        store.put(ADA, picture(1), picture(2, "bob"), decided=[said(1)])
        store.mirrored(compare=True)
    assert mine.read_bytes() == b"mine\n" and list((tmp_path / "folder").iterdir()) == []


def test_half_a_line_at_the_end_is_not_grown_onto(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    path.write_bytes(b"one\nhal")
    atomic.append_line(path, b"two\n")
    atomic.append_line(path, b"three\n", sync=True)
    assert path.read_bytes() == b"one\nhal\ntwo\nthree\n"
