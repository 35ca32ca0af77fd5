"""A card of several seeds, its rates by part, its drift, and cards of other LoRAs, against values by hand."""

from collections.abc import Callable

import pytest

from pipelines.domain.records import Card, Character, Decision, ImageRecord, LoraRecord, TrainingRun
from pipelines.domain.scores import Identity, Scores
from pipelines.domain.shots import Adapter, LoraStack
from pipelines.session import Session
from pipelines.workflow import card as cards
from pipelines.workflow import card_analysis, card_report, characters
from pipelines.workflow.characters import NotAllowed

Put = Callable[..., ImageRecord]


def carded(session: Session, put: Put, seeds: list[dict[str, str]], version: str = "v1", **fields: object) -> Card:
    """A card: for each seed the cells that are R right or W wrong; the others are not made."""
    made = Card(
        id=f"ada/{version}", character="ada", version=version, seed=1, seeds=len(seeds), **{"lora": ""} | fields
    )  # type: ignore[arg-type]
    session.store.put(made)
    for number, cells in enumerate(seeds):
        for cell, verdict in cells.items():
            pose = cell.removeprefix("body/") if cell.startswith("body/") else ""
            image = put("card", cell=cell, version=version, labels={"pose": pose} if pose else {})
            assert image.shot
            purpose = image.shot.purpose.model_copy(update={"variant": number})
            session.store.put(image.model_copy(update={"shot": image.shot.model_copy(update={"purpose": purpose})}))
            label = "good" if verdict == "R" else "reject"
            session.store.decide(Decision(image=image.id, who="human", action="label", value=label, where="card"))
    return made


def test_seeds_are_planned_beside_the_first(session: Session, ada: Character) -> None:
    once = cards.plan(session, ada.id, cards.CardOptions())
    thrice = cards.plan(session, ada.id, cards.CardOptions(seeds=3))
    assert len(thrice) == 69 and [s.id for s in thrice][:23] == [s.id for s in once]
    assert len({s.seed for s in thrice}) == 69
    for wrong in (0, 65):
        with pytest.raises(ValueError, match="seeds"):
            cards.plan(session, ada.id, cards.CardOptions(seeds=wrong))


def test_the_rate_of_several_seeds_is_over_cells(session: Session, ada: Character, put: Put) -> None:
    """All of 12 cells right with both seeds, the others not made: 24 of 46, as if 12 of 23, not 24 of 46."""
    names = [cell.name for cell in session.presets.card.cells[:12]]
    made = carded(session, put, [dict.fromkeys(names, "R")] * 2)
    rate = cards.whole_rate(session, made)
    assert (rate.right, rate.total, rate.seeds) == (24, 46, 2)
    # of 23 draws with chance 12/23 each: 7 or fewer in 2.8 %, 17 or more in 3.0 %, so the middle 95 % are 7 to 17
    assert rate.low == pytest.approx(7 / 23, abs=1.01 / 23) and rate.high == pytest.approx(17 / 23, abs=1.01 / 23)
    assert "24 of 46 right over 2 seeds" in rate.words and "by cells" in rate.words
    first = cards.rate(cards.board(session, made))
    assert (first.right, first.total) == (12, 23) and "at the first try" in first.words


def test_rates_by_angle_expression_and_body(session: Session, ada: Character, put: Put) -> None:
    made = carded(session, put, [{"front/sad": "R", "front/angry": "W", "half-left/sad": "R", "body/sitting": "R"}])
    found = {(p.of, p.name): (p.right, p.total) for p in card_analysis.parts(session, made)}
    assert found["angle", "front"] == (1, 4) and found["angle", "half-left"] == (1, 4)
    assert found["expression", "sad"] == (2, 5) and found["body", "body"] == (1, 3)
    assert sum(total for (of, _), (_, total) in found.items() if of == "angle") == 20
    (sad,) = [p for p in card_analysis.parts(session, made) if p.name == "sad"]
    assert sad.words == "sad: 2 of 5 right (95 % interval 12-77)"


