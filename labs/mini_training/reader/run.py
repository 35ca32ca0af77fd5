"""Training the mini reader and writing its folder."""

import argparse
import logging
import time
from dataclasses import replace
from pathlib import Path

import torch

from labs.mini_training.checkpoints import reader as checkpoint
from labs.mini_training.loop import Plan, Trainer, weights
from labs.mini_training.reader.data import load
from labs.mini_training.reader.task import ReaderTask
from pipelines.storage.preset_files import PRESETS

log = logging.getLogger(__name__)

HOME = PRESETS / "mini" / "reader"
PLAN = Plan(1500, rate=3e-3, warmup=60, fall=0.4, keep=0.99, every=25, adam=("embed", "norm", "heads", "lm_head"))


def main(given: argparse.Namespace) -> None:
    """What the command line asks for."""
    torch.set_num_threads(given.threads)
    plan = replace(PLAN, steps=given.steps) if given.steps else PLAN
    data = load(given.folder / "pool", given.pool, given.single, given.groups)
    trainer = Trainer(ReaderTask(data, plan.steps, given.seed), plan, given.folder, log.info)
    end = time.monotonic() + given.minutes * 60
    trainer.run(lambda: time.monotonic() > end)
    if not given.no_export and trainer.step == plan.steps:
        export(given.folder, HOME)
        log.info("wrote %s", HOME)


def export(folder: Path, home: Path) -> None:
    """Write the mean weights of the last checkpoint in ``folder`` as the product reads them."""
    model = checkpoint.untrained(0)
    state = weights(folder)
    model.load_state_dict({k.removeprefix("model."): v for k, v in state.items() if k.startswith("model.")})
    checkpoint.save(model, home)
