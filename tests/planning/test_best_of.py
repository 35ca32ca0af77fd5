"""Several tries at each picture, and edits in words of one's own: what is planned."""

import pytest
from test_plans import EDITOR, enriching, picture

from pipelines.domain.best import rank
from pipelines.domain.reading import Reading
from pipelines.domain.records import ImageRecord
from pipelines.domain.scores import Identity, Scores
from pipelines.domain.shots import ImageRef, Plan
from pipelines.planning import axes, base, enrich
from pipelines.storage.presets import shipped

CORNER = "angle/profile-left > expression/angry"
CALM = (picture(1, expression="neutral"), picture(2, expression="neutral"))


def planned(**more) -> Plan:
    return enrich.plan(enriching(**({"sources": CALM, "edits": ("expression/angry",)} | more)))


def test_each_edit_has_so_many_seeds_and_the_first_is_what_it_was() -> None:
    once, four = planned(), planned(best_of=4)
    assert four.tries == 4 and len(four) == 4 * len(once) == 8
    assert [tries[0] for tries in four.groups] == list(once.shots)
    for tries in four.groups:
        assert [shot.purpose.variant for shot in tries] == [0, 1, 2, 3]
        assert len({shot.seed for shot in tries}) == len({shot.id for shot in tries}) == 4
        assert len({(shot.prompt, shot.sources, shot.purpose.cell) for shot in tries}) == 1
    assert {s.id for s in planned(best_of=2)} < {s.id for s in four}, "more tries keep the fewer"


def test_count_counts_every_try_and_cuts_none() -> None:
    assert len(planned(best_of=3, count=5)) == 3
    assert len(planned(best_of=3, count=6)) == 6
    with pytest.raises(base.ChoiceError, match="made 4 times, and only 3"):
        planned(best_of=4, count=3)
    with pytest.raises(ValueError, match="less than or equal to 64"):
        planned(best_of=65)


def test_each_step_of_a_chain_is_tried_and_a_preview_cuts_no_tries() -> None:
    plan = planned(edits=(), chains=(CORNER,), best_of=3)
    assert len(plan.shots) == 6 and len(plan.pictures) == 2 * (3 + 3)
    assert len(plan.beginning(4).pictures) == 6 and len(plan.beginning(4).chains) == 1
    assert len(planned(best_of=3).beginning(4)) == 3 and len(planned(best_of=4).beginning(4)) == 4
    grown = list(plan.grown(lambda tries: [ImageRef(id=tries[1].id.ljust(64, "0"), path=plan.path(tries[1]))]))
    steps = grown[6:]
    assert len(steps) == 6 and len({shot.id for shot in steps}) == 6
    assert {shot.sources[0].path for shot in steps} == {plan.path(tries[1]) for tries in plan.groups}


def made(score: float | None, verdict: str = "right", **seen) -> ImageRecord:
    shot = (
        planned()
        .shots[0]
        .model_copy(
            update={"purpose": planned().shots[0].purpose.model_copy(update={"labels": {"expression": "angry"}})}
        )
    )
    identity = Identity(recogniser="mini", model_hash="m", score=score, verdict=verdict, n=5, asked=5)  # type: ignore[arg-type]
    readings = seen.pop("readings", ())
    return picture(9).model_copy(
        update={"shot": shot, "scores": Scores(identity=identity, **seen), "readings": readings}
    )


def test_the_best_shows_the_character_then_what_was_asked_then_is_most_alike() -> None:
    said = Reading(reader="r", fact="edit", value="not done", likely=0.9, lead=0.8, batch="b")
    worst_first = [
        made(0.1, "wrong", expression="angry"),
        made(0.9, "right", expression="smiling", readings=(said,)),
        made(0.9, "right", expression="smiling"),
        made(0.5, "unsure", expression="angry"),
        made(0.7, "right"),
        made(0.6, "right", expression="angry"),
        made(0.8, "right", expression="angry"),
    ]
    ranks = [rank(image) for image in worst_first]
    assert ranks == sorted(ranks) and len(set(ranks)) == len(ranks)
    assert rank(made(None, "cannot tell")) == rank(made(None, "cannot tell")), "nobody can tell these apart"


def test_an_edit_in_other_words_keeps_its_place_and_seed() -> None:
    (before,), (after,) = (
        planned(sources=CALM[:1], **more).shots
        for more in ({}, {"words": {"expression/angry": "Be furious | furious"}})
    )
    assert after.prompt == "Be furious" and after.purpose.labels["caption"] == "furious"
    assert (after.purpose.cell, after.seed) == (before.purpose.cell, before.seed) and after.id != before.id
    (kept,) = planned(sources=CALM[:1], words={"expression/angry": "Be furious"}).shots
    assert kept.purpose.labels["caption"] == "angry", "captions say what they said"
    turn = planned(edits=("angle/half-left",), words={"angle/half-left": "Go {degrees} to the {side}"}).shots[0]
    assert turn.prompt == "Go 45 to the right"
    chain = planned(edits=(), chains=(CORNER,), words={"expression/angry": "Be furious"})
    assert {c.then[0].prompt for c in chain.chains} == {"Be furious"}


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ({"expression/furious": "Be furious"}, "No edit named expression/furious"),
        ({"expression/angry": " | angry"}, "1 to 1000 characters"),
        ({"expression/angry": "x" * 1001}, "1 to 1000 characters"),
        ({"expression/angry": "Turn {side}"}, "nobody fills in {side}"),
        ({"angle/half-left": "Turn {sides}"}, "nobody fills in {sides}.*{side} are known|{degrees} are known"),
    ],
)
def test_words_that_do_not_do_are_told(words: dict[str, str], why: str) -> None:
    with pytest.raises(base.ChoiceError, match=why):
        planned(words=words)


def test_axes_on_request_are_made_where_they_are_named_and_where_the_world_shows_them() -> None:
    real = shipped().models["qwen-image-edit-2509"]
    assert not {s.purpose.labels["axis"] for s in planned(edits=(), per_source=99)} & {"framing", "pose", "clothes"}
    for asked in ({"edits": ("clothes/formal",)}, {"chains": ("angle/half-left > clothes/formal",), "edits": ()}):
        with pytest.raises(base.ChoiceError, match="cannot show clothes/formal"):
            planned(**asked)
        last = planned(**asked, family=real).pictures[-1]
        assert last.purpose.labels["axis"] == "clothes" and "in a dark suit" in last.prompt
    assert "clothes" in [a.name for a in axes.offered(shipped().axes, real)]
    assert "clothes" not in [a.name for a in axes.offered(shipped().axes, EDITOR)]
