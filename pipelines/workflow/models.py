"""Which models a character works with: what there is to choose from on this machine, what of it is recommended, and
changing the choice."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from pipelines.domain.presets import ModelFamily, Role
from pipelines.domain.records import Character, ImageRecord, Job, Survey, Target, TrainingRun
from pipelines.domain.requests import ScoreRequest
from pipelines.domain.words import count
from pipelines.engine.capacity import Capacity, capacity
from pipelines.engine.memory import predict_render, predict_training
from pipelines.engine.weights import download_folder, missing
from pipelines.queue.admission import NotAllowed
from pipelines.queue.state import RUNNING
from pipelines.session import Session
from pipelines.workflow import characters, sources
from pipelines.workflow.render import made_for_a_card

GIB = 2**30
PRACTICE_ONLY = (
    "Comes with FLENwheel and knows drawn people of a small world alone: good for learning how the wheel turns, not for"
    " pictures of your own."
)
WITHOUT_A_CARD = "Without a graphics card a picture takes from many minutes to hours, and a training days."
TARGETS: dict[Role, Target] = {"generator": "character", "editor": "editor"}


@dataclass(frozen=True)
class Offer:
    """A model that can be chosen for a role. ``gib`` is the download that is still to be made (0: the weights are
    here), ``peak_gib`` the memory that pictures take and ``training_gib`` a training (0: no preset trains it); ``why``
    says what speaks against it on this machine (empty: nothing), ``lines`` all that is worth knowing before choosing,
    in words. ``practice``: it knows drawn people alone."""

    name: str
    title: str
    here: bool
    gib: float
    peak_gib: float
    training_gib: float
    fits: bool
    why: str
    licence: str
    lines: tuple[str, ...]
    practice: bool
    parameters: int
    recommended: bool = False


@dataclass(frozen=True)
class Choosing:
    """What there is for each role, what the machine has, in words, and what is chosen. ``place`` says where downloads
    go and how much room is there."""

    generators: tuple[Offer, ...]
    editors: tuple[Offer, ...]
    generator: str
    editor: str
    machine: str
    place: str


def choosing(session: Session, character_id: str = "") -> Choosing:
    """What a character can work with, and what it does; no character: what is recommended for a new one. Raises
    NotFound."""
    offered = {role: offers(session, role) for role in get_args(Role)}
    if character_id:
        character = session.character(character_id)
        chosen = {"generator": character.generator, "editor": character.editor}
    else:
        chosen = {role: for_new(session, role, offered[role]) for role in get_args(Role)}
    return Choosing(
        generators=offered["generator"],
        editors=offered["editor"],
        generator=chosen["generator"],
        editor=chosen["editor"],
        machine=_machine(capacity(session.settings)),
        place=_place(session),
    )


def offers(session: Session, role: Role) -> tuple[Offer, ...]:
    """The models that can do a role, the recommended one marked."""
    machine = capacity(session.settings)
    able = [m for m in session.presets.models.values() if role in m.roles]
    found = [_offer(session, model, role, machine) for model in able]
    best = _best(found, machine)
    return tuple(Offer(**{**vars(o), "recommended": o is best}) for o in found)


def for_new(session: Session, role: Role, offered: tuple[Offer, ...] | None = None) -> str:
    """The model that a new character gets for a role when nobody names one: what the settings say, if somebody set it
    there, else what is recommended on this machine."""
    if role in session.settings.model_fields_set:
        return getattr(session.settings, role)
    found = offers(session, role) if offered is None else offered
    return next((o.name for o in found if o.recommended), getattr(session.settings, role))


def create(session: Session, name: str, *, generator: str = "", editor: str = "", **fields: Any) -> Character:
    """A new character, kept, that works with the models that are named, else with what ``for_new`` says. Raises as
    ``characters.create`` does."""
    return characters.create(
        session,
        name,
        generator=generator or for_new(session, "generator"),
        editor=editor or for_new(session, "editor"),
        **fields,
    )


def words_of(session: Session, character: Character) -> list[str]:
    """What a character works with and what is missing for that, in words."""
    known = session.presets.models
    titles = [known[name].title if name in known else name for name in (character.generator, character.editor)]
    lines = [f"{character.name} is drawn by {titles[0]} and edited by {titles[1]} (change it: flenwheel models)."]
    used = [known[name] for name in dict.fromkeys((character.generator, character.editor)) if name in known]
    if character.practice is None and any(model.world for model in used):
        lines.append(f"{', '.join(model.title for model in used if model.world)}: {PRACTICE_ONLY}")
    lacking = {m.name: gone for m in used if (gone := missing(m, session.workspace, session.settings))}
    lines += [gone.what for gone in lacking.values()]
    if get := [name for name, gone in lacking.items() if gone.how != "reinstall"]:
        lines.append(f"To get them: flenwheel models {' '.join(f'--get {name}' for name in get)}")
    return lines


def _best(found: list[Offer], machine: Capacity) -> Offer | None:
    """The model to recommend: one for pictures of one's own that fits, those first whose weights are here, then the
    largest. Without a card those alone that somebody has the weights of: the others would be downloaded to wait for
    hours. Else what comes with the product, which costs nothing to begin with."""
    real = [o for o in found if not o.practice and o.fits and (o.here or machine.device == "cuda")]
    ranked = sorted(real, key=lambda o: (not o.here, -o.parameters))
    return next(iter([*ranked, *(o for o in found if o.practice)]), None)


def _offer(session: Session, model: ModelFamily, role: Role, machine: Capacity) -> Offer:
    lacking = missing(model, session.workspace, session.settings)
    drawing = predict_render(model, [], session.workspace, session.settings)
    preset = next(iter(session.presets.trainings_for(model.name, TARGETS[role])), None)
    training = predict_training(model, preset.settings, session.workspace, session.settings) if preset else None
    why = next((p.why for p in (drawing, training) if p and not p.fits), "")
    lines = [PRACTICE_ONLY] if model.world else []
    lines += [lacking.what if lacking.how != "download" else _download(model, lacking.gib)] if lacking else []
    if not lacking and not model.world:
        lines.append("Its weights are on this machine.")
    lines.append(why or _memory(drawing.peak_gib, training.peak_gib if training else 0.0, drawing.total_gib))
    if made_for_a_card(model, session.settings):
        lines.append(WITHOUT_A_CARD)
    lines += [f"Licence: {model.licence}."] if not model.world else []
    lines += [model.licence_note] if model.licence_note and not model.world else []
    return Offer(
        name=model.name,
        title=model.title,
        here=lacking is None,
        gib=lacking.gib if lacking else 0.0,
        peak_gib=round(drawing.peak_gib, 1),
        training_gib=round(training.peak_gib, 1) if training else 0.0,
        fits=not why,
        why=why,
        licence=model.licence,
        lines=tuple(lines),
        practice=bool(model.world),
        parameters=model.parts["transformer"].parameters,
    )


def _download(model: ModelFamily, gib: float) -> str:
    folder = f"models/{model.name}-{model.weights_revision}"
    return (
        f"Not on this machine: {gib:.1f} GB to download from {model.weights.hub} (a tab offers it when it is needed),"
        f" or put its folder into {folder} of the workspace or into the models folder of Settings."
    )


def _memory(pictures: float, training: float, usable: float) -> str:
    trains = f", a training {training:.1f} GB" if training else ""
    return f"Pictures take {pictures:.1f} GB of memory{trains}; {usable:.1f} GB may be used here."


def _machine(machine: Capacity) -> str:
    if machine.device == "cuda":
        held = f" Others hold some of it: {', '.join(machine.holders[:3])}." if machine.holders else ""
        return f"A graphics card of {machine.total_gib:.0f} GB, {machine.usable_gib:.1f} GB to be used.{held}"
    why = f" {machine.no_card}" if machine.no_card else ""
    return f"No graphics card: models run on the processor, with {machine.usable_gib:.1f} GB of memory.{why}"


def _place(session: Session) -> str:
    """Where downloads go, and how much room is there."""
    folder = download_folder(session.settings)
    there = next((p for p in (folder, *folder.parents) if p.exists()), Path("/"))
    return f"Downloads go to {folder}, where {shutil.disk_usage(there).free / GIB:.0f} GB are free."


def made(session: Session, character_id: str) -> list[str]:
    """What was made with the models of a character, in words; nothing while they can simply be changed."""
    character = session.character(character_id)
    return [
        f"{getattr(character, role)}: {' and '.join(words)}"
        for role in get_args(Role)
        if (words := made_with(session, character, role))
    ]


def made_with(session: Session, character: Character, role: Role) -> list[str]:
    """What was made with the model that a character has for a role, in words; nothing while it may just be changed."""
    kinds = {"generator": ("synthetic", "card", "sample"), "editor": ("enriched", "survey")}[role]
    pictures = [i for i in session.store.all(ImageRecord, character=character.id) if i.kind in kinds]
    runs = session.store.all(TrainingRun, character=character.id, target=TARGETS[role])
    surveys = session.store.all(Survey, character=character.id) if role == "editor" else []
    told = [count(len(pictures), "picture")] if pictures else []
    told += [count(len(runs), "training")] if runs else []
    return told + ([count(len(surveys), "survey")] if surveys and not pictures else [])


def change(
    session: Session, character_id: str, *, generator: str = "", editor: str = "", new_round: bool = False
) -> Character:
    """Let a character work with other models; empty: that one stays.

    While nothing was made with a model the choice is simply changed. ``new_round``: what was made stays as it is, and
    its next training begins anew on the other model, with the pictures that were found good. The sources, and what is
    judged already, are looked at again where another recogniser judges now. Raises NotFound, and NotAllowed, with what
    is in the way.
    """
    character = session.character(character_id)
    wanted: dict[Role, str] = {"generator": generator, "editor": editor}
    changed: dict[Role, str] = {
        role: name for role, name in wanted.items() if name and name != getattr(character, role)
    }
    if not changed:
        return character
    _check(session, character, changed)
    made: dict[Role, list[str]] = {role: words for role in changed if (words := made_with(session, character, role))}
    if made and not new_round:
        raise NotAllowed(_stands(character, made))
    judged_by = session.presets.models.get(character.generator)
    with session.store.alone():
        other = session.character(character_id).model_copy(update={str(role): name for role, name in changed.items()})
        session.store.put(other)
    now = session.family(other.generator)
    if judged_by is None or judged_by.recogniser != now.recogniser:
        _judge_again(session, other)
    return other


def _check(session: Session, character: Character, changed: dict[Role, str]) -> None:
    """Raises NotFound for a model that is none, NotAllowed for one that cannot do it, for a practice character, and
    while a job of the character's is at work."""
    for role, name in changed.items():
        characters.able(session, role, name)
    if character.practice is not None:
        raise NotAllowed(
            f"{character.name} is a practice character, whom only the practice models know. Make a new character of"
            " your own pictures for other models."
        )
    jobs = session.store.all(Job, character=character.id)
    if any(job.state in RUNNING and job.kind in ("render", "train", "calibrate") for job in jobs):
        raise NotAllowed(f"A job of {character.name} is at work or waits. Wait for it or stop it first.")


def _stands(character: Character, made: dict[Role, list[str]]) -> str:
    named = "; ".join(f"with {getattr(character, role)}: {' and '.join(words)}" for role, words in made.items())
    return (
        f"{character.name} has begun with the present choice ({named}). Another model can be had as a new round: what"
        " was made stays, LoRAs trained so far are not for the other model, and the next training begins anew on it"
        " with the pictures that were found good."
    )


def _judge_again(session: Session, character: Character) -> None:
    """Have the pictures judged by the recogniser that judges from now on."""
    found = [i for i in session.store.all(ImageRecord, character=character.id) if i.kind != "correction"]
    if found and session.queue is not None:
        spec = sources.scoring_spec(session, character.id, character.generator)
        request = ScoreRequest(character=character.id, images=tuple(i.ref for i in found), scoring=spec)
        session.jobs.submit(request, f"Judge {count(len(found), 'picture')} by {spec.recogniser}", character.id)
