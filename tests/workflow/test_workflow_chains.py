"""Chains of edits with the real editor and the real judge: each step of the one before, stopped where it breaks."""

import io
import json
import shutil
from contextlib import redirect_stdout
from pathlib import Path

import pytest
from PIL import Image

from pipelines.domain.records import Character, Decision, ImageRecord, Job
from pipelines.domain.requests import RenderRequest
from pipelines.domain.shots import Plan, Shot
from pipelines.planning.base import ChoiceError
from pipelines.queue.resuming import unrecorded
from pipelines.session import Session
from pipelines.storage.pictures import pixel_hash, save_picture
from pipelines.workflow import again, captions, chains, datasets, enrich, render, review, sources
from pipelines.workflow.enrich import EnrichOptions
from pipelines.world.practice_sources import sources as drawn
from studio import __main__ as cli

CORNER = "angle/half-left > expression/angry"


def corner(session: Session, *names: str, **more: object) -> Plan:
    """A chain of one front and neutral source, in few steps."""
    (ada,) = [c.id for c in session.store.all(Character)]
    front = next(
        s
        for s in sources.sources(session, ada)
        if (sources.angle_of(s), sources.expression_of(s)) == ("front", "neutral")
    )
    asked = {"sources": (front.id,), "chains": names or (CORNER,), "gaps": False, "steps": 2} | more
    return enrich.plan(session, ada, EnrichOptions(**asked))  # type: ignore[arg-type]


def done(session: Session, job: Job) -> Job:
    ended = session.jobs.wait(job.id, 300)
    assert ended.state == "done", ended.error
    return ended


def somebody_else(session: Session, plan: Plan, shot: Shot) -> ImageRecord:
    """A picture of another practice character lies where that of a shot would."""
    other = next(s.image for s in drawn(6, shot.width) if s.truth.angle == "front")
    path = plan.path(shot)
    fitting = other.resize((shot.width, shot.height))
    image = save_picture(session.workspace, fitting, path=path, character=plan.character, kind="enriched",
                         version=plan.version, shot=shot)  # fmt: skip
    session.store.put(image)
    datasets.include(session, plan.character, "enriched", plan.version, [image.id])
    return image


def label(session: Session, image: ImageRecord, value: str) -> None:
    review.decide(session, [Decision(image=image.id, who="human", action="label", value=value)])


@pytest.mark.slow(seconds=25)
def test_each_step_is_made_of_the_one_before_and_can_be_made_again(cleo_session: Session) -> None:
    session = cleo_session
    plan = corner(session)
    assert render.estimate(session, plan).words.startswith("2 pictures")
    job = done(session, enrich.submit(session, plan))
    assert (job.title, job.done, job.total, job.result) == ("Enrich: 2 pictures", 2, 2, {"images": 2})
    turned, angry = chains.pictures(session, plan)
    assert turned.shot == plan.shots[0] and angry.shot
    assert angry.parents == (turned.ref,) and angry.shot.id == Path(angry.path).stem
    assert angry.scores.identity and turned.scores.identity, "each is judged"
    root = session.store.get(ImageRecord, plan.shots[0].sources[0].id)
    assert root and review.lineage(session, angry) == [root, turned]
    assert (sources.angle_of(angry), sources.expression_of(angry)) == ("half-left", "angry")
    assert render.estimate(session, plan).pictures == 0
    assert done(session, enrich.submit(session, plan)).done == 2 and len(chains.pictures(session, plan)) == 2
    alone = plan.model_copy(
        update={"version": "v9", "folder": plan.folder[:-2] + "v9", "shots": (angry.shot,), "chains": ()}
    )
    done(session, render.submit(session, alone, "once more"))
    with Image.open(session.workspace.path(alone.path(angry.shot))) as image:
        assert pixel_hash(image) == angry.pixels, "the shot of a step is whole"


def freeze(session: Session, plan: Plan) -> None:
    """As a training does."""
    (version,) = datasets.versions(session, plan.character, "enriched")
    session.store.put(version.model_copy(update={"frozen": True}))


@pytest.mark.slow(seconds=23)
def test_what_an_earlier_version_holds_is_not_made_again_and_chains_go_on_from_it(cleo_session: Session) -> None:
    session = cleo_session
    begun = corner(session)
    turned = somebody_else(session, begun, begun.shots[0])
    freeze(session, begun)
    plan = corner(session)
    assert (plan.version, plan.earlier) == ("v2", {begun.shots[0].id: turned.path})
    assert plan.path(plan.shots[0]) == turned.path
    assert chains.pictures(session, plan) == [turned]
    label(session, turned, "good")
    (angry,) = chains.left(session, plan).shots
    assert angry.sources == (turned.ref,) and plan.path(angry).startswith(plan.folder)
    plain = corner(session, chains=(), edits=("angle/half-left",))
    assert render.estimate(session, plain).pictures == 0


