"""The text encoder of Qwen-Image-Edit alone, with its head: found, told of when it lacks, loaded, and asked."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from bitsandbytes.nn import Linear4bit
from PIL import Image
from skimage import data
from tiny_qwen_vl import write

from pipelines.domain.cancelled import Cancelled
from pipelines.domain.reading import ReaderPreset
from pipelines.engine import lone_part
from pipelines.engine.lone_part import LonePart
from pipelines.engine.memory import WillNotFit
from pipelines.engine.resident import Resident
from pipelines.readers.base import Needs, ReaderMissing
from pipelines.readers.qwen_vl import QwenVL, opened, sized
from pipelines.storage.presets import shipped
from pipelines.storage.settings import Settings
from pipelines.storage.workspace import Workspace

ASTRONAUT, CAT = Image.fromarray(data.astronaut()), Image.fromarray(data.chelsea())
ANSWERS = ["front view", "half-left view", "from behind"]


@pytest.fixture
def preset() -> ReaderPreset:
    """The published reader, seeing small."""
    return shipped().readers["qwen2.5-vl"].model_copy(update={"least_px": 56, "most_px": 112, "caption_tokens": 12})


@pytest.fixture
def needs(tmp_path: Path) -> Needs:
    workspace = Workspace(tmp_path / "workspace")
    workspace.create()
    settings = Settings(device="cpu", cache_dir=tmp_path / "cache")
    return Needs(shipped(), workspace, settings, Resident(workspace, settings))


@pytest.fixture
def folder(needs: Needs) -> Path:
    """Where a user puts what was downloaded of Qwen-Image-Edit: here its text encoder and processor alone."""
    return write(needs.workspace.path("models/qwen-image-edit-2509-main"))


def find(preset: ReaderPreset, needs: Needs) -> LonePart | str:
    return lone_part.find(preset, needs.presets, needs.workspace, needs.settings)


def test_the_part_is_found_and_loaded_alone_in_nf4_with_its_head(
    preset: ReaderPreset, needs: Needs, folder: Path
) -> None:
    found = find(preset, needs)
    assert isinstance(found, LonePart)
    assert found.weights == folder / "text_encoder"
    with needs.resident.use_part(found) as alone:
        layers = [name for name, m in alone.model.named_modules() if isinstance(m, Linear4bit)]
        assert any("language_model" in name for name in layers)
        assert not any("lm_head" in name for name in layers)
        assert alone.model.lm_head.weight.shape[1] == alone.model.config.text_config.hidden_size
        assert needs.resident.memory().resident == "text_encoder"
    with needs.resident.use_part(found) as again:
        assert again is alone
    needs.resident.drop()
    assert needs.resident.memory().resident == ""


def _no_shard(folder: Path) -> str:
    (folder / "text_encoder" / "model-00002-of-00003.safetensors").unlink()
    return "model-00002-of-00003.safetensors is missing"


def _cut_shard(folder: Path) -> str:
    file = folder / "text_encoder" / "model-00003-of-00003.safetensors"
    file.write_bytes(file.read_bytes()[:-500])
    return "model-00003-of-00003.safetensors"


def _no_processor(folder: Path) -> str:
    (folder / "processor" / "tokenizer.json").unlink()
    return "processor/tokenizer.json is missing"


def _no_config(folder: Path) -> str:
    (folder / "text_encoder" / "config.json").unlink()
    return "config.json is missing"


def _no_head(folder: Path) -> str:
    from safetensors.torch import load_file, save_file

    index = folder / "text_encoder" / "model.safetensors.index.json"
    told = json.loads(index.read_text(encoding="utf-8"))
    file = folder / "text_encoder" / told["weight_map"].pop("lm_head.weight")
    kept = {name: tensor for name, tensor in load_file(file).items() if name != "lm_head.weight"}
    save_file(kept, file, metadata={"format": "pt"})
    index.write_text(json.dumps(told), encoding="utf-8")
    return "without the head"


@pytest.mark.parametrize("harm", [_no_shard, _cut_shard, _no_processor, _no_config, _no_head])
def test_what_lacks_is_told_in_words_before_anything_is_loaded(
    preset: ReaderPreset, needs: Needs, folder: Path, harm: Callable[[Path], str]
) -> None:
    words = harm(folder)
    told = find(preset, needs)
    assert isinstance(told, str)
    assert words in told
    assert str(folder) in told
    assert "flenwheel models --get qwen-image-edit-2509" in told
    with pytest.raises(ReaderMissing, match="not on this machine"), opened(preset, needs):
        pass
    assert not needs.resident.loads


def test_nothing_there_says_where_it_belongs(preset: ReaderPreset, needs: Needs) -> None:
    told = find(preset, needs)
    assert isinstance(told, str)
    assert "text_encoder/ and processor/" in told
    assert "models/qwen-image-edit-2509-main" in told


def test_memory_is_foretold_and_refused_before_loading(preset: ReaderPreset, needs: Needs, folder: Path) -> None:
    small = Settings(device="cpu", memory_budget_gib=0.5, cache_dir=needs.settings.cache_dir)
    resident = Resident(needs.workspace, small)
    found = find(preset, needs)
    assert isinstance(found, LonePart)
    with pytest.raises(WillNotFit, match=r"0\.5"), resident.use_part(found):
        pass
    assert not resident.loads


def test_a_processor_that_shows_no_pictures_is_told(preset: ReaderPreset, needs: Needs, folder: Path) -> None:
    (folder / "processor" / "chat_template.jinja").write_text("{% for m in messages %}hello{% endfor %}")
    with pytest.raises(ReaderMissing, match="shows no pictures"), opened(preset, needs) as reader:
        reader.likelihoods([ASTRONAUT], "Which view?", ANSWERS)


def by_the_whole(reader: Any, pictures: list[Image.Image], prompt: str) -> list[float]:
    """The likelihood of each answer from one pass over all of its words, without a cache."""
    scores = []
    for words in ANSWERS:
        inputs = reader._inputs(pictures, prompt, f"{words}<|im_end|>")
        answer = [*reader._ids(words), reader._end]
        said = reader._model(**inputs).logits[0].float().log_softmax(-1)
        places = range(len(said) - len(answer) - 1, len(said) - 1)
        assert inputs["input_ids"][0, -len(answer) :].tolist() == answer
        scores.append(sum(said[place, token] for place, token in zip(places, answer, strict=True)))
    return torch.stack(scores).softmax(0).tolist()


@pytest.mark.parametrize("pictures", [[ASTRONAUT], [CAT, ASTRONAUT]])
def test_likelihoods_are_those_of_the_whole_answers(
    preset: ReaderPreset, needs: Needs, folder: Path, pictures: list[Image.Image]
) -> None:
    with opened(preset, needs) as reader:
        found = reader.likelihoods(pictures, "Which view?", ANSWERS)
        assert sum(found) == pytest.approx(1)
        assert found == pytest.approx(by_the_whole(reader, pictures, "Which view?"), abs=2e-3)
        order = [2, 0, 1]
        turned = reader.likelihoods(pictures, "Which view?", [ANSWERS[n] for n in order])
        assert turned == pytest.approx([found[n] for n in order], abs=2e-3)


def test_the_picture_counts(preset: ReaderPreset, needs: Needs, folder: Path) -> None:
    with opened(preset, needs) as reader:
        one, other = (reader.likelihoods([p], "Which view?", ANSWERS) for p in (ASTRONAUT, CAT))
    assert one != other


def test_a_caption_begins_as_it_was_begun_is_no_longer_than_allowed_and_can_be_stopped(
    preset: ReaderPreset, needs: Needs, folder: Path
) -> None:
    with opened(preset, needs) as reader:
        assert isinstance(reader, QwenVL)
        written = reader.caption(ASTRONAUT, "Make the caption.", "ohwx_char person", lambda: False)
        assert written.startswith("ohwx_char person")
        assert written == reader.caption(ASTRONAUT, "Make the caption.", "ohwx_char person", lambda: False)
        with pytest.raises(Cancelled):
            reader.caption(ASTRONAUT, "Make the caption.", "ohwx_char person", lambda: True)


def test_other_weights_have_another_name(preset: ReaderPreset, needs: Needs, folder: Path) -> None:
    with opened(preset, needs) as reader:
        before = reader.model
    from safetensors.torch import load_file, save_file

    file = folder / "text_encoder" / "model-00001-of-00003.safetensors"
    save_file({name: tensor + 1 for name, tensor in load_file(file).items()}, file, metadata={"format": "pt"})
    needs.resident.drop()
    with opened(preset, needs) as reader:
        assert reader.model != before


@pytest.mark.parametrize(
    ("size", "least", "most", "wanted"),
    [
        ((64, 64), 112, 112, (112, 112)),
        ((512, 512), 448, 896, (504, 504)),
        ((2000, 1000), 448, 896, (1260, 644)),
        ((600, 2400), 448, 896, (448, 1792)),
    ],
)
def test_pictures_are_seen_within_bounds_on_a_grid(
    size: tuple[int, int], least: int, most: int, wanted: tuple[int, int]
) -> None:
    assert sized(Image.new("RGB", size), least, most).size == wanted
