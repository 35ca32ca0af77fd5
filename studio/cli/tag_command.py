"""``flenwheel tag``: what pictures show, said by you, and who says so else."""

import argparse
from dataclasses import asdict
from itertools import product

from pipelines.domain.records import ImageRecord
from pipelines.session import Session
from pipelines.workflow import reading, review, sources, tagging, twins
from studio.cli.answers import Answer, Usage, character_of, command, in_session, in_session_or_beside, picture_ids, work

SAID = {"leave_out": sources.remove, "take_back": sources.restore, "both_stay": twins.keep_both}
"""What can be said of sources besides what they show."""


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
