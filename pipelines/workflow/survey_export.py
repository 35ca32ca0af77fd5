"""A survey written down to be kept or worked on: a page, Markdown, a table of its pictures, or data."""

import csv
import io
import json
from collections.abc import Iterator
from typing import Any, Literal, get_args

from pipelines.domain.records import ImageRecord, Survey
from pipelines.planning.survey import labels
from pipelines.session import NotFound, Session
from pipelines.storage.markdown import plain, table
from pipelines.storage.pages import in_csv
from pipelines.workflow import survey, survey_report

Form = Literal["html", "md", "csv", "json"]
FORMS: tuple[Form, ...] = get_args(Form)
PICTURES = (
    "stack", "picture", "prompt", "try", "seed", "identity", "cosine", "stars identity", "stars edit", "flaws", "label",
    "note", "seconds", "peak GiB", "file",
)  # fmt: skip


def export(session: Session, survey_id: str, form: Form) -> str:
    """A survey in that form. Raises NotFound."""
    if form == "csv":
        return _csv(session, survey_id)
    told = survey_report.report(session, survey_id)
    if form == "json":
        return json.dumps(told, ensure_ascii=False, indent=1) + "\n"
    return survey_report.page(session, told) if form == "html" else _markdown(told)


def _csv(session: Session, survey_id: str) -> str:
    made = session.store.get(Survey, survey_id)
    if made is None:
        raise NotFound(f"There is no survey {survey_id!r}.")
    text, shown = io.StringIO(), labels(made.stacks)
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(PICTURES)
    for image in survey.results(session, made):
        if image.shot and (label := shown.get(image.shot.stack.content)):
            rows.writerow([in_csv(cell) for cell in _row(session, image, label)])
    return text.getvalue()


def _row(session: Session, image: ImageRecord, label: str) -> Iterator[object]:
    assert image.shot
    why, who, verdict = image.shot.purpose, image.scores.identity, session.store.verdict(image.id)
    yield from (label, why.labels.get("image", "")[:12], why.labels.get("prompt", ""), why.variant + 1, image.shot.seed)
    yield from (who.verdict if who else "", who.score if who else None, verdict.identity, verdict.edit)
    yield from (", ".join(verdict.failures), verdict.label, verdict.note, image.seconds, image.peak_gib, image.path)


def _markdown(told: dict[str, Any]) -> str:
    decided = f"{told['decision']}: {told['decided']}" if told["decision"] else "Not decided yet"
    agreed = told["agreement"]["words"]
    parts = [
        f"# Survey {told['survey']} of {plain(told['character'])}",
        f"**{plain(decided)}**",
        *(plain(line) for line in told["reasons"].splitlines()),
        plain(told["next"]),
        "## What the rules recommend",
        f"**{plain(survey_report.recommended(told))}**",
        *(plain(line) for line in told["recommendation"]["reasons"]),
        "\n".join(f"- {plain(rule)}" for rule in told["rules"]),
        "## What was tested",
        table(("", ""), survey_report.facts(told)),
        "## How the stacks did",
        table(survey_report.HEAD, [survey_report.row(s) for s in told["stacks"]]),
        "## Pair by pair",
        table(survey_report.PAIR, [survey_report.pair(p) for p in told["pairs"]]),
        plain(agreed),
        "## LoRAs that were looked into",
        plain(told["surveyed"]),
        table(survey_report.LOOKED, [survey_report.candidate(c) for c in told["candidates"]]),
        "## Trade-offs against the base",
        table(survey_report.COST, [survey_report.cost(s) for s in told["stacks"]]),
    ]
    return "\n\n".join(part.rstrip() for part in parts if part) + "\n"
