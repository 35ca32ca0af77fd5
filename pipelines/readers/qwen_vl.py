"""Qwen2.5-VL, and what has its layout: the text encoder of Qwen-Image-Edit with its head and its processor.

A question is put by the model's own chat template. The likelihood of an option is that of all its tokens and of the end
of the answer behind them, so options of several lengths can be held against each other; picture and question are read
once, the options after them from the cache.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from math import sqrt
from typing import Any

import torch
from PIL import Image
from torch import Tensor
from transformers import GenerationConfig, StoppingCriteria, StoppingCriteriaList

from pipelines.domain.cancelled import Cancelled
from pipelines.domain.reading import ReaderPreset
from pipelines.engine import lone_part
from pipelines.engine.lone_part import LonePart
from pipelines.engine.resident import Alone
from pipelines.engine.sources import weight_files
from pipelines.readers.base import Needs, Reader, ReaderMissing
from pipelines.readers.chat import messages
from pipelines.storage.prepared import glance

GRID = 28
"""Pixels of a side that become one token."""
END = "<|im_end|>"
REPEATED = 1.05
"""What Qwen2.5-VL's own generation config divides the likelihood of repeated words by."""
_IMAGE = "<|image_pad|>"


@contextmanager
def opened(preset: ReaderPreset, needs: Needs) -> Iterator["QwenVL"]:
    """The reader, loaded. Raises ReaderMissing when its weights are not here, WillNotFit."""
    found = lone_part.find(preset, needs.presets, needs.workspace, needs.settings)
    if isinstance(found, str):
        raise ReaderMissing(found)
    with needs.resident.use_part(found) as alone, torch.no_grad():
        yield QwenVL(preset, alone, identity(found))


def identity(part: LonePart) -> str:
    """A hash of the weights (``storage.prepared.glance``) and of how they are held, 16 hex digits."""
    told = hashlib.sha256(part.held.quantize.encode())
    for path in weight_files(part.weights):
        told.update(glance(path).encode())
    return told.hexdigest()[:16]


class QwenVL(Reader):
    """A loaded model."""

    def __init__(self, preset: ReaderPreset, alone: Alone, model: str) -> None:
        super().__init__(preset, model)
        self._model, self._processor, self._device = alone.model, alone.processor, alone.device
        self._tokenizer = alone.processor.tokenizer
        self._end = self._tokenizer.convert_tokens_to_ids(END)

    def caption(self, picture: Image.Image, prompt: str, begun: str, cancelled: Callable[[], bool]) -> str:
        """See ``Captioner``. The likeliest words, one after the other."""
        inputs = self._inputs([picture], prompt, begun)
        own = GenerationConfig(
            do_sample=False, max_new_tokens=self.preset.caption_tokens, repetition_penalty=REPEATED,
            eos_token_id=self._end, pad_token_id=self._tokenizer.pad_token_id,
        )  # fmt: skip
        asked = StoppingCriteriaList([_AskedToStop(cancelled)])
        made = self._model.generate(**inputs, generation_config=own, stopping_criteria=asked)
        written = self._tokenizer.decode(made[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
        return f"{begun}{written}"

    def likelihoods(self, pictures: Sequence[Image.Image], prompt: str, answers: Sequence[str]) -> list[float]:
        """See ``Reader``."""
        inputs = self._inputs(pictures, prompt)
        read = self._model(**inputs, use_cache=True, logits_to_keep=1)
        rows = [[*self._ids(words), self._end] for words in answers]
        first = read.logits[0, -1].float().log_softmax(-1)
        scores = torch.stack([first[row[0]] for row in rows])
        if (longest := max(map(len, rows))) > 1:
            scores += self._rest(rows, longest, inputs["input_ids"].shape[1], read.past_key_values)
        return scores.softmax(0).tolist()

    def _rest(self, rows: list[list[int]], longest: int, before: int, cache: Any) -> Tensor:
        """Log likelihood of all tokens of each row but its first, (rows,). What follows the end of a row counts
        nothing."""
        ids = torch.tensor([row + [self._end] * (longest - len(row)) for row in rows], device=self._device)
        real = torch.tensor([[n < len(row) for n in range(1, longest)] for row in rows], device=self._device)
        cache.batch_repeat_interleave(len(rows))
        place = before + torch.arange(longest - 1, device=self._device) + self._model.model.rope_deltas[0]
        said = self._model(
            input_ids=ids[:, :-1], past_key_values=cache, use_cache=True,
            position_ids=place.view(1, 1, -1).expand(3, len(rows), -1),
        ).logits  # fmt: skip
        each = said.float().log_softmax(-1).gather(-1, ids[:, 1:, None])[..., 0]
        return (each * real).sum(1)

    def _ids(self, text: str) -> list[int]:
        return self._tokenizer(text, add_special_tokens=False)["input_ids"]

    def _inputs(self, pictures: Sequence[Image.Image], prompt: str, begun: str = "") -> Any:
        text = self._processor.apply_chat_template(
            messages(prompt, len(pictures)), tokenize=False, add_generation_prompt=True
        )
        if text.count(_IMAGE) != len(pictures):
            raise ReaderMissing(
                f"The chat template of {self.preset.title} shows no pictures: its processor/ is not that of a model"
                " that sees. Take the processor of Qwen-Image-Edit as it was published."
            )
        seen = [sized(picture, self.preset.least_px, self.preset.most_px) for picture in pictures]
        return self._processor(text=[text + begun], images=seen, return_tensors="pt").to(self._device)


class _AskedToStop(StoppingCriteria):
    """Between two tokens: does somebody want to stop?"""

    def __init__(self, cancelled: Callable[[], bool]) -> None:
        self._cancelled = cancelled

    def __call__(self, input_ids: Any, scores: Any, **kwargs: Any) -> Any:
        if self._cancelled():
            raise Cancelled
        return torch.zeros(len(input_ids), dtype=torch.bool, device=input_ids.device)


def sized(picture: Image.Image, least: int, most: int) -> Image.Image:
    """A picture on an area from ``least`` to ``most`` px squared, its sides multiples of ``GRID``: as the processor
    would make it, within its preset's bounds."""
    area = picture.width * picture.height
    scale = sqrt(min(max(area, least**2), most**2) / area)
    width, height = (max(GRID, GRID * round(side * scale / GRID)) for side in picture.size)
    return picture.resize((width, height), Image.Resampling.BICUBIC)
