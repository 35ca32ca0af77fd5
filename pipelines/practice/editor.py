"""Flywheel 2 in a practice run: true targets for what needs correction, an editor LoRA, and the proof on edits that
neither training nor enrichment has seen."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from pipelines.domain.records import ImageRecord, Job, LoraRecord, Record, Survey
from pipelines.domain.requests import TargetsRequest, Wanted
from pipelines.domain.shots import LoraStack, Plan, Shot
from pipelines.domain.words import count
from pipelines.planning.survey import columns
from pipelines.practice.choices import Choices
from pipelines.storage.atomic import remove
from pipelines.workflow import datasets, enrich, loras, practice, render, review, training

if TYPE_CHECKING:
    from pipelines.practice.run import PracticeRun


def turn(run: PracticeRun) -> None:
    """Correct, train, prove; each unless it is done already. Without anything to correct there is nothing to do; with
    new corrections the next version is trained."""
    _correct(run)
    learning = training.dataset(run.session, run.id, "editor")
    if not learning.items:
        run.tell({"event": "corrected", "triplets": 0})
        return
    lora = _trained(run)
    if lora is None or _untaught(run, learning):
        run.work("train editor", training.submit(run.session, run.id, run.training("editor")))
        lora = _trained(run)
    assert lora is not None
    _prove(run, lora)


def _correct(run: PracticeRun) -> None:
    """A true target for each picture that needs correction and has none, through the door of a human's."""
    made = review.corrections(run.session, run.id)
    done = {c.wrong.id for c in made}
    room = None if run.wish.triplets is None else max(0, run.wish.triplets - len(made))
    wrong = [i for i in datasets.pictures(run.session, run.id, "enriched") if i.id not in done]
    wrong = [i for i in wrong if run.session.store.verdict(i.id).label == "needs_correction"][:room]
    if not wrong:
        return
    folder = f"cache/practice/{run.id}"
    request = TargetsRequest(
        character=run.id,
        number=run.wish.number,
        wanted=tuple(_wanted(run, i) for i in wrong),
        size=practice.SIZE,
        folder=folder,
        held_out=run.wish.held_out,
    )
    job = run.work("correct", run.session.jobs.submit(request, f"Correct {count(len(wrong), 'picture')}", run.id))
    for image, path in zip(wrong, job.result["pictures"], strict=True):
        file = run.session.workspace.path(path)
        what = run.session.store.verdict(image.id).reason
        review.correct(run.session, image.id, file.name, file, what, who="simulated")
        remove(file)
    run.tell({"event": "corrected", "triplets": len(review.corrections(run.session, run.id))})


def _wanted(run: PracticeRun, image: ImageRecord) -> Wanted:
    """What an edited picture should have been: its source by the number in the file name, and the edit."""
    source = run.session.store.get(ImageRecord, image.parents[0].id)
    assert image.shot is not None and source is not None and source.intake is not None
    number = int(source.intake.filename.rpartition("-")[2].partition(".")[0])
    labels = image.shot.purpose.labels
    return Wanted(name=image.id[:20], source=number - 1, axis=labels["axis"], value=labels["value"])


def _trained(run: PracticeRun) -> LoraRecord | None:
    return next(reversed(loras.trained(run.session, run.id, "editor")), None)


def _untaught(run: PracticeRun, learning: training.TrainingSet) -> bool:
    """Whether there are corrections to learn from that the newest editor has not seen."""
    last = training.runs(run.session, run.id, "editor")[-1]
    return any(item.image.id not in last.images for item in learning.items if item.origin == "correction")


def _prove(run: PracticeRun, lora: LoraRecord) -> None:
    """The held-out edits by the base and with the LoRA: a survey, so that they are in no training set's way."""
    stack = loras.stack(run.session, [(lora.id, 1.0)])
    made = next((s for s in run.session.store.all(Survey, character=run.id) if s.stacks == (stack,)), None)
    if made is None:
        version = datasets.following(s.version for s in run.session.store.all(Survey, character=run.id))
        plan = held_out(run, run.wish.choices, stack, version)

        def alongside(job: Job) -> list[Record]:
            return [_survey(plan, stack, job)]

        run.work("prove editor", render.submit(run.session, plan, f"{len(plan)} held-out edits", alongside=alongside))
        version_made = version
    else:
        version_made = made.version
    run.examine(datasets.pictures(run.session, run.id, "survey", version_made))


def held_out(run: PracticeRun, chosen: Choices, stack: LoraStack, version: str) -> Plan:
    """Edits that were never enriched with, by the base and with ``stack`` on the same seeds; a fixed choice of all."""
    character = run.id
    every = enrich.plan(
        run.session,
        character,
        enrich.EnrichOptions(edits=chosen.prove.edits, per_source=99, gaps=False, seed=run.wish.seed),
    )
    used = {
        (i.parents[0].id, i.shot.purpose.cell) for i in datasets.pictures(run.session, character, "enriched") if i.shot
    }
    free = [s for s in every.shots if (s.sources[0].id, s.purpose.cell) not in used]
    picked = sorted(free, key=lambda s: hashlib.sha256(f"held out {s.seed}".encode()).digest())
    picked = picked[: chosen.prove.count]
    shots = [_labelled(shot, each) for each in columns((stack,)) for shot in picked]
    folder = run.session.workspace.survey_folder(character, version)
    return Plan(character=character, kind="survey", version=version, folder=folder, shots=tuple(shots))


def _labelled(shot: Shot, stack: LoraStack) -> Shot:
    """The shot with another stack, labelled as the survey's matrix reads it."""
    labels = {**shot.purpose.labels, "stack": stack.label, "image": shot.sources[0].id, "prompt": shot.prompt}
    purpose = shot.purpose.model_copy(update={"step": "survey", "labels": labels})
    return shot.model_copy(update={"stack": stack, "purpose": purpose})


def _survey(plan: Plan, stack: LoraStack, job: Job) -> Survey:
    return Survey(
        id=f"{plan.character}/{plan.version}",
        character=plan.character,
        version=plan.version,
        family=plan.shots[0].family,
        stacks=(stack,),
        prompts=tuple(dict.fromkeys(s.prompt for s in plan.shots)),
        images=tuple(dict.fromkeys(s.sources[0].id for s in plan.shots)),
        job=job.id,
    )
