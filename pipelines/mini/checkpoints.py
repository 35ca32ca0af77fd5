"""Small checkpoints in the exact layout of FLUX.1-dev and Qwen-Image-Edit-2509, built here in seconds from a seed.

They are untrained: their pictures are patterns that depend on seed, prompt and sources. What matters is that every
file, class, module name and tensor shape ratio is that of the real thing (16 latent channels, 64 packed channels; but
VAE factor 4), so that all code that runs on them runs on the real ones.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.autoencoders.autoencoder_kl_qwenimage import AutoencoderKLQwenImage
from diffusers.models.transformers.transformer_flux import FluxTransformer2DModel
from diffusers.models.transformers.transformer_qwenimage import QwenImageTransformer2DModel
from diffusers.pipelines.flux.pipeline_flux import FluxPipeline
from diffusers.pipelines.qwenimage.pipeline_qwenimage_edit_plus import QwenImageEditPlusPipeline
from diffusers.schedulers.scheduling_flow_match_euler_discrete import FlowMatchEulerDiscreteScheduler
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2VLImageProcessor,
    Qwen2VLProcessor,
    Qwen2VLVideoProcessor,
    T5Config,
    T5EncoderModel,
)

from pipelines.mini import tokenizers

WIDTH = 64
HEADS = 4
HEAD = WIDTH // HEADS
ROTARY = (HEAD // 4, HEAD * 3 // 8, HEAD * 3 // 8)
LATENT_CHANNELS = 16
# Standard deviation of decoded pictures (range -1..1) and of predicted velocities: lively, few clipped pixels.
CONTRAST = 0.45
VELOCITY = 1.2
VOICE = 12.0


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Everything random inside comes from ``seed``; the caller's generator is left as it was."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        yield


def _scale_output(layer: Any, values: torch.Tensor, wanted: float) -> None:
    """Scale the last layer so that what gave ``values`` has the standard deviation ``wanted`` and mean zero a channel.

    ``values`` has channels at dimension 1. An untrained decoder is nearly flat grey without this.
    """
    axes = [axis for axis in range(values.ndim) if axis != 1]
    spread = values.std(dim=axes)
    shape = [-1] + [1] * (layer.weight.ndim - 1)
    layer.weight.mul_((wanted / spread).reshape(shape))
    layer.bias.copy_((layer.bias - values.mean(dim=axes)) * wanted / spread)


def _raise_voice(transformer: Any) -> None:
    """Let the text's values weigh more in joint attention: untrained, all prompts would give nearly one picture."""
    for block in transformer.transformer_blocks:
        block.attn.add_v_proj.weight.mul_(VOICE)


# ---------------------------------------------------------------------------------------------------------- mini-flux


def _clip_encoder(tokenizer: Any) -> CLIPTextModel:
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=WIDTH,
            intermediate_size=2 * WIDTH,
            num_hidden_layers=2,
            num_attention_heads=HEADS,
            max_position_embeddings=77,
            projection_dim=WIDTH,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def _t5_encoder(tokenizer: Any) -> T5EncoderModel:
    settings: dict[str, Any] = {
        "vocab_size": len(tokenizer),
        "d_model": WIDTH,
        "d_kv": HEAD,
        "d_ff": 2 * WIDTH,
        "num_layers": 2,
        "num_heads": HEADS,
        "feed_forward_proj": "gated-gelu",
        "dense_act_fn": "gelu_new",
        "tie_word_embeddings": False,
        "pad_token_id": 0,
        "eos_token_id": 1,
    }
    return T5EncoderModel(T5Config(**settings))


def _flux_vae() -> AutoencoderKL:
    blocks: dict[str, Any] = {
        "block_out_channels": (8, 16, 16),
        "down_block_types": ("DownEncoderBlock2D",) * 3,
        "up_block_types": ("UpDecoderBlock2D",) * 3,
    }
    vae = AutoencoderKL(
        **blocks,
        layers_per_block=1,
        latent_channels=LATENT_CHANNELS,
        norm_num_groups=4,
        sample_size=1024,
        scaling_factor=0.3611,
        shift_factor=0.1159,
        use_quant_conv=False,
        use_post_quant_conv=False,
        force_upcast=True,
    )
    latents = torch.randn(4, LATENT_CHANNELS, 16, 16) / 0.3611 + 0.1159
    _scale_output(vae.decoder.conv_out, vae.decode(latents).sample, CONTRAST)  # type: ignore[union-attr]
    return vae


