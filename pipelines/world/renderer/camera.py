"""Where a figure is on the screen: how far the camera is, how head and body are turned."""

import math

from pipelines.world.renderer.views import View

Matrix = list[list[float]]

# Half the picture's height and the height of its middle, in head units from the head's centre.
CAMERA = {"portrait": (1.49, -0.01), "bust": (2.20, -0.80), "full": (2.92, -1.42)}
# The body turns with the head, in close framings only part of the way.
FOLLOW = {"portrait": 0.75, "bust": 0.8, "full": 1.0}


def turn(yaw: float, pitch: float, roll: float) -> Matrix:
    """The rotation by roll, then pitch (up), then yaw (toward the picture's right); degrees."""
    (cy, sy), (cp, sp), (cr, sr) = ((math.cos(math.radians(a)), math.sin(math.radians(a))) for a in (yaw, -pitch, roll))
    about_z = [[cr, -sr, 0.0], [sr, cr, 0.0], [0.0, 0.0, 1.0]]
    about_x = [[1.0, 0.0, 0.0], [0.0, cp, -sp], [0.0, sp, cp]]
    about_y = [[cy, 0.0, sy], [0.0, 1.0, 0.0], [-sy, 0.0, cy]]
    return _times(about_y, _times(about_x, about_z))


def _times(a: Matrix, b: Matrix) -> Matrix:
    return [[sum(a[i][k] * b[k][j] for k in range(3)) for j in range(3)] for i in range(3)]


def frames(view: View) -> tuple[Matrix, Matrix]:
    """How body and head are turned."""
    return turn(view.yaw * FOLLOW[view.framing], 0, 0), turn(view.yaw, view.pitch, view.roll)


def place(view: View) -> tuple[float, float, float]:
    """Half the picture's height, and how far right of and above the middle the head's centre is; head units."""
    half, middle = CAMERA[view.framing]
    half /= view.zoom
    x, y = view.shift[0] * half, view.shift[1] * half - middle
    if view.pose == "sitting" and view.framing != "portrait":
        x, y = x - 0.35 * math.sin(math.radians(view.yaw)), y - (0.36 if view.framing == "full" else 0.0)
    return half, x, y
