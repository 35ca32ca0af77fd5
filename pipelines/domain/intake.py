"""Where a picture that was not made here comes from."""

from typing import Literal

from pipelines.domain.base import Frozen
from pipelines.domain.scores import Box

Turned = Literal[0, 90, 180, 270]


class Cut(Frozen):
    """What was cut out of ``of`` (id), a picture as it was brought in: turned by ``turned`` degrees clockwise first,
    then ``box``: left, top, right, bottom in pixels of what was turned."""

    of: str
    turned: Turned = 0
    box: Box


class Intake(Frozen):
    """Where a picture that was not made here comes from. ``original`` is the kept file, byte for byte, ``caption`` the
    one that came with it, letter for letter. ``doubts`` say what of it a LoRA should not learn, such as bars around it;
    ``cut``: it is a part of another. ``like`` is the source (id) that it looked like when it came in, ``how`` in
    words."""

    filename: str
    original: str
    original_sha256: str
    format: str
    notes: tuple[str, ...] = ()
    caption: str = ""
    doubts: tuple[str, ...] = ()
    cut: Cut | None = None
    like: str = ""
    how: str = ""
