"""Workspaces where people really keep them: on network drives, spread over several disks, moved while they are open."""

import errno
import os
import shutil
import stat
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import filelock
import pytest
from PIL import Image

from pipelines.domain import records
from pipelines.domain.records import Job
from pipelines.storage.intake import admit
from pipelines.storage.pictures import read_recipe, thumbnail
from pipelines.storage.store import Store, StoreWriteFailed, WorkspaceBusy
from pipelines.storage.temp_files import sweep
from pipelines.storage.workspace import FIXED, OutsideWorkspace, Workspace
from pipelines.workflow import characters, sources
from pipelines.workflow.opening import open_session

UNSYNCABLE = [errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.ENOTTY]


def job(number: int) -> Job:
    return Job(id=f"j{number}", kind="test", title="", request={}, done=number)


def refuse_sync(patch: pytest.MonkeyPatch, code: int, of: Callable[[int], bool] = lambda mode: True) -> None:
    """This process's files cannot be synced; ``of`` says which, by their mode."""
    real = os.fsync

    def refusing(handle: int) -> None:
        file = handle if isinstance(handle, int) else handle.fileno()  # type: ignore[attr-defined]
        if of(os.fstat(file).st_mode):
            raise OSError(code, os.strerror(code))
        real(file)

    patch.setattr(os, "fsync", refusing)


