"""A grid of pictures to tick and to select: sources to enrich, test pictures of a survey."""

from collections.abc import Sequence

from pipelines.domain.records import ImageRecord
from pipelines.workflow.sources import angle_of, expression_of
from studio.components.forms import Value, names
from studio.components.painted import Painted, rev_of


class Picker(Painted):
    """Value: ``items`` (``id``, ``tag``, ``note``), ``ticked`` (ids), ``selected`` (an id), ``empty`` (words).

    Events: ``ticks`` (the ticked ones changed) and ``pick`` (a picture was selected); both leave it in the value.
    """

    island = "picker"
    fires = ("ticks", "pick")


def tag_words(image: ImageRecord) -> str:
    """Angle and expression under a thumbnail; says so when they are not known."""
    angle, expression = angle_of(image), expression_of(image)
    known = [word for word in (angle, expression) if word != "unsure"]
    return " · ".join(known) or "angle unknown"


def note_words(image: ImageRecord) -> str:
    """What is doubtful about a picture, and what was converted when it came in."""
    issues = image.scores.quality.issues if image.scores.quality else ()
    return "; ".join((*issues, *(image.intake.notes if image.intake else ())))


def picks(images: Sequence[ImageRecord], before: Value, *, empty: str, first: int = 0) -> Value:
    """The value of a Picker over ``images``, keeping the ticks of ``before``.

    Pictures not seen before are ticked (with ``first``: only while fewer than that many are).
    """
    ids = [image.id for image in images]
    seen = {item.get("id") for item in before.get("items", []) if isinstance(item, dict)}
    ticked = [i for i in ids if i in set(before.get("ticked", []))]
    for new in (i for i in ids if i not in seen):
        if not first or len(ticked) < first:
            ticked.append(new)
    selected = before.get("selected", "")
    return {
        "items": [
            {
                "id": image.id,
                "tag": tag_words(image),
                "unknown": angle_of(image) == "unsure",
                "issue": bool(image.scores.quality and image.scores.quality.issues),
                "note": note_words(image),
                "name": image.intake.filename if image.intake else image.id[:8],
            }
            for image in images
        ],
        "ticked": [i for i in ids if i in set(ticked)],
        "selected": selected if selected in ids else "",
        "empty": empty,
        "rev": rev_of(before),
    }


def ticked(value: Value) -> tuple[str, ...]:
    """The ticked ids of a Picker's value."""
    return names(value.get("ticked"))
