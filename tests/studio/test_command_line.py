"""The command line without a browser: answers in JSON, refusals in words, nothing but steps underneath."""

import codecs
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
import pytest
from own_presets import own_flux
from PIL import Image, ImageOps
from studio_helpers import damaged_workspace

from pipelines.domain.records import Decision, ImageRecord, Job
from pipelines.domain.requests import TrainItem, TrainRequest
from pipelines.domain.shots import Purpose, Shot
from pipelines.storage import settings
from pipelines.storage.pictures import save_picture
from pipelines.storage.presets import shipped
from pipelines.storage.store import Store
from pipelines.workflow import training
from pipelines.workflow.opening import open_session
from studio.__main__ import main
from studio.cli import doctor
from studio.cli.main import COMMANDS


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for n in range(3):
        noise = np.random.default_rng(n).integers(0, 255, (64, 64, 3), dtype=np.uint8)
        Image.fromarray(noise).save(folder / f"{n}.png")
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture")
    return folder


def test_every_command_of_the_readme_is_there() -> None:
    named = {
        "import",
        "survey",
        "enrich",
        "review",
        "train",
        "generate",
        "score",
        "card",
        "status",
        "rebuild",
        "doctor",
    }
    assert named <= set(COMMANDS)


def test_import_takes_in_what_it_can_and_names_what_it_cannot(run: Any, pictures: Path) -> None:
    status, told = run("import", str(pictures), "--new", "Ada", "--may-use", "--angle", "front")
    assert status == 0
    assert (told["character"], len(told["admitted"])) == ("ada", 3)
    (refused,) = told["refused"]
    assert refused["file"] == "broken.jpg" and refused["reason"].startswith("broken.jpg: ")
    status, told = run("status")
    assert [s["count"] for s in told["rail"]["steps"] if s["key"] == "sources"] == [3]
    assert told["rail"]["next"]["tab"] == "enrich"


def test_a_character_needs_leave_to_use_its_pictures(run: Any, pictures: Path) -> None:
    status, told = run("import", str(pictures), "--new", "Ada")
    assert status == 1 and not told["ok"] and "may use" in told["error"]


def test_nobody_is_made_of_what_is_no_picture(run: Any, tmp_path: Path) -> None:
    """A refusal leaves no character behind, and what was asked for it is not passed over."""
    (tmp_path / "notes.jpg").write_text("not a picture")
    (tmp_path / "empty.safetensors").write_bytes(b"")
    for files in (["notes.jpg"], ["empty.safetensors"], ["notes.jpg", "empty.safetensors"]):
        status, told = run("import", *(str(tmp_path / f) for f in files), "--new", "Ada", "--may-use")
        assert status == 1 and told["error"], files
    status, told = run("status")
    assert status == 0 and not told["characters"], told


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["enrich", "--edit", "angle/upside-down"], "angle/upside-down"),
        (["enrich", "--lora", "nobody=1.0"], "no LoRA 'nobody'"),
        (["generate"], "has no LoRA"),
        (["review", "--label", "good"], "Say which pictures"),
        (["review", "--label", "good", "ffff"], "names 0 pictures"),
        (["train", "--set", "rank=0"], "rank"),
        (["card", "--show", "v7"], "no card v7"),
        (["status", "--character", "zoe"], "no character 'zoe'"),
    ],
)
def test_what_cannot_be_done_is_told_in_words(run: Any, pictures: Path, words: list[str], why: str) -> None:
    run("import", str(pictures), "--new", "Ada", "--may-use")
    status, told = run(*words)
    assert status == 1 and why in told["error"]


def test_decisions_and_a_rebuild_from_files_alone(run: Any, pictures: Path, workspace_root: Path) -> None:
    _, told = run("import", str(pictures), "--new", "Ada", "--may-use")
    status, _ = run("review", "--label", "reject", told["admitted"][0][:12], "--reason", "not her")
    assert status == 0
    with Store.open(workspace_root) as store:
        assert store.verdict(told["admitted"][0]).reason == "not her"
    for file in workspace_root.glob("flenwheel*"):
        if file.is_file():
            file.unlink()
    status, report = run("rebuild")
    assert status == 0 and sorted(report["restored"]) == sorted(told["admitted"])
    with Store.open(workspace_root, read_only=True) as store:
        assert {i.id for i in store.all(ImageRecord)} == set(told["admitted"])