def _flux_transformer() -> FluxTransformer2DModel:
    return FluxTransformer2DModel(
        patch_size=1,
        in_channels=4 * LATENT_CHANNELS,
        num_layers=2,
        num_single_layers=2,
        attention_head_dim=HEAD,
        num_attention_heads=HEADS,
        joint_attention_dim=WIDTH,
        pooled_projection_dim=WIDTH,
        guidance_embeds=True,
        axes_dims_rope=ROTARY,
    )


def _enliven_flux(transformer: Any) -> None:
    """Give the predicted velocity unit size, and the text a strong say in it."""
    _raise_voice(transformer)
    tokens = 64
    ids = torch.zeros(tokens, 3)
    ids[:, 1], ids[:, 2] = torch.arange(tokens) // 8, torch.arange(tokens) % 8
    out = transformer(
        hidden_states=torch.randn(4, tokens, 4 * LATENT_CHANNELS),
        encoder_hidden_states=torch.randn(4, 16, WIDTH),
        pooled_projections=torch.randn(4, WIDTH),
        timestep=torch.full((4,), 0.5),
        guidance=torch.full((4,), 3.5),
        img_ids=ids,
        txt_ids=torch.zeros(16, 3),
    ).sample
    _scale_output(transformer.proj_out, out.transpose(1, 2), VELOCITY)


def _flux_scheduler() -> FlowMatchEulerDiscreteScheduler:
    """The values of FLUX.1-dev."""
    return FlowMatchEulerDiscreteScheduler(
        num_train_timesteps=1000,
        shift=3.0,
        use_dynamic_shifting=True,
        base_shift=0.5,
        max_shift=1.15,
        base_image_seq_len=256,
        max_image_seq_len=4096,
    )


def build_flux(folder: Path, seed: int = 20) -> None:
    """Write a FLUX.1 checkpoint of about 0.9 M parameters, bf16, to ``folder``."""
    with _seeded(seed):
        clip, t5 = tokenizers.clip(), tokenizers.t5()
        transformer = _flux_transformer()
        _enliven_flux(transformer)
        pipe = FluxPipeline(
            scheduler=_flux_scheduler(),
            vae=_flux_vae(),
            text_encoder=_clip_encoder(clip),
            tokenizer=clip,
            text_encoder_2=_t5_encoder(t5),
            tokenizer_2=t5,
            transformer=transformer,
        )
        pipe.to(torch.bfloat16)
        pipe.save_pretrained(folder, safe_serialization=True)


# ----------------------------------------------------------------------------------------------------- mini-qwen-edit


def _qwen_encoder(tokenizer: Any) -> Qwen2_5_VLForConditionalGeneration:
    ids = {token: tokenizer.convert_tokens_to_ids(token) for token in tokenizers.QWEN_SPECIAL}
    text = {
        "vocab_size": len(tokenizer),
        "hidden_size": WIDTH,
        "intermediate_size": 2 * WIDTH,
        "num_hidden_layers": 2,
        "num_attention_heads": HEADS,
        "num_key_value_heads": HEADS // 2,
        "max_position_embeddings": 32768,
        "rms_norm_eps": 1e-6,
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": 1e6,
            "mrope_section": [HEAD // 8, HEAD * 3 // 16, HEAD * 3 // 16],
        },
        "bos_token_id": ids["<|endoftext|>"],
        "eos_token_id": ids["<|im_end|>"],
        "pad_token_id": ids["<|endoftext|>"],
    }
    vision = {
        "depth": 2,
        "hidden_size": WIDTH,
        "intermediate_size": 2 * WIDTH,
        "num_heads": HEADS,
        "in_channels": 3,
        "patch_size": 14,
        "spatial_merge_size": 2,
        "temporal_patch_size": 2,
        "window_size": 112,
        "fullatt_block_indexes": [1],
        "out_hidden_size": WIDTH,
    }
    config = Qwen2_5_VLConfig(
        text_config=text,
        vision_config=vision,
        image_token_id=ids["<|image_pad|>"],
        video_token_id=ids["<|video_pad|>"],
        vision_start_token_id=ids["<|vision_start|>"],
        vision_end_token_id=ids["<|vision_end|>"],
        tie_word_embeddings=False,
    )
    return Qwen2_5_VLForConditionalGeneration(config)


