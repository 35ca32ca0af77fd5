"""``flenwheel loras``: what a LoRA asks of the sampling, as the catalogue and the user say, down to the shots."""

from pathlib import Path
from typing import Any

import pytest
from tab_helpers import lora_file

from pipelines.domain.sampling import Sampling
from pipelines.planning import sampling
from pipelines.workflow import enrich, loras
from pipelines.workflow.opening import open_session

LIGHTNING = "Qwen-Image-Edit-2509-Lightning-4steps-V1.0-bf16"


def row(answer: dict[str, Any], name: str) -> dict[str, Any]:
    return next(r for r in answer["loras"] if r["name"] == name)


def test_a_file_with_the_catalogues_name_brings_its_sampling(run: Any, tmp_path: Path) -> None:
    assert run("import", str(lora_file(tmp_path, LIGHTNING)))[0] == 0
    status, answer = run("loras")
    assert status == 0
    told = row(answer, LIGHTNING)
    assert told["asks_for"] == "4 steps, guidance 1, its own noise schedule"
    assert told["says"] == "the catalogue"


def test_a_name_that_everybody_uses_says_nothing(run: Any, tmp_path: Path) -> None:
    """FLUX.1-Turbo-Alpha's file is called diffusion_pytorch_model, and so are a thousand others."""
    assert run("import", str(lora_file(tmp_path, "diffusion_pytorch_model", "flux")))[0] == 0
    assert row(run("loras")[1], "diffusion_pytorch_model")["asks_for"] == ""


def test_the_user_says_what_a_lora_was_made_for_and_takes_it_back(run: Any, tmp_path: Path) -> None:
    assert run("import", str(lora_file(tmp_path, "mine")))[0] == 0
    status, answer = run("loras", "mine", "--steps", "6", "--guidance", "1.5", "--schedule", "base_shift=1.0")
    assert status == 0
    assert row(answer, "mine")["asks_for"] == "6 steps, guidance 1.5, its own noise schedule"
    assert row(run("loras", "mine", "--steps", "7")[1], "mine")["asks_for"].startswith("7 steps, guidance 1.5")
    assert row(run("loras", "mine", "--as-known")[1], "mine")["asks_for"] == ""


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (("--steps", "0"), "steps"),
        (("--guidance", "nan"), "guidance"),
        (("--guidance", "-1"), "guidance"),
        (("--schedule", "base_shift=inf"), "base_shift"),
        (("--schedule", "base_shift"), "base_shift"),
        (("--schedule", "speed=3"), "no value of a noise schedule"),
    ],
)
def test_nonsense_is_refused_in_words_and_changes_nothing(run: Any, tmp_path: Path, said: Any, why: str) -> None:
    run("import", str(lora_file(tmp_path, "mine")))
    status, answer = run("loras", "mine", *said)
    assert status in (1, 2)
    assert why in answer["error"]
    assert row(run("loras")[1], "mine")["says"] == ""


def test_a_schedule_that_no_model_would_heed_is_refused(workspace_root: Path, tmp_path: Path) -> None:
    with open_session(workspace_root) as session:
        lora = loras.add(session, lora_file(tmp_path, "mine"), "mine.safetensors")
        session.store.put(lora.model_copy(update={"family": "flux2-klein"}))
        with pytest.raises(sampling.SamplingConflict, match="would not heed"):
            loras.ask_for(session, lora.id, Sampling.model_validate({"schedule": {"base_shift": 1.0}}))


@pytest.mark.slow
def test_what_a_lora_asks_for_reaches_the_shots(run: Any, workspace_root: Path, tmp_path: Path) -> None:
    assert run("practice", "--start", "3")[0] == 0
    with open_session(workspace_root) as session:
        lora = loras.add(session, lora_file(tmp_path, LIGHTNING), f"{LIGHTNING}.safetensors")
        stack = loras.stack(session, [(lora.id, 1.0)])
        plan = enrich.plan(session, "cleo", enrich.EnrichOptions(stack=stack, count=3))
        assert {(s.steps, s.guidance, s.schedule.shift_terminal) for s in plan.shots} == {(4, 1.0, 0.0)}
        again = enrich.plan(session, "cleo", enrich.EnrichOptions(stack=stack, count=3, steps=5))
        assert {(s.steps, s.guidance, s.schedule.shift_terminal) for s in again.shots} == {(5, 1.0, 0.0)}
