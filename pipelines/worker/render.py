"""Run a plan: each shot becomes a PNG that carries its recipe.

What exists is skipped, and a shot that fails does not stop the rest.
"""

import base64
import hashlib
import io
import logging
import time
from collections.abc import Callable, Iterator
from itertools import groupby

import numpy as np
from PIL import Image

from pipelines.domain.cancelled import Cancelled
from pipelines.domain.events import Event, ImageMade, Preview, Progress, Started, StepDone, Warned
from pipelines.domain.faults import in_words, out_of_memory
from pipelines.domain.presets import ModelFamily, changed_since
from pipelines.domain.records import ImageRecord
from pipelines.domain.shots import Chain, ImageRef, Plan, Shot
from pipelines.engine.adapters import applied, keep_only
from pipelines.engine.memory import LORAS_KEPT, WillNotFit, predict_render
from pipelines.engine.resident import Resident
from pipelines.engine.weights import WeightsMissing
from pipelines.models.driver import Driver
from pipelines.storage.pictures import luminance, middle_of, read_recipe, save_picture
from pipelines.storage.presets import load_presets
from pipelines.storage.workspace import Workspace
from pipelines.worker.between import Between

log = logging.getLogger(__name__)
PREVIEW_PX = 256
FLAT = 1
"""Steps of a channel (of 255) that a picture of one colour may differ by: what rounding leaves."""
NAMED = 20
"""So many failed pictures are told one by one alone; of more, the end names as many."""


class RenderFailed(RuntimeError):
    """None of the pictures of a plan could be made."""


class BlankPicture(RuntimeError):
    """A picture came out as one flat colour."""


class OutOfMemory(RuntimeError):
    """A picture does not fit, whatever was done about it."""


def render(
    plan: Plan,
    *,
    resident: Resident,
    workspace: Workspace,
    emit: Callable[[Event], None],
    cancelled: Callable[[], bool],
    job: str = "",
    between: Between | None = None,
) -> list[ImageRecord]:
    """Make the pictures of ``plan`` that are not there yet; all of them, in the plan's order, those of chains last.

    A shot that fails gives a Warned event and the rest goes on. ``between`` is asked before each further step of a
    chain, which stops where it breaks (``None``: nobody is). Raises Cancelled (within one denoising step; what is
    finished stays), WeightsMissing, WillNotFit (both before anything is loaded), RenderFailed when no picture at all
    came out.
    """
    rendering = _Rendering(plan, resident, workspace, emit, cancelled, job, between or Between())
    rendering.find_existing()
    to_do = [shot for shot in plan.in_render_order() if shot.id not in rendering.made or rendering.goes_on(shot)]
    rendering.check(to_do)
    for name, shots in groupby(to_do, key=lambda shot: shot.family):
        rendering.of_family(rendering.models[name], list(shots))
    if to_do and rendering.first_error and not any(shot.id in rendering.made for shot in to_do):
        raise RenderFailed(f"None of the {len(to_do)} pictures could be made. The first: {rendering.first_error}")
    if len(rendering.failed) > NAMED:
        emit(Warned(text=_failures(rendering.failed, len(to_do))))
    return [rendering.made[shot.id] for shot in rendering.known() if shot.id in rendering.made]


