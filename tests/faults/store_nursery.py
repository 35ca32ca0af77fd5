"""Makes writers to be killed. Imports once, then forks a writer for each line ``<root> <ack file> <seed> <stop>``.

A writer opens the store, writes, closes and opens again until it is killed. What is durable it acknowledges by a line
in the ack file. ``stop`` > 0: it kills itself at its ``stop``-th file operation (open, rename, remove, truncate, link)
and says ``end`` if it came through without so many.
"""

import os
import random
import signal
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

from pipelines.domain.records import Decision, Job, LoraRecord
from pipelines.storage import store as store_module
from pipelines.storage.pictures import save_picture
from pipelines.storage.store import Store
from pipelines.storage.workspace import Workspace

OPERATIONS = {"open", "os.rename", "os.remove", "os.truncate", "os.link"}
WRITES = 12


def die_at(operation: int) -> None:
    count = 0

    def hook(event: str, _: tuple[object, ...]) -> None:
        nonlocal count
        if event in OPERATIONS:
            count += 1
            if count == operation:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def write_once(workspace: Workspace, store: Store, dice: random.Random, count: int) -> str:
    """One durable write of a random kind; what to acknowledge."""
    kind = dice.choice(["pair", "pair", "decision", "decision", "image"])
    if kind == "pair":
        store.put(
            Job(id="counter", kind="test", title="", request={}, done=count),
            LoraRecord(id="counter", name="", path="", family="flux", rank=count),
        )
        return f"pair {count}"
    if kind == "decision":
        decision = Decision(image=f"image-{dice.randrange(50)}", who="human", action="note", value="x" * 200)
        store.decide(decision)
        return f"decision {decision.id}"
    size = (dice.randrange(20, 60), 20)
    picture = Image.frombytes("RGB", size, dice.randbytes(size[0] * size[1] * 3))
    record = save_picture(workspace, picture, character="ada", kind="source", version="v1")
    store.put(record)
    return f"image {record.id}"


def write(root: Path, acknowledge: int, seed: int, rounds: int) -> None:
    dice = random.Random(seed)
    workspace = Workspace(root)
    workspace.create()
    for _ in range(rounds):
        with Store.open(root) as store:
            job = store.get(Job, "counter")
            count = job.done if job else 0
            for _ in range(WRITES):
                count += 1
                os.write(acknowledge, (write_once(workspace, store, dice, count) + "\n").encode())


def writer(root: str, ack_file: str, seed: str, stop: str) -> None:
    acknowledge = os.open(ack_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(acknowledge, b"begin\n")
    try:
        if int(stop):
            die_at(int(stop))
        write(Path(root), acknowledge, int(seed), 2 if int(stop) else 10**6)
        os.write(acknowledge, b"end\n")
    except BaseException as error:
        os.write(acknowledge, f"error {error!r}\n".encode())


def main() -> None:
    # so small that every few writes a new snapshot is made
    store_module.COMPACT_BYTES = 1500
    with TemporaryDirectory() as folder:
        # the first picture loads Pillow's plugins, which would take most of a writer's short life
        save_picture(Workspace(folder), Image.new("RGB", (32, 32)), character="a", kind="source", version="v1")
    print("ready", flush=True)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            writer(*line.split())
            os._exit(0)
        print(child, flush=True)
        os.waitpid(child, 0)
        print("dead", flush=True)


if __name__ == "__main__":
    main()