def test_without_names_the_best_become_pristine(run: Any, pictures: Path, workspace_root: Path) -> None:
    run("import", str(pictures), "--new", "Ada", "--may-use")
    status, told = run("review", "--pristine")
    assert status == 1
    assert "none is left" in told["error"]
    with open_session(workspace_root) as session:
        source = session.store.all(ImageRecord)[0]
        made = source.model_copy(update={"id": "a" * 64, "kind": "synthetic", "version": "v1"})
        session.store.put(made)
        session.store.decide(Decision(image=made.id, who="human", action="label", value="good"))
    status, told = run("review", "--pristine")
    assert (status, told["dataset"]["id"], told["dataset"]["images"]) == (0, "ada/pristine/v1", [made.id])


def test_a_workspace_in_use_is_refused_in_words_but_may_be_read(run: Any, pictures: Path, workspace_root: Path) -> None:
    run("import", str(pictures), "--new", "Ada", "--may-use")
    with Store.open(workspace_root):
        status, told = run("enrich")
        assert status == 1 and "is open in process" in told["error"]
        status, told = run("status")
        assert status == 0 and told["character"] == "ada"


def test_what_waits_for_a_turn_is_asked_again_by_the_command_line(
    run: Any, pictures: Path, workspace_root: Path
) -> None:
    _, told = run("import", str(pictures), "--new", "Ada", "--may-use")
    with Store.open(workspace_root) as store:
        first = store.get(ImageRecord, told["admitted"][0])
        assert first
        items = (TrainItem(image=first.ref, caption="ada"),)
        request = TrainRequest(
            target="character", character="ada", name="ada_v1", version="v1", family="mini-flux", revision="1",
            items=items, settings=shipped().trainings["character-practice"].settings, folder="characters/ada/models/x",
        )  # fmt: skip
        waiting = Job(id="1" * 16, kind="train", title="Train", request=request.model_dump(mode="json"))
        store.put(waiting)
        store.decide(Decision(image=first.id, who="human", action="label", value="reject", where="source"))
    assert run("train", "--dry-run")[0] == 0  # whoever opens the workspace goes on with what waits
    with open_session(workspace_root) as session:
        ended = session.jobs.wait(waiting.id, 60)
        assert ended.state == "failed" and first.id[:8] in ended.error and "new training" in ended.error
    assert not (workspace_root / "logs" / "worker.log").exists()


def test_a_training_on_what_nobody_decided_on_is_refused_in_words(run: Any, pictures: Path) -> None:
    _, told = run("import", str(pictures), "--new", "Ada", "--may-use")
    cleared = told["admitted"][1]
    assert run("review", "--label", "clear", cleared[:12])[0] == 0
    status, told = run("train")
    assert status == 1 and f"{cleared[:8]} (1.png) waits for review" in told["error"]


def edits(root: Path, count: int) -> list[str]:
    """Ids of pictures that were edited from one source."""
    with open_session(root) as session:
        (source, *_) = session.store.all(ImageRecord, kind="source")
        made = []
        for n in range(count):
            shot = Shot(family="mini-qwen-edit", revision="1", prompt="turn", sources=(source.ref,), seed=n, steps=1,
                        guidance=1, width=16, height=16, purpose=Purpose(step="enrich", cell="turn"))  # fmt: skip
            pixels = Image.fromarray(np.full((16, 16, 3), n, dtype=np.uint8))
            made.append(
                save_picture(session.workspace, pixels, character="ada", kind="enriched", version="v1", shot=shot)
            )
        session.store.put(*made)
        return [image.id for image in made]


def test_a_picture_is_corrected_with_a_better_try_or_with_a_file(
    run: Any, pictures: Path, workspace_root: Path
) -> None:
    run("import", str(pictures), "--new", "Ada", "--may-use")
    wrong, better = edits(workspace_root, 2)
    status, told = run("review", "--correct", wrong[:16], "--with", better[:16], "--reason", "the ear")
    assert status == 0 and told["correction"]["target"]["id"] == better
    assert told["correction"]["what_was_wrong"] == "the ear"
    corrected = workspace_root.parent / "corrected.png"
    ImageOps.invert(Image.open(pictures / "0.png").convert("RGB")).save(corrected)
    status, told = run("review", "--correct", wrong[:16], "--with", str(corrected))
    assert status == 0 and told["correction"]["target"]["id"] not in (wrong, better)
    status, told = run("review", "--correct", wrong[:16], "--with", wrong[:16])
    assert status == 1 and "correct itself" in told["error"]
    status, told = run("review", "--correct", wrong[:16])
    assert status == 1 and "--with" in told["error"]
    _, told = run("train", "--target", "editor", "--dry-run")
    assert told["pictures"] == {"correction": 2}


