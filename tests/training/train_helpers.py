"""A bench to train on: the real mini models, NF4, loaded once; a workspace with a few painted pictures."""

from collections.abc import Callable
from typing import Any

from PIL import Image, ImageDraw

from pipelines.domain.events import Event
from pipelines.domain.messages import Ask
from pipelines.domain.presets import TrainingSettings
from pipelines.domain.records import ImageRecord
from pipelines.domain.requests import TrainItem, TrainRequest
from pipelines.domain.shots import Purpose, Shot
from pipelines.engine.resident import Resident
from pipelines.storage.pictures import save_picture
from pipelines.storage.presets import shipped
from pipelines.storage.settings import Settings
from pipelines.storage.workspace import Workspace
from pipelines.training import train
from pipelines.training.emphasis import Finder

FAMILY = {"character": "mini-flux", "editor": "mini-qwen-edit"}


def fresh_resident(models_root: Workspace) -> Resident:
    """Nothing loaded yet, on the CPU."""
    return Resident(models_root, Settings(device="cpu"))


class Bench:
    """Makes requests on four painted pictures and trains them, keeping the events."""

    def __init__(self, workspace: Workspace, residents: dict[str, Resident]):
        self.workspace, self.residents = workspace, residents
        self.pictures = [self.paint(n) for n in range(4)]

    def paint(self, n: int, size: tuple[int, int] = (128, 96)) -> ImageRecord:
        image = Image.new("RGB", size, (40 * n, 90, 200 - 30 * n))
        ImageDraw.Draw(image).ellipse((20 + 5 * n, 15, 90, 80), fill=(230, 200 - 25 * n, 140))
        return save_picture(self.workspace, image, character="ada", kind="source", version="v1")

    def item(self, n: int, target: str = "character", **changes: Any) -> TrainItem:
        controls = (self.pictures[(n + 1) % 4].ref,) if target == "editor" else ()
        caption = "ohwx_char person, smiling" if n % 2 else "ohwx_char person, front view"
        return TrainItem(**{"image": self.pictures[n].ref, "caption": caption, "controls": controls, **changes})

    def shot(self, target: str = "character", seed: int = 7) -> Shot:
        sources = (self.pictures[0].ref,) if target == "editor" else ()
        return Shot(
            family=FAMILY[target],
            revision=shipped().models[FAMILY[target]].revision,
            prompt="ohwx_char person, smiling",
            sources=sources,
            seed=seed,
            steps=3,
            guidance=3.5,
            width=64,
            height=64,
            purpose=Purpose(step="sample", cell="front/smiling"),
        )

    def request(self, target: str = "character", **changes: Any) -> TrainRequest:
        """A small training; ``changes`` are settings or, where the request has such a field, fields of the request."""
        fields = {k: changes.pop(k) for k in list(changes) if k in TrainRequest.model_fields}
        values = {"rank": 4, "alpha": 4, "learning_rate": 4e-3, "steps": 6, "resolution": 64, "save_every": 3}
        base = {
            "target": target,
            "character": "ada",
            "name": "ada_v1",
            "version": "v1",
            "family": FAMILY[target],
            "revision": shipped().models[FAMILY[target]].revision,
            "items": tuple(self.item(n, target) for n in range(2)),
            "settings": TrainingSettings(**{**values, **changes}),
            "trigger": "ohwx_char",
            "folder": self.workspace.lora_folder("ada", target, "v1"),
            "lineage": {"dataset": "ada/pristine/v3", "run": "run-17", "origins": "source 2", "licence": "Apache-2.0"},
        }
        return TrainRequest(**{**base, **fields})

    def train(
        self,
        request: TrainRequest,
        cancelled: Callable[[], bool] = lambda: False,
        emit: Callable[[Event], None] = lambda event: None,
        finder: Finder | None = None,
        asked: Callable[[], frozenset[Ask]] = frozenset,
    ) -> tuple[dict[str, Any], list[Event]]:
        events: list[Event] = []

        def note(event: Event) -> None:
            events.append(event)
            emit(event)

        resident = self.residents[request.target]
        done = train(
            request,
            resident=resident,
            workspace=self.workspace,
            settings=resident.settings,
            emit=note,
            cancelled=cancelled,
            asked=asked,
            finder=finder,
        )
        return done, events

    def driver(self, target: str) -> Any:
        with self.residents[target].use(shipped().models[FAMILY[target]]) as driver:
            return driver


def curve(events: list[Event], name: str = "loss") -> dict[int, float]:
    """A metric by step."""
    return {e.metric.step: e.metric.value for e in events if e.type == "metric" and e.metric.name == name}
