"""``flenwheel models``: which models there are, what is recommended here, what a character works with; changing that,
and getting weights."""

import argparse
from collections.abc import Iterable, Iterator
from dataclasses import asdict

from pipelines.domain.records import Character
from pipelines.session import Session
from pipelines.workflow import models as choice
from pipelines.workflow import render
from studio.cli.answers import Answer, Told, Usage, character_of, command, in_session, in_session_or_beside, work


@command
def models(options: argparse.Namespace) -> Answer:
    """List, change, or download."""
    changing = options.generator or options.editor
    if options.new_round and not changing:
        raise Usage("--new-round goes with --generator or --editor.")
    if options.get and changing:
        raise Usage("Either --get, or --generator and --editor: one after the other.")
    with in_session_or_beside(options) if options.get else in_session(options, read_only=not changing) as session:
        if options.get:
            return _get(session, options.get)
        someone = session.store.all(Character)
        if not changing:
            return _list(session, character_of(session, options) if someone else None)
        character = choice.change(
            session,
            character_of(session, options).id,
            generator=options.generator,
            editor=options.editor,
            new_round=options.new_round,
        )
        told = {"character": character.id, "generator": character.generator, "editor": character.editor}
        return dict(told), "\n".join(choice.words_of(session, character))


def _get(session: Session, names: Iterable[str]) -> Answer:
    """Download the weights of models, one after the other; the first that fails ends it."""
    data, said = {}, []
    for name in names:
        lacking = render.missing_weights(session, session.family(name).name)
        if lacking is None:
            said.append(f"The weights of {session.family(name).title} are here.")
            continue
        data, words = work(session, render.obtain(session, name))
        said.append(words)
        if not data["ok"]:
            break
    return data, "\n".join(said)


def _list(session: Session, character: Character | None) -> Answer:
    found = choice.choosing(session, character.id if character else "")
    words = [found.machine, found.place]
    words += list(_offers("draws the character", found.generators, found.generator))
    words += list(_offers("edits its pictures", found.editors, found.editor))
    if character:
        words += choice.words_of(session, character)
    who: Told = {"character": character.id if character else None}
    return who | asdict(found), "\n".join(words)


def _offers(what: str, offered: Iterable[choice.Offer], chosen: str) -> Iterator[str]:
    yield f"{what}:"
    for offer in offered:
        marks = [*(["chosen"] if offer.name == chosen else []), *(["recommended"] if offer.recommended else [])]
        yield f"  {offer.name}: {offer.title}" + (f" ({', '.join(marks)})" if marks else "")
        yield from (f"      {line}" for line in offer.lines)
