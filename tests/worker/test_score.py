"""Pictures of a workspace judged: what is found, what is not, and what is said when a recogniser is missing."""

import threading

import numpy as np
import pytest
from PIL import Image, ImageOps
from skimage import data

from pipelines.domain.cancelled import Cancelled
from pipelines.domain.events import Progress, Scored, Started, Warned
from pipelines.domain.intake import Intake
from pipelines.domain.messages import Told
from pipelines.domain.records import ImageRecord
from pipelines.domain.requests import Reference, ScoringSpec
from pipelines.faces.facenet import WEIGHTS
from pipelines.storage import pictures, settings
from pipelines.storage.workspace import Workspace
from pipelines.worker.score import score

ASTRONAUT = Image.fromarray(data.astronaut())
CAT = Image.fromarray(data.chelsea())
COFFEE = Image.fromarray(data.coffee())


class Bench:
    """A workspace with pictures, and everything ``score`` said."""

    def __init__(self, root, **given) -> None:
        self.workspace = Workspace(root / "workspace")
        self.workspace.create()
        nowhere = {"insightface_root": root / "no_packs", "facenet_weights": root / "no_weights.pt"}
        self.settings = settings.load(self.workspace.root, **(nowhere | given))
        self.events = []
        self.made = 0

    def save(self, image, **fields) -> ImageRecord:
        self.made += 1
        folder = self.workspace.dataset("ada", "source", "v1")
        given = {"character": "ada", "kind": "source", "version": "v1", "path": f"{folder}/{self.made}.png"}
        return pictures.save_picture(self.workspace, image, **(given | fields))

    def score(self, records, spec, cancelled=lambda: False):
        self.events.clear()
        refs = [r.ref for r in records]
        return score(refs, spec, workspace=self.workspace, settings=self.settings, emit=self.events.append,
                     cancelled=cancelled)  # fmt: skip


@pytest.fixture
def bench(tmp_path) -> Bench:
    return Bench(tmp_path)


def scoring_spec(name, *sources, second="", angle="unsure") -> ScoringSpec:
    return ScoringSpec(
        recogniser=name,
        second_opinion=second,
        references=tuple(Reference(image=s.ref, angle=angle) for s in sources),
    )


def crops(n: int) -> list[Image.Image]:
    return [ASTRONAUT.crop((8 * k, 6 * k, 512 - 4 * k, 512 - 6 * k)) for k in range(n)]


def test_the_stand_in_tells_alike_from_unlike_and_claims_no_faces(bench):
    sources = [bench.save(c) for c in crops(4)]
    alike, unlike = bench.save(ImageOps.mirror(crops(2)[1])), bench.save(CAT)
    answers = bench.score([alike, unlike], scoring_spec("perceptual", *sources))
    good, bad = answers[alike.id], answers[unlike.id]
    assert good.identity.verdict == "right"
    assert bad.identity.verdict == "unsure"  # a stand-in never says "someone else"
    assert good.identity.score > 0.9 > bad.identity.score
    assert good.identity.n == 4
    assert "starting value" in bad.identity.why
    assert (good.faces, good.yaw, good.angle) == (None, None, "unsure")


def test_every_answer_is_sent_and_survives_the_pipe(bench):
    records = [bench.save(ASTRONAUT), bench.save(CAT)]
    answers = bench.score(records, scoring_spec("perceptual", records[0]))
    assert bench.events[0] == Started(total=2)
    assert [e.image for e in bench.events if isinstance(e, Scored)] == [r.id for r in records]
    assert [e.done for e in bench.events if isinstance(e, Progress)] == [1, 2]
    for event in bench.events:
        told = Told(job="j", event=event)
        assert Told.model_validate_json(told.model_dump_json()) == told
    assert list(answers) == [r.id for r in records]


def test_a_missing_pack_is_said_once_and_faces_are_counted_all_the_same(bench):
    face, cat = bench.save(ASTRONAUT), bench.save(CAT)
    answers = bench.score([face, cat], scoring_spec("insightface", face, second="facenet"))
    warnings = [e.text for e in bench.events if isinstance(e, Warned)]
    assert len(warnings) == 1
    assert "buffalo_l" in warnings[0]
    seen = answers[face.id]
    assert (seen.faces, seen.angle) == (1, "front")
    assert abs(seen.yaw) < 15
    assert (answers[cat.id].faces, answers[cat.id].angle) == (0, "unsure")
    assert seen.identity.verdict == "cannot tell"
    assert seen.identity.score is None
    assert "No face pack found" in seen.identity.why
    assert WEIGHTS in seen.second_opinion.why


