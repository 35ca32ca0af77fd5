"""Which graphics cards there are, which of them models will run on, and who else holds memory there. Imports no torch.

The driver (NVML) counts all cards of the machine in the order of their slots; torch counts those that
``CUDA_VISIBLE_DEVICES`` leaves, by default the fastest first. So that the plan and the picture speak of one card, it is
chosen here, by its UUID, and the worker process is shown that card alone (``environment``).
"""

import importlib.util
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import psutil
import pynvml

from pipelines.storage.settings import Settings

VISIBLE = "CUDA_VISIBLE_DEVICES"
ALLOCATOR = {"PYTORCH_ALLOC_CONF", "PYTORCH_CUDA_ALLOC_CONF"}
GIB = 2**30


@dataclass(frozen=True)
class Holder:
    """A process that holds memory of a card; ``size`` in bytes, ``None`` where the driver does not say."""

    pid: int
    size: int | None

    @property
    def words(self) -> str:
        """``ComfyUI (process 4711) 14.2 GiB``."""
        try:
            name = psutil.Process(self.pid).name()
        except psutil.Error:
            name = "a program"
        return f"{name} (process {self.pid})" + (f" {self.size / GIB:.1f} GiB" if self.size else "")


@dataclass(frozen=True)
class Card:
    """A graphics card: bytes in all, bytes in use, and by whom."""

    uuid: str
    name: str
    total: int
    used: int = 0
    holders: tuple[Holder, ...] = ()

    def taken(self, ours: Callable[[int], bool], idle: bool) -> int:
        """Bytes that others hold: processes for which ``ours`` is not true. ``idle``: no process of ours can hold any.

        Memory in use that the driver ascribes to nobody may be the desktop's, or our own (WSL lists no processes, a
        container sees those of its host by other numbers): it counts as theirs only where ours is known."""
        own = [holder for holder in self.holders if ours(holder.pid)]
        if any(holder.size is None for holder in own):
            return 0
        named = sum(holder.size or 0 for holder in self.others(ours))
        rest = max(0, self.used - named - sum(holder.size or 0 for holder in own))
        return named + (rest if own or idle else 0)

    def others(self, ours: Callable[[int], bool]) -> list[Holder]:
        """Who else holds memory here, the largest first."""
        return sorted((h for h in self.holders if not ours(h.pid)), key=lambda h: -(h.size or 0))


def cards() -> list[Card]:
    """All cards of this machine, in the driver's order; none without a card or a driver."""
    with _driver() as there:
        if not there:
            return []
        asked = [_asked(pynvml.nvmlDeviceGetHandleByIndex, n) for n in range(pynvml.nvmlDeviceGetCount())]
        return [card for card in asked if card]


def slice_of(uuid: str) -> Card | None:
    """A slice of a card (MIG) by its UUID; ``None`` when there is none."""
    with _driver() as there:
        return _asked(pynvml.nvmlDeviceGetHandleByUUID, uuid) if there else None


def _asked(find: Callable[[Any], Any], which: int | str) -> Card | None:
    """A card; ``None`` when the driver cannot tell of it: one that has failed must not keep the page from opening."""
    try:
        return _card(find(which))
    except pynvml.NVMLError:
        return None


@contextmanager
def _driver() -> Iterator[bool]:
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        yield False
        return
    try:
        yield True
    finally:
        pynvml.nvmlShutdown()


def _card(handle: Any) -> Card:
    memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
    holders: dict[int, int | None] = {}
    for ask in (pynvml.nvmlDeviceGetComputeRunningProcesses, pynvml.nvmlDeviceGetGraphicsRunningProcesses):
        try:
            holders |= {p.pid: p.usedGpuMemory for p in ask(handle) if psutil.pid_exists(p.pid)}
        except pynvml.NVMLError:  # the driver does not say (some containers, some Windows drivers)
            continue
    return Card(
        uuid=_text(pynvml.nvmlDeviceGetUUID(handle)),
        name=_text(pynvml.nvmlDeviceGetName(handle)),
        total=int(memory.total),
        used=int(memory.used),
        holders=tuple(Holder(pid, size) for pid, size in sorted(holders.items())),
    )


