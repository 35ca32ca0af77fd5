"""The comparison matrix: pictures or prompts down, LoRA stacks across, every output in its cell."""

from typing import Any

from studio.components.island import Island


class Matrix(Island):
    """One survey side by side. Row pictures and column stacks stay in sight while scrolling.

    It fetches ``GET /survey/<id>`` by itself whenever the records change. Rows and columns can be swapped, columns
    made nameless (blind mode, in shuffled order), prompts filtered. Each cell shows its picture, identity and rating;
    keys in a cell: arrows move, 1-5 rates identity, Shift+1-5 the edit, F a failure mode, Enter opens it big.

    Arguments:
        survey: a survey's id, or ``"latest"`` for the newest of the current character. ``value`` set from Python
            (a survey id) switches to another one.

    Events:
        select: a picture was opened: ``event.image``.
    """

    def __init__(self, survey: str = "latest", *, empty: str = "No survey yet.", **kwargs: Any) -> None:
        super().__init__("matrix", {"survey": survey, "empty": empty}, value=survey, **kwargs)
