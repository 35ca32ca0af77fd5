"""Writes ``studio/web/types.d.ts``: the pydantic models that cross between server and page, as TypeScript.

    uv run python tools/web_types.py            write the file
    uv run python tools/web_types.py --check    exit 1 when it is not up to date (a test does the same)

Every model that a route of the studio takes or answers with is found by itself, through the application's OpenAPI
schema.
"""

import argparse
import json
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from pipelines.workflow.opening import open_session  # noqa: E402
from studio.server.own import own  # noqa: E402
from studio.server.state import Studio  # noqa: E402

TARGET = ROOT / "studio" / "web" / "types.d.ts"
HEAD = """/**
 * Written by tools/web_types.py from the server's models: change those and run it again.
 */
"""
SCALARS = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}
REFERENCE = "#/components/schemas/"
Schema = dict[str, Any]


def schemas() -> dict[str, Schema]:
    """The JSON schema of each model, by its name. A model in an answer has all its fields, defaults too."""
    with tempfile.TemporaryDirectory() as folder, open_session(Path(folder) / "workspace") as session:
        told = own(Studio(session)).openapi()
    found = told.get("components", {}).get("schemas", {})
    answers = [method.get("responses", {}) for path in told["paths"].values() for method in path.values()]
    for name in _reached(answers, found):
        found[name] = found[name] | {"required": list(found[name].get("properties", {}))}
    forms = ("Body_", "HTTPValidationError", "ValidationError")  # FastAPI's own
    return {name: found[name] for name in sorted(found) if not name.startswith(forms)}


def _reached(part: Any, found: dict[str, Schema]) -> set[str]:
    """Names of the schemas that a part of the OpenAPI document refers to, and that these refer to."""
    waiting = re.findall(rf'"{REFERENCE}([^"]+)"', json.dumps(part))
    names: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in names:
            names.add(name)
            waiting += re.findall(rf'"{REFERENCE}([^"]+)"', json.dumps(found[name]))
    return names


def type_of(schema: Schema) -> str:
    """A JSON schema as a TypeScript type. Raises ValueError for a kind of schema that is not known here."""
    if "$ref" in schema:
        return schema["$ref"].removeprefix(REFERENCE).replace("-", "")
    if "const" in schema:
        return json.dumps(schema["const"])
    if "enum" in schema:
        return " | ".join(json.dumps(value) for value in schema["enum"])
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return " | ".join(dict.fromkeys(type_of(one) for one in schema[several]))
    kind = schema.get("type")
    if kind == "array":
        return _array(schema)
    if kind == "object":
        return _object(schema)
    if kind in SCALARS:
        return SCALARS[kind]
    if kind is None:
        return "unknown"
    raise ValueError(f"No TypeScript type is known for {schema}.")


def _array(schema: Schema) -> str:
    if "prefixItems" in schema:
        return f"[{', '.join(type_of(item) for item in schema['prefixItems'])}]"
    item = type_of(schema.get("items", {}))
    return f"({item})[]" if " | " in item else f"{item}[]"


def _object(schema: Schema) -> str:
    if "properties" in schema:
        return "{ " + " ".join(f"{line};" for line in _fields(schema)) + " }"
    values = schema.get("additionalProperties", {})
    return f"Record<string, {type_of(values) if isinstance(values, dict) else 'unknown'}>"


def _fields(schema: Schema) -> Iterator[str]:
    required = set(schema.get("required", ()))
    for name, field in schema["properties"].items():
        yield f"{name}{'' if name in required else '?'}: {type_of(field)}"


def interface(name: str, schema: Schema) -> str:
    """One model as an exported interface, under the first line of its docstring."""
    about = schema.get("description", "").split("\n")[0]
    lines = [f"/** {about} */"] if about else []
    name = name.replace("-", "")
    if schema.get("type") != "object" or "properties" not in schema:
        return "\n".join([*lines, f"export type {name} = {type_of(schema)};"])
    return "\n".join([*lines, f"export interface {name} {{", *(f"  {line};" for line in _fields(schema)), "}"])


def text() -> str:
    """The whole file."""
    return "\n".join([HEAD, "\n\n".join(interface(name, schema) for name, schema in schemas().items()), ""])


def main() -> int:
    """Write or check; returns the exit status."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--check", action="store_true", help="only say whether the file is up to date")
    wanted = text()
    if not asked.parse_args().check:
        TARGET.write_text(wanted, "utf-8")
        return 0
    if TARGET.read_text("utf-8") == wanted:
        return 0
    print(f"{TARGET.relative_to(ROOT)} is not what the models say: run tools/web_types.py and commit it.")
    return 1


if __name__ == "__main__":
    sys.exit(main())
