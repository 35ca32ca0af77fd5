"""Who lives in the mini world: a character is a seeded vector of words (hair, eyes, clothes ...) and of numbers (the
shape of head and face). The words are what a caption can say; the numbers are what only pictures can show.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace

HELD_OUT = 9_000_000

RGB = tuple[float, float, float]

SKINS: dict[str, RGB] = {
    "pale": (0.99, 0.86, 0.78),
    "light": (0.97, 0.77, 0.63),
    "tan": (0.86, 0.61, 0.43),
    "brown": (0.62, 0.40, 0.27),
    "dark": (0.41, 0.26, 0.19),
    "green": (0.60, 0.82, 0.50),
    "blue": (0.52, 0.72, 0.93),
}
HAIRS: dict[str, RGB] = {
    "black": (0.13, 0.12, 0.16),
    "brown": (0.41, 0.24, 0.14),
    "blond": (0.96, 0.79, 0.38),
    "red": (0.80, 0.27, 0.12),
    "white": (0.90, 0.90, 0.94),
    "pink": (0.97, 0.48, 0.68),
    "blue": (0.22, 0.42, 0.87),
    "green": (0.20, 0.63, 0.38),
    "purple": (0.52, 0.29, 0.74),
}
EYES: dict[str, RGB] = {
    "brown": (0.47, 0.25, 0.10),
    "blue": (0.16, 0.50, 0.95),
    "green": (0.18, 0.66, 0.28),
    "amber": (0.95, 0.62, 0.08),
    "violet": (0.58, 0.26, 0.88),
    "grey": (0.48, 0.55, 0.62),
}
CLOTHES: dict[str, RGB] = {
    "red": (0.86, 0.22, 0.21),
    "blue": (0.20, 0.40, 0.83),
    "green": (0.21, 0.60, 0.35),
    "yellow": (0.97, 0.80, 0.23),
    "black": (0.17, 0.17, 0.20),
    "white": (0.94, 0.93, 0.91),
    "purple": (0.51, 0.29, 0.68),
    "orange": (0.96, 0.54, 0.18),
    "teal": (0.14, 0.65, 0.65),
}
TROUSERS: tuple[RGB, ...] = (
    (0.24, 0.32, 0.50),
    (0.28, 0.27, 0.31),
    (0.52, 0.42, 0.33),
    (0.36, 0.48, 0.62),
    (0.42, 0.30, 0.38),
)
STYLES = (
    "bald", "buzz", "short", "quiff", "spiky", "bob", "long", "afro", "curly", "ponytail", "bun", "pigtails", "mohawk"
)  # fmt: skip
HAIR_WORDS = {style: f"{style} hair" for style in ("short", "spiky", "long", "curly")} | {"buzz": "buzz cut"}
MARK_WORDS = {"stripes": "striped cheeks", "gem": "gem on the forehead"}
GLASSES = ("none", "round", "square", "shades")
BEARDS = ("none", "full", "moustache", "goatee")
MARKS = ("none", "freckles", "scar", "stripes", "mole", "gem")
TOPS = ("shirt", "striped shirt", "v-neck", "jacket", "hoodie")
EXTRAS = ("none", "headband", "earrings")
TWINS = ("skin", "hair", "style", "eyes", "glasses", "face")


class HeldOut(ValueError):
    """A seed of the held-out range was asked for without saying so."""


@dataclass(frozen=True)
class Shape:
    """Numbers in -1..1 that captions never name; 0 is the middle of the range. geometry.py and faces.py scale them."""

    head_width: float = 0.0
    jaw_width: float = 0.0
    face_length: float = 0.0
    chin: float = 0.0
    cheeks: float = 0.0
    nose_width: float = 0.0
    nose_length: float = 0.0
    nose_out: float = 0.0
    ears: float = 0.0
    eye_gap: float = 0.0
    eye_height: float = 0.0
    eye_wide: float = 0.0
    eye_tall: float = 0.0
    eye_slant: float = 0.0
    brow_height: float = 0.0
    brow_thick: float = 0.0
    brow_tilt: float = 0.0
    mouth_width: float = 0.0
    mouth_height: float = 0.0
    lips: float = 0.0
    neck: float = 0.0
    shoulders: float = 0.0
    build: float = 0.0
    hair_volume: float = 0.0
    hair_length: float = 0.0
    parting: float = 0.0


FACE_FIELDS = tuple(f.name for f in fields(Shape))[:20]


@dataclass(frozen=True)
class Colours:
    """RGB in 0..1, the words' colours with a little of the character's own."""

    skin: RGB
    hair: RGB
    eyes: RGB
    clothes: RGB
    trim: RGB
    trousers: RGB
    extra: RGB


@dataclass(frozen=True)
class Character:
    """One identity. ``variant`` is empty, or says how a twin differs: ``glasses-0``. Equal values, equal pixels."""

    seed: int
    skin: str
    hair: str
    style: str
    eyes: str
    glasses: str
    beard: str
    mark: str
    top: str
    clothes: str
    extra: str
    lashes: bool
    colours: Colours
    shape: Shape
    variant: str = ""

    @property
    def id(self) -> str:
        """``1234``, or ``1234/glasses-0`` for a twin."""
        return f"{self.seed}/{self.variant}" if self.variant else str(self.seed)

    @classmethod
    def from_seed(cls, seed: int, held_out: bool = False) -> "Character":
        """The character of this seed. Seeds from 9,000,000 up are kept for the last examination: :class:`HeldOut`
        unless ``held_out``, so that no training, tuning or test touches them by accident."""
        if seed < 0 or (seed >= HELD_OUT and not held_out):
            raise HeldOut(
                f"seed {seed}: seeds from {HELD_OUT:,} up are held out; pass held_out=True to examine with them"
            )
        return _draw(seed)

    def attributes(self) -> dict[str, str]:
        """What a caption may say about this character, by attribute; only what is there."""
        hair = "bald" if self.style == "bald" else f"{self.hair} {HAIR_WORDS.get(self.style, self.style)}"
        said = {"skin": f"{self.skin} skin", "hair": hair, "eyes": f"{self.eyes} eyes"}
        said["clothes"] = f"{self.clothes} {self.top}"
        rest = {"glasses": "shades" if self.glasses == "shades" else f"{self.glasses} glasses"}
        rest |= {
            "beard": {"full": "full beard"}.get(self.beard, self.beard),
            "mark": MARK_WORDS.get(self.mark, self.mark),
            "extra": self.extra,
        }
        return said | {key: word for key, word in rest.items() if getattr(self, key) != "none"}

    def parameters(self) -> dict[str, object]:
        """Everything that makes this character, as plain data."""
        return asdict(self)


def _pick(rng: random.Random, values: Sequence[str], weights: Sequence[float] | None = None) -> str:
    return rng.choices(values, weights or [1.0] * len(values))[0]


def _near(rng: random.Random, colour: RGB, spread: float) -> RGB:
    """The colour with its own lightness and a little of its own hue."""
    light = rng.uniform(-spread, spread)
    r, g, b = (min(1.0, max(0.03, c + light + rng.uniform(-spread, spread) * 0.4)) for c in colour)
    return r, g, b


def _other(rng: random.Random, values: Mapping[str, RGB], *taken: str) -> str:
    return rng.choice([name for name in values if name not in taken])


def _draw(seed: int) -> Character:
    rng = random.Random(seed)  # noqa: S311  a world to look at, no secrets
    skin = _pick(rng, list(SKINS), (1.0, 1.3, 1.2, 1.1, 1.0, 0.3, 0.3))
    hair = _pick(rng, list(HAIRS), (1.0, 1.2, 1.0, 1.0, 0.7, 0.8, 0.8, 0.6, 0.8))
    style = _pick(rng, STYLES, (0.4, 0.6, 1.1, 0.9, 0.9, 1.1, 1.2, 0.8, 0.9, 0.9, 0.8, 0.8, 0.5))
    eyes, clothes = _pick(rng, list(EYES)), _pick(rng, list(CLOTHES))
    lashes = rng.random() < {"bob": 0.8, "long": 0.7, "pigtails": 0.9, "bun": 0.8, "ponytail": 0.7}.get(style, 0.3)
    beard = "none" if lashes else _pick(rng, BEARDS, (1.6, 0.7, 0.6, 0.5))
    glasses = _pick(rng, GLASSES, (2.8, 0.9, 0.7, 0.25))
    mark = _pick(rng, MARKS, (2.4, 1.0, 0.5, 0.4, 0.6, 0.3))
    top, extra = _pick(rng, TOPS), _pick(rng, EXTRAS, (3.0, 0.9, 0.9))
    trim = _other(rng, CLOTHES, clothes, "black" if clothes == "blue" else clothes)
    colours = Colours(
        _near(rng, SKINS[skin], 0.02),
        _near(rng, HAIRS[hair], 0.025),
        _near(rng, EYES[eyes], 0.02),
        _near(rng, CLOTHES[clothes], 0.02),
        CLOTHES[trim],
        rng.choice(TROUSERS),
        CLOTHES[_other(rng, CLOTHES, hair, "black")],
    )
    shape = Shape(**{f.name: rng.uniform(-1, 1) for f in fields(Shape)})
    return Character(seed, skin, hair, style, eyes, glasses, beard, mark, top, clothes, extra, lashes, colours, shape)


def _other_face(rng: random.Random, shape: Shape) -> Shape:
    """Every number of the face moved by 0.7 to 1.3 of its range of 2, wrapped: far from the first, as likely."""
    moved = {name: (getattr(shape, name) + rng.uniform(0.7, 1.3) + 1) % 2 - 1 for name in FACE_FIELDS}
    return replace(shape, **moved)


def twin(character: Character, feature: str, number: int = 0) -> Character:
    """The same character but for one feature: ``skin``, ``hair`` (its colour), ``style``, ``eyes``, ``glasses`` or
    ``face`` (equal colours, another shape). ``number`` picks among possible twins. ``ValueError`` otherwise."""
    if feature not in TWINS:
        raise ValueError(f"no twins by {feature!r}: one of {', '.join(TWINS)}")
    rng = random.Random(f"{character.id} {feature} {number}")  # noqa: S311
    named = replace(character, variant=f"{feature}-{number}")
    if feature == "face":
        return replace(named, shape=_other_face(rng, character.shape))
    if feature in ("style", "glasses"):
        values = STYLES if feature == "style" else GLASSES
        return replace(named, **{feature: rng.choice([v for v in values if v != getattr(character, feature)])})
    table = {"skin": SKINS, "hair": HAIRS, "eyes": EYES}[feature]
    word = _other(rng, table, getattr(character, feature))
    return replace(named, **{feature: word}, colours=replace(character.colours, **{feature: table[word]}))
