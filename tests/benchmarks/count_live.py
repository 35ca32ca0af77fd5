"""What the models take at true size, counted without a card or weights: ``python tests/benchmarks/count_live.py``

Live bytes of tensors without data (``tests/live_bytes.py``), by the published configurations and at full depth, beside
what ``engine.memory`` foretells: activations alone, then the whole with weights in NF4 by the presets' counts. What a
kernel takes within one operation, and what CUDA's context takes beyond the 0.75 GiB that are foretold, is not seen. The
rows are a Markdown table.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "tests" / "engine")]

import test_live_bytes as counting
import torch
from engine_helpers import family, put_in_card
from live_bytes import GIB, LiveBytes

from pipelines.domain.presets import TrainingSettings
from pipelines.engine.memory import Prediction, predict_training
from pipelines.models import registry
from pipelines.storage.settings import Settings
from pipelines.storage.workspace import Workspace

TRAININGS = (
    ("flux1-dev", 512, 0), ("flux1-dev", 1024, 0), ("qwen-image-edit-2509", 1024, 1), ("flux2-klein-4b", 1024, 1),
    ("qwen-image-2.1", 1024, 0), ("qwen-image-2.1", 1024, 1),
)  # fmt: skip


def row(what: str, counted: float, foretold: float, whole: float) -> None:
    print(f"| {what} | {counted:.2f} | {foretold:.2f} | {whole:.1f} |", flush=True)


def whole_of(prediction: Prediction, phase: str) -> float:
    return prediction.phase_gib(phase)


def trainings(workspace: Workspace) -> None:
    """The steps of a LoRA of rank 16, batch 1, with gradient checkpointing."""
    settings = Settings(device="auto", memory_budget_gib=24)
    for name, px, controls in TRAININGS:
        model, asked = family(name), TrainingSettings(rank=16, resolution=px)
        shape = model.geometry or registry.of(model).geometry
        _, kind, values = counting.SMALL[name]
        transformer = counting.in_training(model, asked, (shape, kind, values))
        side = px // (model.factor * registry.of(model).patch)
        with LiveBytes() as found:
            counting.step(name, transformer, side, controls, registry.of(model).text_tokens(model, controls))
        said = predict_training(model, asked, workspace, settings, controls)
        what = f"{model.title}: a training step, {px} px" + (", one reference" if controls else "")
        row(what, found.peak / GIB, said.phases["train"]["activations"], whole_of(said, "train"))


def pictures(workspace: Workspace) -> None:
    """Decoding a picture of 1024 x 1024, whole and in tiles."""
    from pipelines.domain.shots import ImageRef
    from pipelines.engine.memory import predict_render

    settings = Settings(device="auto", memory_budget_gib=24)
    for name in counting.NAMES:
        model = family(name)
        sources = (ImageRef(id="a", path="a"),) if "editor" in model.roles else ()
        wanted = [counting.shot(name, sources=sources, width=1024, height=1024, guidance=model.defaults.guidance)]
        said = predict_render(model, wanted, workspace, settings)
        alive = counting.decoding(counting.vae_of(name), name, 1024, 1024)
        what = f"{model.title}: decoding 1024 x 1024"
        row(what, alive, said.phases["decode"]["activations"], whole_of(said, "decode"))


def main() -> None:
    print("| | counted, GiB | foretold, GiB | whole, GiB |\n|---|---|---|---|")
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        put_in_card(patch)
        own = counting.transformer_qwenimage21._select_modulation_rows
        patch.setattr(
            counting.transformer_qwenimage21,
            "_select_modulation_rows",
            lambda rows, mask: own(rows, None if mask is None else mask.to("meta")),
        )
        pictures(Workspace(Path(folder)))

        def fused(query: Any, key: Any, value: Any, *_: Any, **__: Any) -> Any:
            return counting.Flash.apply(query, key, value)

        patch.setattr(torch.nn.functional, "scaled_dot_product_attention", fused)
        trainings(Workspace(Path(folder)))


if __name__ == "__main__":
    main()
