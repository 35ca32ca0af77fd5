"""Memory and speed of the full-size models on a card: ``python tests/benchmarks/bench_gpu.py [--families NAME ...]``

FLUX.1-dev and Qwen-Image-Edit-2509 at their true sizes, with random weights: no download. They are written to a folder
as a hub download would lie there, and loaded, trained and rendered by the product's own code under a cap of ``--cap``
GiB, so that what a 24 GiB card would hold is known without its owner. What is drawn is noise; memory and seconds do
not depend on it. Tokenizers are those of the practice models: captions are padded to the same lengths (FLUX), or count
little beside the pictures (Qwen).

``--stored bf16`` is what the hub has, quantized while loading (31 and 54 GiB); ``nf4`` is a copy already quantized, a
third of that. One line of JSON for each row, as soon as it is known; a row that fails says why and the next one runs.
GiB are 2**30 bytes: ``peak`` of torch's tensors, ``reserved`` with what its allocator keeps; the context of CUDA is
beside both, and is within ``predicted``. ``--scale mini`` runs the same code with tiny models, on a CPU as well.

``plain ...`` are the same models and settings as diffusers' documentation and example scripts use them (``plain.py``),
in the same run and under the same cap; ``ours_faster`` is their seconds a step over ours (1.2: ours does 1.2 steps in
the time of one).
"""

import argparse
import gc
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from itertools import pairwise
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")
ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import plain
import torch
from PIL import Image
from random_weights import FULL, written

from pipelines.domain.events import Event, Progress
from pipelines.domain.presets import ModelFamily, TrainingSettings
from pipelines.domain.requests import TrainItem, TrainRequest
from pipelines.domain.shots import Adapter, ImageRef, LoraStack, Purpose, Shot
from pipelines.engine.adapters import applied
from pipelines.engine.memory import Prediction, predict_render, predict_training
from pipelines.engine.resident import Resident
from pipelines.models.driver import Driver, OnPreview
from pipelines.models.qwen_image_edit.drive import edit_sizes
from pipelines.storage.pictures import save_picture
from pipelines.storage.presets import shipped
from pipelines.storage.settings import load
from pipelines.storage.workspace import Workspace
from pipelines.training import train

GIB = 2**30
PROMPT = "portrait of ohwx_char person, smiling, profile-left view, clean background, studio lighting"
CUDA = torch.cuda.is_available()

Config = dict[str, Any]
TRAINED_AT = {"flux1-dev": (512, 768, 1024), "qwen-image-edit-2509": (512, 1024)}


def seconds(work: Callable[[], object]) -> float:
    """How long ``work`` takes, the card having finished before and after."""
    settle()
    begin = time.perf_counter()
    work()
    settle()
    return time.perf_counter() - begin


def settle() -> None:
    """Wait for the card."""
    if CUDA:
        torch.cuda.synchronize()


def begin_peak() -> None:
    """Give the card's cache back and measure the highest use from here on."""
    if CUDA:
        settle()
        gc.collect()
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def peaks(prefix: str = "") -> dict[str, float]:
    """The highest use since ``begin_peak``, GiB; nothing without a card."""
    if not CUDA:
        return {}
    settle()
    found = {"peak_gib": torch.cuda.max_memory_allocated(), "reserved_gib": torch.cuda.max_memory_reserved()}
    return {prefix + name: round(size / GIB, 2) for name, size in found.items()}


def context_gib() -> float:
    """What the card holds beside torch's tensors: the context of CUDA, and other programs."""
    free, total = torch.cuda.mem_get_info()
    return round((total - free - torch.cuda.memory_reserved()) / GIB, 2)


