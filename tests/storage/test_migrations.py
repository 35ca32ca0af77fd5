"""Records age: what earlier versions wrote is opened, kept and told; what later ones wrote is refused in words."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from old_workspaces import OLD, copy_of, read_whole, told_by_then
from PIL import Image, PngImagePlugin

from pipelines.domain.records import Character, ImageRecord, Job, TrainingRun
from pipelines.domain.requests import RenderRequest, TrainRequest
from pipelines.queue.stored_request import stored_request
from pipelines.storage import migrations, pictures
from pipelines.storage.curves import curve
from pipelines.storage.journal_lines import Document, Tables
from pipelines.storage.migrations import ALL, MadeByNewer, Migration, migrate, reshaped
from pipelines.storage.pictures import read_recipe, thumbnail
from pipelines.storage.rebuild import rebuild
from pipelines.storage.settings import load
from pipelines.storage.store import Store, StoreUnreadable
from pipelines.storage.workspace import Workspace
from pipelines.world.reading import Reading


@pytest.fixture
def old(tmp_path: Path) -> Path:
    return copy_of(OLD, tmp_path / "workspace")


def records_of(root: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in root.glob("flenwheel.*") if p.suffix not in (".lock", ".holder")}


def test_every_record_of_an_old_workspace_is_read_as_it_was(old: Path) -> None:
    with Store.open(old) as store:
        assert read_whole(store) == told_by_then(OLD)
        assert "in a field" not in store.repairs[0] and "carry their number" in store.repairs[0]
    with Store.open(old) as again:
        assert read_whole(again) == told_by_then(OLD) and again.repairs == ()


def test_reading_alone_migrates_in_memory_and_changes_no_file(old: Path) -> None:
    before = {p: p.read_bytes() for p in old.rglob("*") if p.is_file()}
    store = Store.open(old, read_only=True)
    assert read_whole(store) == told_by_then(OLD)
    assert [c.practice for c in store.all(Character)] == [8500010, None]
    assert {p: p.read_bytes() for p in old.rglob("*") if p.is_file()} == before


def test_the_records_are_copied_before_the_first_change(old: Path, tmp_path: Path) -> None:
    before = records_of(old)
    with Store.open(old) as store:
        [note] = store.repairs
    [copied] = (old / "backups").iterdir()
    assert records_of(copied) == before and f"backups/{copied.name}" in note
    assert copied.name.endswith(f"-before-{ALL[0].name}")
    Store.open(old).close()
    assert [p.name for p in (old / "backups").iterdir()] == [copied.name], "once is enough"
    for path in old.glob("flenwheel.*"):
        path.unlink()
    shutil.copytree(copied, old, dirs_exist_ok=True)
    with Store.open(old) as back:
        assert read_whole(back) == told_by_then(OLD), "put back, it is what it was"


def test_a_practice_character_is_told_by_its_field_alone(old: Path) -> None:
    with Store.open(old) as store:
        assert {c.id: c.practice for c in store.all(Character)} == {"nobody-8500010": 8500010, "gretel": None}
        ada = store.all(Character)[0].model_copy(update={"origin": "drawn here"})
        store.put(ada)
    with Store.open(old) as store:
        assert store.all(Character)[0].practice == 8500010, "applied once, and never again"


def test_the_curves_of_old_trainings_are_whole(old: Path) -> None:
    content = json.loads((old / "flenwheel.json").read_bytes())
    then = {run["id"]: run["curve"] for run in content["runs"].values()}
    assert all(then.values())
    with Store.open(old) as store:
        for run in store.all(TrainingRun):
            assert [m.model_dump() for m in curve(store, run)] == sorted(then[run.id], key=lambda m: m["step"])


def words_in(value: Any) -> set[str]:
    """All names of fields, at any depth."""
    if isinstance(value, dict):
        return set(value).union(*map(words_in, value.values()))
    return set().union(*map(words_in, value)) if isinstance(value, list) else set()


DIALECT = {"judge", "lines", "line", "apart", "keep"}


def test_jobs_that_end_or_wait_are_told_in_the_terms_of_the_field(old: Path) -> None:
    path = old / "flenwheel.json"
    content = json.loads(path.read_bytes())
    scored = next(job for job in content["jobs"].values() if (job["request"].get("judge") or {}).get("lines"))
    waits = scored | {"id": "waits", "state": "queued", "result": {}}
    content["jobs"]["77"] = waits
    path.write_bytes(json.dumps(content).encode())
    then = {job["id"]: job for job in content["jobs"].values()}
    assert words_in(then) & DIALECT == DIALECT
    with Store.open(old) as store:
        jobs = {job.id: job for job in store.all(Job)}
        assert {job.kind for job in jobs.values() if stored_request(job)} > {"score", "render", "train", "examine"}
        assert not any(words_in([job.request, job.result]) & DIALECT for job in jobs.values())
        request = stored_request(jobs["waits"])
        assert isinstance(request, RenderRequest) and request.scoring
        assert [t.model_dump() for t in request.scoring.thresholds] == waits["request"]["judge"]["lines"]
        for id, job in then.items():
            for picture, reading in job["result"].get("readings", {}).items():
                now = Reading.model_validate(jobs[id].result["readings"][picture])
                assert (now.threshold, now.face_distance) == (reading["line"], reading["apart"])
    kept = json.loads(path.read_bytes())
    assert not words_in(kept) & DIALECT, "no table has the old words"


def test_trainings_say_how_many_checkpoints_stay_in_the_terms_of_the_field(old: Path) -> None:
    content = json.loads((old / "flenwheel.json").read_bytes())
    then = {run["id"]: run["settings"]["keep"] for run in content["runs"].values()}
    with Store.open(old) as store:
        assert then and {r.id: r.settings["checkpoints_total_limit"] for r in store.all(TrainingRun)} == then
        for job in store.all(Job):
            if isinstance(request := stored_request(job), TrainRequest):
                assert request.settings.checkpoints_total_limit == then[request.lineage["run"]]


def test_recipes_in_pictures_are_read_whatever_words_they_were_written_in(old: Path) -> None:
    for picture in (old / "characters").rglob("*.png"):
        if (record := read_recipe(picture)) is not None:
            assert not words_in(record.model_dump(mode="json")) & DIALECT


def test_a_new_workspace_knows_all_changes_and_needs_no_copy(workspace_root: Path) -> None:
    for _ in range(2):
        with Store.open(workspace_root) as store:
            assert store.repairs == ()
    content = json.loads((workspace_root / "flenwheel.json").read_bytes())
    assert [row["id"] for row in content[migrations.TABLE].values()] == [m.name for m in ALL]
    assert not (workspace_root / "backups").exists()


def test_changes_are_pure_and_named_in_order() -> None:
    tables: Tables = {
        "characters": {"1": {"id": "a", "origin": "FLENwheel practice character 7, rendered on this machine"}}
    }
    before = json.dumps(tables)
    once = migrate(tables, ALL)
    assert json.dumps(tables) == before
    for change in ALL:
        assert change.change(once) == once, f"{change.name} twice is {change.name} once"
        assert change.words.endswith("."), f"{change.name} says what it does"
    numbers = [int(m.name[1:4]) for m in ALL]
    assert numbers == list(range(1, len(ALL) + 1))


# ---- from the future


def add_future(root: Path) -> None:
    path = root / "flenwheel.json"
    content = json.loads(path.read_bytes())
    content[migrations.TABLE]["99"] = {"id": "m999_pictures_smell", "at": "2030-01-01T00:00:00Z"}
    path.write_bytes(json.dumps(content).encode())


@pytest.mark.parametrize("read_only", [True, False])
def test_a_workspace_from_the_future_is_refused_in_words_and_untouched(old: Path, read_only: bool) -> None:
    Store.open(old).close()
    add_future(old)
    before = records_of(old)
    with pytest.raises(StoreUnreadable, match=r"newer FLENwheel.*m999_pictures_smell.*Nothing was changed.*Update"):
        Store.open(old, read_only=read_only)
    assert records_of(old) == before
    with pytest.raises(StoreUnreadable, match="newer"):  # and not "busy"
        Store.open(old)


def test_a_change_in_the_journal_alone_is_known_too(old: Path) -> None:
    """A later version was killed before it wrote a snapshot."""
    store = Store.open(old)
    store._table(migrations.TABLE).put([{"id": "m999_pictures_smell", "at": ""}])
    store._journal.close()
    assert store._workspace_lock
    store._workspace_lock.release()
    with pytest.raises(StoreUnreadable, match="m999_pictures_smell"):
        Store.open(old)


# ---- a version to come


def said(tables: Tables) -> Tables:
    """Captions are called captions; they were called sayings."""

    def change(image: Document) -> Document:
        rest = {k: v for k, v in image.items() if k != "saying"}
        return {**rest, "caption": image["saying"]} if "saying" in image else image

    return reshaped(tables, "images", change)


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Migration:
    change = Migration("m900_captions", (said.__doc__ or "").strip(), said)
    monkeypatch.setattr(migrations, "ALL", [*ALL, change])
    return change


def rewrite(path: Path, change: dict[str, Any], *gone: str) -> None:
    """Give a picture another recipe, in the very same place."""
    with Image.open(path) as file:
        recipe = json.loads(file.info[pictures.RECIPE])
        image = file.convert("RGB")
    texts = PngImagePlugin.PngInfo()
    kept = {k: v for k, v in recipe.items() if k not in gone}
    texts.add_itxt(pictures.RECIPE, json.dumps({**kept, **change}))
    image.save(path, "PNG", pnginfo=texts)


def test_a_renamed_field_costs_neither_records_nor_recipes(old: Path, later: Migration) -> None:
    Store.open(old).close()
    path = old / "flenwheel.json"
    content = json.loads(path.read_bytes())
    for document in content["images"].values():
        del document["caption"]
        document["saying"] = "hello"
    del content[migrations.TABLE][str(len(ALL) + 1)]
    path.write_bytes(json.dumps(content).encode())
    picture = next((old / "characters").rglob("cards/v1/*.png"))
    rewrite(picture, {"saying": "from the file"}, "caption")
    with Store.open(old) as store:
        assert {i.caption for i in store.all(ImageRecord)} == {"hello"}
        assert "sayings" in store.repairs[0]
    record = read_recipe(picture)
    assert record is not None and record.caption == "from the file"
    fields = record.model_dump(exclude={"id", "width", "height", "pixels", "dhash"}) | {"path": "x.png"}
    again = pictures.write_png(old / "x.png", Image.new("RGB", (8, 8)), fields)
    with Image.open(old / "x.png") as file:
        assert json.loads(file.info[pictures.RECIPE])[migrations.MARK] == later.name
    assert read_recipe(old / "x.png") == again


def test_a_change_that_breaks_changes_nothing_and_is_named(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(tables: Tables) -> Tables:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr(migrations, "ALL", [*ALL, Migration("m901_broken", "", broken)])
    before = records_of(old)
    for read_only in (True, False):
        with pytest.raises(StoreUnreadable, match=r"m901_broken.*by zero.*Nothing was changed"):
            Store.open(old, read_only=read_only)
    assert records_of(old) == before


# ---- pictures


def test_pictures_of_an_old_workspace_are_served_and_rebuilt(old: Path) -> None:
    workspace = Workspace(old)
    with Store.open(old) as store:
        before = {i.id: i for i in store.all(ImageRecord)}
        for image in before.values():
            with Image.open(thumbnail(workspace, image)) as small:
                assert max(small.size) <= 256
            recipe = read_recipe(workspace.path(image.path), image.path)
            assert recipe and recipe.model_dump(exclude={"scores"}) == image.model_dump(exclude={"scores"})
    for path in [*old.glob("flenwheel.*")]:
        path.unlink()
    with Store.open(old) as store:
        report = rebuild(workspace, store)
        assert (set(report.restored), report.unreadable, report.newer) == (set(before), [], [])


def test_a_picture_from_the_future_is_told_and_left_as_it_is(old: Path) -> None:
    workspace = Workspace(old)
    picture = next((old / "characters").rglob("source/v1/*.png"))
    rewrite(picture, {migrations.MARK: "m999_pictures_smell", "smell": "rose"})
    content, relative = picture.read_bytes(), workspace.relative(picture)
    with pytest.raises(MadeByNewer, match=rf"{picture.name}.*newer FLENwheel.*m999_pictures_smell"):
        read_recipe(picture)
    with Store.open(old) as store:
        assert rebuild(workspace, store).newer == [relative]
        image = next(i for i in store.all(ImageRecord) if i.path == relative)
        with Image.open(picture) as file, pytest.raises(MadeByNewer):
            fields = {"character": image.character, "kind": image.kind, "version": image.version}
            named = workspace.path(f"{workspace.dataset(**fields)}/{pictures.pixel_hash(file)[:20]}.png")
            shutil.copy(picture, named)
            pictures.save_picture(workspace, file, **fields)
    assert picture.read_bytes() == named.read_bytes() == content


# ---- one bad record


def spoil(root: Path, table: str, change: Any) -> None:
    Store.open(root).close()
    path = root / "flenwheel.json"
    content = json.loads(path.read_bytes())
    row = next(iter(content[table]))
    content[table][row] = change(content[table][row])
    path.write_bytes(json.dumps(content).encode())


@pytest.mark.parametrize("table", ["characters", "images", "decisions", "runs", "jobs", "datasets", "calibrations"])
@pytest.mark.parametrize(
    "change",
    [
        lambda document: {**document, "surprise": 1},
        lambda document: {"id": document["id"]},
        lambda document: {**document, **{k: ["odd"] for k in document if k != "id"}},
        lambda document: {k: v for k, v in document.items() if k != "id"},
        lambda document: "words",
        lambda document: None,
    ],
    ids=["surprise", "empty", "odd", "no id", "words", "nothing"],
)
def test_one_bad_record_costs_only_itself_and_is_named(old: Path, table: str, change: Any) -> None:
    spoil(old, table, change)
    then = told_by_then(OLD)
    bad = then["records"][table].pop(0)
    for read_only in (True, False):
        with Store.open(old, read_only=read_only) as store:
            now = read_whole(store)
            assert now["records"] == then["records"]
            assert any(table in note and "set aside" in note for note in store.repairs)
            workspace = Workspace(old)
            if not read_only:
                rebuild(workspace, store)
                if table == "images":
                    assert store.get(ImageRecord, bad) is not None, "its file has it all"
    content = json.loads((old / "flenwheel.json").read_bytes())
    [kept] = content["set_aside"].values()
    assert kept["table"] == table and kept["document"] == change_of(old, table, change)
    with Store.open(old) as store:
        assert store.repairs == (), "told once"


def change_of(root: Path, table: str, change: Any) -> Any:
    [copied] = (root / "backups").iterdir()
    before = Store.open(copied, read_only=True)._storage.tables[table]
    return change(next(iter(before.values())))


def test_a_decision_whose_value_is_none_costs_only_itself(old: Path) -> None:
    spoil(old, "decisions", lambda document: {**document, "value": "marvellous"})
    then = told_by_then(OLD)
    with Store.open(old) as store:
        now = read_whole(store)
        assert {k: v for k, v in now["verdicts"].items() if v != then["verdicts"][k]}.keys() <= set(now["verdicts"])
        assert len(store.repairs) == 1 and "marvellous" in store.repairs[0]


def test_what_is_no_longer_there_is_not_overwritten_by_what_comes_anew(old: Path) -> None:
    spoil(old, "runs", lambda document: {**document, "surprise": 1})
    with Store.open(old) as store:
        bad = told_by_then(OLD)["records"]["runs"][0]
        assert store.get(TrainingRun, bad) is None
        store.put(store.all(TrainingRun)[0].model_copy(update={"id": bad}))
    with Store.open(old) as store:
        assert store.get(TrainingRun, bad) is not None
        assert [d["document"]["surprise"] for d in store._storage.tables["set_aside"].values()] == [1]


# ---- settings


def test_settings_of_another_version_are_told_apart(old: Path) -> None:
    assert load(old).threads == 2
    path = old / "settings.toml"
    path.write_bytes(path.read_bytes() + b'flavour = "mint"\n')
    told = load(old)
    assert told.threads == 2
    assert any("flavour" in words and "there is no such setting" in words for words in told.problems)


def test_settings_saved_by_an_editor_with_a_byte_order_mark_are_read(old: Path) -> None:
    path = old / "settings.toml"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert load(old).threads == 2
