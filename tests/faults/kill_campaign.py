"""Kills a working studio again and again, and looks each time whether anything was lost.

``python tests/faults/kill_campaign.py [--kills 300] [--jobs 0.3] [--seed 1]`` prints how many of which, and each loss.
Victims are ``kill_victim.py``; killed are the app, its worker, or both, by SIGKILL and now and then by SIGTERM, at a
random moment. Then the workspace is opened again and looked through (``Ledger.check``).
"""

import argparse
import contextlib
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parent)]
os.environ.update(HF_HUB_OFFLINE="1", HF_HUB_DISABLE_TELEMETRY="1", OMP_NUM_THREADS="1", TRANSFORMERS_VERBOSITY="error")

import psutil

from pipelines.domain.records import (
    Card,
    Character,
    DatasetVersion,
    Decision,
    ImageRecord,
    Job,
    LoraRecord,
    TrainingRun,
)
from pipelines.models.lora_files import inspect
from pipelines.session import Session
from pipelines.storage import restoring
from pipelines.storage.atomic import file_hash
from pipelines.storage.rebuild import rebuild
from pipelines.storage.settings import load
from pipelines.storage.store import Store
from pipelines.storage.temp_files import sweep
from pipelines.storage.workspace import Workspace
from pipelines.workflow import characters, sources, weights
from pipelines.workflow.opening import open_session
from pipelines.world import practice_sources

PATIENCE = 900.0
REBUILT_EVERY = 25


