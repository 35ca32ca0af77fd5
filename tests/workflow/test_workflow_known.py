"""Content that is known stays what it is; what is refused leaves nothing."""

import io
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipelines.domain.records import Character, Correction, Decision, ImageRecord, Job, LoraRecord, TrainingRun
from pipelines.models.lora_files import LoraRefused
from pipelines.session import NotFound, Session
from pipelines.storage.intake import Refused
from pipelines.storage.preset_files import PRESETS
from pipelines.storage.store import BadRecord
from pipelines.workflow import datasets, loras, review, sources
from pipelines.workflow.characters import NotAllowed

Put = Callable[..., ImageRecord]


def png(seed: int = 1) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 255, (96, 96, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def again(data: bytes) -> bytes:
    """The same pixels in another file."""
    buffer = io.BytesIO()
    Image.open(io.BytesIO(data)).save(buffer, "BMP")
    return buffer.getvalue()


def everything(session: Session) -> tuple[dict[str, bytes], int]:
    """All files of characters and LoRAs, and how often the records were changed."""
    session.store.mirrored()  # the second copy of the records is written by a thread of its own
    root = session.workspace.root
    files = [p for folder in ("characters", "loras") for p in (root / folder).rglob("*") if p.is_file()]
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in files}, session.store.revision


def shipped_lora(session: Session) -> Path:
    return PRESETS / next(e.shipped for e in session.presets.catalogue if e.shipped)


# ---- LoRAs


def test_bringing_in_ones_own_trained_lora_makes_it_no_stranger_s(session: Session, ada: Character) -> None:
    data = shipped_lora(session).read_bytes()
    made = loras.add(session, data, "ada_v1.safetensors")
    folder = session.workspace.lora_folder(ada.id, "editor", "v1")
    path = f"{folder}/ada_v1.safetensors"
    session.workspace.path(folder).mkdir(parents=True)
    session.workspace.path(made.path).rename(session.workspace.path(path))
    run = TrainingRun(
        id="r",
        character=ada.id,
        target="editor",
        version="v1",
        family=ada.editor,
        preset="p",
        lora=made.id,
        state="done",
    )
    trained = made.model_copy(
        update={"path": path, "origin": "trained", "character": ada.id, "version": "v1", "run": "r", "trigger": ""}
    )
    session.store.put(trained, run)
    before = everything(session)
    for name, catalogue in (("copy.safetensors", ""), ("other.safetensors", "Something")):
        brought = loras.add(session, data, name, catalogue=catalogue)
        assert (brought.origin, brought.run, brought.path, brought.name) == ("trained", "r", path, "ada_v1")
    assert loras.trained(session, ada.id, "editor") == [brought] and brought.catalogue == ""
    assert set(everything(session)[0]) == set(before[0]), "no second file"
    session.workspace.path(path).unlink()
    assert loras.add(session, data, "back.safetensors") == brought
    assert session.workspace.path(path).read_bytes() == data, "a file that was lost is put back"


def test_a_catalogue_lora_that_was_brought_in_before_is_known_to_be_one(session: Session) -> None:
    entry = next(e for e in session.presets.catalogue if e.shipped)
    brought = loras.add(session, PRESETS / entry.shipped, "mine.safetensors")
    there = loras.shipped(session, entry.name)
    assert (there.id, there.name, there.catalogue, there.origin) == (brought.id, "mine", entry.name, "catalogue")
    assert [x.id for x in session.store.all(LoraRecord)] == [brought.id]


def test_a_refused_lora_leaves_nothing(session: Session, tmp_path: Path) -> None:
    before = everything(session)
    whole = shipped_lora(session).read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(whole[:-10])
    for data, name in (
        (b"x" * 100, "a.safetensors"),
        (b"PK\3\4" + b"x" * 100, "a.safetensors"),
        (whole[:-10], "a.safetensors"),
        (tmp_path / "cut.safetensors", "cut.safetensors"),
        (whole, "a.pt"),
        (tmp_path / "nobody.safetensors", "a.safetensors"),
    ):
        with pytest.raises(LoraRefused):
            loras.add(session, data, name)
    with pytest.raises(LoraRefused):
        loras.add(session, whole, "a.safetensors", family="mini-flux")
    assert everything(session) == before