def facenet_bench(root) -> Bench:
    """facenet with weights of the published layout, but random: it describes faces, and knows nobody."""
    import torch
    from facenet_pytorch import InceptionResnetV1

    torch.manual_seed(0)
    net = InceptionResnetV1(pretrained=None, classify=True, num_classes=4)
    torch.save(net.state_dict(), root / WEIGHTS)
    return Bench(root, facenet_weights=root / WEIGHTS)


@pytest.mark.slow(seconds=5)
def test_a_face_recogniser_measures_faces_and_nothing_else(tmp_path):
    bench = facenet_bench(tmp_path)
    sources = [bench.save(c) for c in crops(3)]
    faceless = bench.save(COFFEE)
    two = Image.new("RGB", (800, 512))
    two.paste(ASTRONAUT, (0, 0))
    two.paste(ASTRONAUT.resize((256, 256)), (530, 0))
    pair = bench.save(two)
    answers = bench.score([faceless, pair], scoring_spec("facenet", *sources, faceless, angle="front"))
    none = answers[faceless.id]
    assert none.faces == 0
    assert (none.identity.verdict, none.identity.score) == ("cannot tell", None)
    assert "No face" in none.identity.why
    both = answers[pair.id]
    assert both.faces == 2
    assert both.identity.score is not None
    assert (both.identity.n, both.identity.bin) == (3, "all")  # the cup of coffee is no reference
    assert "2 faces; the one nearest the sources was compared." in both.identity.why
    assert len(both.identity.model_hash) == 16


def test_a_source_is_judged_against_the_others(bench):
    sources = [bench.save(c) for c in crops(4)]
    answers = bench.score(sources, scoring_spec("perceptual", *sources))
    assert {a.identity.n for a in answers.values()} == {3}


def test_a_lone_source_has_nothing_to_be_compared_with(bench):
    only = bench.save(ASTRONAUT)
    assert bench.score([only], scoring_spec("perceptual", only))[only.id].identity.verdict == "cannot tell"


def test_a_copy_of_a_source_is_remarked_on(bench):
    sources = [bench.save(i) for i in (ASTRONAUT, ASTRONAUT.convert("L").convert("RGB"), ASTRONAUT.rotate(30))]
    copy, other = bench.save(ASTRONAUT.resize((256, 256))), bench.save(ImageOps.mirror(ASTRONAUT))
    answers = bench.score([copy, other], scoring_spec("perceptual", *sources))
    assert "copy of a source" in answers[copy.id].identity.why
    assert "copy" not in answers[other.id].identity.why


def test_size_counts_for_pictures_that_were_brought_in(bench):
    small = ASTRONAUT.resize((128, 128))
    intake = Intake(filename="a.jpg", original="o/a.jpg", original_sha256="0" * 64, format="JPEG")
    made, brought = bench.save(small), bench.save(small, intake=intake)
    answers = bench.score([made, brought], scoring_spec("perceptual"))
    assert answers[made.id].quality.issues == ()
    assert answers[brought.id].quality.issues[0].startswith("small (128 x 128 px")


def test_a_broken_file_costs_only_itself(bench):
    good, broken = bench.save(ASTRONAUT), bench.save(CAT)
    bench.workspace.path(broken.path).write_bytes(b"\x89PNG broken")
    answers = bench.score([broken, good], scoring_spec("perceptual", good, broken))
    assert list(answers) == [good.id]
    warning = next(e.text for e in bench.events if isinstance(e, Warned))
    assert warning.startswith(f"{broken.path} cannot be read")


def test_cancel_is_between_two_pictures(bench):
    records = [bench.save(ASTRONAUT), bench.save(CAT), bench.save(COFFEE)]
    stop = threading.Event()

    def cancelled() -> bool:
        if any(isinstance(e, Scored) for e in bench.events):
            stop.set()
        return stop.is_set()

    with pytest.raises(Cancelled):
        bench.score(records, scoring_spec("perceptual"), cancelled)
    assert sum(isinstance(e, Scored) for e in bench.events) == 1


def test_references_are_described_once_for_all_calls(bench, monkeypatch):
    """The worker scores picture by picture while it renders: twenty sources must not be looked at anew each time."""
    from pipelines.faces import recogniser

    sources = [bench.save(c) for c in crops(3)]
    fresh = [bench.save(Image.fromarray(np.roll(np.asarray(CAT), k, axis=1))) for k in range(4)]
    who = recogniser("perceptual", bench.settings)
    looked = []
    look = who.faces
    monkeypatch.setattr(who, "faces", lambda image: looked.append(image.size) or look(image))
    for picture in fresh:
        bench.score([picture], scoring_spec("perceptual", *sources))
    assert len(looked) == len(sources) + len(fresh)


def test_an_unknown_recogniser_is_refused(bench):
    with pytest.raises(ValueError, match="no recogniser 'nobody'"):
        bench.score([], scoring_spec("nobody"))
