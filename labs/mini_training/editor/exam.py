"""Does the editor do what it is told, and is it still the same person? Edits with known answers, read by the judge."""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageFilter

from labs.mini_training.editor.instructions import EMPTY
from pipelines.domain.presets import Axis, Edit
from pipelines.faces import recogniser
from pipelines.faces.angle import angle_of
from pipelines.faces.features import features
from pipelines.models.qwen_image_edit.drive import edit_sizes
from pipelines.planning.enrich import prompt_for
from pipelines.storage.presets import shipped
from pipelines.training.emphasis import emphasis
from pipelines.world.renderer import EXPRESSIONS, LIGHTS, YAWS, Character, View, render
from pipelines.world.renderer.truth import box

FIRST = 8_180_000
"""Characters from here on are edited while a model learns; the benchmark's own begin at 8,400,000."""
NOWHERE: Any = SimpleNamespace(insightface_root=None, facenet_weights=None)
FRONTAL = ("half-left", "front", "half-right")
FACE = 30.0
"""How much more eyes and mouth count than a corner, in how far an answer is from the truth."""
PLACES = {"street": "city"}
Draw = Callable[[list[Image.Image], str, int], Image.Image]
"""Sources, instruction and seed to a picture."""
AXES = {"angle": "angle", "lighting": "light", "expression": "expression", "background": "background"}


@dataclass(frozen=True)
class Question:
    """A source, an instruction, and the truth: the character as the edit should show it. ``sort`` is what changes
    (a value of ``AXES``), ``wanted`` to what; ``others``: further sources; ``known``: views the judge knows them by."""

    who: Character
    source: View
    truth: View
    prompt: str
    sort: str
    wanted: str
    others: tuple[View, ...] = ()

    @property
    def known(self) -> tuple[View, ...]:
        """Five plain views, one an angle."""
        return tuple(View.at(angle, light="neutral") for angle in YAWS)


@dataclass(frozen=True)
class Answer:
    """The edited picture, seconds it took, whether what was asked for is there, the judge's cosine to the character's
    mean (-1: no face was found), and how far from the truth it is (see :func:`error`)."""

    picture: Image.Image
    seconds: float
    right: bool
    cosine: float
    error: float


def _source(rng: random.Random) -> View:
    """A source as users have it: front or half, portrait or bust, any light, place and mood."""
    view = View.at(
        rng.choice(FRONTAL),
        expression=rng.choice(list(EXPRESSIONS)),
        light=rng.choice(list(LIGHTS)),
        background=rng.choice(("studio", "forest", "beach", "city", "grey", "blue", "beige", "green")),
        framing=rng.choices(("portrait", "bust"), (85, 15))[0],
    )
    return replace(view.jittered(rng, 0.7), strength=1.0)


def questions(count: int, first: int = FIRST, sources: int = 1, held_out: bool = False) -> list[Question]:
    """The studio's own edits (``presets/prompts/edits.toml``) by turns: angle, lighting, expression, background; each
    of a character of its own, from seed ``first`` on, and never asking for what is there."""
    rng = random.Random(f"edits {first}")  # noqa: S311
    offered = [axis for axis in shipped().axes if axis.name in AXES]
    out = []
    for k in range(count):
        who, source = Character.from_seed(first + k, held_out), _source(rng)
        axis = offered[k % len(offered)]
        edit = rng.choice([e for e in axis.edits if truth(source, axis, e) != source])
        others = tuple(_source(rng) for _ in range(sources - 1))
        prompt = prompt_for(edit, source.angle)  # type: ignore[arg-type]
        out.append(Question(who, source, truth(source, axis, edit), prompt, AXES[axis.name], wanted(edit), others))
    return out


def wanted(edit: Edit) -> str:
    """What the world calls the edit's value."""
    return PLACES.get(edit.value, edit.value)


def truth(source: View, axis: Axis, edit: Edit) -> View:
    """``source`` after an edit that changes nothing else; itself if it shows that already."""
    if axis.name == "angle":
        return source if source.angle == edit.value else replace(source, yaw=YAWS[edit.value])
    return replace(source, **{AXES[axis.name]: wanted(edit)})


def pictures(who: Character, views: Sequence[View]) -> list[Image.Image]:
    """What these views show, 64 px."""
    return [Image.fromarray(pixels) for pixels in render([who] * len(views), views)[0]]


