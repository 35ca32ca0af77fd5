"""The small models that come with the product: the exact layout of the real ones; pictures that obey."""

import json

import numpy as np
import pytest
from engine_helpers import FLUX, QWEN, checkpoint, distance, family, ramp, shot

from labs.mini_training.checkpoints import tokenizers
from pipelines.domain.shots import ImageRef
from pipelines.engine.resident import Resident
from pipelines.engine.weights import check_folder
from pipelines.models import registry
from pipelines.storage.preset_files import PRESETS

PROMPTS = (
    "portrait of ohwx_char person, smiling, profile-left view, clean background, studio lighting",
    "将镜头向左旋转45度，保持人物不变",
    "naïve café — déjà vu, 100 % ✓ \U0001f642 zzxq",
    "",
)


@pytest.mark.parametrize("name", [FLUX, QWEN])
def test_the_layout_is_complete_and_of_the_right_class(name: str) -> None:
    assert check_folder(checkpoint(name)) == []
    index = json.loads((checkpoint(name) / "model_index.json").read_text())
    assert index["_class_name"] == registry.of(family(name)).pipeline
    assert set(family(name).parts) <= set(index)


@pytest.mark.parametrize(("name", "channels"), [(FLUX, "latent_channels"), (QWEN, "z_dim")])
def test_latents_are_packed_as_in_the_real_models(name: str, channels: str) -> None:
    transformer = json.loads((checkpoint(name) / "transformer" / "config.json").read_text())
    assert transformer["in_channels"] == 64
    assert json.loads((checkpoint(name) / "vae" / "config.json").read_text())[channels] == 16


def test_all_that_comes_with_the_product_is_small_enough_for_git() -> None:
    files = [path for path in (PRESETS / "mini").rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 40 * 10**6
    assert not [path for path in files if path.suffix in (".bin", ".pt", ".pth", ".ckpt", ".pkl")], "pickles"


@pytest.mark.parametrize("make", [tokenizers.clip, tokenizers.t5, tokenizers.qwen])
def test_any_prompt_tokenises(make) -> None:
    tokenizer = make()
    ids = [tuple(tokenizer(prompt)["input_ids"]) for prompt in PROMPTS]
    assert len(set(ids)) == len(PROMPTS)
    assert all(0 <= n < len(tokenizer) for row in ids for n in row)


def test_words_of_the_product_are_whole_tokens() -> None:
    assert "▁ohwx_char" in tokenizers.t5().tokenize(PROMPTS[0])
    assert "profile</w>" in tokenizers.clip().tokenize(PROMPTS[0])


def test_the_edit_template_has_as_many_tokens_as_the_pipeline_cuts() -> None:
    assert len(tokenizers.qwen()(tokenizers.edit_template())["input_ids"]) == tokenizers.edit_template_tokens() == 64


@pytest.mark.slow(seconds=6)
@pytest.mark.parametrize("name", [FLUX, QWEN])
def test_pictures_are_lively_and_depend_on_seed_prompt_and_source(name: str, resident: Resident) -> None:
    def picture(source: int = 0, **fields):
        refs = (ImageRef(id=f"s{source}", path="-"),) if name == QWEN else ()
        return driver.render(shot(name, sources=refs, steps=4, **fields), [ramp(seed=source)] if refs else [])

    with resident.use(family(name)) as driver:
        first = picture()
        assert np.asarray(first).std() > 25
        assert distance(first, picture(seed=2)) > 10
        assert distance(first, picture(prompt="ohwx_char person, sad, front view")) > 1
        if name == QWEN:
            assert distance(first, picture(source=1)) > 1
