"""Curves over training steps: the loss as it was measured (faint) and smoothed, several runs in one picture."""

from collections.abc import Iterable, Sequence

from typing_extensions import TypedDict

from pipelines.domain.records import Metric
from studio.components.painted import Painted

WINDOW = 0.9


class Line(TypedDict):
    """The line of one run: points are ``[step, value]``."""

    name: str
    raw: list[list[float]]
    smooth: list[list[float]]
    faded: bool


class Measured(Line):
    """With the loss on fixed noise and pictures."""

    fixed: list[list[float]]


class Dotted(Line):
    """With dots, each ``[step, value, words]``."""

    dots: list[list[float | str]]


class Curve(Painted):
    """Value: ``series`` (``name``; ``raw``, ``smooth`` and ``fixed`` as lists of ``[step, value]``; ``dots`` as
    ``[step, value, words]``; ``faded``), ``title``, ``total`` (steps in all, 0 if unknown), ``rule`` (a level line:
    ``value``, ``words``), ``whole`` (also the highest values in sight), ``digits``, ``empty`` (words)."""

    island = "curve"


def smooth(points: Sequence[tuple[int, float]], decay: float = WINDOW) -> list[list[float]]:
    """Exponential moving average with bias correction (Kingma & Ba 2015, section 3), as TensorBoard draws it."""
    level, out = 0.0, []
    for n, (step, value) in enumerate(points, start=1):
        level = decay * level + (1 - decay) * value
        out.append([step, level / (1 - decay**n)])
    return out


def thin(points: list[list[float]], most: int = 400) -> list[list[float]]:
    """At most about ``most`` points, evenly picked, the last one always among them."""
    stride = max(1, -(-len(points) // most))
    return points[::stride] + ([points[-1]] if points and (len(points) - 1) % stride else [])


def series(version: str, points: Sequence[Metric], name: str = "loss", *, faded: bool = False) -> Measured:
    """The line of one run, from all its ``points``; ``fixed`` is the loss on fixed noise and pictures, which says more
    than the noisy one."""
    measured = [(m.step, m.value) for m in metrics(points, name)]
    raw = [[float(s), v] for s, v in measured]
    fixed = [[float(m.step), m.value] for m in metrics(points, f"fixed_{name}")]
    return {"name": version, "raw": thin(raw), "smooth": thin(smooth(measured)), "fixed": fixed, "faded": faded}


def metrics(curve: Iterable[Metric], name: str) -> list[Metric]:
    """The points of one name, by step; a step that was measured again after a resume counts once, the last time."""
    latest = {m.step: m for m in curve if m.name == name}
    return [latest[step] for step in sorted(latest)]