@pytest.mark.parametrize("code", UNSYNCABLE)
def test_what_cannot_be_synced_is_written_all_the_same(
    workspace_root: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    refuse_sync(monkeypatch, code)
    with open_session(workspace_root) as session:
        ada = characters.create(session, "Ada", may_use=True)
        arrival = sources.add(session, ada.id, [("a.png", picture())])
        assert len(arrival.admitted) == 1
    assert [c.id for c in Store.open(workspace_root, read_only=True).all(records.Character)] == ["ada"]


@pytest.mark.parametrize("code", [*UNSYNCABLE, errno.EACCES, errno.EBADF, errno.EISDIR])
def test_folders_that_cannot_be_synced_or_opened(
    workspace_root: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    refuse_sync(monkeypatch, code, stat.S_ISDIR)
    real = os.open

    def refusing(path: object, flags: int, *rest: int, **more: int) -> int:
        if more.get("dir_fd") is None and Path(os.fsdecode(path)).is_dir():  # type: ignore[arg-type]
            raise OSError(code, os.strerror(code), str(path))
        return real(path, flags, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", refusing)
    with Store.open(workspace_root) as store:
        store.put(job(1))
    assert [j.done for j in Store.open(workspace_root, read_only=True).all(Job)] == [1]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EDQUOT])
def test_a_full_or_broken_disk_is_still_an_error(
    workspace_root: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    with Store.open(workspace_root) as store:
        with monkeypatch.context() as patch:
            refuse_sync(patch, code)
            with pytest.raises(StoreWriteFailed):
                store.put(job(1))
        store.put(job(2))
    assert [j.done for j in Store.open(workspace_root, read_only=True).all(Job)] == [2]


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS])
def test_a_file_system_without_locks_still_has_one_writer(
    workspace_root: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    import fcntl

    def lockless(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    assert filelock.FileLock
    monkeypatch.setattr(fcntl, "flock", lockless)
    with Store.open(workspace_root) as store:
        store.put(job(1))
        with pytest.raises(WorkspaceBusy):
            Store.open(workspace_root)
    Store.open(workspace_root).close()


# ---- links to bigger disks


def picture(number: int = 1) -> bytes:
    import io

    buffer = io.BytesIO()
    Image.effect_noise((64, 64 + number), 60 + number).convert("RGB").save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize("name", FIXED)
def test_each_fixed_folder_may_be_a_link_to_another_disk(workspace_root: Path, tmp_path: Path, name: str) -> None:
    elsewhere = tmp_path / "big disk" / name
    elsewhere.mkdir(parents=True)
    workspace_root.mkdir()
    (workspace_root / name).symlink_to(elsewhere)
    with open_session(workspace_root) as session:
        ada = characters.create(session, "Ada", may_use=True)
        [image] = sources.add(session, ada.id, [("a.png", picture())]).admitted
        where = session.workspace
        assert read_recipe(where.path(image.path)) is not None
        assert thumbnail(where, image, 512).exists()
        inside = where.path(f"{name}/deeper/file")
        assert where.relative(inside) == where.relative(elsewhere / "deeper" / "file") == f"{name}/deeper/file"
        assert where.holds(elsewhere / "deeper") and not where.holds(elsewhere.parent)
    assert (workspace_root / name).is_symlink()
    with open_session(workspace_root) as session:
        assert sources.sources(session, "ada") == [image]


def test_a_link_deeper_inside_that_points_out_is_still_refused(workspace_root: Path, tmp_path: Path) -> None:
    secret, elsewhere = tmp_path / "secret", tmp_path / "big"
    secret.mkdir()
    (secret / "key").write_text("x")
    (elsewhere / "ada").mkdir(parents=True)
    workspace_root.mkdir()
    (workspace_root / "characters").symlink_to(elsewhere)
    workspace = Workspace(workspace_root)
    workspace.create()
    (elsewhere / "out").symlink_to(secret)
    (elsewhere / "ada" / "up").symlink_to("../..")
    (workspace_root / "loras" / "out").symlink_to(secret)
    (workspace_root / "out").symlink_to(secret)
    (elsewhere / "circle").symlink_to("circle")
    inner = ("characters/out/key", "characters/ada/up/secret/key", "loras/out/key", "characters/circle/x")
    for path in (*inner, "out/key"):
        with pytest.raises(OutsideWorkspace):
            workspace.path(path)
    (elsewhere / "shared").symlink_to(workspace_root / "loras")
    assert workspace.path("characters/shared/a"), "a link that stays in the workspace leads nowhere else"


def test_a_link_whose_disk_is_not_there_is_told_in_words(workspace_root: Path, tmp_path: Path) -> None:
    workspace_root.mkdir()
    (workspace_root / "models").symlink_to(tmp_path / "not mounted")
    with pytest.raises(OSError, match="not mounted, which is not there") as told:
        open_session(workspace_root)
    assert str(told.value.filename).endswith("models")
    (tmp_path / "not mounted").mkdir()
    open_session(workspace_root).close()


def test_half_files_behind_a_link_are_swept_too(workspace_root: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "big"
    elsewhere.mkdir()
    workspace_root.mkdir()
    (workspace_root / "characters").symlink_to(elsewhere)
    half = elsewhere / ".a.png.4194304-0a1b2c3d.tmp"
    half.write_bytes(b"x")
    assert sweep(workspace_root) == 1 and not half.exists()


# ---- moved while open, and a clock that goes back


def test_a_workspace_that_is_moved_while_open_loses_nothing_and_begins_no_second_one(
    workspace_root: Path, tmp_path: Path
) -> None:
    moved = tmp_path / "moved"
    store = Store.open(workspace_root)
    workspace = Workspace(workspace_root)
    workspace.create()
    store.put(job(1))
    workspace_root.rename(moved)
    with pytest.raises(StoreWriteFailed, match="moved"):
        store.put(job(2))
    with pytest.raises(OSError, match="moved"):
        admit(workspace, picture(), "a.png", character="ada", kind="source", version="v1")
    assert not workspace_root.exists(), "nothing is begun at the old place"
    shutil.copytree(moved, workspace_root)
    with pytest.raises(StoreWriteFailed, match="moved"):
        store.put(job(3))
    shutil.rmtree(workspace_root)
    moved.rename(workspace_root)
    store.put(job(4))
    workspace_root.rename(moved)
    store.close()
    assert not workspace_root.exists()
    with Store.open(moved) as again:
        assert [j.done for j in again.all(Job)] == [1, 4]


def test_a_clock_that_is_set_back_changes_no_order(workspace_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs wait in the order they were asked for, whatever the clock says."""
    from pipelines.queue.job_queue import JobQueue
    from pipelines.storage.settings import load

    real, back = records.datetime, [timedelta()]

    class Clock(real):  # type: ignore[misc, valid-type]
        @classmethod
        def now(cls, tz: object = None) -> "Clock":
            return real.now(tz) - back[0]  # type: ignore[arg-type, return-value]

    monkeypatch.setattr(records, "datetime", Clock)
    with Store.open(workspace_root) as store:
        for number in range(4):
            store.put(Job(id=f"j{number}", kind="test", title="", request={}, created=records.now()))
            back[0] += timedelta(hours=1)
        assert [j.id for j in store.all(Job)] == [f"j{n}" for n in range(4)]
        # what was asked cannot be read, so each ends at once, in the order of the line
        queue = JobQueue(store, Workspace(workspace_root), load(workspace_root))
        recent = [j.id for j in queue.status().recent]
        queue.close()
    assert recent == ["j3", "j2", "j1", "j0"], "newest first"
