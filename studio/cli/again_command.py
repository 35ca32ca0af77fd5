"""``flenwheel again``: a picture anew, or with other values of one thing. ``flenwheel recipe``: how it was made."""

import argparse

from pipelines.domain.words import count
from pipelines.workflow import again as making
from pipelines.workflow import recipes
from studio.cli.answers import Answer, Usage, character_of, command, in_session, in_session_or_beside, picture_ids, work
from studio.cli.values import file


def again_options(p: argparse.ArgumentParser) -> None:
    """What ``again`` takes."""
    p.add_argument("image", metavar="IMAGE", help="id of a picture that Enrich or Generate made")
    p.add_argument("--few", action="store_true", help=f"with {making.FEW} other seeds instead of one")
    told = ", ".join(making.ONE_THING)
    p.add_argument(
        "--vary", metavar="NAME=VALUE", action="append", default=[],
        help=f"with its own seed and another value of one thing ({told}); again for more values",
    )  # fmt: skip


@command
def again(options: argparse.Namespace) -> Answer:
    """Make a picture again, with another seed or with other values of one thing."""
    with in_session_or_beside(options) as session:
        (image,) = picture_ids(session, options, [options.image])
        if not options.vary:
            return work(session, (making.vary if options.few else making.retry)(session, image))
        names, _, _ = zip(*(value.partition("=") for value in options.vary), strict=True)
        if len({*names}) > 1 or any("=" not in value for value in options.vary):
            raise Usage("One thing is varied, such as --vary guidance=2 --vary guidance=5.")
        values = [value.partition("=")[2] for value in options.vary]
        return work(session, making.vary_one(session, image, names[0], values))


def recipe_options(p: argparse.ArgumentParser) -> None:
    """What ``recipe`` takes."""
    p.add_argument(
        "file", type=file, help="a PNG of FLENwheel, or a picture of A1111 or Forge, ComfyUI, SwarmUI or InvokeAI"
    )


@command
def recipe(options: argparse.Namespace) -> Answer:
    """What a picture tells of how it was made, and what of it the character's tab takes. Reads only."""
    found = recipes.of_file(options.file)
    with in_session(options, read_only=True) as session:
        taken = recipes.settings(session, character_of(session, options).id, found)
    lines = [f"{name}: {value}" for name, value in found.model_dump(mode="json").items() if value not in (None, "", [])]
    lines += [f"{taken.tab} takes {count(len(taken.restored), 'setting')}: {', '.join(taken.restored)}"]
    lines += [f"not taken: {words}" for words in taken.lost]
    return {"recipe": found.model_dump(mode="json"), "settings": taken.model_dump(mode="json")}, "\n".join(lines)
