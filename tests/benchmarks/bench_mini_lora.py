"""Does a LoRA hold a character? ``python tests/benchmarks/bench_mini_lora.py [--characters 10] [--bf16] [--final]``

For each character that nobody has seen (seeds 8,300,000 up; ``--final``: 9,000,000 up, once, at the end): twelve true
pictures, captioned as the product captions sources, one training by the product's own trainer with its practice
preset, and the 23 cells of the model card by the base and with the LoRA, on the same noise. The judge reads them:
identity against true renders, from the line that 1 % of pictures of strangers (measured in this run) would pass.
"""

import argparse
import statistics
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
warnings.simplefilter("ignore")

import torch
from mini_workbench import Bench, bench, told
from PIL import Image

from labs.mini_training.flux import exam
from pipelines.domain.presets import TrainingSettings
from pipelines.domain.records import Character
from pipelines.domain.requests import ScoringSpec, TrainItem, TrainRequest
from pipelines.domain.shots import Adapter, LoraStack
from pipelines.planning.model_card import CardChoice, plan
from pipelines.storage.pictures import save_picture
from pipelines.storage.presets import shipped
from pipelines.training import train
from pipelines.worker.score import finder
from pipelines.world import practice_sources
from pipelines.world.examine import GroundTruth
from pipelines.world.reading import Reading

UNSEEN, HELD_OUT = 8_300_000, 9_000_000
FAR, SIDE = 0.01, 64


@dataclass(frozen=True)
class Cell:
    """One cell of a card as the judge reads it."""

    identity: bool
    angle: bool
    shown: bool
    score: float

    @property
    def right(self) -> bool:
        """At the first try."""
        return self.identity and self.angle and self.shown


class Lab:
    """One character: its sources, its LoRA, its cards."""

    def __init__(self, made: Bench, eyes: GroundTruth, seed: int, held_out: bool) -> None:
        self.made, self.eyes, self.seed, self.held_out = made, eyes, seed, held_out
        self.who = Character(id=f"nobody-{seed}", name=f"Nobody {seed}", generator="mini-flux", editor="mini-qwen-edit")
        self.known = [eyes.known(seed, SIDE, whole, held_out) for whole in (False, True)]
        self.lines = [eyes.line(k, SIDE, whole, FAR) for k, whole in zip(self.known, (False, True), strict=True)]

    def items(self) -> list[TrainItem]:
        """Twelve true pictures with the product's captions."""
        found = []
        for source in practice_sources.sources(self.seed, held_out=self.held_out):
            image = save_picture(self.made.workspace, source.image, character=self.who.id, kind="source", version="v1")
            caption = f"{self.who.instance}, {source.truth.expression}, {source.truth.angle} view"
            found.append(TrainItem(image=image.ref, caption=caption))
        return found

    def lora(self, settings: TrainingSettings) -> tuple[LoraStack, float, dict[str, object]]:
        """Trained by the product: the stack, the seconds it took, what the trainer answered."""
        folder = self.made.workspace.lora_folder(self.who.id, "character", "v1")
        request = TrainRequest(
            target="character", character=self.who.id, name=f"{self.who.id}_v1", version="v1", family="mini-flux",
            revision=self.made.family.revision, items=tuple(self.items()), settings=settings, trigger=self.who.token,
            folder=folder,
        )  # fmt: skip
        begun = time.perf_counter()
        done = train(
            request, resident=self.made.resident, workspace=self.made.workspace, settings=self.made.settings,
            emit=lambda event: None, cancelled=lambda: False,
            finder=finder(ScoringSpec(recogniser=self.made.family.recogniser), self.made.workspace, exam.Nowhere()),
        )  # fmt: skip
        adapter = Adapter(name=self.who.id, sha256=done["sha256"], path=done["lora"])
        return LoraStack(adapters=(adapter,)), time.perf_counter() - begun, done

    def card(self, stack: LoraStack) -> tuple[list[Cell], list[Image.Image]]:
        """All cells, read."""
        choice = CardChoice(
            spec=shipped().card,
            character=self.who,
            family=self.made.family,
            version="v1",
            folder=f"cards/{self.who.id}/v1",
            stack=stack,
        )
        wanted = {cell.name: cell for cell in shipped().card.cells}
        cells, pictures = [], []
        for shot, picture in self.made.draw(plan(choice), stack):
            asked = wanted[shot.purpose.cell]
            read = self.eyes.read(picture, self.known, self.lines)
            cells.append(_cell(read, asked.angle, asked.expression or "", asked.pose or ""))
            pictures.append(picture)
        return cells, pictures


