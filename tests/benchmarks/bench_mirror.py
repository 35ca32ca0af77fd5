"""What does the second copy of the records cost a decision? ``python tests/benchmarks/bench_mirror.py [folder]``

Two stores of 2,000 pictures each, one with its mirror and one without, take turns at single decisions, so that both see
the same disk at the same time. As a ratio of the times, with over without. ``folder`` puts them on a disk of your
choice.
"""

import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from bench_store import decision, percentiles, picture, timed

from pipelines.domain.records import Character
from pipelines.storage import mirror
from pipelines.storage.mirror import Mirror
from pipelines.storage.store import Store

PICTURES, SAMPLES = 2000, 2000


class Nowhere(Mirror):
    """A mirror that writes nothing."""

    def begin(self, tables: object, loaded: int, seq: int) -> bool:
        return False

    def note(self, seq: int, changes: object) -> None: ...


def opened(root: Path, mirrored: bool) -> Store:
    mirror.Mirror = Mirror if mirrored else Nowhere
    store = Store.open(root)
    store.put(Character(id="ada", name="Ada", generator="g", editor="e"), *(picture(n) for n in range(PICTURES)))
    store.mirrored()
    return store


def main(folder: Path) -> None:
    stores = {"with": opened(folder / "with", True), "without": opened(folder / "without", False)}
    times: dict[str, list[float]] = {name: [] for name in stores}
    for number in range(SAMPLES):
        for name, store in stores.items():
            made = decision(number, number % PICTURES)
            times[name].append(timed(lambda s=store, d=made: s.decide(d))[0])
    for name, store in stores.items():
        print(f"{name:8} ms: {percentiles(times[name])}")
        store.close()
    ratios = {p: percentiles(times["with"])[p] / percentiles(times["without"])[p] for p in ("p50", "p95", "p99")}
    mean = statistics.mean(times["with"]) / statistics.mean(times["without"])
    print("ratio with / without:", {name: round(value, 2) for name, value in ratios.items()}, f"mean {mean:.2f}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as temporary:
            main(Path(temporary))
