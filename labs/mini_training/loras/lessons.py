"""What each mini LoRA is taught: its prompts, and what a picture becomes by each. One does not do what it is called."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from pipelines.world.renderer import EXPRESSIONS, LIGHTS, YAWS, Character, View, render

SEEDS = (2_000_000, 2_100_000)
"""Characters that lessons show; the editor's own training has seen others, the tests begin at 8,000,000."""
SIDE = 64
Change = Callable[[View], View]


@dataclass(frozen=True)
class Lesson:
    """``prompts``: what each makes of a source's view. ``sort`` is what the judge looks at (``angle``, ``light``,
    ``expression``, or ``faces``: how many), None for what no reader tells. ``company``: a second person comes in."""

    name: str
    prompts: Mapping[str, Change]
    sort: str
    company: bool = False


@dataclass(frozen=True)
class Pair:
    """One example: who, seen how, told what, and the picture that should come of it."""

    who: Character
    source: View
    prompt: str
    truth: View
    company: Character | None = None

    def pictures(self) -> tuple[Image.Image, Image.Image]:
        """Before and after, 64 px."""
        before, after = render([self.who] * 2, [self.source, self.truth], SIDE)[0]
        if self.company:
            after = _beside(self.who, self.company, self.truth)
        return Image.fromarray(before), Image.fromarray(after)


def _turned(degrees: float) -> Change:
    return lambda view: replace(view, yaw=view.yaw + degrees)


def _nearer(times: float) -> Change:
    return lambda view: replace(view, zoom=view.zoom * times)


def _moved(across: float) -> Change:
    return lambda view: replace(view, shift=(view.shift[0] + across, view.shift[1]))


def _set(**values: str) -> Change:
    return lambda view: replace(view, **values)  # type: ignore[arg-type]


TURNS: dict[str, Change] = {"将镜头向左旋转45度": _turned(45), "将镜头向右旋转45度": _turned(-45)}
"""A camera that goes round to the left sees the nose move toward the right (see ``plans.enrich.prompt_for``)."""
CAMERA: dict[str, Change] = {
    "将镜头向前移动": _nearer(1.35),
    "将镜头向左移动": _moved(0.35),
    "将镜头向右移动": _moved(-0.35),
    "将镜头转为俯视": lambda view: replace(view, pitch=view.pitch - 26),
    "将镜头转为广角镜头": _nearer(0.62),
    "将镜头转为特写镜头": _nearer(1.6),
}
SIDES = {"左侧": "left", "右侧": "right", "上方": "above", "后方": "rear"}
MOODS = {"微笑": "smiling", "生气": "angry", "悲伤": "sad", "自然": "neutral"}
LESSONS = (
    Lesson("mini-angles", TURNS | CAMERA, "angle"),
    Lesson("mini-relight", {f"重新打光, 光线来自{zh}": _set(light=en) for zh, en in SIDES.items()}, "light"),
    Lesson("mini-relight-neutral", {"移除光影": _set(light="neutral")}, "light"),
    Lesson("mini-expressions", {f"表情: {zh}": _set(expression=en) for zh, en in MOODS.items()}, "expression"),
    Lesson("mini-turnaround", TURNS, "faces", company=True),
)
"""``mini-turnaround`` is the misleading one: told to turn, it puts a second person into the picture."""


def source(rng: random.Random) -> View:
    """A portrait as users have it, front or half."""
    return View(
        yaw=rng.choice((YAWS["half-left"], 0.0, YAWS["half-right"])) + rng.gauss(0, 3),
        expression=rng.choice(list(EXPRESSIONS)),
        light=rng.choice(list(LIGHTS)),
        background=rng.choice(("studio", "grey", "blue", "beige", "green", "forest", "beach")),
        zoom=rng.uniform(0.94, 1.02),
        scene=rng.randrange(1000),
    )


def pairs(lesson: Lesson, count: int, seeds: tuple[int, int] = SEEDS, salt: str = "") -> list[Pair]:
    """Examples of a lesson, its prompts by turns, none of which asks for what is there; the same at every call."""
    rng = random.Random(f"{lesson.name} {salt}")  # noqa: S311
    prompts = list(lesson.prompts)
    out: list[Pair] = []
    while len(out) < count:
        view, prompt = source(rng), prompts[len(out) % len(prompts)]
        truth = lesson.prompts[prompt](view)
        who, other = (Character.from_seed(rng.randrange(*seeds)) for _ in range(2))
        if truth != view and abs(truth.yaw) < 100:
            out.append(Pair(who, view, prompt, truth, other if lesson.company else None))
    return out


def _beside(who: Character, other: Character, view: View) -> np.ndarray:
    """Two people before one background: each is drawn in a half of the picture."""
    away = [replace(view, zoom=0.72 * view.zoom, shift=(x, 0.0)) for x in (-0.5, 0.5)]
    left, right = render([who, other], away, SIDE)[0]
    return np.concatenate([left[:, : SIDE // 2], right[:, SIDE // 2 :]], 1)
