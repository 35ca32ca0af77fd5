"""Two cards held against each other, a card written down, and its failed cells as the next plan."""

import io
import json
from collections.abc import Callable

import pytest
from PIL import Image, ImageColor

from pipelines.domain.records import Card, Character, Decision, ImageRecord
from pipelines.planning import chains
from pipelines.session import NotFound, Session
from pipelines.workflow import card as cards
from pipelines.workflow import card_picture, card_report
from pipelines.workflow.characters import NotAllowed

Put = Callable[..., ImageRecord]
CELLS = ("front/neutral", "front/smiling", "front/angry", "front/sad", "half-left/neutral", "half-left/smiling",
         "half-left/angry", "body/sitting")  # fmt: skip


def judged(session: Session, put: Put, version: str, verdicts: str, seed: int = 1) -> Card:
    """A card of ``CELLS``: R right, W wrong, - not judged."""
    made = Card(id=f"ada/{version}", character="ada", version=version, lora="", seed=seed)
    session.store.put(made)
    for cell, verdict in zip(CELLS, verdicts, strict=True):
        image = put("card", cell=cell, version=version)
        if verdict != "-":
            label = "good" if verdict == "R" else "reject"
            session.store.decide(Decision(image=image.id, who="human", action="label", value=label, where="card"))
    return made


def test_gained_and_lost_cells_with_mcnemar_by_hand(session: Session, put: Put) -> None:
    first, second = judged(session, put, "v1", "WWWWWRR-"), judged(session, put, "v2", "RRRRRWR-")
    found = card_report.compare(session, first, second)
    assert set(found.gained) == {*CELLS[:5]} and found.lost == ("half-left/smiling",) and found.pairs == 7
    # of 6 pairs that differ 1 or fewer on one side: (1 + 6) / 2^6, both sides twice that
    assert found.p == pytest.approx(2 * 7 / 64)
    assert "5 gained" in found.words and "1 lost (half-left/smiling)" in found.words
    assert "p = 0.22: no difference is proven" in found.words and "seeds differ" not in found.words
    back = card_report.compare(session, second, first)
    assert (back.gained, back.lost, back.p) == (found.lost, found.gained, found.p)


def test_cells_without_a_verdict_count_nowhere(session: Session, put: Put) -> None:
    first, second = judged(session, put, "v1", "RW------"), judged(session, put, "v2", "--RRRRRR", seed=2)
    found = card_report.compare(session, first, second)
    assert (found.pairs, found.p, found.gained, found.lost) == (0, 1.0, (), ())
    assert "No cell is judged in both" in found.words
    again = card_report.compare(session, first, judged(session, put, "v3", "WW------", seed=2))
    assert again.lost == ("front/neutral",) and "The seeds differ" in again.words


def test_failed_cells_become_chains_that_enrich_takes(session: Session, ada: Character, put: Put) -> None:
    made = judged(session, put, "v1", "RRWRRRWW")
    asked = card_report.chains_for(session, made)
    assert set(asked) == {"angle/front > expression/angry", "angle/half-left > expression/angry"}
    assert [len(chains.parse(name, session.presets.axes)) for name in asked] == [2, 2]
    with pytest.raises(NotAllowed, match="No cell of card v2 failed"):
        card_report.chains_for(session, judged(session, put, "v2", "RRRRRRRR"))
    with pytest.raises(NotAllowed, match="whole figures"):
        card_report.chains_for(session, judged(session, put, "v3", "RRRRRRRW"))
    with pytest.raises(NotFound, match="no card v9"):
        card_report.of_version(session, ada.id, "v9")


def test_a_card_is_written_down_and_hostile_words_stay_words(session: Session, ada: Character, put: Put) -> None:
    made = judged(session, put, "v1", "RRWR----")
    board = {c.cell.name: c for c in cards.board(session, made)}
    angry = board["front/angry"].image
    assert angry
    nasty = "a|b <img src=x onerror=alert(1)> *bold*\nnew"
    session.store.decide(
        Decision(image=angry.id, who="human", action="label", value="reject", reason=nasty, where="card")
    )
    text = card_report.export(session, made, "md").decode()
    (row,) = [line for line in text.splitlines() if line.startswith("| front/angry")]
    assert r"a\|b \<img src=x onerror=alert(1)\> \*bold\* new" in row
    assert text.startswith("# Model card v1 of Ada: the base model, seed 1") and "3 of 23" in text
    told = json.loads(card_report.export(session, made, "json"))
    assert told["failed"] == ["front/angry"] and len(told["cells"]) == 23 and told["rate"]["right"] == 3
    assert next(c for c in told["cells"] if c["cell"] == "front/angry")["why"] == nasty
    page = card_report.export(session, made, "html").decode()
    assert "<img src=x" not in page and page.count("data:image/") == 8


def test_a_card_is_drawn_as_one_picture_whatever_is_gone(session: Session, ada: Character, put: Put) -> None:
    made = judged(session, put, "v1", "RRWR----")
    wrong = next(c for c in cards.board(session, made) if c.verdict == "wrong")
    assert wrong.image
    drawn = Image.open(io.BytesIO(card_report.export(session, made, "png")))
    assert drawn.format == "PNG" and drawn.width > 5 * card_picture.CELL
    frames = {ImageColor.getrgb(colour): verdict for verdict, colour in card_picture.FRAMES.items()}
    there = {frames[colour] for _, colour in drawn.getcolors(1 << 24) or [] if colour in frames}
    assert there == {c.verdict for c in cards.board(session, made)}
    session.workspace.path(wrong.image.path).unlink()
    session.workspace.thumbnail(wrong.image.id, 256).unlink(missing_ok=True)
    assert Image.open(io.BytesIO(card_report.export(session, made, "png"))).size == drawn.size
    two = made.model_copy(update={"seeds": 2})
    assert Image.open(io.BytesIO(card_report.export(session, two, "png"))).height > drawn.height + card_picture.CELL
