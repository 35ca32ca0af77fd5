"""What the mini reader is asked about pictures whose truth is known, and the true answers: the product's own questions
(``presets/prompts``) in the words of its preset."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

from labs.mini_training.editor.instructions import Seen, differences, instruction
from pipelines.domain.presets import Edit
from pipelines.domain.reading import Question, ReaderPreset
from pipelines.faces.angle import angle_of
from pipelines.planning.captions import FRAMINGS
from pipelines.storage.presets import shipped

READER = "mini-reader"
BEHIND = 112.0
"""Degrees from which on a head is seen from behind."""
PLACES = {"studio": "plain light grey studio backdrop", "forest": "in a forest", "beach": "on a beach",
          "city": "on a city street"}  # fmt: skip
STYLES = {"black-and-white": "black and white photograph", "film": "film still with film grain"}
NAMED = ("ohwx_char person", "ohwx_char person", "ohwx_char person", "ohwx_char woman", "sks man", "zwx person")
SWAPPED = {"left": "right", "right": "left"}
MIRRORED = {"rear": "", "sunset": "", "daylight": "", "front": ""}
"""Lights that come a little from one side: their mirror images are no named light."""


@dataclass(frozen=True)
class Known:
    """What is true of one picture. ``pose`` is empty where it is not known; ``who`` names the character."""

    yaw: float
    expression: str
    framing: str
    pose: str
    light: str
    background: str
    style: str = "plain"
    who: int = 0

    @property
    def behind(self) -> bool:
        """Whether the head is seen from behind."""
        return abs((self.yaw + 180) % 360 - 180) >= BEHIND

    @property
    def angle(self) -> str:
        """As the product names it, between its bins ``unsure``."""
        turned = (self.yaw + 180) % 360 - 180
        return "back" if self.behind else angle_of(turned)

    @property
    def face(self) -> str:
        """The expression, where a face is large enough to show one."""
        return "unsure" if self.behind or self.framing == "full" else self.expression

    def mirrored(self) -> "Known":
        """What is true of the picture in a mirror."""
        light = SWAPPED.get(self.light, MIRRORED.get(self.light, self.light))
        return Known(-self.yaw, self.expression, self.framing, self.pose, light, self.background, self.style, self.who)

    def of(self, fact: str) -> str:
        """The value of a fact."""
        return {"angle": self.angle, "expression": self.face, "framing": self.framing, "pose": self.pose}[fact]

    def seen(self) -> Seen:
        """As instructions of edits speak of it."""
        return Seen(self.yaw, self.expression, self.light, self.background, self.framing, self.style)


@dataclass(frozen=True)
class Row:
    """Which pictures (places in a batch), what is asked, what the answer begins with, and the true answer."""

    pictures: tuple[int, ...]
    prompt: str
    answer: str
    begun: str = ""


@dataclass
class Asking:
    """Rows of questions in the reader's own words."""

    preset: ReaderPreset = field(default_factory=lambda: shipped().readers[READER])

    def question(self, name: str) -> Question:
        """A question of the presets as this reader is asked it."""
        return self.preset.question(next(q for q in shipped().questions if q.name == name))

    def about(self, place: int, known: Known, name: str) -> Row | None:
        """A question about one picture; None where its truth is between two answers."""
        question = self.question(name)
        value = known.of(question.fact)
        options = [o for o in question.options if o.value == value]
        if not options or (value == "unsure" and name != "expression"):
            return None
        return Row((place,), question.asked("person"), options[0].words)

    def yes_or_no(self, places: tuple[int, ...], name: str, value: str, told: str = "") -> Row:
        """A question of two options."""
        question = self.question(name)
        words = next(o.words for o in question.options if o.value == value)
        return Row(places, question.asked("person", told), words)

    def caption(self, place: int, known: Known, rng: random.Random) -> Row:
        """The caption of a picture, begun with what the character is called."""
        who = rng.choice(NAMED)
        prompt = self.preset.caption_prompt(next(c for c in shipped().caption_prompts if c.name == "tags"))
        return Row((place,), prompt.asked(who, "person"), ", " + ", ".join(phrases(known)), who)


def phrases(known: Known) -> Iterator[str]:
    """All that varies, in the words that the presets have for it."""
    yield FRAMINGS[known.framing]
    if known.framing != "portrait" and known.pose not in ("", "none"):
        yield known.pose if known.pose != "t-pose" else "T-pose"
    yield PLACES.get(known.background, f"{known.background} background")
    if known.light:
        yield light_words(known.light)
    if known.face != "unsure":
        yield known.expression
    if known.behind:
        yield "from behind"
    elif known.angle != "unsure":
        yield f"{known.angle} view"
    if known.style in STYLES:
        yield STYLES[known.style]


def light_words(light: str) -> str:
    """A light as captions call it."""
    own = {"front": "light from the front", "sunset": "sunset light", "daylight": "bright daylight"}
    edits: dict[str, Edit] = {e.value: e for a in shipped().axes if a.name == "lighting" for e in a.edits}
    return own.get(light) or edits[light].caption


def asked_for(before: Known, after: Known, rng: random.Random) -> str:
    """The instruction that leads from one picture to another."""
    return instruction(before.seen(), after.seen(), rng, brief=rng.random() < 0.3)


def fulfils(result: Known, before: Known, after: Known) -> bool:
    """Whether a picture shows what was to be changed from ``before`` to ``after``."""
    changed = differences(before.seen(), after.seen())
    return not any(name in differences(after.seen(), result.seen()) for name in changed)
