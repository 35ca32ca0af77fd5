"""The desk: one open workspace with all that is needed to work in it. Tabs and the command line both work at a desk,
through the functions of ``pipelines.steps``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.jobs.queue import JobQueue
from pipelines.library.presets import ModelFamily, models
from pipelines.library.records import Character
from pipelines.library.settings import Settings, load
from pipelines.library.store import Store
from pipelines.library.workspace import Workspace


class NotFound(LookupError):
    """Something was named that the workspace does not hold; the message says what."""


@dataclass
class Desk:
    """An open workspace. ``queue`` is absent when it was opened for reading only."""

    workspace: Workspace
    store: Store
    settings: Settings
    queue: JobQueue | None = None

    @classmethod
    def open(cls, root: Path, *, read_only: bool = False, **overrides: Any) -> Desk:
        """Open (and, unless ``read_only``, create) the workspace at ``root``.

        Raises WorkspaceBusy when another process has it, PresetError when its settings are broken.
        """
        workspace = Workspace(root)
        if not read_only:
            workspace.create()
        settings = load(workspace.root, **overrides)
        store = Store.open(workspace.root, read_only=read_only)
        desk = cls(workspace, store, settings)
        if not read_only:
            from pipelines.steps import outcomes

            desk.queue = JobQueue(store, workspace, settings)
            outcomes.listen(desk)
        return desk

    @property
    def jobs(self) -> JobQueue:
        """The queue. Raises RuntimeError at a desk opened for reading."""
        if self.queue is None:
            raise RuntimeError("This workspace was opened for reading only.")
        return self.queue

    def character(self, character_id: str) -> Character:
        """The character of that id. Raises NotFound."""
        found = self.store.get(Character, character_id)
        if found is None:
            known = ", ".join(c.id for c in self.store.all(Character)) or "none yet"
            raise NotFound(f"There is no character {character_id!r} in this workspace (known: {known}).")
        return found

    def family(self, name: str) -> ModelFamily:
        """The model family of that name. Raises NotFound."""
        try:
            return models()[name]
        except KeyError:
            raise NotFound(f"There is no model preset {name!r} (known: {', '.join(models())}).") from None

    def close(self) -> None:
        """Stop the worker and release the workspace."""
        if self.queue is not None:
            self.queue.close()
        self.store.close()

    def __enter__(self) -> Desk:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
