"""What the presets of published models say of their transformers, beside the published configurations (no weights:
the modules are made on the meta device)."""

from typing import Any

import pytest
import torch
from accelerate import init_empty_weights
from diffusers import (
    Flux2Transformer2DModel,
    FluxTransformer2DModel,
    QwenImage21Transformer2DModel,
    QwenImageTransformer2DModel,
)

from pipelines.storage.presets import shipped

# transformer/config.json of each, where it differs from the class's own values
CONFIGURED: dict[str, tuple[type, dict[str, Any]]] = {
    "qwen-image-edit-2509": (QwenImageTransformer2DModel, {}),
    "qwen-image-edit-2511": (QwenImageTransformer2DModel, {}),
    "qwen-image-2.1": (QwenImage21Transformer2DModel, {}),
    "flux1-dev": (FluxTransformer2DModel, {"guidance_embeds": True}),
    "flux1-krea-dev": (FluxTransformer2DModel, {"guidance_embeds": True}),
    "flux2-klein-4b": (
        Flux2Transformer2DModel,
        {
            "num_layers": 5, "num_single_layers": 20, "num_attention_heads": 24, "joint_attention_dim": 7680,
            "guidance_embeds": False,
        },
    ),
}  # fmt: skip
EVERYWHERE = {name for name, model in shipped().models.items() if model.weights.hub}


def transformer(name: str) -> torch.nn.Module:
    made, values = CONFIGURED[name]
    with init_empty_weights():
        return made(**values)


def left_alone(path: str, skip: tuple[str, ...]) -> bool:
    """diffusers' rule (``_replace_with_bnb_linear``): by the module's own name, by its path, or by a part of it."""
    return path.rpartition(".")[2] in skip or any(f"{name}." in path or name == path for name in skip)


def test_every_published_model_is_here() -> None:
    assert set(CONFIGURED) == EVERYWHERE


@pytest.mark.parametrize("name", CONFIGURED)
def test_parameters_and_what_stays_in_bf16_are_counted_right(name: str) -> None:
    part, model = shipped().models[name].parts["transformer"], transformer(name)
    linear = {path: m.weight.numel() for path, m in model.named_modules() if isinstance(m, torch.nn.Linear)}
    whole = sum(p.numel() for p in model.parameters())
    quantized = sum(size for path, size in linear.items() if not left_alone(path, part.skip))
    assert part.parameters == whole
    assert part.plain == whole - quantized


@pytest.mark.parametrize("name", CONFIGURED)
def test_what_is_kept_is_there_and_stays_small(name: str) -> None:
    """A name that catches a module in every block (``proj_out`` of FLUX.1: 1.8 billion parameters) would cost GiB."""
    part, model = shipped().models[name].parts["transformer"], transformer(name)
    linear = {path: m.weight.numel() for path, m in model.named_modules() if isinstance(m, torch.nn.Linear)}
    for kept in part.skip:
        assert any(left_alone(path, (kept,)) for path in linear), kept
    assert part.plain < 0.06 * part.parameters


@pytest.mark.parametrize("name", ["qwen-image-edit-2509", "qwen-image-edit-2511"])
def test_the_editors_first_image_modulation_is_kept(name: str) -> None:
    skip = shipped().models[name].parts["transformer"].skip
    assert left_alone("transformer_blocks.0.img_mod.1", skip)
    assert not left_alone("transformer_blocks.10.img_mod.1", skip)
