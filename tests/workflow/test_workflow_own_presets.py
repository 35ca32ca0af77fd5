"""Presets of the user's own at work: what they offer, what a change of them does to work that waits, what is told when
one that is in use is gone."""

from pathlib import Path

import pytest
from own_presets import own_flux

from pipelines.domain.presets import REVISION_MARK
from pipelines.domain.records import Character, ImageRecord
from pipelines.domain.requests import RenderRequest
from pipelines.engine.weights import require
from pipelines.session import NotFound, Session
from pipelines.storage import settings
from pipelines.storage.preset_files import KINDS
from pipelines.storage.presets import FOLDER, load_presets, shipped
from pipelines.workflow import (
    admission,
    characters,
    enrich,
    flywheel,
    generate,
    loras,
    models,
    presets,
    render,
    survey,
    training,
)
from pipelines.workflow.characters import NotAllowed
from pipelines.workflow.enrich import EnrichOptions
from pipelines.workflow.generate import GenerateOptions
from pipelines.workflow.survey import SurveyOptions


def write(session: Session, file: str, text: str) -> Path:
    path = session.workspace.root / FOLDER / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def mia(session: Session) -> Character:
    """A character that is drawn by a model of the user's own."""
    own_flux(session.workspace.root)
    settings.save(session.workspace.root, {"generator": "mine"})
    session.settings = settings.load(session.workspace.root)
    return characters.create(session, "Mia", origin="drawn here", may_use=True)


def test_a_model_of_ones_own_is_trained_as_others_of_its_kind_are(session: Session, mia: Character) -> None:
    """Presets of its architecture and its world; one that names it goes before them."""
    assert training.presets_for(session, mia.id, "character") == ["character-practice"]
    assert training.presets_for(session, mia.id, "editor") == ["editor-practice"]
    offered = {o.name: o for o in models.offers(session, "generator")}
    assert offered["mine"].training_gib == offered["mini-flux"].training_gib > 0
    write(
        session,
        "training/own.toml",
        """
        [[preset]]
        name = "own"
        title = "Own"
        target = "character"
        families = ["mine"]
        [preset.settings]
        steps = 5
    """,
    )
    assert training.presets_for(session, mia.id, "character") == ["own"]


def test_what_the_files_add_is_planned_at_once(session: Session, ada: Character, put) -> None:
    source: ImageRecord = put("source")
    write(session, "prompts/edits.toml", '[[axis]]\nname = "hair"\ntitle = "Hair"\n'
          'edits = [{ value = "short", title = "Short", prompt = "Cut the hair short." }]')  # fmt: skip
    write(
        session, "prompts/scenarios.toml", '[[scenario]]\nname = "moon"\ntitle = "Moon"\nprompt = "{character}, moon"'
    )
    write(session, "prompts/survey.toml", '[[axis]]\nname = "hat"\ntitle = "Hat"\n'
          'edits = [{ value = "red", title = "Red", prompt = "Give her a red hat." }]')  # fmt: skip
    (edited,) = enrich.plan(session, ada.id, EnrichOptions(edits=("hair/short",), gaps=False))
    (drawn,) = generate.plan(session, ada.id, GenerateOptions(scenarios=("moon",), variants=1))
    (tested,) = survey.plan(session, ada.id, SurveyOptions(images=(source.id,), prompts=("hat/red",)))
    assert (edited.prompt, tested.prompt) == ("Cut the hair short.", "Give her a red hat.")
    assert drawn.prompt == "ohwx_char person, moon"


def test_work_that_waits_is_refused_in_words_when_its_models_preset_changes(session: Session, mia: Character) -> None:
    options = GenerateOptions(variants=1, count=2)
    plan = generate.plan(session, mia.id, options)
    assert all(REVISION_MARK in shot.revision for shot in plan)
    request = RenderRequest(plan=plan)
    assert admission.admit(session, request).plan == plan
    own_flux(session.workspace.root, title="Only another title")
    assert admission.admit(session, request).plan == plan
    file = own_flux(session.workspace.root, lora_targets=["attn.to_q"])
    with pytest.raises(NotAllowed, match="has changed since this was planned"):
        admission.admit(session, request)
    assert not {s.id for s in plan} & {s.id for s in generate.plan(session, mia.id, options)}
    file.unlink()
    own_flux(session.workspace.root)
    assert admission.admit(session, request).plan == plan


def test_of_a_model_that_is_gone_everything_is_told_and_the_workspace_lives(session: Session, mia: Character) -> None:
    assert presets.read(session).problems == ()
    file = session.workspace.root / FOLDER / "models" / "mine.toml"
    file.write_text("name = ")
    told = "\n".join(presets.read(session).problems)
    assert "models/mine.toml: is not valid TOML" in told
    assert "Settings, generator: there is no model 'mine' any more" in told and "Mia, generator: " in told
    rail = flywheel.status(session, mia.id)
    assert rail.next.title == "Put the model preset back" and "'mine'" in rail.next.why
    lacking = render.missing_weights(session, "mine")
    assert lacking and "There is no model preset 'mine'" in lacking.what
    assert loras.usable(session, "mine") == []
    with pytest.raises(NotFound, match="its file is gone or broken"):
        generate.plan(session, mia.id, GenerateOptions())
    own_flux(session.workspace.root)
    assert presets.read(session).problems == () and generate.plan(session, mia.id, GenerateOptions()).shots


def test_weights_lie_where_the_preset_says_or_it_is_told_where_to_put_them(session: Session, tmp_path: Path) -> None:
    own_flux(session.workspace.root)
    mine = session.family("mine")
    assert require(mine, session.workspace, session.settings) == Path(mine.weights.folder)
    for folder, words in ((str(tmp_path / "none"), "are not complete in"), ("", "belong into models/mine-")):
        own_flux(session.workspace.root, weights={"folder": folder})
        lacking = render.missing_weights(session, "mine")
        assert lacking and lacking.how == "reinstall" and words in lacking.what and "~" not in lacking.what


def test_examples_say_nothing_as_they_are_and_what_ours_say_when_uncommented(session: Session) -> None:
    root = session.workspace.root
    written = presets.begin(session)
    assert len(written) == len(KINDS) and presets.begin(session) == []
    assert load_presets(root).problems == () and not load_presets(root).own
    for file in written:
        path = root / FOLDER / file
        lines = path.read_text(encoding="utf-8").splitlines()
        assert all(line.startswith("#") or not line for line in lines)
        path.write_text("\n".join(line.removeprefix("#").removeprefix(" ") for line in lines), encoding="utf-8")
    found, ours = load_presets(root), shipped()
    assert found.problems == () and set(found.own) == {kind.name for kind in KINDS}
    assert all(getattr(found, kind.name) == getattr(ours, kind.name) for kind in KINDS)


def test_every_kind_is_told_of_with_what_is_the_users(session: Session) -> None:
    write(session, "failures.toml", '[[failure]]\nname = "ears"\nkey = "r"')
    found = presets.read(session)
    assert found.there and {k.title: k.own for k in found.kinds if k.own} == {"Failure modes": ("ears",)}
    assert {k.title: k.count for k in found.kinds}["Failure modes"] == len(shipped().failures) + 1
    assert len(found.kinds) == len(KINDS)
