"""What the editor sees beside the pictures that it edits: more sources, and a map of light and dark.

Element ids, with the tab's prefix: ``<p>-beside``; in it ``input[name="<p>-more"]``, ``.more [data-id]`` (sources to
choose) and ``.control [data-id]`` (whose light and dark; ``""`` for none).
"""

from collections.abc import Sequence

from pipelines.domain.records import ImageRecord
from pipelines.workflow.references import Beside
from studio.components.forms import Value, between, names, picked, text
from studio.components.painted import Painted
from studio.components.picker import tag_words

MOST = 2


class BesidePictures(Painted):
    """Value: ``items`` (the sources: ``id``, ``tag``, ``name``), ``more`` (how many of them the editor sees beside the
    one that it edits, 0 to 2), ``named`` (which, their ids; empty: the nearest), ``control`` (the one, an id, whose
    light and dark it sees; empty: none). Event ``edit``: the user chose otherwise; it is in the value."""

    island = "beside"
    fires = ("edit",)


def build(prefix: str) -> BesidePictures:
    """Make the component."""
    return BesidePictures(options={"prefix": prefix, "most": MOST}, elem_id=f"{prefix}-beside")


def read(value: Value) -> Beside:
    """What the page says of them."""
    more = int(between(0, value.get("more"), MOST, 0))
    return Beside(more, names(value.get("named"))[:more], text(value.get("control")))


def kept(value: Value) -> Value:
    """What is kept of a choice."""
    return {name: value.get(name) for name in ("more", "named", "control")}


def offered(found: Sequence[ImageRecord], before: object, rev: int) -> Value:
    """The sources to choose from; of what was chosen before, what is still among them. ``rev``: how many changes of the
    user the page has made."""
    items = [{"id": i.id, "tag": tag_words(i), "name": i.intake.filename if i.intake else i.id[:8]} for i in found]
    ids, chosen = {i.id for i in found}, read(picked(before))
    return {
        "items": items,
        "more": chosen.references,
        "named": [i for i in chosen.named if i in ids],
        "control": chosen.control if chosen.control in ids else "",
        "rev": rev,
    }
