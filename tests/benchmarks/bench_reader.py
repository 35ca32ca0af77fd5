"""What the mini reader sees of people it has never seen, against the world's truth: ``bench_reader.py [--pictures N]``.

Through the product's own code: the presets' questions, chat template, processor, pictures, likelihoods of options,
margins, generation. Prints a confusion table for each question, the share unsure, and how many facts of captions are
right.
"""

import argparse
import random
import sys
import tempfile
from collections import Counter
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import torch
from PIL import Image

from labs.mini_training.editor.pool import draw_view
from labs.mini_training.faces.pool import draw_view as any_view
from labs.mini_training.reader.data import broken
from labs.mini_training.reader.rows import Known, asked_for, fulfils, phrases
from pipelines.domain.rates import wilson
from pipelines.domain.reading import UNSURE, Question
from pipelines.engine.resident import Resident
from pipelines.readers.answers import Answer, answer
from pipelines.readers.base import Needs
from pipelines.readers.qwen_vl import opened
from pipelines.storage.presets import shipped
from pipelines.storage.settings import Settings
from pipelines.storage.workspace import Workspace
from pipelines.world.renderer import Character, View, render

FIRST = 8_600_000
PLAIN = ("angle", "expression", "framing", "pose")


def known(view: View, who: int = 0) -> Known:
    """What is true of a view."""
    pose = "none" if view.framing == "portrait" else view.pose
    return Known(view.yaw, view.expression, view.framing, pose, view.light, view.background, who=who)


def drawn(seeds: list[int], views: list[View]) -> list[Image.Image]:
    """Pictures of characters by seed."""
    pixels, _ = render([Character.from_seed(seed) for seed in seeds], views, 64)
    return [Image.fromarray(p) for p in pixels]


class Table:
    """True values against answers."""

    def __init__(self, question: Question) -> None:
        self.question, self.cells = question, Counter[tuple[str, str]]()
        self.pairs: list[tuple[bool, float]] = []

    def add(self, truth: str, found: Answer) -> None:
        """One answer; what is right is remembered by its lead."""
        self.cells[truth, found.value] += 1
        best = max(found.shares, key=lambda value: found.shares[value])
        self.pairs.append((best == truth, found.lead))

    def words(self) -> list[str]:
        """The table in Markdown, and what it comes to."""
        truths = list(dict.fromkeys(t for t, _ in self.cells))
        answers = [*dict.fromkeys(o.value for o in self.question.options if o.value != UNSURE), UNSURE]
        lines = [f"### {self.question.name}", "", "| truth | " + " | ".join(answers) + " |"]
        lines += ["|---" * (len(answers) + 1) + "|"]
        lines += [f"| {t} | " + " | ".join(str(self.cells[t, a]) for a in answers) + " |" for t in sorted(truths)]
        sure = sum(n for (_, a), n in self.cells.items() if a != UNSURE)
        total = sum(self.cells.values())
        right = sum(n for (t, a), n in self.cells.items() if t == a != UNSURE)
        low, high = wilson(right, sure) if sure else (0.0, 1.0)
        plain = sum(ok for ok, _ in self.pairs)
        said = f"{right} of {sure} sure answers right ({100 * low:.0f} to {100 * high:.0f} %)"
        return [*lines, "", f"{said}, {total - sure} of {total} unsure; likeliest right: {plain} of {total}.", ""]


