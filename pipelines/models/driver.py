"""How a loaded pipeline makes a picture of a shot: cached text, steps told, previews shown, memory saved.

What differs between architectures (how a pipeline's arguments are called, how its text is encoded, how its latents
become a picture) is in their ``drive`` modules; which model is behind one makes no difference.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, ClassVar

import torch
from PIL import Image

from pipelines.domain.presets import ModelFamily
from pipelines.domain.shots import Shot
from pipelines.models import registry
from pipelines.models.base import TILE
from pipelines.models.embeddings import EmbeddingCache, Tensors

OnStep = Callable[[int, int], None]
OnPreview = Callable[[Image.Image], None]
PREVIEW_PX = 256


class ShotError(ValueError):
    """A shot asks for what its model cannot do."""


class NotFinite(RuntimeError):
    """The numbers of a picture ran out of bounds: what would be shown is black."""


class Driver(ABC):
    """A loaded pipeline and how to use it. ``pipe`` is the diffusers pipeline, ``device`` where it computes."""

    encoders: ClassVar[tuple[str, ...]] = ()

    def __init__(self, family: ModelFamily, pipe: Any, device: torch.device) -> None:
        self.family, self.device = family, device
        self.pipe: Any = pipe
        self.cache = EmbeddingCache()
        # Kept by the engine: what LoRAs are loaded, and which of them change what a prompt means to a text encoder.
        self.shelf: Any = None
        self.text_adapters: tuple[tuple[str, float], ...] = ()
        self.encoders_stay = True
        self.keeps_prefix = True
        self.tiled = False
        pipe.set_progress_bar_config(disable=True)

    @property
    def name(self) -> str:
        """What its preset calls it."""
        return self.family.name

    @property
    def title(self) -> str:
        """What people call it."""
        return self.family.title

    @property
    def heaviest(self) -> Any:
        """Its largest part: gone, all is gone."""
        return self.pipe.transformer

    def render(
        self,
        shot: Shot,
        sources: list[Image.Image],
        on_step: OnStep = lambda k, n: None,
        on_preview: OnPreview | None = None,
    ) -> Image.Image:
        """The picture of ``shot``; ``sources`` are its source pictures, RGB, in order.

        ``on_step(k, n)`` is called after each denoising step; what it raises passes through. ``on_preview`` is given
        a small picture about four times. The same shot gives the same pixels on the same machine. Raises ShotError,
        NotFinite.
        """
        self._check(shot, sources)
        arguments = self._arguments(shot, sources, self.encode(shot, sources))
        watch = _Watch(self, shot, on_step, on_preview)
        with torch.no_grad(), self._sizes(), self.scheduled(shot):
            pixels = self.pipe(
                **arguments,
                height=shot.height,
                width=shot.width,
                num_inference_steps=shot.steps,
                generator=torch.Generator("cpu").manual_seed(shot.seed),
                callback_on_step_end=watch,
                output_type="pt",
            ).images
        _need_finite(pixels, shot, "when it was decoded")
        numbers = self.pipe.image_processor.pt_to_numpy(pixels)
        return _opaque(self.pipe.image_processor.numpy_to_pil(numbers)[0])

    @contextmanager
    def scheduled(self, shot: Shot) -> Iterator[None]:
        """Within, the pipeline's noise schedule is the model's own with what the shot puts in place of its values."""
        own = self.pipe.scheduler
        if values := shot.schedule.values:
            self.pipe.scheduler = type(own).from_config(own.config, **values)
        try:
            yield
        finally:
            self.pipe.scheduler = own

    def encode(self, shot: Shot, sources: list[Image.Image]) -> Tensors:
        """The embeddings of a shot's words (and pictures), from the cache when they were made before."""
        key = (self._key(shot), self.text_adapters)

        def make() -> Tensors:
            with self.borrowed(*self.encoders), torch.no_grad():
                return self._encode(shot, sources)

        return self.cache.get(key, self.device, make)

    @contextmanager
    def borrowed(self, *parts: str) -> Iterator[None]:
        """Within, ``parts`` are where computing happens; afterwards they leave again unless ``encoders_stay``."""
        try:
            self.place(self.device, *parts)
            yield
        finally:
            if not self.encoders_stay:
                self.place(torch.device("cpu"), *parts)

    def place(self, device: torch.device | str, *parts: str) -> None:
        """Move parts of the pipeline, such as ``text_encoder``, to ``device``. No work where they are there already:
        whole, for one that memory ran out for on the way has its first half there alone."""
        wanted = torch.device(device).type
        for name in parts:
            module = getattr(self.pipe, name, None)
            if isinstance(module, torch.nn.Module) and any(p.device.type != wanted for p in module.parameters()):
                module.to(device)

    def encoders_off(self) -> None:
        """From now on text encoders are on the device only while they encode."""
        self.encoders_stay = False
        self.place("cpu", *self.encoders)

    def tile(self) -> None:
        """Decode and encode pictures in tiles of ``TILE`` pixels: less memory for larger ones, a little slower."""
        self._tiles(self.pipe.vae)
        self.tiled = True

    def _tiles(self, vae: Any) -> None:
        """The VAE's own tiles are as large as the pictures that it was made for: nothing would be tiled."""
        vae.enable_tiling()
        vae.tile_sample_min_size, vae.tile_latent_min_size = TILE, TILE // self.family.factor

    def shrink(self) -> str:
        """Take the next measure that saves memory and say it in words; an empty text when none is left."""
        if not self.tiled:
            self.tile()
            return "pictures are decoded in tiles"
        if self.encoders_stay:
            self.encoders_off()
            return "text encoders leave the device while pictures are made"
        if self.keeps_prefix and registry.of(self.family).remembered:
            self.keeps_prefix = False
            return "words and sources are computed anew at each step"
        return ""

    def take(self, measure: str) -> None:
        """Take a measure of a prediction's ladder, if it is one for pipelines: ``tiling``, ``encoders off``,
        ``prefix``."""
        if measure == "tiling" and not self.tiled:
            self.tile()
        if measure == "encoders off" and self.encoders_stay:
            self.encoders_off()
        if measure == "prefix":
            self.keeps_prefix = False

    def prepare(self) -> None:  # noqa: B027  most have nothing to drop
        """Called once after loading: drop what this pipeline never uses."""

    def close(self) -> None:
        """Let go of the pipeline and what was cached: the driver cannot be used any more."""
        self.pipe, self.shelf, self.cache = None, None, EmbeddingCache()

    def small_picture(self, latents: torch.Tensor, shot: Shot) -> Image.Image:
        """A preview of at most 256 px from packed latents ``(1, tokens, 64)``, decoded from a reduced grid."""
        grid = self._unpack(latents[:1], shot)
        height, width = grid.shape[-2:]
        scale = min(1.0, PREVIEW_PX / self.family.factor / max(height, width))
        size = (max(1, round(height * scale)), max(1, round(width * scale)))
        small = torch.nn.functional.interpolate(grid.float(), size=size, mode="area")
        return _opaque(self.pipe.image_processor.postprocess(self._decode(small), output_type="pil")[0])

    def _check(self, shot: Shot, sources: list[Image.Image]) -> None:
        if len(sources) > self.family.defaults.max_sources:
            raise ShotError(
                f"{self.family.title} takes at most {self.family.defaults.max_sources} source pictures,"
                f" the shot has {len(sources)}."
            )

    def _check_stretched(self, shot: Shot) -> None:
        """Stretching a schedule of one step to its terminal value divides by zero: the picture would be NaN."""
        if shot.steps < 2 and {**self.pipe.scheduler.config, **shot.schedule.values}.get("shift_terminal"):
            raise ShotError(f"{self.family.title} needs at least 2 steps.")

    def _sizes(self) -> AbstractContextManager[None]:
        return nullcontext()

    def _key(self, shot: Shot) -> Hashable:
        return shot.prompt

    @abstractmethod
    def _encode(self, shot: Shot, sources: list[Image.Image]) -> Tensors:
        """What the pipeline takes as text, by the names of its arguments."""

    @abstractmethod
    def _arguments(self, shot: Shot, sources: list[Image.Image], text: Tensors) -> dict[str, Any]:
        """The pipeline's arguments, but for size, steps and generator, which all have."""

    def _unpack(self, latents: torch.Tensor, shot: Shot) -> torch.Tensor:
        """Packed latents as a grid ``(1, channels, height / factor, width / factor)``."""
        height, width = shot.height // self.family.multiple, shot.width // self.family.multiple
        channels = latents.shape[-1] // 4
        grid = latents.view(1, height, width, channels, 2, 2).permute(0, 3, 1, 4, 2, 5)
        return grid.reshape(1, channels, height * 2, width * 2)

    @abstractmethod
    def _decode(self, grid: torch.Tensor) -> torch.Tensor:
        """The picture of a grid of latents, -1 to 1."""


