"""Where a LoRA is and how it leaves: its file, a copy where ComfyUI looks, a folder for a hub with a card, and a folder
from which other trainers train the same."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import tomli_w
import yaml
from PIL import Image

from pipelines.domain.records import ImageRecord, Job, LoraRecord, Target, TrainingRun
from pipelines.domain.requests import TrainRequest
from pipelines.domain.words import count
from pipelines.planning import elsewhere
from pipelines.planning.elsewhere import Elsewhere
from pipelines.queue.stored_request import stored_request_if_readable
from pipelines.session import NotFound, Session
from pipelines.storage import export as datasets_out
from pipelines.storage.atomic import copy_durably, file_hash, new_folder, write_durably
from pipelines.storage.names import slug
from pipelines.storage.settings import several
from pipelines.workflow import gate, hub_card, loras
from pipelines.workflow.characters import NotAllowed

LORAS = ("models", "loras")
"""Where ComfyUI looks for LoRAs, from its own folder."""


@dataclass(frozen=True)
class Place:
    """A LoRA's file. ``comfy`` are folders for LoRAs of other programs that Settings know."""

    lora: LoraRecord
    file: Path
    comfy: tuple[Path, ...]


@dataclass(frozen=True)
class Written:
    """A folder that was written, its files, and what could not be said in the words of others, by trainer."""

    folder: Path
    files: tuple[str, ...]
    unmapped: dict[str, tuple[str, ...]]


def place(session: Session, lora_id: str) -> Place:
    """Where a LoRA is. Raises NotFound, also for one whose file is gone."""
    lora = loras.get(session, lora_id)
    file = session.workspace.root / lora.path if not lora.changed else Path(lora.path)
    if not file.is_file():
        raise NotFound(f"The file of {lora.name} is gone: {file}")
    return Place(lora, file, tuple(comfy_folders(session)))


def of_version(session: Session, character_id: str, target: Target, version: str = "") -> LoraRecord:
    """The LoRA of a version (empty: the newest) of a character, or of its editor. Raises NotFound."""
    made = loras.trained(session, character_id, target)
    match = [lora for lora in made if version in ("", lora.version)]
    if not match:
        known = ", ".join(lora.version for lora in made) or "none trained yet"
        raise NotFound(
            f"{session.character(character_id).name} has no {target} LoRA {version}".rstrip() + f" ({known})."
        )
    return match[-1]


def comfy_folders(session: Session) -> list[Path]:
    """Folders for LoRAs in the folders of other programs that Settings name."""
    given = several(session.settings.shared_folders)
    places = [found for folder in given for found in [_loras_of(folder)] if found is not None]
    return list(dict.fromkeys(places))


def _loras_of(folder: Path) -> Path | None:
    """The folder for LoRAs in one of ComfyUI's: itself when it is called that; ``None`` when there is none."""
    if folder.name.lower() in ("loras", "lora") and folder.is_dir():
        return folder
    return next((place for place in (folder.joinpath(*LORAS), folder / LORAS[1]) if place.is_dir()), None)


def copy_to(session: Session, lora_id: str, folder: Path) -> Path:
    """Copy a LoRA's file into a folder (ComfyUI's own, or one for LoRAs), under the LoRA's name. Returns the copy; one
    that is there already with the same content is left as it is. Raises NotFound, NotAllowed, OSError."""
    found, folder = place(session, lora_id), folder.expanduser().absolute()
    if not folder.is_dir():
        raise NotFound(f"There is no folder {folder}.")
    copy = (_loras_of(folder) or folder) / f"{slug(found.lora.name, 'lora', 120)}{found.file.suffix}"
    if copy.exists():
        if copy.is_file() and file_hash(copy) == found.lora.id:
            return copy
        raise NotAllowed(f"{copy} is there already and is another file: nothing is overwritten. Move it away first.")
    copy_durably(found.file, copy)
    return copy


def write_for_hub(session: Session, lora_id: str, folder: Path) -> Written:
    """Write a folder as model hubs take it: the file, a README with trigger, licence, base model, pictures and what was
    measured, and the pictures without their recipes. ``folder`` is made, or empty. Raises NotFound, NotAllowed,
    OSError."""
    found, folder = place(session, lora_id), _new(folder)
    told = hub_card.card_of(session, found.lora, found.file.name)
    with new_folder(folder, over=False) as fresh:
        copy_durably(found.file, fresh / found.file.name)
        write_durably(fresh / "README.md", told.text.encode())
        if told.pictures:
            (fresh / hub_card.IMAGES).mkdir()
        for name, picture in told.pictures.items():
            _without_recipe(session, picture, fresh / name)
    return Written(folder, (found.file.name, "README.md", *told.pictures), {})


