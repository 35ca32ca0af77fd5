"""Whatever a person types or hands in, the command line answers in words, or in JSON where that was asked for: never a
traceback. The commands and their options are read from the parser itself: a new one is tried by being there."""

import argparse
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from PIL import Image

from pipelines.domain.records import ImageRecord
from pipelines.storage import snapshot
from pipelines.storage.store import Store
from pipelines.workflow import characters
from pipelines.workflow.opening import open_session
from studio.__main__ import main
from studio.cli.main import COMMANDS, parser
from studio.cli.outermost import EXIT_CODES

NONSENSE = ("nan", "inf", "-1", "0", "1e9", "9" * 5000, "", "nobody", "👩‍🎨", "/no/such/place", "x=nan", "\udcff")
STATUS = (0, 1, 2)


@cache
def steps() -> dict[str, argparse.ArgumentParser]:
    (choices,) = (a.choices for a in parser()._actions if isinstance(a, argparse._SubParsersAction))
    assert set(choices) == set(COMMANDS)
    return dict(choices)


def valued(step: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """The options of a command that take a value, but for those that all commands have."""
    everywhere = {"--workspace", "--character"}
    for action in step._actions:
        if action.option_strings and action.nargs != 0 and not everywhere & set(action.option_strings):
            yield action


def needed(step: argparse.ArgumentParser, value: str) -> list[str]:
    return [value for a in step._actions if not a.option_strings and a.nargs == "+"]


class Told:
    """What a command has answered."""

    def __init__(self, status: int, out: str, err: str) -> None:
        self.status, self.out, self.err = status, out, err
        assert status in STATUS, (status, out, err)
        assert "Traceback" not in out + err, err
        self.answer = json.loads(out)
        assert self.answer["ok"] == (status == 0)
        assert status == 0 or self.answer.get("error") or self.answer.get("problems") or "models" in self.answer


@pytest.fixture
def tell(capsys: pytest.CaptureFixture[str]):
    def tell(*words: str) -> Told:
        capsys.readouterr()
        status = main([*words, "--json"])
        return Told(status, *capsys.readouterr())

    return tell


@pytest.fixture
def nobody_there(workspace_root: Path) -> Path:
    with open_session(workspace_root) as session:
        characters.create(session, "Ada", may_use=True)
    return workspace_root


def options() -> Iterator[tuple[str, str]]:
    for name, step in steps().items():
        yield from ((name, action.option_strings[0]) for action in valued(step))


@pytest.mark.slow(seconds=1.5)
@pytest.mark.parametrize(("n", "command", "option"), [(n, *both) for n, both in enumerate(options())])
def test_nonsense_for_any_option_is_answered_in_words(
    tell, nobody_there: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, n: int, command: str, option: str
) -> None:
    """A third of the nonsense for each, so that options beside one another get all of it."""
    monkeypatch.chdir(tmp_path)  # "0" is a file's name, too
    needs = needed(steps()[command], str(tmp_path / "missing.png"))
    for value in (*NONSENSE[n % 3 :: 3], str(tmp_path)):
        tell(command, *needs, f"{option}={value}", "--workspace", str(nobody_there))
    with Store.open(nobody_there, read_only=True) as store:
        assert not store.repairs and store.all(ImageRecord) == []


def broken_workspaces(folder: Path) -> dict[str, Path]:
    """Places that no workspace can be in, or none that this FLENwheel can use."""
    file = folder / "a file"
    file.write_text("not a folder")
    future = folder / "future"
    future.mkdir()
    with pytest.MonkeyPatch.context() as later:
        later.setattr(snapshot, "FORMAT", snapshot.FORMAT + 7)
        (future / "flenwheel.json").write_bytes(b"".join(snapshot.encode_snapshot({}, 0)))
    garbage = folder / "garbage"
    garbage.mkdir()
    (garbage / "flenwheel.json").write_bytes(b"\x00\xff" * 99)
    lock = folder / "lock"
    (lock / "flenwheel.lock").mkdir(parents=True)
    journal = folder / "journal"
    (journal / "flenwheel.journal").mkdir(parents=True)
    inside = folder / "inside"
    inside.mkdir()
    (inside / "characters").write_text("not a folder either")
    toml = folder / "toml"
    toml.mkdir()
    (toml / "settings.toml").write_bytes(b"\xff\xfe = [")
    return {
        "file": file, "in a file": file / "below", "future": future, "garbage": garbage, "lock": lock,
        "journal": journal, "inside": inside, "toml": toml, "unwritable": Path("/proc/flenwheel"),
        "long": folder / ("x" * 300), "odd": folder / "\udcff",
    }  # fmt: skip


@pytest.mark.slow(seconds=3)
@pytest.mark.parametrize("command", list(COMMANDS))
def test_a_workspace_that_cannot_be_used_is_named(tell, tmp_path: Path, command: str) -> None:
    picture = tmp_path / "a.png"
    Image.new("RGB", (32, 32), "red").save(picture)
    places = broken_workspaces(tmp_path)
    if command == "doctor":  # each look at the machine takes seconds
        places = {name: places[name] for name in ("file", "future", "unwritable")}
    for name, place in places.items():
        words = [*needed(steps()[command], str(picture)), "--workspace", str(place)]
        told = tell(command, *words)
        if command in ("train", "score", "enrich") and name not in ("odd", "inside"):
            assert told.status == 1, name
    assert (places["file"]).read_text() == "not a folder"


@pytest.mark.parametrize("command", [name for name in COMMANDS if name != "doctor"])
def test_an_unknown_character_and_an_empty_workspace_are_told(tell, workspace_root: Path, command: str) -> None:
    for who in ("zoe", "", "👩‍🎨", "../..", "x" * 5000, "\udcff"):
        tell(
            command, *needed(steps()[command], "/no/such.png"), "--workspace", str(workspace_root), f"--character={who}"
        )


@pytest.mark.parametrize(
    "words",
    [
        ["fly"], ["enrich", "--count", "0"], ["enrich", "--count", "many"], ["--port", "99999"], ["--port", "-1"],
        ["--port", "x"], ["import"], ["review", "--gate", "heaven"], ["enrich", "--no-such-option"],
        ["import", "x.png", "--angle", "left"], ["import", "x.png", "--expression", "cross"],
        ["score", "--calibrate", "--far", "nan"], ["review", "--filter", "--cut", "7"], ["card", "--seed", "1e99"],
        ["train", "--set", "steps"], ["enrich", "--steps", "0"], ["enrich", "--per-source", "-3"],
        ["practice", "--rounds", "0"], ["practice", "--error", "nan"], ["generate", "--strength", "inf"],
    ],
)  # fmt: skip
def test_what_is_no_command_is_answered_in_json_too(tell, nobody_there: Path, words: list[str]) -> None:
    told = tell(*words, "--workspace", str(nobody_there))
    assert told.status in (1, 2) and told.answer["error"]


def test_every_command_and_exit_code_is_in_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--help"])
    assert end.value.code == 0
    told = capsys.readouterr().out
    assert all(name in told for name in COMMANDS)
    assert all(f"\n  {code} " in told for code in EXIT_CODES) and "--debug" in told


@pytest.mark.parametrize("value", ["x=nan", "x=inf", "x=1e9", "x=", "=1", "", "x=--1"])
def test_a_weight_is_a_number_within_bounds(tell, nobody_there: Path, value: str) -> None:
    for command, option in (("enrich", "--lora"), ("generate", "--lora"), ("survey", "--stack")):
        told = tell(command, option, value, "--workspace", str(nobody_there))
        assert told.status in (1, 2) and told.answer["error"]


# ---- in a process of its own: encodings, pipes, signals


def process(*words: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "studio", *words], capture_output=True, env=os.environ | environment, timeout=120
    )


