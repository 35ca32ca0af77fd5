"""Pictures of other people, brought in to calibrate with."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipelines.domain.records import Character
from pipelines.domain.requests import CalibrateRequest
from pipelines.queue.admission import NotAllowed
from pipelines.session import Session
from pipelines.storage.given import look_through
from pipelines.workflow import calibration, outsiders
from pipelines.workflow.admission import admit


def png(seed: int, side: int = 64) -> bytes:
    data = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 255, (side, side, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(data, "PNG")
    return data.getvalue()


@pytest.fixture
def crowd(tmp_path: Path) -> Path:
    """Two people in folders, one of them with folders inside, one as a file, and what is no picture."""
    root = tmp_path / "crowd"
    (root / "Béa" / "holiday").mkdir(parents=True)
    (root / "carl").mkdir()
    for n, place in enumerate(("Béa/1.png", "Béa/holiday/2.png", "carl/1.png", "alone.png")):
        (root / place).write_bytes(png(n))
    (root / "carl" / "notes.txt").write_text("no picture")
    return root


def test_a_file_or_a_folder_is_a_person(session: Session, ada: Character, crowd: Path) -> None:
    kept = outsiders.bring_in(session, look_through([crowd]).files)
    assert (kept.taken, len(kept.people)) == (4, 3)
    assert [name for name, _ in kept.refused] == ["carl/notes.txt"]
    assert sorted(len(other.images) for other in calibration.others(session, ada)) == [1, 1, 2]
    again = outsiders.bring_in(session, look_through([crowd]).files)
    assert again.people == kept.people and sum(len(o.images) for o in outsiders.known(session)) == 4


def test_they_are_held_against_as_long_as_they_are_there(session: Session, ada: Character, crowd: Path) -> None:
    outsiders.bring_in(session, look_through([crowd]).files)
    request = CalibrateRequest(
        character=ada.id, name="Ada", version="v1", recognisers=("sface",), references=(), folder="x",
        others=calibration.others(session, ada),
    )  # fmt: skip
    admitted = admit(session, request)
    assert isinstance(admitted, CalibrateRequest) and admitted.others == request.others
    gone = request.others[0].images[0]
    session.workspace.path(gone.path).unlink()
    admitted = admit(session, request)
    assert isinstance(admitted, CalibrateRequest)
    assert gone not in [image for other in admitted.others for image in other.images]


@pytest.mark.parametrize(
    "name", ["../../../etc/x.png", "..", "C:\\x\\1.png", "/root/1.png", "a\x00b/1.png", "...//1.png"]
)
def test_no_name_leads_out_of_the_folder(session: Session, name: str) -> None:
    outsiders.bring_in(session, [(name, png(1))])
    root = session.workspace.path(outsiders.FOLDER)
    assert all(p.resolve().is_relative_to(root.resolve()) for p in root.rglob("*"))
    assert not list(session.workspace.root.parent.glob("x.png"))


def test_pictures_of_one_person_count_once_ahead(session: Session, ada: Character) -> None:
    files = [(f"person{n % 6}/{n}.png", png(n, 20)) for n in range(60)]
    outsiders.bring_in(session, files)
    flux = ada.model_copy(update={"generator": "flux1-dev"})
    session.store.put(flux)
    known = calibration.others(session, flux)
    assert (sum(len(o.images) for o in known), calibration.independent(known)) == (60, 6)
    (lacking,) = [w for w in calibration.estimate(session, ada.id).weak if "independent" in w]
    assert "60 pictures of 6 others are worth about 6 of at least 99 independent ones" in lacking
    assert "79 of 100" in calibration.worth_of_start(session, flux)


def test_the_mini_worlds_strangers_need_no_drawing(session: Session, ada: Character) -> None:
    with pytest.raises(NotAllowed, match="at every calibration"):
        calibration.draw_strangers(session, ada.id)
