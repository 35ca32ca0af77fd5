"""Face packs by a button, by the real worker: fetched with its licence known, then it is who judges."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from face_pack_helpers import pack_offered
from starlette.testclient import TestClient

from pipelines.domain.records import Character
from pipelines.queue.admission import NotAllowed
from pipelines.session import NotFound, Session
from pipelines.workflow import face_packs, judges
from pipelines.workflow.opening import open_session
from studio.server.own import own
from studio.server.state import Studio

WAIT = 240


@pytest.fixture
def with_pack(workspace_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    """A session whose presets offer the mini world's pack, to be had from a server, and nowhere a pack yet."""
    with pack_offered(workspace_root, tmp_path / "faces", monkeypatch), open_session(workspace_root) as session:
        yield session


@pytest.mark.slow
def test_a_pack_is_got_and_judges_from_then_on(with_pack: Session, tmp_path: Path) -> None:
    session = with_pack
    (offer,) = face_packs.offers(session)
    assert (offer.here, offer.used, offer.licence, offer.source) == (False, False, "MIT", "lab/mini")
    model = session.family("flux1-dev")
    who = Character(id="a", name="A", may_use=True, generator="flux1-dev", editor="mini-qwen-edit")
    assert judges.judge(session, who, model).recogniser == "sface"
    ended = session.jobs.wait(face_packs.obtain(session, "minipack").id, timeout=WAIT)
    assert ended.state == "done", ended.error
    (offer,) = face_packs.offers(session)
    assert offer.here and offer.used and Path(offer.place) == tmp_path / "faces" / "models" / "minipack"
    assert judges.judge(session, who, model).recogniser == "insightface"
    with pytest.raises(NotAllowed, match="is here"):
        face_packs.obtain(session, "minipack")
    with pytest.raises(NotFound, match=r"no face pack 'x' .known: minipack"):
        face_packs.obtain(session, "x")


@pytest.mark.slow
def test_without_a_network_the_button_says_so(session: Session, tmp_path: Path) -> None:
    """HF_HUB_OFFLINE is set for all tests."""
    session.settings = session.settings.model_copy(update={"insightface_root": tmp_path})
    near = TestClient(own(Studio(session)), client=("127.0.0.1", 5000), base_url="http://127.0.0.1:7860")
    packs = near.get("/faces/packs").json()["packs"]
    assert [p["name"] for p in packs] == ["auraface", "buffalo_l", "antelopev2"]
    assert all(p["place"].startswith(str(tmp_path)) and p["bytes"] > 2**28 and not p["here"] for p in packs)
    job = near.post("/faces/packs/auraface/get").json()["job"]
    ended = session.jobs.wait(job, timeout=WAIT)
    assert ended.state == "failed" and "Downloads are off" in ended.error
    assert near.post("/faces/packs/nobody/get").status_code == 404


def test_another_machine_is_told_no_places(session: Session) -> None:
    far = TestClient(own(Studio(session)), client=("192.168.1.9", 5000), base_url="http://192.168.1.5:7860")
    assert {p["place"] for p in far.get("/faces/packs").json()["packs"]} == {""}
