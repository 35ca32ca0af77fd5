"""The two small VAEs, untrained: factor 4, 16 latent channels, in the classes of FLUX.1 and Qwen-Image."""

from typing import Any

from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.autoencoders.autoencoder_kl_qwenimage import AutoencoderKLQwenImage

LATENT_CHANNELS = 16
SIZE = 64
"""Pixels of a side of the pictures that both are taught with."""
_LEVELS = (24, 48, 64)


def flux() -> AutoencoderKL:
    """About 0.9 M parameters. No attention: 16 x 16 latents of a picture are near enough to each other."""
    blocks: dict[str, Any] = {
        "block_out_channels": _LEVELS,
        "down_block_types": ("DownEncoderBlock2D",) * len(_LEVELS),
        "up_block_types": ("UpDecoderBlock2D",) * len(_LEVELS),
    }
    return AutoencoderKL(
        **blocks,
        layers_per_block=1,
        latent_channels=LATENT_CHANNELS,
        norm_num_groups=8,
        sample_size=SIZE,
        scaling_factor=1.0,
        shift_factor=0.0,
        use_quant_conv=False,
        use_post_quant_conv=False,
        force_upcast=False,
        mid_block_add_attention=False,
    )


def qwen() -> AutoencoderKLQwenImage:
    """About 1.4 M parameters, of which a third is at work on a picture: its convolutions also see earlier frames."""
    return AutoencoderKLQwenImage(
        base_dim=16,
        z_dim=LATENT_CHANNELS,
        dim_mult=[1, 2, 3],
        num_res_blocks=1,
        attn_scales=[],
        temperal_downsample=[False, True],
        latents_mean=[0.0] * LATENT_CHANNELS,
        latents_std=[1.0] * LATENT_CHANNELS,
    )
