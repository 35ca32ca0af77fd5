"""LoRA files in folders of other programs: listed beside the library's own by their headers, and taken into the library
where they lie, by their content, when one is first used. Nothing is copied.

A file that was not used yet has a passing record, whose id says where it lies and when it was written; ``settled``
gives the record that stays.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from pipelines.domain.presets import ModelFamily
from pipelines.domain.records import LoraRecord
from pipelines.engine import shared_folders, weights
from pipelines.models.lora_files import LoraRefused, decided, inspect, judged, record_of, refuse_numbers
from pipelines.models.lora_targets import LoraTarget, target_of
from pipelines.session import NotFound, Session
from pipelines.storage.atomic import file_hash

PASSING = "shared-"
"""What the id of a passing record begins with."""
_REMEMBERED = 4096


@dataclass(frozen=True)
class Refused:
    """A LoRA file of a shared folder that fits no model here, and why, in words."""

    path: Path
    why: str


Said = dict[str, LoraRecord | Refused]
"""What is said of a file by the architecture that it is wanted for ("": any)."""
_judged: OrderedDict[tuple[Path, int, int, tuple[tuple[str, int], ...]], Said] = OrderedDict()
"""What was found of files, by path, size, time of change and models: a folder may hold hundreds."""


def target(session: Session, model: ModelFamily) -> LoraTarget:
    """A model as LoRAs see it: by its own config where its weights are here, else by what its preset says."""
    return target_of(model, weights.locate(model, session.workspace, session.settings))


def unused(session: Session, model: ModelFamily | None = None) -> list[LoraRecord]:
    """Passing records of the shared LoRA files that nobody used yet and that fit ``model`` (none: some model), by name.
    Raises nothing."""
    return [found for found in _looked_at(session, model) if isinstance(found, LoraRecord)]


def refused(session: Session) -> list[Refused]:
    """Shared LoRA files that fit no model here."""
    return [found for found in _looked_at(session, None) if isinstance(found, Refused)]


def is_passing(lora_id: str) -> bool:
    """Whether an id is of a file that nobody used yet."""
    return lora_id.startswith(PASSING)


def settled(session: Session, lora_id: str) -> LoraRecord:
    """The record that stays of a passing one: the file is read whole, for its hash and its numbers, and kept where it
    lies. One that is known by its content stays what it is. Raises NotFound for a file that is gone or has changed,
    LoraRefused, OSError."""
    mark, _, family = lora_id.removeprefix(PASSING).partition("-")
    path = next((f for f in shared_folders.loras(session.settings) if _mark(f) == mark), None)
    if path is None:
        raise NotFound("That LoRA file is not in a shared folder any more, or has changed: look at the list again.")
    changed = path.stat().st_mtime_ns
    header, family, chosen = judged(path, path.name, family, targets=_targets(session))
    refuse_numbers(path, chosen, path.name)
    lora = record_of(header, family, chosen, id=header.sha256, name=path.stem, path=path.as_posix())
    lora = lora.model_copy(update={"changed": changed})
    with session.store.alone():
        known = session.store.get(LoraRecord, lora.id)
        if known is None:
            return session.store.add(lora)
        if known.changed or not session.workspace.lora_file(known.path).is_file():
            # the same file at another place, or touched: the record goes where it lies now
            known = known.model_copy(update={"path": lora.path, "changed": changed})
            session.store.put(known)
    return known


def is_here(session: Session, lora: LoraRecord) -> bool:
    """Whether the file of a LoRA lies where its record says, as it was: another may have its name by now."""
    path = session.workspace.lora_file(lora.path)
    try:
        told = path.stat()
    except OSError:
        return False
    if not lora.changed or (told.st_size, told.st_mtime_ns) == (lora.bytes, lora.changed):
        return path.is_file()
    return told.st_size == lora.bytes and _hash(path, told.st_size, told.st_mtime_ns) == lora.id


def gone(lora: LoraRecord) -> str:
    """What to say of a LoRA whose file is not where it was."""
    if not lora.changed:
        return f"The file of {lora.name} is gone from the workspace ({lora.path}): bring it in again."
    return (
        f"The file of {lora.name} is gone or has changed: {lora.path} lies in a folder of another program, and was not"
        " copied. Put it back there, or bring it in (flenwheel import), or take it out of the stack."
    )


def _looked_at(session: Session, model: ModelFamily | None) -> Iterator[LoraRecord | Refused]:
    files = shared_folders.loras(session.settings)
    if not files:
        return
    targets, known = _targets(session), session.store.all(LoraRecord)
    wanted = model.architecture if model else ""
    for file in sorted(files, key=lambda f: (f.name.lower(), str(f))):
        try:
            told = file.stat()
            if not _is_known(session, known, file, told.st_size, told.st_mtime_ns):
                yield _of(file, told.st_size, told.st_mtime_ns, targets)[wanted]
        except OSError as error:
            yield Refused(file, f"{file.name}: the file cannot be read ({error.strerror}).")


def _targets(session: Session) -> list[LoraTarget]:
    """The models, each shape once: to fit a file to one takes a twentieth of a second."""
    found = (target(session, model) for model in session.presets.models.values())
    return list({(t.architecture.name, repr(sorted(t.config.items()))): t for t in found}.values())


def _mark(file: Path) -> str:
    """A file as it lies there now; empty when it is gone."""
    try:
        told = file.stat()
    except OSError:
        return ""
    return hashlib.sha256(f"{file}\n{told.st_size}\n{told.st_mtime_ns}".encode()).hexdigest()[:16]


def _is_known(session: Session, known: list[LoraRecord], file: Path, size: int, changed: int) -> bool:
    """Whether the library has a file: as it was found before, or another of that name and size, by its content."""
    for lora in known:
        if lora.bytes != size:
            continue
        if lora.path == file.as_posix() and lora.changed == changed:
            return True
        same_name = file.stem in (lora.name, Path(lora.path).stem)
        if same_name and _hash(file, size, changed) == lora.id:
            return is_here(session, lora)  # else it was moved, and is found again by its content
    return False


def _of(file: Path, size: int, changed: int, targets: list[LoraTarget]) -> Said:
    key = (file, size, changed, tuple((t.title, t.width) for t in targets))
    if key not in _judged:
        _judged[key] = _judge(file, changed, targets)
        while len(_judged) > _REMEMBERED:
            _judged.popitem(last=False)
    return _judged[key]


def _judge(file: Path, changed: int, targets: list[LoraTarget]) -> Said:
    wanted = ["", *dict.fromkeys(t.architecture.name for t in targets)]
    try:
        header = inspect(file, file.name, targets)
    except LoraRefused as refusal:
        return dict.fromkeys(wanted, Refused(file, str(refusal)))
    said: Said = {}
    for name in wanted:
        try:
            family, chosen = decided(header, file.name, name or None)
        except LoraRefused as refusal:
            said[name] = Refused(file, str(refusal))
            continue
        lora_id = f"{PASSING}{_mark(file)}-{family}"
        made = record_of(header, family, chosen, id=lora_id, name=file.stem, path=file.as_posix())
        said[name] = made.model_copy(update={"changed": changed})
    return said


@lru_cache(maxsize=_REMEMBERED)
def _hash(path: Path, size: int, changed: int) -> str:
    del size, changed
    try:
        return file_hash(path)
    except OSError:
        return ""