@pytest.mark.parametrize("weight", [math.nan, math.inf])
def test_a_strength_that_is_no_number_is_refused(session: Session, weight: float) -> None:
    lora = loras.add(session, shipped_lora(session), "a.safetensors")
    with pytest.raises(NotAllowed, match="finite number"):
        loras.stack(session, [(lora.id, weight)])


# ---- pictures


def test_a_duplicate_leaves_no_file_and_no_record_also_of_an_older_version(session: Session, ada: Character) -> None:
    [first] = sources.add(session, ada.id, [("a.png", png())]).admitted
    used = datasets.include(session, ada.id, "source", "v1", [])
    session.store.put(used.model_copy(update={"frozen": True}))
    assert datasets.open_version(session, ada.id, "source") == "v2"
    before = everything(session)
    arrival = sources.add(session, ada.id, [("a.png", png()), ("b.bmp", again(png())), ("c.png", b"no picture")])
    assert [name for name, _ in arrival.refused] == ["a.png", "b.bmp", "c.png"]
    assert everything(session) == before
    assert sources.sources(session, ada.id) == [first]


def test_a_removed_source_that_is_brought_in_again_keeps_what_is_known_of_it(session: Session, ada: Character) -> None:
    [image] = sources.add(session, ada.id, [("a.png", png())]).admitted
    tagged = sources.tag(session, image.id, angle="half-left", caption="ohwx_char person, a hat")
    sources.remove(session, image.id)
    arrival = sources.add(session, ada.id, [("copy.bmp", again(png()))])
    assert arrival.admitted == [tagged] and arrival.doubtful == []
    assert sources.sources(session, ada.id) == [tagged] == session.store.all(ImageRecord)


def test_a_refused_correction_leaves_nothing(session: Session, ada: Character, put: Put) -> None:
    source = put("source", label="good")
    wrong, plain = put("enriched", sources=(source.ref,)), put("synthetic")
    before = everything(session)
    for image, data in ((wrong, b"no picture"), (wrong, b""), (plain, png())):
        with pytest.raises((Refused, NotAllowed)):
            review.correct(session, image.id, "a.png", data, "the nose")
    with pytest.raises(NotAllowed):
        review.correct_with(session, wrong.id, wrong.id, "the nose")
    assert everything(session) == before and session.store.all(Correction) == []


def test_a_correction_is_kept_whole_or_not_at_all(session: Session, ada: Character, put: Put) -> None:
    source = put("source", label="good")
    wrong = put("enriched", sources=(source.ref,))
    before = session.store.revision
    made = review.correct(session, wrong.id, "a.png", png(5), "the nose")
    assert session.store.revision == before + 1, "one write: record, triplet, decisions and dataset"
    assert review.corrections(session, ada.id) == [made]


def test_a_tag_that_there_is_not_is_refused_and_the_picture_stays_readable(session: Session, ada: Character) -> None:
    [image] = sources.add(session, ada.id, [("a.png", png())]).admitted
    before = everything(session)
    for odd in ({"angle": "left"}, {"expression": "happy"}, {"caption": "\ud800"}, {"caption": 3}):
        with pytest.raises(BadRecord):
            sources.tag(session, image.id, **odd)  # type: ignore[arg-type]
    assert everything(session) == before
    assert session.store.all(ImageRecord) == [image]


def test_decisions_about_what_there_is_not_leave_nothing(session: Session, ada: Character, put: Put) -> None:
    image = put("enriched")
    before = everything(session)
    good = Decision(image=image.id, who="human", action="label", value="good")
    for odd in (good.model_copy(update={"value": "superb"}), good.model_copy(update={"image": "nobody"})):
        with pytest.raises((ValueError, LookupError)):
            review.decide(session, [good, odd])
    assert everything(session) == before and session.store.all(Job) == []


def test_nothing_is_decided_about_a_source_that_there_is_not(session: Session) -> None:
    for step in (sources.remove, sources.restore):
        for image in ("", "x" * 64):
            with pytest.raises(NotFound, match="not among the sources"):
                step(session, image)
    assert session.store.all(Decision) == []
