"""Is the face in a picture photographed, or drawn? Recognisers are taught with photographs: of drawings they say that
different people are the same."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from pipelines.domain.scores import FaceKind
from pipelines.faces.base import Face

SURE = 0.89
"""How sure YuNet is of most faces in photographs (median 0.93 of 20), and of few drawn ones (docs/numbers.md). One
picture says little: most of a character's are asked."""
SIDE = 96
EVEN = 2
FLAT = 0.4
"""Share of a face that is one colour (neighbours differ by ``EVEN`` of 255 at most), looked at ``SIDE`` px wide, from
which on it is drawn: skin has shades, ink and fills have none."""


def kind_of_face(image: Image.Image, faces: Sequence[Face]) -> FaceKind:
    """What face an RGB picture shows, given the faces that YuNet finds in it (the largest first)."""
    if not faces:
        return "none"
    face = faces[0]
    return "drawn" if face.score < SURE or flat(image, face) > FLAT else "photographed"


def flat(image: Image.Image, face: Face) -> float:
    """Share of the face's middle whose pixels all resemble their neighbours, 0 to 1."""
    x0, y0, x1, y1 = face.box
    dx, dy = (x1 - x0) / 8, (y1 - y0) / 8
    box = (max(0.0, x0 + dx), max(0.0, y0 + dy), min(float(image.width), x1 - dx), min(float(image.height), y1 - dy))
    if box[2] - box[0] < 8 or box[3] - box[1] < 8:
        return 0.0
    wide = min(SIDE, round(box[2] - box[0]))
    small = image.resize(
        (wide, max(4, round(wide * (box[3] - box[1]) / (box[2] - box[0])))), Image.Resampling.BOX, box=box
    )
    pixels = np.asarray(small.convert("RGB"), np.int16)
    across = np.abs(np.diff(pixels, axis=1)).max(axis=2)[:-1]
    down = np.abs(np.diff(pixels, axis=0)).max(axis=2)[:, :-1]
    return float((np.maximum(across, down) <= EVEN).mean())
