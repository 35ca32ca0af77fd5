"""Sample pictures of a training, made with the LoRA as it is at that step."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from PIL import Image

from pipelines.domain.events import ImageMade, StepDone, Warned
from pipelines.domain.requests import TrainRequest
from pipelines.domain.shots import Shot
from pipelines.engine.adapters import applied, keep_only
from pipelines.models.driver import Driver, NotFinite
from pipelines.models.lora_files import LoraRefused
from pipelines.storage.migrations import MadeByNewer
from pipelines.storage.pictures import read_recipe, save_picture
from pipelines.training.adapter import LearnedAdapter
from pipelines.training.context import TrainingContext
from pipelines.training.dataset import load_picture


class Samples:
    """Renders the request's sample shots into ``<folder>/samples/<step>_<n>.png``: with the LoRAs of a shot, such as
    one for few steps, and the one that is learnt after them."""

    def __init__(
        self,
        request: TrainRequest,
        driver: Driver,
        context: TrainingContext,
    ):
        self.request, self.driver, self.context = request, driver, context
        self.workspace = context.workspace

    def missing(self, step: int) -> list[int]:
        """Which sample shots have no picture yet at ``step``."""
        return [n for n in range(len(self.request.samples)) if not self.workspace.path(self._path(step, n)).exists()]

    def announce(self) -> None:
        """ImageMade for every sample that an earlier run left: its record may have been lost with the run."""
        for path in sorted(self.workspace.path(f"{self.request.folder}/samples").glob("*.png")):
            with suppress(MadeByNewer):  # another version's picture is not this run's
                if record := read_recipe(path, self.workspace.relative(path)):
                    self.context.emit(ImageMade(image=record))

    def make(self, step: int, adapter: LearnedAdapter) -> None:
        """Render what is missing at ``step``; ImageMade for each. Raises Cancelled from within a picture."""
        for n in self.missing(step):
            try:
                with self._wearing(self.request.samples[n], adapter):
                    image = self._render(self.request.samples[n])
            # a training that blew up is seen in its loss, a LoRA that is gone in this warning: what was learnt is kept
            except (NotFinite, LoraRefused) as error:
                self.context.emit(Warned(text=f"Sample {n + 1} at step {step}: {error}"))
                continue
            record = save_picture(
                self.workspace,
                image,
                path=self._path(step, n),
                character=self.request.character,
                kind="sample",
                version=self.request.version,
                shot=self._planned(self.request.samples[n], step),
            )
            self.context.emit(ImageMade(image=record))

    @contextmanager
    def _wearing(self, shot: Shot, adapter: LearnedAdapter) -> Iterator[None]:
        """Within, the model wears the LoRAs of ``shot`` and what was learnt; afterwards what is learnt alone, and
        nothing of the others is left in memory that was not there before."""
        if not shot.stack.adapters:
            with adapter.as_exported():
                yield
            return
        kept = set(self.driver.shelf.kept) if self.driver.shelf else set[str]()
        try:
            with applied(self.driver, shot.stack, self.workspace) as loaded:
                weights = zip(loaded, shot.stack.adapters, strict=True)
                adapter.join({there.name: wanted.weight for there, wanted in weights if wanted.weight})
                with adapter.as_exported():
                    yield
        finally:
            keep_only(self.driver, kept)
            adapter.alone()

    def _path(self, step: int, n: int) -> str:
        return f"{self.request.folder}/samples/{step:06d}_{n}.png"

    def _planned(self, shot: Shot, step: int) -> Shot:
        """The shot as it is recorded: the LoRA is not a file yet, so its name and step stand among the labels."""
        labels = {**shot.purpose.labels, "lora": self.request.name, "training_step": str(step)}
        purpose = shot.purpose.model_copy(update={"step": "sample", "labels": labels})
        return shot.model_copy(update={"purpose": purpose})

    def _render(self, shot: Shot) -> Image.Image:
        def on_step(k: int, n: int) -> None:
            self.context.stop_if_cancelled()
            self.context.emit(StepDone(k=k, n=n))

        sources = [load_picture(ref, self.workspace.path(ref.path)) for ref in shot.sources]
        return self.driver.render(shot, sources, on_step)
