"""Small tokenizers in the exact classes and file layout of CLIP, T5 and Qwen2, trained on the words of the product.

Any text tokenises: CLIP and Qwen work on bytes, T5 has ``<unk>`` for characters that it has not seen.
"""

import math
import re
import string
from collections import Counter
from functools import cache
from itertools import pairwise
from typing import Any, cast

from diffusers.pipelines.qwenimage.pipeline_qwenimage_edit_plus import QwenImageEditPlusPipeline
from tokenizers import Regex, pre_tokenizers
from transformers import CLIPTokenizer, Qwen2Tokenizer, T5Tokenizer
from transformers.models.qwen2.tokenization_qwen2 import PRETOKENIZE_REGEX

from labs.mini_training.checkpoints.edit_words import EDIT_WORDS

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

# What the studio and its users say to FLUX: each word of it is a single token. Text, not taken from presets or from the
# world, because a training that goes on needs the tokens it began with; a test holds it against both.
CORPUS = (
    "portrait of ohwx_char person, smiling, profile-left view, clean background, studio lighting, shoulders visible",
    "portrait of ohwx_char person, neutral expression, front view, clean background, studio lighting",
    "close-up portrait of ohwx_char woman, angry expression, half-left view, soft window light, dramatic side light",
    "photo of ohwx_char man, sad expression, half-right view, plain grey background, hard light from the left",
    "picture of a character, profile-right view, smiling broadly, happy expression, a neutral face, laughing, serious",
    "head and shoulders portrait of a person, half body picture, upper body picture, full body photo",
    "closeup, headshot",
    "full body picture of ohwx_char person, in a T-pose, arms stretched out to both sides, head to feet visible",
    "standing, arms at the sides, sitting on a chair, side view, facing left, facing right, from behind, back view",
    "slightly left view, slightly right view, three-quarter view, looking at the camera, looking away, t-pose, crossed",
    "walking through a park, running on a track, dancing, walking, jumping, standing in the rain, with an umbrella",
    "in a forest, at the beach, on a beach, on a city street at night, street background, forest background",
    "studio background, plain light grey studio backdrop, beach background, city background, plain background",
    "in a cafe, in a library, in a garden, in an argument, at a train window, on a mountain top, on a stage",
    "in a kitchen, in an office, in the snow, blue dusk, neon light, coloured stage light, overcast light, spotlight",
    "plain white background, blue green pink beige yellow lilac dark grey white background",
    "even light, neutral light, soft even light, even studio light, studio light, light from the right, top light",
    "side light from the left, light from above, rim light from behind, backlight, hard light, from below, shadow",
    "sunset light, warm evening light, golden hour light, lamp light, bright daylight, clear morning afternoon light",
    "pale skin, light skin, tan skin, brown skin, dark skin, green skin, blue skin, with freckles, a scar, a mole",
    "black brown blond blonde red white pink blue green purple hair, grey hair, orange teal yellow violet amber",
    "bald, buzz cut, buzz hair, short hair, quiff, quiff hair, spiky hair, bob, bob hair, long hair, afro, afro hair",
    "curly hair, ponytail, ponytail hair, bun, bun hair, pigtails, pigtails hair, mohawk, mohawk hair, wavy straight",
    "brown eyes, blue eyes, green eyes, amber eyes, violet eyes, grey eyes, eyes, wide closed open",
    "round glasses, square glasses, shades, sunglasses, none, without, full beard, moustache, goatee, beard",
    "striped cheeks, stripes, gem on the forehead, gem, mark, headband, earrings, hat, scarf, tattoo, make-up",
    "wearing a red shirt, wearing an orange striped shirt, purple v-neck, black jacket, teal hoodie, yellow top, dress",
    "film grain, 85mm, sharp focus, high quality, low quality, blurry, detailed, realistic, cinematic, photograph",
    "soft, warm, cold, very, big, small, young, old, and, or, no, not, one, two, his, her, their, its, is, has, by, as",
    "this that for into under over near behind before, standing next to, holding a book, a cup of coffee, a dog, a car",
    "ohwx_char, ohwx_char_2, sks, zwx, person, woman, man, girl, boy, child, face, body, hair, skin, clothes",
)


def edit_template() -> str:
    """The system prompt that the Qwen edit pipeline puts before an instruction, read from the pipeline itself.

    The pipeline cuts a hard-coded number of leading tokens (``prompt_template_encode_start_idx``, 64), so a tokenizer
    has to give the template exactly that many; ``qwen()`` is trained to.
    """
    return edit_whole_template().split("{}")[0]


def edit_whole_template() -> str:
    """All of it, with ``{}`` where pictures and instruction go."""
    return _edit_pipeline().prompt_template_encode


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


def clip(merge_count: int = 2000) -> CLIPTokenizer:
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
    words = Counter(word for line in CORPUS for word in re.findall(r"[^\s,]+", line))
    total = sum(words.values())
    known = sorted(words, key=lambda word: (-words[word], word))
    characters = sorted(set("".join(CORPUS)) - {" "} | set(string.printable.strip()))
    pieces = {"<pad>": 0.0, "</s>": 0.0, "<unk>": 0.0}
    pieces |= {f"▁{word}": round(math.log(words[word] / total), 4) for word in known}
    pieces |= {piece: -12.0 for piece in ["▁", "_char", *characters] if piece not in pieces}
    return T5Tokenizer(vocab=list(pieces.items()), extra_ids=0, model_max_length=512)


def qwen(vocabulary: int = 1800) -> Qwen2Tokenizer:
    """A byte-level BPE in Qwen2's layout, vision tokens included, at most ``vocabulary`` pieces; the same every time.

    What the studio says (``EDIT_WORDS``) is a token a word, and the edit template ``edit_template_tokens()`` tokens.
    """
    merges = _qwen_merges(vocabulary - len(BYTES) - len(QWEN_SPECIAL))
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


@cache
def _qwen_merges(count: int) -> list[tuple[str, str]]:
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
    return _merges(Counter(tuple(word) for line in lines for word, _ in pieces.pre_tokenize_str(line)), count)
