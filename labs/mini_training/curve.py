"""A training's curve as a small picture for a model's README."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

WIDTH, HEIGHT, LEFT, BOTTOM = 640, 240, 44, 26
COLOURS = ("#4a6fa5", "#c0694e", "#5b8a5a", "#8a6fa5")
Point = tuple[float, float]


def read(file: Path, figure: str) -> list[Point]:
    """Steps and values of a figure in a ``curve.jsonl``; a step that was told twice counts once, the later one."""
    rows = (json.loads(line) for line in file.read_text(encoding="utf-8").splitlines())
    return sorted({row["step"]: row[figure] for row in rows if figure in row}.items())


def svg(curves: Mapping[str, Sequence[Point]]) -> str:
    """Curves by name, values on a logarithmic axis. Raises ValueError for none."""
    points = [point for curve in curves.values() for point in curve]
    if not points:
        raise ValueError("nothing to draw")
    last = max(x for x, _ in points)
    low, high = (math.log10(f(y for _, y in points)) for f in (min, max))
    low, high = math.floor(low * 10) / 10, math.ceil(high * 10 + 1e-6) / 10

    def place(x: float, y: float) -> Point:
        across = LEFT + x / last * (WIDTH - LEFT - 8)
        return across, 8 + (high - math.log10(y)) / (high - low) * (HEIGHT - BOTTOM - 8)

    parts = [_tick(LEFT - 4, place(0, 10**t)[1] + 4, f"{10**t:.2g}", "end") for t in _between(low, high)]
    parts += [_tick(place(last * k / 4, 10**low)[0], HEIGHT - 6, f"{last * k / 4:,.0f}", "middle") for k in range(1, 4)]
    parts.append(_tick(WIDTH - 8, HEIGHT - 6, f"{last:,.0f} steps", "end"))
    for k, (name, curve) in enumerate(curves.items()):
        colour = COLOURS[k % len(COLOURS)]
        drawn = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*point) for point in curve))
        parts.append(f'<polyline fill="none" stroke="{colour}" stroke-width="1.5" points="{drawn}"/>')
        parts.append(f'<text x="{WIDTH - 8}" y="{22 + 16 * k}" text-anchor="end" fill="{colour}">{name}</text>')
    style = 'font-family="sans-serif" font-size="12" fill="#777"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" {style}>{"".join(parts)}</svg>\n'


def _between(low: float, high: float) -> list[float]:
    step = (high - low) / 4
    return [low + k * step for k in range(5)]


def _tick(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{text}</text>'
