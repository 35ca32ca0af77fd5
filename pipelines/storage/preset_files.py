"""Preset files: TOML tables by name, those of a user over ours. All errors are told, in words that name file, entry and
field; what is broken is left out and the rest is used."""

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from pipelines.domain.base import Frozen
from pipelines.domain.presets import (
    Axis,
    CaptionFactor,
    CatalogueEntry,
    CharacterKind,
    FacePreset,
    FailureMode,
    ModelFamily,
    Scenario,
    TrainingPreset,
)
from pipelines.domain.reading import CaptionPrompt, Question, ReaderPreset
from pipelines.storage.atomic import check_file

PRESETS = Path(__file__).resolve().parents[2] / "presets"
"""What comes with the product."""
PLAIN_NAME = re.compile(r"\w[\w.-]{0,79}")

T = TypeVar("T", bound=Frozen)
Table = dict[str, Any]
Tables = dict[str, Table]


class PresetError(ValueError):
    """A preset file is broken: the message names the file and every field that is wrong."""


@dataclass(frozen=True)
class Kind:
    """A kind of preset: its files (a pattern, in a folder of presets), and the tables they hold (none: a file is one
    entry). ``noun`` is what an entry is called; ``lists`` are fields of an entry that are tables themselves, with what
    names each of these; ``plain``: its names become parts of other names, so they are single words."""

    name: str
    noun: str
    model: type[Frozen]
    files: str
    table: str = ""
    lists: Mapping[str, str] = field(default_factory=dict)
    plain: bool = False


EDITS = {"edits": "value"}
KINDS: tuple[Kind, ...] = (
    Kind("faces", "recogniser", FacePreset, "faces/*.toml", plain=True),
    Kind("models", "model", ModelFamily, "models/*.toml", plain=True),
    Kind("trainings", "preset", TrainingPreset, "training/*.toml", "preset"),
    Kind("catalogue", "lora", CatalogueEntry, "loras.toml", "lora"),
    Kind("axes", "axis", Axis, "prompts/edits.toml", "axis", EDITS, plain=True),
    Kind("survey_prompts", "axis", Axis, "prompts/survey.toml", "axis", EDITS, plain=True),
    Kind("scenarios", "scenario", Scenario, "prompts/scenarios.toml", "scenario", plain=True),
    Kind("failures", "failure", FailureMode, "failures.toml", "failure"),
    Kind("kinds", "kind", CharacterKind, "kinds.toml", "kind"),
    Kind("factors", "factor", CaptionFactor, "captions.toml", "factor"),
    Kind("questions", "question", Question, "prompts/questions.toml", "question", plain=True),
    Kind("caption_prompts", "prompt", CaptionPrompt, "prompts/captions.toml", "prompt", plain=True),
    Kind("readers", "reader", ReaderPreset, "readers/*.toml", plain=True),
)
"""In the order they are read: a model names recognisers, a training preset models."""


@dataclass
class Entries:
    """The entries of one kind by name, parsed and as tables. ``own`` are the names that were added or changed."""

    values: dict[str, Any] = field(default_factory=dict)
    tables: Tables = field(default_factory=dict)
    own: list[str] = field(default_factory=list)

    def copy(self) -> "Entries":
        """The same, to be added to; nothing is ``own`` yet."""
        return Entries(dict(self.values), dict(self.tables))


Check = Callable[[Any, str], list[str]]
"""What is wrong with a parsed entry of that name, as ``field: words``."""


def read_kind(kind: Kind, folder: Path, base: Entries, check: Check, problems: list[str]) -> Entries:
    """The entries of a kind in ``folder`` over ``base``: a known name changes the fields that it gives, an unknown one
    is added behind. What is broken is told in ``problems`` and left out: ``base`` stands."""
    found, seen = base.copy(), dict[str, str]()
    for file, table in _tables(kind, folder, problems):
        name = table.get("name") if isinstance(table, dict) else None
        if not isinstance(name, str) or not name.strip():
            problems.append(f'{file}: an entry has no name: give each {kind.noun} one, name = "..."')
            continue
        where = f"{file}: {kind.noun} {name}: "
        if name in seen:
            problems.append(f"{where}comes twice ({seen[name]} has it, too); the first counts")
            continue
        seen[name] = file
        merged = over(base.tables.get(name, {}), table, kind.lists)
        value, wrong = parse(kind.model, merged)
        wrong = wrong or [*_bad_names(kind, value), *check(value, name)]
        if wrong:
            problems += [where + words for words in wrong]
            continue
        found.values[name], found.tables[name] = value, merged
        found.own.append(name)
    return found


