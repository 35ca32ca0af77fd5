"""The types that the page's modules are checked with are those of the server's models."""

import json
import re
import runpy
import tempfile
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import BaseModel

import studio
from pipelines.workflow.opening import open_session
from studio.server.own import own
from studio.server.state import Studio

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


def test_no_shape_is_written_by_hand_that_the_server_says() -> None:
    declared = re.compile(r"^export (?:interface|type) (\w+)", re.MULTILINE)
    shapes = declared.findall((tool["TARGET"].parent / "shapes.d.ts").read_text("utf-8"))
    generated = declared.findall(tool["text"]())
    assert {"GradioFrame", "Child"} <= set(shapes) and not set(shapes) & set(generated)


def test_every_route_that_answers_in_json_says_with_what() -> None:
    """A picture, a page and a plain file are answered as they are."""
    with tempfile.TemporaryDirectory() as folder, open_session(Path(folder) / "workspace") as session:
        paths = own(Studio(session)).openapi()["paths"]
    untyped = [
        f"{method} {path}"
        for path, methods in paths.items()
        for method, told in methods.items()
        for status, answer in told["responses"].items()
        for content in answer.get("content", {}).values()
        if status < "300"
        and content.get("schema", {}).get("type") == "object"
        and "$ref" not in json.dumps(content["schema"])
    ]
    assert untyped == []
