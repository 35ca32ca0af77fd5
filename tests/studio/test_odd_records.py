"""One record that nobody can read, in any table and of any kind: every command works all the same, and it is named."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from old_workspaces import OLD, copy_of

from pipelines.domain.records import Job
from pipelines.storage.store import Store
from studio import __main__ as cli

Change = Callable[[dict[str, Any]], Any]
CHANGES: dict[str, Change] = {
    "surprise": lambda d: {**d, "surprise": 1},
    "odd": lambda d: {**d, **{key: ["odd"] for key in d if key != "id"}},
    "not a number": lambda d: {**d, "created": float("nan"), "at": float("nan"), "recorded": float("inf")},
    "words": lambda d: "words",
}
COMMANDS = (
    ["status"],
    ["rebuild"],
    ["review"],
    ["review", "--gate", "card"],
    ["loras"],
    ["train", "--dry-run"],
)


def tables(root: Path) -> dict[str, dict[str, Any]]:
    content = json.loads((root / "flenwheel.json").read_bytes())
    return {name: rows for name, rows in content.items() if rows and name[0] != "_" and name != "migrations"}


@pytest.fixture(scope="module")
def present(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The old workspace, brought up to this version, with nothing left to be done in its queue."""
    root = copy_of(OLD, tmp_path_factory.mktemp("present") / "workspace")
    with Store.open(root) as store:
        store.put(*(job.model_copy(update={"state": "done", "told": True}) for job in store.all(Job)))
    return root


def said(root: Path, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    capsys.readouterr()
    status = cli.main(["--workspace", str(root), "--json", *words])
    out, err = capsys.readouterr()
    return status, out, err


@pytest.mark.parametrize("change", CHANGES)
def test_every_command_works_beside_records_that_nobody_can_read(
    present: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], change: str
) -> None:
    """The last of each table is spoilt. What a command cannot do then is refused in words."""
    root = Path(shutil.copytree(present, tmp_path / "spoilt"))
    content = json.loads((root / "flenwheel.json").read_bytes())
    for table, rows in tables(present).items():
        row = list(rows)[-1]
        content[table][row] = CHANGES[change](content[table][row])
    (root / "flenwheel.json").write_text(json.dumps(content))
    for command in COMMANDS:
        status, out, err = said(root, capsys, *command)
        answer = json.loads(out.splitlines()[-1])
        assert "Traceback" not in err + out and "fault of FLENwheel" not in out, command
        assert status == 0 or (answer["ok"] is False and answer["error"]), command
        assert status == 0 or command != ["status"], out
    with Store.open(root) as store:
        named = {d["table"] for d in store._table("set_aside").documents()}
    assert named, "kept, and named"
