"""From what two pictures show to the words that lead from one to the other.

Long instructions are the studio's own, word for word (``presets/prompts/edits.toml``, ``survey.toml``), and a few in
their manner for what these do not name; brief ones are what somebody would type.
"""

import random
from dataclasses import dataclass

from pipelines.domain.presets import Edit
from pipelines.planning.enrich import prompt_for
from pipelines.storage.presets import shipped
from pipelines.world.renderer import YAWS

EMPTY = " "
"""What the pipeline is told when it is to be told nothing: the other end of classifier-free guidance."""
# How near to a named angle a picture has to be for its name to be true, and from where on a turn is "slight"; degrees.
NEAR, SLIGHT = 13.0, 28.0


@dataclass(frozen=True)
class Seen:
    """What a picture shows, as far as an instruction can change it. ``style`` as in ``pool.STYLES``."""

    yaw: float
    expression: str
    light: str
    background: str
    framing: str
    style: str

    @property
    def angle(self) -> str:
        """The named angle, or empty between two of them."""
        name = min(YAWS, key=lambda known: abs(YAWS[known] - self.yaw))
        return name if abs(YAWS[name] - self.yaw) < NEAR else ""


FACTORS = ("yaw", "expression", "light", "background", "framing", "style")

CALLED = {"city": "street", "plain": "photo"}
"""Where the presets call something else than the world does."""
KEEP = {
    "yaw": "Keep the same person, hairstyle, clothes, expression, lighting and background.",
    "light": "Keep the same person, pose, expression, clothes and background.",
    "background": "Keep the same person, pose, expression, clothes and lighting of the face.",
    "framing": "Keep the same person, head angle, expression, clothes, lighting and background.",
}
BRIEF: dict[str, dict[str, tuple[str, ...]]] = {
    "yaw": {
        "front": ("front view", "turn to the front", "the person looks straight into the camera"),
        "half-left": ("half-left view", "turn half left", "three-quarter view to the left"),
        "half-right": ("half-right view", "turn half right", "three-quarter view to the right"),
        "profile-left": ("profile-left view", "turn to the left profile", "side view, facing left"),
        "profile-right": ("profile-right view", "turn to the right profile", "side view, facing right"),
    },
    "expression": {
        "smiling": ("smiling", "the person smiles", "make the person smile"),
        "neutral": ("neutral expression", "a neutral and relaxed face", "make the face neutral"),
        "angry": ("angry expression", "the person is angry", "make the person angry"),
        "sad": ("sad expression", "the person is sad", "make the person sad"),
    },
    "light": {
        "neutral": ("neutral light", "even studio light", "remove the shadows", "neutralise the lighting"),
        "front": ("light from the front", "soft studio lighting from the front"),
        "left": ("light from the left", "light the person from the left"),
        "right": ("light from the right", "light the person from the right"),
        "above": ("light from above", "light the person from above"),
        "rear": ("light from behind", "rim light", "add a rim light from behind"),
        "sunset": ("sunset light", "change the lighting to sunset light"),
        "daylight": ("bright daylight", "change the lighting to daylight"),
    },
    "background": {
        "studio": ("studio background", "clean background", "a plain light grey studio backdrop"),
        "forest": ("in a forest", "change the background to a forest"),
        "beach": ("at the beach", "change the background to a beach"),
        "city": ("on a city street", "change the background to a city street"),
    },
    "framing": {
        "portrait": ("close-up portrait", "head and shoulders", "zoom in on the face"),
        "bust": ("from the waist up", "show the upper body"),
        "full": ("full body picture", "show the whole body"),
    },
    "style": {
        "plain": ("in full colour", "a realistic photograph"),
        "black-and-white": ("black and white", "a black and white photograph"),
        "film": ("film still", "colours and grain of a film still"),
    },
}
COLOUR = ("{} background", "plain {} background", "change the background to plain {}")
FRAMES = {
    "portrait": "Move the camera nearer: a close-up portrait, head and shoulders.",
    "bust": "Change the framing: show the person from the waist up.",
    "full": "Move the camera away: show the whole body from head to feet.",
}


def differences(before: Seen, after: Seen) -> list[str]:
    """The factors in which two pictures differ, in the order of ``FACTORS``; angles that differ by a few degrees are
    the same."""
    return [
        name
        for name in FACTORS
        if (abs(before.yaw - after.yaw) > 8 if name == "yaw" else getattr(before, name) != getattr(after, name))
    ]


def instruction(before: Seen, after: Seen, rng: random.Random, brief: bool) -> str:
    """Words that lead from ``before`` to ``after``; several differences are always told briefly."""
    changed = differences(before, after)
    if not changed:
        return EMPTY
    if brief or len(changed) > 1:
        text = ", ".join(_brief(name, before, after, rng) for name in changed)
        return text[0].upper() + text[1:] if rng.random() < 0.3 else text
    return _long(changed[0], before, after, rng)


def _brief(name: str, before: Seen, after: Seen, rng: random.Random) -> str:
    if name == "yaw":
        side = "left" if after.yaw < before.yaw else "right"
        if not after.angle:
            slightly = "slightly " if abs(after.yaw - before.yaw) < SLIGHT else ""
            return f"turn {slightly}to the {side}"
        return rng.choice(BRIEF["yaw"][after.angle])
    value = getattr(after, name)
    known = BRIEF[name].get(value) or tuple(text.format(value) for text in COLOUR)
    return rng.choice(known)


def _edits(axis: str, value: str) -> list[Edit]:
    """What the presets have for a value; "neutral" light is also the survey's studio light."""
    found = [e for a in shipped().axes if a.name == axis for e in a.edits if e.value == value]
    other = "studio" if (axis, value) == ("lighting", "neutral") else value
    if axis != "lighting" or value in ("neutral", "sunset", "daylight"):
        found += [e for a in shipped().survey_prompts if a.name == axis for e in a.edits if e.value == other]
    return found


def _long(name: str, before: Seen, after: Seen, rng: random.Random) -> str:
    if name == "yaw":
        return _turn(before, after, rng)
    value: str = getattr(after, name)
    if name == "framing":
        return f"{FRAMES[value]} {KEEP[name]}"
    axis = {"light": "lighting"}.get(name, name)
    known = _edits(axis, CALLED.get(value, value))
    if known:
        return rng.choice(known).prompt
    if name == "light":
        return f"Change the lighting to soft studio light from the front. {KEEP[name]}"
    return f"Replace the background with a plain {value} backdrop. {KEEP[name]}"


def _turn(before: Seen, after: Seen, rng: random.Random) -> str:
    turn = after.yaw - before.yaw
    side = "left" if turn < 0 else "right"
    if abs(turn) < SLIGHT and (not after.angle or rng.random() < 0.5):
        return _edits_of_survey(f"slightly-{side}").prompt
    if after.angle:
        nearest = min(YAWS, key=lambda known: abs(YAWS[known] - before.yaw))
        if nearest != after.angle:
            return prompt_for(_edits("angle", after.angle)[0], nearest)  # type: ignore[arg-type]
    degrees = 15 * max(1, round(abs(turn) / 15))
    edge = f"the nose points further toward the {side} edge of the picture"
    return f"Turn the head by {degrees} degrees: {edge}. {KEEP['yaw']}"


def _edits_of_survey(value: str) -> Edit:
    return next(e for a in shipped().survey_prompts for e in a.edits if e.value == value)
