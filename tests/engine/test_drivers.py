"""A shot gives the same pixels again: in a row, in a fresh process, with cached text, with the encoders away."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from diffusers.pipelines.qwenimage import pipeline_qwenimage_edit_plus as edit_module
from engine_helpers import FLUX, QWEN, family, ramp, same, shot
from PIL import Image

from pipelines.domain.cancelled import Cancelled
from pipelines.domain.shots import ImageRef, Shot
from pipelines.engine.resident import Resident
from pipelines.models.driver import ShotError
from pipelines.models.embeddings import EmbeddingCache

REF = ImageRef(id="s", path="-")
AGAIN = """
import hashlib, sys
from pipelines.engine.resident import Resident
from pipelines.storage.presets import shipped
from pipelines.storage.settings import Settings
from pipelines.storage.workspace import Workspace
from pipelines.domain.shots import Shot
from PIL import Image
import torch
torch.set_num_threads(int(sys.argv[4]))
shot = Shot.model_validate_json(sys.argv[1])
resident = Resident(Workspace(sys.argv[3]), Settings(models_dir=sys.argv[2], device="cpu"))
sources = [Image.open(sys.argv[5]).convert("RGB")] * len(shot.sources)
with resident.use(shipped().models[shot.family]) as driver:
    print(hashlib.sha256(driver.render(shot, sources).tobytes()).hexdigest())
