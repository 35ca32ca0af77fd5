"""Parts of a pipeline in files of other programs: by which names a file is known to hold one, what it must hold, and
where its tensors go. Without torch; each architecture says it of its own parts (``Architecture.files``)."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from pipelines.models.base import Architecture, Sizes

Config = Mapping[str, Any]


@dataclass(frozen=True)
class Piece:
    """Where (a slice of) a tensor goes: its name in the library, and which rows (``first`` to before ``last``;
    ``None``: all). ``swapped``: the halves of the rows stand the other way round in the file."""

    name: str
    first: int = 0
    last: int | None = None
    swapped: bool = False


Pieces = Callable[[str], tuple[Piece, ...] | None]
"""Where a tensor of a file goes; None: it has the library's own name, or none."""


def as_named(name: str) -> tuple[Piece, ...] | None:
    """For parts whose tensors files call as the library does."""
    del name


@dataclass(frozen=True)
class PartFile:
    """``marks``: a file holds this part if it has a tensor of one of these names, whatever stands before it.
    ``sizes``: layers that the part has by its config, with inputs and outputs, by the library's names; ``published`` is
    what the first published config says. ``spelled`` turns what some files call a layer into what ``sizes`` calls
    it."""

    part: str
    what: str
    marks: tuple[str, ...]
    published: Config
    sizes: Callable[[Config], Sizes]
    pieces: Callable[[Config], Pieces] = lambda config: as_named
    spelled: Callable[[str], str] = lambda name: name


def renamed(rules: Mapping[str, str | Callable[[re.Match[str]], str]]) -> Pieces:
    """Names by rules: of those whose pattern is found, each is applied in turn."""
    compiled = [(re.compile(pattern), to) for pattern, to in rules.items()]

    def pieces(name: str) -> tuple[Piece, ...] | None:
        for pattern, to in compiled:
            name = pattern.sub(to, name)
        return (Piece(name),)

    return pieces


_DOUBLE, _END = r"^double_blocks\.(\d+)\.", r"\.norm\.(q|k)\w+_norm\.(scale|weight)$"
_NORM = {
    f"{_DOUBLE}img_attn{_END}": r"transformer_blocks.\1.attn.norm_\2.weight",
    f"{_DOUBLE}txt_attn{_END}": r"transformer_blocks.\1.attn.norm_added_\2.weight",
    rf"^single_blocks\.(\d+){_END}": r"single_transformer_blocks.\1.attn.norm_\2.weight",
}


def transformer(architecture: Architecture, *marks: str) -> PartFile:
    """The transformer: its layers are those that LoRA files name, and so are their other names."""

    def pieces(config: Config) -> Pieces:
        layers, table = architecture.modules(config), dict[str, tuple[Piece, ...]]()
        for spelled, places in architecture.spellings(config):
            if all(place.module in layers for place in places):
                for end in (".weight", ".bias"):
                    found = (Piece(p.module + end, p.first, p.last, p.swapped) for p in places)
                    table[spelled + end] = tuple(found)
        norms = renamed(_NORM)
        return lambda name: table.get(name) or (norms(name) if "_norm." in name else None)

    return PartFile("transformer", "transformer", marks, architecture.config, architecture.modules, pieces)


def clip(architecture: Architecture, part: str) -> PartFile:
    """CLIP's text encoder."""
    marks = ("text_model.encoder.layers.0.self_attn.q_proj.weight",)
    return PartFile(
        part, "CLIP", marks, architecture.encoders[part], partial(architecture.encoder_modules, part),
        spelled=lambda name: name.removeprefix("text_model."),
    )  # fmt: skip


def t5(architecture: Architecture, part: str) -> PartFile:
    """T5's encoder."""
    marks = ("encoder.block.0.layer.0.SelfAttention.q.weight",)
    return PartFile(part, "T5", marks, architecture.encoders[part], partial(architecture.encoder_modules, part))


