"""What an editor's training is watched with: few corrections, at their true size, in the few steps of a recipe."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from pipelines.domain.records import Character, ImageRecord
from pipelines.session import Session
from pipelines.workflow import loras, review, training
from pipelines.workflow.training import SAMPLE_STEPS, TrainOptions

Put = Callable[..., ImageRecord]
EDITOR = "qwen-image-edit-2509"
NAMES = {n: f"Qwen-Image-Edit-2509-Lightning-{n}steps-V1.0-bf16" for n in (4, 8)}


def lightning(folder: Path, steps: int) -> Path:
    """A file of the published name and width, without its weights."""
    path, layer = folder / f"{NAMES[steps]}.safetensors", "transformer_blocks.59.attn.to_q"
    halves = {"lora_A": (steps, 3072), "lora_B": (3072, steps)}
    save_file({f"{layer}.{half}.weight": np.zeros(shape, np.float16) for half, shape in halves.items()}, path)
    return path


@pytest.fixture
def edits(session: Session, ada: Character, put: Put) -> Character:
    """Ada, edited by the published model, with a correction of a photograph."""
    who = ada.model_copy(update={"editor": EDITOR})
    session.store.put(who)
    source = put("source", label="good")
    session.store.put(source.model_copy(update={"width": 3024, "height": 4032}))
    wrong, better = put("enriched", sources=(source.ref,)), put("enriched", sources=(source.ref,))
    session.store.put(better.model_copy(update={"width": 896, "height": 1184}))  # as the editor makes them of it
    review.correct_with(session, wrong.id, better.id, "the nose")
    return who


def samples(session: Session, who: Character) -> tuple:
    learning = training.dataset(session, who.id, "editor")
    settings = training.settings_of(session, who.id, TrainOptions("editor", "editor-24gb"))
    return training._request(session, who.id, learning, settings).samples


def test_without_a_lora_for_few_steps_they_are_fewer_than_usual(session: Session, edits: Character) -> None:
    (shot,) = samples(session, edits)
    own = session.family(EDITOR).defaults
    assert (shot.steps, shot.guidance, shot.stack.adapters) == (SAMPLE_STEPS, own.guidance, ())
    assert (shot.width, shot.height) == (896, 1184) and own.steps == 40


def test_with_lightning_they_are_made_by_its_recipe(session: Session, edits: Character, tmp_path: Path) -> None:
    for steps in (8, 4):
        loras.add(session, lightning(tmp_path, steps), f"{NAMES[steps]}.safetensors")
    (shot,) = samples(session, edits)
    assert (shot.steps, shot.guidance, shot.schedule.shift_terminal) == (4, 1.0, 0.0)
    assert [(a.name, a.weight) for a in shot.stack.adapters] == [(NAMES[4], 1.0)]
    assert (shot.width, shot.height) == (896, 1184)


def test_one_whose_file_is_gone_is_passed_over(session: Session, edits: Character, tmp_path: Path) -> None:
    lora = loras.add(session, lightning(tmp_path, 4), f"{NAMES[4]}.safetensors")
    session.workspace.lora_file(lora.path).unlink()
    (shot,) = samples(session, edits)
    assert shot.steps == SAMPLE_STEPS and not shot.stack.adapters
