"""The command line: ``flenwheel`` opens the studio; ``flenwheel <step>`` does a step of the wheel without a browser."""

import argparse
import os
import sys
from collections.abc import Callable
from typing import get_args

from pipelines.domain.bounds import Cosine, Count, Each, Fraction, Guidance, More, Seed, Steps, Weight
from pipelines.domain.records import PERSON, TOKEN, Angle, Expression, ImageKind, JudgedBy, Label, Target, Way
from pipelines.practice.run import Wish
from pipelines.workflow.calibration import CalibrateOptions
from pipelines.workflow.caption_edits import KINDS
from pipelines.workflow.card import CardOptions
from pipelines.workflow.cropping import TITLES as TITLES_OF_CROPS
from pipelines.workflow.enrich import EnrichOptions
from pipelines.workflow.export import TITLES, WHAT
from pipelines.workflow.generate import GenerateOptions
from pipelines.workflow.reading import READABLE
from pipelines.workflow.references import Beside
from pipelines.workflow.review import GATES
from pipelines.workflow.survey import SurveyOptions
from pipelines.workflow.tagging import WORDS
from pipelines.workflow.training import TrainOptions
from studio.cli import (
    backup_command,
    captions_command,
    character_command,
    commands,
    crop_command,
    export_command,
    import_command,
    lora_command,
    models_command,
    practice_command,
    rebuild_command,
    tag_command,
    unload_command,
    weights_command,
)
from studio.cli.values import Parser, exit_codes, file, folder, number

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


RECOMMENDED = "(default: what `flenwheel models` recommends here)"
Sampled = type[SurveyOptions] | type[EnrichOptions] | type[GenerateOptions]


def _sampling(p: argparse.ArgumentParser, usual: Sampled) -> None:
    asked = "(default: what the LoRAs ask for, else the model's)"
    p.add_argument("--seed", type=number(Seed), default=usual.seed)
    p.add_argument("--steps", type=number(Steps), default=usual.steps, help=f"denoising steps {asked}")
    p.add_argument("--guidance", type=number(Guidance), default=usual.guidance, help=f"guidance scale {asked}")


def _lora_rows(p: argparse.ArgumentParser) -> None:
    p.add_argument("--lora", action="append", default=[], metavar="NAME=WEIGHT", help="add a LoRA to the stack")


def _import(p: argparse.ArgumentParser) -> None:
    p.add_argument("files", nargs="+", type=file, help="pictures, folders of pictures, or LoRA files (.safetensors)")
    p.add_argument("--new", metavar="NAME", help="create a character of that name first")
    p.add_argument("--kind", default="", help=f"with --new: what it is, such as cat or robot (default: {PERSON})")
    p.add_argument("--class-prompt", default="", help="with --new: what prompts call it (default: what it is)")
    p.add_argument("--token", default=TOKEN)
    p.add_argument("--origin", default="", help="where the pictures come from")
    p.add_argument("--may-use", action="store_true", help="you may use these pictures")
    p.add_argument(
        "--generator", default="", metavar="MODEL", help=f"with --new: the model that draws it {RECOMMENDED}"
    )
    p.add_argument("--editor", default="", metavar="MODEL", help=f"with --new: the model that edits it {RECOMMENDED}")
    p.add_argument("--angle", choices=get_args(Angle), help="the angle that all these pictures show")
    p.add_argument("--expression", choices=get_args(Expression), help="the expression that all these pictures show")
    p.add_argument("--first-frame", action="store_true", help="take the first frame of animations")
    p.add_argument(
        "--judged-by",
        choices=get_args(JudgedBy),
        help="what tells the character from others: its face (unless you say otherwise), its look (a toy, an animal, a "
        "drawing), none (your eyes alone)",
    )
    p.add_argument(
        "--leave-alike", action="store_true",
        help="leave out what looks like a source that is here: cropped, resized, in a mirror (else you are asked)",
    )  # fmt: skip
    p.add_argument("--look", action="store_true", help="look at the sources at once: who looks like someone else?")
    p.add_argument("--family", help="model preset that a LoRA file is for, when its header does not say")


