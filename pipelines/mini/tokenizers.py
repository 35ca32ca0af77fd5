"""Small tokenizers in the exact classes and file layout of CLIP, T5 and Qwen2, trained on the words of the product.

Any text tokenises: CLIP and Qwen work on bytes, T5 has ``<unk>`` for characters that it has not seen.
"""

import math
import re
import string
from collections import Counter
from itertools import pairwise
from typing import Any, cast

from diffusers.pipelines.qwenimage.pipeline_qwenimage_edit_plus import QwenImageEditPlusPipeline
from tokenizers import Regex, pre_tokenizers
from transformers import CLIPTokenizer, Qwen2Tokenizer, T5Tokenizer
from transformers.models.qwen2.tokenization_qwen2 import PRETOKENIZE_REGEX

from pipelines.mini.edit_words import EDIT_WORDS

BYTES = sorted(pre_tokenizers.ByteLevel.alphabet())
QWEN_SPECIAL = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|vision_pad|>",
    "<|image_pad|>",
    "<|video_pad|>",
)

# What the studio says to models: enough for whole words of captions, angles, expressions and instructions to be single
# tokens. Text, not imported from presets, because a recipe must give the same files for ever.
CORPUS = (
    "portrait of ohwx_char person, smiling, profile-left view, clean background, studio lighting",
    "portrait of ohwx_char person, neutral expression, front view, clean background, studio lighting",
    "portrait of ohwx_char woman, angry, half-left view, looking at the camera, soft light, 85mm, film grain",
    "portrait of ohwx_char man, sad, half-right view, plain grey background, hard light from the left",
    "photo of ohwx_char person, profile-right view, closed mouth, raised brows, wide eyes",
    "full body photo of ohwx_char person, standing, sitting, walking, running, jumping, arms crossed, from behind",
    "ohwx_char person wearing a red jacket on a beach at sunset, in a cafe, in a forest, on a city street at night",
    "ohwx_char person in an office with a laptop, in a kitchen, under an umbrella in the rain, in the snow",
    "a close-up portrait, a head and shoulders portrait, a three-quarter view, a back view, a side profile",
    "turn the head to the left, turn the head to the right, rotate the camera 45 degrees to the left",
    "make the person smile, make the person angry, make the person sad, give the face a neutral expression",
    "change the background to a plain wall, change the light to golden hour, change the clothes to a black suit",
    "keep the face, the hair, the skin and the identity of the person exactly the same, remove the glasses",
    "the same person with longer hair, with short hair, with a beard, with a hat, with a scarf, with make-up",
    "hair: blond, brown, black, red, grey. eyes: blue, green, brown, hazel. skin: pale, tan, dark, freckles",
    "blurry, low quality, deformed, extra fingers, watermark, text, cropped, out of frame, a different person",
    "Picture 1: Picture 2: Picture 3: the person of Picture 1 in the pose of Picture 2",
    "将镜头向前移动 将镜头向后移动 将镜头向左移动 将镜头向右移动 将镜头向上移动 将镜头向下移动",
    "将镜头向左旋转45度 将镜头向右旋转45度 将镜头向左旋转90度 将镜头向右旋转90度",
    "将镜头转为俯视 将镜头转为仰视 将镜头转为广角镜头 将镜头转为特写镜头 保持人物不变 表情 微笑 生气 悲伤",
)


def edit_template() -> str:
    """The system prompt that the Qwen edit pipeline puts before an instruction, read from the pipeline itself.

    The pipeline cuts a hard-coded number of leading tokens (``prompt_template_encode_start_idx``, 64), so a tokenizer
    has to give the template exactly that many; ``qwen()`` is trained to.
    """
    return _edit_pipeline().prompt_template_encode.split("{}")[0]


def edit_template_tokens() -> int:
    """How many leading tokens the Qwen edit pipeline cuts."""
    return _edit_pipeline().prompt_template_encode_start_idx


def _edit_pipeline() -> Any:
    nothing: Any = None
    return QwenImageEditPlusPipeline(nothing, nothing, nothing, nothing, nothing, nothing)


def _words(pattern: str) -> Counter[str]:
    return Counter(word for line in CORPUS for word in re.findall(pattern, line.lower()))