def _text(said: str | bytes) -> str:
    return said.decode() if isinstance(said, bytes) else said


def visible(found: Sequence[Card], mask: str | None) -> list[Card]:
    """What ``CUDA_VISIBLE_DEVICES`` leaves of the cards, in its order. Numbers count in the driver's order; a UUID may
    be shortened; the first entry that names no card ends the list, as CUDA has it."""
    if mask is None:
        return list(found)
    left: list[Card] = []
    for entry in (part.strip() for part in mask.split(",")):
        named = [c for c in found if entry.startswith("GPU-") and c.uuid.startswith(entry)]
        if entry.startswith("MIG-"):
            named = [part for part in [slice_of(entry)] if part]
        elif re.fullmatch(r"\d+", entry):
            named = list(found[int(entry) : int(entry) + 1])
        if len(named) != 1 or named[0] in left:
            break
        left += named
    return left


@cache
def torch_computes_on_cards() -> bool:
    """Whether the installed PyTorch is built for CUDA. Read from its version file: importing it takes seconds."""
    found = importlib.util.find_spec("torch")
    if found is None or not found.origin:
        return False
    version = Path(found.origin).with_name("version.py").read_text(encoding="utf-8")
    return re.search(r"^cuda\b[^=]*=\s*['\"]", version, re.MULTILINE) is not None


def usable(environ: Mapping[str, str] = os.environ) -> list[Card]:
    """The cards that models can run on: those that are visible, if the installed PyTorch computes on cards."""
    return visible(cards(), environ.get(VISIBLE)) if torch_computes_on_cards() else []


def chosen(settings: Settings) -> Card | None:
    """The card that models will run on: that of the settings, else the first; ``None`` for the CPU."""
    if settings.device == "cpu":
        return None
    there = usable()
    return next((c for c in there if c.uuid == settings.card), None) if settings.card else next(iter(there), None)


def why_not(settings: Settings) -> str:
    """Why models do not run on a card although one was asked for or is there; empty when they do, or when there is
    none and none was asked for."""
    if settings.device == "cpu" or chosen(settings):
        return ""
    found = cards()
    if found and not torch_computes_on_cards():
        card = found[0].name
        return f"{card} is here, but the installed PyTorch is built for CPUs alone: install one that is built for CUDA."
    if settings.card:
        return f"The card of the settings ({settings.card}) is not here: choose another in Settings."
    if found:
        return f"{found[0].name} is here, but {VISIBLE}={os.environ.get(VISIBLE)} hides it."
    return "The settings ask for a CUDA card, and no driver knows of one." if settings.device == "cuda" else ""


def environment(settings: Settings) -> dict[str, str]:
    """Variables for a process that runs models: it sees the chosen card alone, and memory that was freed in pieces is
    joined again (PyTorch's expandable segments) unless the user says otherwise."""
    card = chosen(settings)
    told = {VISIBLE: card.uuid} if card else {VISIBLE: ""} if settings.card else {}
    if sys.platform != "win32" and not os.environ.keys() & ALLOCATOR:
        told["PYTORCH_ALLOC_CONF"] = "expandable_segments:True"
    return told


def held_by_others(card: Card) -> tuple[int, tuple[str, ...]]:
    """Bytes of a card that other programs hold, and who they are, in words, the largest first. What this process and
    those that it started hold, a new model replaces."""
    me = psutil.Process()
    children = {child.pid for child in me.children(recursive=True)}
    mine = {me.pid, *children}
    size = card.taken(mine.__contains__, idle=not children and "torch" not in sys.modules)
    return size, tuple(holder.words for holder in card.others(mine.__contains__)) if size else ()
