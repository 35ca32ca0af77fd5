"""What surrounds the code keeps step with it: one version, the same checks before a commit and in CI."""

import re
import subprocess
import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from studio.cli.main import main

ROOT = Path(__file__).parent.parent
HEADING = re.compile(r"^## \[(?P<version>[^\]]+)\](?: - (?P<day>\S+))?$", re.MULTILINE)


def read(path: str) -> Any:
    return yaml.safe_load((ROOT / path).read_text("utf-8"))


@pytest.fixture(scope="module")
def version() -> str:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]


@pytest.fixture(scope="module")
def headings() -> list[tuple[str, str]]:
    return [(m["version"], m["day"] or "") for m in HEADING.finditer((ROOT / "CHANGELOG.md").read_text("utf-8"))]


def test_the_changelog_tells_of_this_version_and_of_what_comes(version: str, headings: list[tuple[str, str]]) -> None:
    assert headings[0] == ("Unreleased", "")
    assert headings[1][0] == version
    released = [tuple(map(int, name.split("."))) for name, _ in headings[1:]]
    assert released == sorted(set(released), reverse=True)
    days = [date.fromisoformat(day) for _, day in headings[1:]]
    assert days == sorted(days, reverse=True)


def test_every_tag_of_a_version_is_told_of(headings: list[tuple[str, str]]) -> None:
    """A clone without tags has nothing to compare; CI compares the tag that it is run for."""
    told = subprocess.run(["git", "tag", "--list", "v*"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert set(told.stdout.split()) <= {f"v{name}" for name, _ in headings[1:]}
    steps = read(".github/workflows/ci.yml")["jobs"]["ci"]["steps"]
    check = next(s["run"] for s in steps if s.get("if") == "github.ref_type == 'tag'")
    for tag, same in ((f"v{headings[1][0]}", True), ("v9.9.9", False)):
        done = subprocess.run(["bash", "-c", check], cwd=ROOT, env={"GITHUB_REF_NAME": tag, "PATH": "/usr/bin:/bin"})
        assert (done.returncode == 0) is same


def test_the_command_line_says_the_same_version(version: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out == f"flenwheel {version}\n"


def test_hooks_run_what_ci_runs_and_fetch_nothing() -> None:
    lines = {line.strip() for line in (ROOT / ".ci" / "run").read_text("utf-8").splitlines()}
    repos = read(".pre-commit-config.yaml")["repos"]
    assert [repo["repo"] for repo in repos] == ["local"]
    hooks = repos[0]["hooks"]
    assert {hook["language"] for hook in hooks} == {"system"}
    assert {hook["entry"] for hook in hooks} <= lines
    assert {"lint", "format", "types", "walls"} <= {hook["id"] for hook in hooks}


def test_ci_runs_every_python_that_the_package_takes() -> None:
    job = read(".github/workflows/ci.yml")["jobs"]["ci"]
    supported = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["requires-python"]
    low, high = (int(part) for part in re.findall(r"3\.(\d+)", supported))
    assert job["strategy"]["matrix"]["python"] == [f"3.{minor}" for minor in range(low, high)]
    assert job["steps"][-1]["run"] == "bash .ci/run"
    assert job["env"]["UV_PYTHON"] == "${{ matrix.python }}"
    used = {step["uses"].split("@")[0] for step in job["steps"] if "uses" in step}
    assert used == {"actions/checkout", "actions/setup-python"}


def test_templates_of_the_host_can_be_read() -> None:
    for path in (ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"):
        form = read(f".github/ISSUE_TEMPLATE/{path.name}")
        if path.name != "config.yml":
            assert {"name", "description", "body"} <= form.keys()
            ids = [part["id"] for part in form["body"] if "id" in part]
            assert len(ids) == len(set(ids)) > 0


def test_the_files_that_security_names_are_there() -> None:
    named = re.findall(r"`((?:studio|pipelines|tests)/[\w/]+\.py)`", (ROOT / "SECURITY.md").read_text("utf-8"))
    assert len(named) >= 6
    assert [path for path in named if not (ROOT / path).is_file()] == []
