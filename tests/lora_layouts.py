"""LoRA files in the layouts that trainers publish, written after their own naming rules and not after ours.

A layout takes random halves by module and gives the tensors of a file, and what each module's weights become.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

Tensors = dict[str, Tensor]
Sizes = dict[str, tuple[int, int]]
RANK, ALPHA = 2, 3.0
SIDES = {
    "img": ("attn.to_q", "attn.to_k", "attn.to_v", "attn.to_out.0", "ff", "norm1.linear"),
    "txt": ("attn.add_q_proj", "attn.add_k_proj", "attn.add_v_proj", "attn.to_add_out", "ff_context",
            "norm1_context.linear"),
}  # fmt: skip
OUTER = {
    "img_in": "x_embedder",
    "txt_in": "context_embedder",
    "time_in.in_layer": "time_text_embed.timestep_embedder.linear_1",
    "time_in.out_layer": "time_text_embed.timestep_embedder.linear_2",
    "vector_in.in_layer": "time_text_embed.text_embedder.linear_1",
    "vector_in.out_layer": "time_text_embed.text_embedder.linear_2",
    "guidance_in.in_layer": "time_text_embed.guidance_embedder.linear_1",
    "guidance_in.out_layer": "time_text_embed.guidance_embedder.linear_2",
    "final_layer.linear": "proj_out",
    "final_layer.adaLN_modulation.1": "norm_out.linear",
}


@dataclass
class File:
    """A LoRA file in the making. ``deltas``: what is added to each module's weights, by ``part.module``; ``biases``
    likewise; ``magnitudes`` of DoRA. ``refused``: the words that such a file is refused with."""

    tensors: Tensors = field(default_factory=dict)
    deltas: Tensors = field(default_factory=dict)
    biases: Tensors = field(default_factory=dict)
    magnitudes: Tensors = field(default_factory=dict)
    refused: str = ""


@dataclass(frozen=True)
class Model:
    """Linear layers of the parts of a model, and their weights where a layout needs them (DoRA)."""

    parts: dict[str, Sizes]
    double: int
    single: int = 0
    weights: Callable[[str], Tensor] | None = None

    @property
    def transformer(self) -> Sizes:
        return self.parts["transformer"]


Layout = Callable[[Model], File]


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)) * 0.2


def original_names(model: Model, split: bool = False) -> Iterator[tuple[str, list[str]]]:
    """FLUX.1's layers as Black Forest Labs' code calls them, and the modules of diffusers they stand for, in the order
    of their outputs. ``split``: as OneTrainer's files of 2025 have them, fused layers in numbered parts."""
    for n in range(model.double):
        own, theirs = f"double_blocks.{n}", f"transformer_blocks.{n}"
        for side, (q, k, v, out, ff, mod) in SIDES.items():
            fused = [f"{theirs}.{p}" for p in (q, k, v)]
            yield from _fused(f"{own}.{side}_attn.qkv", fused, split)
            yield f"{own}.{side}_attn.proj", [f"{theirs}.{out}"]
            yield f"{own}.{side}_mlp.0", [f"{theirs}.{ff}.net.0.proj"]
            yield f"{own}.{side}_mlp.2", [f"{theirs}.{ff}.net.2"]
            yield f"{own}.{side}_mod.lin", [f"{theirs}.{mod}"]
    for n in range(model.single):
        own, theirs = f"single_blocks.{n}", f"single_transformer_blocks.{n}"
        inputs = [f"{theirs}.{p}" for p in ("attn.to_q", "attn.to_k", "attn.to_v", "proj_mlp")]
        yield from _fused(f"{own}.linear1", inputs, split)
        yield f"{own}.linear2", [f"{theirs}.proj_out"]
        yield f"{own}.modulation.lin", [f"{theirs}.norm.linear"]
    yield from ((original + (".proj" if split and original == "img_in" else ""), [name])
                for original, name in OUTER.items())  # fmt: skip


def _fused(name: str, modules: list[str], split: bool) -> Iterator[tuple[str, list[str]]]:
    if split:
        yield from ((f"{name}.{n}", [module]) for n, module in enumerate(modules))
    else:
        yield name, modules


def own_names(model: Model) -> Iterator[tuple[str, list[str]]]:
    """Every linear layer of the transformer as diffusers calls it."""
    yield from ((name, [name]) for name in model.transformer)


