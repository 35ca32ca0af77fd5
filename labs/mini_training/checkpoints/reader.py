"""The mini reader: what it is made of, in the layout of the text encoder of Qwen-Image-Edit and of its processor.

Classes, files and module names are the real ones; only numbers are smaller. See ``presets/mini/reader/README.md``.
"""

from pathlib import Path
from typing import Any

import torch
from transformers import (
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2_5_VLProcessor,
    Qwen2VLImageProcessor,
    Qwen2VLVideoProcessor,
)

from labs.mini_training.checkpoints import qwen, tokenizers

SEEN = 112
"""Pixels of a side that pictures are seen at: 16 tokens. One window of the vision tower."""
TEXT_WIDTH, VISION_WIDTH = 128, 96
TEMPLATE = (
    "{% set image_count = namespace(value=0) %}{% for message in messages %}"
    "{% if loop.first and message['role'] != 'system' %}<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
    "{% endif %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}<|im_end|>\n{% else %}"
    "{% for content in message['content'] %}"
    "{% if content['type'] == 'image' or 'image' in content or 'image_url' in content %}"
    "{% set image_count.value = image_count.value + 1 %}"
    "{% if add_vision_id %}Picture {{ image_count.value }}: {% endif %}<|vision_start|><|image_pad|><|vision_end|>"
    "{% elif 'text' in content %}{{ content['text'] }}{% endif %}"
    "{% endfor %}<|im_end|>\n{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
"""The chat template of Qwen2.5-VL (Apache-2.0), without its videos."""


def config(tokenizer: Any) -> Qwen2_5_VLConfig:
    """Three layers of 128 over the words, three of 96 over patches of 14 px, four of which become one word."""
    known = qwen.text_encoder_config(tokenizer)
    text = known["text_config"] | {"num_hidden_layers": 3}
    vision = known["vision_config"] | {
        "depth": 3,
        "hidden_size": VISION_WIDTH,
        "intermediate_size": 2 * VISION_WIDTH,
        "num_heads": 3,
        "fullatt_block_indexes": [2],
    }
    return Qwen2_5_VLConfig(**{**known, "text_config": text, "vision_config": vision})


def untrained(seed: int) -> Qwen2_5_VLForConditionalGeneration:
    """The model as a training starts with it."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        return Qwen2_5_VLForConditionalGeneration(config(tokenizers.qwen()))


def processor() -> Qwen2_5_VLProcessor:
    """Pictures to patches and words to numbers, with the values of Qwen2.5-VL but for the size."""
    return Qwen2_5_VLProcessor(
        image_processor=Qwen2VLImageProcessor(min_pixels=SEEN**2, max_pixels=SEEN**2),
        tokenizer=tokenizers.qwen(),
        video_processor=Qwen2VLVideoProcessor(),
        chat_template=TEMPLATE,
    )


def save(model: Qwen2_5_VLForConditionalGeneration, folder: Path) -> None:
    """Write ``text_encoder`` and ``processor`` into ``folder``, as Qwen-Image-Edit has them, bf16 safetensors."""
    model.to(torch.bfloat16).save_pretrained(folder / "text_encoder", safe_serialization=True)
    processor().save_pretrained(folder / "processor")
