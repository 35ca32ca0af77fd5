"""Training either VAE, measuring it on pictures it has not seen, and writing it where its model folder wants it."""

import argparse
import json
import logging
import time
from collections.abc import Callable
from pathlib import Path

import torch
from PIL import Image

from labs.mini_training.faces.pool import Pool
from labs.mini_training.loop import Plan, Trainer, weights
from labs.mini_training.vae.task import SHARDS, FluxVae, Pictures, QwenVae, Vae, VaeTask, halved
from pipelines.storage.preset_files import PRESETS

log = logging.getLogger(__name__)

KINDS: dict[str, Callable[[], Vae]] = {"vae": FluxVae, "qwen-vae": QwenVae}
FOLDERS = {"vae": "flux", "qwen-vae": "qwen-edit"}
PLANS = {
    "vae": Plan(3800, warmup=200, keep=0.998, every=100),
    "qwen-vae": Plan(4600, warmup=200, keep=0.998, every=100),
}
# A shard that no VAE learns from.
TEST_SHARD = 20


def main(given: argparse.Namespace) -> None:
    """What the command line asks for: ``given.kind`` is a key of ``KINDS``."""
    torch.set_num_threads(given.threads)
    torch.manual_seed(given.seed)
    plan = Plan(**{**vars(PLANS[given.kind]), **({"steps": given.steps} if given.steps else {})})
    pools = [(Pool(given.pool, seeds), count) for seeds, count in SHARDS.items()]
    task = VaeTask(given.kind, KINDS[given.kind](), Pictures(pools), plan.steps, given.seed)
    end = time.monotonic() + given.minutes * 60
    Trainer(task, plan, given.folder, log.info).run(lambda: time.monotonic() > end)
    if not given.no_export:
        export(given.kind, given.folder, given.pool, PRESETS / "mini" / FOLDERS[given.kind] / "vae")


@torch.no_grad()
def export(kind: str, folder: Path, pool: Path, to: Path) -> None:
    """The mean weights as a diffusers folder in bf16, with the latents' mean and spread; figures and a picture of
    round trips beside the checkpoint."""
    vae = KINDS[kind]()
    vae.net.load_state_dict(weights(folder))
    vae.net.eval()
    pictures = halved(Pool(pool, "gate").get(TEST_SHARD).pictures)
    x = pictures.float() / 127.5 - 1
    latents = torch.cat([vae.moments(part).chunk(2, 1)[0] for part in x.split(50)])
    made = torch.cat([vae.pictures(part) for part in latents.split(50)]).clamp(-1, 1)
    decibels = -10 * torch.log10((made - x).square().mean((1, 2, 3)) / 4)
    figures = {"decibels": round(float(decibels.mean()), 2), "spread": round(float(latents.std()), 4)}
    (folder / "figures.json").write_text(json.dumps(figures) + "\n", encoding="utf-8", newline="\n")
    log.info("%s on %d unseen pictures: %s", kind, len(x), figures)
    sheet(x, made).save(folder / "round_trips.png")
    vae.net.register_to_config(**_normalisation(kind, latents))
    vae.net.to(torch.bfloat16).save_pretrained(to, safe_serialization=True)


def _normalisation(kind: str, latents: torch.Tensor) -> dict[str, object]:
    if kind == "vae":
        return {"shift_factor": float(latents.mean()), "scaling_factor": 1 / float(latents.std())}
    axes = (0, 2, 3)
    return {"latents_mean": latents.mean(axes).tolist(), "latents_std": latents.std(axes).tolist()}


def sheet(before: torch.Tensor, after: torch.Tensor, count: int = 24) -> Image.Image:
    """Pictures (n, 3, h, w) in -1..1 in rows of twelve, each row's round trips below it, three times as large."""
    rows = [torch.cat(list(x[k : k + 12]), -1) for k in range(0, count, 12) for x in (before, after)]
    pixels = ((torch.cat(rows, 1).clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).permute(1, 2, 0).numpy()
    image = Image.fromarray(pixels)
    return image.resize((image.width * 3, image.height * 3), Image.Resampling.BICUBIC)