def _character(p: argparse.ArgumentParser) -> None:
    p.add_argument("--kind", help="what it is: person, cat, robot; instructions to the editor say so")
    p.add_argument("--class-prompt", help="what prompts and captions call it (default: what it is)")


def _export(p: argparse.ArgumentParser) -> None:
    told = "; ".join(f"{name}: {words}" for name, words in TITLES.items())
    p.add_argument("what", choices=WHAT, help=told)
    p.add_argument("--to", type=file, required=True, metavar="FOLDER", help="a folder that is made, or an empty one")


def _tag(p: argparse.ArgumentParser) -> None:
    for name, words in WORDS.items():
        p.add_argument(f"--{name}", choices=words, help=f"the {name} that IMAGE shows")
    p.add_argument(
        "--read", action="store_true",
        help="have a model that sees read the pictures: angle, expression, framing, pose and more; a tag of yours wins",
    )  # fmt: skip
    p.add_argument("--by", default="", metavar="READER", help="with --read: who (default: Settings, else who is here)")
    p.add_argument("--kind", choices=READABLE, default="source", help="with --read: which pictures (default: source)")
    p.add_argument("--leave-out", action="store_true", help="leave these sources out from now on; their files stay")
    p.add_argument("--take-back", action="store_true", help="take sources that were left out back in")
    p.add_argument("--both-stay", action="store_true", help="they are other pictures than those that they look like")
    p.add_argument("images", nargs="*", metavar="IMAGE", help="ids of pictures, or their first characters")


def _crop(p: argparse.ArgumentParser) -> None:
    aims = "; ".join(f"{aim}: {words[0].lower()}{words[1:]}" for aim, words in TITLES_OF_CROPS.items())
    p.add_argument("--to", choices=tuple(TITLES_OF_CROPS), help=f"crop to what was found. {aims}")
    p.add_argument("--box", metavar="L,T,R,B", help="crop to this part: left, top, right, bottom in pixels")
    p.add_argument("--turn", type=int, choices=(-90, 90, 180, 270), default=0, help="turn clockwise first, by degrees")
    p.add_argument("--undo", action="store_true", help="put the whole picture back, as it came in")
    p.add_argument("images", nargs="*", metavar="IMAGE", help="file names or ids of sources")


def _captions(p: argparse.ArgumentParser) -> None:
    p.add_argument("--kind", action="append", choices=KINDS, help="only pictures of this kind (default: all)")
    p.add_argument("--tag", default="", help="only pictures of this angle, expression or tag of their caption")
    p.add_argument("--lint", action="store_true", help="only captions that something is to be said of")
    p.add_argument("--find", default="", metavar="WORDS", help="edit: words to be replaced wherever they stand")
    p.add_argument("--replace", metavar="WORDS", help="with --find: what stands there instead (default: nothing)")
    p.add_argument("--remove", default="", metavar="TAGS", help="edit: tags (between commas) to take out")
    p.add_argument("--add", default="", metavar="TAGS", help="edit: tags to add where they are missing")
    p.add_argument("--front", action="store_true", help="with --add: in front")
    p.add_argument("--dry-run", action="store_true", help="only say what would change")
    p.add_argument("--undo", action="store_true", help="take the last edit back")
    p.add_argument(
        "--write", action="store_true",
        help="have a model that sees write the captions that no human wrote (yours, and those that came along, stay)",
    )  # fmt: skip
    p.add_argument("--again", action="store_true", help="with --write: also where a machine wrote one already")
    p.add_argument("--by", default="", metavar="READER", help="with --write: who (default: Settings, else who is here)")
    p.add_argument(
        "--prompt", default="", metavar="NAME", help="with --write: an entry of presets/prompts/captions.toml"
    )
    p.add_argument("--forget", action="store_true", help="take back captions that a machine wrote")
    p.add_argument("images", nargs="*", metavar="IMAGE", help="ids of pictures, or their first characters")


