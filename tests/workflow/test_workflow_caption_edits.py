"""Captions of many pictures edited together and taken back; datasets that leave with them."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from pipelines.domain.records import CaptionEdit, Character, ImageRecord
from pipelines.planning.caption_edits import CaptionChange
from pipelines.session import NotFound, Session
from pipelines.storage.given import look_through
from pipelines.storage.pictures import pixel_hash
from pipelines.workflow import caption_edits, characters, export, pristine, review, sources, tokens, training
from pipelines.workflow.captions import caption
from pipelines.workflow.characters import NotAllowed
from studio import __main__ as cli


def ids(images: list[ImageRecord]) -> list[str]:
    return [image.id for image in images]


def now(session: Session, *images: ImageRecord) -> list[str]:
    return [caption(session, review.get(session, image.id)) for image in images]


def test_captions_are_edited_together_and_taken_back(session: Session, ada: Character, put: Any) -> None:
    source = put("source", label="good", angle="front")
    labels = {"axis": "background", "value": "forest", "angle": "front"}
    edit = put("enriched", label="good", sources=(source.ref,), labels=labels)
    put("enriched", label="reject", sources=(source.ref,), labels=labels)
    before = now(session, source, edit)
    found = caption_edits.pictures(session, ada.id)
    assert ids(found) == ids([source, edit])
    made = caption_edits.change(session, ada.id, found, CaptionChange(find="in a forest", replace="among trees"))
    assert made and [b.image for b in made.changed] == [edit.id] and "among trees" in made.words
    assert now(session, source, edit) == [before[0], "ohwx_char person, front view, among trees"]
    caption_edits.change(session, ada.id, found, CaptionChange(remove="front view"))
    assert now(session, source, edit) == ["ohwx_char person", "ohwx_char person, among trees"]  # and it stays out
    assert {i.caption for i in training.dataset(session, ada.id).items} == set(now(session, source, edit))
    assert caption_edits.undo(session, ada.id)[1] == 2 and caption_edits.undo(session, ada.id)[1] == 1
    assert now(session, source, edit) == before
    with pytest.raises(NotAllowed, match="no edit of captions"):
        caption_edits.undo(session, ada.id)


def test_what_was_said_since_is_not_taken_back(session: Session, ada: Character, put: Any) -> None:
    one, two = put("source", label="good"), put("source", label="good")
    caption_edits.change(session, ada.id, [one, two], CaptionChange(add="hat"))
    sources.tag(session, one.id, caption="ohwx_char person, a cap")
    assert caption_edits.undo(session, ada.id)[1] == 1
    assert now(session, one, two) == ["ohwx_char person, a cap", "ohwx_char person"]


def test_only_pictures_of_a_tag_and_of_ones_own_character(session: Session, ada: Character, put: Any) -> None:
    front, aside = put("source", angle="front"), put("source", angle="half-left", caption="ohwx_char person, Red hat")
    assert ids(caption_edits.pictures(session, ada.id, tag="front")) == [front.id]
    assert ids(caption_edits.pictures(session, ada.id, tag="red hat")) == [aside.id]
    bea = characters.create(session, "Bea", may_use=True)
    with pytest.raises(NotFound):
        caption_edits.write(session, bea.id, {front.id: "x"}, "words")
    with pytest.raises(NotAllowed, match="2000"):
        caption_edits.write(session, ada.id, {front.id: "x" * 2001}, "words")
    with pytest.raises(NotAllowed):
        caption_edits.preview(session, ada.id, [front], CaptionChange(add=" , "))
    assert session.store.all(CaptionEdit) == []


def test_tokens_are_counted_by_the_models_own_tokenizer(session: Session, ada: Character, put: Any) -> None:
    put("source", label="good", caption="ohwx_char person " + "among trees " * 40)
    (row,) = (found := caption_edits.listing(session, ada.id, caption_edits.pictures(session, ada.id))).rows
    assert found.exact and found.most == session.family("mini-flux").text_length
    assert row.tokens > 80 and any(f"{row.tokens} tokens" in note for note in row.notes)
    guessed = tokens.counter(session, session.family("flux1-dev"))
    assert not guessed.exact and guessed.most == 512 and guessed.count("five words are seven tokens") == 7


def test_a_dataset_comes_back_as_it_left(session: Session, ada: Character, put: Any, tmp_path: Path) -> None:
    came = "ohwx_char person,  at  the sea \r\n"
    files = [
        ("beach day.png", _png(tmp_path, 1)),
        ("beach day.txt", came.encode("utf-16")),
        ("b.png", _png(tmp_path, 2)),
    ]
    arrival = sources.add(session, ada.id, files)
    assert arrival.captions == 1 and arrival.refused == []
    made = export.write(session, ada.id, "source", tmp_path / "out")
    assert [p.name for p in made.pictures] == ["beach-day.png", "b.png"]
    assert (tmp_path / "out/beach-day.txt").read_bytes() == came.encode()  # what came in goes out unchanged
    assert (tmp_path / "out/b.txt").read_text() == "ohwx_char person"
    rows = [json.loads(line) for line in (tmp_path / "out/metadata.jsonl").read_text().splitlines()]
    assert [(r["file_name"], r["caption"]) for r in rows] == [("beach-day.png", came), ("b.png", "ohwx_char person")]
    assert json.loads((tmp_path / "out/meta_cap.json").read_text())["b"] == {"caption": "ohwx_char person"}
    kohya, musubi = (tomllib.loads((tmp_path / f"out/{n}.toml").read_text()) for n in ("kohya", "musubi"))
    assert kohya["datasets"][0]["subsets"][0]["image_dir"] == musubi["datasets"][0]["image_directory"]
    bea = characters.create(session, "Bea", may_use=True, token="bea")
    again = sources.add(session, bea.id, look_through([tmp_path / "out"]).files)
    assert again.refused == [] and again.captions == 2
    assert {i.intake.caption for i in again.admitted if i.intake} == {came, "ohwx_char person"}
    assert {i.pixels for i in again.admitted} == {i.pixels for i in arrival.admitted}
    with pytest.raises(NotAllowed, match="not empty"):
        export.write(session, ada.id, "source", tmp_path / "out")


def _png(folder: Path, seed: int) -> Path:
    import numpy as np
    from PIL import Image

    path = folder / f"in-{seed}.png"
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (64, 64, 3), dtype=np.uint8)).save(path)
    return path


def test_edits_leave_as_control_folders(session: Session, ada: Character, put: Any, tmp_path: Path) -> None:
    source = put("source", label="good")
    wrong, better = (put("enriched", sources=(source.ref,), cell="angle/front") for _ in range(2))
    with pytest.raises(NotFound, match="no corrections"):
        export.write(session, ada.id, "editor", tmp_path / "none")
    review.correct_with(session, wrong.id, better.id, "wrong side")
    (target,) = export.write(session, ada.id, "editor", tmp_path / "out").pictures
    control = tmp_path / "out/control" / target.name
    assert target.with_suffix(".txt").read_text() == "turn the head"
    from PIL import Image

    with Image.open(target) as made, Image.open(control) as given:
        assert (pixel_hash(made), pixel_hash(given)) == (better.pixels, source.pixels)
    (row,) = map(json.loads, (tmp_path / "out/metadata.jsonl").read_text().splitlines())
    assert (row["image_path"], row["control_path"]) == (str(target), str(control))
    assert "control_directory" in tomllib.loads((tmp_path / "out/musubi.toml").read_text())["datasets"][0]


def test_pristine_and_training_sets_leave_with_what_is_learnt(
    session: Session, ada: Character, put: Any, tmp_path: Path
) -> None:
    source = put("source", label="good", angle="front")
    made = put("synthetic", label="good", caption="turn the head", labels={"angle": "half-left"})
    version = pristine.keep(session, ada.id, [made.id])
    folder = session.workspace.path(session.workspace.dataset(ada.id, "pristine", version.version))
    assert [p.read_text() for p in folder.glob("*.txt")] == now(session, made)
    for what, count in (("pristine", 1), ("training", 2)):
        found = export.write(session, ada.id, what, tmp_path / what)  # type: ignore[arg-type]
        assert len(found.pictures) == count
    told = {p.read_text() for p in (tmp_path / "training").glob("*.txt")}
    assert told == set(now(session, source, made)) == {i.caption for i in training.dataset(session, ada.id).items}


def test_the_command_line_lists_edits_and_takes_back(
    session: Session, ada: Character, put: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = put("source", label="good", caption="ohwx_char person, blue eyes")
    root = str(session.workspace.root)
    session.close()

    def run(*words: str, status: int = 0) -> dict:
        assert cli.main(["--workspace", root, "--json", *words]) == status
        return json.loads(capsys.readouterr().out)

    (row,) = run("captions", "--lint")["captions"]
    assert row["notes"] == ["names what belongs to the character: blue eyes"]
    changed = {source.id: "ohwx_char person"}
    assert run("captions", "--remove", "blue eyes", "--dry-run")["changed"] == changed
    assert run("captions", "--remove", "blue eyes")["changed"] == changed
    assert run("captions", "--lint")["captions"] == []
    assert run("captions", "--undo")["captions"] == 1
    assert run("captions")["captions"][0]["caption"] == "ohwx_char person, blue eyes"
    assert run("captions", "--replace", "x", status=1)["ok"] is False
    assert run("export", "source", "--to", str(tmp_path / "out"))["pictures"]
    assert run("export", "pristine", "--to", str(tmp_path / "none"), status=1)["ok"] is False
    assert run("character", "--kind", "cat")["character"]["class_prompt"] == "cat"
    assert run("captions")["captions"][0]["caption"] == "ohwx_char cat, blue eyes"


def test_duplicates_are_known_by_their_look(session: Session, ada: Character, tmp_path: Path) -> None:
    from PIL import Image, ImageOps

    with Image.open(_png(tmp_path, 7)) as noise:
        first = ImageOps.autocontrast(noise.resize((7, 7)).resize((128, 128), Image.Resampling.BICUBIC))
    first.save(tmp_path / "first.png")
    ImageOps.mirror(first).resize((96, 96)).save(tmp_path / "mirrored.jpg", quality=90)
    first.resize((80, 80)).save(tmp_path / "small.webp", quality=80)
    other = _png(tmp_path, 8)
    names = ["first.png", "mirrored.jpg", "small.webp"]
    arrival = sources.add(session, ada.id, [(n, tmp_path / n) for n in names] + [("other.png", other)])
    assert len(arrival.admitted) == 4
    assert [words for _, words in arrival.doubtful] == [
        "mirrored.jpg looks almost like another source in a mirror, first.png.",
        "small.webp looks almost like another source, first.png.",
    ]
