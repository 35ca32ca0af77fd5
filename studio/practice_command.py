"""``flenwheel practice``: begin without pictures of one's own."""

import argparse
from dataclasses import asdict

from pipelines.library.records import Job
from pipelines.steps import practice as practising
from pipelines.steps import sources
from studio.answers import Answer, at_desk, command, work


@command
def practice(options: argparse.Namespace) -> Answer:
    """Who can be practised with, or a start with one of them."""
    if options.start is None:
        cast = practising.cast()
        words = [f"{who.number:3}  {who.name:6} seed {who.seed:<3} {who.looks}" for who in cast]
        words.append("Begin with one: flenwheel practice --start NUMBER")
        return {"practice": [asdict(who) for who in cast]}, "\n".join(words)
    with at_desk(options) as desk:
        character, job = practising.start(desk, options.start)
        data, words = work(desk, job)
        for after in desk.store.all(Job, character=character.id):
            if after.state in ("queued", "running"):  # what follows from it: the pictures are looked at
                work(desk, after)
        there = sources.sources(desk, character.id)
        data |= {"character": character.id, "sources": [i.id for i in there]}
        return data, f"{words}\n{character.name} ({character.id}) has {len(there)} sources."
