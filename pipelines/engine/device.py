"""What models run on, in words and numbers."""

import platform
from typing import Any

import torch

GIB = 2**30


def describe() -> dict[str, Any]:
    """The present device: ``type`` (``cuda`` or ``cpu``), ``name``, CUDA version, and for a card its memory in GiB."""
    if not torch.cuda.is_available():
        return {"type": "cpu", "name": platform.processor() or platform.machine(), "cuda": torch.version.cuda}
    free, total = torch.cuda.mem_get_info()
    return {
        "type": "cuda",
        "name": torch.cuda.get_device_name(),
        "cuda": torch.version.cuda,
        "total_gib": round(total / GIB, 1),
        "free_gib": round(free / GIB, 1),
    }