class Nursery:
    """``kill_victim.py``, which forks the victims."""

    def __init__(self, folder: Path) -> None:
        self.log = (folder / "victim.log").open("ab")
        environment = {**os.environ, "PYTHONPATH": str(HERE.parents[1])}
        command = [sys.executable, str(HERE / "kill_victim.py")]
        self._process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True
        )
        assert self.hear() == "ready"

    def hear(self) -> str:
        """The next word."""
        assert self._process.stdout
        return self._process.stdout.readline().strip()

    def begin(self, *words: object) -> int:
        """A victim; its process id."""
        assert self._process.stdin
        self._process.stdin.write(" ".join(map(str, words)) + "\n")
        self._process.stdin.flush()
        return int(self.hear())

    def close(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(timeout=60)
        self.log.close()


class Victim:
    """A process that works, and all that it started."""

    def __init__(self, nursery: Nursery, root: Path, kind: str, seed: int) -> None:
        self.acks, self.kind, self.nursery = root.parent / "acks", kind, nursery
        self.acks.unlink(missing_ok=True)
        self.pid = nursery.begin(root, self.acks, kind, seed)
        self.seen = {self.pid}

    def said(self) -> list[dict[str, Any]]:
        """What it acknowledged so far."""
        text = self.acks.read_text() if self.acks.exists() else ""
        return [json.loads(line) for line in text.split("\n")[:-1]]

    def until(self, count: int, what: str = "") -> list[dict[str, Any]]:
        """Until it said so many things (of a kind). What it said. Raises TimeoutError, and RuntimeError when it ended
        by itself."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            said = self.said()
            if sum(not what or s["what"] == what for s in said) >= count:
                return said
            if not psutil.pid_exists(self.pid):
                raise RuntimeError("the victim ended by itself; its log says why")
            time.sleep(0.01)
        raise TimeoutError(f"the victim said nothing for {PATIENCE} s: {self.said()[-3:]}")

    def worker(self) -> int | None:
        """The worker's process id, if it has one."""
        try:
            children = psutil.Process(self.pid).children()
        except psutil.NoSuchProcess:
            return None
        self.seen |= {c.pid for c in children}
        return next((c.pid for c in children), None)

    def end(self) -> None:
        """It is dead now; what it said is whole."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        assert self.nursery.hear().startswith("dead")


def gone(pids: set[int], seconds: float = 15.0) -> set[int]:
    """Those that are still there after ``seconds``."""
    end = time.monotonic() + seconds
    left = pids
    while left and time.monotonic() < end:
        left = {p for p in left if psutil.pid_exists(p) and psutil.Process(p).status() != psutil.STATUS_ZOMBIE}
        time.sleep(0.02)
    return left


class Ledger:
    """What has been acknowledged, and what is wrong with a workspace that was left behind."""

    def __init__(self) -> None:
        self.ids: dict[str, set[str]] = {
            "image": set(),
            "decision": set(),
            "job": set(),
            "lora": set(),
            "dataset": set(),
        }
        self.ended: dict[str, str] = {}
        self.angles: dict[str, str] = {}
        self.theme = ""
        self.copies = 0
        self.bad_copies: list[str] = []
        self.maybe: tuple[str, str] = ("", "")
        """What was begun last and not told as done: it may stand or not."""
        self.unrecorded = 0

    def add(self, said: list[dict[str, Any]]) -> None:
        for told in said:
            self.maybe = ("", "")
            match told["what"]:
                case "will tag":
                    self.maybe = (told["id"], told["value"])
                case "will set":
                    self.maybe = ("theme", told["value"])
                case "decisions":
                    self.ids["decision"] |= set(told["ids"])
                case "angle":
                    self.angles[told["id"]] = told["value"]
                case "theme":
                    self.theme = told["value"]
                case "copy":
                    self.copies += 1
                    self.bad_copies += [f"copy {told['name']}: {told['wrong']}"] * bool(told["wrong"])
                case "image" | "lora" | "dataset" as kind:
                    self.ids[kind].add(told["id"])
                case "job":
                    self.ids["job"].add(told["id"])
                    if told["state"] not in ("queued", "running"):
                        self.ended[told["id"]] = told["state"]

    def check(self, root: Path) -> list[str]:
        """Open the workspace as a studio would, let what waits go on, and look at everything."""
        with open_session(root) as session:
            wrong = self._settled(session) + self._records(session) + whole(session) + half_copies(session)
            self.unrecorded = len(unrecorded(session))
        sweep(root)  # as a worker does before anything else; a victim of small things never has one
        wrong += [f"left half made: {p.relative_to(root)}" for p in root.rglob("*.tmp")]
        bad, self.bad_copies = self.bad_copies, []
        return wrong + bad + self._backups(root.parent)

    def _settled(self, session: Session) -> list[str]:
        """The queue comes to rest."""
        wrong = [f"repaired: {words}" for words in session.store.repairs]
        for job in session.store.all(Job):
            if session.jobs.wait(job.id, PATIENCE).state in ("queued", "running"):
                wrong.append(f"stuck: {job.title}")
        return wrong

    def _records(self, session: Session) -> list[str]:
        store = session.store
        have = {"image": {i.id for i in store.all(ImageRecord)}, "decision": {d.id for d in store.all(Decision)},
                "job": {j.id for j in store.all(Job)}, "lora": {x.id for x in store.all(LoraRecord)},
                "dataset": {d.id for d in store.all(DatasetVersion)}}  # fmt: skip
        wrong = [f"lost {kind} {i}" for kind, ids in self.ids.items() for i in sorted(ids - have[kind])]
        for job_id, state in self.ended.items():
            if (job := store.get(Job, job_id)) and job.state != state:
                wrong.append(f"job {job.title} was told {state}, is {job.state}")
        for image_id, angle in self.angles.items():
            image = store.get(ImageRecord, image_id)
            if image and sources.angle_of(image) != angle and self.maybe != (image_id, sources.angle_of(image)):
                wrong.append(f"angle of {image_id[:8]} was told {angle}, is {sources.angle_of(image)}")
        theme = load(session.workspace.root).theme
        if self.theme and theme != self.theme and self.maybe != ("theme", theme):
            wrong.append(f"theme was told {self.theme}, is {theme}")
        self.theme = theme if self.theme else ""
        self.angles = {i: sources.angle_of(image) for i in self.angles if (image := store.get(ImageRecord, i))}
        return wrong

    def _backups(self, folder: Path) -> list[str]:
        """Whatever has the name of a backup, or of a restored workspace, is whole. Looked at once."""
        wrong = []
        for archive in folder.glob("backups/*.zip"):
            try:
                restoring.restore(archive, folder / "restored" / f"check-{archive.stem}")
            except Exception as error:
                wrong.append(f"backup {archive.name}: {error}")
        for root in (p for p in folder.glob("restored/*") if not p.name.startswith(".")):
            with Store.open(root, read_only=True) as store:
                lacking = [i.path for i in store.all(ImageRecord) if not (root / i.path).is_file()]
                wrong += [f"restored {root.name} lacks {path}" for path in lacking]
                wrong += [f"restored {root.name}: {words}" for words in store.repairs]
        for place in ("backups", "restored"):
            shutil.rmtree(folder / place, ignore_errors=True)
        return wrong


def whole(session: Session) -> list[str]:
    """What a workspace may not show: a record without its file, or half of what belongs together."""
    store, place, wrong = session.store, session.workspace.path, list[str]()
    images = {i.id: i for i in store.all(ImageRecord)}
    for image in images.values():
        path = place(image.path)
        if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != image.id:
            wrong.append(f"picture {image.path} is not what its record says")
        if image.intake and not place(image.intake.original).is_file():
            wrong.append(f"original of {image.path} is not there")
    for version in store.all(DatasetVersion):
        wrong += [f"{version.id} names {i[:8]}, which is not there" for i in version.images if i not in images]
    for lora in store.all(LoraRecord):
        path = place(lora.path)
        if not path.is_file() or file_hash(path) != lora.id or inspect(path).rank != lora.rank:
            wrong.append(f"LoRA {lora.name} is not what its record says")
    jobs = {j.id: j for j in store.all(Job)}
    for run in store.all(TrainingRun):
        if run.state != jobs[run.job].state or (run.state == "done") != bool(run.lora):
            wrong.append(f"run {run.version} is {run.state}, its job {jobs[run.job].state}, its LoRA {run.lora[:8]!r}")
    wrong += [f"card {c.id} has no job" for c in store.all(Card) if c.job and c.job not in jobs]
    return wrong


def half_copies(session: Session) -> list[str]:
    """Copies of models that are not whole: a kill leaves none of them under a copy's name."""
    kept = weights.kept(session)
    wrong = [(k.name, k.wrong or "; ".join(w for _, w in weights.verify(session, k.name) if w)) for k in kept]
    return [f"copy {name}: {words}" for name, words in wrong if words]


def unrecorded(session: Session) -> list[Path]:
    """Pictures in the folders of data and cards that no record knows."""
    known = {session.workspace.path(i.path) for i in session.store.all(ImageRecord)}
    root = session.workspace.root / "characters"
    folders = [*root.glob("*/data/*/v*"), *root.glob("*/cards/v*")]
    return [p for folder in folders for p in folder.glob("*.png") if p not in known]


def rebuilt(root: Path, ledger: Ledger) -> list[str]:
    """The same from the files alone, in a copy without its records."""
    copy = root.parent / "copy"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(root, copy)
    for path in copy.glob("flenwheel.j*"):
        path.unlink()
    with Session.open(copy) as session:
        report = rebuild(Workspace(copy), session.store)
        have = {"image": {i.id for i in session.store.all(ImageRecord)},
                "decision": {d.id for d in session.store.all(Decision)},
                "lora": {x.id for x in session.store.all(LoraRecord)}}  # fmt: skip
        wrong = [f"rebuild: lost {kind} {i}" for kind, ids in have.items() for i in sorted(ledger.ids[kind] - ids)]
        wrong += [f"rebuild: {line}" for line in report.lost]
    shutil.rmtree(copy)
    return wrong


def begin(root: Path) -> None:
    """A workspace with a character to enrich and one to bring pictures in for."""
    with open_session(root) as session:
        for name in ("Ada", "Bo"):
            characters.create(session, name, may_use=True)
        pictures = practice_sources.sources(1, 128)[:4]
        folder = root.parent / "pictures"
        folder.mkdir(exist_ok=True)
        for picture in pictures:
            picture.image.save(folder / picture.filename)
        sources.add(session, "ada", [(p.filename, folder / p.filename) for p in pictures])
        assert len(session.store.all(Character)) == 2


class Campaign:
    """Kills, and what came of them."""

    def __init__(self, root: Path, seed: int, jobs: float) -> None:
        self.root, self.dice, self.share = root, random.Random(seed), jobs
        self.ledger, self.kills, self.steps = Ledger(), Counter[str](), Counter[str]()
        """``steps``: how many of the kills fell into which thing that was being done."""
        self.wrong: list[str] = []
        self.looking = 0.0

    def go(self, kills: int, told: bool = False) -> None:
        """Kill so often."""
        begin(self.root)
        nursery, checks = Nursery(self.root.parent), 0
        while self.kills.total() < kills:
            kind = "jobs" if self.dice.random() < self.share else "small"
            victim = Victim(nursery, self.root, kind, self.dice.randrange(10**9))
            try:
                (self._jobs if kind == "jobs" else self._small)(victim)
            except (TimeoutError, RuntimeError) as error:
                self.wrong.append(f"{kind}: {error}")
            except SystemExit:
                victim.end()
                raise
            self.settle(victim)
            checks += 1
            if checks % REBUILT_EVERY == 0:
                self.wrong += rebuilt(self.root, self.ledger)
            if told:
                print(
                    self.kills.total(),
                    dict(self.kills),
                    round(self.looking),
                    len(self.wrong),
                    self.wrong[-1:],
                    flush=True,
                )
        nursery.close()

    def settle(self, victim: Victim) -> None:
        """What the victim said is known, its processes are gone, its workspace is looked through."""
        victim.end()
        self.ledger.add(victim.said())
        self.wrong += [f"orphan {pid}" for pid in gone(victim.seen)]
        began = time.monotonic()
        found = self.ledger.check(self.root)
        self.looking += time.monotonic() - began
        self.wrong += [f"after {self.kills.total()} kills ({self.steps}): {words}" for words in found]

    def _small(self, victim: Victim) -> None:
        if self.dice.random() < 0.1:
            time.sleep(self.dice.uniform(0.2, 1.5))  # while it opens
        else:
            victim.until(self.dice.randint(1, 25))
            time.sleep(self.dice.uniform(0, 0.15))
        self._kill(victim, "app", signal.SIGTERM if self.dice.random() < 0.1 else signal.SIGKILL)

    def _jobs(self, victim: Victim) -> None:
        """Some kills of the worker, which the app must get over; then the app, or both, in mid-work."""
        for _ in range(self.dice.randint(0, 3)):
            said = victim.until(len(victim.said()) + self.dice.randint(1, 40))
            time.sleep(self.dice.uniform(0, 0.3))
            worker = victim.worker()
            if worker:
                self._kill(victim, "worker", signal.SIGTERM if self.dice.random() < 0.1 else signal.SIGKILL, worker)
            victim.until(len(said) + 2)
        victim.until(len(victim.said()) + self.dice.randint(1, 40))
        time.sleep(self.dice.uniform(0, 0.3))
        worker = victim.worker()
        if worker and self.dice.random() < 0.3:
            self._kill(victim, "both", signal.SIGKILL, worker)
            os.kill(victim.pid, signal.SIGKILL)
        else:
            self._kill(victim, "app", signal.SIGTERM if self.dice.random() < 0.1 else signal.SIGKILL)

    def _kill(self, victim: Victim, whom: str, how: signal.Signals, pid: int | None = None) -> None:
        victim.worker()
        os.kill(pid or victim.pid, how)
        self.kills[f"{whom} {how.name}, {victim.kind}"] += 1
        self.steps[next((s["step"] for s in reversed(victim.said()) if s["what"] == "begin"), "opening")] += 1


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--kills", type=int, default=300)
    options.add_argument("--jobs", type=float, default=0.3, help="the share of victims that run jobs")
    options.add_argument("--seed", type=int, default=1)
    chosen = options.parse_args()
    began = time.monotonic()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # ends as an error does: nothing is left behind
    with tempfile.TemporaryDirectory(prefix="flenwheel-kills-") as folder:
        campaign = Campaign(Path(folder) / "workspace", chosen.seed, chosen.jobs)
        try:
            campaign.go(chosen.kills, told=True)
        finally:
            print((Path(folder) / "victim.log").read_text("utf-8", "replace")[-3000:], file=sys.stderr)
            ledger = {kind: len(ids) for kind, ids in campaign.ledger.ids.items()}
            print(json.dumps({"kills": campaign.kills, "steps": campaign.steps, "acknowledged": ledger,
                              "copies": campaign.ledger.copies,
                              "unrecorded files": campaign.ledger.unrecorded, "wrong": campaign.wrong,
                              "minutes": round((time.monotonic() - began) / 60, 1)}, indent=1))  # fmt: skip
    sys.exit(bool(campaign.wrong))


if __name__ == "__main__":
    main()