@pytest.mark.slow
def test_what_was_repaired_is_told_by_the_command_that_finds_it(
    workspace_root: Path, capsys: pytest.CaptureFixture[str], run: Any
) -> None:
    damaged_workspace(workspace_root)
    status, told = run("status")
    assert status == 0 and "line 2" in told["repairs"][0]
    assert "line 2" in doctor.examine(workspace_root)["records"][0]
    main(["status", "--workspace", str(workspace_root)])
    assert "The records were repaired: line 2" in capsys.readouterr().err
    (workspace_root / "flenwheel.json").write_bytes(b"{")
    for file in (workspace_root / "flenwheel.json.bak", *workspace_root.glob("flenwheel.journal*")):
        file.unlink(missing_ok=True)
    assert "cannot be read" in doctor.examine(workspace_root)["records"][0]


@pytest.mark.slow
def test_presets_of_ones_own_are_begun_listed_and_their_errors_told(run: Any, workspace_root: Path) -> None:
    status, told = run("presets")
    assert status == 0 and not told["there"] and told["folder"] == str(workspace_root / "presets")
    status, told = run("presets", "--init")
    assert status == 0 and told["there"] and "training/example.toml" in told["written"] and told["problems"] == []
    own_flux(workspace_root)
    (workspace_root / "presets" / "loras.toml").write_text('[[lora]]\nname = "x"')
    status, told = run("presets")
    assert status == 1 and "loras.toml: lora x: kind: is missing" in told["problems"]
    assert {k["title"]: k["own"] for k in told["kinds"]}["Models"] == ["mine"]
    for command in ("status", "doctor"):
        _, answer = run(command)
        assert "loras.toml: lora x: kind: is missing" in answer["presets"]
    assert answer["models"]["mine"]["found"]


@pytest.mark.slow
def test_doctor_says_who_tells_faces_on_a_fresh_machine(workspace_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(workspace_root / "nobody"))
    report = doctor.examine(workspace_root)
    assert report["judges"]["flux1-dev"] == "sface" and report["faces"]["sface"]["ready"]
    (line,) = [line for line in doctor.words(report).splitlines() if "flux1-dev" in line and "faces" in line]
    assert line.endswith("are judged by sface (YuNet and SFace, which come with FLENwheel): ready")


@pytest.mark.slow
def test_doctor_says_so_when_the_chosen_model_is_gone(workspace_root: Path) -> None:
    file = own_flux(workspace_root)
    settings.save(workspace_root, {"generator": "mine"})
    assert doctor.examine(workspace_root)["ok"]
    file.unlink()
    assert not doctor.examine(workspace_root)["ok"]


def test_a_failure_mode_is_noted_by_name_or_letter_and_taken_back(
    run: Any, pictures: Path, workspace_root: Path
) -> None:
    _, told = run("import", str(pictures), "--new", "Ada", "--may-use")
    (workspace_root / "presets").mkdir()
    (workspace_root / "presets" / "failures.toml").write_text('[[failure]]\nname = "ears"\nkey = "r"')
    first = told["admitted"][0]
    status, told = run("review", "--failure", "r", first[:12])
    assert (status, told["failures"]) == (0, {first: ["ears"]})
    assert run("review", "--failure", "hands", first[:12])[1]["failures"] == {first: ["ears", "hands"]}
    assert run("review", "--failure", "ears", first[:12])[1]["failures"] == {first: ["hands"]}
    status, told = run("review", "--failure", "beard", first[:12])
    assert status == 1 and "'beard'" in told["error"] and "r ears" in told["error"]


