"""What is open: the session, and who is worked on. What the page, its routes and the tabs share."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar, cast

from pipelines.domain.records import Character
from pipelines.session import NotFound, Session
from pipelines.storage.lock import WorkspaceBusy
from pipelines.storage.place import AWAY, RETURN, is_away, is_same
from pipelines.storage.preset_files import PresetError
from pipelines.storage.presets import Presets
from pipelines.storage.store import StoreUnreadable
from pipelines.workflow import characters
from pipelines.workflow.characters import NotAllowed
from pipelines.workflow.opening import open_session

Told = TypeVar("Told")
AWAY_NOW = f"{AWAY} Decisions are kept in this page until it is back; nothing else is. {RETURN}."


@dataclass
class Studio:
    """One person's studio: a session, and who is worked on. The choice lives here and in the settings, not in the
    page."""

    session: Session
    address: str = ""
    page: str = ""
    """What the page is made of (``app.made_of``)."""
    _chosen: str = ""
    _lock: threading.RLock = field(default_factory=threading.RLock, repr=False)
    _memory: dict[str, tuple[str, object]] = field(default_factory=dict, repr=False)
    _read: set[str] = field(default_factory=set, repr=False)
    _identity: tuple[Path | None, str] = (None, "")

    on_page: Presets = field(init=False, repr=False)
    """The presets that the page was built with: what is ticked there comes back in their order."""

    def __post_init__(self) -> None:
        self.on_page = self.session.presets
        self._chosen = str(getattr(self.session.settings, "character", ""))

    def __enter__(self) -> Studio:
        return self

    def __exit__(self, *exc: object) -> None:
        self.session.close()  # the one that is open now

    @property
    def character(self) -> Character | None:
        """The character worked on: the chosen one, else the newest; ``None`` in an empty workspace."""
        with self._lock:
            return characters.current(self.session, self._chosen)

    @property
    def character_id(self) -> str:
        """Its id, ``""`` when there is none."""
        character = self.character
        return character.id if character else ""

    def choose(self, character_id: str) -> Character:
        """Work on another character, now and after a restart. Raises NotFound, and NotAllowed for one that is
        archived."""
        character = self.session.character(character_id)
        if character.archived:
            raise NotAllowed(f"{character.name} is archived. Bring it back first.")
        with self._lock:
            self._chosen = character.id
        self.save({"character": character.id})
        return character

    def move(self, root: Path) -> Path:
        """Close this workspace and work in the one at ``root``. Raises NotFound when there is none, and NotAllowed
        while a job is at work or when another studio has it."""
        if not is_workspace(root):
            raise NotFound(f"There is no workspace at {root}. To start one there: flenwheel --workspace {root}")
        with self._lock:
            old = self.session
            if root.resolve() == old.workspace.root.resolve():
                return old.workspace.root
            status = old.jobs.status()
            if status.job or status.queued:
                raise NotAllowed("A job is at work here. Wait for it or stop it first.")
            if is_same(old.workspace.root, root):
                old.close()  # it has been moved: its lock went with it
            try:
                self.session = open_session(root)
            except (WorkspaceBusy, StoreUnreadable, PresetError) as refusal:
                raise NotAllowed(str(refusal)) from refusal
            self.session.store.announce(self.address)
            self._chosen = str(self.session.settings.character)
            self._memory.clear()
            self._read.clear()
        old.close()
        return self.session.workspace.root

    def save(self, changes: dict[str, object]) -> None:
        """Keep settings in the workspace's ``settings.toml`` and use them from now on."""
        from pipelines.storage import settings

        root = self.session.workspace.root
        with self._lock:
            settings.save(root, changes)
            self.session.settings = settings.load(root)
            if self.session.queue is not None:
                self.session.queue.settings = self.session.settings

    @property
    def workspace_id(self) -> str:
        """By which pages tell the open workspace from others."""
        root = self.session.workspace.root
        if self._identity[0] != root:
            self._identity = (root, self.session.workspace.identity())
        return self._identity[1]

    @property
    def notices(self) -> list[str]:
        """What the user has to be told of this workspace: that it is away, as long as it is; and, until it is closed,
        what was repaired when it opened."""
        away = [AWAY_NOW] if is_away(self.session.workspace.root) else []
        return away + [words for words in self.session.store.repairs if words not in self._read]

    def close_notices(self) -> None:
        """The user has read them: they are not shown again."""
        self._read.update(self.session.store.repairs)

    @property
    def revision(self) -> str:
        """Changes whenever something that a page shows may have changed."""
        return f"{id(self.session)}.{self.session.store.revision}.{self.character_id}"

    def forget(self, name: str) -> None:
        """What was remembered under that name changed without a record of it."""
        self._memory.pop(name, None)

    def remembered(self, name: str, compute: Callable[[], Told]) -> Told:
        """``compute()``, kept until the revision changes: for what many polls ask and few changes alter."""
        revision = self.revision
        known, value = self._memory.get(name, ("", None))
        if known == revision:
            return cast(Told, value)
        fresh = compute()
        self._memory[name] = (revision, fresh)
        return fresh


def is_workspace(root: Path) -> bool:
    """Whether a studio has worked in this folder."""
    return any((root / name).is_file() for name in ("flenwheel.json", "flenwheel.journal"))
