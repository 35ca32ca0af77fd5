"""``python -m labs.mini_training loras``: each lesson through the product's own trainer, and the files that come of
it into ``presets/mini/loras``; then one for the other family, which the survey has to refuse."""

import argparse
import logging
import shutil
from pathlib import Path
from typing import Literal

import torch
from PIL import Image

from labs.mini_training.loras.lessons import LESSONS, Lesson, pairs
from pipelines.domain.presets import TrainingSettings
from pipelines.domain.requests import TrainItem, TrainRequest
from pipelines.domain.shots import ImageRef
from pipelines.engine.resident import Resident
from pipelines.storage.pictures import save_picture
from pipelines.storage.preset_files import PRESETS
from pipelines.storage.presets import shipped
from pipelines.storage.settings import Settings
from pipelines.storage.workspace import Workspace
from pipelines.training import train
from pipelines.world.renderer import Character, View, render

log = logging.getLogger(__name__)

HOME = PRESETS / "mini" / "loras"
EDITOR, GENERATOR = "mini-qwen-edit", "mini-flux"
STRANGER = "mini-portrait"
"""The LoRA of the wrong family."""
SETTINGS = TrainingSettings.model_validate(
    {
        "rank": 8,
        "alpha": 8,
        "learning_rate": 2e-3,
        "steps": 400,
        "batch": 12,
        "resolution": 64,
        "warmup": 10,
        "optimizer": "adamw",
        "gradient_checkpointing": False,
        "save_every": 200,
        "sample_every": 400,
    }
)
EXAMPLES = 240


def main(given: argparse.Namespace) -> None:
    """What the command line asks for; a finished LoRA in the working folder is not trained again."""
    torch.set_num_threads(given.threads)
    settings = SETTINGS.model_copy(update={"steps": given.steps or SETTINGS.steps, "seed": given.seed})
    bench = Bench(given.folder)
    for lesson in LESSONS:
        bench.teach(lesson, settings)
    bench.stranger(settings.model_copy(update={"steps": min(settings.steps, 60), "rank": 4, "alpha": 4}))
    if not given.no_export:
        bench.export(HOME)


class Bench:
    """A workspace to train in."""

    def __init__(self, folder: Path) -> None:
        self.workspace = Workspace(folder)
        self.workspace.create()
        self.resident = Resident(self.workspace, Settings.model_validate({"device": "cpu"}))
        self.made: list[Path] = []

    def teach(self, lesson: Lesson, settings: TrainingSettings, examples: int = EXAMPLES) -> Path:
        """Train the LoRA of a lesson; its file."""
        items = []
        for pair in pairs(lesson, examples):
            before, after = (self._kept(image, lesson.name) for image in pair.pictures())
            items.append(TrainItem(image=after, caption=pair.prompt, controls=(before,)))
        return self._train("editor", lesson.name, EDITOR, items, settings)

    def stranger(self, settings: TrainingSettings) -> Path:
        """A LoRA of the generator: somebody's portrait."""
        views = [View.at(angle, light="front") for angle in ("front", "half-left", "half-right")]
        pixels, truths = render([Character.from_seed(2_100_000)] * len(views), views)
        items = [
            TrainItem(image=self._kept(Image.fromarray(p), STRANGER), caption=f"portrait of a person, {t.angle} view")
            for p, t in zip(pixels, truths, strict=True)
        ]
        return self._train("character", STRANGER, GENERATOR, items, settings)

    def export(self, to: Path) -> None:
        """Copy what was made."""
        to.mkdir(parents=True, exist_ok=True)
        for path in self.made:
            shutil.copyfile(path, to / path.name)
            log.info("wrote %s, %d KiB", to / path.name, path.stat().st_size // 1024)

    def _kept(self, image: Image.Image, lesson: str) -> ImageRef:
        return save_picture(self.workspace, image, character=lesson, kind="source", version="v1").ref

    def _train(
        self,
        target: Literal["character", "editor"],
        name: str,
        family: str,
        items: list[TrainItem],
        settings: TrainingSettings,
    ) -> Path:
        request = TrainRequest(
            target=target,
            character=name,
            name=name,
            version="v1",
            family=family,
            revision=shipped().models[family].revision,
            items=tuple(items),
            settings=settings,
            folder=self.workspace.lora_folder(name, target, "v1"),
            lineage={"licence": "Apache-2.0", "origin": "python -m labs.mini_training loras"},
        )
        answer = train(
            request,
            resident=self.resident,
            workspace=self.workspace,
            settings=self.resident.settings,
            emit=lambda event: None,
            cancelled=lambda: False,
        )
        log.info("%s: loss %.4f after %d steps", name, answer["loss"], answer["steps"])
        self.made.append(self.workspace.path(answer["lora"]))
        return self.made[-1]
