"""Handlers for a real worker process that note what a job was given (``given.jsonl`` in the workspace) and do no work.
A render waits until the file ``go`` is there; so does a training where there is a file ``slow``.
"""

import json
import time
from typing import Any

from pipelines.domain.cancelled import Cancelled
from pipelines.domain.events import Progress, Started
from pipelines.domain.requests import CalibrateRequest, RenderRequest, ScoreRequest, TrainRequest
from pipelines.worker.handlers import JobContext


def _note(context: JobContext, request: Any) -> None:
    with (context.workspace.root / "given.jsonl").open("a") as file:
        file.write(json.dumps(request.model_dump(mode="json")) + "\n")


def _wait(context: JobContext) -> None:
    while not (context.workspace.root / "go").exists():
        if context.cancelled():
            raise Cancelled
        time.sleep(0.01)


def render(request: RenderRequest, context: JobContext) -> dict[str, Any]:
    _note(context, request)
    _wait(context)
    return {"images": 0}


def train(request: TrainRequest, context: JobContext) -> dict[str, Any]:
    _note(context, request)
    context.emit(Started(total=2, unit="steps"))
    context.emit(Progress(done=1))
    if (context.workspace.root / "slow").exists():
        _wait(context)
    return {"lora": f"{request.folder}/{request.name}.safetensors"}


def score(request: ScoreRequest, context: JobContext) -> dict[str, Any]:
    _note(context, request)
    return {"images": len(request.images)}


def calibrate(request: CalibrateRequest, context: JobContext) -> dict[str, Any]:
    _note(context, request)
    return {"calibrations": []}


HANDLERS = {"render": render, "train": train, "score": score, "calibrate": calibrate}
