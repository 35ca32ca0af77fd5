"""Which models a new character gets, what the choice says before anything is loaded, and changing it."""

from pathlib import Path

import pytest

from pipelines.domain.records import Character, TrainingRun
from pipelines.engine import cards
from pipelines.engine.cards import Card
from pipelines.queue.admission import NotAllowed
from pipelines.session import NotFound, Session
from pipelines.storage.settings import save
from pipelines.workflow import characters, loras, models, training
from pipelines.workflow.opening import open_session

GIB = 2**30
REAL = {"generator": "flux1-dev", "editor": "qwen-image-edit-2509"}


def with_card(monkeypatch: pytest.MonkeyPatch, gib: float) -> None:
    """A machine with one card of so much memory. (No driver is here to be asked.)"""
    monkeypatch.setattr(cards, "cards", lambda: [Card("GPU-1", "NVIDIA GeForce RTX", int(gib * GIB))])
    monkeypatch.setattr(cards, "torch_computes_on_cards", lambda: True)
    monkeypatch.delenv(cards.VISIBLE, raising=False)


@pytest.mark.parametrize(
    ("gib", "generator", "editor"),
    [
        (24, "flux1-dev", "qwen-image-edit-2509"),
        (80, "flux1-dev", "qwen-image-edit-2509"),
        (4, "mini-flux", "mini-qwen-edit"),
    ],
)
def test_what_is_recommended_follows_the_card(
    session: Session, monkeypatch: pytest.MonkeyPatch, gib: float, generator: str, editor: str
) -> None:
    with_card(monkeypatch, gib)
    character = models.create(session, "Ada", may_use=True)
    assert (character.generator, character.editor) == (generator, editor)


@pytest.mark.parametrize("gib", [8, 12, 16, 24, 32, 48])
def test_what_is_recommended_draws_and_trains_here(
    session: Session, monkeypatch: pytest.MonkeyPatch, gib: float
) -> None:
    with_card(monkeypatch, gib)
    found = models.choosing(session)
    for offered in (found.generators, found.editors):
        (best,) = [o for o in offered if o.recommended]
        assert best.fits
        assert max(best.peak_gib, best.training_gib) <= gib
        larger = [o for o in offered if o.fits and not o.practice and o.parameters > best.parameters]
        assert not larger


def test_without_a_card_the_practice_models_are_recommended_and_said_to_be_that(session: Session) -> None:
    found = models.choosing(session)
    assert (found.generator, found.editor) == ("mini-flux", "mini-qwen-edit")
    assert "No graphics card" in found.machine
    mini = next(o for o in found.generators if o.name == "mini-flux")
    assert models.PRACTICE_ONLY in mini.lines
    flux = next(o for o in found.generators if o.name == "flux1-dev")
    words = " ".join(flux.lines)
    assert "31.4 GB" in words
    assert "models/flux1-dev-main" in words
    assert "black-forest-labs/FLUX.1-dev" in words
    assert models.WITHOUT_A_CARD in flux.lines


def test_what_the_settings_say_is_taken_before_what_is_recommended(
    workspace_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_card(monkeypatch, 24)
    workspace_root.mkdir()
    save(workspace_root, {"generator": "flux1-krea-dev"})
    with open_session(workspace_root) as opened:
        character = models.create(opened, "Ada", may_use=True)
        assert (character.generator, character.editor) == ("flux1-krea-dev", "qwen-image-edit-2509")
        named = models.create(opened, "Bo", may_use=True, generator="flux2-klein-4b", editor="flux2-klein-4b")
        assert (named.generator, named.editor) == ("flux2-klein-4b", "flux2-klein-4b")


def test_a_model_is_named_for_what_it_can_do(session: Session, ada: Character) -> None:
    with pytest.raises(NotAllowed, match="no generator"):
        models.create(session, "Bo", may_use=True, generator="qwen-image-edit-2509")
    with pytest.raises(NotAllowed, match="no editor"):
        characters.create(session, "Bo", may_use=True, editor="flux1-dev")
    with pytest.raises(NotFound):
        models.change(session, ada.id, generator="nothing")
    with pytest.raises(NotAllowed, match="no editor"):
        models.change(session, ada.id, editor="flux1-dev")


def test_the_choice_can_be_changed_while_nothing_was_made_with_it(session: Session, ada: Character, put) -> None:
    put("source")
    changed = models.change(session, ada.id, **REAL)
    assert (changed.generator, changed.editor) == tuple(REAL.values())
    assert session.character(ada.id) == changed
    assert changed.model_copy(update={"generator": ada.generator, "editor": ada.editor}) == ada
    jobs = session.jobs.status()
    titles = [j.title for j in [*([jobs.job] if jobs.job else []), *jobs.queued, *jobs.recent]]
    assert any("Judge 1 picture by sface" in title for title in titles)  # no stronger pack is on disk
    assert training.presets_for(session, ada.id, "character") != []


def test_what_was_made_is_told_and_the_other_role_stays_free(session: Session, ada: Character, put) -> None:
    source = put("source")
    put("enriched", sources=(source.ref,))
    assert models.made(session, ada.id) == ["mini-qwen-edit: 1 picture"]
    assert models.change(session, ada.id, generator="flux1-dev").generator == "flux1-dev"
    with pytest.raises(NotAllowed, match=r"1 picture.*new round"):
        models.change(session, ada.id, editor="qwen-image-edit-2509")
    assert session.character(ada.id).editor == "mini-qwen-edit"
    assert models.change(session, ada.id, editor="qwen-image-edit-2509", new_round=True).editor == REAL["editor"]


def test_a_new_round_trains_the_next_version_and_offers_no_lora_of_the_other_model(
    session: Session, ada: Character, put
) -> None:
    from pipelines.domain.records import LoraRecord
    from pipelines.workflow import flywheel

    run = TrainingRun(
        id="run", character=ada.id, target="character", version="v1", family="mini-flux", preset="", settings={},
        images=(), parent="", job="", state="done", lora="0" * 64,
    )  # fmt: skip
    lora = LoraRecord(
        id="0" * 64, name="ada_v1", path="x", family="flux", rank=4, origin="trained", character=ada.id, version="v1",
        run="run", width=192,
    )  # fmt: skip
    unsaid = lora.model_copy(update={"id": "1" * 64, "version": "v0", "width": 0})
    session.store.put(run, lora, unsaid)
    own = loras.trained(session, ada.id, "character")
    assert lora in own
    models.change(session, ada.id, generator="flux1-dev", new_round=True)
    assert loras.trained(session, ada.id, "character") == []
    assert training.following(session, ada.id, "character") == "v2"
    rail = flywheel.status(session, ada.id)
    assert [s.title for s in rail.steps if s.key in ("train", "retrain")] == ["v2", "v3"]


@pytest.mark.slow
def test_a_practice_character_keeps_its_models(cleo_session: Session) -> None:
    (cleo,) = cleo_session.store.all(Character)
    with pytest.raises(NotAllowed, match="practice"):
        models.change(cleo_session, cleo.id, generator="flux1-dev", new_round=True)


def test_words_say_what_is_missing_and_how_to_get_it(session: Session, ada: Character) -> None:
    assert any("drawn people" in line for line in models.words_of(session, ada))
    words = "\n".join(models.words_of(session, models.change(session, ada.id, **REAL)))
    assert "31.4 GiB" in words
    assert "53.8 GiB" in words
    assert "flenwheel models --get flux1-dev --get qwen-image-edit-2509" in words
