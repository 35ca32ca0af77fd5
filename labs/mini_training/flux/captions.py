"""From what is true of a picture to what somebody would write to get it: plain English in the studio's templates.

A caption says less than is true (things are left out at random) and never what is not, but for harmless words that no
picture of this world can show. So a prompt may be short, and words that the model does not know do no harm.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from labs.mini_training.faces.targets import FACE_HEADS, SCENE_HEADS, WORDS
from pipelines.world.renderer import PLAIN, YAWS
from pipelines.world.renderer.characters import HAIR_WORDS, MARK_WORDS

EMPTY, NOBODY, EVERYTHING, DROPPED = 0.08, 0.20, 0.30, 0.30
"""Shares of captions without words, without looks, with all looks; and how often one of the looks is left out else."""
NAMED, HARMLESS = 0.40, 0.15
NEAR, BETWEEN = 12.0, 33.0
"""Degrees around a named angle within which its name is true, and up to which a head is slightly turned."""

KINDS = {
    "portrait": ("portrait of", "portrait of", "portrait of", "close-up portrait of", "photo of", ""),
    "bust": ("head and shoulders portrait of", "half body picture of", "upper body picture of", "picture of", ""),
    "full": ("full body picture of", "full body picture of", "full body photo of", "full body picture of", "photo of"),
}
PEOPLE = ("person", "person", "person", "person", "person", "person", "character", "woman", "man")
EXPRESSIONS = {
    "neutral": ("neutral expression", "neutral expression", "neutral", "a neutral face"),
    "smiling": ("smiling", "smiling", "smiling", "smiling broadly", "happy expression"),
    "angry": ("angry expression", "angry expression", "angry"),
    "sad": ("sad expression", "sad expression", "sad"),
}
POSES = {
    "standing": ("standing", "standing", "standing, arms at the sides"),
    "t-pose": ("in a T-pose", "in a T-pose", "in a T-pose, arms stretched out to both sides", "T-pose"),
    "sitting": ("sitting on a chair", "sitting on a chair", "sitting"),
}
LIGHTS = {
    "neutral": ("even light", "neutral light", "even studio light", "overcast light", "soft even light"),
    "front": ("studio lighting", "studio lighting", "studio lighting", "studio light", "soft window light"),
    "left": ("light from the left", "side light from the left", "hard light from the left", "dramatic side light"),
    "right": ("light from the right", "side light from the right", "hard light from the right", "dramatic side light"),
    "above": ("light from above", "light from above", "top light", "spotlight"),
    "rear": ("rim light from behind", "rim light", "light from behind", "backlight"),
    "sunset": ("sunset light", "sunset light", "warm evening light", "golden hour light", "lamp light"),
    "daylight": ("daylight", "bright daylight", "clear daylight", "morning light", "afternoon light"),
}
SCENES = {
    "studio": ("studio background", "plain light grey studio backdrop", "clean background", "plain background"),
    "forest": ("in a forest", "in a forest", "forest background", "in a park"),
    "beach": ("on a beach", "at the beach", "beach background", "on a beach"),
    "city": ("on a city street", "on a city street", "city background", "street background"),
}
ELSEWHERE = ("in a cafe", "in a library", "in the rain", "in a garden", "in an argument", "at a train window")
ELSEWHERE += ("on a mountain top", "on a stage", "in a kitchen", "at night", "in an office", "in the snow")
MOVES = ("walking through a park", "running on a track", "dancing", "walking", "jumping")
TAILS = ("film grain", "85mm", "sharp focus", "high quality", "blue dusk", "neon light", "coloured stage light")
SYLLABLES = ("ba", "do", "fi", "ka", "lu", "mi", "no", "ra", "sa", "te", "vo", "xu", "zi", "q", "z", "x", "7", "3")


@dataclass(frozen=True)
class Facts:
    """What is true of one picture. ``looks`` are words by attribute, only what is there; ``pose`` may be ``none``."""

    looks: Mapping[str, str]
    yaw: float
    expression: str
    light: str
    background: str
    framing: str
    pose: str
    face: bool

    @classmethod
    def of(cls, table: Mapping[str, np.ndarray], row: int, mirrored: bool = False) -> "Facts":
        """Row ``row`` of a pool's truth table (``faces.targets.table``), or of the same picture in a mirror."""
        word = {name: words[int(table[name][row])] for name, words in (WORDS | FACE_HEADS | SCENE_HEADS).items()}
        sine, cosine = (float(v) for v in table["turn"][row, :2])
        yaw, light = float(np.degrees(np.arctan2(sine, cosine))), word["light"]
        if mirrored:
            yaw, light = -yaw, {"left": "right", "right": "left"}.get(light, light)
        here = {k: word[k] for k in ("expression", "background", "framing", "pose")}
        return cls(looks=_looks(word), yaw=yaw, light=light, face=word["facing"] == "toward", **here)


