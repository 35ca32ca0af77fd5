"""Several tries at each picture with the real editor and the real judge: the best is kept, the others are set aside."""

import io
import json
import shutil
from contextlib import redirect_stdout
from pathlib import Path

import pytest
from test_workflow_chains import corner, done, label, somebody_else

from pipelines.domain.best import rank
from pipelines.domain.records import Character, ImageRecord
from pipelines.domain.requests import RenderRequest
from pipelines.domain.shots import Plan, Tries
from pipelines.planning.base import ChoiceError
from pipelines.session import Session
from pipelines.workflow import captions, chains, enrich, render, review, sources
from pipelines.workflow.enrich import EnrichOptions
from studio import __main__ as cli

CORNER = "angle/half-left > expression/angry"


def angry(session: Session, **more: object) -> Plan:
    """One edit of two front sources, a few times each."""
    (cleo,) = [c.id for c in session.store.all(Character)]
    front = [s.id for s in sources.sources(session, cleo) if sources.angle_of(s) == "front"][:2]
    asked = {"sources": tuple(front), "edits": ("expression/angry",), "gaps": False, "steps": 2, "best_of": 3} | more
    return enrich.plan(session, cleo, EnrichOptions(**asked))  # type: ignore[arg-type]


def made(session: Session, plan: Plan, tries: Tries) -> list[ImageRecord]:
    return [image for shot in tries if (image := chains.picture_of(session, plan, shot))]


def piles(session: Session, images: list[ImageRecord]) -> list[str]:
    return [review.label_piles(session.store.verdict(image.id))[0] for image in images]


@pytest.mark.slow(seconds=25)
def test_the_best_of_each_is_kept_and_the_others_can_be_had_back(cleo_session: Session) -> None:
    session = cleo_session
    plan = angry(session)
    assert render.estimate(session, plan).pictures == 6
    assert done(session, enrich.submit(session, plan)).done == 6
    for tries in plan.groups:
        images = made(session, plan, tries)
        best = max(images, key=rank)
        assert sorted(piles(session, images)) == ["aside", "aside", "open"]
        assert piles(session, [best]) == ["open"]
        out = session.store.verdict(next(i for i in images if i is not best).id)
        assert (out.label, out.who) == ("reject", "rule") and f"try {best.shot.purpose.variant + 1} (" in out.reason  # type: ignore[union-attr]
    assert review.tally(session, plan.character, "enriched")["aside"] == 4
    assert {i.id for i in review.undecided(session, plan.character, "enriched")} == {
        max(made(session, plan, tries), key=rank).id for tries in plan.groups
    }
    other = next(i for i in made(session, plan, plan.groups[0]) if piles(session, [i]) == ["aside"])
    label(session, other, "good")
    before = len(session.store.decisions(other.id))
    done(session, enrich.submit(session, plan))
    assert piles(session, [other]) == ["good"] and len(session.store.decisions(other.id)) == before


@pytest.mark.slow(seconds=25)
def test_more_tries_are_held_against_what_was_kept(cleo_session: Session) -> None:
    session = cleo_session
    done(session, enrich.submit(session, angry(session, best_of=2)))
    plan = angry(session, best_of=4)
    assert render.estimate(session, plan).pictures == 4, "two of each are there"
    done(session, enrich.submit(session, plan))
    for tries in plan.groups:
        assert sorted(piles(session, made(session, plan, tries))) == ["aside"] * 3 + ["open"]


@pytest.mark.slow(seconds=25)
def test_nothing_is_set_aside_where_nobody_can_tell(cleo_session: Session) -> None:
    session = cleo_session
    plan = angry(session, best_of=2)
    done(session, session.jobs.submit(RenderRequest(plan=plan), "nobody looks", plan.character))
    assert {p for tries in plan.groups for p in piles(session, made(session, plan, tries))} == {"open"}


@pytest.mark.slow(seconds=25)
def test_each_step_of_a_chain_goes_on_from_its_best(cleo_session: Session) -> None:
    session = cleo_session
    plan = corner(session, CORNER, "angle/half-left > expression/sad", best_of=2)
    assert render.estimate(session, plan).pictures == 6
    job = done(session, enrich.submit(session, plan))
    assert (job.done, job.total, job.title) == (6, 6, "Enrich: 6 pictures")
    turned = made(session, plan, plan.groups[0])
    best = max(turned, key=rank)
    assert piles(session, [best]) == ["open"] and piles(session, [i for i in turned if i is not best]) == ["aside"]
    ends = [i for i in chains.pictures(session, plan) if i not in turned]
    assert {i.parents for i in ends} == {(best.ref,)} and len(ends) == 4
    assert sorted(piles(session, ends)) == ["aside", "aside", "open", "open"]
    assert render.estimate(session, plan).pictures == 0
    assert done(session, enrich.submit(session, plan)).done == 6 and len(chains.pictures(session, plan)) == 6


