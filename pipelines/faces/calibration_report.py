"""The report of a calibration: one HTML page that needs nothing else. Scores of right pictures and of others, the ROC,
the threshold and why it is there."""

import math
from collections.abc import Callable, Iterable, Mapping
from html import escape

import numpy as np

from pipelines.domain.rates import between, percent
from pipelines.faces.calibration import SURE, Calibrated, roc
from pipelines.storage.pages import document, table

WIDTH, LEFT, RIGHT = 760, 20, 20
BARS = 48
LEAST = 1e-3
"""The smallest share of false accepts on the ROC's axis."""

DOT = "The dot is the line: each right picture is held against the line that the others would give."

Scale = Callable[[float], float]


def page(drawn: Calibrated, title: str, facts: Mapping[str, str]) -> str:
    """The whole page. ``facts`` are lines for the bottom, such as which recogniser it was."""
    parts = [
        f"<h1>{escape(title)}</h1>",
        f'<section class="warn"><h2>Provisional: this line is not used yet</h2><p>{escape(drawn.why)}</p></section>'
        if drawn.provisional
        else "",
        f"<section>{_numbers(drawn)}<p>{escape(words(drawn))}</p></section>",
        f"<section><h2>Scores</h2>{histograms(drawn)}</section>",
        f'<div class="two"><section><h2>ROC</h2>{curve(drawn)}</section>'
        f"<section><h2>Others that come closest</h2>{_closest(drawn)}</section></div>",
        f"<section><h2>Right pictures that do not pass, by angle</h2>{_rejects(drawn)}</section>",
        f"<section><h2>With what</h2>{table((), facts.items())}</section>",
    ]
    return document(title, "".join(parts))


def words(drawn: Calibrated) -> str:
    """Why the threshold is where it is, in two or three sentences."""
    share = between(drawn.far_low, drawn.far_high)
    sure = f"{SURE * 100:.0f} % interval"
    known = int((~np.isnan(drawn.genuine)).sum())
    others = (
        f"The line by others is {drawn.tau:.2f}: of new pictures of other people, {share} would pass it ({sure}; "
        f"asked for: {percent(drawn.far)}). {len(drawn.impostor)} pictures of {len(set(drawn.groups))} "
        f"others say so, worth {drawn.effective:.0f} independent ones: pictures of one person resemble each other."
        if len(drawn.impostor)
        else "There are no pictures of others."
    )
    ruling = "the sources decide" if drawn.smallest > drawn.tau else "the others decide"
    return (
        f"{others} The lowest that a source scores against the {known - 1} other sources is {drawn.smallest:.2f}. "
        f"The higher of the two is the line: {ruling}."
    )


def _numbers(drawn: Calibrated) -> str:
    floor = f"{drawn.floor:.2f}" if drawn.floor > -1 else "never"
    told = [
        ("right from", f"{drawn.threshold:.2f}"),
        ("someone else below", floor),
        ("others that pass", between(drawn.far_low, drawn.far_high)),
    ]
    if not math.isnan(drawn.auc):
        told.append(("area under the ROC", f"{drawn.auc:.4f}"))
    return f'<div class="line">{"".join(f"<div><b>{n}</b><span class=dim>{w}</span></div>" for w, n in told)}</div>'


def histograms(drawn: Calibrated) -> str:
    """Two histograms over one axis: sources left out one by one, and others; with the thresholds drawn through."""
    genuine = drawn.genuine[~np.isnan(drawn.genuine)]
    low, high = _range(np.concatenate([genuine, drawn.impostor, [drawn.threshold]]))
    x = _scale(low, high, LEFT, WIDTH - RIGHT)
    top, middle, height = 30, 150, 90
    parts = [
        _bars(genuine, low, high, x, middle, height, "good"),
        _bars(drawn.impostor, low, high, x, middle + height + 50, height, "other"),
        f'<text x="{LEFT}" y="{middle - height - 6}">sources, each against the others ({len(genuine)})</text>',
        f'<text x="{LEFT}" y="{middle + 44}">others ({len(drawn.impostor)})</text>',
    ]
    bottom = middle + height + 50
    step = 0.1 if high - low > 0.35 else 0.05
    for tick in np.arange(math.ceil(low / step) * step, high + 1e-9, step):
        parts.append(f'<text x="{x(tick):.1f}" y="{bottom + 18}" text-anchor="middle">{tick:.2f}</text>')
    for value, name in ((drawn.tau, "tau"), (drawn.smallest, "small")):
        if low <= value <= high:
            across = f'x1="{x(value):.1f}" x2="{x(value):.1f}" y1="{top}" y2="{bottom}"'
            parts.append(f'<line class="{name}" stroke-dasharray="3 3" {across}/>')
    at = x(drawn.threshold)
    side = "end" if at > WIDTH / 2 else "start"
    parts += [
        f'<line class="accent" x1="{at:.1f}" x2="{at:.1f}" y1="{top - 6}" y2="{bottom}"/>',
        f'<text class="strong" x="{at + (-6 if side == "end" else 6):.1f}" y="{top + 4}" text-anchor="{side}">'
        f"the line, {drawn.threshold:.2f}</text>",
    ]
    about = "Dashed: the line by others (grey), the lowest source (green)."
    return _figure(WIDTH, bottom + 26, "Histograms of scores", parts, about)