def _beside(p: argparse.ArgumentParser) -> None:
    p.add_argument(
        "--references", type=number(More), default=Beside.references, metavar="N",
        help="show the editor N more sources beside each (0-2), the nearest to what is asked for",
    )  # fmt: skip
    p.add_argument(
        "--reference",
        action="append",
        default=[],
        metavar="IMAGE",
        help="show this source beside each instead",
    )
    p.add_argument(
        "--control", default=Beside.control, metavar="IMAGE",
        help="show the luminance map of a picture, for LoRAs that go by one",
    )  # fmt: skip


def _survey(p: argparse.ArgumentParser) -> None:
    _sampling(p, SurveyOptions)
    _beside(p)
    p.add_argument("--stack", action="append", default=[], metavar="A=1.0+B=0.8", help="a LoRA or a combination")
    p.add_argument("--prompt", action="append", default=[], help="preset such as background/forest, or your own words")
    p.add_argument("--image", action="append", default=[], help="id of a source (default: the first five)")
    p.add_argument("--decide", choices=get_args(Way), help="write down the decision on the newest survey")
    p.add_argument("--reasons", default="")


def _enrich(p: argparse.ArgumentParser) -> None:
    _sampling(p, EnrichOptions)
    _beside(p)
    _lora_rows(p)
    p.add_argument("--source", action="append", default=[], help="id of a source (default: all)")
    p.add_argument(
        "--edit", action="append", default=[],
        help="such as angle/half-left (default: all, or the chains alone)",
    )  # fmt: skip
    p.add_argument(
        "--chain", action="append", default=[], metavar="EDIT,EDIT",
        help="edits in their order, each made of what the one before gave, such as angle/profile-left,expression/angry;"
        " it stops where it shows someone else",
    )  # fmt: skip
    p.add_argument(
        "--instruction", action="append", default=[], metavar="WORDS",
        help='an edit in your own words, such as "Give the person a red hat | wearing a red hat": what stands behind'
        " the | goes into the caption",
    )  # fmt: skip
    p.add_argument("--failed-of", metavar="vN", help="chains for the cells of that model card that failed")
    p.add_argument("--per-source", type=number(Each), default=EnrichOptions.per_source)
    p.add_argument(
        "--gaps", action=argparse.BooleanOptionalAction, default=EnrichOptions.gaps,
        help="leave out turns and expressions that a source shows already, and turns that others are nearer to",
    )  # fmt: skip
    p.add_argument("--count", type=number(Count), default=EnrichOptions.count, help="at most so many pictures")
    p.add_argument(
        "--few", action="store_true",
        help="for a character of one to three sources: turns, expressions, upper bodies and whole figures of each",
    )  # fmt: skip


def _review(p: argparse.ArgumentParser) -> None:
    p.add_argument("--gate", choices=GATES, default=GATES[0])
    p.add_argument("--label", choices=[*get_args(Label), "clear"], help="decide on IMAGE")
    p.add_argument("--failure", metavar="NAME", help="note a failure mode on IMAGE, by name or letter; again: undo it")
    p.add_argument("--reason", default="")
    p.add_argument(
        "--correct", metavar="IMAGE", help="a picture that needs correction: with --with it teaches the editor"
    )
    p.add_argument(
        "--with", dest="better", metavar="IMAGE",
        help="what corrects it: a better try of the same source, or the file of a corrected picture",
    )  # fmt: skip
    p.add_argument("--filter", action="store_true", help="sort out synthetic pictures by rule")
    p.add_argument("--cut", type=number(Cosine), help="with --filter: sort out below this identity score")
    p.add_argument(
        "--pristine", action="store_true", help="keep IMAGE as the next pristine version; without IMAGE the best 20"
    )
    p.add_argument("images", nargs="*", metavar="IMAGE", help="ids of pictures, or their first characters")


def _train(p: argparse.ArgumentParser) -> None:
    p.add_argument("--target", choices=get_args(Target), default=TrainOptions.target)
    p.add_argument("--preset", default=TrainOptions.preset, help="training preset (default: the one for the model)")
    p.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="such as steps=500 or rank=32")
    p.add_argument("--dry-run", action="store_true", help="only say what it would learn from")


