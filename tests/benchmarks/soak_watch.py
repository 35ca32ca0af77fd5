"""What a long run is measured by: samples of a studio's processes and files, and what they say after two hours."""

import json
import math
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Event, Thread
from typing import TypeVar

import httpx
import psutil

MIB = 2**20
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Sample:
    """One look. Seconds since the start; sizes in MiB; ``own``: what no other process shares (USS)."""

    seconds: float
    round: int
    app_rss: float
    app_own: float
    app_files: int
    app_threads: int
    worker_rss: float
    worker_own: float
    worker_files: int
    worker_threads: int
    processes: int
    journal: float
    snapshot: float
    records: int
    pictures: int
    log_lines: int
    page_heap: float


UNITS = {
    "app_rss": "MiB", "app_own": "MiB", "worker_rss": "MiB", "worker_own": "MiB", "journal": "MiB", "snapshot": "MiB",
    "page_heap": "MiB",
}  # fmt: skip


def or_nothing(ask: Callable[[], Answer], nothing: Answer) -> Answer:
    """The answer; ``nothing`` when the process is gone."""
    try:
        return ask()
    except (psutil.NoSuchProcess, psutil.AccessDenied, FileNotFoundError):
        return nothing


def family(pid: int) -> list[psutil.Process]:
    """A process and all that it started."""
    return or_nothing(lambda: [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)], [])


def is_worker(process: psutil.Process) -> bool:
    return "pipelines.worker.main" in or_nothing(process.cmdline, [])


def measured(process: psutil.Process | None) -> tuple[float, float, int, int]:
    """RSS and own memory in MiB, open files, threads."""
    if process is None:
        return 0.0, 0.0, 0, 0
    memory = or_nothing(
        lambda: (process.memory_full_info().rss / MIB, process.memory_full_info().uss / MIB), (0.0, 0.0)
    )
    return (*memory, or_nothing(process.num_fds, 0), or_nothing(process.num_threads, 0))


def size(path: Path) -> float:
    return or_nothing(lambda: path.stat().st_size / MIB, 0.0)


class Watch:
    """Looks at a studio every ``every`` seconds, in a thread of its own, and writes each look as a line of ``out``."""

    def __init__(self, pid: int, root: Path, log: Path, out: Path, every: float) -> None:
        self.pid, self.root, self.log, self.out, self.every = pid, root, log, out, every
        self.began, self.samples = time.monotonic(), list[Sample]()
        self.round, self.page_heap = 0, 0.0
        self.seen: dict[int, float] = {}
        self._over = Event()
        self._thread = Thread(target=self._go, daemon=True)

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._over.set()
        self._thread.join(timeout=60)

    def _go(self) -> None:
        while not self._over.wait(self.every):
            sample = self.look()
            self.samples.append(sample)
            with self.out.open("a") as file:
                file.write(json.dumps(asdict(sample)) + "\n")

    def look(self) -> Sample:
        """One sample, now."""
        processes = family(self.pid)
        for process in processes:
            self.seen[process.pid] = or_nothing(process.create_time, 0.0)
        app = measured(processes[0] if processes else None)
        worker = measured(next((p for p in processes if is_worker(p)), None))
        journal = self.root / "flenwheel.journal"
        return Sample(
            round(time.monotonic() - self.began, 1), self.round, *_rounded(app), *_rounded(worker), len(processes),
            round(sum(size(p) for p in self.root.glob("flenwheel.journal*")), 3),
            round(size(self.root / "flenwheel.json"), 3), lines([journal]),
            sum(1 for _ in self.root.glob("characters/**/*.png")),
            lines([self.log, *self.root.glob("logs/*.log*")]), round(self.page_heap, 1),
        )  # fmt: skip

    def orphans(self) -> list[str]:
        """Command lines of processes that the studio started and that are still there."""
        left = []
        for pid, born in self.seen.items():
            if or_nothing(lambda p=pid: psutil.Process(p).create_time(), -1.0) == born:
                left.append(" ".join(or_nothing(lambda p=pid: psutil.Process(p).cmdline(), ["?"])))
        return left


def _rounded(values: tuple[float, float, int, int]) -> tuple[float, float, int, int]:
    rss, own, files, threads = values
    return round(rss, 1), round(own, 1), files, threads


def lines(paths: Iterable[Path]) -> int:
    return sum(or_nothing(lambda p=path: p.read_bytes().count(b"\n"), 0) for path in paths)


class Client(Thread):
    """A second page without a browser: asks for what a page polls, and counts what it is answered."""

    ROUTES = (
        "/status",
        "/status",
        "/status",
        "/thresholds/now",
        "/cards",
        "/review?gate=enriched",
        "/pictures?kind=synthetic",
    )

    def __init__(self, url: str, every: float) -> None:
        super().__init__(daemon=True)
        self.url, self.every = url, every
        self.answers, self.slow, self.bad = 0, 0.0, list[str]()
        self.over = Event()

    def run(self) -> None:
        with httpx.Client(base_url=self.url, timeout=120) as web:
            while not self.over.wait(self.every):
                self.ask(web, self.ROUTES[self.answers % len(self.ROUTES)])

    def ask(self, web: httpx.Client, route: str) -> None:
        began = time.monotonic()
        try:
            answer = web.get(route)
            if answer.status_code >= 500:
                self.bad.append(f"{route}: {answer.status_code} {answer.text[:200]}")
        except httpx.HTTPError as error:
            if not self.over.is_set():
                self.bad.append(f"{route}: {error!r}")
        self.answers += 1
        self.slow = max(self.slow, time.monotonic() - began)


def slope(points: list[tuple[float, float]]) -> float:
    """Least squares; units an hour, for points of (seconds, value)."""
    if len(points) < 3:
        return math.nan
    mean_x, mean_y = (sum(p[i] for p in points) / len(points) for i in (0, 1))
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return 3600 * sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else math.nan


def table(samples: list[Sample]) -> list[str]:
    """Markdown: first, middle, last and largest value of everything, and the slope of the second half."""
    if not samples:
        return ["no samples"]
    half = samples[len(samples) // 2 :]
    told = ["| | first | middle | last | largest | slope of the second half, an hour |", "|---|---|---|---|---|---|"]
    for name in Sample.__annotations__:
        if name in ("seconds", "round"):
            continue
        values = [getattr(s, name) for s in samples]
        unit = f", {UNITS[name]}" if name in UNITS else ""
        fitted = slope([(s.seconds, getattr(s, name)) for s in half])
        told.append(
            f"| {name.replace('_', ' ')}{unit} | {values[0]:g} | {values[len(values) // 2]:g} | {values[-1]:g} |"
            f" {max(values):g} | {fitted:+.2f} |"
        )
    return told
