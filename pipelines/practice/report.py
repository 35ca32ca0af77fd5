"""The report of a practice run: one HTML page with its pictures inside, and the same figures as JSON."""

import base64
import io
from collections.abc import Iterable
from html import escape
from pathlib import Path

from PIL import Image

from pipelines.domain.records import ImageRecord
from pipelines.domain.scores import ANGLES, EXPRESSIONS
from pipelines.domain.words import count
from pipelines.practice.figures import CardFigures, Editor, Figures, Gain, Gate
from pipelines.practice.poster import poster
from pipelines.session import Session
from pipelines.storage.atomic import write_durably
from pipelines.storage.pages import document, table
from pipelines.storage.presets import shipped

SIDE = 160
"""Pictures are shown at most this large, pixels."""
STYLE = Path(__file__).with_suffix(".css")
SAID = {"good": "good", "needs_correction": "to be corrected", "reject": "rejected"}
WHO = {"simulated": "the simulated reviewer", "human": "you", "rule": "the filter"}


def write(session: Session, told: Figures) -> Path:
    """Write ``report.html``, ``report.json`` and ``poster.png`` into the character's practice folder; returns the
    page's path."""
    folder = session.workspace.path(session.workspace.practice_folder(told.character))
    png = io.BytesIO()
    poster(session, told).save(png, "PNG")
    write_durably(folder / "poster.png", png.getvalue())
    write_durably(folder / "report.json", told.model_dump_json(indent=1).encode())
    write_durably(folder / "report.html", page(session, told).encode())
    return folder / "report.html"


def page(session: Session, told: Figures) -> str:
    """The whole page. Texts of users are escaped; pictures are inside."""
    show = Pictures(session)
    parts = [
        f"<h1>Practice with {escape(told.name)}</h1>",
        f"<section>{_headline(told)}</section>",
        _section("Sources", show.sheet(((i, "") for i in told.pictures.sources), "wide")),
        _section(
            "Enriched", f"{_said(told, 'enriched')}{show.sheet((i, label or '') for i, label in _enriched(told))}"
        ),
        _section("Kept as pristine", show.sheet((i, "") for i in told.pictures.pristine)),
        _cards(told, show),
        _section("What was decided", _gates(told)) if told.gates else "",
        _section("Editor", _editor(told.editor)) if told.editor else "",
        _section("Drift from the sources", _drift(told)),
        _section(f"{told.minutes:.1f} minutes", _time(told)),
    ]
    return document(f"Practice with {told.name}", "".join(parts), STYLE.read_text("utf-8"))


