"""Does the generator draw what the prompt says? Prompts with known answers, read by the judge and the scene heads."""

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from PIL import Image

from pipelines.faces import recogniser
from pipelines.faces.angle import angle_of
from pipelines.world.renderer import EXPRESSIONS, POSES, YAWS, Character

Draw = Callable[[Sequence[str], Sequence[int]], list[Image.Image]]
"""Prompts and seeds to pictures."""
FIRST = 8_190_000
"""Characters from here on are described while a model learns; the benchmark's own begin at 8,200,000."""
SAID = {"neutral": "neutral expression", "smiling": "smiling", "angry": "angry expression", "sad": "sad expression"}
POSED = {
    "standing": "standing, front view, arms at the sides",
    "t-pose": "in a T-pose, front view, arms stretched out to both sides",
    "sitting": "sitting on a chair, side view, facing left",
}


class Nowhere:
    """Settings of recognisers that come with the product."""

    insightface_root = facenet_weights = None


@dataclass(frozen=True)
class Question:
    """A prompt and what its picture has to show; empty where it does not say. ``pose``: a whole figure."""

    prompt: str
    angle: str = ""
    expression: str = ""
    pose: str = ""
    hair: str = ""
    clothes: str = ""


def questions(count: int, first: int = FIRST, bodies: float = 0.2) -> list[Question]:
    """Portraits, every angle with every expression by turns, and a share of whole figures; each describes the hair and
    clothes of a character of its own, from seed ``first`` on."""
    rng = random.Random(f"exam {first}")  # noqa: S311
    cells = [(angle, expression) for angle in YAWS for expression in EXPRESSIONS]
    out = []
    for k in range(count):
        who = Character.from_seed(first + k)
        if rng.random() < bodies:
            out.append(_body(who, rng.choice(POSES)))
        else:
            out.append(_portrait(who, *cells[k % len(cells)]))
    return out


def _described(who: Character) -> str:
    said = who.attributes()
    article = "an" if said["clothes"][0] in "aeiou" else "a"
    return f"person with {said['hair']}, wearing {article} {said['clothes']}"


def _portrait(who: Character, angle: str, expression: str) -> Question:
    prompt = f"portrait of {_described(who)}, {SAID[expression]}, {angle} view, clean background, studio lighting"
    return Question(prompt, angle, expression, "", "" if who.style == "bald" else who.hair, who.clothes)


def _body(who: Character, pose: str) -> Question:
    prompt = f"full body picture of {_described(who)}, {POSED[pose]}, clean background, studio lighting"
    return Question(prompt, pose=pose, clothes=who.clothes)


def read(picture: Image.Image, question: Question) -> dict[str, bool]:
    """What is right, by what was asked: ``angle``, ``expression`` or ``expression in profile``, ``hair`` (its colour),
    ``clothes`` (theirs), ``pose``; ``face``: one was found (else nothing of it is right)."""
    right: dict[str, bool] = {}
    if question.angle:
        faces = recogniser("mini-judge", Nowhere()).faces(picture)
        right["face"] = bool(faces)
        profile = question.angle.startswith("profile")
        said = faces[0].attributes if faces else {}
        right["angle"] = bool(faces) and angle_of(faces[0].yaw, faces[0].pitch) == question.angle
        right["expression in profile" if profile else "expression"] = _is(said, "expression", question.expression)
        if question.hair:
            right["hair"] = _is(said, "hair", question.hair)
    scene = recogniser("mini", Nowhere()).picture(picture)
    if question.pose:
        right["pose"] = _is(scene, "pose", question.pose)
    if question.clothes:
        right["clothes"] = _is(scene, "clothes", question.clothes)
    return right


def _is(said: Any, head: str, word: str) -> bool:
    return head in said and said[head].word == word


def rates(answers: Iterable[dict[str, bool]]) -> dict[str, tuple[int, int]]:
    """By name: how many are right, and of how many."""
    out: dict[str, tuple[int, int]] = {}
    for answer in answers:
        for name, right in answer.items():
            done, of = out.get(name, (0, 0))
            out[name] = (done + right, of + 1)
    return dict(sorted(out.items()))


def drawer(pipe: Any, steps: int, chunk: int = 20, **guidance: Any) -> Draw:
    """Draws with a ``FluxPipeline`` of 64 px; ``guidance`` are arguments of its call."""
    pipe.set_progress_bar_config(disable=True)

    def draw(prompts: Sequence[str], seeds: Sequence[int]) -> list[Image.Image]:
        out: list[Image.Image] = []
        for k in range(0, len(prompts), chunk):
            chances = [torch.Generator().manual_seed(seed) for seed in seeds[k : k + chunk]]
            size: dict[str, Any] = {"height": 64, "width": 64, "max_sequence_length": 48, "num_inference_steps": steps}
            some = list(prompts[k : k + chunk])
            out += pipe(prompt=some, generator=chances, **size, **_for(len(some), guidance)).images
        return out

    return draw


def _for(count: int, guidance: dict[str, Any]) -> dict[str, Any]:
    """The pipeline wants as many negative prompts as prompts."""
    said = dict(guidance)
    if "negative_prompt" in said:
        said["negative_prompt"] = [said["negative_prompt"]] * count
    return said


def sheet(pictures: Sequence[Image.Image], across: int, scale: int = 2) -> Image.Image:
    """Pictures of one size in rows."""
    wide, high = pictures[0].size
    out = Image.new("RGB", (wide * across, high * -(-len(pictures) // across)))
    for k, picture in enumerate(pictures):
        out.paste(picture, (k % across * wide, k // across * high))
    return out.resize((out.width * scale, out.height * scale), Image.Resampling.BICUBIC)
