"""Characters: whom a wheel turns for."""

import unicodedata
from typing import Any

from pipelines.domain.presets import Role
from pipelines.domain.records import CLASS_PROMPT, PERSON, TOKEN, Character
from pipelines.domain.spelling import composed, is_word, same
from pipelines.queue.admission import NotAllowed
from pipelines.session import NotFound, Session
from pipelines.storage.names import slug

LONGEST_KIND = 60


def folder_name(name: str) -> str:
    """A folder name for a character's name: lower case ASCII letters, digits and hyphens, at most 40 characters; on any
    system, also where case does not count."""
    return slug(name.replace("_", " "), "character", 40).lower()


def create(session: Session, name: str, **fields: Any) -> Character:
    """A new character (``new``), kept. Raises as that does."""
    character = new(session, name, **fields)
    session.store.put(character)
    return character


def new(
    session: Session,
    name: str,
    *,
    class_prompt: str = "",
    kind: str = "",
    token: str = TOKEN,
    origin: str = "",
    may_use: bool = False,
    practice: int | None = None,
    generator: str = "",
    editor: str = "",
) -> Character:
    """A new character, not kept yet, of the settings' models unless others are named (``models.create`` asks what
    is recommended). ``kind`` is what it is (empty: as its class prompt says) and ``class_prompt`` what prompts call it
    (empty: its kind). ``practice``: which of the mini
    world's people it is, if any. Raises NotFound for a model that is none, NotAllowed without a name, or without the
    word that its pictures may be used."""
    name, token = " ".join(composed(name).split()), composed(token)
    if not name:
        raise NotAllowed("Give the character a name.")
    if len(name) > 80:
        raise NotAllowed("That name is too long: 80 characters at most.")
    if not may_use:
        raise NotAllowed("Say first that you may use the pictures of this character.")
    if any(unicodedata.category(c) in ("Cc", "Cs") for c in name):
        raise NotAllowed("That name holds characters that cannot be shown: type it anew.")
    if not is_word(token, least=2):
        raise NotAllowed(f"The token is one word of 2 to 40 letters, digits, _ or -, such as {TOKEN}.")
    class_prompt, kind = _phrase(class_prompt), _phrase(kind)
    return Character(
        id=_free_id(session, folder_name(name)),
        name=name,
        token=token,
        class_prompt=class_prompt or kind or CLASS_PROMPT,
        kind=kind or class_prompt or PERSON,
        generator=able(session, "generator", generator or session.settings.generator),
        editor=able(session, "editor", editor or session.settings.editor),
        origin=origin.strip(),
        may_use=may_use,
        practice=practice,
    )


def able(session: Session, role: Role, name: str) -> str:
    """The name of a model that can do a role. Raises NotFound for a model that is none, NotAllowed for another's."""
    model = session.family(name)
    if role not in model.roles:
        known = ", ".join(m.name for m in session.presets.models.values() if role in m.roles)
        raise NotAllowed(f"{model.title} is no {role}: choose one of {known}.")
    return model.name


def change(
    session: Session, character_id: str, *, kind: str | None = None, class_prompt: str | None = None
) -> Character:
    """Say anew what a character is; ``None`` leaves it (prompts call it by its kind, unless they are told otherwise).
    What was made keeps its prompts; captions have the new words, and so have plans. Raises NotFound, NotAllowed."""
    before = session.character(character_id)
    new_kind = before.kind if kind is None else _phrase(kind)
    called = class_prompt if class_prompt is not None else None if kind is None else kind
    new_class = before.class_prompt if called is None else _phrase(called)
    if not new_kind or not new_class:
        raise NotAllowed("Say what the character is: a person, a cat, a robot.")
    after = before.model_copy(update={"kind": new_kind, "class_prompt": new_class})
    known = [words for words in (*before.formerly, before.instance) if words != after.instance]
    after = after.model_copy(update={"formerly": tuple(dict.fromkeys(known))})
    session.store.put(after)
    return after


def _phrase(words: str) -> str:
    """What a character is, as prompts say it. Raises NotAllowed for what no prompt can say."""
    words = " ".join(composed(words).split())
    if len(words) > LONGEST_KIND or any(unicodedata.category(c) in ("Cc", "Cs") or c in "{},\n" for c in words):
        raise NotAllowed(
            f"Say what it is in a few words without commas, such as cat: at most {LONGEST_KIND} characters."
        )
    return words


def named(session: Session, name: str) -> Character:
    """The character of that id or name. Raises NotFound, also when several go by it: an id names one alone."""
    known = session.store.all(Character)
    match = [c for c in known if c.id == name or same(c.name, name)]
    exactly = [c for c in match if c.id == name and same(c.name, name)]
    if len(match) > 1 and not exactly:
        which = " or ".join(f"{c.name if c.id == name else c.id!r} for {c.name}" for c in match)
        raise NotFound(f"{name!r} names {len(match)} characters: say {which}.")
    return (exactly or match or [session.character(name)])[0]


def _free_id(session: Session, base: str) -> str:
    taken = {c.id for c in session.store.all(Character)}
    return next(i for i in (base, *(f"{base}-{n}" for n in range(2, 10_000))) if i not in taken)
