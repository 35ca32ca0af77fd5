"""Surveys: the matrix of one, and its report."""

from urllib.parse import quote

from fastapi import APIRouter, Response
from typing_extensions import TypedDict

from pipelines.domain.records import Survey
from pipelines.domain.shots import Shot
from pipelines.planning.survey import Content, labels
from pipelines.workflow import datasets, survey_export
from pipelines.workflow import survey as surveying
from studio.server.in_words import STILL, InWords
from studio.server.state import Studio
from studio.server.tiles import Tile, tile

MEDIA: dict[survey_export.Form, str] = {
    "html": "text/html; charset=utf-8",
    "md": "text/markdown; charset=utf-8",
    "csv": "text/csv; charset=utf-8",
    "json": "application/json",
}


class SurveyVersion(TypedDict):
    """A survey by its version."""

    id: str
    version: str


class SurveyPrompt(TypedDict):
    """A row of the matrix."""

    key: str
    text: str


class SurveyPlace(TypedDict):
    """Where in the matrix a picture stands; ``seed`` counts the seeds of a cell from 0."""

    stack: str | None
    image: str | None
    prompt: str | None
    seed: int


class SurveyCell(Tile):
    """A picture of a survey and its place."""

    at: SurveyPlace


class Matrix(TypedDict):
    """A survey as a matrix: pictures, prompts, stacks, how many seeds, and the pictures of each cell."""

    id: str
    version: str
    versions: list[SurveyVersion]
    images: list[str]
    stacks: list[str]
    seeds: int
    prompts: list[SurveyPrompt]
    cells: list[SurveyCell]


class SurveyShown(TypedDict):
    """A survey, if there is one."""

    survey: Matrix | None


def survey_routes(studio: Studio) -> APIRouter:
    """What a survey shows and what it has shown."""
    router = APIRouter(route_class=InWords)

    @router.get("/survey-report/{survey_id:path}")
    def report(survey_id: str, form: survey_export.Form = "html") -> Response:
        """What a survey has shown and what was decided: a page that needs nothing else, Markdown, a table of its
        pictures, or data."""
        text = survey_export.export(studio.session, survey_id, form)
        shown, name = "inline" if form == "html" else "attachment", f"survey-{survey_id.replace('/', '-')}.{form}"
        headers = STILL | {"Content-Disposition": f"{shown}; filename*=UTF-8''{quote(name)}"}
        return Response(text, media_type=MEDIA[form], headers=headers)

    @router.get("/survey/{survey_id:path}")
    def survey(survey_id: str) -> SurveyShown:
        return {"survey": matrix(studio, survey_id)}

    return router


def matrix(studio: Studio, survey_id: str) -> Matrix | None:
    """A survey as a matrix: pictures, prompts, stacks, and the picture of each cell. ``None`` when there is none."""
    store = studio.session.store
    known = store.all(Survey, character=studio.character_id)
    chosen = known[-1] if survey_id == "latest" and known else store.get(Survey, survey_id)
    if chosen is None or chosen.character != studio.character_id:
        return None
    made = datasets.pictures(studio.session, chosen.character, "survey", chosen.version)
    shown = labels(chosen.stacks)
    return {
        "id": chosen.id,
        "version": chosen.version,
        "versions": [{"id": s.id, "version": s.version} for s in known],
        "images": list(chosen.images),
        "stacks": list(shown.values()),
        "seeds": chosen.seeds,
        "prompts": [{"key": cell, "text": text} for cell, text in surveying.asked(studio.session, chosen)],
        "cells": [{**tile(i, store.verdict(i.id)), "at": _place(i.shot, shown)} for i in made if i.shot],
    }


def _place(shot: Shot, shown: dict[Content, str]) -> SurveyPlace:
    why = shot.purpose.labels
    stack, seed = shown.get(shot.stack.content), shot.purpose.variant
    return {"stack": stack, "image": why.get("image"), "prompt": why.get("prompt"), "seed": seed}