@pytest.mark.slow(seconds=25)
def test_a_chain_goes_round_a_try_that_shows_someone_else(cleo_session: Session) -> None:
    session = cleo_session
    plan = corner(session, best_of=2)
    wrong = somebody_else(session, plan, plan.shots[0])
    job = done(session, enrich.submit(session, plan))
    assert "broken" not in job.result and len(chains.pictures(session, plan)) == 4
    (kept,) = [i for i in made(session, plan, plan.groups[0]) if i.id != wrong.id]
    assert {i.parents for i in chains.pictures(session, plan)[2:]} == {(kept.ref,)}
    assert piles(session, [kept, wrong]) == ["open", "aside"]


@pytest.mark.slow(seconds=25)
def test_what_was_cut_short_goes_on_and_waits_for_all_tries(cleo_session: Session) -> None:
    session = cleo_session
    plan = corner(session, best_of=3, steps=6)
    job = enrich.submit(session, plan)
    while session.jobs.job(job.id).done < 2:
        session.jobs.wait(job.id, 0.05)
    session.jobs.cancel(job.id)
    assert session.jobs.wait(job.id, 120).state == "cancelled"
    there = chains.pictures(session, plan)
    assert 2 <= len(there) < 6 and render.estimate(session, plan).pictures == 6 - len(there)
    if len(there) < 3:
        assert set(piles(session, there)) == {"open"}, "another try may be better"
    assert done(session, session.jobs.resume(job.id)).done == 6
    assert len(chains.pictures(session, plan)) == 6
    assert sorted(piles(session, chains.pictures(session, plan))) == ["aside"] * 4 + ["open"] * 2


@pytest.mark.slow(seconds=25)
def test_a_rejected_try_is_not_gone_on_from_while_there_is_another(cleo_session: Session) -> None:
    session = cleo_session
    plan = corner(session, best_of=2)
    first = plan.model_copy(update={"chains": ()})
    done(session, enrich.submit(session, first))
    tries = made(session, plan, plan.groups[0])
    best = max(tries, key=rank)
    label(session, best, "reject")
    done(session, enrich.submit(session, plan))
    (other,) = [i for i in tries if i is not best]
    assert {i.parents for i in chains.pictures(session, plan) if i not in tries} == {(other.ref,)}


@pytest.mark.slow(seconds=25)
def test_edits_in_own_words_are_captioned_in_them(cleo_session: Session) -> None:
    session = cleo_session
    (edited, _) = angry(session, best_of=1, words={"expression/angry": "make the person angry | in a rage"}).shots
    assert edited.prompt == "make the person angry"
    background = angry(
        session, best_of=1, edits=("background/forest",), words={"background/forest": "In a wood | among birches"}
    )
    done(session, enrich.submit(session, background))
    assert all("among birches" in captions.caption(session, image) for image in chains.pictures(session, background))


@pytest.mark.slow(seconds=25)
def test_on_the_command_line(practised: tuple[Path, dict], workspace_root: Path) -> None:
    shutil.copytree(practised[0], workspace_root)
    source = practised[1]["pictures"][0]["id"] if "pictures" in practised[1] else ""
    said = io.StringIO()
    asked = ["--workspace", str(workspace_root), "--json", "enrich", "--edit", "expression/angry", "--per-source", "1"]
    asked += [
        "--count",
        "2",
        "--best-of",
        "2",
        "--steps",
        "2",
        "--no-gaps",
        "--word",
        "expression/angry=be angry | mad",
    ]
    with redirect_stdout(said):
        assert cli.main(asked + (["--source", source] if source else [])) == 0
    told = json.loads(said.getvalue())
    assert len(told["images"]) == 2
    said = io.StringIO()
    with redirect_stdout(said):
        assert cli.main([*asked[:-1], "expression/angry"]) == 1, "words come behind an ="
        assert cli.main([*asked[:6], "--best-of", "0"]) == 2
        assert cli.main([*asked[:4], "--edit", "clothes/formal"]) == 1


@pytest.mark.slow(seconds=20)
def test_the_practice_world_says_what_it_cannot_show(cleo_session: Session) -> None:
    with pytest.raises(ChoiceError, match="cannot show clothes/formal"):
        angry(cleo_session, edits=("clothes/formal",))
