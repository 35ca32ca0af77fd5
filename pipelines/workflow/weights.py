"""The weights of models on this machine: what is here, what is missing, and the copies that are kept of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipelines.domain.presets import ModelFamily
from pipelines.domain.records import Job
from pipelines.domain.requests import PrepareRequest
from pipelines.engine.assemble import fits
from pipelines.engine.shared_folders import found
from pipelines.engine.weights import copy_of, missing, source_of, source_to_prepare, unpacked
from pipelines.models.owned_files import Owned
from pipelines.session import NotFound, Session
from pipelines.storage import prepared
from pipelines.storage.prepared import Copy

GIB = 2**30


@dataclass(frozen=True)
class Standing:
    """A model: where its weights lie (``source``: a folder, and files for parts of it), its copy, and what is missing,
    in words. ``copyable``: a copy can be made."""

    name: str
    title: str
    source: str
    files: dict[str, str]
    copy: str
    copyable: bool
    missing: str


@dataclass(frozen=True)
class Kept:
    """A copy on disk, or a folder that is none any more: ``wrong`` says why it is not loaded."""

    name: str
    folder: str
    family: str
    gib: float
    origins: tuple[str, ...]
    wrong: str


def standings(session: Session) -> list[Standing]:
    """Every model preset."""
    return [standing(session, name) for name in session.presets.models]


def standing(session: Session, name: str) -> Standing:
    """One model preset. Raises NotFound."""
    family, place = session.family(name), (session.workspace, session.settings)
    source = source_of(family, *place)
    copy = copy_of(family, source, *place)
    lacking = missing(family, *place)
    return Standing(
        name=name,
        title=family.title,
        source=str(source.frame) if source else "",
        files={part: str(own.owned.path) for part, own in source.files.items()} if source else {},
        copy=str(copy.folder) if copy else "",
        copyable=bool(source and unpacked(family, source) and not copy),
        missing=lacking.what if lacking else "",
    )


def kept(session: Session) -> list[Kept]:
    """All copies, and folders among them that are none."""
    found = [_kept(copy) for copy in prepared.copies(session.workspace, session.settings)]
    why = "its manifest is gone or broken: remove it"
    lost = prepared.leftovers(session.workspace, session.settings)
    return found + [Kept(folder.name, str(folder), "", _size(folder) / GIB, (), why) for folder in lost]


def _kept(copy: Copy) -> Kept:
    wrong = "; ".join(prepared.damage(copy)[:3])
    made = copy.manifest
    return Kept(copy.folder.name, str(copy.folder), made.family, copy.size / GIB, made.origins, wrong)


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


@dataclass(frozen=True)
class OwnFile:
    """A file of another program's folder: its numbers (``kind``), what it holds, the models that it fits (by preset),
    and in words why it cannot be used (``problem``) or what is worth knowing (``warning``)."""

    path: str
    gib: float
    kind: str
    holds: tuple[str, ...]
    fits: tuple[str, ...]
    problem: str
    warning: str


@dataclass(frozen=True)
class OwnFolder:
    """A shared folder, what was found there (``loras``: how many LoRA files, which ``workflow.loras`` lists), and what
    is wrong with it."""

    folder: str
    files: tuple[OwnFile, ...]
    loras: int
    problem: str


def shared(session: Session) -> list[OwnFolder]:
    """The folders of other programs that Settings name, and the models folder, looked through."""
    models = list(session.presets.models.values())
    return [
        OwnFolder(
            str(one.folder),
            tuple(_own(file, models) for file in one.files if not file.lora),
            sum(file.lora for file in one.files),
            one.problem,
        )
        for one in found(session.settings)
    ]


def _own(file: Owned, models: list[ModelFamily]) -> OwnFile:
    holds = dict.fromkeys(f"{content.file.what} ({content.file.part})" for content in file.contents)
    told = {} if file.problem else fits(file, models)
    good = tuple(name for name, parts in told.items() if any(not part.wrong for part in parts))
    why = next((part.wrong for parts in told.values() for part in parts if part.wrong), "") if not good else ""
    return OwnFile(str(file.path), file.size / GIB, file.kind, tuple(holds), good, file.problem or why, file.warning)


def make_copy(session: Session, name: str) -> Job:
    """Queue the making of a model's copy. Raises NotFound, WeightsMissing when there is nothing to make it of."""
    family = session.family(name)
    source_to_prepare(family, session.workspace, session.settings)
    return session.jobs.submit(PrepareRequest(family=name), f"Make the 4-bit copy of {family.title}")


def verify(session: Session, name: str) -> Iterator[tuple[str, str]]:
    """Every file of a copy, read whole: its name, and what is wrong with it. Raises NotFound."""
    copies = {c.folder.name: c for c in prepared.copies(session.workspace, session.settings)}
    yield from prepared.verify(copies[_named(session, name)])


def remove(session: Session, name: str) -> Kept:
    """Remove a copy (by its name, or its model's where that has one alone); what it was. Raises NotFound, OSError."""
    folder = _named(session, name)
    gone = next(k for k in kept(session) if k.name == folder)
    prepared.remove(Path(gone.folder))
    return gone


def _named(session: Session, name: str) -> str:
    """The name of the one copy that is meant. Raises NotFound."""
    everyone = kept(session)
    match = [k.name for k in everyone if k.name == name] or [k.name for k in everyone if name and k.family == name]
    if len(match) != 1:
        known = ", ".join(k.name for k in everyone) or "none"
        raise NotFound(f"{len(match)} copies are called {name!r} (there are: {known}).")
    return match[0]