def _bars(scores: np.ndarray, low: float, high: float, x: Scale, base: int, height: int, name: str) -> str:
    counts, edges = np.histogram(scores, BARS, (low, high))
    most = max(1, counts.max())
    bars = [
        f'<rect class="{name}" x="{x(a) + 0.5:.1f}" y="{base - height * n / most:.1f}" width="{x(b) - x(a) - 1:.1f}" '
        f'height="{height * n / most:.1f}" rx="1"><title>{n} from {a:.2f} to {b:.2f}</title></rect>'
        for n, a, b in zip(counts, edges[:-1], edges[1:], strict=True)
        if n
    ]
    return f'{"".join(bars)}<line class="axis" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{base}" y2="{base}"/>'


def curve(drawn: Calibrated) -> str:
    """The ROC, with the share of others that pass on a logarithmic axis."""
    genuine = drawn.genuine[~np.isnan(drawn.genuine)]
    if not len(genuine) or not len(drawn.impostor):
        return '<p class="dim">Needs sources and others.</p>'
    size, edge = 300, 34
    x = _scale(math.log10(LEAST), 0, edge, size - 10)
    y = _scale(0, 1, size - edge, 10)
    points = [(max(a, LEAST), b) for a, b in roc(genuine, drawn.impostor)]
    path = " ".join(f"{x(math.log10(a)):.1f},{y(b):.1f}" for a, b in _stairs(points))
    here = ((drawn.impostor >= drawn.threshold).mean(), drawn.passing)
    parts = [
        f'<line class="axis" x1="{x(math.log10(v)):.1f}" x2="{x(math.log10(v)):.1f}" y1="{y(0)}" y2="{y(1)}"/>'
        f'<text x="{x(math.log10(v)):.1f}" y="{size - 16}" text-anchor="middle">{percent(v)}</text>'
        for v in (0.001, 0.01, 0.1, 1)
    ]
    parts += [
        f'<line class="axis" x1="{edge}" x2="{size - 10}" y1="{y(v)}" y2="{y(v)}"/>'
        f'<text x="{edge - 6}" y="{y(v) + 4}" text-anchor="end">{v * 100:.0f}</text>'
        for v in (0, 0.5, 1)
    ]
    parts.append(f'<polyline class="accent" points="{path}"/>')
    parts.append(
        f'<circle cx="{x(math.log10(max(here[0], LEAST))):.1f}" cy="{y(here[1]):.1f}" r="5" fill="var(--accent)"/>'
    )
    return _figure(size, size, "ROC", parts, f"Right pictures that pass (%) over others that pass. {DOT}")


def _figure(width: int, height: int, name: str, parts: Iterable[str], about: str) -> str:
    return (
        f'<figure><svg viewBox="0 0 {width} {height}" role="img" aria-label="{name}">{"".join(parts)}</svg>'
        f"<figcaption>{about}</figcaption></figure>"
    )


def _stairs(points: list[tuple[float, float]]) -> Iterable[tuple[float, float]]:
    before = points[0]
    for point in points:
        yield (before[0], point[1])
        yield point
        before = point


def _closest(drawn: Calibrated) -> str:
    if not drawn.closest:
        return '<p class="dim">Nobody.</p>'
    rows = [(name, f"{score:.2f}") for name, score in drawn.closest]
    usual = float(np.nanmedian(drawn.genuine))
    alike = [name for name, score in drawn.closest if score >= usual]
    said = f"<small>{escape(', '.join(alike))}: as close as half of the sources. The same person?</small>"
    return table(("who", "highest score"), rows) + (said if alike else "")


def _rejects(drawn: Calibrated) -> str:
    rows = [(r.angle, str(r.total), f"{r.not_passed}", between(r.low, r.high), f"{r.failed}") for r in drawn.rejects]
    unknown = int(np.isnan(drawn.genuine).sum())
    rest = f"{unknown} profiles are not measurable: fewer than three others show that angle." if unknown else ""
    head = ("angle", "pictures", "do not pass", f"{SURE * 100:.0f} % interval", "called someone else")
    note = "Each source is held against the line that the others would have drawn. Those between the lines go to you."
    return f'{table(head, rows)}<p style="margin-top:8px"><small>{note} {rest}</small></p>'


def _range(values: np.ndarray) -> tuple[float, float]:
    """A little more than the values need, on round numbers."""
    return math.floor(float(values.min()) * 20 - 0.3) / 20, min(1.0, math.ceil(float(values.max()) * 20 + 0.3) / 20)


def _scale(low: float, high: float, start: float, end: float) -> Scale:
    return lambda value: start + (float(value) - low) / (high - low) * (end - start)
