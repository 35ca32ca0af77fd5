"""What a user finds out about LoRAs of the catalogue: kept, told apart by entry or file, in the survey's report."""

from typing import Any

import pytest

from pipelines.domain.lora_notes import AXES, LoraNotes
from pipelines.domain.records import Character, ImageRecord, LoraRecord, Survey
from pipelines.domain.shots import Adapter, LoraStack
from pipelines.session import NotFound, Session
from pipelines.workflow import lora_notes, survey_export, survey_report


@pytest.fixture
def brought(session: Session) -> LoraRecord:
    lora = LoraRecord(
        id="c" * 64, name="my-turns", path="loras/x.safetensors", family="qwen-image-edit", rank=4, origin="imported"
    )
    session.store.put(lora)
    return lora


def found(session: Session, ada: Character) -> dict[str, lora_notes.Candidate]:
    return {c.key: c for c in lora_notes.candidates(session, session.family(ada.editor), ada.id)}


def test_what_was_found_out_is_kept_bit_by_bit(session: Session, ada: Character, brought: LoraRecord) -> None:
    assert lora_notes.progress(found(session, ada).values()) == "0 of 10 looked into, 0 of 5 tested"
    lora_notes.write(session, "mini-angles", scores={"angle": 5, "light": 2}, note=" turns well\n")
    lora_notes.write(session, "mini-angles", scores={"light": None, "quality": 3}, looked="card read")
    lora_notes.write(session, "my-turns", looked="left out")
    kept = session.store.get(LoraNotes, "mini-angles")
    assert kept and (kept.scores, kept.note, kept.looked) == ({"angle": 5, "quality": 3}, "turns well", "card read")
    about = found(session, ada)
    assert about["mini-angles"].status == "card read" and about[brought.id].status == "left out"
    assert about["mini-relight"].status == "not looked into" and about[brought.id].kind == "brought in"
    assert lora_notes.progress(about.values()) == "2 of 10 looked into, 0 of 5 tested"


def test_a_file_that_an_entry_knows_is_noted_by_the_entry(session: Session) -> None:
    entry = next(e for e in session.presets.catalogue if e.repo and e.file)
    session.store.put(
        LoraRecord(id="d" * 64, name="renamed", path="x", family="f", rank=1, catalogue=entry.name, origin="catalogue")
    )
    assert lora_notes.key_of(session, "renamed") == lora_notes.key_of(session, entry.name) == entry.name


@pytest.mark.parametrize("wrong", [{"angle": 0}, {"angle": 6}, {"beauty": 3}, {"angle": 2.5}])
def test_what_is_no_score_or_no_lora_is_refused_and_nothing_kept(session: Session, wrong: dict[Any, Any]) -> None:
    if set(wrong) <= set(AXES):
        with pytest.raises(ValueError, match="angle"):
            lora_notes.write(session, "mini-angles", scores=wrong)
    else:
        assert lora_notes.write(session, "mini-angles", scores=wrong).scores == {}
    with pytest.raises(NotFound):
        lora_notes.write(session, "nobody", note="x")
    assert {n.id for n in session.store.all(LoraNotes)} <= {"mini-angles"}


def test_what_a_survey_tested_counts_and_its_report_tells_of_all(session: Session, ada: Character, put: Any) -> None:
    source: ImageRecord = put("source")
    session.store.put(LoraRecord(
        id="e" * 64, name="mini-relight", path="x", family="qwen-image-edit", rank=4, catalogue="mini-relight",
        origin="catalogue",
    ))  # fmt: skip
    stack = LoraStack(adapters=(Adapter(name="mini-relight", sha256="e" * 64, path="x"),))
    made = Survey(id="ada/v1", character="ada", version="v1", family=ada.editor, stacks=(stack,), images=(source.id,))
    session.store.put(made)
    lora_notes.write(session, "mini-angles", scores={"angle": 4}, note="| <b>")
    about = found(session, ada)
    assert about["mini-relight"].status == "tested in v1" and about["mini-relight"].looked_into
    told = survey_report.report(session, made.id)
    assert told["surveyed"] == "2 of 10 looked into, 1 of 5 tested"
    rows = {c["name"]: c for c in told["candidates"]}
    assert set(rows) == {"mini-angles", "mini-relight"} and rows["mini-angles"]["scores"] == {"angle": 4}
    page = survey_export.export(session, made.id, "html")
    assert "LoRAs that were looked into" in page and "&lt;b&gt;" in page and "<b>|" not in page
    assert "| mini-angles | " in survey_export.export(session, made.id, "md")
