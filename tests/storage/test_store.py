import os
import random
import threading
from pathlib import Path
from typing import Any

import pytest
from tinydb import TinyDB, where

from pipelines.domain.records import Character, Decision, ImageRecord, Job, LoraRecord
from pipelines.domain.verdicts import derive_documents
from pipelines.storage import store as store_module
from pipelines.storage.store import Store, StoreReadOnly, StoreWriteFailed, WorkspaceBusy


def job(id: str, **fields: Any) -> Job:
    return Job(id=id, kind="render", title=fields.pop("title", id), request={"n": [1, {"a": None}]}, **fields)


def image(number: int, **fields: Any) -> ImageRecord:
    defaults = {"character": "ada", "kind": "source", "version": "v1"}
    where = {"path": f"characters/ada/{number}.png", "width": 8, "height": 8, "pixels": f"p{number}"}
    return ImageRecord(id=f"{number:064x}", **{**defaults, **where, **fields})


def label(image_id: str, value: str | None = "good", **fields: Any) -> Decision:
    return Decision.model_validate({"image": image_id, "who": "human", "action": "label", "value": value, **fields})


def survives(root: Path) -> Store:
    """What another process would find now, whatever this one still has in memory."""
    return Store.open(root, read_only=True)


def test_put_get_and_all_survive_without_close(workspace_root: Path) -> None:
    store = Store.open(workspace_root)
    store.put(job("a"), image(1))
    store.put(job("b"))
    assert store.get(Job, "a") == job("a", created=store.get(Job, "a").created)  # type: ignore[union-attr]
    assert store.get(Job, "nobody") is None
    for other in (store, survives(workspace_root)):
        assert [j.id for j in other.all(Job)] == ["a", "b"]
        assert other.all(ImageRecord) == store.all(ImageRecord)
    store.close()
    with Store.open(workspace_root) as again:
        assert again.all(Job) == store.all(Job)


def test_put_replaces_in_place(workspace_root: Path) -> None:
    with Store.open(workspace_root) as store:
        store.put(job("a"), job("b"))
        store.put(job("a", state="done"))
        assert [(j.id, j.state) for j in store.all(Job)] == [("a", "done"), ("b", "queued")]
        assert [(j.id, j.state) for j in survives(workspace_root).all(Job)] == [("a", "done"), ("b", "queued")]


def test_the_same_id_in_two_tables_is_two_records(workspace_root: Path) -> None:
    with Store.open(workspace_root) as store:
        store.put(job("x"), LoraRecord(id="x", name="n", path="p", family="flux", rank=4))
        assert store.get(Job, "x") is not None
        assert store.get(LoraRecord, "x").name == "n"  # type: ignore[union-attr]
        assert store.get(Character, "x") is None


def test_one_put_of_one_record_twice_keeps_the_last(workspace_root: Path) -> None:
    with Store.open(workspace_root) as store:
        store.put(job("a", note="first"), job("a", note="last"))
        assert store.get(Job, "a").note == "last"  # type: ignore[union-attr]
        assert [j.note for j in survives(workspace_root).all(Job)] == ["last"]


def test_one_put_is_one_journal_line(workspace_root: Path) -> None:
    with Store.open(workspace_root) as store:
        before = store.revision
        store.put(job("a"), image(1), image(2))
        assert (workspace_root / "flenwheel.journal").read_bytes().count(b"\n") == 1
        assert store.revision == before + 1


def test_queries_by_fields_follow_every_change(workspace_root: Path) -> None:
    """Against a plain search, over random puts; queries are asked before, between and after."""
    dice = random.Random(3)
    with Store.open(workspace_root) as store:
        kept: dict[str, ImageRecord] = {}
        for _ in range(300):
            made = image(dice.randrange(40), character=dice.choice(["ada", "bob"]), version=dice.choice(["v1", "v2"]))
            store.put(made)
            kept[made.id] = made
            wanted = {"character": dice.choice(["ada", "bob", "eve"]), "version": dice.choice(["v1", "v2"])}
            if dice.random() < 0.3:
                wanted["kind"] = "source"
            found = store.all(ImageRecord, **wanted)
            assert found == [i for i in kept.values() if all(getattr(i, k) == v for k, v in wanted.items())]
    with Store.open(workspace_root) as again:
        assert again.all(ImageRecord, character="ada") == [i for i in kept.values() if i.character == "ada"]


