"""``flenwheel export``: a dataset as a folder that other trainers read."""

import argparse

from pipelines.domain.words import count
from pipelines.workflow import export
from studio.cli.answers import Answer, character_of, command, in_session


@command
def export_dataset(options: argparse.Namespace) -> Answer:
    """Write pictures with captions: ``.txt`` beside each, ``metadata.jsonl``, ``meta_cap.json``, and settings."""
    with in_session(options, read_only=True) as session:
        made = export.write(session, character_of(session, options).id, options.what, options.to)
        told = f"{count(len(made.pictures), 'picture')} with captions in {made.folder}"
        return {"folder": str(made.folder), "pictures": [p.name for p in made.pictures]}, told