def _cell(read: Reading, angle: str, expression: str, pose: str) -> Cell:
    shown = read.pose.word == pose if pose else read.expression.word == expression
    return Cell(read.same, read.angle == angle, shown, read.identity or -1.0)


def line(cells: Iterable[Cell]) -> Counter[str]:
    """Counts by name."""
    out: Counter[str] = Counter()
    for cell in cells:
        out += Counter(cells=1, identity=cell.identity, angle=cell.angle, shown=cell.shown, right=cell.right)
    return out


def _gain(before: list[Cell], after: list[Cell]) -> str:
    """Base and LoRA of one character in a line."""
    scores = [statistics.fmean(cell.score for cell in cells) for cells in (before, after)]
    counts = [f"{name} {line(before)[name]} -> {line(after)[name]}" for name in ("identity", "angle", "shown", "right")]
    return f"cosine {scores[0]:.2f} -> {scores[1]:.2f}, {', '.join(counts)} of {len(after)}"


def main() -> None:
    """Print each character, then all."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--characters", type=int, default=10)
    asked.add_argument("--skip", type=int, default=0, help="begin so many characters later: two processes share them")
    asked.add_argument("--final", action="store_true", help="the held-out characters")
    asked.add_argument("--bf16", action="store_true", help="nothing quantized")
    asked.add_argument("--preset", default="character-practice")
    asked.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="other settings: steps=200 rank=16")
    asked.add_argument("--models", type=Path, help="a folder that holds mini-flux (default: what comes with FLENwheel)")
    asked.add_argument("--threads", type=int, default=2)
    asked.add_argument("--sheet", type=Path, help="write the last character's cards there: base above, LoRA below")
    options = asked.parse_args()
    torch.set_num_threads(options.threads)
    values = shipped().trainings[options.preset].settings.model_dump() | dict(pair.split("=") for pair in options.set)
    settings = TrainingSettings.model_validate({**values, "save_every": 10_000, "sample_every": 10_000})
    first, eyes = (HELD_OUT if options.final else UNSEEN) + options.skip, GroundTruth(exam.Nowhere())
    base: list[Cell] = []
    own: list[Cell] = []
    minutes: list[float] = []
    with bench(options.models, options.bf16) as made:
        print(
            f"{'bf16' if options.bf16 else 'NF4'}, {settings.steps} steps, rank {settings.rank}, batch {settings.batch}"
        )
        for seed in range(first, first + options.characters):
            lab = Lab(made, eyes, seed, options.final)
            stack, seconds, done = lab.lora(settings)
            (before, drawn), (after, redrawn) = lab.card(LoraStack()), lab.card(stack)
            base, own, minutes = [*base, *before], [*own, *after], [*minutes, seconds / 60]
            print(f"{seed}: {seconds:.0f} s, loss {done['loss']:.3f}, {_gain(before, after)}", flush=True)
            if options.sheet:
                exam.sheet([*drawn, *redrawn], len(drawn)).save(options.sheet)
    print(f"{len(minutes)} characters, minutes a training {statistics.fmean(minutes):.1f}")
    for name in ("identity", "angle", "shown", "right"):
        for title, cells in (("base", base), ("LoRA", own)):
            print(told(f"{name}, {title}", line(cells)[name], len(cells)))


if __name__ == "__main__":
    main()
