"""Characters: whom a wheel turns for."""

import unicodedata
from typing import Any

from pipelines.domain.presets import Role
from pipelines.domain.records import CLASS_PROMPT, PERSON, TOKEN, Character, JudgedBy
from pipelines.domain.spelling import composed, is_word, same
from pipelines.queue.admission import NotAllowed
from pipelines.session import NotFound, Session
from pipelines.storage.names import slug

LONGEST_KIND, LONGEST_NAME = 60, 80


def folder_name(name: str) -> str:
    """A folder name for a character's name: lower case ASCII letters, digits and hyphens, at most 40 characters; on any
    system, also where case does not count."""
    return slug(name.replace("_", " "), "character", 40).lower()


def create(session: Session, name: str, **fields: Any) -> Character:
    """A new character (``new``), kept. Raises as that does."""
    with session.store.alone():
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
    judged_by: JudgedBy = "face",
    generator: str = "",
    editor: str = "",
) -> Character:
    """A new character, not kept yet, of the settings' models unless others are named (``models.create`` asks what
    is recommended). ``kind`` is what it is (empty: as its class prompt says) and ``class_prompt`` what prompts call it
    (empty: its kind). ``practice``: which of the mini world's people it is, if any. Raises NotFound for a model that is
    none, NotAllowed without a name, or without the word that its pictures may be used."""
    name, token = name_of(name), composed(token)
    if not may_use:
        raise NotAllowed("Say first that you may use the pictures of this character.")
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
        judged_by=judged_by,
    )


def name_of(said: str) -> str:
    """A character's name as it is kept. Raises NotAllowed for none, one that is too long or cannot be shown."""
    name = " ".join(composed(said).split())
    if not name:
        raise NotAllowed("Give the character a name.")
    if len(name) > LONGEST_NAME:
        raise NotAllowed(f"That name is too long: {LONGEST_NAME} characters at most.")
    if any(unicodedata.category(c) in ("Cc", "Cs") for c in name):
        raise NotAllowed("That name holds characters that cannot be shown: type it anew.")
    return name


def present(session: Session) -> list[Character]:
    """The characters of the workspace that are not in the trash, in the order they were made."""
    return [c for c in session.store.all(Character) if not c.trashed]


def listed(session: Session) -> list[Character]:
    """The characters that stand in lists: neither archived nor in the trash."""
    return [c for c in present(session) if not c.archived]


def current(session: Session, chosen: str) -> Character | None:
    """The character worked on: the chosen one, if it is listed, else the newest that is."""
    known = {c.id: c for c in listed(session)}
    return known.get(chosen) or next(reversed(known.values()), None)


def able(session: Session, role: Role, name: str) -> str:
    """The name of a model that can do a role. Raises NotFound for a model that is none, NotAllowed for another's."""
    model = session.family(name)
    if role not in model.roles:
        known = ", ".join(m.name for m in session.presets.models.values() if role in m.roles)
        raise NotAllowed(f"{model.title} is no {role}: choose one of {known}.")
    return model.name


def change(
    session: Session,
    character_id: str,
    *,
    kind: str | None = None,
    class_prompt: str | None = None,
    name: str | None = None,
) -> Character:
    """Say anew what a character is, or what it is called; ``None`` leaves it (prompts call it by its kind, unless they
    are told otherwise). What was made keeps its prompts; captions have the new words, and so have plans. Its id, which
    names its folders, stays. Raises NotFound, NotAllowed."""
    with session.store.alone():
        after = _renamed(session.character(character_id), kind, class_prompt, name)
        session.store.put(after)
    return after


def _renamed(before: Character, kind: str | None, class_prompt: str | None, name: str | None) -> Character:
    before = before if name is None else before.model_copy(update={"name": name_of(name)})
    new_kind = before.kind if kind is None else _phrase(kind)
    called = class_prompt if class_prompt is not None else None if kind is None else kind
    new_class = before.class_prompt if called is None else _phrase(called)
    if not new_kind or not new_class:
        raise NotAllowed("Say what the character is: a person, a cat, a robot.")
    after = before.model_copy(update={"kind": new_kind, "class_prompt": new_class})
    known = [words for words in (*before.formerly, before.instance) if words != after.instance]
    return after.model_copy(update={"formerly": tuple(dict.fromkeys(known))})


def _phrase(words: str) -> str:
    """What a character is, as prompts say it. Raises NotAllowed for what no prompt can say."""
    words = " ".join(composed(words).split())
    if len(words) > LONGEST_KIND or any(unicodedata.category(c) in ("Cc", "Cs") or c in "{},\n" for c in words):
        raise NotAllowed(
            f"Say what it is in a few words without commas, such as cat: at most {LONGEST_KIND} characters."
        )
    return words


def judge_by(session: Session, character_id: str, judged_by: JudgedBy) -> Character:
    """Say by what a character is told from now on. Pictures keep the scores they have; those made from now on are
    judged so, and those that are judged again. Raises NotFound, and NotAllowed for a practice character: its judge is
    part of the practice."""
    with session.store.alone():
        character = session.character(character_id)
        if character.practice is not None and judged_by != character.judged_by:
            raise NotAllowed(f"{character.name} is a practice character: the mini world's own eyes judge it.")
        changed = character.model_copy(update={"judged_by": judged_by})
        session.store.put(changed)
    return changed


def named(session: Session, name: str) -> Character:
    """The character of that id or name. Raises NotFound, also when several go by it: an id names one alone."""
    known = present(session)
    match = [c for c in known if c.id == name or same(c.name, name)]
    exactly = [c for c in match if c.id == name and same(c.name, name)]
    if len(match) > 1 and not exactly:
        which = " or ".join(f"{c.name if c.id == name else c.id!r} for {c.name}" for c in match)
        raise NotFound(f"{name!r} names {len(match)} characters: say {which}.")
    return (exactly or match or [session.character(name)])[0]


def _free_id(session: Session, base: str) -> str:
    taken = {c.id for c in session.store.all(Character)}
    return next(i for i in (base, *(f"{base}-{n}" for n in range(2, 10_000))) if i not in taken)
