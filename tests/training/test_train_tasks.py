"""What is asked of the model in training is what the pipeline asks at inference; an editor looks at its input."""

import math
from typing import Any

import pytest
import torch
from diffusers.pipelines.flux.pipeline_flux import calculate_shift
from PIL import Image
from train_helpers import Bench

from pipelines.models.denoiser import Denoiser, denoiser_of
from pipelines.models.qwen_image_edit.train import QwenEditDenoiser
from pipelines.training import TrainingDataError
from pipelines.training.adapter import attached
from pipelines.training.dataset import Cache, Encoder, Example, crop
from pipelines.training.loss import Loss


class Asked(Exception):
    """The transformer was called; carries the arguments."""


def asked(transformer: Any, call: Any) -> dict[str, Any]:
    """The arguments that ``call`` first gives to the transformer."""

    def stop(module: Any, args: Any, kwargs: dict[str, Any]) -> None:
        raise Asked(kwargs)

    hook = transformer.register_forward_pre_hook(stop, with_kwargs=True)
    try:
        call()
    except Asked as caught:
        return caught.args[0]
    finally:
        hook.remove()
    raise AssertionError("the transformer was not called")


def prepared(bench: Bench, target: str, **changes: Any) -> tuple[Denoiser, Example, Loss]:
    driver = bench.driver(target)
    task: Denoiser = denoiser_of(driver, 64)
    cache = Cache(bench.workspace.root / "cache" / "t")
    example = Encoder(task, cache, bench.workspace.path, "b", 64).example(bench.item(0, target, **changes))
    return task, example, Loss(task, driver.device, 0)


@pytest.mark.parametrize("target", ["character", "editor"])
def test_training_asks_the_model_as_inference_does(bench: Bench, target: str) -> None:
    driver = bench.driver(target)
    task, example, _ = prepared(bench, target)
    h, w = example.latents.shape[-2:]
    pictures = [Image.open(bench.workspace.path(c.path)).convert("RGB") for c in example.item.controls]
    # sampling begins at sigma 1, where the latents are noise alone
    shot = bench.shot(target).model_copy(
        update={
            "prompt": example.item.caption,
            "width": w * driver.family.factor,
            "height": h * driver.family.factor,
            "guidance": 1.0,
            "sources": example.item.controls,
        }
    )
    inference = asked(driver.pipe.transformer, lambda: driver.render(shot, pictures))
    noise = torch.randn(example.latents.shape, generator=torch.Generator().manual_seed(3))
    sigma = torch.ones(1)
    training = asked(driver.pipe.transformer, lambda: task.predict(noise, sigma, example.controls, example.text))
    tokens = task.pack(noise).shape[1]
    for name in ("encoder_hidden_states", "pooled_projections", "txt_ids", "img_ids", "guidance", "timestep"):
        if inference.get(name) is not None:
            assert torch.equal(inference[name].float(), training[name].float()), name
    assert inference.get("img_shapes") == training.get("img_shapes")
    assert inference.get("encoder_hidden_states_mask") is None is training.get("encoder_hidden_states_mask")
    assert inference["hidden_states"].shape == training["hidden_states"].shape
    # behind the target's tokens lie the same inputs
    assert torch.equal(inference["hidden_states"][:, tokens:], training["hidden_states"][:, tokens:])
    assert torch.equal(training["hidden_states"][:, :tokens], task.pack(noise).to(driver.pipe.dtype))


def test_another_input_picture_changes_the_editors_loss(bench: Bench) -> None:
    _, one, loss = prepared(bench, "editor")
    _, other, _ = prepared(bench, "editor", controls=(bench.pictures[3].ref,))
    sigma, noise = loss.draw(one, 0)
    assert torch.equal(one.latents, other.latents)
    assert not torch.equal(one.controls[0], other.controls[0]) and not torch.equal(one.text.embeds, other.text.embeds)
    mixed = Example(one.item, one.latents, other.controls, one.text, one.empty)
    with torch.no_grad():
        first, swapped, in_sequence = (float(loss.of(e, sigma, noise)) for e in (one, other, mixed))
    assert first != swapped
    # also by way of the sequence alone, with the words' embedding unchanged
    assert first != in_sequence


def test_two_inputs_lengthen_the_sequence_and_the_prediction_stays_the_targets(bench: Bench) -> None:
    task, example, _ = prepared(bench, "editor", controls=(bench.pictures[1].ref, bench.pictures[2].ref))
    assert len(example.controls) == 2
    with torch.no_grad():
        predicted = task.predict(example.latents, torch.tensor([0.5]), example.controls, example.text)
    assert predicted.shape == task.pack(example.latents).shape