def _opaque(image: Image.Image) -> Image.Image:
    """The picture on white where it is transparent: some models draw that, too."""
    if image.mode != "RGBA":
        return image
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")


def _need_finite(tensor: torch.Tensor, shot: Shot, when: str) -> None:
    """A picture of what is no number would be black without a word."""
    if not torch.isfinite(tensor).all():
        blame = (
            "a LoRA is damaged, or too strong together with the others: try lower weights"
            if shot.stack.adapters
            else "the model or its precision fails here"
        )
        raise NotFinite(f"its numbers ran out of bounds {when}, so there is no picture: {blame}.")


class _Watch:
    """The step callback of one picture: counts, and now and then shows what the picture will be.

    From two latents in a row follows the velocity, and from it the clean picture that the model is heading for
    (rectified flow: x0 = x - sigma * v).
    """

    def __init__(self, driver: Driver, shot: Shot, on_step: OnStep, on_preview: OnPreview | None) -> None:
        self.driver, self.shot, self.on_step, self.on_preview = driver, shot, on_step, on_preview
        self.before: torch.Tensor | None = None
        self.every = max(1, shot.steps // 4)

    def __call__(self, pipe: Any, index: int, timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        done, latents = index + 1, tensors["latents"]
        _need_finite(latents, self.shot, f"at step {done}")
        if self.on_preview and done < self.shot.steps:
            if self.before is not None and done % self.every == 0:
                self.on_preview(self.driver.small_picture(self._clean(pipe, index, latents), self.shot))
            self.before = latents.float()
        self.on_step(done, self.shot.steps)
        return {}

    def _clean(self, pipe: Any, index: int, latents: torch.Tensor) -> torch.Tensor:
        here, there = pipe.scheduler.sigmas[index + 1], pipe.scheduler.sigmas[index]
        assert self.before is not None
        velocity = (latents.float() - self.before) / (here - there)
        return latents.float() - here * velocity


def driver_of(family: ModelFamily) -> type[Driver]:
    """How models of a preset's architecture make pictures. Raises PresetError."""
    return registry.of(family).module("drive").DRIVER