class Pictures:
    """Pictures of a workspace as markup."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def one(self, image_id: str, kind: str = "", title: str = "", mark: str = "", extra: str = "") -> str:
        """One picture in its frame; an empty frame when it is not there."""
        image = self._session.store.get(ImageRecord, image_id) if image_id else None
        data = self._data(image) if image else ""
        inside = f'<img src="{data}" alt="{escape(title)}">' if data else ""
        note = f"<i>{escape(mark)}</i>" if mark else ""
        return f'<div class="pic {escape(kind)} {extra}" title="{escape(title)}">{inside}{note}</div>'

    def sheet(self, shown: Iterable[tuple[str, str]], extra: str = "") -> str:
        """Pictures side by side, each with its label as the kind of its frame."""
        inside = "".join(self.one(image, label, SAID.get(label, "")) for image, label in shown)
        return f'<div class="sheet {extra}">{inside}</div>' if inside else '<p class="dim">None.</p>'

    def _data(self, image: ImageRecord) -> str:
        """The picture as a data URI; empty when its file is gone or broken."""
        try:
            with Image.open(self._session.workspace.path(image.path)) as file:
                small = file.convert("RGB")
        except OSError:
            return ""
        small.thumbnail((SIDE, SIDE))
        buffer = io.BytesIO()
        small.save(buffer, "WEBP", quality=88)
        return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()


def _section(title: str, body: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{body}</section>"


def _headline(told: Figures) -> str:
    """First and last card as large numbers, and what they say."""
    if not told.cards:
        return '<p class="lead">No card has been run yet.</p>'
    shown = list(told.cards)
    numbers = "".join(
        f'<div><b>{c.rate.right} of {c.rate.total}</b><span class="dim">{escape(c.lora)}, '
        f"{c.rate.low * 100:.0f} to {c.rate.high * 100:.0f} %</span></div>"
        for c in shown[:1] + shown[1:][-1:]
    )
    lines = [_gain_words(told.gain, "as decided")] if told.gain else []
    lines += [_gain_words(told.gain_truly, "by the truth alone")] if told.gain_truly else []
    return f'<div class="line">{numbers}</div>{"".join(f"<p class=lead>{escape(w)}</p>" for w in lines)}'


def _gain_words(gain: Gain, how: str) -> str:
    chance = "more than chance" if gain.p < 0.05 else "one card cannot tell this from chance"
    return (
        f"{gain.last} against {gain.first}, {how}: {gain.only_last} cells right only in {gain.last}, {gain.only_first} "
        f"only in {gain.first}, {gain.both} in both, {gain.neither} in neither. McNemar, exact: p = {gain.p:.2g}, "
        f"{chance}."
    )


def _enriched(told: Figures) -> list[tuple[str, str | None]]:
    """Good ones first."""
    order = {"good": 0, "needs_correction": 1, "reject": 2, None: 3}
    return sorted(told.pictures.enriched, key=lambda pair: order[pair[1]])


def _said(told: Figures, gate: str) -> str:
    words = [_gate_words(g) for g in told.gates if g.gate == gate]
    return "".join(f"<p class=dim>{escape(w)}</p>" for w in words)


def _gate_words(gate: Gate) -> str:
    counts = ", ".join(f"{gate.labels[label]} {words}" for label, words in SAID.items() if label in gate.labels)
    return f"{WHO[gate.who]}: {counts}"


def _cards(told: Figures, show: Pictures) -> str:
    many = " many" if len(told.cards) > 2 else ""
    posters = "".join(_card(card, show) for card in told.cards)
    return f'<div class="posters{many}">{posters}</div>' if posters else ""


def _card(card: CardFigures, show: Pictures) -> str:
    spec = {cell.name: cell for cell in shipped().card.cells}
    shown = {cell.name: cell for cell in card.cells}
    places = [f"{angle}/{expression}" for expression in EXPRESSIONS for angle in ANGLES]
    names = [n for n in places if n in shown] + [n for n in shown if n not in places]
    cells = []
    for name in names:
        cell = shown[name]
        mark = "" if cell.truly is None or cell.truly == (cell.verdict == "right") else "?"
        truth = "" if cell.truly is None else f"; in truth {'right' if cell.truly else 'wrong'}"
        title = f"{spec[name].title if name in spec else name}: {cell.verdict}{truth}"
        cells.append(show.one(cell.image, cell.verdict, title, mark, "body" if name not in places else ""))
    truth = f"In truth {card.truly.words}. " if card.truly else ""
    person = f"The right person in {card.identity.words}. " if card.identity else ""
    far = card.face_distance
    distance = "" if far is None else f"Faces are {far:.1f} of 255 from the truth (median)."
    return (
        f"<section><h2>{escape(f'Card {card.version}: {card.lora}')}</h2><p>{escape(card.words)}</p>"
        f'<p class="dim">{escape(truth + person + distance)}</p><div class="poster">{"".join(cells)}</div></section>'
    )


def _gates(told: Figures) -> str:
    rows = []
    for gate in told.gates:
        wrong = f"{gate.mistakes} of {gate.known}" if gate.known else "not known"
        labels = [str(gate.labels.get(x, 0)) for x in SAID]
        rows.append((f"{gate.gate}, {WHO[gate.who]}", *labels, wrong))
    note = "A mistake differs from the truth: who it is, by an independent recogniser, and what was asked for."
    if told.error_rate is not None and any(gate.who == "simulated" for gate in told.gates):
        note += f" The simulated reviewer was told to make {told.error_rate * 100:g} % of them."
    head = ("gate, by", *SAID.values(), "mistakes")
    return f"{table(head, rows)}<p><small>{note}</small></p>"


def _moved(faces: tuple[int, int]) -> str:
    return f"{faces[0]} faces are nearer to the truth and {faces[1]} farther from it"


def _editor(editor: Editor) -> str:
    rows = [
        ("all right", editor.before.words, editor.after.words),
        ("the right person", editor.identity_before.words, editor.identity_after.words),
    ]
    learnt = count(editor.triplets, "correction")
    said = (
        f"{editor.lora} learnt from {learnt}. {editor.before.total} edits that neither it nor the "
        f"enrichment has seen, same seeds: p = {editor.p:.2g} (McNemar, exact). With it {_moved(editor.turned)} of "
        f"turned heads, and {_moved(editor.others)} of other edits."
    )
    return f'<p class="lead">{escape(said)}</p>{table(("held-out edits", "base", editor.lora), rows)}'


def _drift(told: Figures) -> str:
    rows = [
        (
            d.what,
            str(d.pictures),
            "not measured" if d.identity is None else f"{d.identity:.3f}",
            str(d.near_duplicates),
            "" if d.spread is None else f"{d.spread:.1f}",
        )
        for d in told.drift
    ]
    note = (
        "Identity: mean cosine of the independent recogniser to the original sources. Near duplicates: of a source or "
        "of each other. Spread: bits of 64 by which the difference hashes of two pictures differ on average; falling "
        "means sameness."
    )
    head = ("pictures", "how many", "identity", "near duplicates", "spread")
    return f"{table(head, rows)}<p><small>{note}</small></p>"


def _time(told: Figures) -> str:
    whole = told.minutes or 1
    steps = sorted(told.by_step.items(), key=lambda item: -item[1])
    bars = "".join(
        f'<span style="width:{100 * m / whole:.1f}%;opacity:{1 - 0.8 * n / max(1, len(steps)):.2f}" '
        f'title="{escape(name)}"></span>'
        for n, (name, m) in enumerate(steps)
    )
    return f'<div class="bar">{bars}</div>{table(("step", "minutes"), [(name, f"{m:.2f}") for name, m in steps])}'
