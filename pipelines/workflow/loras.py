"""LoRA files: bring in, list what fits a model, compose a stack."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from pydantic import ValidationError

from pipelines.domain.bounds import Weight, fits
from pipelines.domain.faults import wanted
from pipelines.domain.presets import CatalogueEntry, ModelFamily
from pipelines.domain.records import Character, Job, LoraRecord, Target, TrainingRun
from pipelines.domain.requests import ObtainLoraRequest
from pipelines.domain.sampling import Sampling
from pipelines.domain.shots import Adapter, LoraStack
from pipelines.domain.spelling import same
from pipelines.engine import hub_files
from pipelines.engine.hub_files import Address, Remote, parse
from pipelines.models.lora_files import FILES, LoraRefused, admit_lora
from pipelines.planning import sampling
from pipelines.queue.admission import NotAllowed
from pipelines.session import NotFound, Session
from pipelines.storage.preset_files import PRESETS
from pipelines.workflow import shared_loras
from pipelines.workflow.shared_loras import target

ANYBODYS = {"pytorch_lora_weights", "diffusion_pytorch_model", "adapter_model", "lora", "model"}
"""Names that trainers give to every LoRA they write: nothing follows from them."""
ENDINGS = FILES
"""Ends of names by which a file is meant as a LoRA, and is judged as such."""


def add(
    session: Session,
    data: bytes | Path,
    filename: str,
    *,
    family: str | None = None,
    name: str = "",
    catalogue: str = "",
) -> LoraRecord:
    """Bring a LoRA file into the workspace. ``family`` (a model preset) says what it must fit, ``catalogue`` which
    entry it is of. One that is known, such as one trained here, stays what it is: the same file is the same LoRA.

    A file that is here already, such as one that was trained here, keeps its record: what that leaves open is filled.
    Raises LoraRefused for a pickle, a broken file, or a file made for another kind of model.
    """
    model = session.family(family) if family else None
    architecture = model.architecture if model else None
    return _taken_in(session, data, filename, architecture, model, name or Path(filename).stem, catalogue)


def _taken_in(
    session: Session,
    data: bytes | Path,
    filename: str,
    architecture: str | None,
    model: ModelFamily | None,
    name: str,
    catalogue: str,
) -> LoraRecord:
    lora = admit_lora(
        session.workspace,
        data,
        filename,
        architecture,
        name,
        model=target(session, model) if model else None,
        targets=[target(session, f) for f in session.presets.models.values()],
        known=lambda sha256: session.store.get(LoraRecord, sha256),
    )
    before = session.store.get(LoraRecord, lora.id)
    if catalogue and not (before and before.origin == "trained"):
        lora = lora.model_copy(update={"catalogue": catalogue, "origin": "catalogue"})
    return session.store.add(lora)


def shipped(session: Session, name: str) -> LoraRecord:
    """The LoRA of a catalogue entry that comes with the product; the first time it is copied into the workspace.
    Raises NotFound, LoraRefused."""
    entry = next((e for e in session.presets.catalogue if e.name == name and e.shipped), None)
    if entry is None:
        raise NotFound(f"No LoRA {name!r} comes with FLENwheel.")
    there = next((x for x in session.store.all(LoraRecord) if x.catalogue == name), None)
    if there is None:
        path = PRESETS / entry.shipped
        there = _taken_in(session, path, path.name, entry.suits[0], None, name, name)
    return there


def address_of(session: Session, said: str) -> tuple[Address, str]:
    """Where the LoRA is that a person means, and the catalogue's entry that it is of: an entry's name, a repository, or
    an address. Raises CannotFetch."""
    entry = next((e for e in session.presets.catalogue if e.repo and same(said, e.name)), None)
    if entry is not None:
        return Address(repo=entry.repo, file=entry.file), entry.name
    address = parse(said)
    listed = (e for e in session.presets.catalogue if e.repo == address.repo and e.file == address.file and e.file)
    entry = next(listed, None)
    return address, entry.name if entry else ""


def look_up(session: Session, said: str) -> Remote:
    """What lies where a LoRA is said to be, asked of the hub or the server: name and size. Raises CannotFetch."""
    return hub_files.look_up(address_of(session, said)[0])


def obtain(session: Session, said: str, *, family: str = "") -> Job:
    """Download a LoRA into the library, as the user asked after seeing what it is. ``family`` is the model preset that
    it must fit. Raises CannotFetch, and NotAllowed for an entry that is here already or is no LoRA for any model."""
    address, name = address_of(session, said)
    entry = next((e for e in session.presets.catalogue if e.name == name), None)
    if entry and not entry.suits:
        raise NotAllowed(f"{entry.name} is nothing to test here: {entry.warning or entry.kind}")
    request = ObtainLoraRequest(
        repo=address.repo, file=address.file, revision=address.revision, url=address.url, family=family, catalogue=name
    )
    return session.jobs.submit(request, f"Get {name or address.words}")


def usable(session: Session, family: str) -> list[LoraRecord]:
    """LoRAs that fit a model preset, newest first, then the files of shared folders that nobody used yet; none fits one
    that is not there any more. Ambiguous files fit when the user said so at import. A shared file that is gone is left
    out."""
    model = session.presets.models.get(family)
    if model is None:
        return []
    own = _newest_first([lora for lora in _library(session) if lora.family == model.architecture])
    here = [lora for lora in own if not lora.changed or shared_loras.is_here(session, lora)]
    return _of_width(session, model, [*here, *shared_loras.unused(session, model)])


def everyone(session: Session) -> list[LoraRecord]:
    """All LoRAs that can be named: the library's, and the files of shared folders that nobody used yet."""
    return [*_library(session), *shared_loras.unused(session)]