def _looks(word: Mapping[str, str]) -> dict[str, str]:
    """As ``Character.words`` says it."""
    style = word["style"]
    said = {"skin": f"{word['skin']} skin", "eyes": f"{word['eyes']} eyes"}
    said["hair"] = "bald" if style == "bald" else f"{word['hair']} {HAIR_WORDS.get(style, style)}"
    said["clothes"] = f"{word['clothes']} {word['top']}"
    glasses, beard, mark, extra = (word[k] for k in ("glasses", "beard", "mark", "extra"))
    rest = {"glasses": "shades" if glasses == "shades" else f"{glasses} glasses"}
    rest |= {"beard": "full beard" if beard == "full" else beard, "mark": MARK_WORDS.get(mark, mark), "extra": extra}
    return said | {k: v for k, v in rest.items() if word[k] != "none"}


def caption(facts: Facts, rng: random.Random) -> str:
    """A caption; the same for the same state of ``rng``."""
    if rng.random() < EMPTY:
        return ""
    odd = rng.random() < HARMLESS
    looks, place = _said_looks(facts, rng), _place(facts, rng, odd)
    head = " ".join(part for part in (rng.choice(KINDS[facts.framing]), _who(rng)) if part)
    view = [part for part in (_expression(facts, rng), angle(facts, rng)) if part]
    rng.shuffle(view)
    rest = [part for part in (_pose(facts, rng, odd), *view, _light(facts, rng)) if part]
    if place and place[:3] in ("in ", "on ", "at ") and rng.random() < 0.6:
        head = f"{head} {place}"
    elif place:
        rest.insert(rng.randrange(len(rest) + 1), place)
    rest += [rng.choice(TAILS)] if odd and rng.random() < 0.4 else []
    rest += _frame(facts, rng)
    if rng.random() < 0.3:
        rng.shuffle(rest)
    return _joined(head, looks, rest, rng)


def _joined(head: str, looks: Sequence[str], rest: list[str], rng: random.Random) -> str:
    """Looks come after the person in a phrase, or one by one, or last of all."""
    way = rng.random()
    if not looks or way < 0.4:
        return ", ".join([head, *looks, *rest])
    if way < 0.8:
        worn = [look for look in looks if look.startswith("wearing")]
        had = [look for look in looks if not look.startswith("wearing")]
        with_ = [f"with {', '.join(had[:-1])} and {had[-1]}" if len(had) > 1 else f"with {had[0]}"] if had else []
        return ", ".join([" ".join([head, *with_, *worn]), *rest])
    return ", ".join([head, *rest, *looks])


def _said_looks(facts: Facts, rng: random.Random) -> list[str]:
    """The looks that this caption tells, in random order. Of somebody seen from behind, only hair and clothes."""
    r = rng.random()
    keep = 0.0 if r < NOBODY else 1.0 if r < NOBODY + EVERYTHING else 1 - DROPPED
    seen = facts.looks if facts.face else {k: v for k, v in facts.looks.items() if k in ("hair", "clothes")}
    told = [_look(name, word, rng) for name, word in seen.items() if rng.random() < keep]
    rng.shuffle(told)
    return told


def _look(name: str, word: str, rng: random.Random) -> str:
    if name == "hair" and word != "bald" and "hair" not in word and word != "buzz cut" and rng.random() < 0.3:
        return f"{word} hair"
    if name == "clothes":
        article = "an" if word[0] in "aeiou" else "a"
        return rng.choice((f"wearing {article} {word}", f"wearing {article} {word}", word))
    return word


