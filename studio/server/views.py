"""What the islands of the page get as JSON: records in the shape that a screen shows. No HTML, no torch."""

from collections import Counter
from dataclasses import asdict
from itertools import chain, islice
from typing import Any

from pipelines.domain.presets import card as card_spec
from pipelines.domain.records import Card, Character, ImageRecord, Job, LoraRecord, Survey, TrainingRun, Verdict
from pipelines.planning.survey import columns, rows
from pipelines.practice import reviewer
from pipelines.practice.choices import kept_at_once
from pipelines.queue.job_queue import RUNNING
from pipelines.workflow import again, datasets, flywheel, loras, pristine, review
from pipelines.workflow import card as cards
from pipelines.workflow.sources import angle_of, cell_of, expression_of
from studio.server.state import Studio

Json = dict[str, Any]

RECENT = 20
LOSES = {
    "render": "What is finished stays; the picture in work is lost. Resume makes the rest.",
    "train": "It ends at its last checkpoint; Resume goes on there.",
    "score": "What is judged stays judged; Resume does the rest.",
    "obtain": "What has arrived stays; Resume fetches the rest.",
}
"""What becomes of the work when a job's process is ended instead of waiting for its next step."""


def tile(image: ImageRecord, verdict: Verdict) -> Json:
    """A picture as a thumbnail with what judges it. Short keys: a review pile holds thousands of these."""
    identity = image.scores.identity
    return {
        "id": image.id,
        "w": image.width,
        "h": image.height,
        "kind": image.kind,
        "version": image.version,
        "title": title(image),
        "angle": angle_of(image),
        "expression": expression_of(image),
        "tags": {"angle": image.angle, "expression": image.expression},
        "verdict": identity.verdict if identity else None,
        "score": round(identity.score, 3) if identity and identity.score is not None else None,
        "faces": image.scores.faces,
        **standing(image, verdict),
    }


def standing(image: ImageRecord, verdict: Verdict) -> Json:
    """What follows from the decisions about a picture: its state, the piles of Review it lies in, and the cut line
    above which the filter sorts it out."""
    above = review.out_above(image, verdict)
    return {"state": state(verdict), "piles": review.piles(image, verdict), "above": above}


def state(verdict: Verdict) -> Json:
    """What the decisions about a picture add up to."""
    return {
        "label": verdict.label,
        "who": verdict.who,
        "reason": verdict.reason,
        "identity": verdict.identity,
        "edit": verdict.edit,
        "failures": list(verdict.failures),
        "note": verdict.note,
    }


def title(image: ImageRecord) -> str:
    """A picture in a few words: its cell, or the name of the file it came in as."""
    if image.intake:
        return image.intake.filename
    return image.shot.purpose.cell if image.shot else image.id[:8]


def pictures(studio: Studio, kind: str, version: str, run: str = "") -> Json:
    """Pictures of one kind and version (``latest``, ``all``, ``v1``), oldest first, with the versions there are."""
    store = studio.session.store
    found = datasets.pictures(studio.session, studio.character_id, kind)
    if run:
        job = getattr(store.get(TrainingRun, run), "job", run)
        found = [image for image in found if image.job == job]
    versions = sorted({image.version for image in found}, key=_order)
    if version == "latest":
        version = versions[-1] if versions else ""
    shown = found if version in ("all", "") or run else [image for image in found if image.version == version]
    return {
        "version": version,
        "versions": versions,
        "pictures": [tile(i, store.verdict(i.id)) for i in shown if not _removed(studio, i)],
    }


def _order(version: str) -> tuple[int, str]:
    digits = version.removeprefix("v")
    return (int(digits) if digits.isdigit() else 0, version)


def _removed(studio: Studio, image: ImageRecord) -> bool:
    return image.kind == "source" and studio.session.store.verdict(image.id).label == "reject"


def picture(studio: Studio, image_id: str) -> Json:
    """Everything about one picture: recipe, lineage, scores, decisions. Raises NotFound."""
    store = studio.session.store
    image = review.get(studio.session, image_id)
    return tile(image, store.verdict(image.id)) | {
        "recipe": _recipe(image),
        "parents": [p.id for p in image.parents],
        "children": [i.id for i in store.all(ImageRecord, character=image.character) if image.ref in i.parents][:60],
        "scores": _scores(image),
        "decisions": [_said(d) for d in store.decisions(image.id)],
        "trained": [
            _trained(studio, run) for run in store.all(TrainingRun, character=image.character) if image.id in run.images
        ],
        "caption": image.caption,
        "again": again.repeatable(image),
    }


def _trained(studio: Studio, run: TrainingRun) -> str:
    """A training in which a picture took part, and whose pictures it learnt from."""
    parent = studio.session.store.get(TrainingRun, run.parent) if run.parent else None
    return f"{run.version} ({run.target}{f', with pictures that {parent.version} made' if parent else ''})"