def main() -> None:
    """Read, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=150)
    given = parser.parse_args()
    torch.set_num_threads(1)
    preset = shipped().readers["mini-reader"]
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        workspace = Workspace(Path(folder) / "workspace")
        workspace.create()
        settings = Settings(device="cpu")
        needs = Needs(shipped(), workspace, settings, Resident(workspace, settings))
        reader = stack.enter_context(opened(preset, needs))
        questions = {q.name: preset.question(q) for q in shipped().questions}
        rng = random.Random(f"reader {FIRST}")
        tables = plain(reader, questions, rng, given.pictures)
        for table in [*tables, *pairs(reader, questions, rng, given.pictures // 2)]:
            print("\n".join(table.words()), flush=True)
        print(captions(reader, rng, given.pictures // 3), flush=True)


def plain(reader: Any, questions: dict[str, Question], rng: random.Random, count: int) -> list[Table]:
    """Questions about one picture; half of the pictures are broken for one of them."""
    views = [any_view(rng) for _ in range(count)]
    pictures = drawn([FIRST + n for n in range(count)], views)
    tables = {name: Table(questions[name]) for name in (*PLAIN, "artifacts")}
    for number, (picture, view) in enumerate(zip(pictures, views, strict=True)):
        for name in PLAIN:
            truth = known(view).of(questions[name].fact)
            if truth != UNSURE or name == "expression":
                question = questions[name]
                tables[name].add(truth, answer(reader, question, [picture], question.asked("person")))
        question, shown = questions["artifacts"], picture
        if number % 2:
            shown = _broken(picture, pictures[number - 1], rng)
        tables["artifacts"].add("some" if number % 2 else "none", answer(reader, question, [shown], question.asked("")))
    return list(tables.values())


def pairs(reader: Any, questions: dict[str, Question], rng: random.Random, count: int) -> list[Table]:
    """Was the edit done, is it the same character: half of each."""
    same, edit = Table(questions["same"]), Table(questions["edit"])
    for number in range(count):
        seed = FIRST + 10_000 + 2 * number
        one, other = draw_view(rng), draw_view(rng)
        twin = number % 2
        shown = drawn([seed, seed + 1 - twin], [one, other])
        same.add("same" if twin else "other", answer(reader, same.question, shown, same.question.asked("person")))
        after = _changed(one, rng)
        before, wanted = known(one), known(after)
        told = asked_for(before, wanted, rng)
        result = after if number % 2 else one
        done = fulfils(known(result), before, wanted)
        shown = drawn([seed, seed], [one, result])
        prompt = edit.question.asked("person", told)
        edit.add("done" if done else "not done", answer(reader, edit.question, shown, prompt))
    return [edit, same]


def _changed(view: View, rng: random.Random) -> View:
    other = draw_view(rng)
    name = rng.choice(("expression", "light", "background", "yaw"))
    while known(replace(view, **{name: getattr(other, name)})) == known(view):
        other = draw_view(rng)
    return replace(view, **{name: getattr(other, name)})


def _broken(picture: Image.Image, other: Image.Image, rng: random.Random) -> Image.Image:
    from torchvision.transforms.functional import pil_to_tensor, to_pil_image

    one, two = (pil_to_tensor(p).float() / 255 for p in (picture, other))
    return to_pil_image(broken(one, two, rng))


def captions(reader: Any, rng: random.Random, count: int) -> str:
    """Facts of written captions: how many of the true ones are said, how many of the said ones are true."""
    prompt = reader.preset.caption_prompt(next(c for c in shipped().caption_prompts if c.name == "tags"))
    views = [any_view(rng) for _ in range(count)]
    said_true = said_all = true_all = begun = 0
    example = ""
    for picture, view in zip(drawn([FIRST + 50_000 + n for n in range(count)], views), views, strict=True):
        text = reader.caption(picture, prompt.asked("ohwx_char person", "person"), "ohwx_char person", lambda: False)
        begun += text.startswith("ohwx_char person, ")
        said = {part.strip() for part in text.removeprefix("ohwx_char person").split(",") if part.strip()}
        truth = set(phrases(known(view)))
        said_true, said_all, true_all = said_true + len(said & truth), said_all + len(said), true_all + len(truth)
        example = f"{text}  (true: {', '.join(phrases(known(view)))})"
    low, high = wilson(said_true, said_all)
    return (
        f"### captions\n\n{count} captions, {begun} well begun: {said_true} of {said_all} facts said are true"
        f" ({100 * low:.0f} to {100 * high:.0f} %), {said_true} of {true_all} true facts are said.\nThe last: {example}"
    )


if __name__ == "__main__":
    main()
