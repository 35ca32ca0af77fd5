"""What does the studio keep of a request and of a record? ``python tests/benchmarks/bench_growth.py [--requests 300]``

The whole application in this process, served over HTTP; two clients in processes of their own ask for what a page polls
and for an event of it, as fast as they are answered. By phases: nothing new; records come meanwhile; nothing new again.
Python's own count of what is alive (``tracemalloc``) before and after each, by requests and by records, and where most
of it was made. One JSON object.
"""

import argparse
import gc
import json
import multiprocessing as mp
import sys
import tempfile
import threading
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "benchmarks")]

import httpx
import psutil
import uvicorn
from bench_store import decision, picture

from pipelines.domain.records import Job, new_id
from pipelines.domain.requests import RenderRequest
from pipelines.domain.shots import Plan
from pipelines.session import Session
from pipelines.storage.store import Store
from pipelines.workflow import characters
from studio.app import build
from studio.server.place import listen
from studio.server.state import Studio

POLLED = ("/status", "/review?gate=synthetic", "/thresholds/now", "/cards")
SHOTS = 23


def poll(url: str, over: Any, asked: Any) -> None:
    """A client: what a page polls, and an event of the page with the answer that comes over its line."""
    with httpx.Client(base_url=url, timeout=120) as web:
        config, session = web.get("/config").json(), new_id()
        usual = {part["id"]: part["props"].get("value") for part in config["components"]}
        event = max(config["dependencies"], key=lambda e: len(e["outputs"]))
        body = {"session_hash": session, "fn_index": event["id"], "data": [usual[i] for i in event["inputs"]]}
        while not over.is_set():
            for path in POLLED:
                web.get(path)
            web.post("/gradio_api/queue/join", json=body)
            with web.stream("GET", "/gradio_api/queue/data", params={"session_hash": session}) as answer:
                next((line for line in answer.iter_lines() if "process_completed" in line), None)
            with asked.get_lock():
                asked.value += len(POLLED) + 2


def alive() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


def kept_by(store: Store, count: int, put: Callable[[int], None]) -> float:
    """Bytes that one of ``count`` records keeps, the copies on disk written."""
    before = alive()
    for number in range(count):
        put(number)
    store.mirrored()
    return round((alive() - before) / count)


def job_of(number: int) -> Job:
    """A finished job that asked for ``SHOTS`` pictures."""
    shots = tuple(picture(SHOTS * number + n).shot for n in range(SHOTS))
    folder = "characters/ada/data/synthetic/v1"
    plan = Plan(character="ada", kind="synthetic", version="v1", folder=folder, shots=shots)  # type: ignore[arg-type]
    asked = RenderRequest(plan=plan).model_dump(mode="json")
    return Job(id=new_id(), kind="render", title="t", character="ada", request=asked, state="done", told=True)


def records(store: Store) -> dict[str, float]:
    """Bytes for a record of each kind that grows, as they come in a session."""
    jobs = [job_of(n) for n in range(40)]
    size = len(json.dumps(jobs[0].request))
    return {
        "picture": kept_by(store, 400, lambda n: store.put(picture(10**6 + n))),
        "decision": kept_by(store, 2000, lambda n: store.decide(decision(10**6 + n, 10**6 + n % 400))),
        f"job of {SHOTS} pictures": kept_by(store, len(jobs), lambda n: store.put(jobs.pop())),
        "of that as JSON": size,
    }


class Clients:
    """Two clients that ask as long as the block lasts; ``asked`` counts."""

    def __init__(self, url: str) -> None:
        here = mp.get_context("spawn")
        self._over, self._asked = here.Event(), here.Value("l", 0)
        args = (url, self._over, self._asked)
        self._processes = [here.Process(target=poll, args=args, daemon=True) for _ in range(2)]

    def __enter__(self) -> "Clients":
        for process in self._processes:
            process.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._over.set()
        for process in self._processes:
            process.join()

    def phase(self, requests: int, meanwhile: Callable[[], None] = lambda: None) -> dict[str, Any]:
        """What is kept over so many requests."""
        before, rss, old = alive(), psutil.Process().memory_info().rss, tracemalloc.take_snapshot()
        first = self._asked.value
        while (asked := self._asked.value - first) < requests:
            meanwhile()
            time.sleep(0.1)
        grown = alive() - before
        ours = (tracemalloc.Filter(False, tracemalloc.__file__), tracemalloc.Filter(False, "*linecache*"))
        found = tracemalloc.take_snapshot().filter_traces(ours).compare_to(old.filter_traces(ours), "lineno")
        most = [(Path(s.traceback[0].filename).name, s.traceback[0].lineno, s.size_diff // 1024) for s in found[:6]]
        return {
            "requests": asked,
            "kept_kib": round(grown / 1024),
            "bytes_a_request": round(grown / asked),
            "rss_mib": round((psutil.Process().memory_info().rss - rss) / 2**20, 1),
            "most": [f"{name}:{line} {kib} KiB" for name, line, kib in most],
        }


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--requests", type=int, default=300)
    requests = asked.parse_args().requests
    with tempfile.TemporaryDirectory() as folder, Session.open(Path(folder)) as session:
        from pipelines.workflow.opening import open_queue

        open_queue(session)
        characters.create(session, "Ada", may_use=True)
        session.store.put(*(picture(n) for n in range(200)))
        with listen("127.0.0.1", 0) as door:
            url = f"http://127.0.0.1:{door.getsockname()[1]}"
            server = uvicorn.Server(uvicorn.Config(build(Studio(session)), log_level="error"))
            serving = threading.Thread(target=server.run, kwargs={"sockets": [door]}, daemon=True)
            serving.start()
            while not server.started:
                time.sleep(0.05)
            tracemalloc.start()
            with Clients(url) as clients:
                clients.phase(requests)  # what is made once
                result = {"nothing_new": clients.phase(requests)}
                number = [1000]

                def come() -> None:
                    session.store.put(picture(number[0]))
                    session.store.decide(decision(number[0], number[0]))
                    number[0] += 1

                result["records_come"] = clients.phase(requests, come) | {"pictures_with_a_decision": number[0] - 1000}
                result["nothing_new_again"] = clients.phase(requests)
            server.should_exit = True
            serving.join()
        result["bytes_a_record"] = records(session.store)
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
