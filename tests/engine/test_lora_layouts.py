"""LoRA layouts x (FLUX.1, Qwen-Image-Edit) at their true block counts: a file lands wholly, with the output of the
dense difference, or is refused in words. The table in docs/lora-files.md is held by this."""

import copy
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from diffusers import FluxTransformer2DModel, QwenImageTransformer2DModel
from engine_helpers import family
from lora_layouts import FLUX_LAYOUTS, QWEN_LAYOUTS, File, Layout, Model
from safetensors.torch import save_file
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel, T5Config, T5EncoderModel

from pipelines.engine import adapters
from pipelines.models.lora_files import LoraRefused, inspect

ROPE = (4, 6, 6)


def flux() -> dict[str, nn.Module]:
    torch.manual_seed(0)
    clip = CLIPTextConfig(
        hidden_size=8, intermediate_size=16, num_hidden_layers=3, num_attention_heads=2, vocab_size=32,
        max_position_embeddings=8, bos_token_id=1, eos_token_id=2, pad_token_id=0,
    )  # fmt: skip
    t5 = T5Config(d_model=12, d_ff=20, d_kv=4, num_heads=2, num_layers=3, vocab_size=32, feed_forward_proj="gated-gelu")
    return {
        "transformer": FluxTransformer2DModel(
            in_channels=8, num_layers=19, num_single_layers=38, attention_head_dim=16, num_attention_heads=1,
            joint_attention_dim=12, pooled_projection_dim=8, guidance_embeds=True, axes_dims_rope=ROPE,
        ),
        "text_encoder": CLIPTextModel(clip),
        "text_encoder_2": T5EncoderModel(t5),
    }  # fmt: skip


def qwen() -> dict[str, nn.Module]:
    torch.manual_seed(0)
    made = QwenImageTransformer2DModel(
        in_channels=8, out_channels=2, num_layers=60, attention_head_dim=16, num_attention_heads=1,
        joint_attention_dim=12, axes_dims_rope=ROPE,
    )  # fmt: skip
    return {"transformer": made}


PRESETS = {"flux": "flux1-dev", "qwen": "qwen-image-edit-2509"}


@cache
def base_parts(base: str) -> dict[str, nn.Module]:
    return {"flux": flux, "qwen": qwen}[base]()


@cache
def plain_of(base: str) -> list[torch.Tensor]:
    return seen(base_parts(base))


@torch.no_grad()
def seen(parts: dict[str, nn.Module]) -> list[torch.Tensor]:
    """What the parts make of fixed inputs."""
    for part in parts.values():
        part.eval()
    random = torch.Generator().manual_seed(3)
    picture, words = torch.randn(1, 4, 8, generator=random), torch.randn(1, 3, 12, generator=random)
    transformer, time = parts["transformer"], torch.tensor([0.4])
    tokens = {"input_ids": torch.tensor([[4, 5, 2]])}
    if isinstance(transformer, QwenImageTransformer2DModel):
        mask = torch.ones(1, 3, dtype=torch.long)
        return [transformer(picture, words, mask, time, [[(1, 2, 2)]], return_dict=False)[0]]
    arguments: dict[str, Any] = {"guidance": time, "return_dict": False}
    ids = {"img_ids": torch.zeros(4, 3), "txt_ids": torch.zeros(3, 3)}
    pooled = torch.randn(1, 8, generator=random)
    made = transformer(picture, words, pooled, time, **ids, **arguments)[0]
    return [made, *(parts[name](**tokens).last_hidden_state for name in ("text_encoder", "text_encoder_2"))]


def linear(part: nn.Module) -> dict[str, nn.Linear]:
    return {name: m for name, m in part.named_modules() if isinstance(m, nn.Linear)}


def model_of(parts: dict[str, nn.Module]) -> Model:
    layers = {name: linear(part) for name, part in parts.items()}
    config: Any = parts["transformer"].config
    return Model(
        {name: {n: (m.in_features, m.out_features) for n, m in found.items()} for name, found in layers.items()},
        config.num_layers,
        getattr(config, "num_single_layers", 0),
        lambda name: layers[name.partition(".")[0]][name.partition(".")[2]].weight.detach(),
    )