@pytest.mark.slow
def test_learning_depends_on_the_input_picture(bench: Bench) -> None:
    """After a few steps on one pair, the loss with the right input is lower than with another: it is looked at."""
    driver = bench.driver("editor")
    _, right, loss = prepared(bench, "editor")
    _, wrong, _ = prepared(bench, "editor", controls=(bench.pictures[3].ref,))
    sigma, noise = loss.draw(right, 0)
    with attached(driver.pipe.transformer, driver.family.lora_targets, 8, 8, 0, True) as adapter:
        optimizer = torch.optim.AdamW(adapter.parameters.values(), lr=1e-2)
        for _ in range(30):
            optimizer.zero_grad()
            loss.of(right, sigma, noise).backward()
            optimizer.step()
        with torch.no_grad():
            assert float(loss.of(right, sigma, noise)) < float(loss.of(wrong, sigma, noise))


def test_an_editor_without_inputs_is_refused(bench: Bench) -> None:
    items = (bench.item(0, "editor"), bench.item(1, "editor", controls=()))
    with pytest.raises(TrainingDataError, match=f"no input picture: {bench.pictures[1].path}"):
        bench.train(bench.request("editor", items=items))


def test_a_character_lora_takes_no_inputs(bench: Bench) -> None:
    with pytest.raises(TrainingDataError, match="takes no input pictures"):
        bench.train(bench.request(items=(bench.item(0, controls=(bench.pictures[1].ref,)),)))


@pytest.mark.parametrize("target", ["character", "editor"])
def test_the_loss_is_the_squared_distance_to_noise_minus_picture(bench: Bench, target: str) -> None:
    task, example, loss = prepared(bench, target)
    sigma, noise = loss.draw(example, 0)
    s = float(sigma)
    with torch.no_grad():
        at = (1 - s) * example.latents + s * noise
        predicted = task.predict(at, sigma, example.controls, example.text).float()
        expected = (predicted - task.pack(noise - example.latents)).square().mean()
        assert float(loss.of(example, sigma, noise)) == pytest.approx(float(expected), rel=1e-5)


@pytest.mark.parametrize("target", ["character", "editor"])
def test_noise_levels_are_shifted_as_for_a_picture_of_this_size(bench: Bench, target: str) -> None:
    _, example, loss = prepared(bench, target)
    c = bench.driver(target).pipe.scheduler.config
    tokens = example.latents.shape[-2] * example.latents.shape[-1] // 4  # without an editor's inputs, as at inference
    mu = calculate_shift(tokens, c.base_image_seq_len, c.max_image_seq_len, c.base_shift, c.max_shift)
    drawn = torch.cat([loss.draw(example, n)[0] for n in range(800)])
    assert float(drawn.median()) == pytest.approx(1 / (1 + math.exp(-mu)), abs=0.04)


@pytest.mark.slow
def test_sampling_comes_to_make_what_was_trained_on(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole way round: signs, sigmas and scales agree with sampling, or noise would not become this picture.

    Compared as latents, on their way into the decoder: the mini VAE is untrained, so pixels say little.
    """
    driver = bench.driver("editor")
    vae, made, item = driver.pipe.vae, [], bench.item(0, "editor")
    shot = bench.shot("editor").model_copy(
        update={"prompt": item.caption, "sources": item.controls, "guidance": 1.0, "steps": 8}
    )
    inputs = [Image.open(bench.workspace.path(c.path)).convert("RGB") for c in item.controls]
    decode = vae.decode
    monkeypatch.setattr(vae, "decode", lambda z, **kwargs: (made.append(z.float()), decode(z, **kwargs))[1])
    driver.render(shot, inputs)
    settings = {"learning_rate": 1e-2, "rank": 16, "alpha": 16, "caption_dropout": 0}
    bench.train(bench.request("editor", items=(item,), samples=(shot,), steps=80, save_every=80, **settings))
    picture = Image.open(bench.workspace.path(item.image.path)).convert("RGB")
    goal = QwenEditDenoiser(driver, 64).encode_picture(crop(picture, (64, 64)))
    c = vae.config
    goal = goal * torch.tensor(c.latents_std).view(1, -1, 1, 1, 1) + torch.tensor(c.latents_mean).view(1, -1, 1, 1, 1)
    before, after = (float((z - goal).square().mean()) for z in (made[0], made[-1]))
    print(f"distance to the picture: {before:.3f} before, {after:.3f} after")
    assert after < 0.5 * before
