"""``flenwheel models``: which models there are, what is recommended here, what a character works with; changing that,
and getting weights."""

import argparse
from collections.abc import Iterable, Iterator
from dataclasses import asdict

from pipelines.domain.records import Character
from pipelines.session import Session
from pipelines.workflow import characters, face_packs, render
from pipelines.workflow import models as choice
from pipelines.workflow.face_packs import PackOffer
from studio.cli.answers import Answer, Told, Usage, character_of, command, in_session, in_session_or_beside, work


def options(p: argparse.ArgumentParser) -> None:
    """Without an option: what there is, what is recommended here, what the character works with."""
    p.add_argument("--generator", default="", metavar="MODEL", help="let the character be drawn by this model")
    p.add_argument("--editor", default="", metavar="MODEL", help="let its pictures be edited by this model")
    p.add_argument(
        "--new-round", action="store_true",
        help="also where something was made with the present model: that stays, the next training begins anew",
    )  # fmt: skip
    p.add_argument("--get", action="append", default=[], metavar="MODEL", help="download the weights of a model")
    p.add_argument("--get-faces", default="", metavar="PACK", help="download a face pack")


@command
def models(options: argparse.Namespace) -> Answer:
    """List, change, or download."""
    changing = options.generator or options.editor
    if options.new_round and not changing:
        raise Usage("--new-round goes with --generator or --editor.")
    getting = options.get or options.get_faces
    if (getting and changing) or (options.get and options.get_faces):
        raise Usage("Either --get, --get-faces, or --generator and --editor: one after the other.")
    with in_session_or_beside(options) if getting else in_session(options, read_only=not changing) as session:
        if options.get:
            return _get(session, options.get)
        if options.get_faces:
            return work(session, face_packs.obtain(session, options.get_faces))
        someone = characters.listed(session)
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
    packs = face_packs.offers(session)
    words += list(_packs(packs))
    who: Told = {"character": character.id if character else None}
    return who | asdict(found) | {"face_packs": [asdict(pack) for pack in packs]}, "\n".join(words)


def _packs(packs: Iterable[PackOffer]) -> Iterator[str]:
    yield "recognises faces (flenwheel models --get-faces NAME):"
    for pack in packs:
        marks = [*(["here"] if pack.here else []), *(["judges"] if pack.used else [])]
        yield f"  {pack.name}: {pack.title}" + (
            f" ({', '.join(marks)})" if marks else f", {pack.bytes / 2**20:.0f} MiB"
        )
        yield f"      licence: {pack.licence}. {pack.licence_note}"


def _offers(what: str, offered: Iterable[choice.Offer], chosen: str) -> Iterator[str]:
    yield f"{what}:"
    for offer in offered:
        marks = [*(["chosen"] if offer.name == chosen else []), *(["recommended"] if offer.recommended else [])]
        yield f"  {offer.name}: {offer.title}" + (f" ({', '.join(marks)})" if marks else "")
        yield from (f"      {line}" for line in offer.lines)