"""


def shot_of(name: str, **fields) -> tuple[Shot, list[Image.Image]]:
    if name == QWEN:
        return shot(name, sources=(REF,), **fields), [ramp()]
    return shot(name, **fields), []


@pytest.mark.parametrize("name", [FLUX, QWEN])
def test_the_same_shot_twice_is_the_same_to_the_bit(name: str, resident: Resident) -> None:
    wanted, sources = shot_of(name)
    with resident.use(family(name)) as driver:
        first = driver.render(wanted, sources)
        driver.render(wanted.model_copy(update={"seed": 7}), sources)
        assert same(first, driver.render(wanted, sources))
        assert not same(first, driver.render(wanted.model_copy(update={"seed": 7}), sources))


@pytest.mark.slow
@pytest.mark.parametrize("name", [FLUX, QWEN])
def test_a_fresh_process_gives_the_same_pixels(name: str, resident: Resident, models_dir: Path, tmp_path: Path) -> None:
    wanted, sources = shot_of(name)
    ramp().save(tmp_path / "source.png")
    with resident.use(family(name)) as driver:
        here = hashlib.sha256(driver.render(wanted, sources).tobytes()).hexdigest()
    arguments = [wanted.model_dump_json(), str(models_dir), str(tmp_path), str(torch.get_num_threads())]
    done = subprocess.run(
        [sys.executable, "-c", AGAIN, *arguments, str(tmp_path / "source.png")],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split()[-1] == here


@pytest.mark.parametrize("name", [FLUX, QWEN])
def test_cached_text_changes_no_pixel(name: str, resident: Resident) -> None:
    wanted, sources = shot_of(name)
    with resident.use(family(name)) as driver:
        first = driver.render(wanted, sources)
        assert (driver.cache.hits, driver.cache.misses) == (0, 1)
        encoders = [getattr(driver.pipe, encoder) for encoder in driver.encoders]
        for encoder in driver.encoders:
            setattr(driver.pipe, encoder, None)  # nobody is there to encode
        assert same(first, driver.render(wanted, sources))
        for encoder, module in zip(driver.encoders, encoders, strict=True):
            setattr(driver.pipe, encoder, module)
        driver.cache = EmbeddingCache()
        assert same(first, driver.render(wanted, sources))
        assert driver.cache.misses == 1


@pytest.mark.slow(seconds=6)
def test_what_the_text_depends_on_is_in_the_key(resident: Resident) -> None:
    with resident.use(family(QWEN)) as driver:
        wanted, sources = shot_of(QWEN)
        for change in (
            {},
            {"prompt": "another"},
            {"negative_prompt": "blurry"},
            {"sources": (ImageRef(id="t", path="-"),)},
            {"guidance": 1.0},
        ):
            driver.render(wanted.model_copy(update=change), sources)
        assert (driver.cache.hits, driver.cache.misses) == (0, 5)
        driver.render(wanted.model_copy(update={"seed": 9, "steps": 3}), sources)
        assert driver.cache.hits == 1


@pytest.mark.parametrize("name", [FLUX, QWEN])
def test_saving_memory_changes_no_pixel_of_a_small_picture(name: str, resident: Resident) -> None:
    wanted, sources = shot_of(name)
    with resident.use(family(name)) as driver:
        first = driver.render(wanted, sources)
        driver.cache = EmbeddingCache()
        assert driver.shrink() == "pictures are decoded in tiles"
        assert "text encoders" in driver.shrink()
        assert driver.shrink() == ""
        assert not driver.encoders_stay
        assert same(first, driver.render(wanted, sources))


def test_the_sizes_of_an_editors_inputs_are_set_for_the_shot_and_restored(resident: Resident) -> None:
    before = edit_module.CONDITION_IMAGE_SIZE, edit_module.VAE_IMAGE_SIZE
    seen = []

    def look(k: int, n: int) -> None:
        seen.append((edit_module.CONDITION_IMAGE_SIZE, edit_module.VAE_IMAGE_SIZE))
        if k == 2:
            raise Cancelled

    wanted, sources = shot_of(QWEN)
    with resident.use(family(QWEN)) as driver:
        with pytest.raises(Cancelled):
            driver.render(wanted, sources, look)
        assert seen == [(56**2, 64**2)] * 2
        assert before == (edit_module.CONDITION_IMAGE_SIZE, edit_module.VAE_IMAGE_SIZE)


@pytest.mark.slow
def test_steps_are_counted_and_previews_show_the_picture_to_come(resident: Resident) -> None:
    for name in (FLUX, QWEN):
        wanted, sources = shot_of(name, steps=4, width=320, height=160)
        steps, previews = [], []
        with resident.use(family(name)) as driver:
            shown = driver.render(wanted, sources, lambda k, n: steps.append((k, n)), previews.append)  # noqa: B023
            assert same(shown, driver.render(wanted, sources))
        assert steps == [(k, 4) for k in range(1, 5)]
        assert [p.size for p in previews] == [(256, 128)] * 2
        assert shown.size == (320, 160)


def test_words_when_a_shot_cannot_be_made(resident: Resident) -> None:
    with resident.use(family(QWEN)) as driver:
        with pytest.raises(ShotError, match="no source picture"):
            driver.render(shot(QWEN), [])
        with pytest.raises(ShotError, match="at least 2 steps"):
            driver.render(shot(QWEN, sources=(REF,), steps=1), [ramp()])
        with pytest.raises(ShotError, match="at most 3 source pictures, the shot has 4"):
            driver.render(shot(QWEN, sources=(REF,) * 4), [ramp()] * 4)
    with resident.use(family(FLUX)) as driver, pytest.raises(ShotError, match="at most 0"):
        driver.render(shot(FLUX, sources=(REF,)), [ramp()])


def test_several_sources_are_seen(resident: Resident) -> None:
    with resident.use(family(QWEN)) as driver:
        two = shot(QWEN, sources=(REF, ImageRef(id="t", path="-")))
        first = driver.render(two, [ramp(), ramp(seed=1)])
        driver.cache = EmbeddingCache()
        assert not same(first, driver.render(two, [ramp(), ramp(seed=2)]))


def test_the_embedding_cache_forgets_what_was_not_used_for_longest() -> None:
    cache = EmbeddingCache(limit=3000)
    cpu = torch.device("cpu")

    def make() -> dict[str, torch.Tensor | None]:
        return {"a": torch.zeros(250), "mask": None}

    for key in (1, 2, 3, 1, 4):
        cache.get(key, cpu, make)
    assert [key in cache for key in (1, 2, 3, 4)] == [True, False, True, True]
    assert cache.bytes <= 3000
    assert json.dumps([cache.hits, cache.misses]) == "[1, 4]"
