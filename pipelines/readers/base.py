"""What every captioner and every reader can do."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PIL import Image

from pipelines.domain.reading import ReaderPreset
from pipelines.storage.presets import Presets
from pipelines.storage.settings import Settings
from pipelines.storage.workspace import Workspace

if TYPE_CHECKING:
    from pipelines.engine.resident import Resident


class ReaderMissing(RuntimeError):
    """A reader cannot work here. The message says why and what to do."""


@dataclass(frozen=True)
class Needs:
    """What a module gets to open a reader with."""

    presets: Presets
    workspace: Workspace
    settings: Settings
    resident: "Resident"


class Captioner(ABC):
    """Writes captions. ``model`` is a hash of its weights, or what else tells it from others."""

    def __init__(self, preset: ReaderPreset, model: str) -> None:
        self.preset, self.model = preset, model

    @abstractmethod
    def caption(self, picture: Image.Image, prompt: str, begun: str, cancelled: Callable[[], bool]) -> str:
        """The caption of an RGB picture, which begins with the words ``begun``. Raises Cancelled."""


class Reader(Captioner):
    """Answers multiple choice questions, by the likelihood of each answer."""

    @abstractmethod
    def likelihoods(self, pictures: Sequence[Image.Image], prompt: str, answers: Sequence[str]) -> list[float]:
        """How likely each of ``answers`` is among them as what the model says to ``prompt`` about RGB pictures; the sum
        is 1."""
