"""The session: one open workspace with all that is needed to work in it. Tabs and the command line both work in one,
through the functions of ``pipelines.workflow``, whose ``open_session`` opens it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipelines.domain.presets import ModelFamily
from pipelines.domain.records import Character
from pipelines.queue.job_queue import JobQueue
from pipelines.queue.jobs import Jobs
from pipelines.storage.presets import PresetFolder, Presets
from pipelines.storage.settings import Settings, load
from pipelines.storage.store import Store
from pipelines.storage.workspace import Workspace


class NotFound(LookupError):
    """Something was named that the workspace does not hold; the message says what."""


@dataclass
class Session:
    """An open workspace. ``queue`` is absent when it was opened for reading only; then ``elsewhere`` may be that of a
    studio which has the workspace open."""

    workspace: Workspace
    store: Store
    settings: Settings
    queue: JobQueue | None = None
    elsewhere: Jobs | None = None
    preset_folder: PresetFolder = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.preset_folder = PresetFolder(self.workspace.root)

    @classmethod
    def open(cls, root: Path, *, read_only: bool = False, **overrides: Any) -> Session:
        """Open (and, unless ``read_only``, create) the workspace at ``root``, as yet without its queue.

        Raises WorkspaceBusy when another process has it, PresetError when its settings are broken, StoreUnreadable
        when its records cannot be read or are of a newer FLENwheel.
        """
        workspace = Workspace(root)
        if not read_only:
            workspace.create()
        settings = load(workspace.root, **overrides)
        store = Store.open(workspace.root, read_only=read_only)
        store.tell(*settings.problems)
        return cls(workspace, store, settings)

    @property
    def jobs(self) -> Jobs:
        """The queue that does the work. Raises RuntimeError in a session opened for reading alone."""
        return self.elsewhere or self.own_queue

    @property
    def own_queue(self) -> JobQueue:
        """This process's queue. Raises RuntimeError in a session opened for reading."""
        if self.queue is None:
            raise RuntimeError("This workspace was opened for reading only.")
        return self.queue

    @property
    def presets(self) -> Presets:
        """Ours and the user's own, as the files stand now."""
        return self.preset_folder.current()

    def character(self, character_id: str) -> Character:
        """The character of that id. Raises NotFound."""
        found = self.store.get(Character, character_id)
        if found is None:
            known = ", ".join(c.id for c in self.store.all(Character)) or "none yet"
            raise NotFound(f"There is no character {character_id!r} in this workspace (known: {known}).")
        return found

    def family(self, name: str) -> ModelFamily:
        """The model family of that name. Raises NotFound."""
        known = self.presets.models
        if name in known:
            return known[name]
        raise NotFound(
            f"There is no model preset {name!r} (known: {', '.join(known)}). If it was one of your own, its file is"
            " gone or broken: look into Your presets in Settings, or at flenwheel presets."
        )

    def read_again(self) -> None:
        """Read the records anew: a session opened for reading knows them as they were then."""
        if self.store.read_only:
            self.store.close()
            self.store = Store.open(self.workspace.root, read_only=True)

    def close(self) -> None:
        """Stop the worker and release the workspace."""
        try:
            if self.queue is not None:
                self.queue.close()
        finally:
            self.store.close()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
