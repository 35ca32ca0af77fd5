"""One part of a model by itself: where its weights and its processor lie, what lacks, what it will take. Without torch.

The text encoder of Qwen-Image-Edit is a whole language model that sees: loaded alone, with the head that an editor has
no use for (``Architecture.unused``), it reads pictures.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipelines.domain.presets import ModelFamily, Part
from pipelines.domain.reading import ReaderPreset
from pipelines.engine import memory, weights
from pipelines.engine.capacity import Capacity, capacity
from pipelines.engine.sources import quantized, weight_files
from pipelines.storage.preset_files import PRESETS
from pipelines.storage.presets import Presets
from pipelines.storage.safetensors_header import NotSafetensors, read_header
from pipelines.storage.settings import Settings
from pipelines.storage.workspace import Workspace

PROCESSOR = "processor"
HEAD = "lm_head.weight"
_NEEDED = ("tokenizer_config.json", "tokenizer.json")


@dataclass(frozen=True)
class LonePart:
    """A part in ``folder`` (which holds ``<name>/`` and ``processor/``), and how it is held in memory."""

    folder: Path
    name: str
    held: Part
    title: str

    @property
    def weights(self) -> Path:
        """The folder of its weights."""
        return self.folder / self.name

    @property
    def processor(self) -> Path:
        """The folder of its processor."""
        return self.folder / PROCESSOR

    @property
    def quantized(self) -> bool:
        """Whether it is in 4 bits on the disk already. Raises OSError, ValueError."""
        return quantized(json.loads((self.weights / "config.json").read_text(encoding="utf-8")))


def find(preset: ReaderPreset, presets: Presets, workspace: Workspace, settings: Settings) -> LonePart | str:
    """The part that a reader is, whole; or what lacks, in words. Opens headers, loads nothing, raises nothing."""
    problems: list[str] = []
    for folder, held in _places(preset, presets, workspace, settings):
        wrong = lacking(folder, preset.part)
        if not wrong:
            return LonePart(folder, preset.part, held, preset.title)
        if (folder / preset.part).is_dir():
            problems.append(f"{folder} is there but not whole: {'; '.join(wrong[:3])}.")
    return " ".join([f"{preset.title} is not on this machine.", *problems[:1], _cure(preset, presets)])


def _places(
    preset: ReaderPreset, presets: Presets, workspace: Workspace, settings: Settings
) -> Iterator[tuple[Path, Part]]:
    if preset.folder:
        yield PRESETS / preset.folder, Part()
    for family in (presets.models[name] for name in preset.models if name in presets.models):
        held = family.parts.get(preset.part, Part())
        if (whole := weights.locate(family, workspace, settings)) is not None:
            yield whole, held
        yield from ((folder, held) for folder in weights.candidates(family, workspace, settings))


def _cure(preset: ReaderPreset, presets: Presets) -> str:
    if preset.folder:
        return f"It belongs into {PRESETS / preset.folder}: {preset.part}/ and {PROCESSOR}/."
    known: list[ModelFamily] = [presets.models[name] for name in preset.models if name in presets.models]
    if not known:
        return "Its preset names no model that is known."
    named = " or ".join(family.title for family in known)
    return (
        f"It is the {preset.part} of {named}: get that (flenwheel models --get {known[0].name}), or put its folders"
        f" {preset.part}/ and {PROCESSOR}/ into models/{known[0].name}-{known[0].weights_revision} of the workspace."
    )


def lacking(folder: Path, part: str) -> list[str]:
    """What a folder lacks of a part that speaks, in words: weights (all shards, whole), its head, its processor."""
    problems = [f"{part}/{problem}" for problem in weights.check_part(folder / part)]
    processor = folder / PROCESSOR
    problems += [f"{PROCESSOR}/{name} is missing" for name in _NEEDED if not (processor / name).is_file()]
    if not any(processor.glob("*processor*config.json")):
        problems.append(f"{PROCESSOR}/preprocessor_config.json is missing")
    if not problems and not _speaks(folder / part):
        problems.append(f"{part}: its files have no {HEAD}: it was saved without the head that answers with words")
    return problems


def _speaks(folder: Path) -> bool:
    """Whether the weights have a head, or use the embedding for one."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        return bool(config.get("tie_word_embeddings")) or any(
            HEAD in read_header(path).tensors for path in weight_files(folder)
        )
    except (OSError, ValueError, NotSafetensors):
        return False


def why_not(part: LonePart, settings: Settings) -> str:
    """Why it will not fit into memory, in words; empty when it will."""
    machine = capacity(settings)
    needed = memory.part_gib(part.weights, part.held, machine)
    if needed <= machine.usable_gib:
        return ""
    return f"{part.title} needs about {_room(needed, machine)} or raise the memory budget in the settings."


def why_not_loaded(part: LonePart, settings: Settings) -> str:
    """What to say when memory ran out while it was loaded, by what is free at this moment."""
    machine = capacity(settings)
    needed = memory.part_gib(part.weights, part.held, machine)
    return (
        f"Memory ran out while {part.title} was loaded: it takes about {_room(needed, machine)} or use another reader."
    )


def _room(needed: float, machine: Capacity) -> str:
    return (
        f"{needed:.1f} GiB, and {machine.usable_gib:.1f} GiB may be used here. End other programs that use the card,"
        " unload what is loaded (flenwheel unload),"
    )
