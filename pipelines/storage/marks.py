"""What somebody laid around a picture: bars, a frame. A LoRA learns them with the character, so they are told when a
picture comes in, and can be cut off. A rule of thumb over pixels that warns and decides nothing (docs/numbers.md)."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PIL import Image

from pipelines.domain.scores import Box

if TYPE_CHECKING:
    import numpy as np

LOOK_AT = 640
"""Pixels of the longer side at which is looked; what is found lies in the picture's own."""
SAME = 16
"""Levels of 255 in which the channels of a bar's pixels may differ from its colour: what JPEG does to one."""
FLAT, ENDED = 0.9, 0.4
"""A row of a bar has its colour in at least this share of its pixels; the row behind its end in at most that."""
MOST_OF_A_SIDE = 0.45
DARK, LIGHT = 24, 243
"""What a bar at one side alone must be at most or at least: others may be a wall, a sky, a floor."""


def doubts(image: Image.Image) -> tuple[str, ...]:
    """What of an RGB picture a LoRA should not learn, in words; empty for nothing."""
    within = borders(image)
    if within is None:
        return ()
    left, top, right, bottom = within
    cut = {"left": left, "top": top, "right": image.width - right, "bottom": image.height - bottom}
    sides = ", ".join(f"{rows} px {side}" for side, rows in cut.items() if rows)
    return (f"bars or a frame around it ({sides}): better cut off, a LoRA learns them",)


def borders(image: Image.Image) -> Box | None:
    """What lies within the bars or the frame around an RGB picture, as ``(left, top, right, bottom)``; ``None`` without
    any. A bar is of one colour and ends at once along its whole length; a plain backdrop ends where the figure does."""
    left, top, right, bottom = 0, 0, image.width, image.height
    for _ in range(3):  # a frame may have another inside
        inner = image.crop((left, top, right, bottom))
        cut = _bars(inner)
        if not any(cut):
            break
        left, top, right, bottom = left + cut[0], top + cut[1], right - cut[2], bottom - cut[3]
    whole = (0, 0, image.width, image.height)
    return None if (left, top, right, bottom) == whole else (left, top, right, bottom)


def _bars(image: Image.Image) -> Box:
    """Pixels of the bars at left, top, right and bottom."""
    import numpy as np  # where a picture is looked at alone: what only reads records starts in half the time

    scale = min(1.0, LOOK_AT / max(image.size))
    small = image.resize(
        (max(1, round(image.width * scale)), max(1, round(image.height * scale))), Image.Resampling.BOX
    )
    pixels = np.asarray(small.convert("RGB"), dtype=np.int16)
    found = [_bar(np.rot90(pixels, turns)) for turns in (3, 0, 1, 2)]  # each side comes to the top
    kept = [_counts(own, other) for own, other in zip(found, found[2:] + found[:2], strict=True)]
    sizes = [image.width, image.height] * 2
    shown = [small.width, small.height] * 2
    # a pixel more: the last row of a bar is mixed with what is behind it
    ends = [(bar.rows + 1) * size / seen for bar, size, seen in zip(found, sizes, shown, strict=True)]
    rows = [min(int(np.ceil(end)), size // 2 - 1) for end, size in zip(ends, sizes, strict=True)]
    left, top, right, bottom = (n if good else 0 for n, good in zip(rows, kept, strict=True))
    return left, top, right, bottom


@dataclass(frozen=True)
class _Bar:
    rows: int
    colour: tuple[float, ...]

    def like(self, other: "_Bar") -> bool:
        return (
            bool(self.rows and other.rows)
            and max(abs(a - b) for a, b in zip(self.colour, other.colour, strict=True)) <= SAME
        )


def _counts(own: _Bar, other: _Bar) -> bool:
    """Whether a bar is one: with its like at the other side, or black or white as no wall is."""
    return bool(own.rows) and (own.like(other) or max(own.colour) <= DARK or min(own.colour) >= LIGHT)


def _bar(pixels: "np.ndarray") -> _Bar:
    """The bar at the top of ``pixels`` (height, width, 3)."""
    import numpy as np

    colour = np.median(pixels[0], axis=0)
    same = (np.abs(pixels - colour).max(axis=2) <= SAME).mean(axis=1)
    ended = np.flatnonzero(same < FLAT / 2)
    none = _Bar(0, (0.0, 0.0, 0.0))
    if same[0] < FLAT or not len(ended):
        return none
    end = int(ended[0])
    before, behind = same[max(0, end - 3) : max(1, end - 1)], same[end + 1 : end + 4]
    abrupt = before.min() >= FLAT and len(behind) == 3 and behind.max() <= ENDED
    if not abrupt or not 2 <= end <= MOST_OF_A_SIDE * len(pixels):
        return none
    return _Bar(end, tuple(float(c) for c in colour))
