"""Characters: whom a wheel turns for."""

import re
import unicodedata
from typing import Any

from pipelines.domain.records import CLASS_PROMPT, TOKEN, Character
from pipelines.queue.admission import NotAllowed
from pipelines.session import Session


def slug(name: str) -> str:
    """A folder name for a character's name: lower case ASCII letters, digits and hyphens, at most 40 characters."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40].rstrip("-") or "character"


def create(session: Session, name: str, **fields: Any) -> Character:
    """A new character (``new``), kept. Raises as that does."""
    character = new(session, name, **fields)
    session.store.put(character)
    return character


def new(
    session: Session,
    name: str,
    *,
    class_prompt: str = CLASS_PROMPT,
    token: str = TOKEN,
    origin: str = "",
    may_use: bool = False,
    practice: int | None = None,
    generator: str = "",
    editor: str = "",
) -> Character:
    """A new character, not kept yet, of the settings' models unless others are named. ``practice``: which of the mini
    world's people it is, if any. Raises NotFound for a model that is none, NotAllowed without a name, or without the
    word that its pictures may be used."""
    name = " ".join(name.split())
    if not name:
        raise NotAllowed("Give the character a name.")
    if len(name) > 80:
        raise NotAllowed("That name is too long: 80 characters at most.")
    if not may_use:
        raise NotAllowed("Say first that you may use the pictures of this character.")
    if not re.fullmatch(r"\w[\w-]{1,39}", token):
        raise NotAllowed(f"The token is one word of 2 to 40 letters, digits, _ or -, such as {TOKEN}.")
    return Character(
        id=_free_id(session, slug(name)),
        name=name,
        token=token,
        class_prompt=" ".join(class_prompt.split()) or CLASS_PROMPT,
        generator=session.family(generator or session.settings.generator).name,
        editor=session.family(editor or session.settings.editor).name,
        origin=origin.strip(),
        may_use=may_use,
        practice=practice,
    )


def _free_id(session: Session, base: str) -> str:
    taken = {c.id for c in session.store.all(Character)}
    return next(i for i in (base, *(f"{base}-{n}" for n in range(2, 10_000))) if i not in taken)
