"""LoRAs by a button: from the catalogue, a repository or an address into the library, by the real worker."""

from collections.abc import Iterator

import pytest
from file_server import Served, hub, serving

from pipelines.domain.records import Character, Job, LoraRecord
from pipelines.engine.hub_files import CannotFetch
from pipelines.queue.admission import NotAllowed
from pipelines.session import Session
from pipelines.storage.preset_files import PRESETS
from pipelines.workflow import loras

ANGLES = (PRESETS / "mini/loras/mini-angles.safetensors").read_bytes()
PORTRAIT = (PRESETS / "mini/loras/mini-portrait.safetensors").read_bytes()


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    repo = "dx8152/Qwen-Edit-2509-Multiple-angles"
    files = {f"{repo}/镜头转换.safetensors": ANGLES, f"{repo}/second.safetensors": PORTRAIT}
    with hub({**files, "lab/portrait/pytorch_lora_weights.safetensors": PORTRAIT}) as s:
        for name, value in {"HF_ENDPOINT": s.address, "HF_HUB_OFFLINE": "0", "NO_PROXY": "*"}.items():
            monkeypatch.setenv(name, value)
        yield s


def got(session: Session, said: str, **how: str) -> Job:
    return session.jobs.wait(loras.obtain(session, said, **how).id, timeout=240)


@pytest.mark.slow
def test_an_entry_of_the_catalogue_a_repository_and_an_address(
    session: Session, ada: Character, served: Served
) -> None:
    ended = got(session, "multiple-angles")
    assert ended.state == "done", ended.error
    (lora,) = session.store.all(LoraRecord)
    assert (lora.catalogue, lora.origin, lora.family) == ("multiple-angles", "catalogue", "qwen-image-edit")
    assert session.workspace.path(lora.path).read_bytes() == ANGLES
    assert loras.sampling_of(session, lora).few_steps_beside  # what the catalogue knows of it holds
    entry = next(e for e in session.presets.catalogue if e.name == "multiple-angles")
    assert loras.catalogued((entry,), lora)

    with serving({"files/7": ANGLES}) as elsewhere:
        elsewhere.headers["files/7"] = {"Content-Disposition": 'attachment; filename="turn it.safetensors"'}
        assert got(session, f"{elsewhere.address}/files/7?token=1").state == "done"
    (same,) = session.store.all(LoraRecord)  # the same file is the same LoRA, whatever it is called there
    assert same == lora and len(list(session.workspace.path("loras").rglob("*.safetensors"))) == 1

    assert got(session, "lab/portrait").state == "done"
    assert {x.family for x in session.store.all(LoraRecord)} == {"qwen-image-edit", "flux"}
    assert not list(session.workspace.path("cache/downloads").iterdir())


@pytest.mark.slow
def test_what_fits_nothing_is_refused_by_its_header_and_leaves_nothing(
    session: Session, ada: Character, served: Served
) -> None:
    large = 40 * 2**20
    served.files["lab/page/lora.safetensors"] = b"<!doctype html><p>Sign in</p>" + b" " * large
    ended = got(session, "lab/page")
    assert ended.state == "failed" and "web page" in ended.error
    assert served.sent < large / 2  # the rest was never loaded
    ended = got(session, "lab/portrait", family="mini-qwen-edit")
    assert ended.state == "failed" and "FLUX" in ended.error, ended.error
    assert not session.store.all(LoraRecord) and not list(session.workspace.path("loras").rglob("*.safetensors"))
    assert not list(session.workspace.path("cache/downloads").iterdir())


def test_what_cannot_be_got_is_said_before_a_job_begins(session: Session, ada: Character) -> None:
    for said in ("", "angles", "lab/x/a.ckpt", "ftp://a/b"):
        with pytest.raises(CannotFetch):
            loras.obtain(session, said)
    with pytest.raises(NotAllowed, match="WRONG FAMILY"):
        loras.obtain(session, "controlnet-union")
    assert not session.store.all(Job)


@pytest.mark.slow
def test_offline_a_download_fails_in_words(session: Session, ada: Character) -> None:
    ended = got(session, "lab/portrait")
    assert ended.state == "failed" and "Downloads are off" in ended.error
