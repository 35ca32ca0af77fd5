"""What is foretold of memory beside what lives at true sizes, counted without data. No weights, no card."""

from typing import Any

import pytest
import torch
from diffusers import (
    AutoencoderKL,
    AutoencoderKLFlux2,
    AutoencoderKLQwenImage,
    AutoencoderKLQwenImage21,
    Flux2Transformer2DModel,
    FluxTransformer2DModel,
    QwenImage21Transformer2DModel,
    QwenImageTransformer2DModel,
)
from diffusers.models.transformers import transformer_qwenimage21
from diffusers.models.transformers.transformer_qwenimage21 import QwenImage21KVCache
from diffusers.training_utils import cast_training_params
from engine_helpers import family, put_in_card, shot
from live_bytes import GIB, LiveBytes, counted
from peft import LoraConfig
from safetensors.torch import save_file

from pipelines.domain.presets import Geometry, ModelFamily, TrainingSettings
from pipelines.domain.shots import Adapter, ImageRef, LoraStack
from pipelines.engine.memory import OVERHEAD, predict_render, predict_training
from pipelines.models import registry
from pipelines.models.base import TILE
from pipelines.models.driver import driver_of
from pipelines.storage.settings import Settings
from pipelines.storage.workspace import Workspace

FLUX_VAE: dict[str, Any] = {
    "block_out_channels": [128, 256, 512, 512], "down_block_types": ["DownEncoderBlock2D"] * 4,
    "up_block_types": ["UpDecoderBlock2D"] * 4, "layers_per_block": 2, "latent_channels": 16, "sample_size": 1024,
    "use_quant_conv": False, "use_post_quant_conv": False,
}  # fmt: skip
NAMES = ["flux1-dev", "flux2-klein-4b", "qwen-image-edit-2509", "qwen-image-2.1"]


