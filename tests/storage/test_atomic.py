"""Durable writes: whole or not at all, patient with names that others hold, and made in one place only."""

import ast
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from windows import Windows

from pipelines.storage import atomic
from pipelines.storage.atomic import Appender, link_second_name, new_folder, replace, write_durably

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> Windows:
    simulated = Windows()
    simulated.install(monkeypatch)
    return simulated


def test_a_write_waits_for_a_reader_that_soon_lets_go(windows: Windows, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_durably(path, b"old")
    opened, tried = threading.Event(), threading.Event()

    def read() -> None:
        with path.open("rb"):
            opened.set()
            tried.wait(10)

    reader = threading.Thread(target=read)
    reader.start()
    opened.wait(10)
    real = os.replace

    def noticed(*paths: object) -> None:
        try:
            real(*paths)  # type: ignore[arg-type]
        finally:
            tried.set()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "replace", noticed)
        write_durably(path, b"new\n")
    reader.join()
    assert path.read_bytes() == b"new\n"
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_a_reader_that_never_lets_go_costs_a_moment_and_nothing_else(windows: Windows, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_durably(path, b"old")
    begun = time.monotonic()
    with path.open("rb"), pytest.raises(PermissionError):
        write_durably(path, b"new")
    assert time.monotonic() - begun >= atomic.PATIENCE / 2, "it has been tried again"
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_a_name_of_any_length_and_script_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / ("ж" * 120 + ".txt")
    write_durably(path, b"x")
    assert path.read_bytes() == b"x"


def test_two_names_of_one_file_leave_nothing_behind(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    write_durably(first, b"1")
    link_second_name(first, second)
    link_second_name(first, second)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "b"]
    assert first.read_bytes() == second.read_bytes() == b"1"


def test_an_appender_cuts_off_what_was_never_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"one\ntw")
    grown = Appender(path, 4)
    grown.append(b"two\n")
    assert grown.size == 8
    grown.close()
    grown.close()
    assert path.read_bytes() == b"one\ntwo\n"
    with pytest.raises(OSError, match="closed"):
        grown.append(b"three\n")


def test_a_failed_append_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    grown = Appender(tmp_path / "log", 0)
    grown.append(b"one\n")
    real = os.fsync

    def full(handle: int) -> None:
        monkeypatch.setattr(os, "fsync", real)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        grown.append(b"two\n")
    assert (tmp_path / "log").read_bytes() == b"one\n" and not grown.closed
    grown.append(b"three\n")
    assert (tmp_path / "log").read_bytes() == b"one\nthree\n"


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    final = tmp_path / "deep" / "000010"
    with pytest.raises(RuntimeError), new_folder(final) as fresh:
        (fresh / "a").write_bytes(b"1")
        raise RuntimeError
    assert list((tmp_path / "deep").iterdir()) == []
    for content in (b"1", b"2"):
        with new_folder(final) as fresh:
            (fresh / "inner").mkdir()
            (fresh / "inner" / "a").write_bytes(content)
            assert not final.exists() or (final / "inner" / "a").read_bytes() == b"1"
        assert (final / "inner" / "a").read_bytes() == content
        assert [p.name for p in (tmp_path / "deep").iterdir()] == ["000010"]


def test_a_file_system_that_cannot_sync_folders_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.fsync

    def files_only(handle: int) -> None:
        if Path(f"/proc/self/fd/{handle}").is_dir():
            raise OSError(22, "Invalid argument")
        real(handle)

    monkeypatch.setattr(os, "fsync", files_only)
    write_durably(tmp_path / "a", b"1")
    replace(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b").read_bytes() == b"1"


# ---- one place

ELSEWHERE = {
    "pipelines/storage/atomic.py": "the place",
    "pipelines/training/checkpoints.py: save_file": "into a folder of new_folder, which syncs and moves it",
    "pipelines/training/checkpoints.py: write_bytes": "the same",
    "pipelines/engine/shards.py: open": "the same",
}
WRITES = {
    "write_text",
    "write_bytes",
    "save_file",
    "save_pretrained",
    "rename",
    "renames",
    "fsync",
    "ftruncate",
    "link",
}
WRITES |= {"hardlink_to", "symlink_to", "copyfile", "copy2", "copytree", "NamedTemporaryFile", "mkstemp", "truncate"}
WRITES |= {"link", "symlink"}


def writing(tree: ast.AST) -> Iterator[str]:
    """Names of calls that write, rename or sync files."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        texts = [a.value for a in [*node.args, *(k.value for k in node.keywords)] if isinstance(a, ast.Constant)]
        of_os = ast.unparse(node.func).startswith("os.")
        # str.replace takes two arguments, datetime's takes names
        moved = name == "replace" and (of_os or (len(node.args) == 1 and not node.keywords))
        modes = [t for t in texts if isinstance(t, str) and t and set(t) <= set("rwaxbt+") and set(t) & set("wax+")]
        if name in WRITES or moved or (name == "open" and modes) or (of_os and name == "open"):
            yield name


def test_nothing_writes_files_but_atomic() -> None:
    found = {
        f"{path.relative_to(ROOT).as_posix()}: {name}"
        for room in ("pipelines", "studio")
        for path in (ROOT / room).rglob("*.py")
        for name in writing(ast.parse(path.read_text(encoding="utf-8")))
    }
    found -= {"pipelines/worker/main.py: open", "studio/cli/outermost.py: open"}  # os.devnull
    found -= {"pipelines/storage/backup.py: open"}  # an entry of the ZIP that atomic.new_file has opened
    assert found > {"pipelines/storage/atomic.py: ftruncate"}, "the search finds what is there"
    assert [f for f in sorted(found) if not any(f.startswith(known) for known in ELSEWHERE)] == []


def test_texts_are_read_with_their_encoding() -> None:
    """Windows' own is not UTF-8."""

    def careless(node: ast.AST) -> bool:
        if not isinstance(node, ast.Call):
            return False
        name, named = getattr(node.func, "attr", ""), {k.arg for k in node.keywords}
        if name == "read_text":
            return not node.args and "encoding" not in named
        return name == "write_text" and not {"encoding", "newline"} <= named

    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"  # type: ignore[attr-defined]
        for room in ("pipelines", "studio")
        for path in (ROOT / room).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if careless(node)
    ]
    assert found == []


def test_a_new_file_appears_whole_or_not_at_all_and_takes_no_place(tmp_path: Path) -> None:
    final = tmp_path / "kept"
    with atomic.new_file(final) as (fresh, file):
        file.write(b"whole")
        file.flush()
        assert fresh.read_bytes() == b"whole" and not final.exists()
    assert final.read_bytes() == b"whole"
    with pytest.raises(FileExistsError), atomic.new_file(final) as (_, file):
        file.write(b"other")
    with pytest.raises(ValueError, match="no"), atomic.new_file(tmp_path / "other") as (_, file):
        file.write(b"half")
        raise ValueError("no")
    assert [p.name for p in tmp_path.iterdir()] == ["kept"] and final.read_bytes() == b"whole"


def test_a_new_folder_that_may_not_give_way_to_others(tmp_path: Path) -> None:
    final = tmp_path / "folder"
    final.mkdir()
    with atomic.new_folder(final, over=False) as fresh:
        (fresh / "a").write_bytes(b"1")
    with pytest.raises(OSError), atomic.new_folder(final, over=False) as fresh:
        (fresh / "a").write_bytes(b"2")
    assert (final / "a").read_bytes() == b"1" and [p.name for p in tmp_path.iterdir()] == ["folder"]
