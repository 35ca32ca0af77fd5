"""The files in ``presets/mini/faces`` as the product uses them: the real FaceAnalysis, heads, the judge, and ``score``.

Characters from 8,500,000 up: no training and no fitting knows them. Lines are below the figures in the folder's README,
so that they fail when files and code part, not when a picture more or less is read right.
"""

import random
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from labs.mini_training.faces.embedding import auc
from labs.mini_training.faces.targets import ordered
from pipelines.domain.requests import Reference, ScoringSpec
from pipelines.domain.scores import EXPRESSIONS
from pipelines.faces import recogniser
from pipelines.faces.angle import angle_of
from pipelines.faces.base import sure_attribute
from pipelines.storage import pictures, settings
from pipelines.storage.preset_files import PRESETS
from pipelines.storage.presets import shipped
from pipelines.storage.workspace import Workspace
from pipelines.worker.score import score
from pipelines.world.renderer import POSES, Character, View, render, sample_view

NOWHERE = SimpleNamespace(insightface_root=None, facenet_weights=None)
FOLDER = PRESETS / "mini" / "faces"
FIRST = 8_500_000
ANGLES = ("front", "half-left", "half-right")


def portrait(rng: random.Random, angle: str) -> View:
    """Anything but the angle and the framing is drawn."""
    view = sample_view(rng, bodies=0)
    return View.at(angle, expression=view.expression, light=view.light, background=view.background).jittered(rng)


@pytest.fixture(scope="module")
def drawn():
    """Twelve characters, six portraits of each: (character's place, truth, picture)."""
    rng = random.Random(1)
    who = [k for k in range(12) for _ in range(6)]
    views = [portrait(rng, ANGLES[i % 3]) for i in range(len(who))]
    pixels, truths = render([Character.from_seed(FIRST + k) for k in who], views, 128)
    return [(k, t, Image.fromarray(p)) for k, t, p in zip(who, truths, pixels, strict=True)]


@pytest.fixture(scope="module", params=["mini", "mini-judge"])
def seen(request, drawn):
    """The same with the largest face, by each recogniser; pictures without one are left out."""
    eyes = recogniser(request.param, NOWHERE)
    looked = [(k, t, eyes.faces(image)) for k, t, image in drawn]
    assert sum(not found for _, _, found in looked) <= 2
    return [(k, t, found[0]) for k, t, found in looked if found]


def test_the_pack_has_insightfaces_layout_and_loads_in_it():
    from insightface.app import FaceAnalysis

    pack = FaceAnalysis(name=str(FOLDER / "pack"), providers=["CPUExecutionProvider"])
    pack.prepare(ctx_id=-1)
    assert set(pack.models) == {"detection", "recognition"}
    assert pack.models["detection"].use_kps
    assert tuple(pack.models["detection"].input_size) == (128, 128)
    assert tuple(pack.models["recognition"].input_size) == (112, 112)
    assert pack.models["recognition"].output_shape[-1] == 512


def test_all_files_together_are_small():
    assert sum(f.stat().st_size for f in FOLDER.rglob("*.onnx")) <= 6_000_000


def test_the_families_name_eyes_that_are_there():
    for family in ("mini-flux", "mini-qwen-edit"):
        for name in (shipped().models[family].recogniser, shipped().models[family].second_opinion):
            assert name in shipped().faces
            who = recogniser(name, NOWHERE)
            assert who.ready() == ""
            who.load()
    hashes = {recogniser(name, NOWHERE).model_hash for name in ("mini", "mini-judge")}
    assert len(hashes) == 2


def test_words_of_the_readers_are_those_of_the_product(drawn):
    gate = recogniser("mini", NOWHERE)
    scene, face = gate.picture(drawn[0][2]), gate.faces(drawn[0][2])[0]
    assert {"framing", "pose", "light", "background", "facing"} <= scene.keys()
    assert {"expression", "skin", "hair", "style", "eyes", "glasses"} <= face.attributes.keys()
    assert set(gate.heads._face.heads["expression"]) == set(EXPRESSIONS)
    assert set(gate.heads._scene.heads["pose"]) == {"none", *POSES}


