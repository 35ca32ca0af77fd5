"""Pictures of other people that were brought in to calibrate with, and for nothing else. They lie in the workspace's
folder ``others``, one folder a person, made smaller; who is to be forgotten is deleted there."""

import hashlib
import io
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from pipelines.domain.requests import Other
from pipelines.domain.shots import ImageRef
from pipelines.session import Session
from pipelines.storage.atomic import write_durably
from pipelines.storage.intake import Refused, examine
from pipelines.storage.names import slug

FOLDER = "others"
LARGEST = 1024
"""Pixels of the longer side that are kept: enough to tell a face."""


@dataclass
class Outsiders:
    """What became of pictures of others: how many were ``taken`` of how many ``people``, and files ``refused`` (name,
    why)."""

    taken: int = 0
    people: set[str] = field(default_factory=set)
    refused: list[tuple[str, str]] = field(default_factory=list)


def bring_in(session: Session, files: Iterable[tuple[str, bytes | Path]]) -> Outsiders:
    """Keep pictures of others; of ``folder/file.jpg`` the first folder is the person, a file alone is one by itself."""
    kept = Outsiders()
    for name, data in files:
        try:
            picture = examine(data, PurePosixPath(name).name, first_frame=True)
        except Refused as refusal:
            kept.refused.append((name, str(refusal)))
            continue
        small = picture.image.convert("RGB")
        small.thumbnail((LARGEST, LARGEST))
        png = io.BytesIO()
        small.save(png, "PNG")
        person = _person(name)
        path = f"{FOLDER}/{person}/{hashlib.sha256(png.getvalue()).hexdigest()}.png"
        write_durably(session.workspace.path(path), png.getvalue())
        kept.taken += 1
        kept.people.add(person)
    return kept


def _person(name: str) -> str:
    """A folder name for who ``name`` stands for; two people never share one."""
    first = PurePosixPath(name.replace("\\", "/")).parts[0] if name else "someone"
    return f"{slug(first, 'someone', 30).lower()}-{hashlib.sha256(first.encode()).hexdigest()[:6]}"


def known(session: Session) -> list[Other]:
    """Everyone who was brought in."""
    root = session.workspace.path(FOLDER)
    people = sorted(p for p in root.iterdir() if p.is_dir()) if root.is_dir() else []
    found = [(person.name, sorted(person.glob("*.png"))) for person in people]
    return [
        Other(
            group=f"brought in, {name}",
            images=tuple(ImageRef(id=p.stem, path=f"{FOLDER}/{name}/{p.name}") for p in pictures),
        )
        for name, pictures in found
        if pictures
    ]


def is_there(session: Session, ref: ImageRef) -> bool:
    """Whether a picture is one of these, and still here."""
    return ref.path.startswith(f"{FOLDER}/") and session.workspace.path(ref.path).is_file()