def drawer(pipe: Any, steps: int = 12, guidance: float = 1.0) -> Draw:
    """Edits with the stock pipeline at the mini editor's sizes."""
    pipe.set_progress_bar_config(disable=True)

    def draw(sources: list[Image.Image], prompt: str, seed: int) -> Image.Image:
        with torch.no_grad(), edit_sizes(shipped().models["mini-qwen-edit"]):
            return pipe(
                image=sources,
                prompt=prompt,
                negative_prompt=EMPTY if guidance > 1 else None,
                true_cfg_scale=guidance,
                height=64,
                width=64,
                num_inference_steps=steps,
                generator=torch.Generator().manual_seed(seed),
            ).images[0]

    return draw


def ask(draw: Draw, asked: Sequence[Question]) -> list[Answer]:
    """Every question answered, in order; the seed is its place."""
    answers = []
    for seed, question in enumerate(asked):
        sources = pictures(question.who, (question.source, *question.others))
        begun = time.monotonic()
        made = draw(sources, question.prompt, seed)
        answers.append(read(made, question, time.monotonic() - begun))
    return answers


def read(picture: Image.Image, question: Question, seconds: float = 0.0) -> Answer:
    """What the judge (faces) and the scene heads (light, background) say of an answer."""
    judge, gate = recogniser("mini-judge", NOWHERE), recogniser("mini", NOWHERE)
    faces = judge.faces(picture)
    if question.sort in ("light", "background"):
        right = gate.picture(picture)[question.sort].word == question.wanted
    elif not faces:
        right = False
    elif question.sort == "angle":
        right = angle_of(faces[0].yaw, faces[0].pitch) == question.wanted
    else:
        right = faces[0].attributes["expression"].word == question.wanted
    return Answer(picture, seconds, right, cosine(faces, question), error(picture, question))


def error(picture: Image.Image, question: Question) -> float:
    """How far an answer is from the picture it should be, 0 to 255: the mean difference of both, blurred by a pixel,
    where eyes and mouth count ``1 + FACE`` times as much as a corner. Broken eyes, which no reader of angles minds."""
    who, true = question.who, question.truth
    both = (picture.convert("RGB"), *pictures(who, (true,)))
    soft = (np.asarray(p.filter(ImageFilter.GaussianBlur(1)), float) for p in both)
    face, (width, height) = features(np.array(box(who, true)), np.sin(np.radians(true.yaw))), picture.size
    weights = emphasis(face, height, width, FACE).numpy()
    return float((np.abs(np.subtract(*soft)).mean(-1) * weights).mean())


def cosine(faces: Sequence[Any], question: Question) -> float:
    """The judge's cosine between the largest face and the mean of five true pictures; -1 without a face."""
    if not faces or faces[0].embedding is None:
        return -1.0
    judge = recogniser("mini-judge", NOWHERE)
    known = [judge.faces(picture)[0].embedding for picture in pictures(question.who, question.known)]
    mean = np.mean([vector for vector in known if vector is not None], 0)
    return float(faces[0].embedding @ mean / np.linalg.norm(faces[0].embedding) / np.linalg.norm(mean))


def shares(asked: Sequence[Question], answers: Sequence[Answer], line: float = 0.6) -> dict[str, float]:
    """Share of right answers by sort, of kept identities at ``line`` of the judge, and the mean seconds."""
    out = {}
    for sort in AXES.values():
        own = [a.right for q, a in zip(asked, answers, strict=True) if q.sort == sort]
        out[sort] = round(sum(own) / max(1, len(own)), 3)
    out["identity"] = round(sum(a.cosine >= line for a in answers) / len(answers), 3)
    out["cosine"] = round(sum(a.cosine for a in answers) / len(answers), 3)
    out["error"] = round(sum(a.error for a in answers) / len(answers), 2)
    return out | {"seconds": round(sum(a.seconds for a in answers) / len(answers), 3)}


def sheet(asked: Sequence[Question], answers: Sequence[Answer], across: int = 8, scale: int = 2) -> Image.Image:
    """Source, answer and truth of each question beside each other."""
    cells = [(*pictures(q.who, (q.source, q.truth)), a.picture) for q, a in zip(asked, answers, strict=True)]
    out = Image.new("RGB", (across * 200, -(-len(cells) // across) * 66), "white")
    for k, (source, true, made) in enumerate(cells):
        for place, picture in enumerate((source, made, true)):
            out.paste(picture, (k % across * 200 + place * 65, k // across * 66))
    return out.resize((out.width * scale, out.height * scale), Image.Resampling.BICUBIC)