@pytest.fixture(autouse=True)
def masks_have_data(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where pictures stand among words is asked by Qwen-Image 2.1 in numbers; what is computed there has none."""
    own = transformer_qwenimage21._select_modulation_rows
    monkeypatch.setattr(
        transformer_qwenimage21, "_select_modulation_rows",
        lambda rows, mask: own(rows, None if mask is None else mask.to("meta")),
    )  # fmt: skip


def vae_of(name: str) -> Any:
    """The VAE of a model by its published configuration, without data."""
    with torch.device("meta"):
        made = {
            "flux1-dev": lambda: AutoencoderKL(**FLUX_VAE),
            "flux2-klein-4b": AutoencoderKLFlux2,
            "qwen-image-edit-2509": AutoencoderKLQwenImage,
            "qwen-image-2.1": AutoencoderKLQwenImage21,
        }[name]()
    return made.bfloat16().eval()


def latents_of(name: str, width: int, height: int) -> torch.Tensor:
    frames = (1,) if name.startswith("qwen") else ()
    channels = {"flux2-klein-4b": 32, "qwen-image-2.1": 64}.get(name, 16)
    factor = family(name).factor
    return torch.empty((1, channels, *frames, height // factor, width // factor), dtype=torch.bfloat16, device="meta")


def decoding(vae: Any, name: str, width: int, height: int) -> float:
    """GiB alive at once while a picture is decoded."""
    with torch.no_grad(), counted() as found:
        vae.decode(latents_of(name, width, height), return_dict=False)
    return found.peak / GIB


def encoding(vae: Any, name: str, side: int) -> float:
    frames = (1,) if name.startswith("qwen") else ()
    colours = 4 if name == "qwen-image-2.1" else 3
    pixels = torch.empty((1, colours, *frames, side, side), dtype=torch.bfloat16, device="meta")
    with torch.no_grad(), counted() as found:
        vae.encode(pixels, return_dict=False)
    return found.peak / GIB


def foretold(name: str, workspace: Workspace, phase: str, *, gib: float = 24, **size: int) -> float:
    sources = (ImageRef(id="a", path="a"),) if "editor" in family(name).roles else ()
    wanted = shot(name, sources=sources, **size)
    seen = predict_render(family(name), [wanted], workspace, Settings(device="auto", memory_budget_gib=gib))
    return seen.phases[phase]["activations"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("width", "height"), [(512, 512), (1024, 1024), (832, 1248), (1248, 704)])
def test_decoding_takes_what_is_foretold_and_no_more(
    name: str, width: int, height: int, monkeypatch: pytest.MonkeyPatch, workspace: Workspace
) -> None:
    put_in_card(monkeypatch)
    alive = decoding(vae_of(name), name, width, height)
    said = foretold(name, workspace, "decode", width=width, height=height)
    assert alive <= said <= 1.02 * alive


@pytest.mark.parametrize("name", NAMES[1:])
def test_encoding_what_is_edited_takes_what_is_foretold(
    name: str, monkeypatch: pytest.MonkeyPatch, workspace: Workspace
) -> None:
    put_in_card(monkeypatch)
    alive = encoding(vae_of(name), name, 1024)
    assert alive <= foretold(name, workspace, "encode", width=1024, height=1024) <= 1.02 * alive


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow) if n in NAMES[1::2] else n for n in NAMES])
def test_tiles_save_memory_at_the_usual_size(name: str, monkeypatch: pytest.MonkeyPatch, workspace: Workspace) -> None:
    """The VAEs' own tiles begin above 1024 pixels: the ladder's first rung did nothing."""
    put_in_card(monkeypatch)
    vae = vae_of(name)
    whole = decoding(vae, name, 1024, 1024)

    class Tiled(driver_of(family(name))):  # type: ignore[misc]
        def __init__(self) -> None:
            self.family = family(name)

    Tiled()._tiles(vae)
    alive = decoding(vae, name, 1024, 1024)
    assert alive < 0.3 * whole
    each = registry.of(family(name)).decoded
    assert alive <= (TILE**2 * each + 8 * 1024**2) * 2 / GIB


def transformer_of(name: str) -> Any:
    made = {
        "flux1-dev": (FluxTransformer2DModel, {"guidance_embeds": True}),
        "qwen-image-edit-2509": (QwenImageTransformer2DModel, {}),
        "flux2-klein-4b": (
            Flux2Transformer2DModel,
            {
                "num_layers": 5, "num_single_layers": 20, "num_attention_heads": 24, "joint_attention_dim": 7680,
                "guidance_embeds": False,
            },
        ),
    }  # fmt: skip
    kind, values = made[name]
    with torch.device("meta"):
        return kind(**values).bfloat16().eval()


def joined(sides: list[int], words: int) -> dict[str, Any]:
    """What Qwen-Image 2.1's transformer is asked: square pictures of so many tokens a side, the last of them the one
    that is drawn, after words."""
    places = torch.zeros(1, words, dtype=torch.bool)
    slots = torch.ones(1, sum(side * side for side in sides[:-1]) // 4, dtype=torch.bool)
    target = torch.ones(1, sides[-1] ** 2 // 4, dtype=torch.bool)
    text = torch.cat([slots, places], dim=1)
    return {
        "hidden_states": empty(1, sum(side * side for side in sides), 64),
        "encoder_hidden_states": empty(1, text.shape[1], 4096), "encoder_hidden_states_mask": None,
        "img_shapes": [[(1, side, side) for side in sides]], "img_mask": torch.cat([text, target], dim=1),
    }  # fmt: skip


def empty(*shape: int, dtype: torch.dtype = torch.bfloat16) -> torch.Tensor:
    return torch.empty(shape, dtype=dtype, device="meta")


@pytest.mark.slow(seconds=4)
def test_denoising_flux_takes_no_more_than_is_foretold(monkeypatch: pytest.MonkeyPatch, workspace: Workspace) -> None:
    put_in_card(monkeypatch)
    arguments = {
        "hidden_states": empty(1, 4096, 64), "encoder_hidden_states": empty(1, 512, 4096),
        "pooled_projections": empty(1, 768), "timestep": empty(1), "guidance": empty(1, dtype=torch.float32),
        "img_ids": empty(4096, 3), "txt_ids": empty(512, 3),
    }  # fmt: skip
    model = transformer_of("flux1-dev")
    with torch.no_grad(), counted() as found:
        model(**arguments, return_dict=False)
    assert found.peak / GIB <= foretold("flux1-dev", workspace, "denoise", width=1024, height=1024)


@pytest.mark.slow(seconds=7)
def test_denoising_an_edit_takes_no_more_than_is_foretold(
    monkeypatch: pytest.MonkeyPatch, workspace: Workspace
) -> None:
    put_in_card(monkeypatch)
    model = transformer_of("qwen-image-edit-2509")
    with torch.no_grad(), counted() as found:
        model(
            hidden_states=empty(1, 8192, 64), encoder_hidden_states=empty(1, 260, 3584), timestep=empty(1),
            img_shapes=[[(1, 64, 64), (1, 64, 64)]], encoder_hidden_states_mask=None, return_dict=False,
        )  # fmt: skip
    assert found.peak / GIB <= foretold("qwen-image-edit-2509", workspace, "denoise", width=1024, height=1024)


def test_denoising_with_words_and_sources_kept_takes_no_more_than_is_foretold(
    monkeypatch: pytest.MonkeyPatch, workspace: Workspace
) -> None:
    """Qwen-Image 2.1 keeps keys and values of words and sources in all blocks: the first step, of few blocks."""
    put_in_card(monkeypatch)
    blocks, name = 4, "qwen-image-2.1"
    with torch.device("meta"):
        model = QwenImage21Transformer2DModel(num_layers=blocks).bfloat16().eval()
    kept, given = QwenImage21KVCache(blocks), joined([64, 64], 64)
    with torch.no_grad(), counted() as found:
        model(timestep=empty(1), **given, kv_cache=kept, kv_cache_mode="extract", return_dict=False)
    parts = predict_render(family(name), [shot(name, sources=(ImageRef(id="a", path="a"),), width=1024, height=1024,
                           guidance=1.0)], workspace, Settings(device="auto")).phases["denoise"]  # fmt: skip
    each = parts["words and sources"] / 32
    assert found.now / GIB == pytest.approx(blocks * each, rel=0.001)
    assert found.peak / GIB <= parts["activations"] + blocks * each


@pytest.mark.slow(seconds=6)
def test_loras_that_stay_are_foretold_and_leave_first(monkeypatch: pytest.MonkeyPatch, workspace: Workspace) -> None:
    """Up to 4 GiB of them were kept, and none was counted."""
    put_in_card(monkeypatch)
    shots = []
    for n in range(3):
        weights = {"a.lora_A.weight": torch.zeros(64, 3_000_000, dtype=torch.float16)}
        save_file(weights, workspace.path(f"{n}.safetensors"))
        stack = LoraStack(adapters=(Adapter(name=str(n), sha256=str(n), path=f"{n}.safetensors", weight=1.0),))
        shots.append(shot("flux1-dev", stack=stack, width=1024, height=1024))
    one = 64 * 3_000_000 * 2 / GIB
    roomy = predict_render(family("flux1-dev"), shots, workspace, Settings(device="auto"))
    assert roomy.phases["denoise"]["LoRAs"] == pytest.approx(3 * one)
    tight = Settings(device="auto", memory_budget_gib=roomy.peak_gib - one)
    spared = predict_render(family("flux1-dev"), shots, workspace, tight)
    assert spared.ladder == ("loras",)
    assert spared.phases["denoise"]["LoRAs"] == pytest.approx(one)
    gone = [shot("flux1-dev", stack=LoraStack(adapters=(Adapter(name="x", sha256="x", path="no", weight=1.0),)))]
    assert predict_render(family("flux1-dev"), gone, workspace, Settings(device="auto")).fits


@pytest.mark.parametrize("name", NAMES)
def test_a_smaller_card_gets_a_real_ladder(name: str, monkeypatch: pytest.MonkeyPatch, workspace: Workspace) -> None:
    """Each measure that a plan is told to take lowers a phase of it."""
    put_in_card(monkeypatch)
    wanted = shot(name, width=1024, height=1024)
    tight = predict_render(family(name), [wanted], workspace, Settings(device="auto", memory_budget_gib=1))
    prefix = ("prefix",) if registry.of(family(name)).remembered else ()
    assert tight.ladder == ("tiling", "encoders off", *prefix)
    roomy = predict_render(family(name), [wanted], workspace, Settings(device="auto"))
    assert tight.phase_gib("decode") < roomy.phase_gib("decode")
    small_shot = shot(name, width=512, height=512)
    small = predict_render(family(name), [small_shot], workspace, Settings(device="auto", memory_budget_gib=1))
    assert small.ladder == ("encoders off", *prefix)
    assert roomy.phases["load"]["overhead"] == OVERHEAD / GIB


class Flash(torch.autograd.Function):
    """Attention in one kernel, as cards compute it, with what it keeps for the way back."""

    @staticmethod
    def forward(ctx: Any, query: Any, key: Any, value: Any) -> Any:
        made = query.new_empty((*query.shape[:-1], value.shape[-1]))
        ctx.save_for_backward(query, key, value, made, query.new_empty(query.shape[:-1], dtype=torch.float32))
        return made

    @staticmethod
    def backward(ctx: Any, gradient: Any) -> Any:
        return tuple(torch.empty_like(tensor) for tensor in ctx.saved_tensors[:3])


SMALL = {
    "flux1-dev": (Geometry(width=3072, double=2, single=4), FluxTransformer2DModel, {"guidance_embeds": True}),
    "flux2-klein-4b": (
        Geometry(width=3072, double=2, single=4), Flux2Transformer2DModel,
        {"num_attention_heads": 24, "joint_attention_dim": 7680, "guidance_embeds": False},
    ),
    "qwen-image-edit-2509": (Geometry(width=3072, double=6), QwenImageTransformer2DModel, {}),
    "qwen-image-2.1": (Geometry(width=4096, double=6), QwenImage21Transformer2DModel, {}),
}  # fmt: skip


def in_training(model: ModelFamily, settings: TrainingSettings, made: tuple[Geometry, Any, dict[str, Any]]) -> Any:
    """A transformer of true width and few blocks, without data, with the LoRA of a training."""
    shape, kind, values = made
    layers = registry.of(model).linear_layers(shape)
    wanted = [n for n, *_ in layers if any(n == t or n.endswith(f".{t}") for t in model.lora_targets)]
    blocks = {"num_layers": shape.double, **({"num_single_layers": shape.single} if shape.single else {})}
    with torch.device("meta"):
        transformer = kind(**values, **blocks).bfloat16()
        transformer.requires_grad_(False)
        transformer.add_adapter(LoraConfig(r=settings.rank, target_modules=wanted, init_lora_weights=False))
    cast_training_params(transformer, dtype=torch.float32)
    if settings.gradient_checkpointing:
        transformer.enable_gradient_checkpointing()
    return transformer.train()


def step(name: str, transformer: Any, side: int, controls: int, words: int) -> None:
    """The forward and backward pass of a step: tokens of the target first, then of what is shown beside it."""
    target = side * side
    tokens = target * (1 + controls)
    if name == "flux1-dev":
        given = {
            "hidden_states": empty(1, tokens, 64), "encoder_hidden_states": empty(1, words, 4096),
            "pooled_projections": empty(1, 768), "guidance": empty(1, dtype=torch.float32),
            "img_ids": empty(tokens, 3), "txt_ids": empty(words, 3),
        }  # fmt: skip
    elif name == "flux2-klein-4b":
        given = {
            "hidden_states": empty(1, tokens, 128), "encoder_hidden_states": empty(1, words, 7680), "guidance": None,
            "img_ids": empty(1, tokens, 4), "txt_ids": empty(1, words, 4),
        }  # fmt: skip
    elif name == "qwen-image-2.1":
        out = transformer(timestep=empty(1), **joined([side] * (1 + controls), words), return_dict=False)[0]
        out[:, -target:].float().square().mean().backward()
        return
    else:
        given = {
            "hidden_states": empty(1, tokens, 64), "encoder_hidden_states": empty(1, words, 3584),
            "encoder_hidden_states_mask": None, "img_shapes": [[(1, side, side)] * (1 + controls)],
        }  # fmt: skip
    out = transformer(timestep=empty(1), **given, return_dict=False)[0]
    out[:, :target].float().square().mean().backward()


@pytest.mark.parametrize("checkpointing", [True, False])
@pytest.mark.parametrize(
    ("name", "px", "controls", "rank"),
    [
        ("flux1-dev", 512, 0, 16), ("flux1-dev", 1024, 0, 16), ("flux1-dev", 768, 0, 64),
        ("flux2-klein-4b", 512, 0, 16), ("flux2-klein-4b", 1024, 1, 16),
        ("qwen-image-edit-2509", 512, 1, 16), ("qwen-image-edit-2509", 1024, 1, 16),
        ("qwen-image-edit-2509", 768, 2, 16), ("qwen-image-edit-2509", 512, 1, 64),
        ("qwen-image-2.1", 512, 0, 16), ("qwen-image-2.1", 1024, 1, 16), ("qwen-image-2.1", 768, 1, 16),
    ],
)  # fmt: skip
def test_a_training_step_takes_what_is_foretold_and_little_less(
    name: str, px: int, controls: int, rank: int, checkpointing: bool,
    monkeypatch: pytest.MonkeyPatch, workspace: Workspace,
) -> None:  # fmt: skip
    """At true width, of few blocks: what each block adds and what one needs are both in it."""
    put_in_card(monkeypatch)
    model = family(name).model_copy(update={"geometry": SMALL[name][0]})
    settings = TrainingSettings(rank=rank, resolution=px, gradient_checkpointing=checkpointing)
    transformer = in_training(model, settings, SMALL[name])
    monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", lambda query, key, value, *a, **k:
                        Flash.apply(query, key, value))  # fmt: skip
    side, words = px // (model.factor * registry.of(model).patch), registry.of(model).text_tokens(model, controls)
    with LiveBytes() as found:
        step(name, transformer, side, controls, words)
    said = predict_training(model, settings, workspace, Settings(device="auto"), controls).phases["train"][
        "activations"
    ]
    assert found.peak / GIB <= said <= 1.1 * found.peak / GIB
