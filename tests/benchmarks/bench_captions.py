"""What does the trigger word learn? ``python tests/benchmarks/bench_captions.py [--characters 2] [--prompts 100]``

For each character that nobody has seen (seeds 8,300,000 up): twelve true pictures before one plain background in one
light, and true edits of them: other lights and other places, as the editor would make them at its best. One LoRA learns
them with the captions of 0.1, which name angle and expression alone, one with those of now, on the same pictures,
settings and noise. Then prompts that ask for no light and no place, and the world's own reader of lights and places
looks at what comes: how often is it one of those that were edited in?
"""

import argparse
import sys
import warnings
from collections import Counter
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
warnings.simplefilter("ignore")

import torch
from mini_workbench import Bench, bench, told
from PIL import Image

from labs.mini_training.flux import exam
from pipelines.domain.records import ImageRecord
from pipelines.domain.requests import ScoringSpec, TrainItem, TrainRequest
from pipelines.domain.shots import Adapter, LoraStack, Purpose, Shot
from pipelines.session import Session
from pipelines.storage.pictures import save_picture
from pipelines.storage.presets import shipped
from pipelines.training import train
from pipelines.worker.score import finder
from pipelines.workflow import characters
from pipelines.workflow.captions import Captions
from pipelines.workflow.opening import open_session
from pipelines.world.examine import GroundTruth, edited
from pipelines.world.renderer import Character as Person
from pipelines.world.renderer import View, render

UNSEEN, SIDE = 8_300_000, 64
EDITS = (
    "lighting/left",
    "lighting/right",
    "lighting/rear",
    "background/forest",
    "background/beach",
    "background/street",
)
LIGHTS, PLACES = ("left", "right", "rear"), ("forest", "beach", "city")
ANGLES, EXPRESSIONS = ("front", "half-left", "half-right"), ("neutral", "smiling", "angry", "sad")


class Lesson:
    """One character's pictures, each with the caption of 0.1 and that of now."""

    def __init__(self, session: Session, seed: int) -> None:
        self.session = session
        self.character = characters.create(session, f"Nobody {seed}", may_use=True)
        self.person, self.rng = Person.from_seed(seed), Random(seed)
        self.items: dict[str, list[TrainItem]] = {"captions of 0.1": [], "captions of now": []}
        for number in range(12):
            self._source(number)

    def _source(self, number: int) -> None:
        angle, expression = ANGLES[number % 3], EXPRESSIONS[number % 4]
        view = View.at(angle, expression=expression, light="front", background="studio", framing="portrait")
        view = view.jittered(self.rng)
        labels = {"angle": angle, "expression": expression}
        source = self._keep(view, labels, None)
        for name in EDITS[number % 2 :: 2]:
            axis, value = name.split("/")
            self._keep(edited(view, axis, value), labels | {"axis": axis, "value": value}, source)

    def _keep(self, view: View, labels: dict[str, str], source: ImageRecord | None) -> ImageRecord:
        pixels, _ = render([self.person], [view], SIDE)
        shown = {"angle": labels["angle"], "expression": labels["expression"]}
        shot = None if source is None else _shot(source, labels)
        image = save_picture(
            self.session.workspace, Image.fromarray(pixels[0]), character=self.character.id, version="v1",
            kind="source" if source is None else "enriched", shot=shot, **shown,
        )  # fmt: skip
        self.session.store.put(image)
        bare = f"{self.character.instance}, {shown['expression']}, {shown['angle']} view"
        now = Captions(self.session, self.character.id).of(image)
        for name, words in zip(self.items, (bare, now), strict=True):
            self.items[name].append(TrainItem(image=image.ref, caption=words))
        return image


def _shot(source: ImageRecord, labels: dict[str, str]) -> Shot:
    return Shot(
        family="mini-qwen-edit", revision="4", prompt="edited", sources=(source.ref,), seed=0, steps=1, guidance=1.0,
        width=SIDE, height=SIDE,
        purpose=Purpose(step="enrich", cell=f"{labels['axis']}/{labels['value']}", labels=labels),
    )  # fmt: skip


def lora(made: Bench, lesson: Lesson, name: str, steps: int | None) -> LoraStack:
    """Trained by the product with its practice preset."""
    settings = shipped().trainings["character-practice"].settings
    settings = settings.model_copy(
        update={"save_every": 10_000, "sample_every": 10_000, "steps": steps or settings.steps}
    )
    version = "v1" if name.endswith("0.1") else "v2"
    request = TrainRequest(
        target="character", character=lesson.character.id, name=f"{lesson.character.id}_{version}", version=version,
        family="mini-flux", revision=made.family.revision, items=tuple(lesson.items[name]), settings=settings,
        trigger=lesson.character.token, folder=made.workspace.lora_folder(lesson.character.id, "character", version),
    )  # fmt: skip
    done = train(
        request, resident=made.resident, workspace=made.workspace, settings=made.settings, emit=lambda event: None,
        cancelled=lambda: False,
        finder=finder(ScoringSpec(recogniser=made.family.recogniser), made.workspace, exam.Nowhere()),
    )  # fmt: skip
    return LoraStack(adapters=(Adapter(name=version, sha256=done["sha256"], path=done["lora"]),))


def seen(made: Bench, lesson: Lesson, stack: LoraStack, eyes: GroundTruth, prompts: int) -> Counter[str]:
    """What the reader finds in pictures of prompts that name neither a light nor a place."""
    wanted = [
        made.shot(f"portrait of {lesson.character.instance}, {EXPRESSIONS[n % 4]}, {ANGLES[n % 3]} view", 1000 + n)
        for n in range(prompts)
    ]
    found: Counter[str] = Counter(pictures=0, light=0, place=0)
    for _, picture in made.draw(wanted, stack):
        scene = eyes.scene.picture(picture)
        light, place = scene["light"].word, scene["background"].word
        found += Counter(pictures=1, light=light in LIGHTS, place=place in PLACES)
        found += Counter(either=light in LIGHTS or place in PLACES)
    return found


def main() -> None:
    """Print each character, then all."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--characters", type=int, default=2)
    asked.add_argument("--prompts", type=int, default=100)
    asked.add_argument("--steps", type=int, help="of training (default: the practice preset's)")
    asked.add_argument("--threads", type=int, default=1)
    options = asked.parse_args()
    torch.set_num_threads(options.threads)
    eyes, total = GroundTruth(exam.Nowhere()), dict[str, Counter[str]]()
    with bench(None, False) as made, open_session(made.workspace.root) as session:
        for seed in range(UNSEEN, UNSEEN + options.characters):
            lesson = Lesson(session, seed)
            for name in ("no LoRA", *lesson.items):
                stack = lora(made, lesson, name, options.steps) if name in lesson.items else LoraStack()
                found = seen(made, lesson, stack, eyes, options.prompts)
                total[name] = total.get(name, Counter()) + found
                print(f"{seed}, {name}: {dict(found)}", flush=True)
    for name, found in total.items():
        for what in ("light", "place", "either"):
            print(told(f"unasked {what}, {name}", found[what], found["pictures"]))


if __name__ == "__main__":
    main()
