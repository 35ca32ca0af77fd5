"""What the benchmarks of the mini models need: the product's own way to load one, to draw with it, to train on it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

from pipelines.domain.presets import ModelFamily
from pipelines.domain.rates import wilson
from pipelines.domain.shots import LoraStack, Plan, Purpose, Shot
from pipelines.engine.adapters import applied
from pipelines.engine.resident import Resident
from pipelines.storage.presets import shipped
from pipelines.storage.settings import Settings
from pipelines.storage.workspace import Workspace


class Bench:
    """A workspace that is thrown away, and the one loaded model. ``plain``: nothing is quantized."""

    def __init__(self, folder: Path, weights: Path | None, plain: bool, name: str) -> None:
        self.workspace = Workspace(folder)
        self.workspace.create()
        self.settings = Settings(device="cpu", models_dir=weights)
        self.resident = Resident(self.workspace, self.settings)
        self.name = name
        if plain:
            shipped().models[name] = unquantized(shipped().models[name])

    @property
    def family(self) -> ModelFamily:
        """The preset, as the product reads it."""
        return shipped().models[self.name]

    def draw(self, plan: Plan | list[Shot], stack: LoraStack | None = None) -> Iterator[tuple[Shot, Image.Image]]:
        """Pictures of shots in order, all with one LoRA stack."""
        with self.resident.use(self.family) as driver, applied(driver, stack or LoraStack(), self.workspace):
            for shot in plan:
                yield shot, driver.render(shot, [])

    def shot(self, prompt: str, seed: int) -> Shot:
        """A picture at the preset's defaults."""
        size = self.family.defaults
        return Shot(
            family=self.family.name, revision=self.family.revision, prompt=prompt, seed=seed, steps=size.steps,
            guidance=size.guidance, width=size.width, height=size.height, purpose=Purpose(step="sample"),
        )  # fmt: skip


def unquantized(family: ModelFamily) -> ModelFamily:
    """The family with all parts in bf16."""
    parts = {name: part.model_copy(update={"quantize": "none"}) for name, part in family.parts.items()}
    return family.model_copy(update={"parts": parts})


@contextmanager
def bench(weights: Path | None, plain: bool, name: str = "mini-flux") -> Iterator[Bench]:
    """``weights``: a folder that holds the model (default: what comes with the product)."""
    with TemporaryDirectory() as folder:
        made = Bench(Path(folder), weights, plain, name)
        yield made
        made.resident.drop()


def told(name: str, right: int, of: int) -> str:
    """A line: the rate with its 95 % Wilson interval."""
    low, high = wilson(right, of)
    return f"  {name:28} {100 * right / max(1, of):5.1f} %  ({100 * low:.1f} to {100 * high:.1f})  of {of}"