def flat(name: str) -> str:
    return name.replace(".", "_")


# ---- low-rank halves


def put(file: File, key: str, model: Model, modules: list[str], names: tuple[str, str], alpha: float | None,
        part: str = "transformer", cast: torch.dtype = torch.float32, swapped: bool = False) -> None:  # fmt: skip
    """One layer: its halves under ``names``, its alpha, and what becomes of the modules."""
    sizes = [model.parts[part][m] for m in modules]
    seed = len(file.tensors)
    down = drawn(RANK, sizes[0][0], seed=seed).to(cast)
    up = drawn(sum(out for _, out in sizes), RANK, seed=seed + 1).to(cast)
    file.tensors |= {f"{key}.{names[0]}": down, f"{key}.{names[1]}": up}
    if alpha is not None:
        file.tensors[f"{key}.alpha"] = torch.tensor(alpha)
    whole = up.float() @ down.float() * (1.0 if alpha is None else alpha / RANK)
    if swapped:
        whole = torch.cat(whole.chunk(2)[::-1])
    deltas = whole.split([out for _, out in sizes])
    file.deltas |= {f"{part}.{m}": delta for m, delta in zip(modules, deltas, strict=True)}


AB, DOWN_UP = ("lora_A.weight", "lora_B.weight"), ("lora_down.weight", "lora_up.weight")


def of_own_names(prefix: str, names: tuple[str, str] = AB, alpha: float | None = None, **options) -> Layout:
    def make(model: Model) -> File:
        file = File()
        for name, modules in own_names(model):
            put(file, prefix + name, model, modules, names, alpha, **options)
        return file

    return make


def of_flat_names(prefix: str, encoders: dict[str, str] | None = None) -> Layout:
    """OneTrainer's until 2025 and musubi's: diffusers' names with underscores."""

    def make(model: Model) -> File:
        file = File()
        for name, modules in own_names(model):
            put(file, prefix + flat(name), model, modules, DOWN_UP, ALPHA)
        text(file, model, encoders or {}, flattened=True)
        return file

    return make


def text(file: File, model: Model, encoders: dict[str, str], flattened: bool) -> None:
    """Layers of the text encoders: part to prefix. CLIP's are called as transformers called them before version 5."""
    for part, prefix in encoders.items():
        for module in model.parts[part]:
            name = f"text_model.{module}" if part == "text_encoder" else module
            key = f"{prefix}_{flat(name)}" if flattened else f"{prefix}.{name}"
            put(file, key, model, [module], DOWN_UP, ALPHA, part=part)


def of_original_names(prefix: str, names: tuple[str, str] = AB, alpha: float | None = None, *, flattened: bool = False,
                      split: bool = False, encoders: dict[str, str] | None = None, **options) -> Layout:  # fmt: skip
    def make(model: Model) -> File:
        file = File()
        for name, modules in original_names(model, split):
            swapped = name == "final_layer.adaLN_modulation.1"
            key = prefix + (flat(name) if flattened else name)
            put(file, key, model, modules, names, alpha, swapped=swapped, **options)
        text(file, model, encoders or {}, flattened)
        return file

    return make


def xlabs(model: Model) -> File:
    """Projections of the attention only."""
    file, halves = File(), ("down.weight", "up.weight")
    for n in range(model.double):
        for number, (q, k, v, out, _, _) in enumerate(SIDES.values(), 1):
            own, theirs = f"double_blocks.{n}.processor", f"transformer_blocks.{n}"
            put(file, f"{own}.qkv_lora{number}", model, [f"{theirs}.{p}" for p in (q, k, v)], halves, None)
            put(file, f"{own}.proj_lora{number}", model, [f"{theirs}.{out}"], halves, None)
    return file


def with_metadata_free_names(model: Model) -> File:
    """PEFT's own files name the adapter."""
    return of_own_names("transformer.", ("lora_A.default.weight", "lora_B.default.weight"))(model)


# ---- other methods