def _without_recipe(session: Session, picture: ImageRecord, file: Path) -> None:
    """A picture's pixels alone: its recipe names files and pictures of the workspace."""
    with Image.open(session.workspace.path(picture.path)) as image:
        Image.frombytes("RGB", image.size, image.convert("RGB").tobytes()).save(file, "PNG")


def _new(folder: Path) -> Path:
    folder = folder.expanduser().absolute()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise NotAllowed(f"{folder} is there already and not empty. Name a new folder.")
    return folder


def write_for_trainers(session: Session, lora_id: str, folder: Path) -> Written:
    """Write a folder from which ai-toolkit and kohya's sd-scripts train the same LoRA: its pictures with the captions
    that it learnt with, configurations, and in words what differs. Raises NotFound, NotAllowed for pictures that
    are not let through any more, OSError."""
    lora, folder = loras.get(session, lora_id), _new(folder)
    request = request_of(session, lora)
    if why := gate.why_closed(session, request.character, request.pictures):
        raise NotAllowed(why)
    dataset = folder / "dataset"
    told = elsewheres(session, request, dataset)
    entries = [_entry(session, request, n) for n in range(len(request.items))]
    if lost := next((e.picture for e in entries if not e.picture.is_file()), None):
        raise NotFound(f"The file of a picture is gone: {lost}")
    with new_folder(folder, over=False) as fresh:
        (fresh / "dataset").mkdir()
        datasets_out.write(fresh / "dataset", entries, dataset)
        names = [_write_config(fresh, name, config) for one in told for name, config in one.files.items()]
        write_durably(fresh / "README.txt", instructions(request, told).encode())
    return Written(folder, ("dataset", *names, "README.txt"), {one.trainer: one.unmapped for one in told})


def elsewheres(session: Session, request: TrainRequest, dataset: Path) -> list[Elsewhere]:
    """A training in the words of each trainer that knows its model. Raises NotFound for a model preset that is gone."""
    family = session.family(request.family)
    known = (elsewhere.ai_toolkit, elsewhere.kohya)
    return [one for say in known if (one := say(request, family, dataset.as_posix())) is not None]


def request_of(session: Session, lora: LoraRecord) -> TrainRequest:
    """What a LoRA was trained by. Raises NotFound for one that was not trained here, or whose training is not kept."""
    run = session.store.get(TrainingRun, lora.run) if lora.run else None
    job = session.store.get(Job, run.job) if run else None
    request = stored_request_if_readable(job) if job else None
    if not isinstance(request, TrainRequest):
        raise NotFound(
            f"How {lora.name} was trained is not kept here: only what was trained here can be trained again."
        )
    return request


def _entry(session: Session, request: TrainRequest, n: int) -> datasets_out.Entry:
    item = request.items[n]
    control = session.workspace.path(item.controls[0].path) if item.controls else None
    name = f"{item.origin.replace(' ', '-')}-{n + 1:03d}"
    return datasets_out.Entry(name, session.workspace.path(item.image.path), item.caption, control)


def _write_config(folder: Path, name: str, config: dict[str, object]) -> str:
    text = (
        yaml.safe_dump(config, sort_keys=False, allow_unicode=True) if name.endswith(".yaml") else tomli_w.dumps(config)
    )
    write_durably(folder / name, text.encode())
    return name


def instructions(request: TrainRequest, told: Iterable[Elsewhere]) -> str:
    """How to train the same elsewhere, and what will differ."""
    lines = [
        f"How to train {request.name} elsewhere: {count(len(request.items), 'picture')} with captions in dataset.",
        "",
    ]
    for one in told:
        lines += [f"{one.trainer}: {one.command}", "", "What it does otherwise than FLENwheel did:"]
        lines += [*(f"- {words}" for words in one.unmapped), ""]
    if len(next(iter(request.items)).controls) > 1:
        lines.append("Edits with more than one input: only the first of each is in dataset/control.")
    return "\n".join(
        [*lines, "All settings as they were here:", json.dumps(request.settings.model_dump(), indent=1), ""]
    )
