"""What does the studio's way of working cost, or save? ``python tests/benchmarks/bench_work.py [--pictures 6]``

On the practice models, by turns in one process, as ratios of seconds of the processor: a plan rendered by the studio
(checked, stepped through, saved with its recipe) against a plain loop of diffusers that saves PNGs; a survey of several
stacks in one plan against a pipeline that is loaded anew for each column; pictures scored in one job against one job
for each. One JSON object.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import torch
from diffusers import FluxPipeline, QwenImageEditPlusPipeline
from engine_helpers import FLUX, QWEN, checkpoint, qwen_lora, ramp, shot

from pipelines.domain.requests import Reference, ScoringSpec
from pipelines.domain.shots import Adapter, ImageRef, LoraStack, Plan, Shot
from pipelines.engine.resident import Resident
from pipelines.faces import FaceSettings
from pipelines.storage.pictures import save_picture
from pipelines.storage.settings import Settings
from pipelines.storage.workspace import Workspace
from pipelines.worker import score as scoring
from pipelines.worker.render import render

STEPS, COLUMNS, FACES = 6, 3, "perceptual"


def seconds(work: Callable[[], object]) -> float:
    """Of the processor, on one thread: what else goes on on this machine does not count."""
    began = time.process_time()
    work()
    return time.process_time() - began


def by_turns(rounds: int, ours: Callable[[int], object], plain: Callable[[int], object]) -> dict[str, float]:
    """Both warmed up, then measured by turns: medians, and the median of the ratios."""
    ours(-1), plain(-1)
    pairs = [(seconds(partial(ours, n)), seconds(partial(plain, n))) for n in range(rounds)]
    return {
        "ours_s": round(statistics.median(a for a, _ in pairs), 2),
        "plain_s": round(statistics.median(b for _, b in pairs), 2),
        "ours_over_plain": round(statistics.median(a / b for a, b in pairs), 2),
    }


def plan_of(shots: list[Shot], version: str, kind: str = "synthetic") -> Plan:
    values = {"character": "ada", "kind": kind, "version": version, "folder": f"characters/ada/data/{kind}/{version}"}
    return Plan.model_validate({**values, "shots": tuple(shots)})


def run(workspace: Workspace, resident: Resident, plan: Plan) -> None:
    render(plan, resident=resident, workspace=workspace, emit=lambda event: None, cancelled=lambda: False)


def rendering(workspace: Workspace, pictures: int, rounds: int) -> dict[str, float]:
    """A plan of one model, which is loaded for both."""
    resident = Resident(workspace, Settings(device="cpu"))
    pipe = FluxPipeline.from_pretrained(str(checkpoint(FLUX)), torch_dtype=torch.float32)
    pipe.set_progress_bar_config(disable=True)

    def shots(turn: int) -> list[Shot]:
        return [shot(FLUX, seed=1000 * turn + n, steps=STEPS) for n in range(pictures)]

    def ours(turn: int) -> None:
        run(workspace, resident, plan_of(shots(turn + 1), f"v{turn + 2}"))

    def plain(turn: int) -> None:
        for one in shots(turn + 1):
            made = _drawn(pipe, one)
            made.save(workspace.root / f"plain-{one.seed}.png")

    return by_turns(rounds, ours, plain)


def _drawn(pipe: Any, one: Shot, **more: Any) -> Any:
    return pipe(
        prompt=one.prompt, num_inference_steps=one.steps, guidance_scale=one.guidance, width=one.width,
        height=one.height, generator=torch.Generator().manual_seed(one.seed), **more,
    ).images[0]  # fmt: skip


def surveying(workspace: Workspace, models: Path, pictures: int, rounds: int) -> dict[str, float]:
    """Stacks of one LoRA each: in one plan, or the pipeline loaded anew with its LoRA for each column."""
    loras = [qwen_lora(workspace, models, f"column-{n}") for n in range(COLUMNS)]
    picture = save_picture(workspace, ramp(64), character="ada", kind="source", version="v1")
    resident = Resident(workspace, Settings(device="cpu"))

    def shots(turn: int, lora: Adapter) -> list[Shot]:
        stack = LoraStack(adapters=(lora,))
        return [
            shot(QWEN, seed=1000 * turn + n, steps=STEPS, sources=(picture.ref,), stack=stack) for n in range(pictures)
        ]

    def ours(turn: int) -> None:
        everything = [one for lora in loras for one in shots(turn + 1, lora)]
        run(workspace, resident, plan_of(everything, f"v{turn + 2}", "survey"))

    def plain(turn: int) -> None:
        for lora in loras:
            pipe = QwenImageEditPlusPipeline.from_pretrained(str(checkpoint(QWEN)), torch_dtype=torch.float32)
            pipe.set_progress_bar_config(disable=True)
            pipe.load_lora_weights(str(workspace.path(lora.path)))
            for one in shots(turn + 1, lora):
                made = pipe(
                    image=[ramp(64)], prompt=one.prompt, negative_prompt=" ", num_inference_steps=one.steps,
                    true_cfg_scale=one.guidance, width=64, height=64,
                    generator=torch.Generator().manual_seed(one.seed),
                ).images[0]  # fmt: skip
                made.save(workspace.root / f"plain-{lora.name}-{one.seed}.png")

    return by_turns(rounds, ours, plain)


def scored(workspace: Workspace, pictures: int, rounds: int) -> dict[str, float]:
    """The same pictures against five sources: one job, or a job for each that describes the sources again."""
    made = [
        save_picture(workspace, ramp(256, seed=n), character="ada", kind="synthetic", version="v99").ref
        for n in range(pictures + 5)
    ]
    references = tuple(Reference(id=ref.id, path=ref.path) for ref in made[:5])
    spec = ScoringSpec(references=references, recogniser=FACES)

    def job(images: list[ImageRef]) -> None:
        scoring._describe.cache_clear()  # each job is a process that knows nothing
        scoring.score(
            images, spec, workspace=workspace, settings=FaceSettings(), emit=lambda event: None, cancelled=lambda: False
        )

    return by_turns(rounds, lambda _: job(made[5:]), lambda _: [job([one]) for one in made[5:]])


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--pictures", type=int, default=6)
    asked.add_argument("--rounds", type=int, default=2)
    options = asked.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        models = Path(folder) / "models"
        models.mkdir()
        for name in (FLUX, QWEN):
            (models / name).symlink_to(checkpoint(name))
        workspace = Workspace(Path(folder) / "workspace")
        workspace.create()
        print(
            json.dumps(
                {
                    "render_against_diffusers": rendering(workspace, options.pictures, options.rounds),
                    "survey_against_reload": surveying(
                        workspace, models, max(1, options.pictures // 3), options.rounds
                    ),
                    "scoring_batched_against_single": scored(workspace, options.pictures, options.rounds),
                },
                indent=2,
            )
        )


if __name__ == "__main__":
    main()
