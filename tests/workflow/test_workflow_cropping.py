"""Parts of sources stand for the whole, which stays; bars are told and cut off."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageOps
from skimage import data

from pipelines.domain.records import Character, ImageRecord
from pipelines.domain.scores import Scores
from pipelines.session import NotFound, Session
from pipelines.storage import marks
from pipelines.workflow import cropping, sources
from pipelines.workflow.characters import NotAllowed
from studio import __main__ as cli

BAR = 40


def file(image: Image.Image, form: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, quality=80)
    return buffer.getvalue()


def astronaut() -> Image.Image:
    return Image.fromarray(data.astronaut())


def brought(session: Session, ada: Character, image: Image.Image, name: str = "a.png") -> ImageRecord:
    [record] = sources.add(session, ada.id, [(name, file(image))]).admitted
    return record


def pixels(session: Session, image: ImageRecord) -> Image.Image:
    with Image.open(session.workspace.path(image.path)) as opened:
        return opened.convert("RGB")


def test_a_part_takes_the_place_of_the_whole_which_stays_and_comes_back(session: Session, ada: Character) -> None:
    whole = brought(session, ada, astronaut())
    sources.tag(
        session, whole.id, angle="front", expression="smiling", framing="full", caption="ohwx_char person, flag"
    )
    kept = session.workspace.path(whole.path).read_bytes()
    part = cropping.crop(session, whole.id, (10, 20, 410, 480))
    assert sources.sources(session, ada.id) == [part] and part.intake and part.intake.cut and whole.intake
    assert (part.angle, part.expression, part.framing) == ("front", "smiling", "unsure")
    assert part.caption == "ohwx_char person, flag" and part.intake.original == whole.intake.original
    assert pixels(session, part).tobytes() == astronaut().crop((10, 20, 410, 480)).tobytes()
    assert session.workspace.path(whole.path).read_bytes() == kept
    other = cropping.crop(session, part.id, (0, 0, 100, 100), 90)
    assert other.intake and other.intake.cut and other.intake.cut.of == whole.id, "cut from the whole, not the part"
    turned = astronaut().transpose(Image.Transpose.ROTATE_270).crop((0, 0, 100, 100))
    assert pixels(session, other).tobytes() == turned.tobytes()
    assert [s.id for s in sources.sources(session, ada.id)] == [other.id]
    assert cropping.undo(session, other.id).id == whole.id
    assert [s.id for s in sources.sources(session, ada.id)] == [whole.id]
    assert cropping.crop(session, whole.id, (10, 20, 410, 480)).id == part.id, "the same part again is the same picture"


def test_the_file_of_a_cropped_source_is_known_when_it_comes_again(session: Session, ada: Character) -> None:
    whole = brought(session, ada, astronaut())
    part = cropping.crop(session, whole.id, (0, 0, 300, 300))
    [(_, why)] = sources.add(session, ada.id, [("again.png", file(astronaut()))]).refused
    assert "already among the sources, cropped" in why
    assert [s.id for s in sources.sources(session, ada.id)] == [part.id]


@pytest.mark.parametrize("turned", [90, 180, 270])
def test_a_turned_box_is_the_box_of_the_turned_picture(turned: cropping.Turned) -> None:
    image = Image.fromarray(np.random.default_rng(1).integers(0, 255, (50, 80, 3), dtype=np.uint8))
    box = (5, 10, 45, 30)
    there = image.transpose(cropping._TURNS[turned]).crop(cropping.turned_box(box, image.size, turned))
    assert there.tobytes() == image.crop(box).transpose(cropping._TURNS[turned]).tobytes()


def test_what_is_no_part_is_refused_and_leaves_nothing(session: Session, ada: Character) -> None:
    whole = brought(session, ada, astronaut())
    boxes = [(0, 0, 513, 100), (-1, 0, 100, 100), (50, 50, 50, 80), (80, 0, 20, 100), (0, 0, 5, 100)]
    for box in boxes:
        with pytest.raises(NotAllowed):
            cropping.crop(session, whole.id, box)
    with pytest.raises(NotAllowed, match="not cropped"):
        cropping.undo(session, whole.id)
    for box in ("0" * 64, ""):
        with pytest.raises(NotFound):
            cropping.crop(session, box)
    assert session.store.all(ImageRecord) == [whole]
    assert cropping.crop(session, whole.id, (0, 0, 512, 512)) == whole


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (200, 60, 60)])
def test_bars_are_told_at_import_and_cut_off(session: Session, ada: Character, form: str, colour: tuple) -> None:
    inner = Image.fromarray(data.coffee())
    framed = ImageOps.expand(inner, (0, BAR, 0, BAR), fill=colour)
    arrival = sources.add(session, ada.id, [("film.png", file(framed, form))])
    [(_, words)] = arrival.doubtful
    assert "film.png" in words and "bars" in words
    assert any("bars" in line for line in sources.advice(session, ada.id))
    part = cropping.crop(
        session, arrival.admitted[0].id, cropping.suggested(session, arrival.admitted[0].id, "borders")
    )
    assert part.width == inner.width and inner.height - 8 <= part.height <= inner.height
    assert part.intake and not part.intake.doubts and not any("bars" in x for x in sources.advice(session, ada.id))


@pytest.mark.parametrize("name", ["astronaut", "coffee", "chelsea", "rocket", "camera", "horse", "coins", "moon"])
def test_plain_photographs_have_no_bars(name: str) -> None:
    image = getattr(data, name)()
    image = image if image.dtype == np.uint8 else (image * 255).astype(np.uint8)
    assert marks.borders(Image.fromarray(image).convert("RGB")) is None


def test_a_figure_before_a_plain_backdrop_has_no_bars() -> None:
    image = Image.new("RGB", (400, 600), "white")
    round_as_a_figure = Image.new("L", (300, 500))
    ImageDraw.Draw(round_as_a_figure).ellipse((0, 0, 299, 499), fill=255)
    image.paste(astronaut().resize((300, 500)), (50, 100), round_as_a_figure)
    assert marks.borders(image) is None


def test_the_face_that_was_found_is_suggested(session: Session, ada: Character) -> None:
    whole = brought(session, ada, astronaut())
    with pytest.raises(NotFound, match="nobody has looked"):
        cropping.suggested(session, whole.id, "face")
    session.store.put(whole.model_copy(update={"scores": Scores(faces=1, face=(180, 60, 270, 180))}))
    left, top, right, bottom = cropping.suggested(session, whole.id, "face")
    assert left < 180 and top < 60 and right > 270 and bottom > 180 and right - left == bottom - top == 300
    part = cropping.crop(session, whole.id, (left, top, right, bottom))
    assert cropping.begin(session, part.id).box == (left, top, right, bottom)
    turned = cropping.begin(session, part.id, 90)
    assert turned.box == (0, 0, 512, 512) and turned.suggestions[0].box == (512 - bottom, left, 512 - top, right)


def test_the_command_line_crops_turns_and_takes_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = tmp_path / "film.png"
    ImageOps.expand(astronaut(), (0, BAR, 0, BAR), fill="black").save(picture)
    root = ["--workspace", str(tmp_path / "w"), "--json"]

    def run(*words: str) -> tuple[int, dict]:
        code = cli.main([*root, *words])
        return code, json.loads(capsys.readouterr().out.splitlines()[-1])

    _, told = run("import", "--new", "Ada", "--may-use", str(picture))
    assert "bars" in " ".join(told["doubtful"].values())
    assert run("crop")[1]["pictures"][0]["suggested"].keys() == {"borders"}
    code, told = run("crop", "--to", "borders", "film.png")
    assert code == 0 and abs(told["pictures"][0]["height"] - 512) <= 6
    assert run("crop", "--turn", "90", "--box", "0,0,200,300", "film.png")[1]["pictures"][0]["cut"]["turned"] == 90
    assert run("crop", "--undo", "film.png")[1]["pictures"][0]["cut"] is None
    for wrong in (
        ["--box", "1,2,3"],
        ["--box", "0,0,9999,10"],
        ["--to", "face"],
        ["--undo"],
        ["--to", "face", "--undo"],
    ):
        assert run("crop", *wrong, "film.png")[0] != 0
