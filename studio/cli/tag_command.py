"""``flenwheel tag``: what pictures show, said by you, and who says so else."""

import argparse
from dataclasses import asdict

from pipelines.workflow import review, sources, tagging
from studio.cli.answers import Answer, Usage, character_of, command, in_session, picture_ids


@command
def tag(options: argparse.Namespace) -> Answer:
    """List the tags of sources with who says so, or say them of IMAGE; ``unsure`` takes back what you said."""
    wanted = {name: getattr(options, name) for name in tagging.TAGS}
    changing = any(wanted.values())
    if changing and not options.images:
        raise Usage("Say which pictures: their ids, or the first characters of these.")
    with in_session(options, read_only=not changing) as session:
        character = character_of(session, options).id
        chosen = [review.get(session, i) for i in picture_ids(session, options, options.images)]
        if changing:
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
