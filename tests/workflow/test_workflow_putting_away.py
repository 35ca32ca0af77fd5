"""Characters are renamed, archived, put into the trash and taken out of it; only an emptied trash removes files."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines.domain.records import Character, Decision, ImageRecord, Job, LoraRecord
from pipelines.queue.admission import NotAllowed
from pipelines.session import NotFound, Session
from pipelines.storage.rebuild import rebuild
from pipelines.workflow import again, characters, flywheel, loras, putting_away, sources
from pipelines.workflow.opening import open_session

Put = Callable[..., ImageRecord]


def files(session: Session, who: str) -> list[Path]:
    session.store.mirrored()
    return [p for p in (session.workspace.root / "characters" / who).rglob("*") if p.is_file()]


def test_a_renamed_character_keeps_its_id_and_goes_by_its_new_name(session: Session, ada: Character) -> None:
    characters.change(session, ada.id, name="  Grace   Hopper ")
    assert session.character(ada.id).name == "Grace Hopper" and session.character(ada.id).formerly == ()
    assert characters.named(session, "Grace Hopper").id == ada.id
    with pytest.raises(NotFound):
        characters.named(session, "Ada Lovelace")
    for name in ("", " ", "x" * 81, "a\x00b"):
        with pytest.raises(NotAllowed):
            characters.change(session, ada.id, name=name)


def test_an_archived_character_stands_in_no_list_and_can_be_named(session: Session, ada: Character) -> None:
    other = characters.create(session, "Bea", may_use=True)
    putting_away.archive(session, other.id)
    assert [c.id for c in characters.listed(session)] == [ada.id]
    assert characters.current(session, other.id) == session.character(ada.id)
    assert characters.named(session, "Bea").id == other.id
    assert putting_away.restore(session, "Bea").id == other.id
    assert [c.id for c in characters.listed(session)] == [ada.id, other.id]


def test_what_is_in_the_trash_is_refused_everywhere_and_comes_back_whole(
    session: Session, ada: Character, put: Put
) -> None:
    image = put("synthetic")
    session.store.put(
        LoraRecord(id="a" * 64, name="ada", path="x", family="flux", rank=4, character=ada.id, origin="trained")
    )
    before = files(session, ada.id)
    putting_away.delete(session, ada.id)
    for step in (
        lambda: session.character(ada.id),
        lambda: characters.named(session, ada.name),
        lambda: flywheel.status(session, ada.id),
        lambda: sources.scoring_spec(session, ada.id, ada.generator),
        lambda: putting_away.delete(session, ada.id),
        lambda: putting_away.archive(session, ada.id),
    ):
        with pytest.raises(NotFound):
            step()
    assert [x.id for x in loras.everyone(session)] == [] and characters.current(session, ada.id) is None
    assert characters.create(session, ada.name, may_use=True).id != ada.id  # its folder is still taken
    assert [c.id for c in putting_away.away(session).trash] == [ada.id] and files(session, ada.id) == before
    putting_away.restore(session, ada.id)
    assert session.character(ada.id) == ada and session.store.get(ImageRecord, image.id) == image


@pytest.mark.slow
def test_a_job_at_work_keeps_its_character_and_none_begins_for_one_in_the_trash(
    session: Session, ada: Character, put: Put
) -> None:
    image = put("synthetic")
    job = again.retry(session, image.id)
    with pytest.raises(NotAllowed, match="work to be done: Retry"):
        putting_away.delete(session, ada.id)
    session.jobs.cancel(job.id)
    session.jobs.wait(job.id, 240)
    putting_away.delete(session, ada.id)
    ended = session.store.get(Job, job.id)
    assert ended
    with pytest.raises(ValueError, match="trash"):
        session.jobs.resume(ended.id)


def test_the_emptied_trash_leaves_nothing_of_it_and_all_of_the_others(
    session: Session, ada: Character, put: Put, tmp_path: Path
) -> None:
    source, image = put("source", label="good"), put("synthetic")
    session.store.decide(Decision(image=image.id, who="human", action="label", value="good"))
    bea = characters.create(session, "Bea", may_use=True)
    assert putting_away.empty_trash(session).removed == ()
    putting_away.delete(session, ada.id)
    done: Any = putting_away.empty_trash(session)
    assert (done.removed, done.left) == ((ada.name,), ())
    assert not (session.workspace.root / "characters" / ada.id).exists()
    root = session.workspace.root
    session.close()
    with open_session(root) as again_open:
        store = again_open.store
        assert [c.id for c in store.all(Character)] == [bea.id] and store.repairs == ()
        assert store.get(ImageRecord, source.id) is None and store.decisions(image.id) == []
        report = rebuild(again_open.workspace, store)  # nor do its files and second copies bring it back
        assert (report.restored, report.records) == ([], {}) and store.get(ImageRecord, image.id) is None
