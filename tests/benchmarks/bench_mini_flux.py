"""Does the mini FLUX draw what it is told? ``python tests/benchmarks/bench_mini_flux.py [--count 500] [--compare]``

Prompts that describe characters nobody has seen (seeds 8,200,000 up), every angle with every expression, and whole
figures; drawn by the product's own driver at the preset's steps and guidance (NF4, as the product runs it, or bf16),
read by the judge and the readers of whole pictures. Before it, the same questions put to the renderer's own pictures of
those characters: what the readers miss there is not the model's. ``--compare`` draws each prompt in NF4 and with
nothing quantized, on the same noise, and says by how many points they differ.
"""

import argparse
import random
import statistics
import sys
import time
import warnings
from pathlib import Path
from typing import get_args

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
warnings.simplefilter("ignore")

import torch
from mini_workbench import Bench, bench, told
from PIL import Image

from labs.mini_training.flux import exam
from pipelines.domain.rates import mcnemar
from pipelines.world.renderer import Character, View, render
from pipelines.world.renderer.views import Pose

FIRST = 8_200_000


def truth(asked: list[exam.Question]) -> list[dict[str, bool]]:
    """The same questions, answered by the renderer."""
    rng = random.Random(1)
    answers = []
    for k, question in enumerate(asked):
        assert question.pose in ("", *get_args(Pose))
        view = View.at(
            question.angle or ("profile-left" if question.pose == "sitting" else "front"),
            expression=question.expression or "neutral",
            framing="full" if question.pose else "portrait",
            pose=question.pose or "standing",
        ).jittered(rng)
        pixels, _ = render([Character.from_seed(FIRST + k)], [view], 64)
        answers.append(exam.read(Image.fromarray(pixels[0]), question))
    return answers


def drawn(made: Bench, asked: list[exam.Question], sheet: Path | None) -> list[dict[str, bool]]:
    """The model's answers; prints the seconds of a picture."""
    answers, pictures, seconds = [], [], []
    begun = time.perf_counter()
    for (_, picture), question in zip(
        made.draw([made.shot(q.prompt, k) for k, q in enumerate(asked)]), asked, strict=True
    ):
        seconds.append(time.perf_counter() - begun)
        answers.append(exam.read(picture, question))
        pictures.append(picture)
        begun = time.perf_counter()
    if sheet:
        exam.sheet(pictures[:100], 20).save(sheet)
    print(f"  seconds a picture, median {statistics.median(seconds):.2f}, first {seconds[0]:.1f} (with loading)")
    return answers


def compare(plain: list[dict[str, bool]], packed: list[dict[str, bool]]) -> None:
    """NF4 against nothing quantized, prompt by prompt."""
    print("NF4 against nothing quantized")
    for name, (_, of) in exam.rates(plain).items():
        pairs = [(a[name], b[name]) for a, b in zip(plain, packed, strict=True) if name in a]
        lost, won = pairs.count((True, False)), pairs.count((False, True))
        points = 100 * (won - lost) / of
        print(f"  {name:28} {points:+5.1f} points  ({won} won, {lost} lost of {of}, p = {mcnemar(lost, won):.2f})")


def answers(weights: Path | None, plain: bool, asked: list[exam.Question], sheet: Path | None) -> list[dict[str, bool]]:
    """What one precision draws, read; prints its rates."""
    with bench(weights, plain) as made:
        size = made.family.defaults
        print(f"mini FLUX, {'nothing quantized' if plain else 'NF4'}, {size.steps} steps, guidance {size.guidance}")
        found = drawn(made, asked, sheet)
    for name, (right, of) in exam.rates(found).items():
        print(told(name, right, of), flush=True)
    return found


def main() -> None:
    """Print all rates."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--count", type=int, default=500)
    asked.add_argument("--bf16", action="store_true", help="nothing quantized")
    asked.add_argument("--compare", action="store_true", help="NF4, then nothing quantized, and how they differ")
    asked.add_argument("--models", type=Path, help="a folder that holds mini-flux (default: what comes with FLENwheel)")
    asked.add_argument("--threads", type=int, default=2)
    asked.add_argument("--sheet", type=Path, help="write the first hundred pictures there")
    options = asked.parse_args()
    torch.set_num_threads(options.threads)
    questions = exam.questions(options.count, FIRST)
    print(f"true renders, {len(questions)} questions")
    for name, (right, of) in exam.rates(truth(questions)).items():
        print(told(name, right, of))
    if options.compare:  # NF4 first: a bench without quantization changes the preset for good
        packed = answers(options.models, False, questions, options.sheet)
        compare(answers(options.models, True, questions, None), packed)
    else:
        answers(options.models, options.bf16, questions, options.sheet)


if __name__ == "__main__":
    main()
