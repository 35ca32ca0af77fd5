"""The one writer of LoRAs: a finished training's and a kept checkpoint's leave the house alike. Imports no torch.

Conventions: every key begins with its architecture's prefix;
bfloat16; alpha is folded into B, so alpha = rank to every reader. Header: ``modelspec.*`` after the Stability model
spec 1.0.0 (required: sai_model_spec, architecture, implementation, title), ``ss_*`` as kohya's trainers write them, and
``flenwheel.*`` for our own lineage.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.domain.presets import ModelFamily
from pipelines.domain.requests import TrainRequest
from pipelines.models import registry
from pipelines.storage.atomic import write_durably
from pipelines.storage.safetensors_file import encoded, to_bfloat16

if TYPE_CHECKING:
    import numpy as np

TAIL = 50
"""The loss that is told is the mean over the last quarter of the steps, at most this many: one says little."""


@dataclass(frozen=True)
class Learned:
    """A LoRA as a training has it at a step. ``weights`` are float32 by diffusers name without a prefix
    (``transformer_blocks.0.attn.to_q.lora_A.weight``), alpha not folded; ``losses`` has one entry per step;
    ``fingerprint`` says which training."""

    weights: Mapping[str, np.ndarray]
    losses: Sequence[float]
    fingerprint: str

    @property
    def step(self) -> int:
        """How many steps it has learned for."""
        return len(self.losses)

    @property
    def loss(self) -> float:
        """The mean loss of its last steps."""
        tail = self.losses[-max(1, min(TAIL, self.step // 4)) :]
        return sum(tail) / len(tail)


def folded(weights: Mapping[str, np.ndarray], rank: int, alpha: float) -> dict[str, np.ndarray]:
    """Weights as they go into a file: the bits of bfloat16 (uint16), with ``alpha / rank`` folded into B.

    Readers that find no alpha assume alpha = rank, so a folded file means the same to all of them.
    """
    scale = alpha / rank
    return {name: to_bfloat16(w * scale if ".lora_B." in name else w) for name, w in weights.items()}


def write(path: Path, learned: Learned, request: TrainRequest, family: ModelFamily) -> str:
    """Write the LoRA of ``request``'s training to ``path``, whole or not at all. Returns the file's SHA-256."""
    prefix = registry.of(family).prefix
    tensors = folded(learned.weights, request.settings.rank, request.settings.alpha)
    data = encoded({prefix + name: t for name, t in tensors.items()}, header(path.stem, learned, request, family))
    write_durably(path, data)
    return hashlib.sha256(data).hexdigest()


def header(name: str, learned: Learned, request: TrainRequest, family: ModelFamily) -> dict[str, str]:
    """All metadata of the file ``name`` (without ending)."""
    return {
        **_modelspec(name, request, family),
        **_kohya(name, learned, request, family),
        "trigger_words": request.trigger,
        **{f"flenwheel.{key}": value for key, value in _lineage(learned, request, family).items()},
    }


def _modelspec(name: str, request: TrainRequest, family: ModelFamily) -> dict[str, str]:
    side = request.settings.resolution
    return {
        "modelspec.sai_model_spec": "1.0.0",
        "modelspec.architecture": f"{family.modelspec or registry.of(family).modelspec}/lora",
        "modelspec.implementation": "diffusers",
        "modelspec.title": name,
        "modelspec.description": f"LoRA of {request.character} for {family.title}, made with FLENwheel.",
        "modelspec.date": datetime.now(UTC).isoformat(timespec="seconds"),
        "modelspec.resolution": f"{side}x{side}",
        "modelspec.trigger_phrase": request.trigger,
        "modelspec.license": request.lineage.get("licence", family.licence),
    }


def _kohya(name: str, learned: Learned, request: TrainRequest, family: ModelFamily) -> dict[str, str]:
    s = request.settings
    return {
        "ss_base_model_version": registry.of(family).base_version(family),
        "ss_output_name": name,
        "ss_sd_model_name": _base(family),
        "ss_network_module": "networks.lora",
        "ss_network_dim": str(s.rank),
        "ss_network_alpha": str(s.rank),
        "ss_learning_rate": f"{s.learning_rate:g}",
        "ss_lr_scheduler": s.lr_scheduler,
        "ss_steps": str(learned.step),
        "ss_seed": str(s.seed),
        "ss_num_train_images": str(len(request.items)),
        "ss_training_comment": f"alpha {s.alpha:g} folded into lora_B",
        "ss_tag_frequency": tag_frequency(name, (item.caption for item in request.items)),
    }


def _lineage(learned: Learned, request: TrainRequest, family: ModelFamily) -> dict[str, str]:
    """Everything in ``request.lineage`` is there word for word."""
    s = request.settings
    return {
        "character": request.character,
        "version": request.version,
        "target": request.target,
        "family": family.name,
        "base": _base(family),
        "revision": request.revision,
        "rank": str(s.rank),
        "alpha": f"{s.alpha:g}",
        "modules": str(len(learned.weights) // 2),
        "trigger": request.trigger,
        "settings": s.model_dump_json(),
        "images": json.dumps(sorted(ref.id for ref in request.pictures)),
        "fingerprint": learned.fingerprint,
        "step": str(learned.step),
        "loss": repr(learned.loss),
        **request.lineage,
    }


def _base(family: ModelFamily) -> str:
    return family.weights.hub or family.name


def tag_frequency(name: str, captions: Iterable[str]) -> str:
    """``ss_tag_frequency``: how often each comma-separated part of the captions occurs, as JSON by folder."""
    tags = Counter(tag for caption in captions for part in caption.split(",") if (tag := part.strip()))
    return json.dumps({name: dict(sorted(tags.items()))}, ensure_ascii=False)