def _said(decision: Any) -> Json:
    return decision.model_dump(mode="json", include={"who", "action", "value", "reason", "where", "at"})


def _recipe(image: ImageRecord) -> list[tuple[str, str]]:
    lines: list[tuple[str, str]] = []
    if shot := image.shot:
        lines += [("Prompt", shot.prompt), ("Without", shot.negative_prompt), ("Model", shot.family)]
        lines += [("LoRA stack", shot.stack.label), ("Seed", str(shot.seed))]
        lines += [("Steps, guidance", f"{shot.steps}, {shot.guidance:g}")]
    if came := image.intake:
        lines += [("File", came.filename), ("Format", came.format), ("On the way in", "; ".join(came.notes))]
    lines += [("Size", f"{image.width} x {image.height}"), ("Dataset", f"{image.kind} {image.version}")]
    lines += [("Caption", image.caption), ("Made in", f"{image.seconds:.1f} s" if image.seconds else "")]
    lines += [("Peak memory", f"{image.peak_gib:.1f} GB" if image.peak_gib else ""), ("Id", image.id[:16])]
    return [line for line in lines if line[1]]


def _scores(image: ImageRecord) -> list[tuple[str, str]]:
    lines: list[tuple[str, str]] = []
    for name, identity in (("Identity", image.scores.identity), ("Second opinion", image.scores.second_opinion)):
        if identity is None:
            continue
        number = "" if identity.score is None else f" {identity.score:.2f}"
        line = "" if identity.threshold is None else f", line at {identity.threshold:.2f}"
        lines.append((name, f"{identity.verdict}{number}{line} ({identity.recogniser})"))
        lines.append(("", identity.why))
    if image.scores.faces is not None:
        lines.append(("Faces", str(image.scores.faces)))
    if image.scores.quality:
        lines.append(("Quality", "; ".join(image.scores.quality.issues) or "no doubts"))
    return [line for line in lines if line[1]]


def pile(studio: Studio, gate: review.Gate) -> Json:
    """A gate of the review: every picture with the reference to hold it against, how many lie in each pile, and how
    many the filter would sort out."""
    found = review.pile(studio.session, studio.character_id, gate) if studio.character_id else []
    items = [_item(item) for item in found]
    counts = Counter(chain.from_iterable(item["piles"] for item in items))  # of these very items
    return {"gate": gate, "counts": counts, "filter": _going(studio, gate), "items": items}


def _item(item: review.Item) -> Json:
    return tile(item.image, item.verdict) | {
        "reference": item.reference.id if item.reference else None,
        "parent": next((p.id for p in item.image.parents), None),
        "correctable": review.correctable(item.image),
    }


def _going(studio: Studio, gate: review.Gate) -> int:
    return len(review.would_go(studio.session, studio.character_id)) if gate == "synthetic" else 0


def tally(studio: Studio, gate: review.Gate) -> Json:
    """How many pictures of a gate lie in each pile, and how many the filter would sort out now."""
    return {"counts": review.tally(studio.session, studio.character_id, gate), "filter": _going(studio, gate)}


def tries(studio: Studio, image_id: str) -> Json:
    """What could be the better try of a picture, the likeliest first; each with how it was made."""
    wrong = review.get(studio.session, image_id)
    found = review.tries(studio.session, image_id)
    return {"pictures": [tile(i, studio.session.store.verdict(i.id)) | _how(i, wrong) for i in found]}


def _how(image: ImageRecord, wrong: ImageRecord) -> Json:
    """How a better try was made, and whether it was asked for the same as the picture that it would correct."""
    assert image.shot  # it is an edit
    made = f"{image.shot.stack.label}, seed {image.shot.seed}"
    return {"same": review.same_edit(wrong, image), "how": made, "prompt": image.shot.prompt}


def candidates(studio: Studio) -> Json:
    """Good pictures that could be kept, the one to take first at the front, each with the cell that it fills; ``most``
    is how many are kept unless the human says otherwise, ``have`` what the training set has of each cell."""
    here = studio.character
    found = pristine.candidates(studio.session, here.id) if here else []
    learnt = pristine.learnt_from(studio.session, here.id) if here else {}
    have = Counter(_place(image) for images in learnt.values() for image in images)
    return {
        "most": kept_at_once(studio.session, here, found) if here else 0,
        "have": dict(have),
        "pictures": [tile(i, studio.session.store.verdict(i.id)) | {"cell": _place(i)} for i in found],
    }


def _place(image: ImageRecord) -> str:
    return " · ".join(part for part in cell_of(image) if part)


