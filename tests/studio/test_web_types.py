"""The types that the page's modules are checked with are those of the server's models."""

import runpy
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import BaseModel

import studio

ROOT = Path(studio.__file__).parent.parent
tool = runpy.run_path(str(ROOT / "tools" / "web_types.py"))


class Inner(BaseModel):
    """Something inside."""

    way: Literal["in", "out"]


class Outer(BaseModel):
    """Everything a model may hold.

    And more.
    """

    name: str
    size: int | None = None
    parts: tuple[Inner, ...] = ()
    pair: tuple[str, float] = ("", 0.0)
    choices: list[Literal[1, 2]] = []
    counts: dict[str, int] = {}
    anything: Any = None


def test_the_committed_file_is_what_the_models_say() -> None:
    assert tool["TARGET"].read_text("utf-8") == tool["text"]()


def test_a_model_becomes_an_interface() -> None:
    schema = Outer.model_json_schema(ref_template=tool["REFERENCE"] + "{model}")
    assert tool["interface"]("Outer", schema).splitlines() == [
        "/** Everything a model may hold. */",
        "export interface Outer {",
        "  name: string;",
        "  size?: number | null;",
        "  parts?: Inner[];",
        "  pair?: [string, number];",
        "  choices?: (1 | 2)[];",
        "  counts?: Record<string, number>;",
        "  anything?: unknown;",
        "}",
    ]
    assert tool["interface"]("Inner", schema["$defs"]["Inner"]).splitlines()[-2] == '  way: "in" | "out";'


def test_an_unknown_kind_of_schema_is_refused() -> None:
    with pytest.raises(ValueError, match="No TypeScript type"):
        tool["type_of"]({"type": "file"})


def test_models_in_answers_have_all_their_fields() -> None:
    known = tool["schemas"]()
    assert set(known["Facts"]["required"]) == set(known["Facts"]["properties"])
    assert "created" in known["Character"]["required"]
    assert "token" not in known["NewCharacter"].get("required", [])
