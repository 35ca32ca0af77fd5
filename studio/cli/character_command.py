"""``flenwheel character``: what a character is and is called; rename, archive, delete to the trash and back."""

import argparse

from pipelines.domain.records import Character
from pipelines.session import Session
from pipelines.workflow import characters, putting_away
from studio.cli.answers import Answer, character_of, command, in_session

CHANGES = ("kind", "class_prompt", "rename", "archive", "delete", "restore", "empty_trash")


def options(p: argparse.ArgumentParser) -> None:
    """What ``character`` takes."""
    p.add_argument("--kind", help="what it is: person, cat, robot; instructions to the editor say so")
    p.add_argument("--class-prompt", help="what prompts and captions call it (default: what it is)")
    p.add_argument("--rename", metavar="NAME", help="what it is called; its folder and id stay")
    p.add_argument("--archive", action="store_true", help="take it out of all lists; --restore brings it back")
    p.add_argument("--delete", action="store_true", help="put it into the trash: its files stay until that is emptied")
    p.add_argument("--restore", metavar="NAME", help="take a character out of the trash or the archive")
    p.add_argument("--away", action="store_true", help="list who is archived and who is in the trash")
    p.add_argument("--empty-trash", action="store_true", help="remove for good who is in the trash, files and all")


@command
def character(options: argparse.Namespace) -> Answer:
    """Say what a character is, change it, or put it away and bring it back. Listing works beside a running studio."""
    changing = any(getattr(options, name) not in (None, False) for name in CHANGES)
    with in_session(options, read_only=not changing) as session:
        if options.away:
            return _away(session)
        if options.empty_trash:
            return _empty(session)
        if options.restore is not None:
            return _told(putting_away.restore(session, options.restore), "is back")
        found = character_of(session, options)
        if options.archive:
            return _told(putting_away.archive(session, found.id), f"is archived: --restore {found.id} brings it back")
        if options.delete:
            return _told(
                putting_away.delete(session, found.id), f"is in the trash: --restore {found.id} brings it back"
            )
        if changing:
            said = {"kind": options.kind, "class_prompt": options.class_prompt, "name": options.rename}
            found = characters.change(session, found.id, **said)
        return _told(found, f'is a {found.kind}, in prompts "{found.instance}"')


def _told(found: Character, words: str) -> Answer:
    return {"character": found.model_dump(mode="json")}, f"{found.name} {words}"


def _away(session: Session) -> Answer:
    found = putting_away.away(session)
    data: dict[str, object] = {"archived": [c.id for c in found.archived], "trash": [c.id for c in found.trash]}
    words = [f"archived  {c.id}  {c.name}" for c in found.archived] + [
        f"trash     {c.id}  {c.name}" for c in found.trash
    ]
    return data, "\n".join(words) or "Nobody is put away."


def _empty(session: Session) -> Answer:
    done = putting_away.empty_trash(session)
    words = [f"Removed for good: {', '.join(done.removed) or 'nobody'}", *(f"left: {f}: {why}" for f, why in done.left)]
    return {"removed": list(done.removed), "left": [list(one) for one in done.left]}, "\n".join(words)
