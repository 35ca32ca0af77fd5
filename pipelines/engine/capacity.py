"""What this machine's memory can hold, asked without torch, so that the page can say it before torch is loaded."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import psutil

from pipelines.engine import cards
from pipelines.storage.settings import Settings

GIB = 2**30
# Left to the desktop, other programs and fragmentation.
SPARE = 0.04


@dataclass(frozen=True)
class Capacity:
    """Memory of the device that models run on, GiB; ``usable_gib`` is what may be planned with, ``holders`` who else
    has some of it, in words, and ``no_card`` why a card is not used that is there or was asked for."""

    device: Literal["cuda", "cpu"]
    total_gib: float
    usable_gib: float
    holders: tuple[str, ...] = ()
    no_card: str = ""


def capacity(settings: Settings) -> Capacity:
    """The device of the settings and its memory: what is free, and what this program holds, which a new model replaces;
    ``memory_budget_gib`` above 0 is the limit where it is lower."""
    card = cards.chosen(settings)
    held, holders = cards.held_by_others(card) if card else (0, ())
    usable = card.total * (1 - SPARE) - held if card else _main_memory_usable()
    total = card.total if card else psutil.virtual_memory().total
    if settings.memory_budget_gib:
        usable = min(usable, settings.memory_budget_gib * GIB)
    device: Literal["cuda", "cpu"] = "cuda" if card else "cpu"
    return Capacity(device, total / GIB, max(0.0, usable) / GIB, holders, cards.why_not(settings))


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
