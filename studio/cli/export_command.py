"""``flenwheel export``: a dataset as a folder that other trainers read, or a LoRA as it goes out into the world."""

import argparse
from pathlib import Path
from typing import get_args

from pipelines.domain.records import Character, Target
from pipelines.domain.words import count
from pipelines.session import Session
from pipelines.workflow import export, lora_folder
from pipelines.workflow.export import TITLES, WHAT
from studio.cli.answers import Answer, Told, Usage, character_of, command, in_session
from studio.cli.values import file

LORA = {
    "lora": "a LoRA with a README for a model hub and pictures of its card",
    "retrain": "what a LoRA was trained with: pictures, captions, configurations of ai-toolkit and kohya's sd-scripts",
    "comfyui": "a LoRA's file, into ComfyUI's folder",
}
"""What leaves of a LoRA, beside datasets (``workflow.export.WHAT``)."""


def options(p: argparse.ArgumentParser) -> None:
    """What ``export`` takes."""
    told = "; ".join(f"{name}: {words}" for name, words in (TITLES | LORA).items())
    p.add_argument("what", choices=(*WHAT, *LORA), help=told)
    p.add_argument(
        "--to", type=file, metavar="FOLDER",
        help="a folder that is made, or an empty one; of comfyui ComfyUI's (default: the one that Settings know)",
    )  # fmt: skip
    p.add_argument("--version", default="", metavar="vN", help="of a LoRA: which (default: the newest)")
    p.add_argument("--target", choices=get_args(Target), default="character", help="of a LoRA: whose")


@command
def export_it(options: argparse.Namespace) -> Answer:
    """Write pictures with captions, or a LoRA."""
    with in_session(options, read_only=True) as session:
        character = character_of(session, options)
        if options.what in LORA:
            return _lora(session, character, options)
        if options.version or options.target != "character":
            raise Usage(f"--version and --target are for a LoRA: {', '.join(LORA)}.")
        made = export.write(session, character.id, options.what, _folder(options))
        told = f"{count(len(made.pictures), 'picture')} with captions in {made.folder}"
        return {"folder": str(made.folder), "pictures": [p.name for p in made.pictures]}, told


def _folder(options: argparse.Namespace) -> Path:
    if options.to is None:
        raise Usage("Say where: --to FOLDER, a folder that is made, or an empty one.")
    return options.to


def _lora(session: Session, character: Character, options: argparse.Namespace) -> Answer:
    lora = lora_folder.of_version(session, character.id, options.target, options.version)
    if options.what == "comfyui":
        copy = lora_folder.copy_to(session, lora.id, options.to or _comfyui(session))
        return {"file": str(copy), "lora": lora.id}, f"{lora.name} is at {copy}"
    write = lora_folder.write_for_hub if options.what == "lora" else lora_folder.write_for_trainers
    made = write(session, lora.id, _folder(options))
    lines = [f"{lora.name}: {', '.join(made.files)} in {made.folder}"]
    for trainer, unmapped in made.unmapped.items():
        lines += [f"{trainer} does otherwise:", *(f"  {words}" for words in unmapped)]
    unmapped = {trainer: list(words) for trainer, words in made.unmapped.items()}
    data: Told = {"folder": str(made.folder), "files": list(made.files), "lora": lora.id, "unmapped": unmapped}
    return data, "\n".join(lines)


def _comfyui(session: Session) -> Path:
    """The one folder for LoRAs that Settings know. Raises Usage for none, or several."""
    known = lora_folder.comfy_folders(session)
    if len(known) != 1:
        told = f"Settings know {len(known)}: {', '.join(map(str, known))}" if known else "Settings know none"
        raise Usage(f"Say which folder: --to FOLDER ({told}).")
    return known[0]