def latent_diffusion_vae(published: Config) -> PartFile:
    """The autoencoder of the latent diffusion code, as ``ae.safetensors`` has it, or as diffusers calls it."""

    def pieces(config: Config) -> Pieces:
        last = len(config["block_out_channels"]) - 1
        return renamed(
            {
                r"^encoder\.down\.(\d+)\.block\.": r"encoder.down_blocks.\1.resnets.",
                r"^encoder\.down\.(\d+)\.downsample\.": r"encoder.down_blocks.\1.downsamplers.0.",
                r"^decoder\.up\.(\d+)\.block\.": lambda m: f"decoder.up_blocks.{last - int(m[1])}.resnets.",
                r"^decoder\.up\.(\d+)\.upsample\.": lambda m: f"decoder.up_blocks.{last - int(m[1])}.upsamplers.0.",
                r"\.mid\.block_([12])\.": lambda m: f".mid_block.resnets.{int(m[1]) - 1}.",
                r"\.mid\.attn_1\.norm\.": ".mid_block.attentions.0.group_norm.",
                r"\.mid\.attn_1\.([qkv])\.": r".mid_block.attentions.0.to_\1.",
                r"\.mid\.attn_1\.proj_out\.": ".mid_block.attentions.0.to_out.0.",
                r"\.nin_shortcut\.": ".conv_shortcut.",
                r"^(encoder|decoder)\.norm_out\.": r"\1.conv_norm_out.",
            }
        )

    def sizes(config: Config) -> Sizes:
        return {"decoder.conv_in": (config["latent_channels"], config["block_out_channels"][-1])}

    # with three or more levels: two of Stable Diffusion's have them, too, and are told by their sizes
    marks = ("decoder.up.0.block.0.conv1.weight", "decoder.up_blocks.0.resnets.0.norm1.weight")
    return PartFile("vae", "autoencoder", marks, published, sizes, pieces)


def wan_vae(published: Config) -> PartFile:
    """The autoencoder of Wan and Qwen-Image, as their own code calls it, or as diffusers does."""

    def pieces(config: Config) -> Pieces:
        level = config["num_res_blocks"] + 2  # its residual blocks, and what makes the next level's size

        def up(match: re.Match[str]) -> str:
            n, k = divmod(int(match[1]), level)
            return f"decoder.up_blocks.{n}." + ("upsamplers.0." if k == level - 1 else f"resnets.{k}.")

        return renamed(
            {
                r"^conv1\.": "quant_conv.",
                r"^conv2\.": "post_quant_conv.",
                r"^(encoder|decoder)\.conv1\.": r"\1.conv_in.",
                r"\.head\.0\.": ".norm_out.",
                r"\.head\.2\.": ".conv_out.",
                r"\.middle\.0\.": ".mid_block.resnets.0.",
                r"\.middle\.1\.": ".mid_block.attentions.0.",
                r"\.middle\.2\.": ".mid_block.resnets.1.",
                r"^encoder\.downsamples\.": "encoder.down_blocks.",
                r"^decoder\.upsamples\.(\d+)\.": up,
                r"\.residual\.0\.": ".norm1.",
                r"\.residual\.2\.": ".conv1.",
                r"\.residual\.3\.": ".norm2.",
                r"\.residual\.6\.": ".conv2.",
                r"\.shortcut\.": ".conv_shortcut.",
            }
        )

    def sizes(config: Config) -> Sizes:
        return {"decoder.conv_in": (config["z_dim"], config["base_dim"] * config["dim_mult"][-1])}

    marks = ("decoder.upsamples.0.residual.2.weight", "decoder.up_blocks.0.resnets.0.norm1.gamma")
    return PartFile("vae", "autoencoder", marks, published, sizes, pieces)


def qwen_vl(published: Config) -> PartFile:
    """Qwen2.5-VL, whose language side has the sizes that tell it."""

    def sizes(config: Config) -> Sizes:
        told = config.get("text_config") or config
        width, inner, heads = told["hidden_size"], told["intermediate_size"], told["num_attention_heads"]
        few = width // heads * told["num_key_value_heads"]
        layers: dict[str, tuple[int, int]] = {}
        for n in range(told["num_hidden_layers"]):
            layer = f"model.layers.{n}"
            layers |= {f"{layer}.self_attn.{p}_proj": (width, few if p in "kv" else width) for p in "qkvo"}
            layers |= {f"{layer}.mlp.{p}_proj": (width, inner) for p in ("gate", "up")}
            layers[f"{layer}.mlp.down_proj"] = inner, width
        return layers

    def spelled(name: str) -> str:
        return name.replace("model.language_model.", "model.").replace("model.visual.", "visual.")

    marks = ("visual.blocks.0.attn.qkv.weight",)
    return PartFile("text_encoder", "Qwen2.5-VL", marks, published, sizes, spelled=spelled)
