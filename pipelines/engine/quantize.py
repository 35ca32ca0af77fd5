"""bitsandbytes NF4 for both libraries and both kinds of machine.

transformers quantizes to 4 bits on a CPU; diffusers refuses to, though the kernels are there: a small subclass of its
quantizer lets it. On a CPU with AVX512-BF16, bitsandbytes repacks weights in place at the first forward pass, after
which dequantizing returns garbage, saving is lossy and training has no gradient: ``settle`` switches that off. And its
CPU kernel begins a new block with every row, which quantizing does not: of rows that are not whole blocks of 64 it
makes garbage (160 wide: 25 to 75 % off; bitsandbytes 0.50.2). ``enable`` has it take such weights as one long row.
"""

from collections.abc import Sequence
from functools import cache
from math import prod
from typing import Any

import torch
from diffusers.quantizers import auto, pipe_quant_config
from diffusers.quantizers.bitsandbytes.bnb_quantizer import BnB4BitDiffusersQuantizer
from diffusers.quantizers.quantization_config import BitsAndBytesConfig as DiffusersConfig
from transformers import BitsAndBytesConfig as TransformersConfig

from pipelines.domain.presets import ModelFamily


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


def config(family: ModelFamily, dtype: torch.dtype) -> pipe_quant_config.PipelineQuantizationConfig | None:
    """How each part of ``family`` is quantized: NF4 with double quantization, computing in ``dtype``.

    ``Part.skip`` names modules that stay in ``dtype``. None when nothing is quantized.
    """
    mapping: dict[str, Any] = {}
    for name, part in family.parts.items():
        if part.quantize == "nf4":
            kind = DiffusersConfig if name.startswith("transformer") else TransformersConfig
            mapping[name] = kind(
                load_in_4bit=True,
                bnb_4bit_quant_type="nf4",
                bnb_4bit_use_double_quant=True,
                bnb_4bit_compute_dtype=dtype,
                llm_int8_skip_modules=list(part.skip) or None,
            )
    return pipe_quant_config.PipelineQuantizationConfig(quant_mapping=mapping) if mapping else None


def settle(module: torch.nn.Module) -> int:
    """Forbid the in-place repacking of 4-bit weights on CPU; how many 4-bit layers there are."""
    from bitsandbytes.nn.modules import Linear4bit

    layers = [m for m in module.modules() if isinstance(m, Linear4bit)]
    for layer in layers:
        layer.support_avx512bf16_for_cpu = False
    return len(layers)
