"""A workspace as one file, and back: whole or not at all, whatever the file is and whenever the process ends."""

import json
import shutil
import signal
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import pytest
from hostile_backups import Forged, forge, hostile
from old_workspaces import OLD, copy_of, read_whole

from pipelines.domain.cancelled import Cancelled
from pipelines.domain.records import Decision, ImageRecord
from pipelines.storage import backup
from pipelines.storage.atomic import file_hash
from pipelines.storage.backup import BackupRefused, back_up
from pipelines.storage.restoring import restore
from pipelines.storage.store import Store
from pipelines.storage.workspace import Workspace


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A workspace of the first version, opened once, with all that a backup leaves out."""
    root = copy_of(OLD, tmp_path / "workspace")
    Workspace(root).create()
    Store.open(root).close()
    for name in ("models/base/weights.safetensors", "cache/thumbs/aa/a.webp", "logs/worker.log", "backups/old.zip"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"not this")
    (root / "presets" / "models").mkdir(parents=True)
    (root / "presets" / "models" / "mine.toml").write_text("# mine")
    (root / "characters" / ".half.png.1-abcd.tmp").write_bytes(b"half")
    return root


def files_of(root: Path) -> dict[str, str]:
    """What a backup is to bring back, by path."""
    found = [p for top in ("characters", "loras", "presets") for p in (root / top).rglob("*") if p.is_file()]
    kept = [p for p in found if p.name != "records.jsonl" and not p.name.endswith(".tmp")]
    return {p.relative_to(root).as_posix(): file_hash(p) for p in [*kept, root / "settings.toml"]}


def left_beside(place: Path) -> list[str]:
    return [p.name for p in place.parent.iterdir() if p.name.endswith(".tmp")]


def test_what_comes_back_is_what_was_there(root: Path, tmp_path: Path) -> None:
    heard: list[tuple[int, int]] = []
    made = back_up(root, tmp_path / "kept.zip", lambda done, of: heard.append((done, of)))
    assert made.path == tmp_path / "kept.zip" and made.left_out == () and made.bytes == made.path.stat().st_size
    assert heard[-1][0] == heard[-1][1] and heard == sorted(heard)
    assert not made.path.read_bytes().count(b"not this")
    restored = restore(made.path, tmp_path / "new")
    assert files_of(tmp_path / "new") == files_of(root)
    assert {p.name for p in (tmp_path / "new").iterdir()} == {
        "characters", "presets", "settings.toml", "flenwheel.json",
    }  # fmt: skip
    with Store.open(root) as before, Store.open(tmp_path / "new") as after:
        assert read_whole(after) == read_whole(before)
        assert restored.pictures == len(after.all(ImageRecord)) and restored.characters == 2


def test_one_is_made_while_the_studio_works_and_has_what_was_said_until_then(root: Path, tmp_path: Path) -> None:
    stop = threading.Event()
    with Store.open(root) as store:
        image = store.all(ImageRecord)[0].id

        def decide() -> None:
            number = 0
            while not stop.is_set():
                number += 1
                store.decide(Decision(id=f"later-{number}", image=image, who="human", action="note", value="x"))

        store.decide(Decision(id="before", image=image, who="human", action="note", value="y"))
        worker = threading.Thread(target=decide)
        worker.start()
        try:
            made = back_up(root, tmp_path / "kept.zip")
        finally:
            stop.set()
            worker.join()
    restore(made.path, tmp_path / "new")
    with Store.open(tmp_path / "new") as store:
        ids = [d.id for d in store.decisions(image)]
        assert "before" in ids
        later = [int(i.split("-")[1]) for i in ids if i.startswith("later-")]
        assert later == list(range(1, len(later) + 1)), "all up to one moment"
        assert store.repairs == ()


def test_nothing_that_is_there_is_written_over(root: Path, tmp_path: Path) -> None:
    there = tmp_path / "there.zip"
    there.write_bytes(b"mine")
    with pytest.raises(BackupRefused, match="already"):
        back_up(root, there)
    assert there.read_bytes() == b"mine"
    made = back_up(root, tmp_path)
    assert made.path.parent == tmp_path and made.path.name.startswith("workspace-")
    full = tmp_path / "full"
    full.mkdir()
    (full / "mine").write_bytes(b"mine")
    for taken in (full, there, root):
        with pytest.raises(BackupRefused, match="already"):
            restore(made.path, taken)
    assert [p.name for p in full.iterdir()] == ["mine"] and there.read_bytes() == b"mine"
    (tmp_path / "empty").mkdir()
    restore(made.path, tmp_path / "empty")
    assert files_of(tmp_path / "empty") == files_of(root)


def test_no_workspace_no_backup(tmp_path: Path) -> None:
    with pytest.raises(BackupRefused, match="no workspace"):
        back_up(tmp_path / "nothing", tmp_path / "kept.zip")
    assert list(tmp_path.iterdir()) == []


def test_what_no_other_system_could_write_is_left_out_and_named(root: Path, tmp_path: Path) -> None:
    folder = next(iter((root / "characters").iterdir()))
    for name in ("con.txt", "a:b.png", "dot.", "line\nbreak"):
        (folder / name).write_bytes(b"x")
    (folder / "link.png").symlink_to("/etc/hostname")
    (folder / "linked").symlink_to("/etc")
    (folder / "Twin.txt").write_bytes(b"1")
    (folder / "twin.txt").write_bytes(b"2")
    made = back_up(root, tmp_path / "kept.zip")
    named = "\n".join(made.left_out)
    for name in ("con.txt", "a:b.png", "dot.", "line\\nbreak", "link.png", "linked", "twin.txt"):
        assert name in named
    assert len(made.left_out) == 7
    restore(made.path, tmp_path / "new")


def test_a_folder_that_was_put_on_another_disk_is_in_the_backup(root: Path, tmp_path: Path) -> None:
    before = files_of(root)
    shutil.move(root / "characters", tmp_path / "big disk")
    (root / "characters").symlink_to(tmp_path / "big disk")
    restore(back_up(root, tmp_path / "kept.zip").path, tmp_path / "new")
    assert files_of(tmp_path / "new") == before


def test_cancelling_leaves_nothing(root: Path, tmp_path: Path) -> None:
    made = back_up(root, tmp_path / "kept.zip")

    def stop(done: int, of: int) -> None:
        if done > of // 3:
            raise Cancelled

    with pytest.raises(Cancelled):
        back_up(root, tmp_path / "other.zip", stop)
    for late in (stop, lambda done, of: stop(done - of // 2, of)):
        with pytest.raises(Cancelled):
            restore(made.path, tmp_path / "new", late)
    assert {p.name for p in tmp_path.iterdir()} == {"workspace", "kept.zip"}


# ---- hostile and damaged files


@pytest.mark.parametrize("case", hostile(), ids=lambda case: case.name)
def test_a_foreign_or_forged_file_is_refused_in_words_before_anything_is_written(case: Forged, tmp_path: Path) -> None:
    path = tmp_path / "kept.zip"
    forge(path, case)
    with pytest.raises(BackupRefused, match=case.why):
        restore(path, tmp_path / "new")
    assert {p.name for p in tmp_path.iterdir()} == {"kept.zip"}
    assert not (tmp_path.parent / "evil.png").exists()


def test_the_forge_itself_makes_what_is_taken(tmp_path: Path) -> None:
    """What is refused above is refused for its one fault."""
    forge(tmp_path / "kept.zip", Forged("none", ""))
    restore(tmp_path / "kept.zip", tmp_path / "new")
    assert (tmp_path / "new" / "characters" / "ada" / "a.png").read_bytes() == b"picture"


@pytest.mark.parametrize(
    "content", [b"", b"PK", b"\x89PNG\r\n\x1a\n" + b"x" * 100, b"PK\x05\x06" + b"\0" * 18], ids=range(4)
)
def test_what_is_no_backup_at_all_is_refused_in_words(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "kept.zip").write_bytes(content)
    with pytest.raises(BackupRefused, match="no backup of FLENwheel"):
        restore(tmp_path / "kept.zip", tmp_path / "new")
    with pytest.raises(BackupRefused, match="no file"):
        restore(tmp_path / "nothing.zip", tmp_path / "new")
    with pytest.raises(BackupRefused, match="no file"):
        restore(tmp_path, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_damage_anywhere_is_found_or_harmless(root: Path, tmp_path: Path) -> None:
    """One byte changed, or the file cut, at places all over it: refused, or the very same workspace comes back."""
    made = back_up(root, tmp_path / "kept.zip")
    whole, before = made.path.read_bytes(), files_of(root)
    refused = 0
    for n in range(60):
        place = n * (len(whole) - 1) // 59
        damaged = bytearray(whole)
        damaged[place] ^= 0x41
        for content in (bytes(damaged), whole[:place]):
            made.path.write_bytes(content)
            target = tmp_path / "new"
            try:
                restore(made.path, target)
            except BackupRefused as refusal:
                refused += 1
                assert "Nothing was written" in str(refusal)
                assert not target.exists()
            else:
                assert files_of(target) == before
                shutil.rmtree(target)
    assert refused > 100
    assert left_beside(tmp_path / "new") == []


def test_the_records_of_a_newer_flenwheel_are_refused(root: Path, tmp_path: Path) -> None:
    made = back_up(root, tmp_path / "kept.zip")
    with zipfile.ZipFile(made.path) as archive:
        records = json.loads(archive.read("flenwheel.json"))
    records["migrations"]["99"] = {"id": "m999_scents", "at": "2099-01-01T00:00:00Z"}
    case = Forged("newer", "", files={"flenwheel.json": json.dumps(records).encode()})
    forge(tmp_path / "newer.zip", case)
    with pytest.raises(BackupRefused, match=r"m999_scents.*Update FLENwheel"):
        restore(tmp_path / "newer.zip", tmp_path / "new")
    assert not (tmp_path / "new").exists()


# ---- kills

KILLED = """
import os, signal, sys
from pathlib import Path
from pipelines.storage.backup import back_up
from pipelines.storage.restoring import restore

