"""What does a decision cost in our store, and in TinyDB as it comes? ``python tests/benchmarks/bench_tinydb.py``

The same pictures in both, then single decisions by turns, so that both see the same disk: ours is on the disk when it
returns (synced), TinyDB's own JSON storage writes the whole file anew, without syncing. Then a question for one
picture's decisions, and opening. Medians in milliseconds and their ratios, by how many pictures there are. One JSON
object.
"""

import json
import statistics
import sys
import tempfile
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[2]), str(Path(__file__).resolve().parent)]

from bench_store import decision, picture, timed
from tinydb import Query, TinyDB

from pipelines.domain.records import Decision
from pipelines.storage.store import Store

SIZES = (100, 1000, 5000)
SAMPLES = 15


def at(size: int, folder: Path) -> dict[str, float]:
    """Both with ``size`` pictures and as many decisions."""
    documents = [picture(n).model_dump(mode="json") for n in range(size)]
    said = [decision(n, n).model_dump(mode="json") for n in range(size)]
    stock = TinyDB(folder / "stock.json")
    stock.table("images").insert_multiple(documents)
    stock.table("decisions").insert_multiple(said)
    with Store.open(folder / "ours") as ours:
        ours.put(*(picture(n) for n in range(size)))
        ours.decide(*(decision(n, n) for n in range(size)))
        writes = [
            (
                timed(lambda n=n: ours.decide(decision(n, n % size)))[0],
                timed(lambda n=n: stock.table("decisions").insert(decision(n, n % size).model_dump(mode="json")))[0],
            )
            for n in range(size, size + SAMPLES)
        ]
        ours.all(Decision, image=f"{1:064x}")  # the first question makes the index
        asks = [
            (
                timed(lambda n=n: ours.all(Decision, image=f"{n:064x}"))[0],
                timed(lambda n=n: stock.table("decisions").search(Query().image == f"{n:064x}"))[0],
            )
            for n in range(SAMPLES)
        ]
    stock.close()
    opens = [
        (
            timed(lambda: Store.open(folder / "ours", read_only=True))[0],
            timed(lambda: _opened(folder / "stock.json"))[0],
        )
        for _ in range(3)
    ]
    return {f"{what} {k}": v for what, pairs in (("write", writes), ("ask", asks), ("open", opens))
            for k, v in _compared(pairs).items()}  # fmt: skip


def _opened(path: Path) -> int:
    with TinyDB(path) as stock:
        return len(stock.table("decisions"))


def _compared(pairs: list[tuple[float, float]]) -> dict[str, float]:
    ours, stock = statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs)
    return {"ours_ms": round(ours, 3), "tinydb_ms": round(stock, 3), "tinydb_over_ours": round(stock / ours, 1)}


def main() -> None:
    found = {}
    for size in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            found[size] = at(size, Path(folder))
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
