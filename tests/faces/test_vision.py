"""Vision models of one's own as the judge of looks: DINOv2 and CLIP in their real layout, tiny and random."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps
from skimage import data
from transformers import (
    BitImageProcessor,
    CLIPConfig,
    CLIPImageProcessor,
    CLIPModel,
    CLIPVisionConfig,
    CLIPVisionModel,
    Dinov2Config,
    Dinov2Model,
    ResNetConfig,
    ResNetModel,
)

from pipelines.faces import recogniser
from pipelines.faces.base import RecogniserMissing
from pipelines.faces.vision import Vision
from pipelines.storage.presets import load_presets

SMALL = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 28, "patch_size": 14}


def save(folder: Path, kind: str) -> Path:
    """A folder as the published ones are."""
    torch.manual_seed(0)
    seen = {"size": {"shortest_edge": 28}, "crop_size": {"height": 28, "width": 28}}
    clip = {**SMALL, "intermediate_size": 32}
    if kind == "dinov2":
        model, processor = Dinov2Model(Dinov2Config(**SMALL)), BitImageProcessor(**seen)
    elif kind == "clip":
        text = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
        sizes = {"vision_config": {**clip, "projection_dim": 8}, "text_config": {**text, "vocab_size": 50}}
        config = CLIPConfig(**sizes, projection_dim=8)
        model, processor = CLIPModel(config), CLIPImageProcessor(**seen)
    else:
        model, processor = CLIPVisionModel(CLIPVisionConfig(**clip)), CLIPImageProcessor(**seen)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


@pytest.mark.parametrize(("kind", "wide"), [("dinov2", 16), ("clip", 8), ("clip_vision_model", 16)])
def test_a_picture_and_its_mirror_image_look_alike(tmp_path: Path, kind: str, wide: int) -> None:
    who = Vision(save(tmp_path, kind), name="look", title="")
    assert who.ready() == "" and len(who.model_hash) == 16
    cat, cup = (Image.fromarray(image) for image in (data.chelsea(), data.coffee()))
    own, mirrored, other = (who.faces(i)[0].embedding for i in (cat, ImageOps.mirror(cat), cup))
    assert own.shape == (wide,) and np.linalg.norm(own) == pytest.approx(1, abs=1e-5)
    assert own @ mirrored > 0.9999 > own @ other


def test_what_is_lacking_or_is_something_else_is_told(tmp_path: Path) -> None:
    assert "config.json" in Vision(tmp_path, name="look", title="").ready()
    pickled = save(tmp_path / "pickled", "dinov2")
    (pickled / "model.safetensors").rename(pickled / "pytorch_model.bin")
    assert ".safetensors" in Vision(pickled, name="look", title="").ready()
    other = tmp_path / "other"
    ResNetModel(ResNetConfig(embedding_size=8, hidden_sizes=[8], depths=[1])).save_pretrained(other)
    BitImageProcessor().save_pretrained(other)
    with pytest.raises(RecogniserMissing, match="'resnet'; known are dinov2"):
        Vision(other, name="look", title="").load()
    broken = save(tmp_path / "broken", "dinov2")
    (broken / "model.safetensors").write_bytes(b"no")
    with pytest.raises(RecogniserMissing, match="cannot be loaded"):
        Vision(broken, name="look", title="").load()


def test_a_preset_of_ones_own_takes_the_place_of_the_look(tmp_path: Path) -> None:
    folder = save(tmp_path / "dinov2-small", "dinov2")
    (tmp_path / "presets" / "faces").mkdir(parents=True)
    words = f'name = "look"\nkind = "vision"\nfolder = {json.dumps(str(folder))}\n'
    (tmp_path / "presets" / "faces" / "look.toml").write_text(words)
    presets = load_presets(tmp_path)
    assert presets.problems == ()
    who = recogniser("look", SimpleNamespace(insightface_root="", facenet_weights=""), presets.faces)
    assert isinstance(who, Vision) and who.ready() == "" and not who.finds_faces