def _generate(p: argparse.ArgumentParser) -> None:
    _sampling(p, GenerateOptions)
    _lora_rows(p)
    p.add_argument("--version", help="version of the character's LoRA (default: newest; 'base' for none)")
    p.add_argument("--strength", type=number(Weight), default=GenerateOptions.strength)
    p.add_argument("--scenario", action="append", default=[])
    p.add_argument("--prompt", action="append", default=[])
    p.add_argument("--variants", type=number(Each), default=GenerateOptions.variants)
    p.add_argument("--count", type=number(Count), default=GenerateOptions.count)


def _score(p: argparse.ArgumentParser) -> None:
    p.add_argument("--kind", choices=get_args(ImageKind), default="source")
    p.add_argument(
        "--confirm",
        action="append",
        default=[],
        metavar="ID",
        help="this source does show the character, though it is doubted",
    )
    p.add_argument("--calibrate", action="store_true", help="draw the character's own identity line, with a report")
    p.add_argument(
        "--others", action="append", type=file, default=[], metavar="DIR",
        help="with --calibrate: pictures of other people to hold against; a file or a subfolder is a person",
    )  # fmt: skip
    p.add_argument(
        "--draw-strangers", action="store_true", help="draw 120 strangers with the base model alone, to calibrate with"
    )
    far = CalibrateOptions.far
    p.add_argument(
        "--far", type=number(Fraction), default=far, help=f"with --calibrate: share of others that may pass ({far})"
    )


def _judge(p: argparse.ArgumentParser) -> None:
    p.add_argument("by", nargs="?", choices=get_args(JudgedBy), help="from now on; without it: show what it is")


def _practice(p: argparse.ArgumentParser) -> None:
    """``--character`` takes a number here. Without it, or with ``--list``: who there is."""
    p.add_argument("--list", action="store_true", help="say who there is; the same as without a number")
    p.add_argument(
        "--start", type=number(Seed), metavar="NUMBER", help="begin with a practice character and its 12 sources"
    )
    p.add_argument(
        "--sources", type=number(int), metavar="N",
        help="with N of the 12 sources (1 to 12), such as 3; without --character or --start: for ten characters",
    )  # fmt: skip
    p.add_argument(
        "--characters", type=number(int), metavar="N",
        help="the whole run for N characters, from --character on or with some that no model knows, with intervals",
    )  # fmt: skip
    p.add_argument("--rounds", type=number(int), help="how often to train (2)")
    p.add_argument("--seed", type=number(Seed), default=Wish.seed)
    p.add_argument(
        "--error", type=number(float), help="share of decisions that the simulated reviewer gets wrong (0.05)"
    )
    p.add_argument("--corrections", action="store_true", help="correct wrong edits and train the editor with them")


def _card(p: argparse.ArgumentParser) -> None:
    p.add_argument("--version", help="version of the character's LoRA (default: newest; 'base' for none)")
    p.add_argument("--strength", type=number(Weight), default=CardOptions.strength)
    p.add_argument("--seed", type=number(Seed), default=CardOptions.seed)
    p.add_argument("--show", metavar="vN", help="show a card that was run instead of running one")
    p.add_argument("--against", metavar="vN", help="with --show: cells gained and lost since that card (McNemar)")
    p.add_argument("--export", type=file, metavar="FILE", help="write the card down: a file .md, .json or .html")


def _presets(p: argparse.ArgumentParser) -> None:
    p.add_argument("--init", action="store_true", help="make the folder, with a commented example of each kind")


def _loras(p: argparse.ArgumentParser) -> None:
    p.add_argument("name", nargs="?", default="", help="name or id of a LoRA (default: list all)")
    p.add_argument("--steps", type=number(Steps), help="it was made for so many steps")
    p.add_argument("--guidance", type=number(Guidance), help="it was made for this guidance scale")
    p.add_argument(
        "--schedule", action="append", default=[], metavar="KEY=VALUE",
        help="a value of the noise schedule that it was made for, such as base_shift=1.0986",
    )  # fmt: skip
    p.add_argument("--as-known", action="store_true", help="forget what you said: what the catalogue knows holds again")
    p.add_argument(
        "--get", default="", metavar="WHAT",
        help="download one: an entry of the catalogue, owner/name, owner/name/file.safetensors, or an address",
    )  # fmt: skip
    p.add_argument("--catalogue", action="store_true", help="list the LoRAs that are known, here or not")


