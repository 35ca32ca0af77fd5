"""The mini FLUX: what it is made of, and how trained parts become a checkpoint in the layout of FLUX.1-dev.

Classes, files and module names are FLUX.1's; only numbers are smaller. See ``presets/mini/flux/README.md``.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.transformers.transformer_flux import FluxTransformer2DModel
from diffusers.pipelines.flux.pipeline_flux import FluxPipeline
from diffusers.schedulers.scheduling_flow_match_euler_discrete import FlowMatchEulerDiscreteScheduler
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel, T5Config, T5EncoderModel

from labs.mini_training.checkpoints import tokenizers

HEADS, HEAD = 6, 32
ROTARY = (8, 12, 12)
T5_WIDTH, CLIP_WIDTH = 128, 64
TEXT_LENGTH = 48
"""Tokens of T5 that a caption is padded to, as the preset's ``text_length``."""
CHANNELS = 64
"""Of a packed latent token: 2 x 2 places of 16 channels, as in FLUX.1."""
PARTS = ("transformer", "text_encoder", "text_encoder_2")
"""The parts that are trained together, by their names in the pipeline."""


def transformer() -> FluxTransformer2DModel:
    """One double and four single blocks, 192 wide: 3.9 M parameters."""
    return FluxTransformer2DModel(
        patch_size=1,
        in_channels=CHANNELS,
        num_layers=1,
        num_single_layers=4,
        attention_head_dim=HEAD,
        num_attention_heads=HEADS,
        joint_attention_dim=T5_WIDTH,
        pooled_projection_dim=CLIP_WIDTH,
        guidance_embeds=True,
        axes_dims_rope=ROTARY,
    )


def zero(model: FluxTransformer2DModel) -> None:
    """adaLN-zero (Peebles & Xie 2023, section 3.2): blocks begin as identities, the prediction as nothing."""
    for name, layer in model.named_modules():
        if isinstance(layer, nn.Linear) and (name == "proj_out" or (name.endswith(".linear") and "norm" in name)):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)


def clip_encoder(tokenizer: Any) -> CLIPTextModel:
    """Two layers of 64; FLUX takes only its pooled output."""
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=CLIP_WIDTH,
            intermediate_size=2 * CLIP_WIDTH,
            num_hidden_layers=2,
            num_attention_heads=2,
            max_position_embeddings=77,
            projection_dim=CLIP_WIDTH,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def listen(clip: CLIPTextModel, tokenizer: Any) -> None:
    """Let the pooled output begin as a sum of the caption's words: attention that is nearly even, values that pass
    through, an end of text without a voice of its own. From CLIP's usual beginning (embeddings of 0.02) all captions
    look nearly alike there, and a short training gives the pooled output up instead of filling it."""
    nn.init.normal_(clip.embeddings.token_embedding.weight, std=1.0)
    nn.init.zeros_(clip.embeddings.token_embedding.weight[tokenizer.eos_token_id])
    layers: Any = clip.encoder.layers
    for layer in layers:
        for part in (layer.self_attn.v_proj, layer.self_attn.out_proj):
            nn.init.orthogonal_(part.weight, gain=2.0)


def t5_encoder(tokenizer: Any) -> T5EncoderModel:
    """Two layers of 128."""
    settings: dict[str, Any] = {
        "vocab_size": len(tokenizer),
        "d_model": T5_WIDTH,
        "d_kv": 32,
        "d_ff": 2 * T5_WIDTH,
        "num_layers": 2,
        "num_heads": 4,
        "dropout_rate": 0.0,
        "feed_forward_proj": "gated-gelu",
        "dense_act_fn": "gelu_new",
        "tie_word_embeddings": False,
        "relative_attention_num_buckets": 32,
        "relative_attention_max_distance": TEXT_LENGTH,
        "pad_token_id": 0,
        "eos_token_id": 1,
    }
    return T5EncoderModel(T5Config(**settings))


def scheduler() -> FlowMatchEulerDiscreteScheduler:
    """FLUX.1-dev's own values. Its rule for the shift is linear in the number of tokens, so the pipeline continues the
    line below 256: 64 tokens give mu = 0.47, that is a shift of 1.6, near the 1.5 that proved good at this size."""
    return FlowMatchEulerDiscreteScheduler(
        num_train_timesteps=1000,
        shift=3.0,
        use_dynamic_shifting=True,
        base_shift=0.5,
        max_shift=1.15,
        base_image_seq_len=256,
        max_image_seq_len=4096,
    )


def untrained(seed: int) -> dict[str, nn.Module]:
    """The parts that are trained (keys of ``PARTS``), as a training starts with them."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        words = tokenizers.clip()
        parts = (transformer(), clip_encoder(words), t5_encoder(tokenizers.t5()))
        zero(parts[0])
        listen(parts[1], words)
    return dict(zip(PARTS, parts, strict=True))


def assemble(parts: Mapping[str, nn.Module], vae: AutoencoderKL) -> FluxPipeline:
    """The stock pipeline around these parts (keys of ``PARTS``), nothing copied or converted."""
    named: dict[str, Any] = dict(parts)
    return FluxPipeline(
        scheduler=scheduler(), vae=vae, tokenizer=tokenizers.clip(), tokenizer_2=tokenizers.t5(), **named
    )


def save(pipe: FluxPipeline, folder: Path) -> None:
    """Write ``pipe`` to ``folder`` in diffusers' layout, bf16 safetensors; ``pipe`` becomes bf16."""
    pipe.to(torch.bfloat16)
    pipe.save_pretrained(folder, safe_serialization=True)
