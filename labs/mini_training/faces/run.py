"""Which trainings there are, how long they take, and the order of things."""

import argparse
import logging
import time
from pathlib import Path

import torch

from labs.mini_training.faces import tasks
from labs.mini_training.faces.pool import Pool
from labs.mini_training.loop import Plan, Trainer

log = logging.getLogger(__name__)

TASKS = {"gate": tasks.Gate, "judge": tasks.Judge, "scene": tasks.Scene, "detector": tasks.Detect}
PLANS = {
    "gate": Plan(4500),
    "judge": Plan(3000),
    "scene": Plan(4000),
    "detector": Plan(1900, rate=1.5e-3),
}


def train(part: str, folder: Path, seed: int = 1, steps: int | None = None, minutes: float = 1e9) -> Trainer:
    """Train ``part`` (a key of ``TASKS``), from where it was left. ``KeyError`` for another."""
    pool = Pool(folder / "pool", "judge" if part == "judge" else "gate")
    plan = PLANS[part]
    if steps:
        plan = Plan(**{**vars(plan), "steps": steps})
    trainer = Trainer(TASKS[part](pool, seed), plan, folder / part, log.info)
    end = time.monotonic() + minutes * 60
    trainer.run(lambda: time.monotonic() > end)
    return trainer


def main(given: argparse.Namespace) -> None:
    """What the command line asks for."""
    torch.set_num_threads(given.threads)
    for part in given.parts or TASKS:
        train(part, given.folder, given.seed, given.steps, given.minutes)
    if not given.no_export:
        from labs.mini_training.faces import export

        export.main(given.folder)
