"""Face packs: fetched whole and right or not at all, from the hub and from an archive, and found where they unpack."""

import io
import zipfile
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from file_server import Served, hub, serving

from pipelines.domain.cancelled import Cancelled
from pipelines.domain.presets import FacePack, PackFile
from pipelines.engine.face_download import download, whole
from pipelines.engine.hub_files import CannotFetch
from pipelines.storage.face_packs import pack_in
from pipelines.storage.presets import shipped
from pipelines.storage.workspace import Workspace

FILES = {"rec.onnx": b"who" * 40_000, "det.onnx": b"where" * 40_000}


def told(name: str, data: bytes) -> PackFile:
    return PackFile(name=name, bytes=len(data), sha256=sha256(data).hexdigest())


HUB = FacePack(
    name="aura", title="Aura", licence="free", repo="lab/aura", files=tuple(told(n, d) for n, d in FILES.items())
)


def archived() -> bytes:
    """A ZIP as antelopev2's: its files in a folder of the same name, with one that nobody asked for."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, data in {**FILES, "age.onnx": b"old"}.items():
            zipped.writestr(f"ante/{name}", data)
        zipped.writestr("../../evil.onnx", b"out")
    return held.getvalue()


def zipped(address: str, data: bytes) -> FacePack:
    return HUB.model_copy(
        update={"name": "ante", "repo": "", "url": f"{address}/ante.zip", "archive": told("ante.zip", data)}
    )


@pytest.fixture
def served() -> Iterator[Served]:
    with hub({f"lab/aura/{name}": data for name, data in FILES.items()}) as s:
        yield s


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "faces"


def fetched(pack: FacePack, root: Path, workspace: Workspace, **how: object) -> Path:
    given: dict = {"on_progress": lambda share, note: None, "cancelled": lambda: False, **how}
    return download(pack, root, workspace, **given)


def left(root: Path) -> list[str]:
    return sorted(p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file()) if root.exists() else []


def test_from_the_hub_with_progress_and_where_recognisers_look(
    served: Served, root: Path, workspace: Workspace
) -> None:
    shares: list[tuple[float, str]] = []
    folder = fetched(HUB, root, workspace, on_progress=lambda *now: shares.append(now))
    assert folder == root / "models" / "aura" == pack_in(root)
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == FILES
    assert whole(HUB, root)
    assert [s for s, _ in shares] == sorted(s for s, _ in shares) and shares[-1][0] == 1.0
    assert shares[-1][1].startswith("Aura: ")
    assert not [p for p in workspace.path("cache/downloads").iterdir() if p.suffix == ".onnx"]


def test_what_has_arrived_is_not_asked_for_again(served: Served, root: Path, workspace: Workspace) -> None:
    served.breaks = [100_000]
    fetched(HUB, root, workspace)
    assert served.sent < sum(map(len, FILES.values())) + 5000  # with what tells of the files
    ranges = [wanted for _, wanted in served.asked if wanted]
    assert len(ranges) == 1 and 0 < int(ranges[0].removeprefix("bytes=").rstrip("-")) <= 100_000


def test_one_that_was_stopped_goes_on_and_is_never_half_used(served: Served, root: Path, workspace: Workspace) -> None:
    asked = iter([False] * 2 + [True] * 50)
    with pytest.raises(Cancelled):
        fetched(HUB, root, workspace, cancelled=lambda: next(asked))
    assert pack_in(root) is None and left(root) == []
    fetched(HUB, root, workspace)
    ranges = [wanted for _, wanted in served.asked if wanted]
    assert len(ranges) == 1 and int(ranges[0].removeprefix("bytes=").rstrip("-")) > 0 and pack_in(root)


def test_a_file_that_is_not_what_was_published_is_refused_with_nothing_kept(root: Path, workspace: Workspace) -> None:
    other = {"lab/aura/rec.onnx": FILES["rec.onnx"], "lab/aura/det.onnx": b"x" * 200_000}
    with hub(other), pytest.raises(CannotFetch, match=r"det\.onnx arrived damaged"):
        fetched(HUB, root, workspace)
    assert left(root) == []


def test_out_of_an_archive_the_files_of_the_pack_alone(root: Path, workspace: Workspace, tmp_path: Path) -> None:
    data = archived()
    with hub({}), serving({"ante.zip": data}) as s:
        folder = fetched(zipped(s.address, data), root, workspace)
    assert left(root) == ["models/ante/det.onnx", "models/ante/rec.onnx"]
    assert not list(tmp_path.rglob("evil.onnx")) and {p.name: p.read_bytes() for p in folder.iterdir()} == FILES


def test_an_archive_with_other_files_in_it_is_refused(root: Path, workspace: Workspace) -> None:
    data = archived()
    with hub({}), serving({"ante.zip": data}) as s:
        pack = zipped(s.address, data)
        other = pack.model_copy(update={"files": (PackFile(name="rec.onnx", bytes=3, sha256="0"), *pack.files[1:])})
        with pytest.raises(CannotFetch, match=r"rec.onnx is not the file that was published"):
            fetched(other, root, workspace)
        gone = pack.model_copy(update={"files": (PackFile(name="new.onnx"),)})
        with pytest.raises(CannotFetch, match=r"has no new.onnx"):
            fetched(gone, root, workspace)
    assert left(root) == []


def test_without_a_network_it_says_so(root: Path, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(CannotFetch, match="Downloads are off"):
        fetched(HUB, root, workspace)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    with serving({}) as s:
        nobody = s.address
    with pytest.raises(CannotFetch, match=r"cannot be reached.*Check the address and the connection"):
        fetched(zipped(nobody, archived()), root, workspace)
    assert left(root) == []


# ---- where packs are found


@pytest.mark.parametrize("place", ["", "models/mine", "models/antelopev2/antelopev2", "models/zoo/inner"])
def test_packs_are_found_as_they_are_unpacked(place: str, root: Path) -> None:
    (root / place).mkdir(parents=True)
    assert pack_in(root) is None
    (root / place / "det.onnx").write_bytes(b"x")
    assert pack_in(root) == root / place


def test_a_swapper_beside_the_packs_is_no_pack(root: Path) -> None:
    (root / "models").mkdir(parents=True)
    (root / "models" / "inswapper_128.onnx").write_bytes(b"x")
    assert pack_in(root) is None
    (root / "models" / ".buffalo_l.half").mkdir()
    (root / "models" / ".buffalo_l.half" / "det.onnx").write_bytes(b"x")
    assert pack_in(root) is None


# ---- what is offered


def test_what_is_offered_says_its_size_hashes_and_licence() -> None:
    packs = {pack.name: pack for pack in shipped().faces["insightface"].packs}
    assert list(packs) == ["auraface", "buffalo_l", "antelopev2"]  # the freest first
    assert "Apache-2.0" in packs["auraface"].licence and "non-commercial" in packs["auraface"].licence_note
    for name, pack in packs.items():
        assert pack.bytes > 2**28 and {f.name for f in pack.files} > {"1k3d68.onnx"} and len(pack.files) == 3
        assert name == "auraface" or (pack.licence == "non-commercial research" and pack.archive.sha256)
    # what the note of AuraFace says
    detectors = {f.sha256 for pack in packs.values() for f in pack.files if f.bytes == 16_923_827}
    assert len(detectors) == 1