class Bench:
    """One family: its folder, what is loaded, and the rows. ``px`` are those of the full size."""

    def __init__(self, family: ModelFamily, options: argparse.Namespace, scratch: Path) -> None:
        self.options, self.shrink = options, 1 if options.scale == "full" else 8
        own = family.defaults
        small = {"vae_px": own.vae_px // self.shrink, "condition_px": max(56, own.condition_px // self.shrink)}
        self.family = family.model_copy(update={"defaults": own.model_copy(update=small)}) if own.vae_px else family
        self.stored_in = options.folder / family.name
        self.workspace = Workspace(scratch / family.name)
        self.workspace.root.mkdir(parents=True)
        self.workspace.create()
        budget = options.cap if CUDA else None
        self.settings = load(self.workspace.root, memory_budget_gib=budget, models_dir=options.folder)
        # Looked up where no weights are: the preset's numbers, as the studio foretells before a download.
        self.blind = load(self.workspace.root, memory_budget_gib=budget)
        self.resident = Resident(self.workspace, self.settings)
        self.lora: Adapter | None = None
        self.step_s: dict[str, float] = {}
        self.pictures = [self._picture(n) for n in range(2)]

    def _picture(self, n: int) -> ImageRef:
        side = 1024 // self.shrink
        noise = Image.effect_noise((side, side), 40 + 20 * n).convert("RGB")
        return save_picture(self.workspace, noise, character="bench", kind="source", version="v1").ref

    @property
    def edits(self) -> bool:
        """Whether this is an editor, which sees a picture."""
        return "editor" in self.family.roles

    def load(self) -> Config:
        """Loading, from a folder that lies in memory if ``--folder`` does."""
        if not self.stored_in.exists():
            wrote = seconds(lambda: written(self.family, self.stored_in, self.options.scale, self.options.stored))
            print(json.dumps({"row": "write", "family": self.family.name, "seconds": round(wrote, 1)}), flush=True)
        begin_peak()

        def enter() -> None:
            with self.resident.use(self.family):
                pass

        took = seconds(enter)
        phases = predict_render(self.family, [], self.workspace, self.blind).phases
        held = {"held_gib": round(torch.cuda.memory_allocated() / GIB, 2), "context_gib": context_gib()} if CUDA else {}
        return {"stored": self.options.stored, "load_s": round(took, 1)} | peaks() | held | foretold(phases["load"])

    def train(self, px: int) -> Config:
        """A LoRA of rank 16, batch 1; an editor's with one reference. ``peak`` and ``reserved`` are of the steps alone,
        ``run_*`` of all up to the first step's end: encoding with everything on the card, then offload."""
        asked = self._training(px, self.options.steps + 1)
        beats: list[float] = []

        def emit(event: Event) -> None:
            if not (isinstance(event, Progress) and event.note.startswith("loss")):
                return
            if not beats:
                run.update(peaks("run_"))
                begin_peak()
            found.update(peaks())
            beats.append(time.perf_counter())

        run, found = dict[str, float](), dict[str, float]()
        begin_peak()
        begin = time.perf_counter()
        done = self._trained(asked, emit)
        whole = time.perf_counter() - begin
        self.lora = Adapter(name="bench", sha256=done["sha256"], path=done["lora"])
        each = [b - a for a, b in pairwise(beats)]
        self.step_s[f"train {px}"] = statistics.median(each)
        prediction = predict_training(self.family, asked.settings, self.workspace, self.blind)
        steps = {"step_s": round(statistics.median(each), 3), "steps_s": [round(s, 3) for s in each]}
        return (
            {"px": px, "rank": 16, "references": int(self.edits)}
            | steps | {"whole_s": round(whole, 1), "loss": round(done["loss"], 3)}
            | found | run | foretold(prediction.phases["train"])
        )  # fmt: skip

    def sample(self) -> Config:
        """One step and a sample picture of two, for which parts of the pipeline come back to the card and leave it."""
        asked = self._training(512, 1, (self._shot(f"{PROMPT}, sample", 2),))
        begin_peak()
        took = seconds(lambda: self._trained(asked, lambda event: None))
        return {"px": 512, "whole_s": round(took, 1)} | peaks()

    def _trained(self, asked: TrainRequest, emit: Callable[[Event], None]) -> Config:
        both = {"resident": self.resident, "workspace": self.workspace, "settings": self.settings}
        return train(asked, **both, emit=emit, cancelled=lambda: False)

    def _training(self, px: int, steps: int, samples: tuple[Shot, ...] = ()) -> TrainRequest:
        item = TrainItem(image=self.pictures[0], caption=PROMPT, controls=(self.pictures[1],) if self.edits else ())
        settings = TrainingSettings(
            rank=16, alpha=16, steps=steps, resolution=px // self.shrink, save_every=1000, sample_every=1000
        )
        return TrainRequest(
            target="editor" if self.edits else "character", character="bench", name=f"bench_{px}", version="v1",
            family=self.family.name, revision=self.family.revision, items=(item,), settings=settings,
            trigger="ohwx_char", folder=f"models/bench/{px}-{steps}", samples=samples,
        )  # fmt: skip

    def picture(self, saving: bool) -> Config:
        """A picture of the preset's size, with a LoRA; ``saving``: decoded in tiles, text encoders off the card."""
        with self.resident.use(self.family) as driver:
            while saving and driver.shrink():
                pass
            self._render(driver, f"warm-up, {saving}", 3, lambda small: None)
            begin_peak()
            total, step, encode = self._render(driver, f"{PROMPT}, {saving}", self.options.steps)
            found = peaks()
        fixed, steps = total - self.options.steps * step, self.family.defaults.steps
        self.step_s["picture, saving" if saving else "picture"] = step
        budget = load(self.workspace.root, memory_budget_gib=0.01) if saving else self.blind
        prediction = predict_render(self.family, [], self.workspace, budget)
        return {
            "lora": self.lora is not None, "px": 1024, "sources": int(self.edits), "measures": list(prediction.ladder),
            "step_s": round(step, 3), "encode_s": round(encode, 3), "fixed_s": round(fixed, 3), "steps": steps,
            "picture_s": round(fixed + steps * step, 1),
        } | found | foretold(highest(prediction, "denoise", "decode"))  # fmt: skip

    def _render(
        self, driver: Driver, prompt: str, steps: int, on_preview: OnPreview | None = None
    ) -> tuple[float, float, float]:
        """Seconds of the whole picture, of a step, and of encoding its text (within the whole)."""
        shot = self._shot(prompt, steps)
        noise = Image.effect_noise((1024 // self.shrink, 1024 // self.shrink), 60).convert("RGB")
        pictures, beats = [noise] if self.edits else [], list[float]()

        def on_step(k: int, n: int) -> None:
            settle()
            beats.append(time.perf_counter())

        with applied(driver, shot.stack, self.workspace):
            encode = seconds(lambda: driver.encode(shot, pictures))
            whole = seconds(lambda: driver.render(shot, pictures, on_step, on_preview))
        each = [b - a for a, b in pairwise(beats)]
        return encode + whole, statistics.median(each), encode

    def _shot(self, prompt: str, steps: int) -> Shot:
        own = self.family.defaults
        return Shot(
            family=self.family.name, revision=self.family.revision, prompt=prompt, seed=1, steps=steps,
            sources=(self.pictures[0],) if self.edits else (), guidance=own.guidance,
            stack=LoraStack(adapters=(self.lora,) if self.lora else ()),
            width=own.width // self.shrink, height=own.height // self.shrink, purpose=Purpose(step="sample"),
        )  # fmt: skip

    def plain_picture(self) -> Config:
        """The same picture by the pipeline's own call, everything on the card."""
        self.resident.drop()
        begin_peak()
        made: list[Any] = []
        took = seconds(lambda: made.append(plain.load(self.family, self.stored_in, self.options.stored)))
        pipe, loading = made.pop(), peaks("load_")
        if self.lora:
            pipe.load_lora_weights(self.workspace.path(self.lora.path))
        beats: list[float] = []

        def on_step(own: Any, index: int, timestep: Any, tensors: Config) -> Config:
            settle()
            beats.append(time.perf_counter())
            return {}

        sides = {
            "width": self.family.defaults.width // self.shrink,
            "height": self.family.defaults.height // self.shrink,
        }
        noise = Image.effect_noise((1024 // self.shrink,) * 2, 60).convert("RGB")
        pictures = [noise] if self.edits else []
        values = {"prompt": PROMPT, "num_inference_steps": self.options.steps} | sides
        with self._sizes():
            plain.picture(pipe, self.family, values | {"num_inference_steps": 2}, pictures, on_step)
            beats.clear()
            begin_peak()
            whole = seconds(lambda: plain.picture(pipe, self.family, values, pictures, on_step))
        step = statistics.median(b - a for a, b in pairwise(beats))
        return {"load_s": round(took, 1), "step_s": round(step, 3), "whole_s": round(whole, 2)} | self._beside(
            "picture", step
        ) | loading | peaks()  # fmt: skip

    def plain_train(self, px: int) -> Config:
        """The same training as the example scripts do it."""
        self.resident.drop()
        begin_peak()
        pipe = plain.load(self.family, self.stored_in, self.options.stored)
        side = px // self.shrink
        images = [Image.open(self.workspace.path(ref.path)).resize((side, side)) for ref in self.pictures]
        with self._sizes():
            learning = plain.Training(pipe, self.family, PROMPT, images[: 1 + self.edits])
        loss = learning.step()
        run = peaks("run_")
        begin_peak()
        each = [seconds(learning.step) for _ in range(self.options.steps)]
        step = statistics.median(each)
        return {"px": px, "step_s": round(step, 3), "loss": round(loss, 3)} | self._beside(f"train {px}", step) | (
            peaks() | run
        )  # fmt: skip

    def _sizes(self) -> AbstractContextManager[None]:
        """The edit pipeline sees its sources as large as ours does."""
        return edit_sizes(self.family) if self.edits else nullcontext()

    def _beside(self, row: str, step: float) -> Config:
        ours = self.step_s.get(row)
        return {"ours_faster": round(step / ours, 2)} if ours else {}

    def close(self) -> None:
        """Let go of the model and of its files."""
        self.resident.drop()
        if not self.options.keep:
            shutil.rmtree(self.stored_in, ignore_errors=True)


def highest(prediction: Prediction, *phases: str) -> dict[str, float]:
    """The parts of the phase that takes most."""
    return max((prediction.phases[phase] for phase in phases), key=lambda parts: sum(parts.values()))


def foretold(parts: dict[str, float]) -> Config:
    """What ``engine.memory`` said, in all and by part, GiB."""
    said = {name: round(gib, 2) for name, gib in parts.items()}
    return {"predicted_gib": round(sum(parts.values()), 2), "predicted_parts": said}


def rows(bench: Bench) -> dict[str, Callable[[], Config]]:
    """By name, in the order in which they run: the pictures are made with the LoRA that was trained before."""
    training = {f"train {px}": lambda px=px: bench.train(px) for px in TRAINED_AT[bench.family.name]}
    pictures = {"picture": lambda: bench.picture(False), "sample": bench.sample}
    ours = {"load": bench.load, **training, **pictures, "picture, saving": lambda: bench.picture(True)}
    beside = {f"plain train {px}": lambda px=px: bench.plain_train(px) for px in TRAINED_AT[bench.family.name]}
    return {**ours, "plain picture": bench.plain_picture, **beside}


def run(bench: Bench, name: str, row: Callable[[], Config], until: float) -> bool:
    """One row, printed; what goes wrong is printed in its place. Whether it was measured."""
    named = {"row": name, "family": bench.family.name}
    if time.monotonic() > until:
        print(json.dumps(named | {"skipped": "no time left"}), flush=True)
        return False
    begin = time.perf_counter()
    try:
        found = row()
    except Exception as error:
        found = {"error": f"{type(error).__name__}: {error}", "where": traceback.format_exc().splitlines()[-12:]}
    print(json.dumps(named | found | {"row_s": round(time.perf_counter() - begin, 1)}), flush=True)
    return "error" not in found


def default_folder() -> Path:
    """Main memory where it can hold the larger model, else the disk."""
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and shutil.disk_usage(memory).free > 56 * GIB
    return Path(tempfile.mkdtemp(prefix="bench-gpu-", dir=memory if roomy else None))


def asked() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--families", nargs="+", default=list(FULL), choices=list(FULL))
    parser.add_argument("--rows", nargs="+", default=[], help='such as "train 512"; none: all. Loading always runs')
    parser.add_argument("--cap", type=float, default=24.0, help="GiB of the card to use at most")
    parser.add_argument("--scale", choices=("full", "mini"), default="full")
    parser.add_argument("--stored", choices=("auto", "bf16", "nf4"), default="auto", help="auto: bf16 in main memory")
    parser.add_argument("--steps", type=int, default=4, help="steps that are measured in each row")
    parser.add_argument("--seconds", type=float, default=400, help="no row begins later than this")
    parser.add_argument("--folder", type=Path, default=None, help="where the random weights go")
    parser.add_argument("--keep", action="store_true", help="leave them there")
    options = parser.parse_args()
    options.folder = options.folder or default_folder()
    if options.stored == "auto":
        options.stored = "bf16" if options.folder.is_relative_to("/dev/shm") else "nf4"
    return options


def main() -> None:
    options = asked()
    until = time.monotonic() + options.seconds
    machine: Config = {"row": "machine", "torch": torch.__version__, "folder": str(options.folder)}
    if CUDA:
        properties = torch.cuda.get_device_properties(0)
        torch.cuda.set_per_process_memory_fraction(min(1.0, options.cap * GIB / properties.total_memory))
        machine |= {"card": properties.name, "card_gib": round(properties.total_memory / GIB, 1), "cap": options.cap}
    print(json.dumps(machine), flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        for name in options.families:
            bench = Bench(shipped().models[name], options, Path(scratch))
            wanted = {row: work for row, work in rows(bench).items() if row in ("load", *(options.rows or rows(bench)))}
            for row, work in wanted.items():
                if not run(bench, row, work, until) and row == "load":
                    break
            bench.close()


if __name__ == "__main__":
    main()
