"""Faces count more in the loss: the weights, and that the loss obeys them."""

import dataclasses

import pytest
import torch
from train_helpers import Bench

from pipelines.domain.events import Warned
from pipelines.faces.features import Features
from pipelines.models.denoiser import denoiser_of
from pipelines.training.dataset import Cache, Encoder
from pipelines.training.emphasis import Finder, emphasis
from pipelines.training.loss import Loss

MIDDLE = Features(0.25, 0.75, 0.1, 0.1)


def test_the_middle_counts_so_much_more_and_the_mean_stays() -> None:
    weights = emphasis(MIDDLE, 64, 32, gain=6)
    assert weights.shape == (64, 32)
    assert float(weights.mean()) == pytest.approx(1)
    assert float(weights.max() / weights.min()) == pytest.approx(7, rel=0.05)
    row, column = divmod(int(weights.argmax()), 32)
    assert (row / 64, column / 32) == pytest.approx((0.75, 0.25), abs=0.04)


def test_the_bell_is_one_deviation_wide() -> None:
    weights = emphasis(Features(0.5, 0.5, 0.2, 0.1), 200, 200, gain=1)
    peak, aside, below = (float(weights[y, x] / weights[0, 0] - 1) for y, x in ((100, 100), (100, 140), (120, 100)))
    assert (aside / peak, below / peak) == pytest.approx((0.607, 0.607), abs=0.02)  # exp(-1/2)


@pytest.mark.parametrize("target", ["character", "editor"])
def test_the_loss_looks_where_the_weights_are(bench: Bench, target: str) -> None:
    driver = bench.driver(target)
    task = denoiser_of(driver, 64)
    cache = Cache(bench.workspace.root / "cache" / "t")
    example = Encoder(task, cache, bench.workspace.path, "b", 64).example(bench.item(0, target))
    loss = Loss(task, driver.device, 0)
    height, width = example.latents.shape[-2:]
    sigma, noise = loss.draw(example, 1)
    upper, lower = torch.zeros(2, height, width)
    upper[: height // 2], lower[height // 2 :] = 2, 2
    with torch.no_grad():
        plain = float(loss.of(example, sigma, noise))
        ones = float(loss.of(dataclasses.replace(example, weights=torch.ones(height, width)), sigma, noise))
        halves = [float(loss.of(dataclasses.replace(example, weights=w), sigma, noise)) for w in (upper, lower)]
    assert plain == ones
    assert sum(halves) / 2 == pytest.approx(plain, rel=1e-5)
    assert halves[0] != pytest.approx(halves[1], rel=1e-3)


@pytest.mark.slow(seconds=3)
def test_a_training_weighs_what_the_finder_finds(bench: Bench) -> None:
    def loss(n: int, finder: Finder | None = None) -> tuple[float, list[str]]:
        request = bench.request(steps=2, save_every=9, sample_every=9, face_weight=6.0, folder=f"models/{n}")
        done, events = bench.train(request, finder=finder)
        return done["loss"], [e.text for e in events if isinstance(e, Warned)]

    without, warned = loss(0)
    assert any("finds faces" in text for text in warned)
    faceless, nothing = loss(1, lambda picture: None)
    found, _ = loss(2, lambda picture: MIDDLE)
    assert not any("finds faces" in text for text in nothing)
    assert faceless == without
    assert found != pytest.approx(without, rel=1e-4)
