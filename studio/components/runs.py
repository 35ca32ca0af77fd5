"""Trainings of a character as a list: version, state, what went in, what came out. One is looked at."""

from collections.abc import Iterable, Mapping, Sequence

from typing_extensions import TypedDict

from pipelines.domain.records import Metric, TrainingRun
from pipelines.domain.words import count
from studio.components.curve import metrics
from studio.components.painted import Painted


class RunRow(TypedDict):
    """A training in words."""

    id: str
    title: str
    state: str
    tone: str
    facts: str
    lineage: str
    when: str
    lora: str
    job: str


class RunsValue(TypedDict):
    """Trainings, newest first."""

    rows: list[RunRow]
    selected: str
    empty: str


class Runs(Painted):
    """Value: ``rows`` (``id``, ``title``, ``state``, ``tone``, ``facts``, ``lineage``), ``selected`` (an id),
    ``empty``. Event ``pick``: another run is looked at; its id is in the value."""

    island = "runs"
    fires = ("pick",)


TONES = {"done": "good", "failed": "bad", "interrupted": "warn", "cancelled": "warn"}


Curves = Mapping[str, Sequence[Metric]]


def runs(found: Iterable[TrainingRun], selected: str, *, empty: str, curves: Curves) -> RunsValue:
    """The value of Runs, newest first; the newest is selected unless another one is. ``found`` comes oldest first, as
    ``training.runs`` gives them; ``curves``: points by run id."""
    newest = [*found][::-1]
    versions = {r.id: r.version for r in newest}
    ids = [r.id for r in newest]
    return {
        "rows": [_row(r, versions.get(r.parent, ""), curves.get(r.id, ())) for r in newest],
        "selected": selected if selected in ids else (ids[0] if ids else ""),
        "empty": empty,
    }


def _row(run: TrainingRun, parent: str, points: Sequence[Metric]) -> RunRow:
    losses = metrics(points, "loss")
    settings = run.settings
    facts = [
        count(len(run.images), "picture"),
        f"rank {settings.get('rank', '?')}",
        f"{settings.get('steps', '?')} steps",
    ]
    if losses:
        facts.append(f"loss {losses[-1].value:.4f}")
    learnt = f"from the base, with pictures that {parent} made" if parent else "from the base"
    return {
        "id": run.id,
        "title": f"{run.target} {run.version}",
        "state": run.state,
        "tone": TONES.get(run.state, ""),
        "facts": " · ".join(facts),
        "lineage": f"{run.family}, {learnt}",
        "when": run.created.isoformat(),
        "lora": run.lora,
        "job": run.job if run.state == "running" else "",
    }
