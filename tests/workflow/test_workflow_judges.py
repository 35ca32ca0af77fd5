"""Who judges a character's pictures."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.domain.records import Character, ImageRecord
from pipelines.domain.scores import Identity, Scores
from pipelines.queue.admission import NotAllowed
from pipelines.session import Session
from pipelines.workflow import calibration, characters, judges, review, sources
from pipelines.workflow.judges import Judge

Put = Callable[..., ImageRecord]


def test_a_pack_on_disk_is_preferred_to_what_comes_with_the_product(
    session: Session, ada: Character, tmp_path: Path
) -> None:
    root = tmp_path / "packs"
    session.settings = session.settings.model_copy(update={"insightface_root": root})
    flux = session.family("flux1-dev")
    assert judges.judge(session, ada, flux) == Judge("sface", "facenet")
    pack = root / "models" / "auraface"
    pack.mkdir(parents=True)
    assert judges.judge(session, ada, flux) == Judge("sface", "facenet")
    (pack / "det.onnx").write_bytes(b"x")
    assert judges.judge(session, ada, flux) == Judge("insightface", "facenet")


def test_the_mini_world_is_judged_by_its_own_eyes(session: Session, ada: Character) -> None:
    assert judges.judge(session, ada, session.family("mini-flux")) == Judge("mini", "mini-judge")
    assert sources.scoring_spec(session, ada.id, "mini-flux").recogniser == "mini"
    assert sources.scoring_spec(session, ada.id, "flux1-dev").recogniser == "sface"


def seen(put: Put, session: Session, kind: str, verdict: str = "right", faces: int = 1) -> ImageRecord:
    """A source that was looked at."""
    image = put("source", label="good")
    identity = Identity(recogniser="sface", model_hash="0", score=0.2, n=5, asked=5, verdict=verdict)  # type: ignore[arg-type]
    image = image.model_copy(update={"scores": Scores(identity=identity, kind=kind, faces=faces)})
    session.store.put(image)
    return image


def test_a_character_chooses_what_it_is_told_by(session: Session, ada: Character) -> None:
    assert ada.judged_by == "face"
    characters.judge_by(session, ada.id, "look")
    assert sources.scoring_spec(session, ada.id, "flux1-dev").recogniser == "look"
    assert sources.scoring_spec(session, ada.id, "mini-flux").recogniser == "look"
    characters.judge_by(session, ada.id, "none")
    assert sources.scoring_spec(session, ada.id, "flux1-dev").recogniser == ""
    assert "eyes alone" in calibration.estimate(session, ada.id).blocker
    with pytest.raises(NotAllowed, match="eyes alone"):
        calibration.submit(session, ada.id)


@pytest.mark.parametrize(
    ("kinds", "judge"),
    [
        (["photographed"] * 3, None),
        (["none"] * 5, "look"),
        (["drawn"] * 4 + ["photographed"], "look"),
        (["none"] * 2, None),
        (["photographed"] * 4 + ["none"] * 2, None),
    ],
)
def test_a_judge_is_proposed_from_the_sources(
    session: Session, ada: Character, put: Put, kinds: list[str], judge: str | None
) -> None:
    for kind in kinds:
        seen(put, session, kind)
    proposed = sources.proposed_judge(session, ada.id)
    assert (proposed[0] if proposed else None) == judge
    if proposed:
        assert proposed[1] in sources.advice(session, ada.id)


def test_a_source_that_looks_like_somebody_else_is_no_reference_until_it_is_confirmed(
    session: Session, ada: Character, put: Put
) -> None:
    right = [seen(put, session, "photographed") for _ in range(4)]
    wrong, crowd = seen(put, session, "photographed", "wrong"), seen(put, session, "photographed", faces=3)
    assert [image.id for image, _ in sources.doubts(session, ada.id)] == [wrong.id]
    assert any("looks like someone else (0.20 against 5 other sources)" in w for w in sources.advice(session, ada.id))
    assert any("shows 3 faces" in words for words in sources.advice(session, ada.id))
    known = {reference.image.id for reference in sources.references(session, ada.id)}
    assert known == {image.id for image in (*right, crowd)}
    sources.confirm(session, wrong.id)
    assert sources.doubts(session, ada.id) == []
    assert wrong.id in {reference.image.id for reference in sources.references(session, ada.id)}


def test_having_no_face_is_no_fault_where_the_sources_have_none(session: Session, ada: Character, put: Put) -> None:
    image = put("synthetic", faces=0, labels={"angle": "front"})
    for n, asked, goes in ((0, 5, False), (1, 5, False), (4, 5, True), (3, 0, True), (0, 0, False)):
        identity = Identity(recogniser="sface", model_hash="0", n=n, asked=asked)
        told = image.model_copy(update={"scores": Scores(identity=identity, faces=0)})
        session.store.put(told)
        assert bool(review.would_go(session, ada.id)) is goes


@pytest.mark.slow
def test_practice_keeps_its_judge(cleo_session: Session) -> None:
    with pytest.raises(NotAllowed, match="practice character"):
        characters.judge_by(cleo_session, "cleo", "look")
    assert sources.doubts(cleo_session, "cleo") == [] and sources.proposed_judge(cleo_session, "cleo") is None
