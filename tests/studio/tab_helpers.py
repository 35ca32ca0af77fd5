"""LoRA files and choices for the tests of the tabs."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import gradio as gr
import numpy as np
import pytest
from gradio.routes import App
from safetensors.numpy import save_file

from studio.components.forms import Values
from studio.components.lora_rows import Draft, LoraRows

Tab = TypeVar("Tab")

PREFIX = {"qwen": "diffusion_model.transformer_blocks.0.attn.", "flux": "transformer.transformer_blocks.0.attn."}
WIDTH = {"qwen": 160, "flux": 192}
"""Of the small models."""
BASE = {"qwen": "qwen-image-edit-2509/lora", "flux": "flux-1-dev/lora"}


def lora_file(folder: Path, name: str, kind: str = "qwen", rank: int = 4) -> Path:
    """A small LoRA file of one attention layer."""
    tensors = {}
    for n, module in enumerate(("to_q", "to_k")):
        down = np.full((rank, WIDTH[kind]), float(len(name) + n), dtype=np.float32)
        tensors[f"{PREFIX[kind]}{module}.lora_A.weight"] = down
        tensors[f"{PREFIX[kind]}{module}.lora_B.weight"] = np.zeros((WIDTH[kind], rank), dtype=np.float32)
    path = folder / f"{name}.safetensors"
    save_file(tensors, path, metadata={"modelspec.architecture": BASE[kind], "title": name})
    return path


def on_page(build: Callable[..., Tab], *arguments: Any) -> Tab:
    """The components of a tab, as the page has them. Nobody serves them: Gradio need not make its app, twice."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(App, "create_app", staticmethod(lambda *_, **__: None))
        with gr.Blocks():
            return build(*arguments)


def rows_say(rows: LoraRows, draft: Draft) -> Values:
    """A draft as the page sends it."""
    drawn = zip(draft.ids, draft.uses, draft.weights, strict=True)
    return {rows.stack: {"items": [{"id": id, "use": used, "weight": weight} for id, used, weight in drawn], "rev": 1}}


def groups_say(groups: dict[str, gr.CheckboxGroup], names: Iterable[str]) -> Values:
    """The names that are ticked, group by group, as the page sends them."""
    return {group: [n for n in names if n.startswith(f"{axis}/")] for axis, group in groups.items()}
