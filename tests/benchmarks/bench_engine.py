"""What a model takes here, beside what was predicted: ``python tests/benchmarks/bench_engine.py [FAMILY ...]``

For each family whose weights are here (the practice models build theirs): seconds to load, seconds a picture, and on a
card the peak of memory against ``engine.memory``'s prediction, under a cap of ``--cap`` GiB. Moving a LoRA's slider is
given as a ratio to a denoising step of the same run. One line of JSON for each family.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(ROOT / "tests"))

import torch
from engine_helpers import flux_lora, qwen_lora, ramp

from pipelines.domain.presets import ModelFamily, models
from pipelines.domain.shots import Adapter, LoraStack, Purpose, Shot
from pipelines.engine.adapters import applied
from pipelines.engine.memory import predict_render
from pipelines.engine.resident import Resident
from pipelines.engine.weights import missing
from pipelines.storage.pictures import save_picture
from pipelines.storage.settings import Settings, load
from pipelines.storage.workspace import Workspace

PICTURES, MOVES = 5, 20


def seconds(work: Callable[[], object]) -> float:
    """How long ``work`` takes, the card having finished."""
    begin = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - begin


def shot_of(family: ModelFamily, workspace: Workspace, stack: LoraStack) -> Shot:
    """The family's default picture; an editor gets one source of the same size."""
    size = family.defaults
    sources = ()
    if "editor" in family.roles:
        picture = save_picture(workspace, ramp(size.width), character="bench", kind="source", version="v1")
        sources = (picture.ref,)
    return Shot(
        family=family.name, revision=family.revision, prompt="portrait of ohwx_char person, smiling", sources=sources,
        stack=stack, seed=1, steps=size.steps, guidance=size.guidance, width=size.width, height=size.height,
        purpose=Purpose(step="sample"),
    )  # fmt: skip


def measure(family: ModelFamily, workspace: Workspace, settings: Settings) -> dict[str, object]:
    """All figures of one family."""
    resident = Resident(workspace, settings)
    lora = _a_lora(family, workspace, resident.folder(family))
    shot = shot_of(family, workspace, LoraStack(adapters=(lora,)))
    forecast = predict_render(family, [shot], workspace, settings)
    pictures = [ramp(family.defaults.width)] if shot.sources else []

    def enter() -> None:
        with resident.use(family):
            pass

    loading = seconds(enter)
    with resident.use(family) as driver, applied(driver, shot.stack, workspace):
        resident.reset_peak()
        driver.render(shot, pictures, lambda k, n: None)
        each = [seconds(lambda: driver.render(shot, pictures, lambda k, n: None)) for _ in range(PICTURES)]
        peak = resident.peak_gib()
    moves = [seconds(lambda w=w: _move(resident, family, lora, w, workspace)) for w in range(MOVES)]
    resident.drop()
    step = statistics.median(each) / shot.steps
    return {
        "family": family.name,
        "device": str(resident.device),
        "load_s": round(loading, 2),
        "picture_s": round(statistics.median(each), 3),
        "slider_move_per_step": round(statistics.median(moves) / step, 3),
        "peak_gib": peak,
        "predicted_gib": round(forecast.peak_gib, 2),
    }


def _a_lora(family: ModelFamily, workspace: Workspace, folder: Path) -> Adapter:
    """A random LoRA for the model in ``folder``; the tests' helper looks for a folder called like the family."""
    named = workspace.root / "by-name" / family.name
    named.parent.mkdir(exist_ok=True)
    named.symlink_to(folder)
    make = flux_lora if family.architecture == "flux" else qwen_lora
    return make(workspace, named.parent, f"bench-{family.name}")


def _move(resident: Resident, family: ModelFamily, lora: Adapter, weight: float, workspace: Workspace) -> None:
    moved = lora.model_copy(update={"weight": weight / MOVES})
    with resident.use(family) as driver, applied(driver, LoraStack(adapters=(moved,)), workspace):
        pass


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("families", nargs="*", default=list(models()))
    asked.add_argument("--cap", type=float, default=24.0, help="GiB of the card to use at most")
    options = asked.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        workspace = Workspace(Path(scratch))
        workspace.create()
        settings = load(workspace.root, memory_budget_gib=options.cap if torch.cuda.is_available() else None)
        if torch.cuda.is_available():
            share = options.cap * 2**30 / torch.cuda.get_device_properties(0).total_memory
            torch.cuda.set_per_process_memory_fraction(min(1.0, share))
        for name in options.families:
            lacking = missing(models()[name], workspace, settings)
            if lacking and lacking.how == "download":
                print(json.dumps({"family": name, "skipped": lacking.what}))
                continue
            print(json.dumps(measure(models()[name], workspace, settings)), flush=True)


if __name__ == "__main__":
    main()
