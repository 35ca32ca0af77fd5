"""Whatever is written can be read again: a record that could not is refused, in words, and nothing is written."""

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from pipelines.domain.calibrations import Calibration
from pipelines.domain.records import (
    Card,
    Character,
    Correction,
    CurvePart,
    DatasetVersion,
    Decision,
    ImageRecord,
    Job,
    JobProgress,
    LoraRecord,
    Metric,
    Record,
    SavedStack,
    Survey,
    TrainingRun,
)
from pipelines.domain.requests import CalibratedThreshold
from pipelines.domain.scores import Identity, Scores
from pipelines.domain.shots import Adapter, ImageRef
from pipelines.storage.settings import BadSettings, load, save
from pipelines.storage.store import BadRecord, Store

REF = ImageRef(id="a", path="a.png")
RECORDS: tuple[Record, ...] = (
    Character(id="ada", name="Ada", generator="mini-flux", editor="mini-qwen-edit"),
    ImageRecord(id="i", character="ada", kind="source", version="v1", path="i.png", width=8, height=8, pixels="p"),
    LoraRecord(id="l", name="n", path="l.safetensors", family="flux", rank=4),
    SavedStack(id="ada/editor/", character="ada", role="editor"),
    DatasetVersion(id="ada/source/v1", character="ada", kind="source", version="v1"),
    CurvePart(id="r/000000", run="r", points=(Metric(name="loss", step=1, value=0.5),)),
    TrainingRun(id="r", character="ada", target="character", version="v1", family="mini-flux", preset="p"),
    Survey(id="s", character="ada", version="v1", family="mini-qwen-edit"),
    Card(id="c", character="ada", version="v1", lora="", seed=1),
    Correction(
        id="k", character="ada", version="v1", source=REF, wrong=REF, target=REF, instruction="", what_was_wrong="",
    ),
    Job(id="j", kind="render", title="t", request={}),
    JobProgress(id="j"),
    Calibration(
        id="ada/v1/x", character="ada", version="v1", recogniser="x", model_hash="h", far=0.01, far_low=0, far_high=1,
        tau=0.5, smallest=0.5, threshold=0.5, floor=0.4, seen=(), references=(), impostors=1, others=1, effective=1,
    ),
)  # fmt: skip
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(st.characters(), max_size=5),
    st.sampled_from(["left", "\ud800", math.nan, math.inf, 10**400, b"x", (), {}]),
    st.sampled_from([{"a": math.nan}, [math.inf], object()]),
    st.lists(st.one_of(st.text(max_size=2), st.floats()), max_size=2),
)


@pytest.mark.slow
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(record=st.sampled_from(RECORDS), data=st.data())
def test_a_record_that_was_written_is_read_again(tmp_path_factory: Any, record: Record, data: st.DataObject) -> None:
    field = data.draw(st.sampled_from([name for name in type(record).model_fields if name != "id"]))
    changed = record.model_copy(update={field: data.draw(ODD)})
    root = tmp_path_factory.mktemp("w")
    with Store.open(root) as store:
        store.put(record)
        before = (root / "flenwheel.journal").read_bytes()
        try:
            store.put(changed)
        except BadRecord as refusal:
            assert record.table in str(refusal)
            assert (root / "flenwheel.journal").read_bytes() == before
            assert store.get(type(record), record.id) == record
    again = Store.open(root, read_only=True)
    assert len(again.all(type(record))) == 1 and again.repairs == ()


def test_what_the_cache_holds_is_what_will_be_read(workspace_root: Path) -> None:
    """A value that reading would turn into another (a list, a number in quotes) is that one from the start."""
    with Store.open(workspace_root) as store:
        store.put(RECORDS[1].model_copy(update={"width": "8"}))
        now = store.get(ImageRecord, "i")
    then = Store.open(workspace_root, read_only=True).get(ImageRecord, "i")
    assert now == then and now is not None and now.width == 8


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_none_are_refused_wherever_a_number_is_kept(number: float) -> None:
    fields: list[Any] = [
        lambda: Adapter(name="a", sha256="s", path="p", weight=number),
        lambda: CalibratedThreshold(recogniser="r", model_hash="h", threshold=number, floor=0, far=0.1),
        lambda: Metric(name="loss", step=1, value=number),
        lambda: Identity(recogniser="r", model_hash="h", score=number),
        lambda: Scores(yaw=number),
        lambda: LoraRecord(id="l", name="n", path="p", family="flux", rank=1, alpha=number),
    ]
    for make in fields:
        with pytest.raises(ValidationError, match="finite"):
            make()


def test_a_decision_with_records_is_all_or_nothing(workspace_root: Path) -> None:
    good = Decision(image="i", who="human", action="label", value="good")
    with Store.open(workspace_root) as store:
        with pytest.raises(BadRecord):
            store.put(RECORDS[1].model_copy(update={"width": None}), decided=[good])
        with pytest.raises(ValueError, match="label"):
            store.put(RECORDS[1], decided=[good.model_copy(update={"value": "superb"})])
        assert store.all(ImageRecord) == [] and store.decisions("i") == []
        store.put(RECORDS[1], decided=[good, good])
        assert (workspace_root / "flenwheel.journal").read_bytes().count(b"\n") == 1
        assert store.verdict("i").label == "good" and len(store.decisions("i")) == 1


def test_settings_that_are_no_numbers_are_refused(workspace_root: Path) -> None:
    workspace_root.mkdir()
    for value in ("nan", "inf", "-inf"):
        with pytest.raises(BadSettings, match="memory_budget_gib"):
            save(workspace_root, {"memory_budget_gib": value})
        with pytest.raises(BadSettings, match="memory_budget_gib"):
            load(workspace_root, memory_budget_gib=float(value))
    assert not (workspace_root / "settings.toml").exists()


def test_known_content_stays_what_it_is_and_its_gaps_are_filled(workspace_root: Path) -> None:
    """A LoRA trained here is brought in as a file; a stranger's is then found to be of the catalogue."""
    trained = LoraRecord(
        id="l", name="ada_v1", path="a.safetensors", family="flux", rank=4, origin="trained", character="ada", run="r"
    )
    brought = LoraRecord(id="l", name="copy", path="b.safetensors", family="flux", rank=4, trigger="ohwx", alpha=4)
    with Store.open(workspace_root) as store:
        assert store.add(trained) == trained
        kept = store.add(brought)
        assert kept == trained.model_copy(update={"trigger": "ohwx", "alpha": 4}) == store.get(LoraRecord, "l")
        revision = store.revision
        assert store.add(brought) == kept and store.revision == revision, "nothing new: nothing is written"
