"""Where a LoRA is and how it leaves: a copy for ComfyUI, a folder for a hub, one from which others train the same."""

import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image

from pipelines.domain.presets import Phase, TrainingSettings
from pipelines.domain.records import Card, Character, Decision, ImageRecord, Job, LoraRecord, TrainingRun
from pipelines.domain.requests import TrainItem, TrainRequest
from pipelines.planning import elsewhere
from pipelines.session import NotFound, Session
from pipelines.storage import settings as stored
from pipelines.storage.atomic import file_hash
from pipelines.workflow import lora_folder
from pipelines.workflow.characters import NotAllowed
from studio import __main__ as cli

Put = Callable[..., ImageRecord]
SETTINGS = TrainingSettings(
    rank=8, alpha=4, learning_rate=2e-4, steps=700, batch=2, accumulate=3, resolution=1024, smaller=(768, 512),
    caption_dropout=0.1, lr_scheduler="cosine", ema=0.99, save_every=100, checkpoints_total_limit=3, seed=7,
    face_weight=6, phases=(Phase(name="heads", share=1, focus="head"),),
)  # fmt: skip


@pytest.fixture
def trained(session: Session, ada: Character, put: Put) -> LoraRecord:
    """A LoRA with its training and a card: two cells right, one wrong."""
    source, edit = put("source", label="good"), put("enriched", label="good")
    folder = session.workspace.lora_folder("ada", "character", "v1")
    file = session.workspace.path(f"{folder}/ada_v1.safetensors")
    file.parent.mkdir(parents=True)
    file.write_bytes(b"weights")
    request = TrainRequest(
        target="character", character="ada", name="ada_v1", version="v1", family="mini-flux", revision="1",
        items=(TrainItem(image=source.ref, caption="ohwx_char person, front"),
               TrainItem(image=edit.ref, caption="ohwx_char person, left", origin="enriched", weight=2.0)),
        settings=SETTINGS, trigger="ohwx_char", folder=folder, lineage={"run": "run"},
    )  # fmt: skip
    job = Job(id="job", kind="train", title="Train", request=request.model_dump(mode="json"), state="done")
    lora = LoraRecord(
        id=file_hash(file), name="ada_v1", path=f"{folder}/ada_v1.safetensors", family="flux", rank=8,
        trigger="ohwx_char", origin="trained", character="ada", version="v1", run="run",
    )  # fmt: skip
    run = TrainingRun(
        id="run", character="ada", target="character", version="v1", family="mini-flux", preset="p", state="done",
        lora=lora.id, job="job", images=(source.id, edit.id), settings=SETTINGS.model_dump(mode="json"),
    )  # fmt: skip
    session.store.put(job, lora, run, Card(id="ada/v1", character="ada", version="v1", lora=lora.id, seed=1))
    for cell, label in (("front/neutral", "good"), ("front/sad", "reject"), ("body/sitting", "good")):
        image = put("card", cell=cell)
        session.store.decide(Decision(image=image.id, who="human", action="label", value=label, where="card"))
    return lora


def test_a_lora_is_copied_where_comfyui_looks_and_over_nothing(
    session: Session, trained: LoraRecord, tmp_path: Path
) -> None:
    comfy = tmp_path / "ComfyUI"
    (comfy / "models" / "loras").mkdir(parents=True)
    copy = lora_folder.copy_to(session, trained.id, comfy)
    assert copy == comfy / "models" / "loras" / "ada_v1.safetensors" and file_hash(copy) == trained.id
    assert lora_folder.copy_to(session, trained.id, comfy / "models" / "loras") == copy  # it is there: nothing to do
    copy.write_bytes(b"another")
    with pytest.raises(NotAllowed, match="another file"):
        lora_folder.copy_to(session, trained.id, comfy)
    assert copy.read_bytes() == b"another"
    with pytest.raises(NotFound, match="no folder"):
        lora_folder.copy_to(session, trained.id, tmp_path / "nowhere")
    plain = tmp_path / "plain"
    plain.mkdir()
    assert lora_folder.copy_to(session, trained.id, plain).parent == plain
    stored.save(session.workspace.root, {"shared_folders": str(comfy)})
    session.settings = stored.load(session.workspace.root)
    assert lora_folder.place(session, trained.id).comfy == (comfy / "models" / "loras",)
    session.workspace.path(trained.path).unlink()
    with pytest.raises(NotFound, match="is gone"):
        lora_folder.place(session, trained.id)


def test_a_folder_for_a_hub_tells_trigger_licence_base_and_what_was_measured(
    session: Session, trained: LoraRecord, tmp_path: Path
) -> None:
    made = lora_folder.write_for_hub(session, trained.id, tmp_path / "hub")
    text = (made.folder / "README.md").read_text("utf-8")
    head = yaml.safe_load(text.split("---")[1])
    assert head["instance_prompt"] == "ohwx_char" and head["base_model"] == "mini-flux"
    assert head["license"] == "apache-2.0"
    assert head["pipeline_tag"] == "text-to-image"
    pictures = [w["output"]["url"] for w in head["widget"]]
    assert pictures == ["images/front-neutral.png", "images/body-sitting.png"]  # what was found wrong is not shown
    assert "2 of 23 right at the first try" in text and "| front | 1 of 4 |" in text and "1 source, 1 enriched" in text
    assert (made.folder / "ada_v1.safetensors").read_bytes() == b"weights"
    with Image.open(made.folder / pictures[0]) as image:
        assert image.info == {} and image.size == (48, 48)  # no recipe leaves with it
    with pytest.raises(NotAllowed, match="not empty"):
        lora_folder.write_for_hub(session, trained.id, tmp_path / "hub")