def over(ours: Table, theirs: Table, lists: Mapping[str, str]) -> Table:
    """``ours`` with the fields that ``theirs`` gives; tables in tables likewise, and the tables of ``lists`` by the
    field that names them. Any other list is replaced whole."""
    result = dict(ours)
    for key, value in theirs.items():
        old = result.get(key)
        if isinstance(old, dict) and isinstance(value, dict):
            result[key] = over(old, value, {})
        elif key in lists and isinstance(old, list) and isinstance(value, list):
            result[key] = _over_list(old, value, lists[key])
        else:
            result[key] = value
    return result


def _over_list(ours: list[Any], theirs: list[Any], named_by: str) -> list[Any]:
    result, places = list(ours), {item[named_by]: place for place, item in enumerate(ours)}
    for item in theirs:
        name = item.get(named_by) if isinstance(item, dict) else None
        if isinstance(name, str) and name in places:
            result[places[name]] = over(result[places[name]], item, {})
        else:
            result.append(item)
    return result


def parse(model: type[T], table: Table) -> tuple[T | None, list[str]]:
    """``table`` as a ``model``, or every field that is wrong, in words."""
    try:
        return model.model_validate(table), []
    except ValidationError as error:
        told: dict[str, str] = {}
        for each in error.errors():  # of a choice between kinds of values every kind tells: the first is the widest
            told.setdefault(_place(table, each["loc"]), _words(model, each))
        return None, [f"{place}: {words}" for place, words in told.items()]


def _place(table: Any, keys: tuple[int | str, ...]) -> str:
    """``edits.half-left.prompt``: an entry of a list by its name, where it has one."""
    said = []
    for key in keys:
        if isinstance(key, str) and "[" in key:
            continue  # which kind of value of a choice was tried
        try:
            table = table[key]
        except (KeyError, IndexError, TypeError):
            table = None
        named = table.get("value") or table.get("name") if isinstance(key, int) and isinstance(table, dict) else None
        said.append(str(named or key))
    return ".".join(said)


def _words(model: type[Frozen], error: Any) -> str:
    if error["type"] == "missing":
        return "is missing"
    if error["type"] != "extra_forbidden":
        return str(error["msg"])
    known = f" (known: {', '.join(model.model_fields)})" if len(error["loc"]) == 1 else ""
    return f"there is no such field{known}"


def _bad_names(kind: Kind, value: Any) -> Iterator[str]:
    names = {"name": [value.name]} | {f: [getattr(i, n) for i in getattr(value, f)] for f, n in kind.lists.items()}
    for where, each in names.items() if kind.plain else ():
        for name in each:
            if not PLAIN_NAME.fullmatch(name):
                yield f"{where}: {name!r} is no single word of letters, digits, '-', '_' and '.', at most 80"
        for name in {n for n in each if each.count(n) > 1}:
            yield f"{where}: {name!r} comes twice"


def _tables(kind: Kind, folder: Path, problems: list[str]) -> list[tuple[str, Any]]:
    """Every entry of a kind as it stands in its file. A file of nothing but comments has none."""
    found: list[tuple[str, Any]] = []
    for path in sorted(folder.glob(kind.files)):
        file = path.relative_to(folder).as_posix()
        try:
            data = read_toml(path)
        except PresetError as error:
            problems.append(f"{file}: {error}")
            continue
        if not kind.table:
            found += [(file, data)] if data else []
            continue
        more = [key for key in data if key != kind.table]
        problems += [f"{file}: {key}: not known here; the file holds [[{kind.table}]] only" for key in more]
        listed = data.get(kind.table, [])
        if isinstance(listed, list):
            found += [(file, table) for table in listed]
        else:
            problems.append(f"{file}: {kind.table}: is one table; write [[{kind.table}]], with two brackets")
    return found


def read_toml(path: Path) -> Table:
    """The file ``path``. Raises PresetError, without the file's name, when it cannot be read or is no TOML."""
    try:
        check_file(path)
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))  # some editors put a byte order mark first
    except OSError as error:
        raise PresetError(f"cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise PresetError(f"is not valid TOML: {error}") from error


def read_one(model: type[T], path: Path) -> T:
    """The file ``path`` as one ``model``. Raises PresetError that tells every field that is wrong."""
    try:
        value, wrong = parse(model, read_toml(path))
    except PresetError as error:
        raise PresetError(f"{path.name}: {error}") from error
    if value is None:
        raise PresetError("\n".join([f"{path.name}:", *(f"  {words}" for words in wrong)]))
    return value