ENCODINGS: list[dict[str, str]] = [
    {"PYTHONIOENCODING": "ascii"},
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    {"PYTHONIOENCODING": "cp1252"},
    {"PYTHONIOENCODING": "utf-8"},
]


@pytest.mark.parametrize(
    "encoding", [*ENCODINGS[:1], *(pytest.param(e, marks=pytest.mark.slow) for e in ENCODINGS[1:])]
)
def test_output_never_dies_of_an_encoding(tmp_path: Path, encoding: dict[str, str]) -> None:
    root = tmp_path / "w"
    names = ["Zoë 日本 👩‍🎨.png", os.fsdecode(b"caf\xe9.png")]
    with open_session(root) as session:
        characters.create(session, "Zoë 日本", may_use=True)
    for json_too in (["--json"], []):
        ended = process("import", *(str(tmp_path / n) for n in names), "--workspace", str(root), *json_too, **encoding)
        assert ended.returncode == 1 and b"Traceback" not in ended.stderr
        if json_too:
            assert "no file" in json.loads(ended.stdout)["error"]
    ended = process("status", "--workspace", str(root), "--json", **encoding)
    assert ended.returncode == 0 and json.loads(ended.stdout)["characters"]
    assert process("status", "--workspace", str(root), **encoding).returncode == 0


@pytest.mark.slow(seconds=3)
def test_a_reader_that_goes_and_a_full_disk_end_quietly(nobody_there: Path) -> None:
    words = [sys.executable, "-m", "studio", "presets", "--workspace", str(nobody_there)]
    for extra in ([], ["--json"], ["--help"]):
        with subprocess.Popen([*words, *extra], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
            assert running.stdout and running.stderr
            running.stdout.close()
            told = running.stderr.read().decode()
        assert running.returncode in (0, 1) and "Traceback" not in told and "Exception ignored" not in told
        with Path("/dev/full").open("wb") as full:
            ended = subprocess.run([*words, *extra], stdout=full, stderr=subprocess.PIPE, timeout=120)
        assert b"Traceback" not in ended.stderr and b"Exception ignored" not in ended.stderr
        if extra != ["--help"]:  # argparse itself says nothing of it
            assert ended.returncode == 1 and b"space" in ended.stderr


@pytest.mark.slow(seconds=3)
def test_ctrl_c_is_told_and_has_its_exit_code(tmp_path: Path) -> None:
    """The studio itself, while it serves."""
    words = [
        sys.executable,
        "-m",
        "studio",
        "--workspace",
        str(tmp_path / "w"),
        "--no-browser",
        "--port",
        str(free_port()),
    ]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stdout and running.stderr
        assert "open at" in running.stdout.readline()
        running.send_signal(signal.SIGINT)
        try:
            _, told = running.communicate(timeout=120)
        finally:
            running.kill()  # or leaving this block would wait for it for ever
        assert running.returncode in (0, 130) and "Traceback" not in told


def free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_a_fault_of_ours_is_told_in_one_line_and_debug_shows_where(
    nobody_there: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A link that leads in a circle, where a folder of presets should be: nobody thought of that."""
    presets = nobody_there / "presets"
    presets.symlink_to(presets)
    for debug in ([], ["--debug"]):
        status = main(["presets", "--init", "--workspace", str(nobody_there), *debug])
        told = capsys.readouterr()
        assert status == 1 and told.err.strip()
        assert ("Traceback" in told.err) == bool(debug)