@pytest.mark.slow(seconds=6)
@pytest.mark.parametrize(("best_of", "previewed"), [(1, (7, 4)), (3, (6, 3))])
def test_a_preview_is_of_what_is_not_made_yet(cleo_session: Session, best_of: int, previewed: tuple[int, int]) -> None:
    session = cleo_session
    edits = [f"angle/{turn}" for turn in ("half-left", "half-right", "profile-left", "profile-right")]
    edits += [f"expression/{face}" for face in ("smiling", "angry", "sad")] + ["lighting/left"]
    plan = corner(session, chains=(), edits=tuple(edits), per_source=8, best_of=best_of)
    for shot in plan.shots[:3]:
        somebody_else(session, plan, shot)
    job = enrich.submit(session, plan, preview=True)
    session.jobs.cancel(job.id)
    shots, made = previewed
    assert len(RenderRequest.model_validate(job.request).plan) == shots
    assert job.title == f"Preview: {made} pictures"


@pytest.mark.slow(seconds=25)
def test_the_next_round_makes_what_is_new_alone(cleo_session: Session) -> None:
    session = cleo_session
    first = corner(session)
    done(session, enrich.submit(session, first))
    freeze(session, first)
    longer = corner(session, f"{CORNER} > lighting/left")
    assert render.estimate(session, longer).pictures == 1
    job = done(session, enrich.submit(session, longer))
    assert (job.total, job.warnings) == (3, ())
    turned, angry, lit = chains.pictures(session, longer)
    assert (turned.version, angry.version, lit.version) == ("v1", "v1", "v2") and lit.parents == (angry.ref,)
    v1, v2 = datasets.versions(session, longer.character, "enriched")
    assert (v1.images, v2.images) == ((turned.id, angry.id), (lit.id,))


@pytest.mark.slow(seconds=25)
def test_a_chain_that_was_cut_short_goes_on_where_it_was(cleo_session: Session) -> None:
    session = cleo_session
    plan = corner(session, "lighting/neutral > angle/half-left > expression/angry > lighting/left", steps=8)
    job = enrich.submit(session, plan)
    while session.jobs.job(job.id).done < 1:
        session.jobs.wait(job.id, 0.05)
    session.jobs.cancel(job.id)
    cut = session.jobs.wait(job.id, 120)
    first = chains.pictures(session, plan)
    assert cut.state == "cancelled" and 1 <= len(first) < 4
    assert render.estimate(session, plan).pictures == 4 - len(first)
    resumed = done(session, session.jobs.resume(job.id))
    made = chains.pictures(session, plan)
    assert (resumed.done, resumed.total) == (4, 4)
    assert [i.id for i in made[: len(first)]] == [i.id for i in first]
    assert [i.parents for i in made[1:]] == [(i.ref,) for i in made[:-1]]


@pytest.mark.slow(seconds=25)
def test_a_chain_stops_at_somebody_else_and_says_so_with_the_picture(cleo_session: Session) -> None:
    session = cleo_session
    plan = corner(session, CORNER, "angle/half-left > expression/sad > lighting/left")
    wrong = somebody_else(session, plan, plan.shots[0])
    job = done(session, enrich.submit(session, plan))
    assert [image.id for image in chains.pictures(session, plan)] == [wrong.id]
    assert [(b["chain"], b["step"], b["steps"], b["image"]) for b in job.result["broken"]] == [
        (CORNER, 1, 2, wrong.id),
        ("angle/half-left > expression/sad > lighting/left", 1, 3, wrong.id),
    ]
    assert any(CORNER in w and wrong.id[:12] in w and wrong.path in w and "someone else" in w for w in job.warnings)
    assert len([w for w in job.warnings if "stopped after step" in w]) == 2
    seen = render.estimate(session, plan)
    assert seen.pictures == 0 and len(seen.broken) == 2
    assert "stopped here" in chains.broken(session, plan.character)[wrong.id]
    label(session, wrong, "good")
    assert chains.broken(session, plan.character) == {}
    assert render.estimate(session, plan).pictures == 3
    assert "broken" not in done(session, enrich.submit(session, corner(session))).result
    assert len(chains.pictures(session, corner(session))) == 2, "a human's word goes before the judge's"


@pytest.mark.slow(seconds=25)
def test_a_step_that_was_rejected_is_not_gone_on_from(cleo_session: Session) -> None:
    session = cleo_session
    plan = corner(session)
    done(session, enrich.submit(session, plan.model_copy(update={"chains": ()})))
    (turned,) = chains.pictures(session, plan)
    label(session, turned, "reject")
    seen = render.estimate(session, plan)
    assert seen.pictures == 0 and "rejected" in seen.broken[0].why
    done(session, enrich.submit(session, plan))
    assert chains.pictures(session, plan) == [turned]