def test_unknown_and_structured_fields_cannot_be_asked_for(workspace_root: Path) -> None:
    with Store.open(workspace_root) as store:
        for field in ({"charakter": "ada"}, {"scores": None}, {"created": None}):
            with pytest.raises(TypeError, match=next(iter(field))):
                store.all(ImageRecord, **field)
        assert store.all(Job, state="running") == []
        assert store.all(LoraRecord, rank=4) == []


def test_decisions_add_up_and_retries_are_ignored(workspace_root: Path) -> None:
    with Store.open(workspace_root) as store:
        first, second = label("i"), label("i", "reject")
        store.decide(first)
        assert store.verdict("i").label == "good"
        store.decide(second, second)
        store.decide(first, second)
        assert store.decisions("i") == [first, second]
        assert store.verdict("i").label == "reject"
        assert store.verdict("other").label is None
        revision = store.revision
        store.decide(first)
        assert store.revision == revision
    with Store.open(workspace_root) as again:
        assert again.decisions("i") == [first, second]
        assert again.verdict("i") == store.verdict("i")


def test_verdicts_kept_up_to_date_are_those_derived_from_all_events(workspace_root: Path) -> None:
    dice = random.Random(5)
    with Store.open(workspace_root) as store:
        events: list[Decision] = []
        for _ in range(600):
            image_id = dice.choice(["i", "j"])
            mine = [e.id for e in events if e.image == image_id]
            action = dice.choice(["label", "label", "identity", "failure", "undo"] if mine else ["label"])
            value: Any = {
                "label": dice.choice(["good", "reject", None]),
                "identity": dice.choice([1, 5, None]),
                "failure": dice.choice(["hands", "eyes"]),
                "undo": None,
            }[action]
            undoes = dice.choice(mine[-4:]) if action == "undo" else ""
            who = dice.choice(["human", "rule"])
            fields = {"image": image_id, "who": who, "action": action, "value": value, "undoes": undoes}
            events.append(Decision.model_validate(fields))
            store.decide(events[-1])
            assert store.verdict(image_id) == derive_documents(e.model_dump() for e in events if e.image == image_id)
    with Store.open(workspace_root) as again:
        assert [again.verdict(i) for i in "ij"] == [
            derive_documents(e.model_dump() for e in events if e.image == i) for i in "ij"
        ]


def test_a_bad_decision_writes_none_of_its_batch(workspace_root: Path) -> None:
    with Store.open(workspace_root) as store:
        with pytest.raises(ValueError, match="label"):
            store.decide(label("i"), label("i", "superb"))
        assert store.decisions("i") == []
        with pytest.raises(TypeError, match="decide"):
            store.put(label("i"))


def test_a_second_writer_is_refused_a_reader_is_not(workspace_root: Path) -> None:
    with Store.open(workspace_root) as store:
        store.announce("http://127.0.0.1:7860")
        with pytest.raises(WorkspaceBusy, match=r"127\.0\.0\.1:7860"):
            Store.open(workspace_root)
        store.put(job("a"))
        reader = Store.open(workspace_root, read_only=True)
        assert [j.id for j in reader.all(Job)] == ["a"]
        with pytest.raises(StoreReadOnly):
            reader.put(job("b"))
        with pytest.raises(StoreReadOnly):
            reader.decide(label("i"))
    with pytest.raises(StoreReadOnly):
        store.put(job("c"))
    Store.open(workspace_root).close()


def test_reading_changes_no_file_and_needs_none(workspace_root: Path) -> None:
    assert Store.open(workspace_root, read_only=True).all(Job) == []
    assert not workspace_root.exists()
    writer = Store.open(workspace_root)
    writer.put(job("a"))
    with (workspace_root / "flenwheel.journal").open("ab") as journal:
        journal.write(b"half a li")
    before = {path: path.read_bytes() for path in workspace_root.iterdir()}
    assert len(Store.open(workspace_root, read_only=True).all(Job)) == 1
    assert {path: path.read_bytes() for path in workspace_root.iterdir()} == before
    writer.close()


