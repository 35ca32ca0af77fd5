"""The meter of a download: counts bytes, tells how far it is, and ends it between two pieces when it was cancelled."""

from collections.abc import Callable

from pipelines.domain.cancelled import Cancelled

OnProgress = Callable[[float, str], None]
"""Called with the share done (0-1; 0 where the whole is not known) and words."""
GIB = 2**30


class Meter:
    """Counts up to ``total`` bytes (0: not known) from ``done`` on, and tells it after ``every`` so many. ``title`` is
    what the words begin with."""

    def __init__(
        self,
        title: str,
        total: int,
        on_progress: OnProgress,
        cancelled: Callable[[], bool],
        *,
        done: float = 0,
        every: int = 0,
    ) -> None:
        self.every = every
        self.title, self.total, self.done, self.told = title, total, done, done
        self.on_progress, self.cancelled = on_progress, cancelled

    def check(self) -> None:
        """Raise Cancelled when the user asked to stop."""
        if self.cancelled():
            raise Cancelled

    def add(self, count: float) -> None:
        """Count ``count`` more bytes. Raises Cancelled."""
        self.check()
        self.done += count
        if self.done >= self.told + self.every or self.done == self.total:
            self.told = self.done
            share = min(1.0, self.done / self.total) if self.total else 0.0
            self.on_progress(share, self._words)

    @property
    def _words(self) -> str:
        of = f" of {self.total / GIB:.2f}" if self.total else ""
        before = f"{self.title}: " if self.title else ""
        return f"{before}{self.done / GIB:.2f}{of} GiB"