def test_one_face_where_there_is_one_and_none_from_behind(drawn):
    gate = recogniser("mini", NOWHERE)
    alone = [len(gate.faces(image)) == 1 for _, _, image in drawn]
    assert np.mean(alone) > 0.9
    people = [Character.from_seed(FIRST + 50 + k) for k in range(8)]
    pixels, _ = render(people, [View(yaw=180 + 4 * k - 16) for k in range(8)], 128)
    assert sum(not gate.faces(Image.fromarray(p)) for p in pixels) >= 6
    assert gate.faces(Image.new("RGB", (128, 128), "grey")) == []


def test_keypoints_are_where_they_are(drawn):
    gate = recogniser("mini", NOWHERE)
    off = []
    for _, truth, image in drawn[::4]:
        found = gate.faces(image)
        wide = (truth.box[2] - truth.box[0]) * 128
        true = ordered(np.array(truth.keypoints, np.float32)) * 128
        off += [np.linalg.norm(found[0].keypoints - true, axis=1).mean() / wide] if found else []
    assert np.median(off) < 0.06


def test_angle_is_read(seen):
    assert np.mean([angle_of(f.yaw, f.pitch) == t.angle for _, t, f in seen]) > 0.85
    assert np.corrcoef([f.yaw for _, _, f in seen], [t.yaw for _, t, _ in seen])[0, 1] > 0.95


def test_expression_is_read(seen):
    assert np.mean([f.attributes["expression"].word == t.expression for _, t, f in seen]) > 0.75


def test_a_character_resembles_itself_more_than_strangers(seen):
    who = np.array([k for k, _, _ in seen])
    e = np.stack([f.embedding for _, _, f in seen])
    assert np.allclose(np.linalg.norm(e, axis=1), 1, atol=1e-4)
    same, upper = who[:, None] == who[None], np.triu(np.ones((len(e), len(e)), bool), 1)
    both = e @ e.T
    assert auc(both[same & upper], both[~same & upper]) > 0.96


def test_pose_and_framing_are_read():
    rng = random.Random(2)
    views = [
        View.at(rng.choice(ANGLES), framing=framing, pose=pose).jittered(rng)
        for framing in ("portrait", "full")
        for pose in POSES
        for _ in range(4)
    ]
    people = [Character.from_seed(FIRST + 100 + k) for k in range(len(views))]
    pixels, truths = render(people, views, 128)
    gate = recogniser("mini", NOWHERE)
    said = [gate.picture(Image.fromarray(p)) for p in pixels]
    assert np.mean([sure_attribute(s, "pose") == (t.pose or "none") for s, t in zip(said, truths, strict=True)]) > 0.9
    assert np.mean([sure_attribute(s, "framing") == t.framing for s, t in zip(said, truths, strict=True)]) > 0.9


def test_score_fills_what_the_eyes_see(tmp_path, drawn):
    workspace = Workspace(tmp_path / "workspace")
    workspace.create()
    known = settings.load(workspace.root)
    saved = [
        pictures.save_picture(
            workspace, image, character="ada", kind="source", version="v1",
            path=f"{workspace.dataset('ada', 'source', 'v1')}/{i}.png",
        )
        for i, (_, _, image) in enumerate(drawn[:12])
    ]  # fmt: skip
    references = tuple(Reference(image=r.ref) for r in saved[:5])
    spec = ScoringSpec(recogniser="mini", second_opinion="mini-judge", references=references)
    answers = score(
        [r.ref for r in saved], spec, workspace=workspace, settings=known, emit=lambda e: None, cancelled=lambda: False
    )
    own, other = [answers[r.id] for r in saved[:6]], [answers[r.id] for r in saved[6:]]
    assert np.mean([a.expression == t.expression for a, (_, t, _) in zip(own + other, drawn, strict=False)]) > 0.5
    assert np.mean([a.angle == t.angle for a, (_, t, _) in zip(own + other, drawn, strict=False)]) > 0.6
    assert {a.framing for a in own} <= {"portrait", "bust", ""}
    mine, theirs = ([a.identity.score for a in part if a.identity.score is not None] for part in (own, other))
    assert np.median(mine) > np.median(theirs) + 0.2
    assert all(a.second_opinion.recogniser == "mini-judge" for a in own)
    assert {a.identity.verdict for a in other} <= {"wrong", "unsure", "cannot tell"}
