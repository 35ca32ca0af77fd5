"""``flenwheel captions``: what pictures are learnt with, edited together, or written by a captioner."""

import argparse
from typing import TypedDict

from pipelines.domain.records import ImageRecord
from pipelines.domain.words import count
from pipelines.planning.caption_edits import CaptionChange
from pipelines.session import Session
from pipelines.workflow import caption_edits as editing
from pipelines.workflow import reading
from pipelines.workflow.caption_edits import KINDS
from pipelines.workflow.captions import Captions, written_by
from pipelines.workflow.review import get
from studio.cli.answers import (
    Answer,
    Told,
    Usage,
    character_of,
    command,
    in_session,
    in_session_or_beside,
    picture_ids,
    work,
)


def options(p: argparse.ArgumentParser) -> None:
    """What ``captions`` takes."""
    p.add_argument("--kind", action="append", choices=KINDS, help="only pictures of this kind (default: all)")
    p.add_argument("--tag", default="", help="only pictures of this angle, expression or tag of their caption")
    p.add_argument("--lint", action="store_true", help="only captions that something is to be said of")
    p.add_argument("--find", default="", metavar="WORDS", help="edit: words to be replaced wherever they stand")
    p.add_argument("--replace", metavar="WORDS", help="with --find: what stands there instead (default: nothing)")
    p.add_argument("--remove", default="", metavar="TAGS", help="edit: tags (between commas) to take out")
    p.add_argument("--add", default="", metavar="TAGS", help="edit: tags to add where they are missing")
    p.add_argument("--front", action="store_true", help="with --add: in front")
    p.add_argument("--dry-run", action="store_true", help="only say what would change")
    p.add_argument("--undo", action="store_true", help="take the last edit back")
    p.add_argument(
        "--write", action="store_true",
        help="have a model that sees write the captions that no human wrote (yours, and those that came along, stay)",
    )  # fmt: skip
    p.add_argument("--again", action="store_true", help="with --write: also where a machine wrote one already")
    p.add_argument("--by", default="", metavar="READER", help="with --write: who (default: Settings, else who is here)")
    p.add_argument(
        "--prompt", default="", metavar="NAME", help="with --write: an entry of presets/prompts/captions.toml"
    )
    p.add_argument("--forget", action="store_true", help="take back captions that a machine wrote")
    p.add_argument("images", nargs="*", metavar="IMAGE", help="ids of pictures, or their first characters")


@command
def captions(options: argparse.Namespace) -> Answer:
    """List captions with what is doubtful, edit them together, take the last edit back, or have them written."""
    change = _asked(options)
    machine = options.write or options.forget
    if machine and (change is not None or options.undo or options.dry_run or (options.write and options.forget)):
        raise Usage("--write and --forget go by themselves: with pictures, --kind and --tag alone.")
    writing = (change is not None or options.undo or machine) and not options.dry_run
    with in_session_or_beside(options) if options.write else in_session(options, read_only=not writing) as session:
        character = character_of(session, options).id
        if options.undo:
            edit, back = editing.undo(session, character)
            return {"undone": edit.words, "captions": back}, f"{count(back, 'caption')} as before: {edit.words}"
        chosen = [get(session, i) for i in picture_ids(session, options, options.images)]
        found = chosen or editing.pictures(session, character, options.kind or editing.KINDS, options.tag)
        if options.write:
            return _written(session, character, found, options)
        if options.forget:
            back = reading.forget(session, [image.id for image in found])
            return {"forgotten": back}, f"{count(back, 'caption')} of a machine taken back"
        if change is not None:
            told = editing.preview(session, character, found, change)
            if not options.dry_run:
                editing.write(session, character, told, change.words)
            lines = [f"{image[:12]}  {caption}" for image, caption in told.items()]
            done = "would change" if options.dry_run else "changed"
            return {"changed": told}, "\n".join([*lines, f"{count(len(told), 'caption')} {done}"])
        return _listed(editing.listing(session, character, found), options)


def _written(session: Session, character: str, images: list[ImageRecord], options: argparse.Namespace) -> Answer:
    """Have a captioner write the captions that no human wrote."""
    job = reading.caption(session, character, images, name=options.by, prompt=options.prompt, again=options.again)
    data, words = work(session, job)
    there, made = session.character(character), Captions(session, character)
    fresh = [get(session, image.id) for image in images]
    captions = {i.id: made.of(i) for i in fresh if written_by(there, i) not in ("", "you")}
    data["captions"] = captions
    return data, "\n".join([words, *(f"{image[:12]}  {caption}" for image, caption in captions.items())])


def _asked(options: argparse.Namespace) -> CaptionChange | None:
    if options.replace is not None and not options.find:
        raise Usage("--replace goes with --find: what is to be replaced.")
    if not (options.find or options.add or options.remove):
        return None
    if options.undo:
        raise Usage("Either edit captions or take an edit back.")
    return CaptionChange(
        find=options.find, replace=options.replace or "", add=options.add, remove=options.remove, front=options.front
    )


class _Row(TypedDict):
    id: str
    kind: str
    caption: str
    by: str
    tokens: int
    notes: list[str]


def _listed(found: editing.Listing, options: argparse.Namespace) -> Answer:
    rows: list[_Row] = [
        {
            "id": r.image.id,
            "kind": r.image.kind,
            "caption": r.caption,
            "by": r.by,
            "tokens": r.tokens,
            "notes": list(r.notes),
        }
        for r in found.rows
        if r.notes or not options.lint
    ]
    lines = []
    for row in rows:
        lines.append(f"{row['id'][:12]}  {row['kind']}, {row['tokens']} tokens: {row['caption']}")
        lines += [f"              {note}" for note in row["notes"]]
    told: Told = {"captions": rows, "notes": list(found.notes), "exact": found.exact, "most": found.most}
    nothing = "Nothing to say of these captions." if options.lint else "No pictures yet."
    return told, "\n".join([*lines, *found.notes]) or nothing
