"""``flenwheel crop``: parts of sources stand for the whole, turned if need be, and back."""

import argparse
from typing import cast

from pipelines.domain.intake import Turned
from pipelines.domain.records import ImageRecord
from pipelines.domain.scores import Box
from pipelines.session import Session
from pipelines.workflow import cropping, sources
from pipelines.workflow.cropping import TITLES as TITLES_OF_CROPS
from studio.cli.answers import Answer, Usage, character_of, command, in_session, picture_ids

SIDES = 4


def options(p: argparse.ArgumentParser) -> None:
    """What ``crop`` takes."""
    aims = "; ".join(f"{aim}: {words[0].lower()}{words[1:]}" for aim, words in TITLES_OF_CROPS.items())
    p.add_argument("--to", choices=tuple(TITLES_OF_CROPS), help=f"crop to what was found. {aims}")
    p.add_argument("--box", metavar="L,T,R,B", help="crop to this part: left, top, right, bottom in pixels")
    p.add_argument("--turn", type=int, choices=(-90, 90, 180, 270), default=0, help="turn clockwise first, by degrees")
    p.add_argument("--undo", action="store_true", help="put the whole picture back, as it came in")
    p.add_argument("images", nargs="*", metavar="IMAGE", help="file names or ids of sources")


@command
def crop(options: argparse.Namespace) -> Answer:
    """List what may be worth cropping, crop or turn IMAGE, or take that back. The file as it came in always stays."""
    turned = cast(Turned, options.turn % 360)
    changing = bool(options.to or options.box or turned or options.undo)
    if changing and not options.images:
        raise Usage("Say which sources: their file names or ids, or the first characters of these.")
    if bool(options.to) + bool(options.box) + bool(options.undo) > 1 or (options.undo and turned):
        raise Usage("One of --to, --box and --undo; --turn goes with the first two, or alone.")
    box = _box(options.box) if options.box else None
    with in_session(options, read_only=not changing) as session:
        found = picture_ids(session, options, options.images)
        if not changing:
            everyone = [i.id for i in sources.sources(session, character_of(session, options).id)]
            return _listed(session, found or everyone)
        made = [_changed(session, options, image, box, turned) for image in found]
        rows = [_row(before, image) for before, image in zip(found, made, strict=True)]
        return {"pictures": rows}, "\n".join(_told(image) for image in made)


def _changed(session: Session, options: argparse.Namespace, image: str, box: Box | None, turned: Turned) -> ImageRecord:
    if options.undo:
        return cropping.undo(session, image)
    part = cropping.suggested(session, image, options.to, turned) if options.to else box
    return cropping.crop(session, image, part, turned)


def _box(words: str) -> Box:
    parts = words.replace(" ", "").split(",")
    if len(parts) != SIDES or not all(p.isascii() and p.isdigit() for p in parts):
        raise Usage("--box takes LEFT,TOP,RIGHT,BOTTOM in pixels, such as 0,120,1920,960.")
    left, top, right, bottom = map(int, parts)
    return left, top, right, bottom


def _row(before: str, image: ImageRecord) -> dict[str, object]:
    cut = image.intake.cut.model_dump(mode="json") if image.intake and image.intake.cut else None
    return {"before": before, "id": image.id, "width": image.width, "height": image.height, "cut": cut}


def _told(image: ImageRecord) -> str:
    cut = image.intake.cut if image.intake else None
    how = f"turned by {cut.turned} degrees, " if cut and cut.turned else ""
    what = f"{how}{','.join(map(str, cut.box))} of {cut.of[:12]}" if cut else "the whole picture, as it came in"
    return f"{sources.file_of(image)}: {image.width} x {image.height} px, {what} ({image.id[:12]})"


def _listed(session: Session, images: list[str]) -> Answer:
    rows, lines = [], []
    for image in images:
        begun = cropping.begin(session, image)
        name = sources.file_of(begun.whole)
        found = {s.aim: list(s.box) for s in begun.suggestions}
        rows.append({"id": image, "file": name, "turned": begun.turned, "box": list(begun.box), "suggested": found,
                     "why": begun.no_face})  # fmt: skip
        told = [f"--to {aim}: {','.join(map(str, box))}" for aim, box in found.items()]
        told += [begun.no_face] if begun.no_face else []
        lines.append(f"{image[:12]}  {name}: " + "; ".join(told))
    return {"pictures": rows}, "\n".join(lines) or "No sources yet."
