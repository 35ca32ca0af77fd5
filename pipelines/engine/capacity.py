"""What this machine's memory can hold, asked without torch, so that the page can say it before torch is loaded."""

import ctypes
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import psutil

from pipelines.storage.settings import Settings

GIB = 2**30
# Left to the desktop, other programs and fragmentation.
SPARE = 0.04


@dataclass(frozen=True)
class Capacity:
    """Memory of the device that models run on, GiB; ``usable_gib`` is what may be planned with."""

    device: Literal["cuda", "cpu"]
    total_gib: float
    usable_gib: float


def capacity(settings: Settings) -> Capacity:
    """The device of the settings and its memory; ``memory_budget_gib`` above 0 is the limit where it is lower."""
    total = card_bytes() if settings.device in ("auto", "cuda") else 0
    device: Literal["cuda", "cpu"] = "cuda" if total else "cpu"
    usable = total * (1 - SPARE) if total else _main_memory_usable()
    total = total or psutil.virtual_memory().total
    if settings.memory_budget_gib:
        usable = min(usable, settings.memory_budget_gib * GIB)
    return Capacity(device, total / GIB, usable / GIB)


@cache
def computes_bfloat16(device: str) -> bool:
    """Whether ``device`` (``cuda``, ``cpu``) has instructions for bfloat16. The models are made for it, and every card
    that is large enough computes it. A CPU without AVX512-BF16 emulates it, fourteen times slower than float32 (a
    linear layer of 5,376 x 192 x 768 on one core of an AVX2 machine: 0.90 s and 0.07 s). Where nobody says (only Linux
    tells a program without help): no."""
    if device != "cpu":
        return True
    told = Path("/proc/cpuinfo")
    return told.exists() and "avx512_bf16" in told.read_text(encoding="utf-8", errors="replace").split()


def _main_memory_usable() -> float:
    """What could be had: free memory, and what this process holds, which a new model replaces."""
    return psutil.virtual_memory().available + psutil.Process().memory_info().rss


@cache
def card_bytes() -> int:
    """Memory of the first CUDA card, asked of the driver (NVML); 0 without a card or without a driver."""
    library = "nvml.dll" if sys.platform == "win32" else "libnvidia-ml.so.1"
    try:
        nvml = ctypes.CDLL(library)
    except OSError:
        return 0
    if nvml.nvmlInit_v2() != 0:
        return 0
    try:
        handle = ctypes.c_void_p()
        memory = (ctypes.c_ulonglong * 3)()
        if nvml.nvmlDeviceGetHandleByIndex_v2(0, ctypes.byref(handle)) != 0:
            return 0
        return int(memory[0]) if nvml.nvmlDeviceGetMemoryInfo(handle, ctypes.byref(memory)) == 0 else 0
    finally:
        nvml.nvmlShutdown()