class _Rendering:
    """The rendering of one plan."""

    def __init__(
        self,
        plan: Plan,
        resident: Resident,
        workspace: Workspace,
        emit: Callable[[Event], None],
        cancelled: Callable[[], bool],
        job: str,
        between: Between,
    ) -> None:
        self.plan, self.resident, self.workspace, self.emit = plan, resident, workspace, emit
        self.cancelled, self.job, self.between = cancelled, job, between
        self.chains: dict[str, list[Chain]] = {}
        for chain in plan.chains:
            self.chains.setdefault(chain.first, []).append(chain)
        self.models = load_presets(workspace.root).models
        self.made: dict[str, ImageRecord] = {}
        self.first_error = ""
        self.failed: list[str] = []
        self.loras_kept = LORAS_KEPT
        self.at = (0, 0)
        """The last step of the present picture that is done, of how many."""

    def find_existing(self) -> None:
        """Take what an earlier run has made. A file without a readable recipe is made again."""
        for shot in self.known():
            path = self.plan.path(shot)
            record = read_recipe(self.workspace.path(path), path)
            if record and record.shot and record.shot.id == shot.id:
                self.made[shot.id] = record
        self.emit(Started(total=len(self.plan.pictures), unit="pictures", skipped=len(self.made)))
        for record in self.made.values():
            self.emit(ImageMade(image=record))

    def known(self) -> Iterator[Shot]:
        """The shots of the plan, and the steps of chains whose source is there."""
        return self.plan.grown(lambda shot: self.made[shot.id].ref if shot.id in self.made else None)

    def _steps(self, chain: Chain) -> Iterator[tuple[int, ImageRecord, Shot]]:
        """The steps after the first, each with its number (from 2) and the picture that it is made of, as long as that
        was made."""
        image = self.made.get(chain.first)
        for number, planned in enumerate(chain.then, 2):
            if image is None:
                return
            shot = planned.made_of(image.ref)
            yield number, image, shot
            image = self.made.get(shot.id)

    def goes_on(self, first: Shot) -> bool:
        """Whether a chain that begins with a picture that is there goes on; one that does not is told of."""
        return any(self._next_of(chain) for chain in self.chains.get(first.id, []))

    def _next_of(self, chain: Chain) -> bool:
        for number, image, shot in self._steps(chain):
            if shot.id not in self.made:
                return not self._breaks(chain, number - 1, image)
        return False

    def _breaks(self, chain: Chain, step: int, image: ImageRecord) -> bool:
        why = self.between.breaks(image, self.emit)
        if why:
            self.between.stop(chain, step, image, why, self.emit)
        return bool(why)

    def check(self, to_do: list[Shot]) -> None:
        """Refuse before anything is loaded. Raises WeightsMissing, WillNotFit, RenderFailed for an unknown model or one
        whose preset has changed since."""
        for name in dict.fromkeys(shot.family for shot in to_do):
            family = self.models.get(name)
            if family is None:
                raise RenderFailed(f"There is no model called {name!r}; known are {', '.join(self.models)}.")
            shots = [shot for shot in to_do if shot.family == name]
            if why := next(filter(None, (changed_since(family, shot.revision) for shot in shots)), ""):
                raise RenderFailed(why)
            self.resident.folder(family)
            prediction = predict_render(family, self._with_steps(shots), self.workspace, self.resident.settings)
            if not prediction.fits:
                raise WillNotFit(prediction.why)

    def of_family(self, family: ModelFamily, shots: list[Shot]) -> None:
        """The pictures of one base model, which is loaded once."""
        self._stop_if_asked()
        every = self._with_steps(shots)
        ladder = predict_render(family, every, self.workspace, self.resident.settings).ladder
        if not self.resident.holds(family):
            self.resident.prepare(family, lambda share, note: self._note(note), self.cancelled)
            self._note(f"Loading {family.title}")
        with self.resident.use(family) as driver:
            keep_only(driver, {a.sha256 for shot in every for a in shot.stack.adapters})
            self.loras_kept = 0 if "loras" in ladder else LORAS_KEPT
            for measure in ladder:
                driver.take(measure)
            for shot in shots:
                if shot.id not in self.made:
                    self._in_turn(driver, shot)
                for chain in self.chains.get(shot.id, []):
                    self._follow(driver, chain)
            self._note("")

    def _with_steps(self, shots: list[Shot]) -> list[Shot]:
        """``shots``, and what is planned to be made of their pictures."""
        return shots + [step for shot in shots for chain in self.chains.get(shot.id, []) for step in chain.then]

    def _in_turn(self, driver: Driver, shot: Shot) -> None:
        self._stop_if_asked()
        self._note(_title(shot))
        self._one(driver, shot)

    def _follow(self, driver: Driver, chain: Chain) -> None:
        """The further steps of a chain, until it breaks."""
        for number, image, shot in self._steps(chain):
            if shot.id in self.made:
                continue
            if self._breaks(chain, number - 1, image):
                return
            self._in_turn(driver, shot)

    def _note(self, words: str) -> None:
        self.emit(Progress(done=len(self.made), note=words))

    def _stop_if_asked(self) -> None:
        if self.cancelled():
            raise Cancelled

    def _one(self, driver: Driver, shot: Shot) -> None:
        try:
            record = self._make(driver, shot)
        except (Cancelled, WeightsMissing):
            raise
        except Exception as error:
            log.warning("shot %s failed", shot.id, exc_info=True)
            words = f"{_title(shot)}: {str(error) or in_words(error)}"
            self.first_error = self.first_error or words
            self.failed.append(_title(shot))
            self.emit(Warned(text=words))
            return
        self.made[shot.id] = record
        self.emit(ImageMade(image=record))
        self.emit(self.resident.memory())

    def _make(self, driver: Driver, shot: Shot) -> ImageRecord:
        if shot.revision != driver.family.revision:
            raise ValueError(
                f"it was planned for revision {shot.revision!r} of {driver.family.title}, and revision"
                f" {driver.family.revision!r} is installed. Plan it again."
            )
        sources = [self._source(ref) for ref in shot.sources]
        if shot.control:
            sources.insert(1, luminance(self._source(shot.control)))
        started = time.monotonic()
        image = self._with_ladder(driver, shot, sources)
        seconds = round(time.monotonic() - started, 3)
        _refuse_blank(image)
        self._preview(image)
        return save_picture(
            self.workspace,
            image,
            path=self.plan.path(shot),
            character=self.plan.character,
            kind=self.plan.kind,
            version=self.plan.version,
            caption="" if shot.sources else shot.prompt,
            shot=shot,
            job=self.job,
            seconds=seconds,
            peak_gib=self.resident.peak_gib(),
        )

    def _with_ladder(self, driver: Driver, shot: Shot, sources: list[Image.Image]) -> Image.Image:
        """The picture; out of memory, the next measure is taken and it is tried again, until none is left."""
        while True:
            try:
                return self._attempt(driver, shot, sources)
            except Exception as error:
                if not out_of_memory(error):
                    raise
            # Outside the handler: a live traceback would hold on to the tensors that have to go.
            spared = keep_only(driver, {a.sha256 for a in shot.stack.adapters})
            self.resident.release()
            measure = "only its own LoRAs stay in the model" if spared else driver.shrink()
            if not measure:
                size = f"{shot.width} x {shot.height} px"
                raise OutOfMemory(
                    f"{size} does not fit into memory, which ran out {self._when()}. Choose a smaller size."
                )
            words = f"Memory ran out at {_title(shot)}, {self._when()}. From now on {measure}; trying again."
            self.emit(Warned(text=words))

    def _when(self) -> str:
        """At what of the present picture it is."""
        done, steps = self.at
        if not done:
            return "before its first step was done"
        return "when it was decoded" if done == steps else f"at step {done + 1} of {steps}"

    def _attempt(self, driver: Driver, shot: Shot, sources: list[Image.Image]) -> Image.Image:
        self.resident.reset_peak()
        self.at = (0, shot.steps)
        with applied(driver, shot.stack, self.workspace, self.loras_kept):
            return driver.render(shot, sources, self._step, self._preview)

    def _step(self, k: int, n: int) -> None:
        self._stop_if_asked()
        self.at = (k, n)
        self.emit(StepDone(k=k, n=n))

    def _preview(self, image: Image.Image) -> None:
        small = image.convert("RGB")
        small.thumbnail((PREVIEW_PX, PREVIEW_PX))
        buffer = io.BytesIO()
        small.save(buffer, "JPEG", quality=75)
        self.emit(Preview(jpeg=base64.b64encode(buffer.getvalue()).decode("ascii")))

    def _source(self, ref: ImageRef) -> Image.Image:
        path = self.workspace.path(ref.path)
        try:
            data = path.read_bytes()
        except OSError as error:
            raise ValueError(f"its source {ref.path} cannot be read: {error.strerror}") from error
        if hashlib.sha256(data).hexdigest() != ref.id:
            raise ValueError(f"its source {ref.path} is not the picture it was planned with; plan it again.")
        with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
            return middle_of(image.convert("RGB"))


def _failures(failed: list[str], of: int) -> str:
    """Which pictures failed: said at the end too, as a job keeps its last warnings only."""
    more = len(failed) - NAMED
    names = ", ".join(failed[:NAMED]) + (f" and {more} more" if more > 0 else "")
    return f"{len(failed)} of {of} pictures failed: {names}."


def _refuse_blank(image: Image.Image) -> None:
    """A picture of one colour all over is a failure that looks like a picture. Raises BlankPicture."""
    pixels = np.asarray(image.convert("RGB")).reshape(-1, 3).astype(int)
    low, high = pixels.min(axis=0), pixels.max(axis=0)
    if (high - low <= FLAT).all():
        colour = ", ".join(map(str, low))
        raise BlankPicture(
            f"the picture came out as one flat colour ({colour}), so it was not kept. A LoRA may be too strong or"
            " damaged: try lower weights, or without it."
        )


def _title(shot: Shot) -> str:
    cell = shot.purpose.cell or shot.prompt[:40]
    return f"{cell} #{shot.purpose.variant + 1}" if shot.purpose.variant else cell
