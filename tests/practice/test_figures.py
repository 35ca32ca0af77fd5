"""The report says what the store says, and nothing that users wrote is markup in it."""

import json
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from html.parser import HTMLParser
from math import comb
from typing import Any

import pytest
from PIL import Image, ImageColor

from pipelines.domain.rates import mcnemar, wilson
from pipelines.domain.records import Character, Decision, ImageRecord, Job, now
from pipelines.practice import poster, report
from pipelines.practice.figures import figures
from pipelines.practice.reviewer import decide
from pipelines.session import Session
from pipelines.workflow import card as cards

ASKED = {"angle": "front", "expression": "smiling"}


@pytest.mark.parametrize("lost, won", [(0, 0), (1, 1), (0, 6), (2, 9), (9, 2), (5, 5), (3, 4)])
def test_mcnemar_is_the_binomial_test(lost: int, won: int) -> None:
    n = lost + won
    weights = [comb(n, k) / 2**n for k in range(n + 1)]
    expected = min(1.0, sum(w for w in weights if w <= weights[lost] * (1 + 1e-9)))
    assert mcnemar(lost, won) == pytest.approx(expected)


def test_cards_cell_by_cell(session: Session, cleo: Character, card: Any, tell: Any, reading: Any) -> None:
    first, last = card("v1"), card("v2")
    right = {"v1": range(10), "v2": range(4, 20)}
    seen = {}
    for version, images in (("v1", first), ("v2", last)):
        for n, image in enumerate(images):
            asked = image.shot.purpose.labels
            body = {"framing": "full", "pose": asked["pose"]} if asked.get("pose") else {}
            said = {"angle": asked["angle"], "expression": asked.get("expression") or "neutral", **body}
            face_distance = None if body else float(n if version == "v1" else 2)
            seen[image.id] = reading(identity=0.9 if n in right[version] else 0.1, face_distance=face_distance, **said)
    tell(seen)
    decide(session, [*first, *last], seen, seed=0, error=0.0, where="card")
    told = figures(session, cleo.id)
    assert [c.rate.right for c in told.cards] == [10, 16]
    for shown, made in zip(told.cards, cards.cards(session, cleo.id), strict=True):
        rate = cards.rate(cards.board(session, made))
        assert (shown.rate.right, shown.rate.total, shown.words) == (rate.right, rate.total, rate.words)
        assert (shown.rate.low, shown.rate.high) == wilson(rate.right, 23)
        assert shown.truly and shown.truly.right == rate.right
    assert [c.face_distance for c in told.cards] == [
        9.5,
        2.0,
    ]  # of twenty portraits: others are too small
    assert "Faces are 9.5 of 255 from the truth (median)." in report.page(session, told)
    gain = told.gain
    assert gain is not None
    assert (gain.both, gain.only_first, gain.only_last, gain.neither) == (6, 4, 10, 3)
    assert gain.p == mcnemar(4, 10)
    assert told.gain_truly == gain
    # one decision is overturned by hand: the store's word counts, the truth stays
    session.store.decide(Decision(image=first[0].id, who="human", action="label", value="reject", where="card"))
    again = figures(session, cleo.id)
    assert [c.rate.right for c in again.cards] == [9, 16]
    assert again.gain_truly == gain
    by = {(g.gate, g.who): (sum(g.labels.values()), g.mistakes) for g in again.gates}
    assert by == {("card", "simulated"): (45, 0), ("card", "human"): (1, 1)}


def test_gates_minutes_and_drift(session: Session, cleo: Character, put: Any, tell: Any, reading: Any) -> None:
    source = put("source")
    session.store.decide(Decision(image=source.id, who="human", action="label", value="good", where="source"))
    images = [put("enriched", labels=ASKED, sources=(source.ref,)) for _ in range(40)]
    seen = {image.id: reading(identity=0.9 if n % 4 else 0.1) for n, image in enumerate(images)}
    job = tell(seen)
    session.store.put(job.model_copy(update={"ended": job.started + timedelta(seconds=90)}))
    decide(session, images, seen, seed=3, error=0.3)
    told = figures(session, cleo.id)
    labels = Counter(str(session.store.verdict(i.id).label) for i in images)
    (gate,) = told.gates
    assert gate.labels == dict(labels)
    wrong = sum((session.store.verdict(i.id).label == "good") != bool(n % 4) for n, i in enumerate(images))
    assert (gate.known, gate.mistakes) == (40, wrong)
    assert wrong > 3
    assert (told.by_step, told.minutes) == ({"look": 1.5}, 1.5)
    assert (told.seed, told.error_rate) == (5, 0.05)
    assert dict(told.pictures.enriched) == {i.id: session.store.verdict(i.id).label for i in images}
    assert [(d.what, d.pictures) for d in told.drift] == [("sources", 1), ("enriched, good", labels["good"])]


class Seen(HTMLParser):
    """Tags, attributes and text of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.attributes: Counter[str] = Counter()
        self.sources: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes.update(name for name, _ in attrs)
        self.sources += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_needs_nothing_else_and_escapes_what_users_wrote(
    session: Session, cleo: Character, put: Any, card: Callable[[str], list[ImageRecord]]
) -> None:
    source = put("source")
    session.store.decide(Decision(image=source.id, who="human", action="label", value="good", where="source"))
    put("enriched", labels=ASKED, sources=(source.ref,))
    card("v1")
    gone = card("v2")[3]
    session.workspace.path(gone.path).unlink()
    path = report.write(session, figures(session, cleo.id))
    page = Seen()
    page.feed(path.read_text("utf-8"))
    assert not page.tags["script"]
    assert not [name for name in page.attributes if name.startswith("on")]
    assert page.tags["img"] == 1 + 1 + 23 + 22
    assert all(s.startswith("data:image/webp;base64,") for s in page.sources)
    assert "Practice with <img src=x onerror=window.pwned=1> </style><script>alert(1)</script> Cleo" in page.text
    assert "prefers-color-scheme: dark" in page.text
    assert json.loads(path.with_suffix(".json").read_text())["name"] == cleo.name


def test_the_poster_frames_every_cell_by_what_was_decided(
    session: Session, cleo: Character, card: Callable[[str], list[ImageRecord]], tell: Any, reading: Any
) -> None:
    first, _, last = card("v1"), card("v2"), card("v3")
    seen = {image.id: reading(identity=0.9 if n % 3 else 0.1) for n, image in enumerate([*first, *last])}
    tell(seen)
    decide(session, [*first, *last], seen, seed=0, error=0.0, where="card")
    told = figures(session, cleo.id)
    path = report.write(session, told)
    with Image.open(path.with_name("poster.png")) as image:
        colours = {colour: count for count, colour in image.getcolors(2**24) or ()}
    cells = Counter(cell.verdict for shown in (told.cards[0], told.cards[-1]) for cell in shown.cells)
    frame = poster.CELL**2 - (poster.CELL - 6) ** 2
    for verdict, colour in (("right", poster.GOOD), ("wrong", poster.BAD)):
        assert colours[ImageColor.getrgb(colour)] == frame * cells[verdict] > 0


def test_a_report_of_nothing_yet(session: Session, cleo: Character) -> None:
    told = figures(session, cleo.id)
    assert (told.cards, told.gain, told.minutes, told.number) == ((), None, 0, 3)
    assert "No card has been run yet." in report.page(session, told)


def test_a_job_that_is_still_running_has_no_minutes_yet(session: Session, cleo: Character, tell: Any) -> None:
    job: Job = tell({})
    session.store.put(job.model_copy(update={"ended": None, "state": "running", "started": now()}))
    assert figures(session, cleo.id).by_step == {}