def test_drift_by_hand(session: Session, ada: Character, put: Put) -> None:
    made = carded(session, put, [{"front/sad": "R", "front/angry": "R", "body/sitting": "R"}], lora="l" * 64)
    learnt, other = put("source", label="good"), put("source", label="good")
    run = TrainingRun(id="r", character="ada", target="character", version="v1", family="mini-flux", preset="p",
                      images=(learnt.id,))  # fmt: skip
    lora = LoraRecord(id="l" * 64, name="ada_v1", path="x", family="flux", rank=4, run="r", character="ada")
    hashes = {learnt.id: "0" * 16, other.id: "f" * 16}
    drawn = session.store.all(ImageRecord, kind="card")
    hashes |= {i.id: h for i, h in zip(drawn, ("000000000000000f", "00000000000000ff", "f" * 16), strict=True)}
    for image, cosine in zip(drawn, (0.8, 0.6, None), strict=True):
        who = Identity(recogniser="a", model_hash="m", score=cosine)
        twice = Scores(identity=who, second_opinion=who.model_copy(update={"score": 0.5}))
        session.store.put(image.model_copy(update={"scores": twice}))
    for image_id, dhash in hashes.items():
        image = session.store.get(ImageRecord, image_id)
        assert image
        session.store.put(image.model_copy(update={"dhash": dhash}))
    session.store.put(run, lora)
    found = card_analysis.drift(session, made)
    assert found.identity == pytest.approx(0.7) and (found.measured, found.seconded) == (2, 3)
    assert found.second == pytest.approx(0.5) and found.diversity == pytest.approx(4 / 64)
    assert found.copies == ((drawn[0].id, learnt.id),) and found.learnt == 1, (
        "four bits away; what was not learnt is none"
    )
    assert "0.70 to the sources" in found.words and "1 copy of 1 picture it" in found.words


def test_several_seeds_are_compared_and_their_failures_planned_once(session: Session, ada: Character, put: Put) -> None:
    first = carded(session, put, [{"front/sad": "W"}, {"front/sad": "W"}], "v1")
    second = carded(session, put, [{"front/sad": "R"}, {"front/sad": "R"}, {"front/sad": "R"}], "v2")
    found = card_report.compare(session, first, second)
    assert found.gained == ("front/sad", "front/sad #2") and found.pairs == 2
    assert card_report.chains_for(session, first) == ("angle/front > expression/sad",)


def test_failed_figures_are_planned_where_the_editor_can(session: Session, ada: Character, put: Put) -> None:
    made = carded(session, put, [{"body/sitting": "W"}])
    with pytest.raises(NotAllowed, match="whole figures"):
        card_report.chains_for(session, made)
    session.store.put(session.character("ada").model_copy(update={"editor": "qwen-image-edit-2509"}))
    (chain,) = card_report.chains_for(session, made)
    assert chain.endswith("> framing/sitting")


def test_any_lora_at_any_strength_beside_a_stack(session: Session, ada: Character, put: Put) -> None:
    beside = LoraStack(adapters=(Adapter(name="light", sha256="b" * 64, path="loras/b.safetensors", weight=0.5),))
    characters.create(session, "Bob", origin="here", may_use=True)
    session.store.put(LoraRecord(id="f" * 64, name="bob_v1", path="loras/f.safetensors", family="flux", rank=4,
                                 character="bob", version="v1", origin="trained"))  # fmt: skip
    session.workspace.path("loras/f.safetensors").write_bytes(b"bob")
    plan = cards.plan(session, ada.id, cards.CardOptions(lora="f" * 64, strength=0.8, beside=beside))
    assert {s.stack.label for s in plan} == {"bob_v1 0.8 + light 0.5"}
    made = carded(session, put, [{"front/sad": "R"}], lora="f" * 64, strength=0.8, beside=beside)
    text = card_report.export(session, made, "md").decode()
    assert "at 0.8 beside light 0.5" in text.replace("\\", "") and "- front: 1 of 4 right" in text and "Drift" in text
