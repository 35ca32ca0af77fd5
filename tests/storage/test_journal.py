"""What is on disk, damaged in every way that disks and people do it."""

import json
import logging
import shutil
import zlib
from pathlib import Path

import pytest

from pipelines.domain.records import Job
from pipelines.storage import journal as journal_module
from pipelines.storage import mirror
from pipelines.storage.journal import Journal
from pipelines.storage.journal_lines import decode_line, encode_line
from pipelines.storage.snapshot import FORMAT, MARK
from pipelines.storage.store import Store, StoreUnreadable


def put(store: Store, number: int) -> None:
    store.put(Job(id=f"j{number}", kind="test", title="", request={}, done=number))


def crash(store: Store) -> None:
    """Let go of the workspace without the snapshot of an orderly close."""
    store._journal.close()
    assert store._workspace_lock
    store._workspace_lock.release()


def numbers(root: Path) -> list[int]:
    return [job.done for job in Store.open(root, read_only=True).all(Job)]


@pytest.fixture
def root(workspace_root: Path) -> Path:
    """Two sessions: jobs 1-3 are in the backup, 4-6 in the snapshot, 7-9 only in the journal."""
    for first in (1, 4):
        with Store.open(workspace_root) as store:
            for number in range(first, first + 3):
                put(store, number)
    store = Store.open(workspace_root)
    for number in range(7, 10):
        put(store, number)
    crash(store)
    assert len((workspace_root / "flenwheel.journal").read_bytes().splitlines()) == 3
    assert "j6" in (workspace_root / "flenwheel.json").read_text()
    assert "j6" not in (workspace_root / "flenwheel.json.bak").read_text()
    return workspace_root


def test_the_fixture_is_whole(root: Path) -> None:
    assert numbers(root) == list(range(1, 10))


