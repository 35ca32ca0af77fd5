"""The mini Qwen-Image-Edit: what it is made of, and how trained parts become a checkpoint in the layout of
Qwen-Image-Edit-2509.

Classes, files and module names are the real ones; only numbers are smaller. See ``presets/mini/qwen-edit/README.md``.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl_qwenimage import AutoencoderKLQwenImage
from diffusers.models.transformers.transformer_qwenimage import QwenImageTransformer2DModel
from diffusers.pipelines.qwenimage.pipeline_qwenimage_edit_plus import QwenImageEditPlusPipeline
from diffusers.schedulers.scheduling_flow_match_euler_discrete import FlowMatchEulerDiscreteScheduler
from torch import nn
from transformers import (
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2VLImageProcessor,
    Qwen2VLProcessor,
    Qwen2VLVideoProcessor,
)

from labs.mini_training.checkpoints import tokenizers

HEADS, HEAD = 5, 32
ROTARY = (8, 12, 12)
TEXT_WIDTH, VISION_WIDTH = 128, 64
CHANNELS = 64
"""Of a packed latent token: 2 x 2 places of 16 channels, as in the real model."""
PATCH = 14
PARTS = ("transformer", "text_encoder")
"""The parts that are trained together, by their names in the pipeline."""


def transformer() -> QwenImageTransformer2DModel:
    """Four blocks, 160 wide: 3.9 M parameters."""
    return QwenImageTransformer2DModel(
        patch_size=2,
        in_channels=CHANNELS,
        out_channels=CHANNELS // 4,
        num_layers=4,
        attention_head_dim=HEAD,
        num_attention_heads=HEADS,
        joint_attention_dim=TEXT_WIDTH,
        axes_dims_rope=ROTARY,
    )


def zero(model: QwenImageTransformer2DModel) -> None:
    """adaLN-zero (Peebles & Xie 2023, section 3.2): blocks begin as identities, the prediction as nothing."""
    for name, layer in model.named_modules():
        if isinstance(layer, nn.Linear) and ("_mod." in name or name in ("proj_out", "norm_out.linear")):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)


def text_encoder_config(tokenizer: Any) -> dict[str, Any]:
    """Two layers of 128 over the words, two of 64 over patches of 14 px, four of which become one word."""
    ids = {token: tokenizer.convert_tokens_to_ids(token) for token in tokenizers.QWEN_SPECIAL}
    text = {
        "vocab_size": len(tokenizer),
        "hidden_size": TEXT_WIDTH,
        "intermediate_size": 2 * TEXT_WIDTH,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 32768,
        "rms_norm_eps": 1e-6,
        "rope_parameters": {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [4, 6, 6]},
        "bos_token_id": ids["<|endoftext|>"],
        "eos_token_id": ids["<|im_end|>"],
        "pad_token_id": ids["<|endoftext|>"],
    }
    vision = {
        "depth": 2,
        "hidden_size": VISION_WIDTH,
        "intermediate_size": 2 * VISION_WIDTH,
        "num_heads": 2,
        "in_channels": 3,
        "patch_size": PATCH,
        "spatial_merge_size": 2,
        "temporal_patch_size": 2,
        "window_size": 112,
        "fullatt_block_indexes": [1],
        "out_hidden_size": TEXT_WIDTH,
    }
    return {
        "text_config": text,
        "vision_config": vision,
        "image_token_id": ids["<|image_pad|>"],
        "video_token_id": ids["<|video_pad|>"],
        "vision_start_token_id": ids["<|vision_start|>"],
        "vision_end_token_id": ids["<|vision_end|>"],
        "tie_word_embeddings": False,
    }


def text_encoder(tokenizer: Any) -> Qwen2_5_VLForConditionalGeneration:
    """The mini editor's text encoder, as a training starts with it."""
    return Qwen2_5_VLForConditionalGeneration(Qwen2_5_VLConfig(**text_encoder_config(tokenizer)))


def processor(tokenizer: Any) -> Qwen2VLProcessor:
    """Pictures to patches and words to numbers, with the values of Qwen2.5-VL."""
    return Qwen2VLProcessor(
        image_processor=Qwen2VLImageProcessor(min_pixels=3136, max_pixels=12845056),
        tokenizer=tokenizer,
        video_processor=Qwen2VLVideoProcessor(),
        chat_template="{% for m in messages %}{{ m['content'] }}{% endfor %}",
    )


def scheduler() -> FlowMatchEulerDiscreteScheduler:
    """Qwen-Image-Edit-2509's own values; for 64 tokens they give mu = 0.49."""
    return FlowMatchEulerDiscreteScheduler(
        num_train_timesteps=1000,
        shift=1.0,
        use_dynamic_shifting=True,
        base_shift=0.5,
        max_shift=0.9,
        base_image_seq_len=256,
        max_image_seq_len=8192,
        shift_terminal=0.02,
        time_shift_type="exponential",
    )


def untrained(seed: int) -> dict[str, nn.Module]:
    """The parts that are trained (keys of ``PARTS``), as a training starts with them."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        parts = (transformer(), text_encoder(tokenizers.qwen()))
        zero(parts[0])
    return dict(zip(PARTS, parts, strict=True))


def assemble(parts: Mapping[str, nn.Module], vae: AutoencoderKLQwenImage) -> QwenImageEditPlusPipeline:
    """The stock pipeline around these parts (keys of ``PARTS``), nothing copied or converted."""
    tokenizer, named = tokenizers.qwen(), dict[str, Any](parts)
    return QwenImageEditPlusPipeline(
        scheduler=scheduler(), vae=vae, tokenizer=tokenizer, processor=processor(tokenizer), **named
    )


def save(pipe: QwenImageEditPlusPipeline, folder: Path) -> None:
    """Write ``pipe`` to ``folder`` in diffusers' layout, bf16 safetensors; ``pipe`` becomes bf16."""
    pipe.to(torch.bfloat16)
    pipe.save_pretrained(folder, safe_serialization=True)
