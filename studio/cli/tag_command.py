"""``flenwheel tag``: what pictures show, said by you, and who says so else."""

import argparse
from dataclasses import asdict
from itertools import product

from pipelines.domain.records import ImageRecord
from pipelines.session import Session
from pipelines.workflow import reading, review, sources, tagging, twins
from pipelines.workflow.reading import READABLE
from pipelines.workflow.tagging import WORDS
from studio.cli.answers import Answer, Usage, character_of, command, in_session, in_session_or_beside, picture_ids, work

SAID = {"leave_out": sources.remove, "take_back": sources.restore, "both_stay": twins.keep_both}
"""What can be said of sources besides what they show."""


def options(p: argparse.ArgumentParser) -> None:
    """What ``tag`` takes."""
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


@command
def tag(options: argparse.Namespace) -> Answer:
    """List the tags of sources with who says so, say them of IMAGE (``unsure`` takes back what you said), have them
    read, or say what is to be of sources."""
    wanted = {name: getattr(options, name) for name in tagging.TAGS}
    said = [done for name, done in SAID.items() if getattr(options, name)]
    changing = any(wanted.values()) or bool(said)
    if changing and not options.images:
        raise Usage("Say which pictures: their ids, or the first characters of these.")
    if changing and options.read:
        raise Usage("Either say what pictures show or have them read.")
    with in_session_or_beside(options) if options.read else in_session(options, read_only=not changing) as session:
        character = character_of(session, options).id
        chosen = [review.get(session, i) for i in picture_ids(session, options, options.images)]
        for done, image in product(said, chosen):
            done(session, image.id)
        if options.read:
            images = chosen or reading.pictures(session, character, options.kind)
            return _read(session, character, images, options)
        if any(wanted.values()):
            chosen = [sources.tag(session, image.id, **wanted) for image in chosen]
        rows = []
        for image in chosen or sources.sources(session, character):
            told = tagging.said(session, image)
            rows.append({"id": image.id, "tags": {name: asdict(said) for name, said in told.items()}})
        lines = [
            f"{row['id'][:12]}  " + "; ".join(f"{n}: {t['value']} ({t['by']})" for n, t in row["tags"].items())
            for row in rows
        ]
        readers = {**tagging.readers(session, character)}
        return {"pictures": rows, "readers": readers}, "\n".join(lines) or "No sources yet."


def _read(session: Session, character: str, images: list[ImageRecord], options: argparse.Namespace) -> Answer:
    """Have a reader look at pictures, and tell what it said."""
    data, words = work(session, reading.read(session, character, images, name=options.by))
    fresh = [review.get(session, image.id) for image in images]
    data["readings"] = {i.id: [r.model_dump(mode="json") for r in i.readings] for i in fresh}
    lines = [f"{i.id[:12]}  " + "; ".join(f"{r.fact}: {r.value} ({r.likely:.2f})" for r in i.readings) for i in fresh]
    by = {told.reader for image in fresh for told in image.readings}
    held = [one.words for name in sorted(by) for one in reading.agreement(session, character, name)]
    return data, "\n".join([words, *lines, *held])
