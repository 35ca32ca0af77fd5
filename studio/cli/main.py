"""The command line: ``flenwheel`` opens the studio; ``flenwheel <step>`` does a step of the wheel without a browser."""

import argparse
import os
import sys
from collections.abc import Callable

from studio.cli import (
    again_command,
    backup_command,
    captions_command,
    card_command,
    character_command,
    commands,
    crop_command,
    editor_command,
    export_command,
    import_command,
    lora_command,
    making_command,
    merge_command,
    models_command,
    practice_command,
    rebuild_command,
    review_command,
    survey_command,
    tag_command,
    unload_command,
    weights_command,
    wheel_command,
)
from studio.cli.values import Parser, exit_codes, folder

DEFAULT_PORT = 7860
LAST_PORT = 65535
PASSWORD = "FLENWHEEL_PASSWORD"


def parser() -> argparse.ArgumentParser:
    """All options of all commands."""
    top = Parser(
        prog="flenwheel", description=__doc__, epilog=exit_codes(), formatter_class=argparse.RawDescriptionHelpFormatter
    )
    _everywhere(top, defaults=True)
    top.add_argument("--version", action=_Version, nargs=0, dest=argparse.SUPPRESS, help="say which version this is")
    _serving(top)
    steps = top.add_subparsers(dest="command", metavar="STEP")
    for name, (run, words, options) in COMMANDS.items():
        step = steps.add_parser(name, help=words, description=words)
        _everywhere(step, defaults=False)
        options(step)
        step.set_defaults(run=run)
    return top


def _serving(p: argparse.ArgumentParser) -> None:
    """Where the studio is opened, and to whom."""
    p.add_argument(
        "--host", default="127.0.0.1",
        help="address to listen on (default: this machine only); any other asks for a password. 0.0.0.0: all of them",
    )  # fmt: skip
    p.add_argument("--port", type=_port, default=DEFAULT_PORT, help=f"port to listen on (default {DEFAULT_PORT})")
    p.add_argument(
        "--allow-host", action="append", default=[], metavar="NAME",
        help="a name besides that the studio answers to, such as your proxy's; can be given several times",
    )  # fmt: skip
    p.add_argument(
        "--root-path", default="", metavar="PATH",
        help="the path under which a proxy serves the studio, such as /studio (or let it send X-Forwarded-Prefix)",
    )  # fmt: skip
    p.add_argument(
        "--password", default=os.environ.get(PASSWORD) or None,
        help=f"what one must know to come in; made at start when others can reach the studio. Or set {PASSWORD}, which "
        "other users of this machine cannot see",
    )  # fmt: skip
    p.add_argument("--no-browser", action="store_true", help="do not open a browser")


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > LAST_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: 1 to {LAST_PORT}, or 0 for one that is free")
    return int(text)


class _Version(argparse.Action):
    """Says which version is installed (its one source: pyproject.toml); looked up only when that is asked."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        """Say it and exit."""
        from importlib.metadata import version

        sys.stdout.write(f"flenwheel {version('flenwheel')}\n")
        parser.exit()


def _everywhere(p: argparse.ArgumentParser, *, defaults: bool) -> None:
    """Options that every command takes, before or after its name."""
    absent = None if defaults else argparse.SUPPRESS
    p.add_argument("--workspace", type=folder, default=absent, help="folder of the workspace (default ~/FLENwheel)")
    p.add_argument("--character", default="" if defaults else absent, help="which character (default: the current one)")
    p.add_argument("--json", action="store_true", default=False if defaults else absent, help="answer in JSON")
    p.add_argument("--verbose", action="store_true", default=False if defaults else absent, help="tell more")
    p.add_argument(
        "--debug", action="store_true", default=False if defaults else absent,
        help="show where an error came from (a traceback)",
    )  # fmt: skip


def _nothing(p: argparse.ArgumentParser) -> None:
    del p


Command = tuple[Callable[[argparse.Namespace], int], str, Callable[[argparse.ArgumentParser], None]]
COMMANDS: dict[str, Command] = {
    "practice": (
        practice_command.practice,
        "turn the wheel with a character that comes with FLENwheel",
        practice_command.options,
    ),
    "import": (import_command.bring_in, "take in pictures of a character, or LoRA files", import_command.options),
    "tag": (tag_command.tag, "say what pictures show, or who says so", tag_command.options),
    "crop": (crop_command.crop, "crop or turn sources; the files as they came in stay", crop_command.options),
    "captions": (
        captions_command.captions,
        "list, check and edit what pictures are learnt with",
        captions_command.options,
    ),
    "export": (
        export_command.export_it,
        "write a dataset for other trainers, or a LoRA for the world",
        export_command.options,
    ),
    "character": (
        character_command.character,
        "say what a character is; change, rename, archive or delete it",
        character_command.options,
    ),
    "survey": (survey_command.survey, "compare LoRAs on the same pictures and prompts", survey_command.options),
    "enrich": (
        making_command.enrich,
        "edit the sources along angle, light, background, expression, style",
        making_command.enrich_options,
    ),
    "review": (
        review_command.review,
        "list a gate's pictures, decide on them, correct, filter, keep the best",
        review_command.options,
    ),
    "again": (
        again_command.again,
        "make a picture again, with another seed or another value of one thing",
        again_command.again_options,
    ),
    "recipe": (
        again_command.recipe,
        "what a picture tells of how it was made, and what of it is taken here",
        again_command.recipe_options,
    ),
    "train": (commands.train, "train the next version of a LoRA", commands.train_options),
    "editor": (
        editor_command.editor,
        "what corrections teach the editor, its proof, its way into Enrich",
        editor_command.options,
    ),
    "generate": (making_command.generate, "draw the character anew with its LoRA", making_command.generate_options),
    "score": (commands.score, "judge pictures again, or calibrate the line they are judged by", commands.score_options),
    "judge": (
        commands.judge,
        "what tells the character from others: its face, its look, or your eyes alone",
        commands.judge_options,
    ),
    "card": (card_command.card, "run or show the model card", card_command.options),
    "rounds": (
        wheel_command.tell_rounds,
        "what each round learnt and its card says; whether to go on",
        wheel_command.options,
    ),
    "models": (
        models_command.models,
        "which models there are, what is recommended here; change or get them",
        models_command.options,
    ),
    "unload": (unload_command.unload, "let a running studio give back the memory of its models", _nothing),
    "loras": (
        lora_command.lora_files,
        "list LoRA files, or say what steps and guidance one was made for",
        lora_command.options,
    ),
    "merge": (merge_command.merge, "make one LoRA of several, and say what is lost", merge_command.options),
    "weights": (
        weights_command.model_weights,
        "which models are here or missing; copies of them",
        weights_command.options,
    ),
    "status": (commands.status, "where the wheel stands", _nothing),
    "presets": (
        commands.presets,
        "what of your own presets was read, and what is wrong with them",
        commands.presets_options,
    ),
    "rebuild": (rebuild_command.rebuild, "restore lost records from the files alone", _nothing),
    "backup": (
        backup_command.backup,
        "write the workspace into one file, without downloaded weights",
        backup_command.backup_options,
    ),
    "restore": (backup_command.restore, "make a new workspace of a backup", backup_command.restore_options),
    "doctor": (commands.doctor, "what this machine has and what fits", _nothing),
}
