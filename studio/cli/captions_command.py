"""``flenwheel captions``: what pictures are learnt with, edited together."""

import argparse
from typing import TypedDict

from pipelines.domain.words import count
from pipelines.planning.caption_edits import CaptionChange
from pipelines.workflow import caption_edits as editing
from pipelines.workflow.review import get
from studio.cli.answers import Answer, Told, Usage, character_of, command, in_session, picture_ids


@command
def captions(options: argparse.Namespace) -> Answer:
    """List captions with what is doubtful, edit them together, or take the last edit back."""
    change = _asked(options)
    writing = (change is not None or options.undo) and not options.dry_run
    with in_session(options, read_only=not writing) as session:
        character = character_of(session, options).id
        if options.undo:
            edit, back = editing.undo(session, character)
            return {"undone": edit.words, "captions": back}, f"{count(back, 'caption')} as before: {edit.words}"
        chosen = [get(session, i) for i in picture_ids(session, options, options.images)]
        found = chosen or editing.pictures(session, character, options.kind or editing.KINDS, options.tag)
        if change is not None:
            told = editing.preview(session, character, found, change)
            if not options.dry_run:
                editing.write(session, character, told, change.words)
            lines = [f"{image[:12]}  {caption}" for image, caption in told.items()]
            done = "would change" if options.dry_run else "changed"
            return {"changed": told}, "\n".join([*lines, f"{count(len(told), 'caption')} {done}"])
        return _listed(editing.listing(session, character, found), options)


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
    tokens: int
    notes: list[str]


def _listed(found: editing.Listing, options: argparse.Namespace) -> Answer:
    rows: list[_Row] = [
        {"id": r.image.id, "kind": r.image.kind, "caption": r.caption, "tokens": r.tokens, "notes": list(r.notes)}
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
