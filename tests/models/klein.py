"""A checkpoint in the exact layout of FLUX.2 klein base 4B, with random weights and tiny widths; and a bench on it."""

import json
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKLFlux2, FlowMatchEulerDiscreteScheduler, Flux2KleinPipeline, Flux2Transformer2DModel
from train_helpers import Bench
from transformers import Qwen3Config, Qwen3ForCausalLM

from labs.mini_training.checkpoints import tokenizers
from pipelines.domain.presets import TrainingSettings
from pipelines.domain.requests import TrainItem, TrainRequest
from pipelines.domain.shots import Purpose, Shot
from pipelines.engine.resident import Resident
from pipelines.storage.presets import shipped
from pipelines.storage.settings import Settings
from pipelines.storage.workspace import Workspace

KLEIN = "flux2-klein-4b"
WIDTH, HIDDEN, LAYERS = 64, 32, 36
"""Of the transformer; of the text encoder, which keeps its number of layers: three of them are read."""
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if enable_thinking is defined and enable_thinking is false %}<think>\n\n</think>\n\n{% endif %}{% endif %}"
)


def write_checkpoint(folder: Path) -> None:
    """5 double and 20 single blocks become 2 and 3; classes, files and names are those of the published model."""
    torch.manual_seed(0)
    tokenizer = tokenizers.qwen()
    tokenizer.chat_template = TEMPLATE
    pipe = Flux2KleinPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0, use_dynamic_shifting=True),
        vae=_vae(),
        text_encoder=_text_encoder(len(tokenizer)),
        tokenizer=tokenizer,
        transformer=Flux2Transformer2DModel(
            num_layers=2, num_single_layers=3, attention_head_dim=32, num_attention_heads=WIDTH // 32,
            joint_attention_dim=3 * HIDDEN, axes_dims_rope=(8, 8, 8, 8), guidance_embeds=False,
        ),
    )  # fmt: skip
    pipe.to(torch.bfloat16)
    pipe.save_pretrained(folder, safe_serialization=True)
    index = json.loads((folder / "model_index.json").read_text())
    index["tokenizer"] = ["transformers", "Qwen2TokenizerFast"]  # as published
    (folder / "model_index.json").write_text(json.dumps(index))


def _vae() -> AutoencoderKLFlux2:
    made = AutoencoderKLFlux2(block_out_channels=(8, 8, 8, 8), layers_per_block=1, norm_num_groups=4, sample_size=64)
    running: Any = made.bn
    running.running_mean.normal_(0, 0.1)
    running.running_var.uniform_(0.5, 1.5)
    return made


def _text_encoder(vocabulary: int) -> Qwen3ForCausalLM:
    return Qwen3ForCausalLM(
        Qwen3Config(
            vocab_size=vocabulary, hidden_size=HIDDEN, intermediate_size=2 * HIDDEN, num_hidden_layers=LAYERS,
            num_attention_heads=2, num_key_value_heads=1, head_dim=16, tie_word_embeddings=True,
        )
    )  # fmt: skip


def shot(**fields: Any) -> Shot:
    """96 px in 2 steps unless said otherwise."""
    values: dict[str, Any] = {
        "family": KLEIN, "revision": shipped().models[KLEIN].revision, "prompt": "portrait of ohwx_char person",
        "seed": 1, "steps": 2, "guidance": 4.0, "width": 96, "height": 96, "purpose": Purpose(step="sample"),
    }  # fmt: skip
    return Shot(**{**values, **fields})


class KleinBench(Bench):
    """Trains the same model as a character and as an editor."""

    def __init__(self, workspace: Workspace, models_dir: Path):
        resident = Resident(workspace, Settings(models_dir=models_dir, device="cpu"))
        super().__init__(workspace, {"character": resident, "editor": resident})

    def shot(self, target: str = "character", seed: int = 7) -> Shot:
        sources = (self.pictures[0].ref,) if target == "editor" else ()
        return shot(prompt="ohwx_char person, smiling", sources=sources, seed=seed)

    def item(self, n: int, target: str = "character", **changes: Any) -> TrainItem:
        return super().item(n, target, **changes)

    def request(self, target: str = "character", **changes: Any) -> TrainRequest:
        """Eight of its modules a block, at 96 px."""
        family = shipped().models[KLEIN]
        return super().request(
            target, family=KLEIN, revision=family.revision, **{"resolution": 96, "steps": 4, "save_every": 2, **changes}
        )

    def driver(self, target: str = "character") -> Any:
        with self.residents[target].use(shipped().models[KLEIN]) as driver:
            return driver

    def settings(self, **changes: Any) -> TrainingSettings:
        return TrainingSettings(**{"rank": 4, "resolution": 96, **changes})
