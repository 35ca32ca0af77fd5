"""bitsandbytes NF4 for both libraries and both kinds of machine.

transformers quantizes to 4 bits on a CPU; diffusers refuses to, though the kernels are there: a small subclass of its
quantizer lets it. On a CPU with AVX512-BF16, bitsandbytes repacks weights in place at the first forward pass, after
which dequantizing returns garbage, saving is lossy and training has no gradient: ``settle`` switches that off. And its
CPU kernel begins a new block with every row, which quantizing does not: of rows that are not whole blocks of 64 it
makes garbage (160 wide: 25 to 75 % off; bitsandbytes 0.50.2). ``enable`` has it take such weights as one long row.
"""

from collections.abc import Collection, Sequence
from functools import cache
from math import prod
from typing import Any

import torch
from diffusers.quantizers import auto, pipe_quant_config
from diffusers.quantizers.bitsandbytes.bnb_quantizer import BnB4BitDiffusersQuantizer
from diffusers.quantizers.quantization_config import BitsAndBytesConfig as DiffusersConfig
from transformers import BitsAndBytesConfig as TransformersConfig

from pipelines.domain.presets import ModelFamily, Part


class CpuNf4Quantizer(BnB4BitDiffusersQuantizer):
    """diffusers' 4-bit quantizer without its insistence on a GPU."""

    def validate_environment(self, *args: Any, **kwargs: Any) -> None:
        """Upstream raises "No GPU found"; what else it checks (accelerate, bitsandbytes) we depend on."""

    def update_device_map(self, device_map: Any) -> Any:
        """Upstream answers with the current CUDA device."""
        return {"": "cpu"} if device_map is None else device_map

    def _dequantize(self, model: Any) -> Any:
        """Upstream moves the model to the GPU first."""
        from diffusers.quantizers.bitsandbytes.utils import dequantize_and_replace

        return dequantize_and_replace(model, self.modules_to_not_convert, quantization_config=self.quantization_config)


def enable(device: str) -> None:
    """Make diffusers quantize on ``device``. Idempotent."""
    mapping: dict[str, Any] = auto.AUTO_QUANTIZER_MAPPING
    mapping["bitsandbytes_4bit"] = CpuNf4Quantizer if device == "cpu" else BnB4BitDiffusersQuantizer
    if device == "cpu":
        _mend_blocks()


@cache
def _mend_blocks() -> torch.library.Library:
    """Put our function before bitsandbytes' CPU kernel; it stays as long as the answer is kept."""
    import bitsandbytes  # noqa: F401  it registers the kernel

    name = "dequantize_4bit"
    kernel: Any = torch.library.get_kernel(f"bitsandbytes::{name}", "CPU")
    keys = torch._C.DispatchKeySet(torch._C.DispatchKey.CPU)

    def dequantize(
        packed: torch.Tensor,
        absmax: torch.Tensor,
        blocksize: int,
        quant_type: str,
        shape: Sequence[int],
        dtype: torch.dtype,
    ) -> torch.Tensor:
        rows = shape if shape[-1] % blocksize == 0 else [prod(shape)]
        return kernel.call_boxed(keys, packed, absmax, blocksize, quant_type, rows, dtype).reshape(tuple(shape))

    ours = torch.library.Library("bitsandbytes", "IMPL")
    ours.impl(name, dequantize, "CPU", allow_override=True)
    return ours


def config(
    family: ModelFamily, dtype: torch.dtype, done: Collection[str] = ()
) -> pipe_quant_config.PipelineQuantizationConfig | None:
    """How each part of ``family`` is quantized while it is loaded: NF4 with double quantization, computing in
    ``dtype``.

    ``Part.skip`` names modules that stay in ``dtype``. ``done`` are parts that are quantized on disk already. None when
    nothing is left to quantize.
    """
    mapping = {name: config_of(part, name, dtype) for name, part in family.parts.items() if name not in done}
    wanted: dict[str, Any] = {name: made for name, made in mapping.items() if made is not None}
    return pipe_quant_config.PipelineQuantizationConfig(quant_mapping=wanted) if wanted else None


def config_of(part: Part, name: str, dtype: torch.dtype) -> DiffusersConfig | TransformersConfig | None:
    """How a part of that name is quantized; None: it is not."""
    if part.quantize != "nf4":
        return None
    kind = DiffusersConfig if name.startswith("transformer") else TransformersConfig
    return kind(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
        llm_int8_skip_modules=list(part.skip) or None,
    )


def put_in_place(model: Any, wanted: DiffusersConfig | TransformersConfig) -> Any:
    """Put 4-bit layers into a model without weights as its library does before it loads; the library's quantizer."""
    if isinstance(wanted, DiffusersConfig):
        quantizer = auto.DiffusersAutoQuantizer.from_config(wanted, pre_quantized=False)
        quantizer.preprocess_model(
            model=model, device_map=None, keep_in_fp32_modules=list(model._keep_in_fp32_modules or ())
        )
        return quantizer
    from transformers.quantizers.auto import AutoHfQuantizer

    made: Any = AutoHfQuantizer.from_config(wanted, pre_quantized=False)
    made.preprocess_model(model=model, device_map=None)
    return made


def packed(weight: torch.Tensor, layer: Any, device: torch.device) -> dict[str, torch.Tensor]:
    """A weight in 4 bits as its ``layer`` (the empty parameter of a 4-bit layer) has it: tensors on the CPU by what
    follows the weight's name in files."""
    from bitsandbytes.nn.modules import Params4bit

    empty: Any = Params4bit(weight, requires_grad=False, **layer.__dict__)
    held = empty.to(device)
    state = held.quant_state
    assert state is not None
    parts = {f".{name}": value for name, value in state.as_dict(packed=True).items()}
    return {ending: value.cpu() for ending, value in {"": held.data, **parts}.items()}


def even_out(module: torch.nn.Module, dtype: torch.dtype) -> None:
    """Put what a part that was quantized on disk holds beside its packed weights into ``dtype``: transformers takes it
    as the file has it, and a folder of float16 would meet numbers of bfloat16. Float32 is kept on purpose."""
    for tensor in (*module.parameters(), *module.buffers()):
        if tensor.dtype in (torch.float16, torch.bfloat16) and tensor.dtype != dtype:
            tensor.data = tensor.data.to(dtype)


def settle(module: torch.nn.Module) -> int:
    """Forbid the in-place repacking of 4-bit weights on CPU; how many 4-bit layers there are."""
    from bitsandbytes.nn.modules import Linear4bit

    layers = [m for m in module.modules() if isinstance(m, Linear4bit)]
    for layer in layers:
        layer.support_avx512bf16_for_cpu = False
    return len(layers)