def lokr(prefix: str, names: Callable[[Model], Iterator[tuple[str, list[str]]]], low_rank: bool) -> Layout:
    """LyCORIS: the Kronecker product of two factors, the second one whole or low-rank; a whole one has scale 1."""

    def make(model: Model) -> File:
        file = File()
        for name, modules in names(model):
            sizes = [model.transformer[m] for m in modules]
            outputs, inputs, seed = sum(out for _, out in sizes), sizes[0][0], len(file.tensors)
            key = prefix + (flat(name) if prefix.endswith("_") else name)
            one = drawn(2, 2, seed=seed)
            file.tensors[f"{key}.lokr_w1"], file.tensors[f"{key}.alpha"] = one, torch.tensor(ALPHA)
            if low_rank:
                a, b = drawn(outputs // 2, RANK, seed=seed + 1), drawn(RANK, inputs // 2, seed=seed + 2)
                file.tensors |= {f"{key}.lokr_w2_a": a, f"{key}.lokr_w2_b": b}
                whole = torch.kron(one, a @ b) * (ALPHA / RANK)
            else:
                two = drawn(outputs // 2, inputs // 2, seed=seed + 1) * 0.3
                file.tensors[f"{key}.lokr_w2"] = two
                whole = torch.kron(one, two)
            _share(file, name, modules, [out for _, out in sizes], whole)
        return file

    return make


def loha(prefix: str, names: Callable[[Model], Iterator[tuple[str, list[str]]]]) -> Layout:
    """LyCORIS: the elementwise product of two low-rank products."""

    def make(model: Model) -> File:
        file = File()
        for name, modules in names(model):
            sizes = [model.transformer[m] for m in modules]
            outputs, inputs, seed = sum(out for _, out in sizes), sizes[0][0], len(file.tensors)
            key = prefix + (flat(name) if prefix.endswith("_") else name)
            factors = {
                f"hada_w{n}_{half}": drawn(*shape, seed=seed + 2 * n + m)
                for n in (1, 2)
                for m, (half, shape) in enumerate({"a": (outputs, RANK), "b": (RANK, inputs)}.items())
            }
            file.tensors |= {f"{key}.{role}": t for role, t in factors.items()}
            file.tensors[f"{key}.alpha"] = torch.tensor(ALPHA)
            one, two = (factors[f"hada_w{n}_a"] @ factors[f"hada_w{n}_b"] for n in (1, 2))
            _share(file, name, modules, [out for _, out in sizes], one * two * (ALPHA / RANK))
        return file

    return make


def _share(file: File, name: str, modules: list[str], outputs: list[int], whole: Tensor) -> None:
    if name == "final_layer.adaLN_modulation.1":
        whole = torch.cat(whole.chunk(2)[::-1])
    file.deltas |= {f"transformer.{m}": d for m, d in zip(modules, whole.split(outputs), strict=True)}


def dora(prefix: str, key: str, column: bool) -> Layout:
    """A LoRA whose layers have a magnitude for each output (Liu et al. 2024, equation 5)."""

    def make(model: Model) -> File:
        assert model.weights
        file = of_own_names(prefix, DOWN_UP if column else AB)(model)
        for name in model.transformer:
            size = model.weights(f"transformer.{name}").norm(dim=1) * (1 + drawn(1, seed=len(name)).abs())
            file.magnitudes[f"transformer.{name}"] = size
            file.tensors[f"{prefix}{name}.{key}"] = size[:, None] if column else size
        return file

    return make


def dora_of_inputs(model: Model) -> File:
    file = of_own_names("transformer.", DOWN_UP)(model)
    for name, (inputs, _) in model.transformer.items():
        file.tensors[f"transformer.{name}.dora_scale"] = torch.ones(1, inputs)
    file.refused = "magnitude for each input"
    return file


def differences(prefix: str) -> Layout:
    """As extracted from a finetune: pairs, here and there a whole difference, biases everywhere."""

    def make(model: Model) -> File:
        file = of_own_names(prefix, DOWN_UP, ALPHA)(model)
        for n, (name, (inputs, outputs)) in enumerate(model.transformer.items()):
            bias = drawn(outputs, seed=n)
            file.tensors[f"{prefix}{name}.diff_b"] = file.biases[f"transformer.{name}"] = bias
            if n % 5 == 0:
                for role in (*DOWN_UP, "alpha"):
                    del file.tensors[f"{prefix}{name}.{role}"]
                whole = drawn(outputs, inputs, seed=n + 1) * 0.3
                file.tensors[f"{prefix}{name}.diff"] = file.deltas[f"transformer.{name}"] = whole
        return file

    return make


FLUX_LAYOUTS: dict[str, Layout] = {
    "diffusers": of_own_names("transformer."),
    "diffusers, without a prefix": of_own_names(""),
    "PEFT": of_own_names("base_model.model."),
    "PEFT around diffusers": of_own_names("base_model.model.transformer."),
    "PEFT, twice": of_own_names("base_model.model.base_model.model."),
    "PEFT, adapter named": with_metadata_free_names,
    "diffusers, down and up, alpha": of_own_names("transformer.", DOWN_UP, ALPHA),
    "ComfyUI, diffusers' names": of_own_names("diffusion_model.", DOWN_UP, ALPHA),
    "ComfyUI": of_original_names("diffusion_model."),
    "ComfyUI, down and up, alpha": of_original_names("diffusion_model.", DOWN_UP, ALPHA),
    "ComfyUI, whole model": of_original_names("model.diffusion_model.", DOWN_UP, ALPHA),
    "Black Forest Labs": of_original_names("", DOWN_UP, ALPHA),
    "PEFT around ComfyUI": of_original_names("base_model.model.diffusion_model."),
    "kohya": of_original_names(
        "lora_unet_", DOWN_UP, ALPHA, flattened=True,
        encoders={"text_encoder": "lora_te1", "text_encoder_2": "lora_te3"},
    ),
    "OneTrainer": of_flat_names("lora_transformer_", {"text_encoder": "lora_te1", "text_encoder_2": "lora_te2"}),
    "OneTrainer, split": of_original_names(
        "transformer.", DOWN_UP, ALPHA, split=True, encoders={"text_encoder": "clip_l", "text_encoder_2": "t5"}
    ),
    "XLabs": xlabs,
    **{
        f"kohya, {name}": of_original_names("lora_unet_", DOWN_UP, ALPHA, flattened=True, cast=dtype)
        for name, dtype in {
            "fp16": torch.float16, "bf16": torch.bfloat16,
            "fp8 e4m3": torch.float8_e4m3fn, "fp8 e5m2": torch.float8_e5m2,
        }.items()
    },
    "LoKr": lokr("lycoris_", own_names, low_rank=True),
    "LoKr, kohya": lokr("lora_unet_", original_names, low_rank=False),
    "LoKr, ai-toolkit": lokr("diffusion_model.", own_names, low_rank=False),
    "LoHa, kohya": loha("lora_unet_", original_names),
    "LoHa, PEFT": loha("base_model.model.", own_names),
    "DoRA, PEFT": dora("base_model.model.", "lora_magnitude_vector", column=False),
    "DoRA, LyCORIS": dora("lora_transformer.", "dora_scale", column=True),
    "DoRA of inputs": dora_of_inputs,
    "differences": differences("diffusion_model."),
}  # fmt: skip
QWEN_LAYOUTS: dict[str, Layout] = {
    "diffusers": of_own_names("transformer."),
    "ComfyUI": of_own_names("diffusion_model."),
    "Lightning": of_own_names("", DOWN_UP, ALPHA),
    "diffusers, down and up, alpha": of_own_names("transformer.", DOWN_UP, ALPHA),
    "musubi": of_flat_names("lora_unet_"),
    "PEFT": of_own_names("base_model.model."),
    "PEFT around ComfyUI": of_own_names("base_model.model.diffusion_model.", DOWN_UP, ALPHA),
    "PEFT, adapter named": with_metadata_free_names,
    "OneTrainer": of_flat_names("lora_transformer_"),
    "fp8 e4m3": of_own_names("diffusion_model.", DOWN_UP, ALPHA, cast=torch.float8_e4m3fn),
    "fp8 e5m2": of_own_names("diffusion_model.", DOWN_UP, ALPHA, cast=torch.float8_e5m2),
    "fp16": of_own_names("", DOWN_UP, ALPHA, cast=torch.float16),
    "LoKr": lokr("lycoris_", own_names, low_rank=True),
    "LoKr, ai-toolkit": lokr("diffusion_model.", own_names, low_rank=False),
    "LoHa": loha("lora_unet_", own_names),
    "DoRA": dora("transformer.", "lora_magnitude_vector", column=False),
    "DoRA of inputs": dora_of_inputs,
    "differences": differences("diffusion_model."),
}
