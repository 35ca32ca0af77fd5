"""Curves of training runs: kept by parts, read whole."""

from collections.abc import Iterable

from pipelines.domain.records import CurvePart, Metric, TrainingRun
from pipelines.storage.store import Store


def curve(store: Store, run: TrainingRun) -> tuple[Metric, ...]:
    """All points of a run, by step. A resumed training measures the steps since its checkpoint again: the later value
    stands."""
    parts = store.all(CurvePart, run=run.id)
    points = {(m.name, m.step): m for part in parts for m in part.points}
    return tuple(sorted(points.values(), key=lambda m: m.step))


def next_part(store: Store, run: TrainingRun, points: Iterable[Metric]) -> CurvePart:
    """The record that adds ``points`` to the curves of ``run``; the caller keeps it."""
    number = len(store.all(CurvePart, run=run.id))
    return CurvePart(id=f"{run.id}/{number:06d}", run=run.id, points=tuple(points))
