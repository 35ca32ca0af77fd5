"""From pictures on disk to what the transformer is trained on: cropped, encoded once, kept beside the run.

Encoding needs the text encoders and the VAE, training does not: everything is encoded first, so that both can leave
the GPU while the steps run.
"""

import hashlib
import io
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from pipelines.domain.base import content_hash
from pipelines.domain.requests import TrainItem
from pipelines.domain.shots import ImageRef
from pipelines.models.denoiser import Denoiser, Text
from pipelines.storage.atomic import make_folder, write_durably
from pipelines.storage.pictures import middle_of
from pipelines.training.task import TrainingDataError

log = logging.getLogger(__name__)
LAYOUT = 1
"""Part of every cache key: to be raised when cropping or encoding changes."""


@dataclass(frozen=True)
class Example:
    """One encoded picture, on the CPU. ``latents`` are normalised; ``controls`` are the latents of an edit's inputs;
    ``empty`` is the caption that stands in when the caption is dropped; ``weights`` (h, w) in latents say how much each
    place counts in the loss, with mean 1 (``None``: all alike)."""

    item: TrainItem
    latents: Tensor
    controls: tuple[Tensor, ...]
    text: Text
    empty: Text
    weights: Tensor | None = None

    @property
    def shape(self) -> tuple[object, ...]:
        """What must agree for two examples to share a batch."""
        return (tuple(self.latents.shape), *(tuple(c.shape) for c in self.controls))


Weigh = Callable[[Image.Image, int, int], Tensor | None]


def crop(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Scaled to cover ``size`` (width, height) and cut to it around the centre (Lanczos)."""
    return ImageOps.fit(image, size, method=Image.Resampling.LANCZOS, centering=(0.5, 0.5))


def load_picture(ref: ImageRef, path: Path) -> Image.Image:
    """The picture as RGB, decoded whole. Raises TrainingDataError, naming the file, when it cannot be read or is no
    longer the file that the dataset version was made of."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise TrainingDataError(
            f"{ref.path} cannot be read ({error.strerror}). Restore it, or leave it out."
        ) from error
    if hashlib.sha256(data).hexdigest() != ref.id:
        raise TrainingDataError(
            f"{ref.path} is not the picture it was when it was reviewed: its content has changed. "
            "Restore it, or add it again."
        )
    try:
        with Image.open(io.BytesIO(data)) as image:  # these very bytes: the file may change any time
            return image.convert("RGB")
    except (OSError, SyntaxError, ValueError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise TrainingDataError(
            f"{ref.path} is not a readable picture ({error}). Leave it out, or add it again."
        ) from error


class Cache:
    """Tensors on disk, one safetensors file per key; a damaged file counts as absent."""

    def __init__(self, folder: Path):
        self.folder = folder
        make_folder(folder)

    def get(self, key: Sequence[object], make: Callable[[], dict[str, Tensor]]) -> dict[str, Tensor]:
        """What is kept under ``key``, or what ``make`` returns, which is then kept. Always on the CPU."""
        path = self.folder / f"{content_hash([LAYOUT, *key])}.safetensors"
        if path.exists():
            try:
                return load_file(path)
            except (SafetensorError, OSError):
                log.warning("%s is damaged and is made again", path)
        with torch.no_grad():
            made = {name: tensor.detach().cpu().contiguous() for name, tensor in make().items()}
        try:
            write_durably(path, save(made), sync=False)
        except OSError as error:
            log.warning("%s could not be kept (%s): it is made again when it is needed", path, error)
        return made


class Encoder:
    """Turns the items of a training into examples, through the cache. ``denoiser`` says how a model encodes;
    ``weigh`` gives the weights of a picture at a height and width in latents."""

    def __init__(
        self,
        denoiser: Denoiser,
        cache: Cache,
        locate: Callable[[str], Path],
        base: str,
        resolution: int,
        weigh: Weigh = lambda picture, height, width: None,
    ):
        self.denoiser, self.cache, self.locate, self.base, self.resolution = denoiser, cache, locate, base, resolution
        self.weigh = weigh

    def example(self, item: TrainItem) -> Example:
        """One item, encoded. Raises TrainingDataError, naming the file that cannot be used."""
        picture = load_picture(item.image, self.locate(item.image.path))
        inputs = [(ref, middle_of(load_picture(ref, self.locate(ref.path)))) for ref in item.controls]
        size = self._size(picture, [image for _, image in inputs])
        cut = crop(picture, size)
        latents = self._latents(["picture", item.image.id, size], lambda: self.denoiser.encode_picture(cut))
        controls = tuple(self._control(ref, image) for ref, image in inputs)
        text, empty = (self._text(words, inputs) for words in (item.caption, self.denoiser.dropped_caption))
        return Example(item, latents, controls, text, empty, self.weigh(cut, *latents.shape[-2:]))

    def _size(self, picture: Image.Image, inputs: list[Image.Image]) -> tuple[int, int]:
        """That of the first input when the picture has nearly its proportions (an edit was made at another size, and
        rounded there): what an editor sees and what it is to make lie on one grid."""
        own = self.denoiser.size(*picture.size)
        like = self.denoiser.size(*inputs[0].size) if inputs else own
        near = all(abs(a - b) <= self.denoiser.multiple for a, b in zip(own, like, strict=True))
        return like if near else own

    def _control(self, ref: ImageRef, image: Image.Image) -> Tensor:
        return self._latents(["control", ref.id, self.resolution], lambda: self.denoiser.encode_control(image))

    def _latents(self, key: list[object], make: Callable[[], Tensor]) -> Tensor:
        return self.cache.get([self.base, *key], lambda: {"latents": make()})["latents"]

    def _text(self, caption: str, inputs: list[tuple[ImageRef, Image.Image]]) -> Text:
        def make() -> dict[str, Tensor]:
            text = self.denoiser.encode_text(caption, [image for _, image in inputs])
            return {name: tensor for name, tensor in vars(text).items() if tensor is not None}

        # how large an input is seen with the words may depend on the resolution
        sees = [self.resolution, *(ref.id for ref, _ in inputs)] if inputs else []
        return Text(**self.cache.get([self.base, "text", caption, sees], make))
