"""LoRA files: bring in, list what fits a model, compose a stack."""

from collections.abc import Iterable
from pathlib import Path

from pipelines.desk import Desk, NotFound
from pipelines.library.lora_files import admit_lora
from pipelines.library.presets import PRESETS, catalogue
from pipelines.library.records import LoraRecord
from pipelines.shots import Adapter, LoraStack


def add(desk: Desk, data: bytes | Path, filename: str, *, family: str | None = None, name: str = "") -> LoraRecord:
    """Bring a LoRA file into the workspace. ``family`` (a model preset) says what it must fit.

    Raises LoraRefused for a pickle, a broken file, or a file made for another kind of model.
    """
    expected = desk.family(family).lora_family if family else None
    lora = admit_lora(desk.workspace, data, filename, expected, name or Path(filename).stem)
    desk.store.put(lora)
    return lora


def shipped(desk: Desk, name: str) -> LoraRecord:
    """The LoRA of a catalogue entry that comes with the product; the first time it is copied into the workspace.
    Raises NotFound, LoraRefused."""
    entry = next((e for e in catalogue() if e.name == name and e.shipped), None)
    if entry is None:
        raise NotFound(f"No LoRA {name!r} comes with FLENwheel.")
    there = next((x for x in desk.store.all(LoraRecord) if x.catalogue == name), None)
    if there is None:
        path = PRESETS / entry.shipped
        brought = admit_lora(desk.workspace, path, path.name, entry.suits[0], name)
        there = brought.model_copy(update={"catalogue": name, "origin": "catalogue"})
        desk.store.put(there)
    return there


def usable(desk: Desk, family: str) -> list[LoraRecord]:
    """LoRAs that fit a model preset, newest first. Ambiguous files fit when the user said so at import."""
    kind = desk.family(family).lora_family
    return desk.store.all(LoraRecord, family=kind)[::-1]


def get(desk: Desk, lora_id: str) -> LoraRecord:
    """The LoRA of that id. Raises NotFound."""
    lora = desk.store.get(LoraRecord, lora_id)
    if lora is None:
        raise NotFound(f"There is no LoRA {lora_id[:12]!r} in this workspace.")
    return lora


def by_name(desk: Desk, name: str) -> LoraRecord:
    """The newest LoRA of that name or id, or the one that comes with the product. Raises NotFound."""
    known = desk.store.all(LoraRecord)
    for lora in reversed(known):
        if name in (lora.id, lora.name):
            return lora
    own = [e.name for e in catalogue() if e.shipped]
    if name in own:
        return shipped(desk, name)
    raise NotFound(f"There is no LoRA {name!r} (known: {', '.join([*(x.name for x in known), *own])}).")


def stack(desk: Desk, rows: Iterable[tuple[str, float]]) -> LoraStack:
    """A stack of ``(lora id, weight)`` rows. Raises NotFound."""
    adapters = []
    for lora_id, weight in rows:
        lora = get(desk, lora_id)
        adapters.append(Adapter(name=lora.name, sha256=lora.id, path=lora.path, weight=weight))
    return LoraStack(adapters=tuple(adapters))


def trained(desk: Desk, character_id: str, kind: str) -> list[LoraRecord]:
    """LoRAs trained here for a character, oldest first; ``kind`` is a lora family."""
    return desk.store.all(LoraRecord, character=character_id, origin="trained", family=kind)
