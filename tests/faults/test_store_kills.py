"""kill -9 of a process that writes records and pictures: all that was acknowledged is there, the store can be read."""

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.domain.records import Decision, ImageRecord, Job, LoraRecord
from pipelines.storage.pictures import read_recipe
from pipelines.storage.store import Store

KILLS = 200
NURSERY = Path(__file__).with_name("store_nursery.py")
ROOT = Path(__file__).resolve().parents[2]


class Nursery:
    """Talks to ``store_nursery.py``, which forks the writers."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(NURSERY)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        assert self._hear() == "ready"

    def _hear(self) -> str:
        assert self._process.stdout
        return self._process.stdout.readline().strip()

    def begin(self, root: Path, acks: Path, seed: int, stop: int = 0) -> int:
        """Start a writer and wait until it runs; its process id."""
        assert self._process.stdin
        acks.unlink(missing_ok=True)
        self._process.stdin.write(f"{root} {acks} {seed} {stop}\n")
        self._process.stdin.flush()
        child = int(self._hear())
        while not acks.exists():
            time.sleep(0.0005)
        return child

    def await_death(self, acks: Path) -> list[list[str]]:
        """What the writer acknowledged before it died."""
        assert self._hear() == "dead"
        return [line.split(" ", 1) for line in acks.read_text().splitlines()]

    def close(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(timeout=20)


@pytest.fixture
def nursery() -> Iterator[Nursery]:
    nursery = Nursery()
    yield nursery
    nursery.close()


class Ledger:
    """What has been acknowledged so far, and whether a store holds it."""

    def __init__(self) -> None:
        self.count = 0
        self.decisions: set[str] = set()
        self.images: set[str] = set()

    def add(self, acknowledged: list[list[str]]) -> None:
        for kind, *rest in acknowledged:
            assert kind != "error", rest
            if kind == "pair":
                self.count = max(self.count, int(rest[0]))
            elif kind == "decision":
                self.decisions.add(rest[0])
            elif kind == "image":
                self.images.add(rest[0])

    def check(self, root: Path) -> None:
        """Every acknowledged write is in the store, which another process left behind; pairs were written together."""
        store = Store.open(root, read_only=True)
        job, lora = store.get(Job, "counter"), store.get(LoraRecord, "counter")
        assert (job.done if job else 0) == (lora.rank if lora else 0), "half of a put is there"
        assert (job.done if job else 0) >= self.count
        assert self.decisions <= {decision.id for decision in store.all(Decision)}
        images = {image.id: image for image in store.all(ImageRecord)}
        assert self.images <= images.keys()
        for image in images.values():
            path = root / image.path
            assert hashlib.sha256(path.read_bytes()).hexdigest() == image.id
            assert read_recipe(path, image.path) == image


def wait_for_lines(acks: Path, count: int) -> None:
    """Until so much was acknowledged: a moment that does not depend on how busy the machine is."""
    patience = time.monotonic() + 10
    while acks.read_bytes().count(b"\n") <= count and time.monotonic() < patience:
        time.sleep(0.0005)


@pytest.mark.slow
def test_200_kills_lose_no_acknowledged_write(nursery: Nursery, workspace_root: Path, tmp_path: Path) -> None:
    dice, ledger, acks = random.Random(1), Ledger(), tmp_path / "acks"
    for kill in range(KILLS):
        writer = nursery.begin(workspace_root, acks, seed=kill)
        wait_for_lines(acks, dice.randrange(8))
        time.sleep(dice.uniform(0, 0.006))
        os.kill(writer, signal.SIGKILL)
        ledger.add(nursery.await_death(acks))
        ledger.check(workspace_root)
    # the test is worth something only if the writers came to write
    assert len(ledger.decisions) > KILLS
    assert len(ledger.images) > KILLS / 4
    with Store.open(workspace_root) as store:
        assert store.repairs == ()
    ledger.check(workspace_root)


@pytest.mark.slow
def test_a_kill_at_any_file_operation_loses_nothing(nursery: Nursery, tmp_path: Path) -> None:
    acks, root, ledger = tmp_path / "acks", tmp_path / "workspace", Ledger()
    for stop in range(1, 2000):
        nursery.begin(root, acks, seed=stop, stop=stop)
        acknowledged = nursery.await_death(acks)
        ledger.add(acknowledged)
        ledger.check(root)
        if acknowledged[-1] == ["end"]:
            break
    assert acknowledged[-1] == ["end"]
    assert stop > 50, "a few writes may share a file operation, and how many do hangs on the machine (96 and more seen)"
