"""Sample pictures of a training: one row a prompt, one column a step, so that the eye sees where it got good."""

from collections.abc import Iterable
from statistics import fmean

from typing_extensions import TypedDict

from pipelines.domain.records import ImageRecord
from studio.components.curve import Dotted
from studio.components.painted import Painted


class SampleCell(TypedDict):
    """A sample picture, and how alike it is."""

    id: str
    score: float | None
    verdict: str


class SamplesValue(TypedDict):
    """The grid of prompts and steps."""

    steps: list[str]
    prompts: list[str]
    cells: list[list[SampleCell | None]]
    empty: str


class Samples(Painted):
    """Value: ``axis`` (what columns are, ``step`` unless said), ``steps`` (column titles), ``prompts`` (row titles),
    ``cells`` (``[row][column]``: ``id``, ``score``, ``verdict``; or null), ``empty`` (words)."""

    island = "samples"


def step_of(image: ImageRecord) -> int:
    """The training step a sample was made at, from its labels; 0 when it is not said."""
    said = image.shot.purpose.labels.get("training_step", "0") if image.shot else "0"
    return int(said) if said.isdigit() else 0


def samples(images: Iterable[ImageRecord], *, empty: str) -> SamplesValue:
    """The value of Samples from the sample pictures of one run."""
    made = [image for image in images if image.shot]
    steps = sorted({step_of(i) for i in made})
    prompts = list(dict.fromkeys(i.shot.prompt for i in made if i.shot))
    at = {(i.shot.prompt, step_of(i)): tile(i) for i in made if i.shot}
    return {
        "steps": [str(s) for s in steps],
        "prompts": prompts,
        "cells": [[at.get((p, s)) for s in steps] for p in prompts],
        "empty": empty,
    }


def identity(images: Iterable[ImageRecord], name: str) -> Dotted | None:
    """Identity over steps as a Curve's line: the mean cosine of a step's samples, each of them as a dot. Samples that
    could not be measured are left out; ``None`` when none was."""
    measured = [
        (float(step_of(i)), i.scores.identity.score, i.shot.purpose.cell)
        for i in images
        if i.shot and i.scores.identity and i.scores.identity.score is not None
    ]
    steps = sorted({step for step, _, _ in measured})
    means = [[s, fmean(score for step, score, _ in measured if step == s)] for s in steps]
    dots: list[list[float | str]] = [[*each] for each in measured]
    return {"name": name, "raw": means, "smooth": means, "dots": dots, "faded": False} if dots else None


def tile(image: ImageRecord) -> SampleCell:
    """A picture as a cell of the grid."""
    identity = image.scores.identity
    return {
        "id": image.id,
        "score": identity.score if identity else None,
        "verdict": identity.verdict if identity else "",
    }