def test_others_train_the_same_and_what_they_cannot_is_named(
    session: Session, trained: LoraRecord, tmp_path: Path
) -> None:
    made = lora_folder.write_for_trainers(session, trained.id, tmp_path / "again")
    config = yaml.safe_load((made.folder / "ai-toolkit.yaml").read_text("utf-8"))
    process = config["config"]["process"][0]
    assert process["network"] == {"type": "lora", "linear": 8, "linear_alpha": 4}
    assert process["train"]["lr"] == 2e-4 and process["train"]["lr_scheduler"] == "cosine"
    assert (process["train"]["steps"], process["train"]["batch_size"]) == (700, 2)
    assert process["train"]["gradient_accumulation"] == 3 and process["train"]["ema_config"]["ema_decay"] == 0.99
    assert process["save"]["max_step_saves_to_keep"] == 3 and process["trigger_word"] == "ohwx_char"
    data = process["datasets"][0]
    assert data["resolution"] == [512, 768, 1024] and data["caption_dropout_rate"] == 0.1
    assert Path(data["folder_path"]) == made.folder / "dataset"
    kohya = tomllib.loads((made.folder / "kohya-config.toml").read_text("utf-8"))
    assert (kohya["network_dim"], kohya["network_alpha"], kohya["max_train_steps"]) == (8, 4, 700)
    assert kohya["network_module"] == "networks.lora_flux" and not kohya["cache_text_encoder_outputs"]
    sets = tomllib.loads((made.folder / "kohya-dataset.toml").read_text("utf-8"))
    assert [d["resolution"] for d in sets["datasets"]] == [1024, 768, 512]
    captions = sorted(f.read_text("utf-8") for f in (made.folder / "dataset").glob("*.txt"))
    assert captions == ["ohwx_char person, front", "ohwx_char person, left"]
    told = (made.folder / "README.txt").read_text("utf-8")
    for words in made.unmapped["ai-toolkit"]:
        assert words in told
    said = " ".join(made.unmapped["kohya sd-scripts"])
    for unmapped in ("weights of pictures", "face's weight", "phases (heads)", "NF4", "moving average", "comes with"):
        assert unmapped in said, unmapped
    assert "moving average" not in " ".join(made.unmapped["ai-toolkit"])


def test_what_is_not_let_through_any_more_does_not_leave(session: Session, trained: LoraRecord, tmp_path: Path) -> None:
    run = session.store.get(TrainingRun, "run")
    assert run
    session.store.decide(Decision(image=run.images[0], who="human", action="label", value="reject"))
    with pytest.raises(NotAllowed, match="may not be learnt from"):
        lora_folder.write_for_trainers(session, trained.id, tmp_path / "again")
    assert not (tmp_path / "again").exists()


@pytest.mark.parametrize(
    ("model", "arch", "kohya"),
    [("flux1-dev", "flux", True), ("qwen-image-edit-2509", "qwen_image_edit_plus", False),
     ("flux2-klein-4b", "flux2_klein_4b", False)],
)  # fmt: skip
def test_each_model_is_called_as_the_trainer_calls_it(session: Session, model: str, arch: str, kohya: bool) -> None:
    family = session.family(model)
    request = TrainRequest(
        target="character", character="ada", name="x", version="v1", family=model, revision="main", items=(),
        settings=TrainingSettings(), folder="x",
    )  # fmt: skip
    made = elsewhere.ai_toolkit(request, family, "/d").files["ai-toolkit.yaml"]["config"]["process"][0]
    assert made["model"] == {"name_or_path": family.weights.hub, "arch": arch, "quantize": True}
    assert (elsewhere.kohya(request, family, "/d") is not None) == kohya


def test_on_the_command_line(
    session: Session, trained: LoraRecord, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def say(*words: str) -> tuple[int, dict[str, Any]]:
        status = cli.main(["--workspace", str(session.workspace.root), "--json", "export", *words])
        return status, json.loads(capsys.readouterr().out)

    status, told = say("lora", "--to", str(tmp_path / "hub"))  # beside the open studio
    assert status == 0 and "README.md" in told["files"]
    status, told = say("retrain", "--version", "v1", "--to", str(tmp_path / "again"))
    assert status == 0 and told["unmapped"]["ai-toolkit"]
    (tmp_path / "loras").mkdir()
    status, told = say("comfyui", "--to", str(tmp_path / "loras"))
    assert status == 0 and Path(told["file"]).is_file()
    for words, why in (
        (("lora", "--version", "v9", "--to", str(tmp_path / "x")), "no character LoRA v9 (v1)"),
        (("lora",), "Say where"),
        (("comfyui",), "Settings know none"),
        (("lora", "--target", "editor", "--to", str(tmp_path / "x")), "none trained yet"),
        (("source", "--version", "v1", "--to", str(tmp_path / "x")), "for a LoRA"),
    ):
        status, told = say(*words)
        assert status != 0 and why in told["error"], words