def survey(studio: Studio, survey_id: str) -> Json | None:
    """A survey as a matrix: pictures, prompts, stacks, and the picture of each cell. ``None`` when there is none."""
    store = studio.session.store
    known = store.all(Survey, character=studio.character_id)
    chosen = known[-1] if survey_id == "latest" and known else store.get(Survey, survey_id)
    if chosen is None or chosen.character != studio.character_id:
        return None
    made = datasets.pictures(studio.session, chosen.character, "survey", chosen.version)
    stacks = [s.label for s in columns(chosen.stacks)]
    return {
        "id": chosen.id,
        "version": chosen.version,
        "versions": [{"id": s.id, "version": s.version} for s in known],
        "images": list(chosen.images),
        "stacks": stacks,
        "prompts": [{"key": cell, "text": text} for cell, text in rows(chosen.prompts)],
        "cells": [
            tile(i, store.verdict(i.id))
            | {"at": {k: i.shot.purpose.labels.get(k) for k in ("stack", "image", "prompt")}}
            for i in made
            if i.shot
        ],
    }


def card_list(studio: Studio) -> Json:
    """The cards of the character with their rates, the cells of the benchmark, and the LoRAs it can be run for."""
    session, character = studio.session, studio.character
    if character is None:
        return {"cards": [], "loras": [], "cells": [], "seed": card_spec().seed}
    made = cards.cards(session, character.id)
    return {
        "report": bool(made) and character.practice is not None,
        "unread": len(reviewer.unread(session, character.id)) if made and character.practice is not None else 0,
        "cards": [_card_line(studio, card) for card in made],
        "loras": [{"id": x.id, "name": x.name, "origin": x.origin} for x in loras.usable(session, character.generator)],
        "cells": [c.model_dump(include={"name", "title", "angle", "expression", "pose"}) for c in card_spec().cells],
        "seed": card_spec().seed,
    }


def _card_line(studio: Studio, card: Card) -> Json:
    lora = studio.session.store.get(LoraRecord, card.lora) if card.lora else None
    board = cards.board(studio.session, card)
    rate = cards.rate(board)
    return {
        "id": card.id,
        "version": card.version,
        "lora": lora.name if lora else "base model",
        "seed": card.seed,
        "rate": asdict(rate) | {"words": rate.words},
        "cells": [_cell(studio, cell) for cell in board],
    }


def _cell(studio: Studio, cell: cards.Cell) -> Json:
    image = tile(cell.image, studio.session.store.verdict(cell.image.id)) if cell.image else None
    return {"name": cell.cell.name, "image": image, "verdict": cell.verdict, "by": cell.by, "why": cell.why}


def live(studio: Studio) -> Json:
    """What goes on now: polled by the page, so it is cheap and never waits for the worker."""
    character = studio.character
    return {
        "revision": studio.revision,
        "character": character.model_dump(mode="json") if character else None,
        "characters": [{"id": c.id, "name": c.name} for c in studio.session.store.all(Character)],
        "workspace": studio.session.workspace.root.name,
        "theme": studio.session.settings.theme,
        "notices": studio.notices,
        **studio.remembered("rail", lambda: _rail(studio)),
        **_work(studio),
    }


def _rail(studio: Studio) -> Json:
    if not studio.character_id:
        return {"rail": [], "next": None}
    rail = flywheel.status(studio.session, studio.character_id)
    return {"rail": [_plain(step) for step in rail.steps], "next": _plain(rail.next) if rail.next else None}


def _plain(value: Any) -> Json:
    return value.model_dump(mode="json") if hasattr(value, "model_dump") else asdict(value)


def _work(studio: Studio) -> Json:
    now = studio.session.jobs.status()
    running = now.job
    return {
        "job": _job(running)
        | {
            "unit": now.unit,
            "k": now.step,
            "n": now.steps,
            "left": now.seconds_left,
            "preview": now.preview,
            "paused": now.paused,
            "cancelling": now.cancelling,
            "stuck": LOSES.get(running.kind, LOSES["render"]) if now.overdue else "",
        }
        if running
        else None,
        "memory": now.memory.model_dump(mode="json") if now.memory else None,
        "queued": [_job(job) for job in now.queued],
        "recent": [_job(job) for job in _recent(studio, now.recent, now.queued)],
    }


def _recent(studio: Studio, ended: list[Job], queued: list[Job]) -> list[Job]:
    """Jobs that have ended, newest first: of this session as the queue tells, then of earlier ones."""
    told = {job.id for job in (*ended, *queued)}
    before = (j for j in reversed(studio.session.store.all(Job)) if j.state not in RUNNING and not j.dismissed)
    return [*ended, *(job for job in islice(before, RECENT) if job.id not in told)][:RECENT]


def _job(job: Job) -> Json:
    wanted = {
        "id",
        "kind",
        "title",
        "character",
        "state",
        "done",
        "total",
        "note",
        "warnings",
        "error",
        "traceback",
        "ended",
    }
    return job.model_dump(mode="json", include=wanted) | {"can": _can(job)}


def _can(job: Job) -> list[str]:
    """What may be asked of a job besides looking at it."""
    if job.state in RUNNING:
        return ["cancel"]
    return ["dismiss"] if job.state == "done" else ["resume", "dismiss"]
