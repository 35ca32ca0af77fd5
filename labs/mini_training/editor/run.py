"""Training the mini editor, looking at it now and then, and writing its folder."""

import argparse
import json
import logging
import math
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl_qwenimage import AutoencoderKLQwenImage
from diffusers.pipelines.qwenimage.pipeline_qwenimage_edit_plus import QwenImageEditPlusPipeline
from torch import Tensor

from labs.mini_training import curve
from labs.mini_training.checkpoints import qwen
from labs.mini_training.editor import exam
from labs.mini_training.editor.latents import Latents
from labs.mini_training.editor.pool import Pool
from labs.mini_training.editor.task import Data, EditTask
from labs.mini_training.feed import ahead
from labs.mini_training.loop import Plan, Trainer, weights
from labs.mini_training.release import begin, release
from pipelines.engine import attention
from pipelines.engine.precision import native
from pipelines.storage.preset_files import PRESETS

log = logging.getLogger(__name__)

HOME = PRESETS / "mini" / "qwen-edit"
# Muon for what blocks and layers multiply by; AdamW for embeddings, modulations, and what goes in and out.
ADAM = ("embed", "norm", "_mod.", "proj_out", "img_in", "txt_in")
PLAN = Plan(5700, rate=2e-3, warmup=150, fall=0.45, keep=0.998, adam=ADAM)


def main(given: argparse.Namespace) -> None:
    """What the command line asks for."""
    torch.set_num_threads(given.threads)
    plan = replace(PLAN, steps=given.steps) if given.steps else PLAN
    attention.sound()
    data = _data(given)
    task = EditTask(data, plan.steps, given.seed, given.batch, given.workers)
    if given.start:
        begin(task.parts, given.start)
    trainer = Trainer(task, plan, given.folder, log.info)
    end = time.monotonic() + given.minutes * 60
    while trainer.step < plan.steps and time.monotonic() < end:
        pause = min(end, time.monotonic() + (given.every * 60 or math.inf))
        trainer.run(lambda pause=pause: time.monotonic() > pause)
        if given.every and trainer.step < plan.steps:
            look(trainer, data.latents.vae, given.folder)
    if trainer.step == plan.steps and not given.no_export:
        look(trainer, data.latents.vae, given.folder)
        qwen.save(pipeline(weights(given.folder), data.latents.vae), HOME)
        release(HOME, {"edits": curve.read(given.folder / "curve.jsonl", "plain")}, given.folder / "sheet.webp")
        log.info("wrote %s", HOME)


def _data(given: argparse.Namespace) -> Data:
    pool = Pool(given.folder / "pool", device=given.device)
    latents = Latents(given.folder / "latents", given.vae, given.device)
    data = Data(pool, latents, given.shards, given.device)
    ahead(pool.offer, range(given.shards), given.workers)
    if given.workers:
        data.join(given.shards)
    return data


def look(trainer: Trainer, vae: AutoencoderKLQwenImage, folder: Path) -> None:
    """Forty edits with the mean weights: figures to ``exam.jsonl``, pictures to ``sheet.webp``."""
    begun = time.monotonic()
    asked = exam.questions(40)
    answers = exam.ask(exam.drawer(pipeline(trainer.mean, vae)), asked)
    shares = exam.shares(asked, answers)
    seconds = round(time.monotonic() - begun, 1)
    log.info("qwen-edit %d: %s, %.0f s", trainer.step, shares, seconds)
    exam.sheet(asked, answers).save(folder / "sheet.webp", quality=85)
    with (folder / "exam.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps({"step": trainer.step} | shares) + "\n")


def pipeline(state: dict[str, Tensor], vae: AutoencoderKLQwenImage) -> QwenImageEditPlusPipeline:
    """The stock pipeline with these weights of an :class:`EditTask`, in the precision of the
    product. ``vae`` is copied."""
    parts = qwen.untrained(0)
    owners: dict[str, Any] = {"transformer": parts["transformer"], "text": parts["text_encoder"].model}
    for name, owner in owners.items():
        owner.load_state_dict({k.removeprefix(f"{name}."): v for k, v in state.items() if k.startswith(f"{name}.")})
    own: Any = AutoencoderKLQwenImage.from_config(vae.config)
    own.load_state_dict(vae.state_dict())
    return qwen.assemble(parts, own).to(native("cpu"))
