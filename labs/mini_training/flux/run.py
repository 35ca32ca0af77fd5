"""Training the mini FLUX in two stages (plain, then guided), looking at it now and then, and writing its folder."""

import argparse
import copy
import json
import logging
import math
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.pipelines.flux.pipeline_flux import FluxPipeline
from torch import Tensor, nn

from labs.mini_training import curve
from labs.mini_training.checkpoints import flux
from labs.mini_training.faces.pool import Pool
from labs.mini_training.feed import ahead
from labs.mini_training.flux import exam
from labs.mini_training.flux.latents import Latents
from labs.mini_training.flux.task import Batches, Guided, Model, Plain
from labs.mini_training.loop import Plan, Trainer, weights
from labs.mini_training.release import begin, release
from pipelines.engine import attention
from pipelines.engine.precision import native
from pipelines.storage.preset_files import PRESETS

log = logging.getLogger(__name__)

HOME = PRESETS / "mini" / "flux"
# Muon for what blocks and the layers of T5 multiply by; AdamW for embeddings, modulations, and what goes in and out.
ADAM = ("embed", "shared", "norm", "transformer.proj_out", "text_encoder.")
PLAIN = Plan(16800, rate=2e-3, warmup=150, fall=0.45, keep=0.99, adam=ADAM)
MORE = Plan(2700, rate=1.5e-3, warmup=100, fall=0.7, keep=0.99, adam=ADAM)
"""The first stage of weights that have been through both."""
GUIDED = Plan(450, rate=8e-4, warmup=20, fall=0.7, keep=0.99, adam=ADAM)
STEPS, GUIDANCE = 12, 2.5


def main(given: argparse.Namespace) -> None:
    """What the command line asks for; ``given.steps``: of both stages together."""
    torch.set_num_threads(given.threads)
    vae = AutoencoderKL.from_pretrained(given.vae)
    attention.sound()
    data = _data(given, vae)
    end = time.monotonic() + given.minutes * 60
    watch = Watch(given.folder, vae, given.every * 60, end)
    plans = shared(given.steps, MORE if given.start else PLAIN)
    model = Model(given.seed, given.compile, given.device)
    if given.start:
        begin(model.parts, given.start)
    batches = Batches(data, plans[0].steps, given.seed, given.batch)
    plain = Trainer(Plain(model, batches, given.workers), plans[0], given.folder / "plain", log.info)
    watch.over(plain, guidance_scale=1.0, negative_prompt="", true_cfg_scale=GUIDANCE)
    if plain.step < plans[0].steps:
        return
    taught, teacher = _taught(given, plain.mean), _taught(given, plain.mean)
    batches = Batches(data, plans[1].steps, given.seed + 1, given.batch, share=1.0)
    guided = Trainer(Guided(taught, teacher, batches, given.workers), plans[1], given.folder / "guided", log.info)
    watch.over(guided, guidance_scale=GUIDANCE)
    if guided.step == plans[1].steps and not given.no_export:
        watch.look(guided, guidance_scale=GUIDANCE)
        export(given.folder, vae)


def _data(given: argparse.Namespace, vae: Any) -> Latents:
    pools = [Pool(given.pool, seeds, given.device) for seeds in ("gate", "judge")]
    for pool in pools:
        ahead(pool.offer, range(given.shards), given.workers)
    data = Latents(given.folder, pools, vae, given.device)
    if given.workers:
        data.encode_all()
    return data


def shared(steps: int | None, plain: Plan = PLAIN) -> tuple[Plan, Plan]:
    """Both stages' plans, the first of them ``plain``, with ``steps`` shared out between them as planned."""
    if not steps:
        return plain, GUIDED
    first = round(steps * plain.steps / (plain.steps + GUIDED.steps))
    return replace(plain, steps=first), replace(GUIDED, steps=steps - first)


def _taught(given: argparse.Namespace, mean: dict[str, Tensor]) -> Model:
    model = Model(given.seed, given.compile, given.device)
    model.net.load_state_dict(mean)
    return model


class Watch:
    """Looks at a training every so many seconds (0: not on the way): figures to ``exam.jsonl``, pictures to
    ``sheet.webp``."""

    def __init__(self, folder: Path, vae: Any, every: float, end: float) -> None:
        self.folder, self.vae, self.every, self.end = folder, vae, every, end

    def over(self, trainer: Trainer, **guidance: Any) -> None:
        """Train to the plan's end or to ``end`` (of ``time.monotonic``), looking now and then on the way."""
        while trainer.step < trainer.plan.steps and time.monotonic() < self.end:
            trainer.run(_until(min(self.end, time.monotonic() + (self.every or math.inf))))
            if self.every and trainer.step < trainer.plan.steps:
                self.look(trainer, **guidance)

    def look(self, trainer: Trainer, **guidance: Any) -> None:
        """Forty prompts drawn with the mean weights, and read."""
        begun, asked = time.monotonic(), exam.questions(40)
        pictures = exam.drawer(pipeline(trainer.mean, self.vae), STEPS, **guidance)(
            [q.prompt for q in asked], range(len(asked))
        )
        found = exam.rates(exam.read(p, q) for p, q in zip(pictures, asked, strict=True))
        shares = {name: round(right / of, 3) for name, (right, of) in found.items()}
        seconds = round(time.monotonic() - begun, 1)
        log.info("%s %d: %s, %.0f s", trainer.task.name, trainer.step, shares, seconds)
        exam.sheet(pictures, 10).save(self.folder / "sheet.webp", quality=85)
        with (self.folder / "exam.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps({"stage": trainer.task.name, "step": trainer.step} | shares) + "\n")


def _until(end: float) -> Callable[[], bool]:
    return lambda: time.monotonic() > end


def pipeline(state: dict[str, Tensor], vae: Any) -> FluxPipeline:
    """The stock pipeline with these weights, in the precision of the product. ``vae`` is copied."""
    parts = flux.untrained(0)
    nn.ModuleDict(parts).load_state_dict(state)
    return flux.assemble(parts, copy.deepcopy(vae)).to(native("cpu"))


def export(folder: Path, vae: Any, to: Path = HOME) -> None:
    """The mean weights of the last stage as a diffusers folder in bf16, with the curve and the last sheet beside it."""
    flux.save(pipeline(weights(folder / "guided"), vae), to)
    first, then = (curve.read(folder / stage / "curve.jsonl", "plain") for stage in ("plain", "guided"))
    curves = {"pictures from captions": first, "and guidance": [(first[-1][0] + step, v) for step, v in then]}
    release(to, curves, folder / "sheet.webp")
    log.info("wrote %s", to)