@pytest.mark.slow(seconds=25)
def test_what_a_kill_left_of_a_chain_is_found(cleo_session: Session) -> None:
    session = cleo_session
    plan = corner(session)
    (first,), (chain,) = plan.shots, plan.chains
    images = []
    shot = first
    for n in range(2):
        made = save_picture(session.workspace, Image.new("RGB", (64, 64), (n * 90, 30, 30)), path=plan.path(shot),
                            character=plan.character, kind="enriched", version=plan.version, shot=shot)  # fmt: skip
        images.append(made)
        shot = chain.then[0].made_of(made.ref)
    assert unrecorded(session.store, session.workspace, RenderRequest(plan=plan)) == images
    session.store.put(images[0])
    assert unrecorded(session.store, session.workspace, RenderRequest(plan=plan)) == images[1:]


def chained(session: Session, put: object, names: str, **labels: str) -> ImageRecord:
    """Pictures of a chain of the first source of Ada, without rendering; its end."""
    del session
    source = put("source", label="good", caption="ohwx_char person in a red dress, in a garden, front view",  # type: ignore[operator]
                 angle="front", expression="neutral")  # fmt: skip
    image, done_so_far, shown = source, [], {"angle": "front", "expression": "neutral"}
    for name in names.split(" > "):
        axis, value = name.split("/")
        done_so_far.append(name)
        shown |= {axis: value} if axis in shown else {}
        image = put("enriched", label="good", sources=(image.ref,), cell=" > ".join(done_so_far),  # type: ignore[operator]
                    labels={"axis": axis, "value": value, "source": source.id, **shown, **labels})  # fmt: skip
    return image


def test_the_caption_of_a_chains_end_names_all_that_was_changed(session: Session, put: object) -> None:
    end = chained(session, put, "lighting/neutral > angle/half-left > background/forest > expression/angry")
    told = captions.caption(session, end)
    assert all(words in told for words in ("red dress", "soft even light", "in a forest", "half-left view", "angry"))
    assert "garden" not in told and "front" not in told
    relit = chained(session, put, "lighting/neutral > expression/sad > lighting/left")
    told = captions.caption(session, relit)
    assert "light from the left" in told and "soft even light" not in told and "sad" in told


def test_what_a_step_did_not_do_is_not_named_at_the_end(session: Session, put: object) -> None:
    end = chained(session, put, "background/forest > expression/angry")
    (_, middle) = review.lineage(session, end)
    review.decide(session, [Decision(image=middle.id, who="human", action="edit", value=1)])
    assert "forest" not in captions.caption(session, end)


def test_an_edit_in_ones_own_words_is_named_as_one_said(session: Session, put: object) -> None:
    end = chained(session, put, "own/1a2b3c4d", caption="wearing a red hat")
    assert captions.caption(session, end).endswith("wearing a red hat")


def test_words_of_a_human_on_a_step_are_kept_at_the_end(session: Session, put: object) -> None:
    end = chained(session, put, "background/forest > expression/angry")
    (_, middle) = review.lineage(session, end)
    session.store.put(middle.model_copy(update={"caption": "ohwx_char person among birches", "caption_whole": True}))
    assert captions.caption(session, end).startswith("ohwx_char person among birches")


def test_a_step_is_made_again_while_what_it_came_from_stands(session: Session, put: object) -> None:
    end = chained(session, put, "angle/half-left > expression/angry")
    source, middle = review.lineage(session, end)
    assert again.plan(session, end, 1).shots[0].sources == (middle.ref,)
    label(session, middle, "reject")
    with pytest.raises(again.NotAllowed, match="left out"):
        again.plan(session, end, 1)
    label(session, middle, "good")
    sources.remove(session, source.id)
    with pytest.raises(again.NotAllowed, match="left out"):
        again.plan(session, end, 1)


def run(root: Path, *arguments: str) -> tuple[int, dict]:
    said = io.StringIO()
    with redirect_stdout(said):
        status = cli.main(["--workspace", str(root), "--json", *arguments])
    return status, json.loads(said.getvalue())


@pytest.mark.slow(seconds=25)
def test_from_the_command_line(practised: tuple[Path, dict], workspace_root: Path) -> None:
    shutil.copytree(practised[0], workspace_root)
    status, told = run(
        workspace_root, "enrich", "--chain", "half-left,angry", "--count", "2", "--steps", "2", "--no-gaps"
    )
    assert status == 0 and told["broken"] == []
    assert [image["cell"] for image in told["images"]] == ["angle/half-left", CORNER]
    status, told = run(workspace_root, "enrich", "--chain", "half-left")
    assert status != 0 and "is no chain" in told["error"]


def test_a_wrong_name_is_told_before_anything_is_made(cleo_session: Session) -> None:
    with pytest.raises(ChoiceError, match="No edit named angle/upwards"):
        corner(cleo_session, "angle/upwards > expression/sad")
    assert cleo_session.jobs.status().queued == []