def _library(session: Session) -> list[LoraRecord]:
    """LoRAs that were brought in or trained, but for those of characters in the trash."""
    gone = {c.id for c in session.store.all(Character) if c.trashed}
    return [lora for lora in session.store.all(LoraRecord) if lora.character not in gone]


def _of_width(session: Session, model: ModelFamily, found: list[LoraRecord]) -> list[LoraRecord]:
    """Those that are as wide as a model, or whose width is not known: one that was trained here before that was kept
    is as wide as the model of its training."""
    widths = [lora.width or _width_of_run(session, lora) for lora in found]
    if not any(widths):
        return found
    width = target(session, model).width
    return [lora for lora, its in zip(found, widths, strict=True) if its in (0, width)]


def _width_of_run(session: Session, lora: LoraRecord) -> int:
    run = session.store.get(TrainingRun, lora.run) if lora.run else None
    model = session.presets.models.get(run.family) if run else None
    return target(session, model).width if model else 0


def _newest_first(found: list[LoraRecord]) -> list[LoraRecord]:
    """The last that came first; but of a character's own the highest version, whichever ended last."""
    trained_of: dict[str, list[LoraRecord]] = defaultdict(list)
    for lora in found:
        if lora.origin == "trained":
            trained_of[lora.character].append(lora)
    by_age = {who: iter(sorted(theirs, key=_age)) for who, theirs in trained_of.items()}
    return [next(by_age[x.character]) if x.origin == "trained" else x for x in found][::-1]


def _age(lora: LoraRecord) -> int:
    return int(lora.version.removeprefix("v")) if lora.version.removeprefix("v").isdecimal() else 0


def titles(loras: Iterable[LoraRecord]) -> dict[str, str]:
    """What LoRAs are called in a list, by id: their names, told apart by the beginning of the file's hash where two
    have the same (``pytorch_lora_weights`` is a common one), and by their folder where none has been made yet."""
    listed = list(loras)
    often = Counter(lora.name for lora in listed)
    return {x.id: x.name if often[x.name] == 1 else f"{x.name} [{_mark(x)}]" for x in listed}


def _mark(lora: LoraRecord) -> str:
    return Path(lora.path).parent.name if shared_loras.is_passing(lora.id) else lora.id[:6]


def origin(lora: LoraRecord) -> str:
    """Where a LoRA is from, in words."""
    if lora.origin == "trained":
        return "trained here"
    return "in a shared folder" if lora.changed else "brought in"


def told(lora: LoraRecord) -> list[str]:
    """What of a file is not applied, in words; nothing when all of it is."""
    return [
        f"Not applied: {len(left.keys)} of its tensors, {left.why} ({', '.join(left.keys[:2])}"
        + (", ...)" if len(left.keys) > 2 else ")")
        for left in lora.left_out
    ]


def get(session: Session, lora_id: str) -> LoraRecord:
    """The LoRA of that id; a file of a shared folder that nobody used yet joins the library by it. Raises NotFound, and
    NotAllowed for such a file that cannot be used."""
    if shared_loras.is_passing(lora_id):
        try:
            return shared_loras.settled(session, lora_id)
        except LoraRefused as refusal:
            raise NotAllowed(str(refusal)) from refusal
    lora = session.store.get(LoraRecord, lora_id)
    if lora is None:
        raise NotFound(f"There is no LoRA {lora_id[:12]!r} in this workspace.")
    return lora


def by_name(session: Session, name: str) -> LoraRecord:
    """The LoRA of that name, id or place, or the one that comes with the product. One of a shared folder that nobody
    used yet has a passing record (``get`` takes it in). Raises NotFound, and for a name that more than one have."""
    known = everyone(session)
    called = titles(known)
    for lora in reversed(known):
        if name in (lora.id, lora.path) or same(name, called[lora.id]):
            return lora
    if any(same(name, lora.name) for lora in known):
        alike = ", ".join(called[lora.id] for lora in known if same(name, lora.name))
        raise NotFound(f"Several LoRAs are called {name!r}: say which ({alike}).")
    bad = next((x for x in shared_loras.refused(session) if name == x.path.as_posix() or same(name, x.path.stem)), None)
    if bad is not None:
        raise NotAllowed(bad.why)
    own = [e.name for e in session.presets.catalogue if e.shipped]
    if name in own:
        return shipped(session, name)
    raise NotFound(f"There is no LoRA {name!r} (known: {', '.join([*called.values(), *own])}).")


