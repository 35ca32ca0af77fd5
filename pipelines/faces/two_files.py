"""What recognisers of two files have in common: one finds a face, the other tells whose it is."""

from functools import cached_property
from pathlib import Path

from pipelines.faces.base import Limits, Thresholds, file_hash


class TwoFiles:
    """A recogniser of two files of a ``folder``, called ``names``."""

    finds_faces = True
    limits = Limits()
    names: tuple[str, str]

    def __init__(self, folder: Path, *, name: str, title: str, thresholds: Thresholds) -> None:
        self.folder, self.name, self.title, self.thresholds = folder, name, title, thresholds

    @property
    def _files(self) -> tuple[Path, Path]:
        finder, reader = self.names
        return self.folder / finder, self.folder / reader

    @property
    def model_hash(self) -> str:
        """Of both files; empty while one is missing."""
        return "" if self.ready() else self._hash

    @cached_property
    def _hash(self) -> str:
        return file_hash(*self._files)

    def ready(self) -> str:
        """Empty, or which file is missing."""
        lacking = [str(path) for path in self._files if not path.is_file()]
        return f"{self.name} cannot see: {' and '.join(lacking)} is missing." if lacking else ""
