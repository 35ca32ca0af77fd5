"""Rounds as a person reads them, the stop rule over real records, and where a LoRA comes from."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from pipelines.domain.records import Card, Character, Decision, ImageRecord, LoraRecord, TrainingRun
from pipelines.domain.shots import Adapter, LoraStack
from pipelines.session import NotFound, Session
from pipelines.workflow import flywheel, lineage, pristine, rounds

Put = Callable[..., ImageRecord]


def trained(session: Session, version: str, images: Sequence[ImageRecord] = (), parent: str = "") -> LoraRecord:
    lora = LoraRecord(
        id=f"sha-{version}", name=f"ada_{version}", path=f"{version}.safetensors", family="flux", rank=4,
        origin="trained", character="ada", version=version, run=f"run-{version}",
    )  # fmt: skip
    run = TrainingRun(
        id=f"run-{version}", character="ada", target="character", version=version, family="mini-flux", preset="p",
        state="done", lora=lora.id, images=tuple(i.id for i in images), parent=parent,
        settings={"rank": 4, "steps": 300},
    )  # fmt: skip
    session.store.put(lora, run)
    return lora


def carded(session: Session, put: Put, version: str, lora: LoraRecord, right: int, seed: int = 1, **more: Any) -> None:
    session.store.put(Card(id=f"ada/{version}", character="ada", version=version, lora=lora.id, seed=seed, **more))
    for n, cell in enumerate(session.presets.card.cells):
        image = put("card", cell=cell.name, version=version)
        label = "good" if n < right else "reject"
        session.store.decide(Decision(image=image.id, who="human", action="label", value=label, where="card"))


@pytest.fixture
def two_rounds(session: Session, ada: Character, put: Put) -> Session:
    """Sources, edits, v1, what it drew, the best of that, v2, and a card of each."""
    source = put("source", label="good")
    edits = [put("enriched", sources=(source.ref,), label="good") for _ in range(3)]
    put("enriched", sources=(source.ref,), label="reject")
    first = trained(session, "v1", [source, *edits])
    drawn = []
    for _ in range(2):
        image = put("synthetic", label="good")
        assert image.shot
        stack = LoraStack(adapters=(Adapter(name="ada_v1", sha256=first.id, path="x"),))
        image = image.model_copy(update={"shot": image.shot.model_copy(update={"stack": stack})})
        session.store.put(image)
        drawn.append(image)
    pristine.keep(session, ada.id, [drawn[0].id])
    second = trained(session, "v2", [source, *edits, drawn[0]], parent="run-v1")
    carded(session, put, "v1", first, 12)
    carded(session, put, "v2", second, 18)
    return session


def test_rounds_say_what_was_trained_on_what_and_what_the_card_says(two_rounds: Session) -> None:
    first, second = rounds.rounds(two_rounds, "ada")
    assert first.learnt == {"source": 1, "enriched": 3} and first.made == 2
    assert second.learnt == {"source": 1, "enriched": 3, "pristine": 1} and second.parent == "v1"
    assert first.rate == "12 of 23 right (95 % interval 33-71)" and first.gain == ""
    assert second.gain == "v1 to v2: 6 gained, 0 lost of 23, p = 0.031"
    assert second.words == (
        "v2 (done): 1 source, 3 enriched, 1 pristine; rank 4, 300 steps on mini-flux; pictures of v1 among them; "
        "18 of 23 right (95 % interval 58-90); v1 to v2: 6 gained, 0 lost of 23, p = 0.031"
    )
    text = rounds.markdown(two_rounds, "ada")
    assert text.startswith("# Rounds of Ada\n") and "| v2 | done | 1 source, 3 enriched, 1 pristine |" in text
    with pytest.raises(NotFound):
        rounds.rounds(two_rounds, "bob")


def test_the_stop_rule_reaches_the_rail(two_rounds: Session, put: Put) -> None:
    assert rounds.stop_rule(two_rounds, "ada").reason == "go on"
    for version, right in (("v3", 18), ("v4", 18)):
        carded(two_rounds, put, version, trained(two_rounds, version), right)
    rule = rounds.stop_rule(two_rounds, "ada")
    assert (rule.stop, rule.reason, rule.version) == (True, "no gain", "v2")
    rail = flywheel.status(two_rounds, "ada")
    assert rail.next.title == "Use v2: the wheel can stop" and rail.next.why == rule.words
    assert next(s for s in rail.steps if s.key == "card").why == rule.words


def test_cards_of_several_seeds_count_together_and_of_one_seed_the_newest(two_rounds: Session, put: Put) -> None:
    second = two_rounds.store.get(LoraRecord, "sha-v2")
    assert second
    carded(two_rounds, put, "v3", second, 10, seed=2)
    carded(two_rounds, put, "v4", second, 23, seed=1)
    assert rounds.rounds(two_rounds, "ada")[1].rate.startswith("33 of 46 right")


def test_a_card_at_another_strength_or_beside_others_says_nothing_of_the_lora_as_it_is(
    two_rounds: Session, put: Put
) -> None:
    second = two_rounds.store.get(LoraRecord, "sha-v2")
    assert second
    beside = LoraStack(adapters=(Adapter(name="x", sha256="y", path="x"),))
    carded(two_rounds, put, "v3", second, 0, strength=0.5)
    carded(two_rounds, put, "v4", second, 0, seed=2, beside=beside)
    assert rounds.rounds(two_rounds, "ada")[1].rate.startswith("18 of 23 right")
    assert rounds.rounds(two_rounds, "ada")[1].cards == ("v2", "v3", "v4")


def test_every_seed_of_a_card_counts(two_rounds: Session, put: Put) -> None:
    """Here nobody has judged the second one yet."""
    second = two_rounds.store.get(LoraRecord, "sha-v2")
    assert second
    carded(two_rounds, put, "v3", second, 23, seed=2, seeds=2)
    assert rounds.rounds(two_rounds, "ada")[1].rate == "23 cells of its card to judge"


def test_the_lineage_counts_what_went_where(two_rounds: Session) -> None:
    found = lineage.lineage(two_rounds, "ada")
    ids = [node.id for node in found.nodes]
    assert set(ids) == {
        "source", "enriched/v1", "lora/v1", "synthetic/v1", "pristine/v1", "lora/v2", "card/v1", "card/v2",
    }  # fmt: skip
    edges = {(e.origin, e.to): e.count for e in found.edges}
    assert edges[("source", "enriched/v1")] == 4 and edges[("enriched/v1", "lora/v1")] == 3
    assert edges[("lora/v1", "synthetic/v1")] == 2 and edges[("synthetic/v1", "pristine/v1")] == 1
    assert edges[("pristine/v1", "lora/v2")] == 1 and edges[("source", "lora/v2")] == 1
    assert edges[("lora/v2", "card/v2")] == 23
    assert next(n for n in found.nodes if n.id == "enriched/v1").words == "3 of 4 found good"
    counts = {node: len(lineage.pictures(two_rounds, "ada", node)) for node in ids}
    assert counts["source"] == 1 and counts["enriched/v1"] == 4 and counts["lora/v2"] == 5 and counts["card/v1"] == 23
    for unknown in ("", "lora/v9", "lora", "nothing/v1", "pristine/", "../etc"):
        with pytest.raises(NotFound):
            lineage.pictures(two_rounds, "ada", unknown)
    assert "<- 1 of source, 3 of enriched/v1, 1 of pristine/v1" in lineage.words(found)


def test_nobody_has_an_empty_lineage(session: Session, ada: Character) -> None:
    assert lineage.lineage(session, ada.id) == lineage.Lineage() and rounds.rounds(session, ada.id) == []
