"""What an editor sees beside the picture that it edits: more pictures of the same character, and a luminance map for
LoRAs that go by one."""

from collections.abc import Sequence

from pipelines.domain.bounds import More
from pipelines.domain.records import ImageRecord
from pipelines.domain.scores import Angle, Expression
from pipelines.planning import base

TURN: dict[Angle, int] = {
    "profile-left": -90,
    "half-left": -45,
    "front": 0,
    "half-right": 45,
    "profile-right": 90,
    "back": 180,
}
"""Where the nose points, degrees; positive is toward the image's right. The angle names are our bins' middles."""
UNKNOWN = 80
"""Degrees that a picture of an angle that nobody knows counts as away: farther than the next view with any face, nearer
than the view after that."""
OTHER_FACE = 20
"""Degrees that another expression counts as: it matters where two views are equally near."""


class SeenBeside(base.Choice):
    """What the editor sees beside each source. ``references``: how many more pictures of the character, the nearest of
    ``known`` to what is asked for, unless ``beside`` names which. ``control``: a picture of whose light and dark it
    sees a map."""

    references: More = 0
    beside: tuple[ImageRecord, ...] = ()
    known: tuple[ImageRecord, ...] = ()
    control: ImageRecord | None = None


def chosen(choice: SeenBeside, source: ImageRecord, angle: Angle, expression: Expression) -> tuple[ImageRecord, ...]:
    """The pictures beside ``source`` for a result of that angle and expression, the nearest first. Raises ChoiceError
    for more than the model sees."""
    named = [image for image in choice.beside if image.id != source.id]
    others = {image.id: image for image in choice.known if image.id != source.id}.values()
    nearest = sorted(others, key=lambda image: (_away(image, angle, expression), image.id))
    found = tuple(named or nearest[: choice.references])
    most, wanted = choice.family.defaults.max_sources, 1 + len(found) + (choice.control is not None)
    if wanted > max(1, most):
        raise base.ChoiceError(
            f"{choice.family.title} sees {most} pictures at once, and this would be {wanted}: take fewer references."
        )
    return found


def _away(image: ImageRecord, angle: Angle, expression: Expression) -> int:
    """How far a picture is from what is asked for, degrees; the other expression counts as some."""
    wanted, shown = TURN.get(angle, 0), TURN.get(image.angle)
    turn = UNKNOWN if shown is None else abs(180 - (180 - (wanted - shown)) % 360)
    return turn + (0 if image.expression == expression or "unsure" in (image.expression, expression) else OTHER_FACE)


def instructed(choice: SeenBeside, prompt: str, beside: Sequence[ImageRecord]) -> str:
    """An instruction with what the other pictures are: an editor takes a second person for somebody to be added. They
    are counted as the pipeline counts them, a map being the second."""
    if not beside:
        return prompt
    first = 3 if choice.control else 2
    numbers = [str(first + n) for n in range(len(beside))]
    which = f"Picture {numbers[0]} shows" if len(numbers) == 1 else f"Pictures {' and '.join(numbers)} show"
    return f"{prompt} {choice.told(f'{which} the same person as picture 1.')}"
