"""How long a job will still take, from a moving average of how long its parts took."""

import time
from collections import deque
from collections.abc import Callable

WINDOW = 8


class Eta:
    """Seconds per unit (picture or training step) over the last ``WINDOW`` units, and per denoising step within one.

    Units that existed already cost nothing and are left out; so is the time before the first denoising step, in
    which models load. ``clock`` gives seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.begin(0, 0)

    def begin(self, total: int, skipped: int) -> None:
        """A phase of ``total`` units has begun; ``skipped`` of them are there already."""
        self._total, self._done, self._free = total, skipped, skipped
        self._units: deque[float] = deque(maxlen=WINDOW)
        self._steps: deque[float] = deque(maxlen=4 * WINDOW)
        self._mark = self._clock()
        self._step_mark: float | None = None
        self._step = (0, 0)

    def advance(self, done: int) -> None:
        """``done`` units are finished now."""
        present, gained = self._clock(), done - max(self._done, self._free)
        if gained > 0:
            self._units.extend([(present - self._mark) / gained] * min(gained, WINDOW))
        if done > self._done:
            self._mark, self._step_mark, self._step = present, None, (0, 0)
        self._done = max(self._done, done)

    def step(self, k: int, n: int) -> None:
        """Denoising step ``k`` of ``n`` of the present unit is done."""
        present = self._clock()
        if self._step_mark is None and self._done <= self._free:
            self._mark = present  # whatever came before the very first step was loading
        if self._step_mark is not None and k == self._step[0] + 1:
            self._steps.append(present - self._step_mark)
        self._step_mark, self._step = present, (k, n)

    def pause(self, seconds: float) -> None:
        """``seconds`` went by in which nothing was meant to happen."""
        self._mark += seconds
        if self._step_mark is not None:
            self._step_mark += seconds

    def seconds_left(self) -> float | None:
        """An estimate, or ``None`` while nothing has been measured or nothing is left to do."""
        remaining = self._total - self._done
        if remaining <= 0:
            return None
        k, n = self._step
        if self._units:
            unit = sum(self._units) / len(self._units)
        elif self._steps and n:
            unit = n * sum(self._steps) / len(self._steps)
        else:
            return None
        spent = unit * k / n if n else min(self._clock() - self._mark, unit)
        return max(0.0, unit * remaining - min(spent, unit))
