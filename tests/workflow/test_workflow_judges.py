"""Who judges a character's pictures."""

from pathlib import Path

from pipelines.domain.records import Character
from pipelines.session import Session
from pipelines.workflow import judges, sources
from pipelines.workflow.judges import Judge


def test_a_pack_on_disk_is_preferred_to_what_comes_with_the_product(session: Session, tmp_path: Path) -> None:
    root = tmp_path / "packs"
    session.settings = session.settings.model_copy(update={"insightface_root": root})
    flux = session.family("flux1-dev")
    assert judges.judge(session, flux) == Judge("sface", "facenet")
    pack = root / "models" / "auraface"
    pack.mkdir(parents=True)
    assert judges.judge(session, flux) == Judge("sface", "facenet")
    (pack / "det.onnx").write_bytes(b"x")
    assert judges.judge(session, flux) == Judge("insightface", "facenet")


def test_the_mini_world_is_judged_by_its_own_eyes(session: Session, ada: Character) -> None:
    assert judges.judge(session, session.family("mini-flux")) == Judge("mini", "mini-judge")
    assert sources.scoring_spec(session, ada.id, "mini-flux").recogniser == "mini"
    assert sources.scoring_spec(session, ada.id, "flux1-dev").recogniser == "sface"
