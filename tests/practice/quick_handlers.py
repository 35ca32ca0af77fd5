"""Handlers for a real worker process that keep the promises of the real ones without a model or torch: pictures are
noise, and what the independent recogniser reads in them is drawn from their pixels: most are right, some are somebody
else, some wrong.
"""

import io
import random
import time
from typing import Any

import numpy as np
from PIL import Image
from safetensors.numpy import save

from pipelines.domain.cancelled import Cancelled
from pipelines.domain.events import ImageMade, Measured, Progress, Scored, Started
from pipelines.domain.records import Metric
from pipelines.domain.requests import (
    CalibrateRequest,
    ExamineRequest,
    PracticeRequest,
    RenderRequest,
    ScoreRequest,
    TargetsRequest,
    TrainRequest,
)
from pipelines.domain.scores import Quality, Scores
from pipelines.domain.shots import Plan, Shot
from pipelines.storage.atomic import file_hash, write_durably
from pipelines.storage.pictures import read_recipe, save_picture
from pipelines.worker.handlers import JobContext
from pipelines.world.reading import Reading, Said

SHOWN = [(angle, e) for angle in ("front", "half-left", "half-right") for e in ("neutral", "smiling") * 2]
SECONDS = 0.01


def _noise(seed: str) -> Image.Image:
    digest = np.random.default_rng(list(seed.encode())).integers(0, 255, (16, 16, 3), dtype=np.uint8)
    return Image.fromarray(digest).resize((64, 64))


def practice(request: PracticeRequest, context: JobContext) -> dict[str, Any]:
    """Twelve sources, or some of them."""
    pictures = []
    shown = [SHOWN[len(SHOWN) * n // request.sources] for n in range(request.sources)]
    for n, (angle, expression) in enumerate(shown, 1):
        path, data = f"{request.folder}/cleo-{n:02}.png", io.BytesIO()
        _noise(f"source {n}").save(data, "PNG")
        write_durably(context.workspace.path(path), data.getvalue(), sync=False)
        pictures.append([path, angle, expression])
    return {"pictures": pictures}


def render(request: RenderRequest, context: JobContext) -> dict[str, Any]:
    """What exists is skipped, and told as made."""
    plan = request.plan
    context.emit(Started(total=len(plan)))
    for done, shot in enumerate(plan, 1):
        if context.cancelled():
            raise Cancelled
        path = plan.path(shot)
        record = read_recipe(context.workspace.path(path), path) or _make(plan, shot, context)
        context.emit(ImageMade(image=record))
        context.emit(Progress(done=done))
    return {"images": len(plan)}


def _make(plan: Plan, shot: Shot, context: JobContext) -> Any:
    time.sleep(SECONDS)
    fields = {"character": plan.character, "kind": plan.kind, "version": plan.version}
    drawn = _noise(f"{shot.purpose.cell} {shot.seed} {shot.stack.label}")  # ids of files differ by run, this does not
    return save_picture(
        context.workspace, drawn, **fields, path=plan.path(shot), shot=shot, job=context.job, seconds=SECONDS
    )


def score(request: ScoreRequest, context: JobContext) -> dict[str, Any]:
    """Everything has been looked at."""
    for image in request.images:
        context.emit(Scored(image=image.id, scores=Scores(quality=Quality(sharpness=1, light=0.5, contrast=0.1))))
    return {"images": len(request.images)}


def calibrate(request: CalibrateRequest, context: JobContext) -> dict[str, Any]:
    """A threshold of one half, by twelve sources and a hundred strangers."""
    line = {
        "version": request.version, "model_hash": "", "far": request.far, "far_low": 0.0, "far_high": 0.03, "tau": 0.5,
        "smallest": 0.8, "threshold": 0.5, "floor": 0.3, "impostors": 100, "others": 100, "effective": 100.0,
        "references": [(r.image.id, r.angle) for r in request.references],
    }  # fmt: skip
    return {"calibrations": [{**line, "recogniser": name} for name in request.recognisers]}


def examine(request: ExamineRequest, context: JobContext) -> dict[str, Any]:
    """One in six somebody else, one in five of the rest seen from another side. LoRAs bring turned heads nearer to the
    truth, and all else farther away."""
    found = {}
    for ref in request.images:
        record = read_recipe(context.workspace.path(ref.path))
        assert record and record.shot
        asked, chance = record.shot.purpose.labels, random.Random(record.pixels)
        pose = asked.get("pose", "")
        moved = (-2 if asked.get("axis") == "angle" else 1) if record.shot.stack.adapters else 0
        known: dict[str, Any] = {
            "identity": 0.2 if chance.random() < 1 / 6 else 0.9,
            "threshold": 0.5,
            "face_distance": 12 + moved,
            "angle": "back" if chance.random() < 1 / 5 else asked.get("angle", "front"),
            "expression": Said(word=asked.get("expression", "neutral"), sure=0.9),
            "framing": Said(word="full" if pose else "portrait", sure=0.9),
            "pose": Said(word=pose, sure=0.9),
            "light": Said(word=asked.get("value", ""), sure=0.9),
            "background": Said(word={"street": "city"}.get(asked.get("value", ""), asked.get("value", "")), sure=0.9),
        }
        found[ref.id] = Reading(**known).model_dump(mode="json")
    return {"readings": found}


def targets(request: TargetsRequest, context: JobContext) -> dict[str, Any]:
    """A picture for each."""
    paths = []
    for want in request.wanted:
        data = io.BytesIO()
        _noise(f"target {want}").save(data, "PNG")
        paths.append(f"{request.folder}/{want.name}.png")
        write_durably(context.workspace.path(paths[-1]), data.getvalue(), sync=False)
    return {"pictures": paths}


def train(request: TrainRequest, context: JobContext) -> dict[str, Any]:
    """A LoRA file of the right layout that has learnt nothing."""
    context.emit(Started(total=10, unit="steps"))
    for step in range(1, 11):
        if context.cancelled():
            raise Cancelled
        time.sleep(SECONDS)
        context.emit(Measured(metric=Metric(name="loss", step=step, value=1 / step)))
        context.emit(Progress(done=step))
    half = "transformer.transformer_blocks.0.attn.to_q.lora_"
    tensors = {f"{half}A.weight": np.zeros((4, 8), np.float32), f"{half}B.weight": np.zeros((8, 4), np.float32)}
    path = f"{request.folder}/{request.name}.safetensors"
    write_durably(context.workspace.path(path), save(tensors, metadata=request.lineage))
    return {
        "lora": path,
        "sha256": file_hash(context.workspace.path(path)),
        "rank": 4,
        "alpha": 4,
        "steps": 10,
        "loss": 1,
    }


HANDLERS = {
    "practice": practice, "calibrate": calibrate, "render": render, "score": score, "examine": examine,
    "targets": targets, "train": train,
}  # fmt: skip