def test_a_folder_of_everything_comes_in_or_is_named(run: Any, tmp_path: Path, workspace_root: Path) -> None:
    folder = tmp_path / "camera roll"
    (folder / "more").mkdir(parents=True)
    noise = np.random.default_rng(0).integers(0, 255, (6, 64, 64, 3), dtype=np.uint8)
    pictures = [Image.fromarray(pixels) for pixels in noise]
    pictures[0].save(folder / "a.JPG", "JPEG")
    pictures[1].save(folder / "b.jfif", "JPEG")
    pictures[2].save(folder / "c.AVIF", "AVIF")
    pillow_heif.from_pillow(pictures[3]).save(folder / "d.HEIC")
    pictures[4].save(folder / "more" / "मीरा.tiff")
    (folder / "a.txt").write_bytes(codecs.BOM_UTF8 + b"ana in a red dress")
    (folder / "more" / "metadata.jsonl").write_text(json.dumps({"file_name": "मीरा.tiff", "text": "a banana"}))
    (folder / "e.jxl").write_bytes(b"\xff\x0a" + b"\1" * 50)
    (folder / "notes.docx").write_bytes(b"PK\3\4 words")
    (folder / ".DS_Store").write_bytes(b"hidden")
    gone = tmp_path / "gone.png"
    status, told = run("import", str(folder), str(gone), "--new", "Ana", "--token", "ana", "--may-use")
    assert status == 0 and len(told["admitted"]) == 5 and told["captions"] == 2 and told["folders"] == ["more"]
    refused = {one["file"]: one["reason"] for one in told["refused"]}
    assert set(refused) == {"gone.png", "e.jxl", "notes.docx"} and "JPEG XL" in refused["e.jxl"]
    with open_session(workspace_root) as session:
        known = {i.intake.filename: i for i in session.store.all(ImageRecord) if i.intake}
        assert known["a.JPG"].caption == "ana in a red dress" and known["d.HEIC"].caption == "ana person"
        assert training.caption(session, known["a.JPG"]) == "ana in a red dress"
        assert training.caption(session, known["मीरा.tiff"]) == "ana person, a banana"
    status, told = run("import", str(gone), "--new", "Nobody", "--may-use")
    assert status == 1 and "no file" in told["error"]
    assert run("status")[1]["characters"] == ["ana"], "nobody is made for nothing"


def test_ana_and_ana_are_two(run: Any, pictures: Path) -> None:
    for name in ("Ana", "ana", "CON", "मीरा", "👩‍🎨"):
        assert run("import", str(pictures), "--new", name, "--may-use")[0] == 0
    _, told = run("status")
    assert told["characters"] == ["ana", "ana-2", "con_", "character", "character-2"]
    assert run("status", "--character", "Ana")[1]["character"] == "ana"
    assert run("status", "--character", "ana-2")[1]["character"] == "ana-2"
    status, told = run("status", "--character", "ana")
    assert status == 1 and "Ana" in told["error"] and "ana-2" in told["error"]
    assert run("status", "--character", "मीरा")[1]["character"] == "character"


@pytest.mark.parametrize("token", ["a b", "<x>", "", "x" * 60, "-"])
def test_a_token_that_is_none_is_refused_and_nobody_is_made(run: Any, pictures: Path, token: str) -> None:
    status, told = run("import", str(pictures), "--new", "Ada", "--may-use", f"--token={token}")
    assert status == 1 and "token" in told["error"] and run("status")[1]["characters"] == []


LOADED = """
import sys
from studio.__main__ import main
try:
    main({words!r})
except SystemExit:
    pass
print(*sorted(name for name in sys.modules if name.endswith('ImagePlugin') or '.' not in name), file=sys.stderr)
"""


@pytest.mark.parametrize("words", [["status"], ["presets"], ["review"], ["--version"], ["train", "--help"]])
def test_what_only_reads_loads_neither_numpy_nor_picture_formats_nor_a_library_of_models(
    run: Any, pictures: Path, workspace_root: Path, words: list[str]
) -> None:
    run("import", str(pictures), "--new", "Ada", "--may-use")
    script = LOADED.format(words=[*words, "--workspace", str(workspace_root)])
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = set(done.stderr.split("\n")[-2].split())
    heavy = {"numpy", "torch", "gradio", "fastapi", "starlette", "diffusers", "transformers", "onnxruntime", "cv2"}
    assert "studio" in loaded and "pipelines" in loaded
    assert not heavy & loaded and not [name for name in loaded if name.endswith("ImagePlugin")]