def _qwen_processor(tokenizer: Any) -> Qwen2VLProcessor:
    return Qwen2VLProcessor(
        image_processor=Qwen2VLImageProcessor(min_pixels=3136, max_pixels=12845056),
        tokenizer=tokenizer,
        video_processor=Qwen2VLVideoProcessor(),
        chat_template="{% for m in messages %}{{ m['content'] }}{% endfor %}",
    )


def _qwen_vae() -> AutoencoderKLQwenImage:
    vae = AutoencoderKLQwenImage(
        base_dim=8,
        z_dim=LATENT_CHANNELS,
        dim_mult=[1, 2, 2],
        num_res_blocks=1,
        attn_scales=[],
        temperal_downsample=[False, True],
        latents_mean=[0.0] * LATENT_CHANNELS,
        latents_std=[1.0] * LATENT_CHANNELS,
    )
    _scale_output(vae.decoder.conv_out, vae.decode(torch.randn(4, LATENT_CHANNELS, 1, 16, 16)).sample, CONTRAST)  # type: ignore[union-attr]
    means = vae.encode(torch.randn(4, 3, 1, 64, 64).clamp(-1, 1)).latent_dist.mode()  # type: ignore[union-attr]
    # The encoder gives means and log variances, and a point convolution follows it: that one sets the latents' size.
    _scale_rows(vae.quant_conv, means, LATENT_CHANNELS)
    return vae


def _scale_rows(layer: Any, values: torch.Tensor, rows: int) -> None:
    """Give the first ``rows`` output channels of ``layer`` unit size."""
    factor = 1 / values.std()
    layer.weight[:rows].mul_(factor)
    layer.bias[:rows].mul_(factor)


def _qwen_transformer() -> QwenImageTransformer2DModel:
    return QwenImageTransformer2DModel(
        patch_size=2,
        in_channels=4 * LATENT_CHANNELS,
        out_channels=LATENT_CHANNELS,
        num_layers=2,
        attention_head_dim=HEAD,
        num_attention_heads=HEADS,
        joint_attention_dim=WIDTH,
        axes_dims_rope=ROTARY,
    )


def _enliven_qwen(transformer: Any) -> None:
    _raise_voice(transformer)
    out = transformer(
        hidden_states=torch.randn(4, 128, 4 * LATENT_CHANNELS),
        encoder_hidden_states=torch.randn(4, 16, WIDTH),
        encoder_hidden_states_mask=None,
        timestep=torch.full((4,), 0.5),
        img_shapes=[[(1, 8, 8), (1, 8, 8)]] * 4,
    ).sample
    _scale_output(transformer.proj_out, out.transpose(1, 2), VELOCITY)


def _qwen_scheduler() -> FlowMatchEulerDiscreteScheduler:
    """The values of Qwen-Image-Edit-2509."""
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


def build_qwen_edit(folder: Path, seed: int = 25) -> None:
    """Write a Qwen-Image-Edit-2509 checkpoint of about 1 M parameters, bf16, to ``folder``."""
    with _seeded(seed):
        tokenizer = tokenizers.qwen()
        transformer = _qwen_transformer()
        _enliven_qwen(transformer)
        pipe = QwenImageEditPlusPipeline(
            scheduler=_qwen_scheduler(),
            vae=_qwen_vae(),
            text_encoder=_qwen_encoder(tokenizer),
            tokenizer=tokenizer,
            processor=_qwen_processor(tokenizer),
            transformer=transformer,
        )
        pipe.to(torch.bfloat16)
        pipe.save_pretrained(folder, safe_serialization=True)


RECIPES: dict[str, Callable[[Path], None]] = {"mini-flux": build_flux, "mini-qwen-edit": build_qwen_edit}
"""How to build the weights of a family whose preset names a recipe: writes a diffusers folder."""
