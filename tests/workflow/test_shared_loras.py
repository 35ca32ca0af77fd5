"""LoRAs in folders of other programs: offered in every stack, known by content, used where they lie, told when gone."""

import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from test_lora_downloads import ANGLES, PORTRAIT

from pipelines.domain.records import Character, LoraRecord
from pipelines.queue.admission import NotAllowed
from pipelines.session import NotFound, Session
from pipelines.storage.atomic import file_hash
from pipelines.workflow import card, enrich, loras, shared_loras

sys.path.append(str(Path(__file__).parent.parent / "studio"))
from tab_helpers import lora_file


@pytest.fixture
def comfy(session: Session, tmp_path: Path) -> Path:
    """The LoRAs of a ComfyUI beside the workspace."""
    folder = tmp_path / "ComfyUI/models/loras"
    (folder / "qwen").mkdir(parents=True)
    (tmp_path / "ComfyUI/comfy").mkdir()
    (folder / "qwen/turn.safetensors").write_bytes(ANGLES)
    (folder / "face.safetensors").write_bytes(PORTRAIT)
    (folder / "old.safetensors").write_bytes(b"PK\x03\x04" + bytes(600))
    shutil.copy(lora_file(tmp_path, "sdxl"), folder / "broken.safetensors")
    with (folder / "broken.safetensors").open("r+b") as file:
        file.truncate(1500)
    session.settings = session.settings.model_copy(update={"shared_folders": str(tmp_path / "ComfyUI")})
    return folder


def offered(session: Session, family: str) -> dict[str, LoraRecord]:
    return {x.name: x for x in loras.usable(session, family)}


def library(session: Session) -> set[str]:
    return {str(p) for p in session.workspace.root.rglob("*") if p.suffix in (".safetensors", ".sft")}


def test_they_are_offered_where_they_fit_and_nothing_is_taken_in(session: Session, ada: Character, comfy: Path) -> None:
    editor, generator = offered(session, ada.editor), offered(session, ada.generator)
    assert "turn" in editor and "face" not in editor
    assert "face" in generator and "turn" not in generator
    assert shared_loras.is_passing(editor["turn"].id) and editor["turn"].rank > 0
    assert not session.store.all(LoraRecord)


@pytest.mark.slow
def test_one_that_is_used_joins_the_library_where_it_lies(
    session: Session, ada: Character, put: Any, comfy: Path
) -> None:
    put("source")
    file = comfy / "qwen/turn.safetensors"
    passing = loras.by_name(session, "turn")
    stack = loras.stack(session, [(passing.id, 0.5)])
    (lora,) = session.store.all(LoraRecord)
    assert (lora.id, lora.path, lora.name) == (file_hash(file), file.as_posix(), "turn")
    assert stack.adapters[0].sha256 == lora.id and stack.adapters[0].path == file.as_posix()
    assert not library(session), "nothing is copied"
    assert [x.id for x in loras.usable(session, "mini-qwen-edit") if x.name == "turn"] == [lora.id]
    assert loras.by_name(session, file.as_posix()) == loras.by_name(session, "turn") == lora
    options = enrich.EnrichOptions(stack=stack, count=1)
    job = session.jobs.wait(enrich.submit(session, enrich.plan(session, ada.id, options)).id, timeout=300)
    assert job.state == "done", job.error
    assert not library(session)


def test_a_card_of_one_is_of_its_content(session: Session, ada: Character, comfy: Path) -> None:
    passing = offered(session, ada.generator)["face"]
    job = card.submit(session, ada.id, card.CardOptions(lora=passing.id))
    session.jobs.cancel(job.id)
    (made,) = card.cards(session, ada.id)
    assert made.lora == file_hash(comfy / "face.safetensors")


def test_what_cannot_be_used_is_refused_in_words(session: Session, ada: Character, comfy: Path) -> None:
    for name in ("broken", (comfy / "broken.safetensors").as_posix()):
        with pytest.raises(NotAllowed, match=r"broken\.safetensors: .* cut off"):
            loras.by_name(session, name)
    assert {bad.path.name for bad in shared_loras.refused(session)} == {"broken.safetensors", "old.safetensors"}
    poison = offered(session, ada.editor)["turn"]
    (comfy / "qwen/turn.safetensors").write_bytes(PORTRAIT)
    with pytest.raises(NotFound, match="has changed"):
        loras.get(session, poison.id)


def test_numbers_that_are_none_are_refused_when_it_is_chosen(session: Session, ada: Character, comfy: Path) -> None:
    file = comfy / "qwen/turn.safetensors"
    data = bytearray(ANGLES)
    data[-4000:] = b"\xff" * 4000
    file.write_bytes(data)
    with pytest.raises(NotAllowed, match="not finite"):
        loras.get(session, offered(session, ada.editor)["turn"].id)
    assert not session.store.all(LoraRecord)


def test_a_file_that_is_gone_is_told_and_comes_back(session: Session, ada: Character, comfy: Path) -> None:
    file = comfy / "qwen/turn.safetensors"
    lora = loras.get(session, loras.by_name(session, "turn").id)
    file.rename(comfy / "elsewhere.sft")
    with pytest.raises(NotAllowed, match="is gone or has changed"):
        loras.stack(session, [(lora.id, 1.0)])
    assert lora.id not in {x.id for x in loras.usable(session, ada.editor)}
    moved = loras.by_name(session, "elsewhere")
    assert loras.get(session, moved.id).id == lora.id, "the same content is the same LoRA"
    assert loras.stack(session, [(lora.id, 1.0)]).adapters[0].path == (comfy / "elsewhere.sft").as_posix()
    (comfy / "elsewhere.sft").write_bytes(PORTRAIT)
    with pytest.raises(NotAllowed, match="is gone or has changed"):
        loras.stack(session, [(lora.id, 1.0)])


def test_a_file_that_was_only_touched_is_the_same(session: Session, ada: Character, comfy: Path) -> None:
    lora = loras.get(session, loras.by_name(session, "turn").id)
    os.utime(comfy / "qwen/turn.safetensors", ns=(1, 1))
    assert loras.stack(session, [(lora.id, 1.0)]).adapters[0].sha256 == lora.id
    assert [x.id for x in loras.usable(session, ada.editor) if x.name == "turn"] == [lora.id]


def test_a_copy_that_is_in_the_library_is_offered_once(session: Session, ada: Character, comfy: Path) -> None:
    own = loras.add(session, comfy / "qwen/turn.safetensors", "turn.safetensors", family=ada.editor)
    assert [x.id for x in loras.usable(session, ada.editor) if x.name == "turn"] == [own.id]


def test_old_records_have_no_such_mark(session: Session, ada: Character, comfy: Path) -> None:
    own = loras.add(session, comfy / "face.safetensors", "face.safetensors")
    told: dict[str, Any] = own.model_dump(mode="json")
    del told["changed"]
    assert LoraRecord.model_validate(told) == own and own.changed == 0
