"""What the mini editor can do: ``python tests/benchmarks/bench_mini_editor.py [--count 200] [--bf16] [--loras]``.

The studio's own edits of characters that no training saw (seeds 8,400,000 up; ``--final``: 9,000,000 up, once, at the
end), drawn through the engine as the product does. Right: the judge (angle, expression) and the scene heads (light,
background) say so. Identity kept: the judge's cosine to the mean of five true pictures is above the line that one in
a hundred strangers passes. ``--loras``: each LoRA of ``presets/mini/loras`` at its own prompts, at weights 0, 0.5, 1.
"""

import argparse
import shutil
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import numpy as np
import torch
from mini_workbench import Bench, bench
from PIL import Image

from labs.mini_training.editor import exam
from labs.mini_training.loras.lessons import LESSONS, Lesson, Pair, pairs
from pipelines.domain.presets import PRESETS
from pipelines.domain.rates import wilson
from pipelines.domain.shots import Adapter, ImageRef, LoraStack
from pipelines.engine.adapters import applied
from pipelines.faces import recogniser
from pipelines.faces.angle import angle_of
from pipelines.models.driver import Driver
from pipelines.storage.atomic import file_hash
from pipelines.storage.pictures import save_picture

FIRST, FINAL = 8_400_000, 9_000_000
SPECIALS = (8_450_000, 8_480_000)


@dataclass
class Session:
    """The editor at its bench, with other steps and guidance than the preset's perhaps."""

    bench: Bench
    steps: int
    guidance: float

    def draw(self, driver: Driver) -> exam.Draw:
        """Edits as the product makes them."""

        def draw(sources: list[Image.Image], prompt: str, seed: int) -> Image.Image:
            kept = tuple(self._kept(image) for image in sources)
            own = {"sources": kept, "steps": self.steps, "guidance": self.guidance}
            return driver.render(self.bench.shot(prompt, seed).model_copy(update=own), sources)

        return draw

    def _kept(self, image: Image.Image) -> ImageRef:
        return save_picture(self.bench.workspace, image, character="bench", kind="source", version="v1").ref


def say(name: str, right: Sequence[bool]) -> None:
    """A rate with its 95 % interval (Wilson) and count."""
    low, high = wilson(sum(right), len(right))
    print(f"  {name:34} {100 * np.mean(right):5.1f} %  ({100 * low:.1f} to {100 * high:.1f}, of {len(right)})")


def strangers_line(asked: Sequence[exam.Question], far: float = 0.01) -> float:
    """The judge's cosine that ``far`` of true pictures of others reach: each source against everybody else's mean."""
    judge = recogniser("mini-judge", exam.NOWHERE)
    sources, means = [], []
    for question in asked:
        faces = judge.faces(exam.pictures(question.who, (question.source,))[0])
        known = [judge.faces(picture)[0].embedding for picture in exam.pictures(question.who, question.known)]
        if faces:
            mean = np.mean(known, 0)
            sources.append(faces[0].embedding)
            means.append(mean / np.linalg.norm(mean))
    cosines = np.array(sources) @ np.array(means).T
    return float(np.quantile(cosines[~np.eye(len(cosines), dtype=bool)], 1 - far))


def edits(session: Session, count: int, final: bool) -> None:
    """The editor's row of the table, with one source and with three."""
    first = FINAL if final else FIRST
    asked = exam.questions(count, first, held_out=final)
    line = strangers_line(asked)
    print(f"{count} edits, seeds {first:,} up, {session.steps} steps, guidance {session.guidance:g}; line {line:.3f}")
    with session.bench.resident.use(session.bench.family) as driver:
        draw = session.draw(driver)
        for sources, some in ((1, asked), (3, exam.questions(count // 4, first + count, 3, final))):
            answers = exam.ask(draw, some)
            print(f" {sources} source{'s' if sources > 1 else ''}")
            for sort in exam.AXES.values():
                say(sort, [a.right for q, a in zip(some, answers, strict=True) if q.sort == sort])
            say("identity kept", [a.cosine >= line for a in answers])
            say("both", [a.right and a.cosine >= line for a in answers])
            for sort in exam.AXES.values():
                far = [a.error for q, a in zip(some, answers, strict=True) if q.sort == sort]
                print(f"  from the truth, {sort:18} {np.median(far):5.1f} of 255 (median; {np.quantile(far, 0.9):.1f})")
            print(f"  seconds a picture                  {np.median([a.seconds for a in answers]):5.2f} (median)")


def fulfilled(picture: Image.Image, pair: Pair, lesson: Lesson) -> bool:
    """Whether a LoRA did its own thing; see ``Lesson.sort``."""
    if lesson.sort == "light":
        return recogniser("mini", exam.NOWHERE).picture(picture)["light"].word == pair.truth.light
    faces = recogniser("mini" if lesson.sort == "faces" else "mini-judge", exam.NOWHERE).faces(picture)
    if lesson.sort == "faces":
        return len(faces) == 2
    if not faces:
        return False
    if lesson.sort == "expression":
        return faces[0].words["expression"].word == pair.truth.expression
    return angle_of(faces[0].yaw, faces[0].pitch) == pair.truth.angle


def specialties(session: Session, count: int) -> None:
    """Each LoRA at its own prompts, at three weights."""
    print(f"LoRAs at their specialty, {count} pictures each")
    bench = session.bench
    for lesson in LESSONS:
        file = PRESETS / "mini" / "loras" / f"{lesson.name}.safetensors"
        shutil.copyfile(file, bench.workspace.path(f"{lesson.name}.safetensors"))
        asked = [p for p in pairs(lesson, 4 * count, SPECIALS, "test") if _told(p, lesson)][:count]
        for weight in (0.0, 0.5, 1.0):
            own = Adapter(name=lesson.name, sha256=file_hash(file), path=f"{lesson.name}.safetensors", weight=weight)
            with ExitStack() as stack:
                driver = stack.enter_context(bench.resident.use(bench.family))
                stack.enter_context(applied(driver, LoraStack(adapters=(own,)), bench.workspace))
                draw = session.draw(driver)
                made = [draw([p.pictures()[0]], p.prompt, seed) for seed, p in enumerate(asked)]
            say(f"{lesson.name} at {weight:g}", [fulfilled(m, p, lesson) for m, p in zip(made, asked, strict=True)])


def _told(pair: Pair, lesson: Lesson) -> bool:
    """Whether a reader can tell that it was done: turns, of what a camera does."""
    return lesson.sort != "angle" or pair.truth.angle != pair.source.angle


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--final", action="store_true", help="the held-out characters")
    parser.add_argument("--loras", action="store_true", help="the LoRAs instead")
    parser.add_argument("--bf16", action="store_true", help="nothing quantized")
    parser.add_argument("--models", type=Path, help="a folder that holds mini-qwen-edit (default: what is shipped)")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=0, help="instead of the preset's")
    parser.add_argument("--guidance", type=float, default=0.0, help="instead of the preset's")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    with bench(given.models, given.bf16, "mini-qwen-edit") as made:
        usual = made.family.defaults
        print("bf16" if given.bf16 else "NF4")
        session = Session(made, given.steps or usual.steps, given.guidance or usual.guidance)
        if given.loras:
            specialties(session, given.count)
        else:
            edits(session, given.count, given.final)


if __name__ == "__main__":
    main()