def _models(p: argparse.ArgumentParser) -> None:
    """Without an option: what there is, what is recommended here, what the character works with."""
    p.add_argument("--generator", default="", metavar="MODEL", help="let the character be drawn by this model")
    p.add_argument("--editor", default="", metavar="MODEL", help="let its pictures be edited by this model")
    p.add_argument(
        "--new-round", action="store_true",
        help="also where something was made with the present model: that stays, the next training begins anew",
    )  # fmt: skip
    p.add_argument("--get", action="append", default=[], metavar="MODEL", help="download the weights of a model")
    p.add_argument("--get-faces", default="", metavar="PACK", help="download a face pack")


def _weights(p: argparse.ArgumentParser) -> None:
    """Without an option: list them."""
    p.add_argument("--make-copy", metavar="MODEL", help="make the quantized copy that is loaded from then on")
    p.add_argument("--verify", metavar="NAME", help="read a copy whole and compare it with its hashes")
    p.add_argument("--remove", metavar="NAME", help="remove a copy, by its name or its model's")


def _backup(p: argparse.ArgumentParser) -> None:
    p.add_argument("file", nargs="?", type=file, help="the file to write, or a folder for it (default: this folder)")


def _restore(p: argparse.ArgumentParser) -> None:
    p.add_argument("file", type=file, help="what `flenwheel backup` wrote; --workspace names the folder to make")


def _nothing(p: argparse.ArgumentParser) -> None:
    del p


Command = tuple[Callable[[argparse.Namespace], int], str, Callable[[argparse.ArgumentParser], None]]
COMMANDS: dict[str, Command] = {
    "practice": (practice_command.practice, "turn the wheel with a character that comes with FLENwheel", _practice),
    "import": (import_command.bring_in, "take in pictures of a character, or LoRA files", _import),
    "tag": (tag_command.tag, "say what pictures show, or who says so", _tag),
    "crop": (crop_command.crop, "crop or turn sources; the files as they came in stay", _crop),
    "captions": (captions_command.captions, "list, check and edit what pictures are learnt with", _captions),
    "export": (export_command.export_dataset, "write a dataset for other trainers", _export),
    "character": (character_command.character, "say what a character is, or change it", _character),
    "survey": (commands.survey, "compare LoRAs on the same pictures and prompts", _survey),
    "enrich": (commands.enrich, "edit the sources along angle, light, background, expression, style", _enrich),
    "review": (commands.review, "list a gate's pictures, decide on them, correct, filter, keep the best", _review),
    "train": (commands.train, "train the next version of a LoRA", _train),
    "generate": (commands.generate, "draw the character anew with its LoRA", _generate),
    "score": (commands.score, "judge pictures again, or calibrate the line they are judged by", _score),
    "judge": (commands.judge, "what tells the character from others: its face, its look, or your eyes alone", _judge),
    "card": (commands.card, "run or show the model card", _card),
    "models": (models_command.models, "which models there are, what is recommended here; change or get them", _models),
    "unload": (unload_command.unload, "let a running studio give back the memory of its models", _nothing),
    "loras": (lora_command.lora_files, "list LoRA files, or say what steps and guidance one was made for", _loras),
    "weights": (weights_command.model_weights, "which models are here or missing; copies of them", _weights),
    "status": (commands.status, "where the wheel stands", _nothing),
    "presets": (commands.presets, "what of your own presets was read, and what is wrong with them", _presets),
    "rebuild": (rebuild_command.rebuild, "restore lost records from the files alone", _nothing),
    "backup": (backup_command.backup, "write the workspace into one file, without downloaded weights", _backup),
    "restore": (backup_command.restore, "make a new workspace of a backup", _restore),
    "doctor": (commands.doctor, "what this machine has and what fits", _nothing),
}
