"""Pictures into examples: sizes, crops, the cache, and words for files that cannot be used."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from train_helpers import Bench

from pipelines.domain.requests import TrainItem
from pipelines.domain.shots import ImageRef
from pipelines.domain.sizes import fitted
from pipelines.models.flux.train import FluxDenoiser
from pipelines.training import TrainingDataError
from pipelines.training.dataset import Cache, Encoder, Example, crop


class Counted(FluxDenoiser):
    """The real task, counting what it encodes."""

    pictures = texts = 0

    def encode_picture(self, image: Image.Image) -> torch.Tensor:
        self.pictures += 1
        return super().encode_picture(image)

    def encode_text(self, caption: str, controls: list[Image.Image]):
        self.texts += 1
        return super().encode_text(caption, controls)


def encoder(bench: Bench, folder: str = "cache/t", base: str = "mini-flux@1", resolution: int = 64) -> Encoder:
    cache = Cache(bench.workspace.root / folder)
    return Encoder(Counted(bench.driver("character"), resolution), cache, bench.workspace.path, base, resolution)


def equal(a: Example, b: Example) -> bool:
    pairs = [(a.latents, b.latents), (a.text.embeds, b.text.embeds), (a.text.pooled, b.text.pooled)]
    return all(torch.equal(x, y) for x, y in pairs if x is not None and y is not None)


@pytest.mark.parametrize("multiple", [8, 16, 32])
@pytest.mark.parametrize("size", [(1000, 1000), (1920, 1080), (683, 1024), (40, 4000), (16, 16)])
def test_buckets_keep_area_and_aspect_on_the_grid(size: tuple[int, int], multiple: int) -> None:
    w, h = fitted(*size, 512**2, multiple)
    assert w % multiple == 0 and h % multiple == 0
    assert w * h == pytest.approx(512 * 512, rel=0.1)
    aspect = min(max(size[0] / size[1], 0.5), 2)
    assert w / h == pytest.approx(aspect, rel=0.1)


def test_a_square_picture_gets_exactly_the_resolution() -> None:
    assert fitted(700, 700, 768**2, 16) == (768, 768)


def test_a_crop_keeps_the_middle_and_does_not_stretch() -> None:
    image = Image.new("RGB", (300, 100), "red")
    image.paste("blue", (100, 0, 200, 100))
    assert set(crop(image, (64, 64)).resize((4, 4), Image.Resampling.NEAREST).getdata()) == {(0, 0, 255)}


def test_an_example_has_latents_of_the_bucket_and_the_captions_embeddings(bench: Bench) -> None:
    example = encoder(bench).example(bench.item(0))
    w, h = fitted(128, 96, 64**2, 8)
    assert (w, h) == (72, 56)
    assert example.latents.shape == (1, 16, h // 4, w // 4) and example.latents.dtype == torch.float32
    assert example.text.pooled is not None and example.text.embeds.shape[0] == 1
    assert not torch.equal(example.text.embeds, example.empty.embeds)


def test_what_is_encoded_once_is_read_back_equal(bench: Bench) -> None:
    first, second = encoder(bench), encoder(bench)
    made = first.example(bench.item(0))
    read = second.example(bench.item(0))
    assert (first.denoiser.pictures, first.denoiser.texts) == (1, 2)  # type: ignore[attr-defined]
    assert (second.denoiser.pictures, second.denoiser.texts) == (0, 0)  # type: ignore[attr-defined]
    assert equal(made, read)


@pytest.mark.parametrize("changes", [{"base": "mini-flux@0"}, {"resolution": 96}])
def test_another_base_or_size_is_encoded_anew(bench: Bench, changes: dict) -> None:
    encoder(bench).example(bench.item(0))
    other = encoder(bench, **changes)
    other.example(bench.item(0))
    assert other.denoiser.pictures == 1  # type: ignore[attr-defined]


def test_another_picture_under_the_same_name_is_encoded_anew(bench: Bench) -> None:
    made = encoder(bench).example(bench.item(0))
    other = encoder(bench).example(bench.item(1, caption=bench.item(0).caption))
    assert not torch.equal(made.latents, other.latents)


def test_a_damaged_cache_file_is_made_again(bench: Bench) -> None:
    made = encoder(bench).example(bench.item(0))
    for path in (bench.workspace.root / "cache/t").iterdir():
        path.write_bytes(path.read_bytes()[:50])
    again = encoder(bench)
    assert equal(made, again.example(bench.item(0)))
    assert again.denoiser.pictures == 1  # type: ignore[attr-defined]


def test_a_missing_picture_is_named(bench: Bench) -> None:
    item = bench.item(0, image=ImageRef(id="0" * 64, path="characters/ada/data/source/v1/gone.png"))
    with pytest.raises(TrainingDataError, match=r"data/source/v1/gone\.png cannot be read \(No such file"):
        encoder(bench).example(item)


def test_a_changed_picture_is_named(bench: Bench) -> None:
    path = bench.workspace.path(bench.pictures[0].path)
    Image.fromarray(np.zeros((96, 128, 3), np.uint8)).save(path)
    with pytest.raises(TrainingDataError, match=f"{path.name} is not the picture it was"):
        encoder(bench).example(bench.item(0))


def broken(bench: Bench) -> ImageRef:
    """Half a PNG, recorded as it is."""
    import hashlib

    path: Path = bench.workspace.path("characters/ada/data/source/v1/half.png")
    data = bench.workspace.path(bench.pictures[0].path).read_bytes()
    path.write_bytes(data[: len(data) // 2])
    return ImageRef(id=hashlib.sha256(path.read_bytes()).hexdigest(), path=bench.workspace.relative(path))


def test_an_unreadable_picture_is_named(bench: Bench) -> None:
    with pytest.raises(TrainingDataError, match=r"data/source/v1/half\.png is not a readable picture"):
        encoder(bench).example(bench.item(0, image=broken(bench)))


def test_an_unreadable_picture_stops_a_training_before_the_first_step(bench: Bench) -> None:
    items: tuple[TrainItem, ...] = (bench.item(0, "editor"), bench.item(1, "editor", controls=(broken(bench),)))
    with pytest.raises(TrainingDataError, match=r"half\.png"):
        bench.train(bench.request("editor", items=items))
    assert not (bench.workspace.path(bench.request("editor").folder) / "checkpoints").exists()