def _merges(words: Counter[tuple[str, ...]], count: int) -> list[tuple[str, str]]:
    """Byte pair encoding, ties broken by the alphabet: the library's trainer breaks them anew each time."""
    merges: list[tuple[str, str]] = []
    while len(merges) < count:
        pairs: Counter[tuple[str, str]] = Counter()
        for word, n in words.items():
            for pair in pairwise(word):
                pairs[pair] += n
        if not pairs:
            break
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        words = Counter({_merged(word, best): n for word, n in words.items()})
    return merges


def _merged(word: tuple[str, ...], pair: tuple[str, str]) -> tuple[str, ...]:
    out: list[str] = []
    for piece in word:
        if out and (out[-1], piece) == pair:
            out[-1] += piece
        else:
            out.append(piece)
    return tuple(out)


def clip(merge_count: int = 900) -> CLIPTokenizer:
    """A byte-level BPE in CLIP's layout, at most 77 tokens; ``<|endoftext|>`` is the highest id (CLIP pools there)."""
    encode = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False).pre_tokenize_str
    words: Counter[tuple[str, ...]] = Counter()
    for word, n in _words(r"[^\W\d_]+|\d|[^\s\w]+|_").items():
        characters = tuple(encode(word)[0][0])
        words[*characters[:-1], characters[-1] + "</w>"] += n
    merges = _merges(words, merge_count)
    # A single byte at the end of a word needs an entry of its own, else an unseen character has no id.
    pieces = [*BYTES, *(byte + "</w>" for byte in BYTES), *(a + b for a, b in merges)]
    vocab = {piece: n for n, piece in enumerate(dict.fromkeys([*pieces, "<|startoftext|>", "<|endoftext|>"]))}
    return CLIPTokenizer(vocab=vocab, merges=cast(Any, merges), model_max_length=77)


def t5() -> T5Tokenizer:
    """A unigram model of whole words over characters, in T5's layout: ``<pad>`` 0, ``</s>`` 1, ``<unk>`` 2; at most
    512 tokens. Scores are log frequencies, characters a good deal below: a known word stays whole."""
    words = Counter(word for line in CORPUS for word in line.split())
    total = sum(words.values())
    known = sorted(words, key=lambda word: (-words[word], word))
    characters = sorted(set("".join(CORPUS)) - {" "} | set(string.printable.strip()))
    pieces = {"<pad>": 0.0, "</s>": 0.0, "<unk>": 0.0}
    pieces |= {f"▁{word}": round(math.log(words[word] / total), 4) for word in known}
    pieces |= {character: -12.0 for character in ["▁", *characters] if character not in pieces}
    return T5Tokenizer(vocab=list(pieces.items()), extra_ids=0, model_max_length=512)


def qwen(vocabulary: int = 1800) -> Qwen2Tokenizer:
    """A byte-level BPE in Qwen2's layout, vision tokens included, at most ``vocabulary`` pieces; the same every time.

    What the studio says (``EDIT_WORDS``) is a token a word, and the edit template ``edit_template_tokens()`` tokens.
    """
    pieces = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PRETOKENIZE_REGEX), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    template = edit_template()
    for special in QWEN_SPECIAL:
        template = template.replace(special, "")
    said = [*EDIT_WORDS, *(word for line in EDIT_WORDS for word in line.split())]
    lines = [*[template] * 4, *said, *(f" {line}" for line in said)]
    words = Counter(tuple(word) for line in lines for word, _ in pieces.pre_tokenize_str(line))
    merges = _merges(words, vocabulary - len(BYTES) - len(QWEN_SPECIAL))
    vocab = {piece: n for n, piece in enumerate(dict.fromkeys([*BYTES, *(a + b for a, b in merges), *QWEN_SPECIAL]))}
    made = Qwen2Tokenizer(
        vocab=vocab,
        merges=cast(Any, merges),
        model_max_length=32768,
        additional_special_tokens=list(QWEN_SPECIAL[1:]),
    )
    length = len(made(edit_template())["input_ids"])
    if length != edit_template_tokens():
        raise ValueError(f"the edit template became {length} tokens; the pipeline cuts {edit_template_tokens()}")
    return made
