"""Pictures judged by a face in a photograph, by a look, or by nobody; sources that show somebody else."""

from importlib.resources import files

import pytest
from PIL import Image, ImageDraw, ImageEnhance, ImageOps
from skimage import data

from pipelines.domain.intake import Intake
from pipelines.domain.records import ImageRecord
from pipelines.domain.requests import Reference, ScoringSpec
from pipelines.storage import pictures, settings
from pipelines.storage.workspace import Workspace
from pipelines.worker.score import score

ASTRONAUT = Image.fromarray(data.astronaut())
HOME = files("insightface") / "data" / "images"
FRIENDS = Image.open(str(HOME / "t1.jpg")).convert("RGB")
HANKS = Image.open(str(HOME / "Tom_Hanks_54745.png")).convert("RGB")
COFFEE, CAT, ROCKET = (Image.fromarray(getattr(data, name)()) for name in ("coffee", "chelsea", "rocket"))


class Bench:
    """A workspace with pictures that were brought in."""

    def __init__(self, root) -> None:
        self.workspace = Workspace(root / "workspace")
        self.workspace.create()
        self.settings = settings.load(self.workspace.root, insightface_root=root / "none")
        self.made = 0

    def save(self, image: Image.Image) -> ImageRecord:
        self.made += 1
        name = f"{self.made}.png"
        intake = Intake(filename=name, original=f"originals/{name}", original_sha256="0", format="PNG")
        path = f"{self.workspace.dataset('ada', 'source', 'v1')}/{name}"
        given = {"character": "ada", "kind": "source", "version": "v1", "path": path, "intake": intake}
        return pictures.save_picture(self.workspace, image, **given)

    def judged(self, images: list[ImageRecord], sources: list[ImageRecord], recogniser: str = "sface"):
        references = tuple(Reference(image=s.ref) for s in sources)
        spec = ScoringSpec(recogniser=recogniser, references=references, kinds=True)
        answers = score([i.ref for i in images], spec, workspace=self.workspace, settings=self.settings,
                        emit=lambda event: None, cancelled=lambda: False)  # fmt: skip
        return [answers[image.id] for image in images]


@pytest.fixture
def bench(tmp_path) -> Bench:
    return Bench(tmp_path)


def again(image: Image.Image, n: int) -> list[Image.Image]:
    """Other photographs of the same: cropped, mirrored, in other light, turned a little."""
    width, height = image.size
    seen = [image.crop((k * width // 40, k * height // 50, width - k, height - 2 * k)) for k in range(n)]
    lit = [ImageEnhance.Brightness(i).enhance(0.6 + 0.15 * k) for k, i in enumerate(seen)]
    return [ImageOps.mirror(i) if k % 2 else i.rotate(2 * k) for k, i in enumerate(lit)]


@pytest.mark.slow(seconds=6)
def test_a_wrong_source_is_called_wrong_and_the_right_ones_are_not(bench: Bench) -> None:
    sources = [bench.save(i) for i in [*again(ASTRONAUT, 6), HANKS.resize((448, 448))]]
    verdicts = [s.identity.verdict for s in bench.judged(sources, sources) if s.identity]
    assert verdicts[-1] == "wrong" and "wrong" not in verdicts[:-1]


def test_of_several_faces_the_one_nearest_the_sources_is_compared(bench: Bench) -> None:
    sources = [bench.save(i) for i in again(ASTRONAUT, 4)]
    face = ASTRONAUT.crop((160, 20, 290, 190))
    wall = Image.new("RGB", (900, 500), (120, 110, 100))
    wall.paste(HANKS.resize((400, 400)), (20, 50))
    wall.paste(face.resize((260, 340)), (560, 80))
    (seen,) = bench.judged([bench.save(wall)], sources)
    assert seen.faces == 2 and seen.identity is not None
    assert seen.identity.verdict == "right" and "nearest the sources" in seen.identity.why


def test_a_face_of_a_few_pixels_is_not_measurable(bench: Bench) -> None:
    sources = [bench.save(i) for i in again(ASTRONAUT, 4)]
    field = Image.new("RGB", (700, 500), (70, 90, 110))
    field.paste(ASTRONAUT.resize((120, 120), Image.Resampling.LANCZOS), (300, 200))
    (seen,) = bench.judged([bench.save(field)], sources)
    assert seen.faces == 1 and seen.identity is not None
    assert seen.identity.verdict == "cannot tell" and "below 28 px" in seen.identity.why
    assert (seen.identity.n, seen.identity.asked) == (4, 4)


def test_a_look_tells_things_apart_and_finds_no_faces(bench: Bench) -> None:
    sources = [bench.save(i) for i in again(COFFEE, 6)]
    own, cat, rocket = bench.judged(
        [bench.save(i) for i in (COFFEE.crop((20, 10, 580, 390)), CAT, ROCKET)], sources, "look"
    )
    assert own.identity and own.identity.verdict == "right" and own.faces is None
    for other in (cat, rocket):
        assert other.identity and other.identity.verdict == "wrong" and other.faces is None


def test_nobody_judges_what_is_for_human_eyes(bench: Bench) -> None:
    sources = [bench.save(i) for i in again(COFFEE, 3)]
    (seen,) = bench.judged([bench.save(CAT)], sources, "")
    assert seen.identity and seen.identity.verdict == "cannot tell" and "your eyes" in seen.identity.why
    assert seen.quality is not None and seen.faces is None


def drawn() -> Image.Image:
    """A face as a cartoon draws it: outlines and fills."""
    image = Image.new("RGB", (400, 400), (90, 190, 230))
    pen = ImageDraw.Draw(image)
    pen.ellipse((90, 60, 310, 350), fill=(250, 220, 190), outline=(40, 30, 30), width=4)
    for x in (150, 250):
        pen.ellipse((x - 26, 160, x + 26, 220), fill="white", outline="black", width=3)
        pen.ellipse((x - 12, 175, x + 12, 215), fill=(60, 90, 160))
    pen.arc((160, 250, 240, 310), 20, 160, fill=(160, 40, 40), width=5)
    return image


def test_what_face_a_source_shows_is_said_of_photographs_drawings_and_things(bench: Bench) -> None:
    images = [bench.save(i) for i in (ASTRONAUT, HANKS, FRIENDS, COFFEE, drawn())]
    kinds = [s.kind for s in bench.judged(images, images, "look")]
    assert kinds[:4] == ["photographed", "photographed", "photographed", "none"]
    assert kinds[4] in ("drawn", "none")
