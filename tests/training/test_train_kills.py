"""A training killed (-9) again and again ends with the same bits as one that was left alone."""

import os
import random
import signal
import time

import psutil
import pytest
import torch
from safetensors.torch import load_file
from train_helpers import Bench

from pipelines.training.checkpoints import newest

KILLS = 5


def last_step(bench: Bench) -> int:
    """The step of the newest checkpoint that is whole."""
    kept = newest(bench.workspace.path("killed") / "checkpoints")
    return kept.step if kept else 0


@pytest.mark.slow
def test_kills_at_random_moments_change_nothing(bench: Bench) -> None:
    settings = {"steps": 10, "save_every": 1, "sample_every": 5, "samples": (bench.shot("editor"),)}
    whole, killed = (bench.request("editor", folder=name, **settings) for name in ("whole", "killed"))
    started = time.monotonic()
    bench.train(whole)
    lasts = time.monotonic() - started
    chance = random.Random(4)
    reached = [0]
    for number in range(KILLS):
        # a fork has the loaded model and takes nothing from this process when it dies
        child = os.fork()
        if child == 0:
            try:
                bench.train(killed)
            finally:
                os._exit(0)
        while number % 2 and last_step(bench) == reached[-1] and psutil.Process(child).status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.01)  # every second one gets further, however loaded the machine is
        time.sleep(chance.uniform(0.05, 0.3) * lasts)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        reached.append(last_step(bench))
    assert reached == sorted(reached), "a checkpoint was lost"
    assert reached[-1] > 0
    bench.train(killed)
    files = [load_file(bench.workspace.path(f"{name}/ada_v1.safetensors")) for name in ("whole", "killed")]
    assert all(torch.equal(files[0][key], files[1][key]) for key in files[0])
    samples = [
        sorted(p.name for p in (bench.workspace.path(name) / "samples").iterdir()) for name in ("whole", "killed")
    ]
    assert samples[0] == [s for s in samples[1] if not s.startswith(".")]
