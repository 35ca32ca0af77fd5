"""What a training needs of the world around it."""

from collections.abc import Callable
from dataclasses import dataclass

from pipelines.domain.cancelled import Cancelled
from pipelines.domain.events import Event
from pipelines.domain.messages import Ask
from pipelines.storage.workspace import Workspace
from pipelines.training.emphasis import Finder


@dataclass(frozen=True)
class TrainingContext:
    """Where files lie, whom to tell, whether to stop; ``memory`` measures what is in use now; ``finder`` finds faces
    (``None``: nobody does); ``asked``: what the user asked for since it was last called."""

    workspace: Workspace
    emit: Callable[[Event], None]
    cancelled: Callable[[], bool]
    memory: Callable[[], Event]
    finder: Finder | None = None
    asked: Callable[[], frozenset[Ask]] = frozenset

    def stop_if_cancelled(self) -> None:
        """Raises Cancelled when the user asked to stop."""
        if self.cancelled():
            raise Cancelled