def _who(rng: random.Random) -> str:
    person = rng.choice(PEOPLE)
    if rng.random() >= NAMED:
        return rng.choice((person, person, f"a {person}"))
    return f"{name(rng)} {person}"


def name(rng: random.Random) -> str:
    """A trigger word as people invent them, or the studio's own."""
    if rng.random() < 0.5:
        return "ohwx_char"
    made = "".join(rng.choice(SYLLABLES) for _ in range(rng.choice((2, 3))))
    return rng.choice((made, f"{made}_char", f"ohwx_{made}"))


def angle(facts: Facts, rng: random.Random) -> str:
    """Words for where the nose points: ``left`` is the picture's left edge; empty where no word is true."""
    if not facts.face:
        return rng.choice(("from behind", "from behind", "back view")) if abs(facts.yaw) > 140 else ""
    if rng.random() < 0.06:
        return ""
    named = min(YAWS, key=lambda a: abs(YAWS[a] - facts.yaw))
    if abs(YAWS[named] - facts.yaw) <= NEAR:
        if named.startswith("profile") and rng.random() < (0.5 if facts.framing == "full" else 0.1):
            return f"side view, facing {named.removeprefix('profile-')}"
        return f"{named} view"
    if abs(facts.yaw) < BETWEEN:
        return f"slightly {'left' if facts.yaw < 0 else 'right'} view"
    return ""


def _expression(facts: Facts, rng: random.Random) -> str:
    told = 0.5 if facts.framing == "full" else 0.94
    return rng.choice(EXPRESSIONS[facts.expression]) if facts.face and rng.random() < told else ""


def _pose(facts: Facts, rng: random.Random, odd: bool) -> str:
    if facts.pose == "none" or rng.random() < (0.05 if facts.framing == "full" else 0.2):
        return ""
    if odd and facts.framing == "full" and facts.pose == "standing" and rng.random() < 0.5:
        return rng.choice(MOVES)
    return rng.choice(POSES[facts.pose])


def _light(facts: Facts, rng: random.Random) -> str:
    return rng.choice(LIGHTS[facts.light]) if rng.random() < 0.75 else ""


def _place(facts: Facts, rng: random.Random, odd: bool) -> str:
    """The background; of plain ones often no colour is told, and sometimes somewhere that this world has not."""
    if rng.random() < 0.2:
        return ""
    if facts.background in SCENES:
        return rng.choice(SCENES[facts.background])
    if odd and rng.random() < 0.6:
        return rng.choice(ELSEWHERE)
    assert facts.background in PLAIN
    return rng.choice(("clean background", "clean background", "plain background", *_coloured(facts.background)))


def _coloured(colour: str) -> tuple[str, ...]:
    return (f"plain {colour} background", f"plain {colour} background", f"{colour} background")


def _frame(facts: Facts, rng: random.Random) -> list[str]:
    if rng.random() < 0.65:
        return []
    return ["head to feet visible"] if facts.framing == "full" else ["shoulders visible"]


def vocabulary() -> list[str]:
    """Every phrase that a caption can hold, names aside: what a tokenizer should have whole words for."""
    rows = [KINDS, EXPRESSIONS, POSES, LIGHTS, SCENES]
    said = [phrase for row in rows for phrases in row.values() for phrase in phrases]
    said += [*PEOPLE, *ELSEWHERE, *MOVES, *TAILS, *(c for colour in PLAIN for c in _coloured(colour))]
    said += [f"{word} skin" for word in WORDS["skin"]] + [f"{word} eyes" for word in WORDS["eyes"]]
    said += [f"{a} {HAIR_WORDS.get(b, b)}" for a in WORDS["hair"] for b in WORDS["style"]]
    said += [f"wearing a {a} {b}" for a in SCENE_HEADS["clothes"] for b in SCENE_HEADS["top"]]
    said += [*(f"{g} glasses" for g in WORDS["glasses"]), *WORDS["beard"], "full beard", *WORDS["extra"], "a", "an"]
    said += [*(MARK_WORDS.get(m, m) for m in WORDS["mark"]), *(f"{a} view" for a in YAWS), "side view, facing left"]
    return [
        *said,
        "facing right",
        "slightly left view",
        "slightly right view",
        "from behind",
        "back view",
        "with",
        "and",
    ]
