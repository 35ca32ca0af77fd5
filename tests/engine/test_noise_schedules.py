"""The noise schedule that a LoRA was distilled with takes the place of the model's own, for its shots alone."""

import numpy as np
import pytest
from diffusers import FlowMatchEulerDiscreteScheduler
from diffusers.pipelines.qwenimage.pipeline_qwenimage_edit_plus import calculate_shift
from engine_helpers import FLUX, QWEN, distance, family, ramp, same, shot

from pipelines.domain.sampling import NoiseSchedule
from pipelines.domain.shots import ImageRef
from pipelines.engine.resident import Resident
from pipelines.models.driver import ShotError
from pipelines.storage.presets import shipped

# scheduler/scheduler_config.json of Qwen-Image-Edit, as published
PUBLISHED = {
    "base_image_seq_len": 256,
    "base_shift": 0.5,
    "max_image_seq_len": 8192,
    "max_shift": 0.9,
    "num_train_timesteps": 1000,
    "shift": 1.0,
    "shift_terminal": 0.02,
    "time_shift_type": "exponential",
    "use_dynamic_shifting": True,
}
LIGHTNING = next(e for e in shipped().catalogue if e.name == "lightning-4").sampling
REF = ImageRef(id="s", path="-")


def sigmas(scheduler: FlowMatchEulerDiscreteScheduler, steps: int, tokens: int) -> list[float]:
    """The noise levels of a picture of so many tokens, as the pipeline asks for them."""
    config = scheduler.config
    mu = calculate_shift(
        tokens, config.base_image_seq_len, config.max_image_seq_len, config.base_shift, config.max_shift
    )
    scheduler.set_timesteps(sigmas=np.linspace(1.0, 1 / steps, steps).tolist(), mu=mu)
    return [round(float(s), 3) for s in scheduler.sigmas]


@pytest.mark.parametrize("side", [(1024, 1024), (832, 1248), (1184, 896)])
def test_lightning_runs_on_the_levels_it_was_distilled_on(side: tuple[int, int], resident: Resident) -> None:
    tokens = (side[0] // 16) * (side[1] // 16)
    own = FlowMatchEulerDiscreteScheduler.from_config(PUBLISHED)
    with resident.use(family(QWEN)) as driver:
        driver.pipe.scheduler = own
        wanted = shot(QWEN, sources=(REF,), steps=4, guidance=1.0, schedule=LIGHTNING.schedule)
        with driver.scheduled(wanted):
            # sigma' = 3 sigma / (1 + 2 sigma) at 1, 3/4, 1/2, 1/4
            assert sigmas(driver.pipe.scheduler, 4, tokens) == [1.0, 0.9, 0.75, 0.5, 0.0]
            assert sigmas(driver.pipe.scheduler, 8, tokens)[-2] == 0.3
        assert driver.pipe.scheduler is own
        assert sigmas(own, 4, tokens)[-2] == 0.02
        resident.drop()


@pytest.mark.parametrize("name", [FLUX, QWEN])
def test_a_schedule_changes_its_own_shots_only(name: str, resident: Resident) -> None:
    sources = [ramp()] if name == QWEN else []
    plain = shot(name, sources=(REF,) if sources else (), steps=4)
    other = plain.model_copy(update={"schedule": LIGHTNING.schedule})
    with resident.use(family(name)) as driver:
        before = driver.render(plain, sources)
        scheduled = driver.render(other, sources)
        assert distance(before, scheduled) > 0.5
        assert same(before, driver.render(plain, sources))
        assert same(scheduled, driver.render(other, sources))


def test_the_schedule_is_the_models_own_again_after_a_cancel(resident: Resident) -> None:
    def stop(k: int, n: int) -> None:
        raise KeyboardInterrupt

    wanted = shot(QWEN, sources=(REF,), steps=4, schedule=LIGHTNING.schedule)
    with resident.use(family(QWEN)) as driver:
        own = driver.pipe.scheduler
        with pytest.raises(KeyboardInterrupt):
            driver.render(wanted, [ramp()], stop)
        assert driver.pipe.scheduler is own


def test_one_step_is_possible_on_a_schedule_that_is_not_stretched(resident: Resident) -> None:
    stretched = NoiseSchedule(shift_terminal=0.02)
    one = shot(QWEN, sources=(REF,), steps=1, guidance=1.0, schedule=stretched)
    with resident.use(family(QWEN)) as driver:
        with pytest.raises(ShotError, match="at least 2 steps"):
            driver.render(one, [ramp()])
        free = one.model_copy(update={"schedule": NoiseSchedule(shift_terminal=0.0)})
        assert driver.render(free, [ramp()]).size == (64, 64)
