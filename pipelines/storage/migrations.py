"""How records age: named changes of their stored shape, in order, each applied once to a workspace.

The names of those applied are kept in the store itself, in the table ``migrations``. To change what a record looks like
on disk, add ``m00N_what_it_does`` at the end of this file: a pure function from all tables to all tables, whose
docstring tells the user in one sentence what changed. What has been released is never edited, renamed or moved: people
have workspaces of every age. After simonw/llm's ``migrations.py``.

A picture's file carries its record as a recipe; it names the last change known when it was written (``MARK``), and goes
through the later ones when it is read.
"""

import copy
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from pipelines.domain.records import now
from pipelines.storage.journal_lines import Document, Tables

TABLE = "migrations"
MARK = "migrated"
Change = Callable[[Tables], Tables]


class MadeByNewer(RuntimeError):
    """What is to be read was written by a newer FLENwheel, whose records this one does not know."""


@dataclass(frozen=True)
class Migration:
    """One change. ``words`` tell the user what it did."""

    name: str
    words: str
    change: Change


ALL: list[Migration] = []


def migration(change: Change) -> Change:
    """Register ``change`` under its own name, after those that are there."""
    ALL.append(Migration(change.__name__, (change.__doc__ or "").strip(), change))
    return change


def applied(tables: Tables) -> set[str]:
    """Names of the changes that these tables have been through."""
    return {str(document.get("id")) for document in tables.get(TABLE, {}).values()}


def pending(tables: Tables) -> list[Migration]:
    """The changes that these tables have still to go through, in order. Raises MadeByNewer for tables that have been
    through one that is not known here."""
    done = applied(tables)
    if unknown := sorted(done - {m.name for m in ALL}):
        raise MadeByNewer(f"its records have been through {', '.join(unknown)}, which this FLENwheel does not know")
    return [m for m in ALL if m.name not in done]


def migrate(tables: Tables, todo: Iterable[Migration]) -> Tables:
    """A copy of ``tables`` that has been through ``todo``, and says so. Raises what a change raises."""
    fresh = copy.deepcopy(tables)
    for each in todo:
        fresh = each.change(fresh)
        rows = fresh.setdefault(TABLE, {})
        place = str(max(map(int, rows), default=0) + 1)
        rows[place] = {"id": each.name, "at": now().isoformat()}
    return fresh


def stamped(recipe: Document) -> Document:
    """A recipe as it goes into a picture's file: with the name of the last change."""
    return {**recipe, MARK: ALL[-1].name} if ALL else recipe


def present_recipe(recipe: Document, table: str) -> Document:
    """The record in a picture's file, of the kind kept in ``table``, as it looks today. Raises MadeByNewer."""
    recipe = dict(recipe)
    mark = recipe.pop(MARK, None)
    names = [m.name for m in ALL]
    if mark is not None and mark not in names:
        raise MadeByNewer(f"its recipe was written after {mark}, which this FLENwheel does not know")
    later = ALL if mark is None else ALL[names.index(mark) + 1 :]
    return migrate({table: {"1": recipe}}, later)[table]["1"]


def reshaped(tables: Tables, name: str, change: Callable[[Document], Document]) -> Tables:
    """``tables`` with every document of one table changed. One that ``change`` cannot read stays as it is: it is set
    aside by itself when it is asked for, instead of keeping all others from being read."""

    def attempt(document: Any) -> Any:
        try:
            return change(document)
        except (KeyError, TypeError, ValueError, AttributeError):
            return document

    return {**tables, name: {row: attempt(document) for row, document in tables.get(name, {}).items()}}


# ---- the changes, oldest first

_PRACTICE = re.compile(r"FLENwheel practice character (\d+), rendered on this machine")


@migration
def m001_character_practice(tables: Tables) -> Tables:
    """Practice characters carry their number; it was told from the words of their origin."""

    def number(character: Document) -> Document:
        told = _PRACTICE.fullmatch(character["origin"])
        return {"practice": int(told[1]) if told else None, **character}

    return reshaped(tables, "characters", number)


@migration
def m002_curves_apart(tables: Tables) -> Tables:
    """Curves of trainings are kept by parts, apart from what went into a training."""
    runs, parts = dict(tables.get("runs", {})), dict(tables.get("curves", {}))
    place = max(map(int, parts), default=0)
    for row, run in runs.items():
        if not isinstance(run, dict) or "curve" not in run:
            continue
        runs[row] = {key: value for key, value in run.items() if key != "curve"}
        if run["curve"] and "id" in run:
            place += 1
            parts[str(place)] = {"id": f"{run['id']}/000000", "run": run["id"], "points": run["curve"]}
    return {**tables, "runs": runs, "curves": parts}


@migration
def m003_field_terms(tables: Tables) -> Tables:
    """What is stored is named as the field names it: scoring, thresholds, face distance, a limit of checkpoints."""

    def renamed(document: Document, names: dict[str, str]) -> Document:
        return {names.get(key, key): value for key, value in document.items()}

    def trained(document: Document) -> Document:
        if not isinstance(settings := document.get("settings"), dict):
            return document
        return {**document, "settings": renamed(settings, {"keep": "checkpoints_total_limit"})}

    def request(asked: Document) -> Document:
        asked = trained(renamed(asked, {"judge": "scoring"}))
        if isinstance(scoring := asked.get("scoring"), dict):
            asked["scoring"] = renamed(scoring, {"lines": "thresholds"})
        return asked

    def result(told: Document) -> Document:
        if not isinstance(readings := told.get("readings"), dict):
            return told
        names = {"line": "threshold", "apart": "face_distance"}
        return {**told, "readings": {picture: renamed(reading, names) for picture, reading in readings.items()}}

    def job(document: Document) -> Document:
        told = {"result": result(document["result"])} if document.get("result") else {}
        return {**document, "request": request(document["request"]), **told}

    return reshaped(reshaped(tables, "jobs", job), "runs", trained)