def told(done, of):
    if done * 100 >= of * int(sys.argv[4]):
        os.kill(os.getpid(), signal.SIGKILL)

{"back_up": back_up, "restore": restore}[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[3]), told)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
@pytest.mark.parametrize("share", [0, 40, 70, 99])
def test_a_kill_leaves_no_half_file_under_the_final_name(root: Path, tmp_path: Path, share: int) -> None:
    def killed(*words: object) -> int:
        return subprocess.run([sys.executable, "-c", KILLED, *map(str, words), str(share)], check=False).returncode

    assert killed("back_up", root, tmp_path / "kept.zip") == -signal.SIGKILL
    assert not (tmp_path / "kept.zip").exists() and left_beside(tmp_path / "kept.zip")
    made = back_up(root, tmp_path / "kept.zip")
    assert left_beside(tmp_path / "kept.zip") == [], "the next one sweeps what the killed one left"
    assert killed("restore", made.path, tmp_path / "new") == -signal.SIGKILL
    assert not (tmp_path / "new").exists()
    restore(made.path, tmp_path / "new")
    assert files_of(tmp_path / "new") == files_of(root) and left_beside(tmp_path / "new") == []


# ---- names


def test_two_of_one_second_lie_beside_each_other(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after a clock that was set back."""
    at = backup.now()
    monkeypatch.setattr(backup, "now", lambda: at)
    made = [back_up(root, tmp_path).path for _ in range(3)]
    assert [p.stem.rpartition(f"{at:%H%M%S}")[2] for p in made] == ["", "-2", "-3"]
    assert all(p.is_file() for p in made)


# ---- room


def test_a_disk_without_room_is_told_before_anything_is_written(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = back_up(root, tmp_path / "kept.zip")
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=2**20))
    with pytest.raises(BackupRefused, match="GiB are free"):
        restore(made.path, tmp_path / "new")
    assert {p.name for p in tmp_path.iterdir()} == {"workspace", "kept.zip"}
