import shutil
from datetime import UTC, datetime

from PIL import Image

from pipelines.domain.records import DatasetVersion, Decision, ImageRecord
from pipelines.domain.shots import Purpose, Shot
from pipelines.storage.intake import admit
from pipelines.storage.pictures import save_picture
from pipelines.storage.rebuild import rebuild
from pipelines.storage.store import Store
from pipelines.storage.workspace import Workspace


def shot(seed: int) -> Shot:
    purpose = Purpose(step="enrich", cell="front/smiling", labels={"angle": "front"})
    size = {"width": 32, "height": 32}
    return Shot(family="f", revision="1", prompt="p", seed=seed, steps=1, guidance=1.0, purpose=purpose, **size)


def fill(workspace: Workspace, store: Store) -> list[ImageRecord]:
    """One source from a photograph and three enriched pictures, as the steps would make them."""
    red = Image.new("RGB", (40, 40), "red")
    red.save(workspace.root / "red.bmp")
    records = [
        admit(
            workspace, workspace.root / "red.bmp", "red.bmp", character="ada", kind="source", version="v1", caption="x"
        )
    ]
    for seed in range(3):
        picture = Image.new("RGB", (32, 32), (seed * 50, 9, 9))
        path = f"{workspace.dataset('ada', 'enriched', 'v1')}/{shot(seed).id}.png"
        made = {"character": "ada", "kind": "enriched", "version": "v1", "path": path, "shot": shot(seed)}
        when = datetime(2099, 1, 1, 0, 0, seed, tzinfo=UTC)
        records.append(save_picture(workspace, picture, **made, job="j", created=when))
    store.put(*records)
    for kind in ("source", "enriched"):
        ids = tuple(r.id for r in records if r.kind == kind)
        store.put(
            DatasetVersion.model_validate(
                {"id": f"ada/{kind}/v1", "character": "ada", "kind": kind, "version": "v1", "images": ids}
            )
        )
    return records


def lose_records(workspace: Workspace) -> None:
    for path in workspace.root.glob("flenwheel.*"):
        path.unlink()


def test_the_image_records_come_back_from_the_files_alone(workspace: Workspace) -> None:
    with Store.open(workspace.root) as store:
        records = fill(workspace, store)
    lose_records(workspace)
    shutil.rmtree(workspace.root / "cache")
    with Store.open(workspace.root) as store:
        report = rebuild(workspace, store)
        assert store.all(ImageRecord) == records
        assert report.restored == [r.id for r in records]
        assert (report.known, report.moved, report.unreadable, report.missing) == (0, [], [], [])
        assert sorted(report.datasets) == ["ada/enriched/v1", "ada/source/v1"]
        enriched = store.get(DatasetVersion, "ada/enriched/v1")
        assert enriched and enriched.images == tuple(r.id for r in records[1:])
        assert all(workspace.thumbnail(r.id, 256).exists() for r in records)
        again = rebuild(workspace, store)
        assert (again.restored, again.known, again.datasets) == ([], 4, [])


def test_what_the_store_knows_is_left_as_it_is(workspace: Workspace) -> None:
    with Store.open(workspace.root) as store:
        records = fill(workspace, store)
        tagged = records[0].model_copy(update={"angle": "front", "caption": "tagged later"})
        store.put(tagged)
        store.decide(Decision(image=tagged.id, who="human", action="label", value="good"))
        report = rebuild(workspace, store)
        assert report.known == 4
        assert store.get(ImageRecord, tagged.id) == tagged
        assert store.verdict(tagged.id).label == "good"


def test_broken_foreign_and_missing_files_are_told(workspace: Workspace) -> None:
    with Store.open(workspace.root) as store:
        records = fill(workspace, store)
        folder = workspace.path(workspace.dataset("ada", "enriched", "v1"))
        Image.new("RGB", (32, 32)).save(folder / "foreign.png")
        (folder / ".half.png.1-2.tmp").write_bytes(b"x")
        (folder / ".hidden.png").write_bytes(b"x")
        workspace.path(records[1].path).unlink()
        report = rebuild(workspace, store)
        assert report.unreadable == [f"{workspace.dataset('ada', 'enriched', 'v1')}/foreign.png"]
        assert report.missing == [records[1].path]
        assert report.known == 3
    # cut in the pixels: the recipe at the front can still be read, the picture cannot
    lose_records(workspace)
    cut = workspace.path(records[2].path)
    cut.write_bytes(cut.read_bytes()[:-30])
    with Store.open(workspace.root) as store:
        report = rebuild(workspace, store)
        assert records[2].path in report.unreadable
        assert report.restored == [records[0].id, records[3].id]


def test_a_moved_picture_is_found_again_and_copies_do_not_count(workspace: Workspace) -> None:
    with Store.open(workspace.root) as store:
        records = fill(workspace, store)
        pristine = workspace.path(workspace.dataset("ada", "pristine", "v1"))
        pristine.mkdir(parents=True)
        shutil.copy(workspace.path(records[1].path), pristine / "copy.png")
        moved = workspace.path(workspace.dataset("ada", "enriched", "v1")) / "renamed.png"
        workspace.path(records[2].path).rename(moved)
        report = rebuild(workspace, store)
        assert report.moved == [records[2].id]
        found = store.get(ImageRecord, records[2].id)
        assert found == records[2].model_copy(update={"path": workspace.relative(moved)})
        assert store.get(ImageRecord, records[1].id) == records[1]
    lose_records(workspace)
    with Store.open(workspace.root) as store:
        rebuild(workspace, store)
        assert store.get(ImageRecord, records[1].id) == records[1], "its own place, not the copy's"


def test_an_original_that_carries_a_recipe_is_not_a_picture_of_ours(workspace: Workspace) -> None:
    with Store.open(workspace.root) as store:
        records = fill(workspace, store)
        made_here = workspace.path(records[1].path).read_bytes()
        brought = admit(workspace, made_here, "again.png", character="bob", kind="source", version="v1")
        store.put(brought)
        report = rebuild(workspace, store)
        assert report.known == 5
        assert report.restored == []
        assert brought.shot is None
    # with the picture itself gone, what was kept as an original must not take its place
    lose_records(workspace)
    workspace.path(records[1].path).unlink()
    with Store.open(workspace.root) as store:
        rebuild(workspace, store)
        assert store.get(ImageRecord, records[1].id) is None
        assert store.get(ImageRecord, brought.id) is not None


def test_a_frozen_dataset_stays_as_it_is(workspace: Workspace) -> None:
    with Store.open(workspace.root) as store:
        records = fill(workspace, store)
    lose_records(workspace)
    with Store.open(workspace.root) as store:
        frozen = DatasetVersion(id="ada/enriched/v1", character="ada", kind="enriched", version="v1", frozen=True)
        store.put(frozen)
        report = rebuild(workspace, store)
        assert store.get(DatasetVersion, frozen.id) == frozen
        assert report.datasets == ["ada/source/v1"]
        assert len(report.restored) == len(records)
