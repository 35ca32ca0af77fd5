"""YuNet and SFace, as they come with the product, on real photographs that packages ship."""

from hashlib import sha256
from importlib.resources import files
from types import SimpleNamespace

import numpy as np
import pytest
from onnx.reference import ReferenceEvaluator
from PIL import Image, ImageOps
from skimage import data

from pipelines.faces import recogniser
from pipelines.faces.base import Face, RecogniserMissing, Thresholds
from pipelines.faces.sface import INPUT, SFACE, YUNET, YuNetSFace, described_by
from pipelines.storage.preset_files import PRESETS

FOLDER = PRESETS / "weights" / "opencv-zoo"
ASTRONAUT = Image.fromarray(data.astronaut())
HOME = files("insightface") / "data" / "images"
FRIENDS = Image.open(str(HOME / "t1.jpg")).convert("RGB")
HANKS = Image.open(str(HOME / "Tom_Hanks_54745.png")).convert("RGB")
WHO = recogniser("sface", SimpleNamespace(insightface_root=None, facenet_weights=None))


def described(image: Image.Image) -> np.ndarray:
    found = WHO.faces(image)[0].embedding
    assert found is not None
    return found


def alike(one: Image.Image, other: Image.Image) -> float:
    return float(described(one) @ described(other))


def around(face: Face, image: Image.Image, wider: float) -> Image.Image:
    x0, y0, x1, y1 = face.box
    dx, dy = (x1 - x0) * wider, (y1 - y0) * wider
    return image.crop((int(x0 - dx), int(y0 - dy), int(x1 + dx), int(y1 + dy)))


def test_the_files_are_those_of_the_opencv_zoo() -> None:
    """The sums stand in the zoo's own pointers to them, and in the README beside the files."""
    told = (FOLDER / "README.md").read_text("utf-8")
    for name in (YUNET, SFACE):
        assert sha256((FOLDER / name).read_bytes()).hexdigest() in told
    assert "MIT License" in (FOLDER / "LICENSE-YuNet").read_text("utf-8")


def test_sface_says_what_its_own_graph_says() -> None:
    """The file as it is, computed by ONNX's reference: weights struck from the inputs change no number."""
    pixels = np.random.default_rng(0).uniform(0, 255, (1, 3, 112, 112)).astype(np.float32)
    session = described_by(FOLDER / SFACE)
    assert [given.name for given in session.get_inputs()] == [INPUT]
    ours = session.run(None, {INPUT: pixels})[0]
    theirs = ReferenceEvaluator(str(FOLDER / SFACE)).run(None, {INPUT: pixels})[0]
    assert np.abs(ours - theirs).max() < 1e-5


@pytest.mark.parametrize(
    ("change", "least"),
    [
        (ImageOps.mirror, 0.7),
        (ImageOps.grayscale, 0.7),
        (lambda i: i.rotate(15), 0.7),
        (lambda i: Image.eval(i, lambda v: v // 3), 0.7),
        (lambda i: i.resize((256, 256)), 0.7),
        (lambda i: i.crop((150, 0, 330, 200)), 0.8),
        (lambda i: i.resize((2048, 2048)), 0.8),
    ],
)  # fmt: skip
def test_the_same_person_however_the_photograph_was_taken(change, least: float) -> None:
    assert alike(ASTRONAUT, change(ASTRONAUT)) > least


def test_other_people_are_others() -> None:
    assert alike(ASTRONAUT, HANKS) < 0.3
    rows = [face.embedding for face in WHO.faces(FRIENDS)]
    everyone = np.stack([*rows, described(ASTRONAUT), described(HANKS)])
    among = (everyone @ everyone.T)[np.triu_indices(len(everyone), k=1)]
    assert among.max() < 0.363  # the line it starts with


def test_several_faces_the_largest_first() -> None:
    found = WHO.faces(FRIENDS)
    assert len(found) == 6
    assert [f.area for f in found] == sorted((f.area for f in found), reverse=True)
    for face in found:
        assert face.keypoints is not None and face.yaw is not None and face.score >= 0.8
        (left, right, nose, *_), (x0, y0, x1, y1) = face.keypoints, face.box
        assert left[0] < right[0] and nose[1] > min(left[1], right[1])
        assert x0 < nose[0] < x1 and y0 < nose[1] < y1
        seen_again = [
            f.embedding @ face.embedding for f in WHO.faces(around(face, FRIENDS, 0.2)) if f.embedding is not None
        ]
        # a tight crop is found, and is the same by OpenCV's own line (0.363), as nobody else of them is
        others = [f.embedding @ face.embedding for f in found if f is not face and f.embedding is not None]
        assert max(seen_again) > max(0.363, *others)


@pytest.mark.parametrize("name", ["chelsea", "coffee", "rocket", "brick", "moon", "page"])
def test_nobody_where_nobody_is(name: str) -> None:
    picture = getattr(data, name)()
    assert WHO.faces(Image.fromarray(picture).convert("RGB")) == []


@pytest.mark.parametrize("size", [(1, 1), (3, 400), (16, 16), (640, 20), (2000, 17)])
def test_odd_sizes_are_pictures_without_faces(size: tuple[int, int]) -> None:
    assert WHO.faces(Image.new("RGB", size, (90, 120, 60))) == []


def test_small_faces_far_away_are_found() -> None:
    """28 px in a large picture: less than the first look sees."""
    face = WHO.faces(ASTRONAUT)[0]
    scale = 28 / (face.box[2] - face.box[0])
    field = Image.new("RGB", (2400, 1600), (70, 90, 110))
    field.paste(ASTRONAUT.resize((round(512 * scale), round(512 * scale)), Image.Resampling.LANCZOS), (1500, 900))
    (found,) = WHO.faces(field)
    assert abs(found.box[2] - found.box[0] - 28) < 6
    assert 1500 < found.box[0] < 1700


def test_it_is_ready_on_a_fresh_machine_and_says_what_is_broken(tmp_path) -> None:
    assert WHO.ready() == "" and len(WHO.model_hash) == 16
    lines = Thresholds(0.4, 0.2)
    empty = YuNetSFace(tmp_path, name="mine", title="", thresholds=lines)
    assert YUNET in empty.ready() and empty.model_hash == ""
    with pytest.raises(RecogniserMissing, match="is missing"):
        empty.faces(ASTRONAUT)
    for name in (YUNET, SFACE):
        (tmp_path / name).write_bytes(b"not onnx")
    broken = YuNetSFace(tmp_path, name="mine", title="", thresholds=lines)
    with pytest.raises(RecogniserMissing, match="cannot be loaded"):
        broken.load()
