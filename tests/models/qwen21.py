"""A checkpoint in the exact layout of Qwen-Image 2.1, with random weights and tiny widths; and a bench on it."""

from pathlib import Path
from typing import Any

import tomli_w
import torch
from diffusers import (
    AutoencoderKLQwenImage21,
    FlowMatchEulerDiscreteScheduler,
    QwenImage21Pipeline,
    QwenImage21Transformer2DModel,
)
from train_helpers import Bench
from transformers import (
    Qwen2VLImageProcessor,
    Qwen3VLConfig,
    Qwen3VLForConditionalGeneration,
    Qwen3VLProcessor,
    Qwen3VLVideoProcessor,
)

from labs.mini_training.checkpoints import tokenizers
from pipelines.domain.presets import ModelFamily
from pipelines.domain.requests import TrainItem, TrainRequest
from pipelines.domain.shots import Purpose, Shot
from pipelines.engine.resident import Resident
from pipelines.storage.presets import load_presets
from pipelines.storage.settings import Settings
from pipelines.storage.workspace import Workspace

NAME = "qwen-image-2.1"
WIDTH, HIDDEN, BLOCKS = 64, 64, 3
"""Of the transformer and of the text encoder; 32 blocks become 3."""
SEEN = 96
"""Pixels of a side at which sources are seen, instead of 1024."""
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n"
    "{% if m['content'] is string %}{{ m['content'] }}{% else %}"
    "{% for part in m['content'] %}{{ part['text'] }}{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def write_checkpoint(folder: Path) -> None:
    """Classes, files and names are those of the published model, and so are all numbers but widths and depths."""
    torch.manual_seed(0)
    tokenizer = tokenizers.qwen()
    pipe = QwenImage21Pipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(
            use_dynamic_shifting=True, base_shift=0.5, max_shift=0.9, base_image_seq_len=256, max_image_seq_len=8192,
            shift_terminal=0.02,
        ),
        vae=AutoencoderKLQwenImage21(base_dim=8, decoder_base_dim=12, num_res_blocks=1),
        text_encoder=_text_encoder(tokenizer),
        processor=Qwen3VLProcessor(
            image_processor=Qwen2VLImageProcessor(
                patch_size=16, merge_size=2, temporal_patch_size=2, min_pixels=32 * 32, max_pixels=4096 * 4096,
                image_mean=[0.5] * 3, image_std=[0.5] * 3,
            ),
            tokenizer=tokenizer,
            video_processor=Qwen3VLVideoProcessor(),
            chat_template=TEMPLATE,
        ),
        transformer=QwenImage21Transformer2DModel(
            num_layers=BLOCKS, attention_head_dim=32, num_attention_heads=WIDTH // 32, context_in_dim=HIDDEN,
            axes_dims_rope=(8, 12, 12),
        ),
    )  # fmt: skip
    with torch.no_grad():  # gates open: of random weights as they come the blocks would give next to nothing
        pipe.transformer.modulation[1].weight.normal_(0, 1.0)
        for block in pipe.transformer.transformer_blocks:
            block.attn.to_v.weight.normal_(0, 0.5)
    pipe.to(torch.bfloat16)
    pipe.save_pretrained(folder, safe_serialization=True)


def _text_encoder(tokenizer: Any) -> Qwen3VLForConditionalGeneration:
    ids = {token: tokenizer.convert_tokens_to_ids(token) for token in tokenizers.QWEN_SPECIAL}
    return Qwen3VLForConditionalGeneration(
        Qwen3VLConfig(
            text_config={
                "vocab_size": len(tokenizer), "hidden_size": HIDDEN, "intermediate_size": 2 * HIDDEN,
                "num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16,
                "rope_parameters": {"rope_type": "default", "rope_theta": 5e6, "mrope_section": [4, 2, 2]},
            },
            vision_config={
                "depth": 3, "hidden_size": 32, "intermediate_size": 64, "num_heads": 2, "out_hidden_size": HIDDEN,
                "deepstack_visual_indexes": [0, 1, 2], "num_position_embeddings": 144,
            },
            image_token_id=ids["<|image_pad|>"], video_token_id=ids["<|video_pad|>"],
            vision_start_token_id=ids["<|vision_start|>"], vision_end_token_id=ids["<|vision_end|>"],
        )
    )  # fmt: skip


def family_in(workspace: Workspace) -> ModelFamily:
    """The shipped preset, by which sources are seen small: as a preset of the user's own would say it."""
    path = workspace.path("presets/models/small.toml")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(tomli_w.dumps({"name": NAME, "defaults": {"vae_px": SEEN}}), encoding="utf-8")
    return load_presets(workspace.root).models[NAME]


class Qwen21Bench(Bench):
    """Trains the same model as a character and as an editor."""

    def __init__(self, workspace: Workspace, models_dir: Path):
        self.family = family_in(workspace)
        resident = Resident(workspace, Settings(models_dir=models_dir, device="cpu"))
        super().__init__(workspace, {"character": resident, "editor": resident})

    def shot(self, target: str = "character", seed: int = 7, **fields: Any) -> Shot:
        """96 px in 2 steps unless said otherwise."""
        values: dict[str, Any] = {
            "family": NAME, "revision": self.family.revision, "prompt": "portrait of ohwx_char person", "seed": seed,
            "steps": 2, "guidance": 1.0, "width": 96, "height": 96, "purpose": Purpose(step="sample"),
            "sources": (self.pictures[0].ref,) if target == "editor" else (),
        }  # fmt: skip
        return Shot(**{**values, **fields})

    def item(self, n: int, target: str = "character", **changes: Any) -> TrainItem:
        return super().item(n, target, **changes)

    def request(self, target: str = "character", **changes: Any) -> TrainRequest:
        own = {"family": NAME, "revision": self.family.revision, "resolution": 96, "steps": 4, "save_every": 2}
        return super().request(target, **{**own, **changes})

    def driver(self, target: str = "character") -> Any:
        with self.residents[target].use(self.family) as driver:
            return driver
