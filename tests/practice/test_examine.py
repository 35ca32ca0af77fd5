"""The world's truth: true renders are called what they are, by the independent recogniser against other true
renders."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from labs.mini_training.editor import exam
from pipelines.domain.cancelled import Cancelled
from pipelines.domain.records import Character as CharacterRecord
from pipelines.domain.records import ImageRecord
from pipelines.domain.requests import ExamineRequest, TargetsRequest, Wanted
from pipelines.faces import recogniser
from pipelines.practice.reviewer import BACKGROUND, DAMAGED, SOMEONE_ELSE, VIEW, opinion
from pipelines.session import Session
from pipelines.world import examine
from pipelines.world.cast import member
from pipelines.world.face_distance import face_distance, true_faces
from pipelines.world.practice_sources import sources, views
from pipelines.world.renderer import Character, HeldOut, View, render

CLEO, OTHER = member(3).seed, 8_100_001
VIEWS = {
    "front": View.at("front", expression="smiling"),
    "half-left": View.at("half-left", expression="neutral", background="forest"),
    "profile-right": View.at("profile-right", expression="angry"),
    "t-pose": View(framing="full", pose="t-pose"),
}


@pytest.fixture
def few_strangers(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Enough for a threshold at one in fifty, in a second."""
    monkeypatch.setattr(examine, "STRANGERS", range(8_000_000, 8_000_012))
    monkeypatch.setattr(examine, "NEAR", 5)
    monkeypatch.setattr(examine, "FULL", 4)
    examine._strangers.cache_clear()
    yield
    examine._strangers.cache_clear()


def pictures(seed: int) -> dict[str, Image.Image]:
    pixels, _ = render([Character.from_seed(seed)] * len(VIEWS), list(VIEWS.values()), 64)
    return {name: Image.fromarray(p) for name, p in zip(VIEWS, pixels, strict=True)}


@pytest.mark.slow
def test_true_renders_are_called_what_they_are(
    session: Session, cleo: CharacterRecord, put, few_strangers: None
) -> None:
    asked = {
        "front": {"angle": "front", "expression": "smiling"},
        "half-left": {"angle": "half-left", "expression": "neutral", "axis": "background", "value": "forest"},
        "profile-right": {"angle": "profile-right"},
        "t-pose": {"angle": "front", "pose": "t-pose"},
    }
    source = put("source")
    mine = {n: put("enriched", labels=asked[n], image=p, sources=(source.ref,)) for n, p in pictures(CLEO).items()}
    others = {n: put("synthetic", labels=asked[n], image=p) for n, p in pictures(OTHER).items()}
    turned = put("card", labels={**asked["front"], "angle": "half-right"}, image=pictures(CLEO)["front"])
    elsewhere = put("survey", labels={**asked["half-left"], "value": "beach"}, image=pictures(CLEO)["half-left"])
    images: list[ImageRecord] = [*mine.values(), *others.values(), turned, elsewhere]
    request = ExamineRequest(character=cleo.id, number=3, images=tuple(i.ref for i in images), size=64, far=0.02)
    seen = examine.examine(
        request, workspace=session.workspace, settings=session.settings, emit=lambda e: None, cancelled=lambda: False
    )
    assert {n: opinion(i, seen[i.id]).wrong for n, i in mine.items()} == dict.fromkeys(VIEWS, ())
    assert all(SOMEONE_ELSE in opinion(i, seen[i.id]).wrong for i in others.values())
    heads = [seen[i.id].face_distance for n, i in mine.items() if n != "t-pose"]
    assert all(far is not None and far < DAMAGED / 2 for far in heads)
    assert seen[mine["t-pose"].id].face_distance is None
    assert opinion(turned, seen[turned.id]).wrong == (VIEW,)
    assert opinion(elsewhere, seen[elsewhere.id]).wrong == (BACKGROUND,)
    with pytest.raises(Cancelled):
        examine.examine(
            request, workspace=session.workspace, settings=session.settings, emit=lambda e: None, cancelled=lambda: True
        )


def test_a_torn_face_is_far_from_every_true_one() -> None:
    independent = recogniser(examine.INDEPENDENT, exam.NOWHERE)
    whole = pictures(CLEO)["half-left"]
    box = independent.faces(whole)[0].box
    true = true_faces(independent, Character.from_seed(CLEO), "half-left", "neutral")
    darker = whole.point(lambda value: int(0.8 * value))
    torn = whole.copy()
    torn.paste((128, 128, 128), (20, 24, 44, 44))  # a grey patch where eyes and nose were
    near = [face_distance(picture, box, true) for picture in (whole, darker)]
    assert all(far is not None and far < DAMAGED / 2 for far in near)
    assert (face_distance(torn, box, true) or 0) > DAMAGED
    assert (face_distance(pictures(OTHER)["half-left"], box, true) or 0) > DAMAGED
    assert face_distance(whole, box, true[:0]) is None


def test_a_target_is_the_source_with_one_factor_changed(session: Session, cleo: CharacterRecord) -> None:
    seen = views(3)
    wanted = (Wanted(name="same", source=4, axis="angle", value="half-left"),
              Wanted(name="sad", source=4, axis="expression", value="sad"),
              Wanted(name="street", source=4, axis="background", value="street"))  # fmt: skip
    request = TargetsRequest(character=cleo.id, number=3, wanted=wanted, size=64, folder="cache/practice/cleo")
    paths = examine.targets(request, workspace=session.workspace, emit=lambda e: None, cancelled=lambda: False)
    drawn = {p.rpartition("/")[2]: np.asarray(Image.open(session.workspace.path(p)).convert("RGB")) for p in paths}
    assert examine.edited(seen[4], "angle", "half-left") == replace(seen[4], yaw=-45.0)
    assert examine.edited(seen[4], "background", "street") == replace(seen[4], background="city")
    assert examine.edited(seen[4], "lighting", "left") == replace(seen[4], light="left")
    direct, _ = render([Character.from_seed(CLEO)], [replace(seen[4], expression="sad")], 64)
    assert (drawn["sad.png"] == direct[0]).all()
    assert (drawn["street.png"] != drawn["sad.png"]).any()
    for axis, value in (("style", "film"), ("background", "moon")):
        with pytest.raises(KeyError):
            examine.edited(seen[4], axis, value)


def test_the_last_examination_is_kept() -> None:
    with pytest.raises(HeldOut):
        sources(9_000_000)