@pytest.mark.parametrize("damage", [b"", b"{", b"\0" * 500, b"[]", b'{"jobs": {}}', b"\xff\xfe"])
def test_a_damaged_snapshot_is_restored_from_the_backup_and_its_lines(
    root: Path, damage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    (root / "flenwheel.json").write_bytes(damage)
    assert numbers(root) == list(range(1, 10))
    with caplog.at_level(logging.WARNING), Store.open(root) as store:
        assert [job.done for job in store.all(Job)] == list(range(1, 10))
        assert "restored from the backup" in " ".join(store.repairs)
        put(store, 10)
    assert "restored from the backup" in caplog.text
    assert [path.read_bytes() for path in root.glob("flenwheel.json.damaged-*")] == [damage], "kept for a look"
    assert numbers(root) == list(range(1, 11))


def test_damaged_again_and_again(root: Path) -> None:
    """The backup and its lines stay good through the repair, so the next snapshot may break too."""
    for number in range(10, 14):
        (root / "flenwheel.json").write_bytes(b"{")
        store = Store.open(root)
        put(store, number)
        crash(store)
        assert numbers(root) == list(range(1, number + 1))


@pytest.mark.parametrize("cut", range(2, 60, 7))
def test_a_torn_last_line_is_dropped_and_writing_goes_on(root: Path, cut: int) -> None:
    path = root / "flenwheel.journal"
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    assert numbers(root) == list(range(1, 9))
    with Store.open(root) as store:
        assert set(store.repairs) <= {mirror.KNOWS_MORE}  # the copy beside the files may have been quicker
        put(store, 20)
    assert numbers(root) == [*range(1, 9), 20]


def test_writing_after_a_torn_line_without_compacting_in_between(root: Path) -> None:
    path = root / "flenwheel.journal"
    path.write_bytes(path.read_bytes() + b"12345678 {half")
    journal = Journal(root)
    journal.load()
    journal.start()
    journal.append({"jobs": {"99": {"id": "j99", "kind": "t", "title": "", "request": {}, "done": 99}}})
    journal.close()
    assert numbers(root) == [*range(1, 10), 99]


def test_a_last_block_of_zeros_after_a_power_cut_is_dropped(root: Path) -> None:
    path = root / "flenwheel.journal"
    path.write_bytes(path.read_bytes() + b"\0" * 4096)
    assert numbers(root) == list(range(1, 10))


def test_a_line_damaged_in_the_middle_costs_only_itself_and_is_told(root: Path) -> None:
    path = root / "flenwheel.journal"
    lines = path.read_bytes().splitlines(keepends=True)
    lines[1] = lines[1].replace(b"j8", b"jX")
    path.write_bytes(b"".join(lines))
    assert numbers(root) == [1, 2, 3, 4, 5, 6, 7, 9]
    with Store.open(root) as store:
        assert "line 9 of the journal is damaged" in " ".join(store.repairs)


def test_a_whole_last_line_whose_end_is_damaged_is_kept(root: Path) -> None:
    path = root / "flenwheel.journal"
    path.write_bytes(path.read_bytes()[:-1])
    for _ in range(2):
        assert numbers(root) == list(range(1, 10))
        with Store.open(root) as store:
            put(store, 9)
    assert numbers(root) == list(range(1, 10))


def test_an_empty_line_too_many_costs_nothing_that_follows(root: Path) -> None:
    """In a segment that is still needed, and in the present file: each line says itself where it belongs."""
    (root / "flenwheel.json").write_bytes(b"{")
    for path in root.glob("flenwheel.journal*"):
        path.write_bytes(path.read_bytes() + b"\n\n")
    assert numbers(root) == list(range(1, 10))
    with Store.open(root) as store:
        assert [note for note in store.repairs if "line" in note] == []
        put(store, 10)
    assert numbers(root) == list(range(1, 11))


@pytest.mark.parametrize("name", ["flenwheel.journal", "segment", "flenwheel.json"])
def test_every_byte_of_every_file_damaged(root: Path, name: str) -> None:
    """It can be read, loses at most the line that was touched, and says so."""
    segment = next(path for path in root.glob("flenwheel.journal.*") if b"j5" in path.read_bytes())
    path = segment if name == "segment" else root / name
    whole = path.read_bytes()
    before = list(Journal(root).load()["jobs"].values())
    trailer = whole.rfind(MARK) if name == "flenwheel.json" else 0
    for place, byte in enumerate(whole):
        for damaged in {byte ^ 1, ord("\n")} - {byte}:
            path.write_bytes(whole[:place] + bytes([damaged]) + whole[place + 1 :])
            journal = Journal(root)
            now = list(journal.load()["jobs"].values())
            lost = {job["done"] for job in before if job not in now}
            touched = 7 + whole[:place].count(b"\n")
            assert lost <= ({touched} if name == "flenwheel.journal" else set()), (place, damaged)
            assert journal.notes or not (lost or place < trailer), (place, damaged)


def test_a_damaged_snapshot_with_nothing_to_restore_it_from_is_taken_and_told(root: Path, tmp_path: Path) -> None:
    alone = tmp_path / "alone"
    alone.mkdir()
    content = (root / "flenwheel.json").read_bytes()
    (alone / "flenwheel.json").write_bytes(content.replace(b"j4", b"jX"))
    with Store.open(alone) as store:
        assert [job.id for job in store.all(Job)] == ["j1", "j2", "j3", "jX", "j5", "j6"]
        assert "may be wrong" in " ".join(store.repairs)


def test_what_another_program_wrote_is_taken_as_it_stands(root: Path) -> None:
    path = root / "flenwheel.json"
    content = json.loads(path.read_bytes())
    next(iter(content["jobs"].values()))["title"] = "edited"
    path.write_text(json.dumps(content))
    with Store.open(root) as store:
        assert store.repairs == () and store.all(Job)[0].title == "edited"


@pytest.mark.slow
def test_writing_goes_on_after_any_damage_and_no_number_is_given_twice(root: Path, tmp_path: Path) -> None:
    path = root / "flenwheel.journal"
    whole = path.read_bytes()
    for place in range(0, len(whole), 7):
        copied = Path(shutil.copytree(root, tmp_path / str(place)))
        damaged = copied / "flenwheel.journal"
        damaged.write_bytes(whole[:place] + b"#" + whole[place + 1 :])
        with Store.open(copied) as store:
            before = {job.done for job in store.all(Job)}
            put(store, 100)
        (copied / "flenwheel.json").write_bytes(b"{")
        with Store.open(copied) as store:
            assert {job.done for job in store.all(Job)} == {*before, 100}, place
            put(store, 101)
        assert set(numbers(copied)) == {*before, 100, 101}


def test_a_damaged_line_that_the_snapshot_already_holds_does_no_harm(root: Path) -> None:
    [segment] = [path for path in root.glob("flenwheel.journal.*") if b"j5" in path.read_bytes()]
    lines = segment.read_bytes().splitlines(keepends=True)
    segment.write_bytes(lines[0] + b"x" + lines[1][1:] + lines[2])
    assert numbers(root) == list(range(1, 10))
    with Store.open(root) as store:
        assert store.repairs == ()


@pytest.mark.parametrize("gone", ["flenwheel.journal.*", "flenwheel.json*"])
def test_what_cannot_be_restored_is_refused_and_left_as_it_is(root: Path, gone: str) -> None:
    (root / "flenwheel.json").write_bytes(b"{")
    for path in root.glob(gone):
        path.unlink()
    before = {path.name: path.read_bytes() for path in root.iterdir() if path.is_file()}
    for read_only in (True, False):
        with pytest.raises(StoreUnreadable, match="rebuild"):
            Store.open(root, read_only=read_only)
    after = {path.name: path.read_bytes() for path in root.iterdir() if path.is_file()}
    assert {name: data for name, data in after.items() if name != "flenwheel.holder"} == before


def test_all_snapshots_lost_but_not_the_journal_is_no_empty_store(root: Path, workspace_root: Path) -> None:
    """A store without snapshot is new only if there are no lines that presuppose one."""
    for path in root.glob("flenwheel.json*"):
        path.unlink()
    with pytest.raises(StoreUnreadable):
        numbers(root)


def test_a_backup_without_the_lines_that_follow_it_is_not_passed_off_as_the_present(root: Path) -> None:
    (root / "flenwheel.json").write_bytes(b"{")
    for path in root.glob("flenwheel.journal*"):
        path.unlink()
    with pytest.raises(StoreUnreadable, match="missing"):
        numbers(root)


def test_a_first_session_that_was_killed_left_only_lines(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "w")
    put(store, 1)
    crash(store)
    (tmp_path / "w" / "flenwheel.json").unlink()
    assert numbers(tmp_path / "w") == [1]


def test_a_newer_format_is_refused_and_untouched(root: Path) -> None:
    path = root / "flenwheel.json"
    content = path.read_bytes().rpartition(MARK)[0]
    newer = content.replace(b'"format": %d' % FORMAT, b'"format": %d' % (FORMAT + 1))
    assert newer != content
    newer += b"%s%d}}}\n" % (MARK, zlib.crc32(newer))
    path.write_bytes(newer)
    with pytest.raises(StoreUnreadable, match="newer"):
        Store.open(root)
    assert path.read_bytes() == newer


def test_a_copy_of_the_folder_is_a_backup(root: Path, tmp_path: Path) -> None:
    shutil.copytree(root, tmp_path / "copy")
    with Store.open(tmp_path / "copy") as store:
        assert len(store.all(Job)) == 9


def test_a_failed_snapshot_leaves_the_old_one_and_all_lines(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store.open(root)
    put(store, 10)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(journal_module, "write_durably", full)
    store.close()
    monkeypatch.undo()
    assert numbers(root) == list(range(1, 11))
    Store.open(root).close()


def test_lines_carry_any_text_and_know_when_they_are_damaged() -> None:
    changes = {"jobs": {"1": {"id": "a", "text": 'ä\n"\u2028\0'}, "2": None}}
    line = encode_line(7, changes)
    assert line.count(b"\n") == 1
    assert decode_line(line[:-1]) == (7, changes)
    for place in range(len(line) - 1):
        broken = line[:place] + bytes([line[place] ^ 1]) + line[place + 1 : -1]
        assert decode_line(broken) is None
    assert json.loads(line[9:])["seq"] == 7
