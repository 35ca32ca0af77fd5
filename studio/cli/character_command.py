"""``flenwheel character``: what a character is, and what it is called in prompts."""

import argparse

from pipelines.workflow import characters
from studio.cli.answers import Answer, character_of, command, in_session


@command
def character(options: argparse.Namespace) -> Answer:
    """Say what a character is, or have it be something else."""
    changing = options.kind is not None or options.class_prompt is not None
    with in_session(options, read_only=not changing) as session:
        found = character_of(session, options)
        if changing:
            found = characters.change(session, found.id, kind=options.kind, class_prompt=options.class_prompt)
        told = f'{found.name}: {found.kind}, in prompts "{found.instance}"'
        return {"character": found.model_dump(mode="json")}, told
