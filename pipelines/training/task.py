"""What a training is for: a character or an editor. Which model is trained makes no difference to it."""

from abc import ABC, abstractmethod
from typing import ClassVar

from pipelines.domain.presets import Role
from pipelines.domain.requests import TrainRequest


class TrainingDataError(ValueError):
    """The pictures of a training cannot be used. The message names the file and says what to do."""


class Task(ABC):
    """What the examples of a training are. ``role`` is what a model must be able to do to be trained so."""

    role: ClassVar[Role]

    @abstractmethod
    def check(self, request: TrainRequest) -> None:
        """Raise TrainingDataError when an example is not what this task learns from."""

    def warnings(self, request: TrainRequest) -> list[str]:
        """What the user should know before."""
        return []