def test_the_snapshot_is_plain_tinydb(workspace_root: Path) -> None:
    with Store.open(workspace_root) as store:
        store.put(job("a", title="Grüße <b>"), job("b"))
    with TinyDB(workspace_root / "flenwheel.json") as plain:
        found = plain.table("jobs").search(where("id") == "a")
        assert [document["title"] for document in found] == ["Grüße <b>"]
        assert len(plain.table("jobs").all()) == 2


def test_tinydb_own_operations_go_through_the_journal(workspace_root: Path) -> None:
    with Store.open(workspace_root) as store:
        store.put(job("a"), job("b"), job("c"))
        table = store._table("jobs")
        table.update({"note": "changed"}, where("id") == "b")
        table.remove(where("id") == "c")
        table.insert({**job("d").model_dump(mode="json")})
        reader = survives(workspace_root)
        assert [(j.id, j.note) for j in reader.all(Job)] == [("a", ""), ("b", "changed"), ("d", "")]
        # an update that changes nothing costs no line
        lines = (workspace_root / "flenwheel.journal").read_bytes().count(b"\n")
        table.update({"note": "changed"}, where("id") == "b")
        assert (workspace_root / "flenwheel.journal").read_bytes().count(b"\n") == lines
        store._db.drop_tables()
        assert survives(workspace_root).all(Job) == []


def test_a_full_disk_changes_nothing_and_the_store_goes_on(
    workspace_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk fills in the middle of a line, then has room again."""
    real, full = os.write, [True]

    def short_write(file: int, data: bytes) -> int:
        if full[0] and len(data) > 40:
            return real(file, data[:40])
        if full[0]:
            raise OSError(28, "No space left on device")
        return real(file, data)

    with Store.open(workspace_root) as store:
        store.put(job("a"))
        monkeypatch.setattr(os, "write", lambda f, d: short_write(f, d) if len(d) <= 60 else real(f, d[:60]))
        with pytest.raises(StoreWriteFailed, match="No space left"):
            store.put(job("b"), image(1))
        with pytest.raises(StoreWriteFailed):
            store.decide(label("i"))
        assert store.get(Job, "b") is None
        assert store.all(ImageRecord, character="ada") == []
        assert store.verdict("i").label is None
        full[0] = False
        store.put(job("c"))
        assert [j.id for j in store.all(Job)] == ["a", "c"]
        assert [j.id for j in survives(workspace_root).all(Job)] == ["a", "c"]


def test_the_journal_is_compacted_while_writing_and_readers_see_all(
    workspace_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "COMPACT_BYTES", 3000)
    with Store.open(workspace_root) as store:
        for n in range(300):
            store.put(job("counter", done=n))
            if n % 10 == 0:
                found = survives(workspace_root).get(Job, "counter")
                assert found and found.done == n
        assert store._compacting is not None
        store._compacting.join()
        total = sum(path.stat().st_size for path in workspace_root.glob("flenwheel.journal*"))
        assert total < 100_000, "old segments are deleted"
    assert survives(workspace_root).get(Job, "counter").done == 299  # type: ignore[union-attr]


def test_threads_write_and_read_at_once(workspace_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "COMPACT_BYTES", 5000)
    errors: list[BaseException] = []

    def work(name: int) -> None:
        try:
            for n in range(40):
                store.put(job(f"{name}-{n}", character=str(name)))
                store.decide(label(f"i{n % 3}"))
                assert len(store.all(Job, character=str(name))) == n + 1
                store.verdict(f"i{n % 3}")
        except BaseException as error:
            errors.append(error)

    with Store.open(workspace_root) as store:
        threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []
        assert len(store.all(Job)) == 240
    assert len(survives(workspace_root).all(Job)) == 240
    assert len(survives(workspace_root).all(Decision)) == 240