@torch.no_grad()
def dense(parts: dict[str, nn.Module], file: File) -> dict[str, nn.Module]:
    """The same model with the file's differences added to its weights, by definition and without any loader."""
    changed = copy.deepcopy(parts)
    for name, part in changed.items():
        for module, layer in linear(part).items():
            key = f"{name}.{module}"
            layer.weight += file.deltas.get(key, 0)
            if key in file.magnitudes:
                layer.weight *= (file.magnitudes[key] / layer.weight.norm(dim=1))[:, None]
            if key in file.biases:
                layer.bias = nn.Parameter((0 if layer.bias is None else layer.bias) + file.biases[key])
    return changed


def rig(base: str) -> Any:
    """What a loaded driver is to the adapters: its family and the parts of its pipeline."""
    pipe = SimpleNamespace(**copy.deepcopy(base_parts(base)))
    return SimpleNamespace(family=family(PRESETS[base]), pipe=pipe, shelf=None, text_adapters=())


def parts_of(driver: Any) -> dict[str, nn.Module]:
    return vars(driver.pipe)


def worn(driver: Any, path: Path, weight: float = 1.0) -> list[torch.Tensor]:
    shelf = adapters._shelf(driver)
    shelf.kept["x"] = adapters.load(driver, path, "a0")
    adapters._activate(driver, (("x", weight),))
    return seen(parts_of(driver))


CASES = [("flux", name, make) for name, make in FLUX_LAYOUTS.items()]
CASES += [("qwen", name, make) for name, make in QWEN_LAYOUTS.items()]
ALWAYS = {
    "flux: kohya", "flux: OneTrainer, split", "flux: DoRA, PEFT", "flux: LoKr", "flux: XLabs", "flux: DoRA of inputs",
    "qwen: musubi", "qwen: Lightning", "qwen: DoRA of inputs",
}  # fmt: skip
"""One of each kind; the others are slow together, not each."""


def cases() -> list[Any]:
    named = [(f"{base}: {name}", base, make) for base, name, make in CASES]
    return [pytest.param(b, m, id=n, marks=() if n in ALWAYS else pytest.mark.slow) for n, b, m in named]


def test_those_that_are_always_tried_are_among_them() -> None:
    assert {f"{base}: {name}" for base, name, _ in CASES} >= ALWAYS


@pytest.mark.parametrize(("base", "make"), cases())
def test_a_layout_lands_wholly_or_is_refused_in_words(base: str, make: Layout, tmp_path: Path) -> None:
    parts = base_parts(base)
    file = make(model_of(parts))
    path = tmp_path / "a.safetensors"
    save_file({k: t.contiguous() for k, t in file.tensors.items()}, path)
    driver = rig(base)
    plain = plain_of(base)
    if file.refused:
        with pytest.raises(LoraRefused, match=file.refused):
            adapters.load(driver, path, "a0")
        assert all(torch.equal(a, b) for a, b in zip(seen(parts_of(driver)), plain, strict=True))
        return
    header = inspect(path, targets=[adapters.live_target(driver)])
    assert not header.fault and header.fitting[0].left_out == ()
    for got, wanted in zip(worn(driver, path), seen(dense(parts, file)), strict=True):
        torch.testing.assert_close(got, wanted, rtol=2e-3, atol=2e-4)
    # the layout did something, to each part that it names
    named = {name.partition(".")[0] for name in (*file.deltas, *file.biases)}
    for part, got, before in zip(parts, seen(parts_of(driver)), plain, strict=True):
        assert torch.equal(got, before) != (part in named)
    adapters._activate(driver, (("x", 0.0),))
    assert all(torch.equal(a, b) for a, b in zip(seen(parts_of(driver)), plain, strict=True))
    adapters._remove(driver, "a0")
    assert {n for p in parts_of(driver).values() for n in p.state_dict()} == {
        n for p in parts.values() for n in p.state_dict()
    }
