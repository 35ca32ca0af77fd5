"""Handlers for a real worker process that do what a shot's prompt says instead of painting: fast, and they break on
command. Words of a prompt: ``wait:SECONDS`` (one denoising step of ten each), ``noise``, ``raise:TEXT``, ``die`` (kill
-9, once), ``lose`` (the same between the file and its event), ``exit:TEXT``, ``warn:TEXT``, ``score``.
"""

import os
import signal
import subprocess
import sys
import time

from PIL import Image

from pipelines.domain.cancelled import Cancelled
from pipelines.domain.events import ImageMade, Measured, Memory, Preview, Progress, Scored, Started, StepDone, Warned
from pipelines.domain.records import Metric
from pipelines.domain.requests import RenderRequest, ScoreRequest, TrainRequest
from pipelines.domain.scores import Quality, Scores
from pipelines.domain.shots import Plan, Shot
from pipelines.storage.pictures import read_recipe, save_picture
from pipelines.worker.handlers import JobContext

STEPS = 10


def render(request: RenderRequest, context: JobContext) -> dict:
    """A render that keeps render()'s promises: what exists is skipped, and told as made."""
    plan = request.plan
    there = [s for s in plan if context.workspace.path(plan.path(s)).exists()]
    context.emit(Started(total=len(plan), skipped=len(there)))
    context.emit(Memory(device="cpu", used_gib=0.5, total_gib=8, resident=str(os.getpid())))
    for shot in plan:
        path = plan.path(shot)
        record = read_recipe(context.workspace.path(path), path) or _make(plan, shot, context)
        context.emit(ImageMade(image=record))
        if "score" in shot.prompt.split() and record.id not in context.scored:
            context.emit(Scored(image=record.id, scores=Scores(quality=Quality(sharpness=1, light=0.5, contrast=0.1))))
    return {"images": len(plan), "scored": len(context.scored)}


def _make(plan: Plan, shot: Shot, context: JobContext):
    for word in shot.prompt.split():
        _obey(word, plan, shot, context)
    colour = tuple(bytes.fromhex(shot.id[:6]))
    fields = {"character": plan.character, "kind": plan.kind, "version": plan.version}
    image = Image.new("RGB", (16, 16), colour)
    record = save_picture(context.workspace, image, **fields, path=plan.path(shot), shot=shot, job=context.job)
    if "lose" in shot.prompt.split():
        _die_once(shot, context)
    return record


def _obey(word: str, plan: Plan, shot: Shot, context: JobContext) -> None:
    verb, _, rest = word.partition(":")
    if verb == "wait":
        for k in range(STEPS):
            if context.cancelled():
                raise Cancelled
            time.sleep(float(rest) / STEPS)
            context.emit(StepDone(k=k + 1, n=STEPS))
            context.emit(Preview(jpeg="aGk="))
    elif verb == "noise":
        print("a library says hello")
        os.write(1, b'{"type":"ready","pid":1}\nhalf a line without end')
        subprocess.run([sys.executable, "-c", "print('child noise'); import sys; sys.stdin.read()"], check=True)
    elif verb == "warn":
        context.emit(Warned(text=rest))
    elif verb == "raise":
        raise ValueError(rest)
    elif verb == "exit":
        sys.exit(rest)
    elif verb == "die":
        _die_once(shot, context)


def _die_once(shot: Shot, context: JobContext) -> None:
    mark = context.workspace.root / f"died-{shot.id}"
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)


def train(request: TrainRequest, context: JobContext) -> dict:
    """A loss that falls; ends after the first half of its steps by kill -9 when its trigger is ``die``, once."""
    mark = context.workspace.root / "half"
    begin = 5 if mark.exists() else 0
    context.emit(Started(total=10, unit="steps", skipped=begin))
    for step in range(begin + 1, 11):
        context.emit(Measured(metric=Metric(name="loss", step=step, value=1 / step + begin)))
        context.emit(Progress(done=step))
        if request.trigger == "die" and step == 7 and not begin:
            mark.touch()
            time.sleep(0.5)
            os.kill(os.getpid(), signal.SIGKILL)
    return {"lora": f"{request.folder}/{request.name}.safetensors"}


def score(request: ScoreRequest, context: JobContext) -> dict:
    """Reads stdin, which the protocol must have taken away; answers with the settings it was given."""
    return {"stdin": sys.stdin.read(), "settings": context.values, "torch": "torch" in sys.modules}


HANDLERS = {"render": render, "train": train, "score": score}
