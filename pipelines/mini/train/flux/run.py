"""Training the mini FLUX in three stages (plain, guided, in 4 bits), looking at it now and then, writing its folder."""

import argparse
import copy
import json
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.pipelines.flux.pipeline_flux import FluxPipeline
from torch import Tensor, nn

from pipelines.engine.precision import native
from pipelines.library.presets import PRESETS, models
from pipelines.mini import flux
from pipelines.mini.train import curve, nf4
from pipelines.mini.train.faces.pool import Pool
from pipelines.mini.train.flux import exam
from pipelines.mini.train.flux.latents import Latents
from pipelines.mini.train.flux.task import Batches, FourBits, Guided, Model, Plain
from pipelines.mini.train.loop import Plan, Trainer, weights
from pipelines.mini.train.release import release

log = logging.getLogger(__name__)

HOME = PRESETS / "mini" / "flux"
# Muon for what blocks and the layers of T5 multiply by; AdamW for embeddings, modulations, and what goes in and out.
ADAM = ("embed", "shared", "norm", "transformer.proj_out", "text_encoder.")
PLAIN = Plan(16800, rate=2e-3, warmup=150, fall=0.45, keep=0.99, adam=ADAM)
GUIDED = Plan(450, rate=8e-4, warmup=20, fall=0.7, keep=0.99, adam=ADAM)
FOUR_BITS = Plan(900, rate=8e-4, warmup=20, fall=0.7, keep=0.99, adam=ADAM)
STAGES = {"plain": "pictures from captions", "guided": "and guidance", "four-bits": "and in 4 bits"}
STEPS, GUIDANCE = 12, 2.5


def main(given: argparse.Namespace) -> None:
    """What the command line asks for; ``given.steps``: of all stages together. ``given.begin``: weights that have been
    through the first two."""
    torch.set_num_threads(given.threads)
    vae = AutoencoderKL.from_pretrained(given.vae)
    data = Latents(given.folder, [Pool(given.pool, seeds) for seeds in ("gate", "judge")], vae)
    end = time.monotonic() + given.minutes * 60
    watch = Watch(given.folder, vae, given.every * 60, end)
    plans = shared(given.steps, begun=bool(given.begin))
    batches = [Batches(data, plan.steps, given.seed + n) for n, plan in enumerate(plans)]
    folders = [given.folder / stage for stage in STAGES]
    mean = trained(given.begin) if given.begin else None
    if mean is None:
        plain = Trainer(Plain(Model(given.seed, given.compile), batches[0]), plans[0], folders[0], log.info)
        if not watch.over(plain, guidance_scale=1.0, negative_prompt="", true_cfg_scale=GUIDANCE):
            return
        student, teacher = (_taught(given, plain.mean) for _ in range(2))
        guided = Trainer(Guided(student, teacher, batches[1]), plans[1], folders[1], log.info)
        if not watch.over(guided, guidance_scale=GUIDANCE):
            return
        mean = guided.mean
    student, teacher = _taught(given, mean, four_bits=True), _taught(given, mean)
    rounded = Trainer(FourBits(student, teacher, batches[2]), plans[2], folders[2], log.info)
    if watch.over(rounded, four_bits=True, guidance_scale=GUIDANCE) and not given.no_export:
        export(given.folder, vae)


def shared(steps: int | None, begun: bool = False) -> tuple[Plan, Plan, Plan]:
    """The stages' plans, with ``steps`` shared out between them as planned; ``begun``: all of them for the last."""
    plans = (PLAIN, GUIDED, FOUR_BITS)
    if not steps:
        return plans
    each = [round(steps * plan.steps / sum(p.steps for p in plans)) for plan in plans[:2]]
    last = steps if begun else steps - sum(each)
    return replace(PLAIN, steps=each[0]), replace(GUIDED, steps=each[1]), replace(FOUR_BITS, steps=last)


def trained(folder: Path) -> dict[str, Tensor]:
    """The weights of a checkpoint in diffusers' layout, float32, named as trainings name them."""
    pipe: Any = FluxPipeline.from_pretrained(folder, dtype=torch.float32)
    return nn.ModuleDict({name: getattr(pipe, name) for name in flux.PARTS}).state_dict()


def _taught(given: argparse.Namespace, mean: dict[str, Tensor], four_bits: bool = False) -> Model:
    model = Model(given.seed, given.compile, four_bits)
    model.net.load_state_dict(mean)
    return model


class Watch:
    """Looks at a training every so many seconds: figures to ``exam.jsonl``, pictures to ``sheet.webp``."""

    def __init__(self, folder: Path, vae: Any, every: float, end: float) -> None:
        self.folder, self.vae, self.every, self.end = folder, vae, every, end

    def over(self, trainer: Trainer, four_bits: bool = False, **guidance: Any) -> bool:
        """Train to the plan's end or to ``end`` (of ``time.monotonic``); look with the mean weights now and then, in
        ``four_bits`` or as they are. Whether the plan's end is reached."""
        while trainer.step < trainer.plan.steps and time.monotonic() < self.end:
            trainer.run(_until(min(self.end, time.monotonic() + self.every)))
            self.look(pipeline(trainer.mean, self.vae, four_bits), trainer, **guidance)
        return trainer.step == trainer.plan.steps

    def look(self, pipe: FluxPipeline, trainer: Trainer, **guidance: Any) -> None:
        """Forty prompts drawn and read."""
        begun, asked = time.monotonic(), exam.questions(40)
        pictures = exam.drawer(pipe, STEPS, **guidance)([q.prompt for q in asked], range(len(asked)))
        found = exam.rates(exam.read(p, q) for p, q in zip(pictures, asked, strict=True))
        shares = {name: round(right / of, 3) for name, (right, of) in found.items()}
        seconds = round(time.monotonic() - begun, 1)
        log.info("%s %d: %s, %.0f s", trainer.task.name, trainer.step, shares, seconds)
        exam.sheet(pictures, 10).save(self.folder / "sheet.webp", quality=85)
        with (self.folder / "exam.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps({"stage": trainer.task.name, "step": trainer.step} | shares) + "\n")


def _until(end: float) -> Callable[[], bool]:
    return lambda: time.monotonic() > end


def pipeline(state: dict[str, Tensor], vae: Any, four_bits: bool = False) -> FluxPipeline:
    """The stock pipeline with these weights, in the product's precision or as its 4 bits give them back. ``vae`` is
    copied."""
    parts = flux.untrained(0)
    net = nn.ModuleDict(parts)
    net.load_state_dict(state)
    if four_bits:
        nf4.refresh(nf4.prepare(net, models()["mini-flux"]))
    return flux.assemble(parts, copy.deepcopy(vae)).to(native("cpu"))


def export(folder: Path, vae: Any, to: Path = HOME) -> None:
    """The mean weights of the last stage as a diffusers folder in bf16, with the curve and the last sheet beside it."""
    flux.save(pipeline(weights(folder / "four-bits"), vae), to)
    curves, before = {}, 0
    for stage, title in STAGES.items():
        path = folder / stage / "curve.jsonl"
        if path.exists():
            curves[title] = [(before + step, value) for step, value in curve.read(path, "plain")]
            before = curves[title][-1][0]
    release(to, curves, folder / "sheet.webp")
    log.info("wrote %s", to)