def stack(session: Session, rows: Iterable[tuple[str, float]], *, used: bool = True) -> LoraStack:
    """A stack of ``(lora id, weight)`` rows. Raises NotFound, and NotAllowed for a weight that is out of bounds and,
    where it is to be ``used``, for a file that is gone and a LoRA that is there twice."""
    chosen = [(get(session, lora_id), weight) for lora_id, weight in rows]
    names = titles(session.store.all(LoraRecord))
    adapters = []
    for lora, weight in chosen:
        if used and not shared_loras.is_here(session, lora):
            raise NotAllowed(shared_loras.gone(lora))
        try:
            fits(Weight, weight)
        except ValidationError as error:
            raise NotAllowed(f"The weight of {lora.name} is {wanted(error)}, not {weight}.") from None
        name, asked = names[lora.id], sampling_of(session, lora)
        adapters.append(Adapter(name=name, sha256=lora.id, path=lora.path, weight=weight, sampling=asked))
    whole = LoraStack(adapters=tuple(adapters))
    return together(LoraStack(), whole) if used else whole


def together(first: LoraStack, second: LoraStack) -> LoraStack:
    """Two stacks as one. Raises NotAllowed for a LoRA that would be there twice: a model takes an adapter once, with
    its last weight, and would count that twice."""
    whole: dict[str, Adapter] = {}
    for adapter in (*first.adapters, *second.adapters):
        if adapter.sha256 in whole:
            raise NotAllowed(f"{adapter.name} is there twice, and a LoRA has one weight: take one of them out.")
        whole[adapter.sha256] = adapter
    return LoraStack(adapters=tuple(whole.values()))


def catalogued(entries: Iterable[CatalogueEntry], lora: LoraRecord) -> CatalogueEntry | None:
    """The entry of the catalogue that a LoRA is: said at import, or its file has the entry's name (a name that every
    second file has says nothing)."""
    name = lora.name.lower()
    for entry in entries:
        stem = Path(entry.file).stem.lower()
        if lora.catalogue and lora.catalogue in (entry.name, entry.repo):
            return entry
        own = lora.catalogue or lora.origin == "trained"
        if not own and stem and stem == name and stem not in ANYBODYS:
            return entry
    return None


def sampling_of(session: Session, lora: LoraRecord) -> Sampling:
    """What a LoRA asks of the sampling: as the user says, else as the catalogue knows."""
    entry = catalogued(session.presets.catalogue, lora)
    return lora.sampling or (entry.sampling if entry else Sampling())


def few_steps(session: Session, model: ModelFamily) -> tuple[LoraStack, Sampling]:
    """The LoRA of the library that asks for the fewest steps of a model (Lightning), at the strength it starts with,
    and what it asks for; nothing without one."""
    own = [lora for lora in usable(session, model.name) if not shared_loras.is_passing(lora.id)]
    steps = {lora.id: sampling_of(session, lora).steps or model.defaults.steps for lora in own}
    for lora in sorted(own, key=lambda lora: steps[lora.id]):
        if steps[lora.id] < model.defaults.steps and shared_loras.is_here(session, lora):
            with suppress(sampling.SamplingConflict):
                quick = stack(session, [(lora.id, weight_of(session, lora))])
                asked = sampling.asked(quick)
                sampling.check(model, asked.schedule)
                return quick, asked
    return LoraStack(), Sampling()


def weight_of(session: Session, lora: LoraRecord) -> float:
    """The strength that a LoRA starts with."""
    entry = catalogued(session.presets.catalogue, lora)
    return entry.weight if entry else 1.0


def ask_for(session: Session, lora_id: str, asked: Sampling | None) -> LoraRecord:
    """Keep what the user says a LoRA asks for; ``None``: as the catalogue knows again. Raises NotFound, and
    SamplingConflict when no model that it fits would heed it."""
    lora = get(session, lora_id)
    if asked is not None:
        model = next((m for m in session.presets.models.values() if m.architecture == lora.family), None)
        if model is not None:
            sampling.check(model, asked.schedule)
    with session.store.alone():
        told = get(session, lora_id).model_copy(update={"sampling": asked})
        session.store.put(told)
    return told


def _is_version(lora: LoraRecord, run: TrainingRun | None, target: Target) -> bool:
    """Whether a LoRA is what its training gave for a target, and not one that another checkpoint took the place of."""
    return run is None or (run.target == target and run.lora in ("", lora.id))


def trained(session: Session, character_id: str, target: Target) -> list[LoraRecord]:
    """LoRAs trained here of a character, or for its editor, that fit the model it has now; oldest first. One model may
    be both, so the training says which a LoRA is."""
    character = session.character(character_id)
    family = session.presets.models.get(character.generator if target == "character" else character.editor)
    if family is None:  # a preset of the user's own that is gone or broken
        return []
    runs = {run.id: run for run in session.store.all(TrainingRun, character=character_id)}
    found = session.store.all(LoraRecord, character=character_id, origin="trained", family=family.architecture)
    made = [lora for lora in found if _is_version(lora, runs.get(lora.run), target)]
    # one that was resumed ends after those that began later
    return sorted(_of_width(session, family, made), key=_age)
