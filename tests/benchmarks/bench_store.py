"""How long is a decision under way? ``python tests/benchmarks/bench_store.py [folder]``

Fills a store with 100,000 decisions over 10,000 pictures, then measures single decisions, alternating with bare fsynced
appends of a line of the same length to a file beside it, so that both see the same disk at the same time. ``folder``
puts the store on a disk of your choice.
"""

import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from pipelines.domain.records import Decision, ImageRecord, Job
from pipelines.domain.shots import Adapter, ImageRef, LoraStack, Purpose, Shot
from pipelines.storage import store as store_module
from pipelines.storage.store import Store

IMAGES, EVENTS, SAMPLES = 10_000, 100_000, 1000
BOUND_MS = 20.0
T = TypeVar("T")


def picture(number: int) -> ImageRecord:
    """A record as long as a real one."""
    stack = LoraStack(adapters=(Adapter(name="angles", sha256="a" * 64, path="loras/angles-aaaaaaaa.safetensors"),))
    shot = Shot(
        family="flux1-dev",
        revision="1",
        prompt="ohwx_char person, half-left view, smiling, soft studio light, plain background, sharp focus",
        sources=(ImageRef(id="b" * 64, path="characters/ada/data/source/v1/0123456789.png"),),
        stack=stack,
        seed=number,
        steps=28,
        guidance=3.5,
        width=1024,
        height=1024,
        purpose=Purpose(step="generate", cell="half-left/smiling", labels={"angle": "half-left"}, variant=number),
    )
    where = f"characters/ada/data/synthetic/v{number % 10}/{number:020x}.png"
    size = {"width": 1024, "height": 1024, "pixels": f"{number:064x}", "dhash": "0" * 16}
    place = {"character": "ada", "kind": "synthetic", "version": f"v{number % 10}", "path": where}
    return ImageRecord.model_validate({"id": f"{number:064x}", **place, **size, "shot": shot})


def decision(number: int, image: int) -> Decision:
    return Decision(id=f"d{number}", image=f"{image:064x}", who="human", action="identity", value=number % 5 + 1)


def timed(function: Callable[[], T]) -> tuple[float, T]:
    """``(milliseconds, result)``"""
    start = time.perf_counter()
    result = function()
    return (time.perf_counter() - start) * 1e3, result


def percentiles(samples: list[float]) -> dict[str, float]:
    cuts = statistics.quantiles(samples, n=1000)
    names = {"p50": 499, "p95": 949, "p99": 989}
    return {**{name: round(cuts[place], 3) for name, place in names.items()}, "max": round(max(samples), 2)}


def append(file: int, line: bytes) -> None:
    os.write(file, line)
    os.fsync(file)


def fill(store: Store) -> None:
    dice = random.Random(0)
    for start in range(0, IMAGES, 500):
        store.put(*(picture(number) for number in range(start, start + 500)))
    for start in range(0, EVENTS, 1000):
        store.decide(*(decision(number, dice.randrange(IMAGES)) for number in range(start, start + 1000)))


def measure_decisions(store: Store, file: int, first: int) -> tuple[list[float], list[float]]:
    """Milliseconds of decisions, and of bare appends, by turns."""
    dice, ours, bare = random.Random(1), [], []
    for number in range(first, first + SAMPLES):
        one = decision(number, dice.randrange(IMAGES))
        before = store._journal.size
        ours.append(timed(lambda one=one: (store.decide(one), store.verdict(one.image)))[0])
        length = store._journal.size - before
        bare.append(timed(lambda n=length: append(file, b"x" * max(n - 1, 99) + b"\n"))[0])
    return ours, bare


def measure_queries(store: Store) -> dict[str, float]:
    """Milliseconds of what the page asks for, the second time."""
    store.put(*(Job(id=f"j{n}", kind="render", title="t", character="ada", request={}) for n in range(200)))
    questions: dict[str, Callable[[], object]] = {
        "all 10,000 images of a character": lambda: store.all(ImageRecord, character="ada"),
        "1,000 images of a version": lambda: store.all(ImageRecord, character="ada", version="v3"),
        "queued jobs": lambda: store.all(Job, state="queued"),
        "10,000 verdicts": lambda: [store.verdict(f"{n:064x}") for n in range(IMAGES)],
    }
    answers = {name: (timed(ask)[0], timed(ask)[0]) for name, ask in questions.items()}
    return {
        f"{name} ({which})": round(ms[n], 2) for name, ms in answers.items() for n, which in enumerate(("1st", "2nd"))
    }


def main() -> None:
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as folder:
        root = Path(folder)
        with Store.open(root) as store:
            fill(store)
        opening, store = timed(lambda: Store.open(root))
        file = os.open(root / "bare", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        ours, bare = measure_decisions(store, file, EVENTS)
        # the same while a new snapshot of everything is being written
        store_module.COMPACT_BYTES = store._compact_at = 1
        store.decide(decision(EVENTS + SAMPLES, 0))
        store._compact_at = 2**62
        busy = []
        while store._compacting and store._compacting.is_alive():
            busy.append(timed(lambda: store.decide(Decision(image="0" * 64, who="human", action="edit", value=1)))[0])
        queries = measure_queries(store)
        closing, _ = timed(store.close)
        os.close(file)
        result = {
            "events": EVENTS,
            "images": IMAGES,
            "decision_ms": percentiles(ours),
            "bare_append_ms": percentiles(bare),
            "ratio_p50": round(statistics.median(ours) / statistics.median(bare), 2),
            "decision_while_compacting_ms": percentiles(busy) if len(busy) > 1 else {},
            "decisions_while_compacting": len(busy),
            "open_ms": round(opening),
            "close_ms": round(closing),
            "snapshot_mib": round((root / "flenwheel.json").stat().st_size / 2**20, 1),
            "queries_ms": queries,
        }
    print(json.dumps(result, indent=2))
    if result["decision_ms"]["p95"] > BOUND_MS:
        sys.exit(f"p95 of a decision is over {BOUND_MS} ms")


if __name__ == "__main__":
    main()
