"""What the mini world's eyes are taught with: fresh pictures, their truth, crops as insightface cuts them, a training
that goes on where it stopped, and files that say what the network said."""

import random
from itertools import pairwise
from statistics import fmean

import numpy as np
import onnxruntime
import pytest
import torch
from insightface.utils.face_align import norm_crop
from torch import nn

from labs.mini_training import curve
from labs.mini_training.faces import anchors, degrade, embedding, export, nets, targets
from labs.mini_training.faces.pool import FITTING, RANGES, TESTS, Pool, Stream, draw, draw_view
from labs.mini_training.loop import Plan, Trainer, weights
from pipelines.faces.heads import Reader
from pipelines.world.renderer import HELD_OUT, Character, Truth, View, render_tensor


@pytest.fixture(scope="module")
def shard():
    """Twenty pictures as trainings see them."""
    return draw("gate", 3, count=20)


def test_a_shard_is_the_same_whenever_it_is_drawn(shard):
    again = draw("gate", 3, count=20)
    assert torch.equal(again.pictures, shard.pictures)
    assert all(np.array_equal(again.table[k], shard.table[k]) for k in shard.table)
    assert not torch.equal(draw("gate", 4, count=2).pictures, shard.pictures[:2])


def test_no_training_and_no_fitting_draws_a_character_that_measures():
    spans = sorted([*RANGES.values(), *FITTING.values(), TESTS])
    assert all(a[1] <= b[0] for a, b in pairwise(spans))
    assert RANGES["gate"][1] <= 4_000_000 <= RANGES["judge"][0]
    assert spans[-1] == (8_000_000, HELD_OUT)


def test_means_of_fine_pictures_are_the_renderers_pictures():
    """So that one drawing serves readers at 64 and at 128 pixels."""
    people, views = [Character.from_seed(11), Character.from_seed(12)], [View.at("half-left"), View(framing="full")]
    fine, plain = render_tensor(people, views, 128, samples=1), render_tensor(people, views, 64, samples=2)
    assert (nn.functional.avg_pool2d(fine, 2) - plain).abs().mean() < 0.004


def test_the_table_says_what_the_truth_says():
    person, view = Character.from_seed(77), View(yaw=-40, pitch=6, expression="sad", framing="full", pose="sitting")
    row = targets.table([Truth.of(person, view)])
    assert targets.WORDS["hair"][row["hair"][0]] == person.hair
    assert targets.SCENE_HEADS["pose"][row["pose"][0]] == "sitting"
    assert targets.FACE_HEADS["expression"][row["expression"][0]] == "sad"
    assert np.degrees(np.arctan2(*row["turn"][0, :2])) == pytest.approx(-40, abs=1e-3)
    assert row["numbers"][0, targets.NUMBERS.index("jaw_width")] == np.float32(person.shape.jaw_width)
    assert row["face"][0] == 1
    assert targets.table([Truth.of(person, View(yaw=170))])["face"][0] == 0


def test_keypoints_come_with_the_left_of_the_picture_first(shard):
    keys = shard.table["keypoints"]
    assert (keys[:, 0, 0] <= keys[:, 1, 0]).all()
    assert (keys[:, 3, 0] <= keys[:, 4, 0]).all()


def test_crops_are_those_of_insightface(shard):
    pictures = degrade.blurred(shard.pictures.float() / 255, 1.0)
    keys = shard.table["keypoints"]
    mine = degrade.aligned(pictures, keys)
    for k in range(6):
        theirs = norm_crop(pictures[k].permute(1, 2, 0).numpy(), keys[k] * 128 - 0.5)
        assert np.abs(mine[k].permute(1, 2, 0).numpy() - theirs).max() < 0.01


def test_upright_squares_are_those_of_the_product(shard):
    from PIL import Image

    from pipelines.faces.upright import square

    pictures = degrade.blurred(shard.pictures.float() / 255, 2.0)
    mine = degrade.boxed(pictures, shard.table["box"])
    for k in range(6):
        image = Image.fromarray((pictures[k].permute(1, 2, 0) * 255).round().to(torch.uint8).numpy())
        theirs = square(image, tuple(shard.table["box"][k] * 128)) / 255
        assert np.abs(mine[k].permute(1, 2, 0).numpy() - theirs).mean() < 0.02


def test_a_mirror_turns_what_has_a_side(shard):
    rows = {k: torch.from_numpy(v) for k, v in shard.table.items()}
    pictures, seen = degrade.mirrored(shard.pictures, rows, targets.NUMBERS)
    assert torch.equal(pictures.flip(-1), shard.pictures)
    assert torch.allclose(seen["turn"][:, 0], -rows["turn"][:, 0])
    assert (seen["keypoints"][:, 0, 0] <= seen["keypoints"][:, 1, 0]).all()
    back = degrade.mirrored(pictures, seen, targets.NUMBERS)[1]
    assert all(torch.allclose(back[k].float(), rows[k].float(), atol=1e-6) for k in rows)


@pytest.mark.parametrize("seed", range(8))
def test_a_spoilt_picture_stays_a_picture_of_the_same(shard, seed):
    clean = shard.pictures.float() / 255
    spoilt = degrade.degraded(clean, np.random.default_rng(seed))
    assert spoilt.shape == clean.shape
    assert 0 <= float(spoilt.min()) <= float(spoilt.max()) <= 1
    assert 0 < (spoilt - clean).abs().mean() < 0.12


def test_detector_targets_decode_to_the_faces(shard):
    """With insightface's own decoding: a perfect network would answer with exactly these boxes and keypoints."""
    from insightface.model_zoo.scrfd import distance2bbox, distance2kps

    rows = {k: torch.from_numpy(v) for k, v in shard.table.items()}
    pictures, faces = anchors.collage(shard.pictures.float() / 255, rows, np.random.default_rng(0))
    assert pictures.shape == (20, 3, 128, 128)
    assert len(faces.box) > 15
    answered = 0
    for stride, goal in zip(anchors.STRIDES, anchors.targets(faces, 128), strict=True):
        picture, y, x = goal["where"].numpy()
        points = np.stack([x, y], 1).astype(np.float32) * stride
        says = goal["says"].numpy() * stride
        boxes, keys = distance2bbox(points, says[:, :4]), distance2kps(points, says[:, 4:]).reshape(-1, 5, 2)
        for k in range(len(picture)):
            match = [
                f for f in np.flatnonzero(faces.picture == picture[k]) if np.abs(faces.box[f] - boxes[k]).max() < 1e-2
            ]
            assert match
            assert np.abs(faces.keypoints[match[0]] - keys[k]).max() < 1e-2
        answered += len(picture)
    assert answered >= len(faces.box)


class Line:
    """A task of one line through noisy points."""

    name = "line"

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.net = nn.Sequential(nn.Linear(16, 16), nn.BatchNorm1d(16), nn.Linear(16, 1))
        self.roots: list[float] = []

    def loss(self, step):
        x = torch.randn(32, 16, generator=torch.Generator().manual_seed(step))
        loss = (self.net(x)[:, 0] - x.sum(1)).square().mean()
        self.roots.append(float(loss.detach()) ** 0.5)
        return loss, {"root": self.roots[-1]}


def test_a_training_in_two_goes_is_the_same_as_in_one(tmp_path):
    plan = Plan(40, warmup=5, every=10)
    Trainer(Line(), plan, tmp_path / "one", lambda line: None).run()
    first = Trainer(Line(), plan, tmp_path / "two", lambda line: None)
    first.run(lambda: first.step >= 17)
    said = []
    second = Trainer(task := Line(), plan, tmp_path / "two", said.append)
    second.run()
    one, two = weights(tmp_path / "one"), weights(tmp_path / "two")
    assert all(torch.allclose(one[k], two[k]) for k in one)
    assert said[0] == "line: resumed at step 17"
    told = dict(curve.read(tmp_path / "two" / "curve.jsonl", "root"))
    assert told.keys() == {10, 20, 30, 40}
    assert told[20] == pytest.approx(fmean(task.roots[:3])), "of the three steps since it went on"


def test_a_training_learns(tmp_path):
    said = []
    Trainer(Line(), Plan(300, rate=1e-2, warmup=10, every=100), tmp_path, said.append).run()
    losses = [float(line.split("loss ")[1].split()[0]) for line in said]
    assert losses[-1] < losses[0] / 4


def test_the_stream_moves_on_and_is_the_same_at_each_step(tmp_path, monkeypatch):
    from labs.mini_training.faces import pool

    monkeypatch.setattr(pool, "SHARD", 6)
    monkeypatch.setattr(pool, "draw", lambda seeds, number, device="cpu": draw(seeds, number, count=6))
    make = lambda: Stream(Pool(tmp_path, "gate"), batch=4, sees=2.0, window=2)  # noqa: E731
    one, two = make(), make()
    batches = [one.at(step) for step in range(8)]
    assert torch.equal(two.at(7).pictures, batches[7].pictures)
    assert sorted(p.name for p in (tmp_path / "gate").iterdir()) == [f"0000{n}.safetensors" for n in range(3)]
    seen = [draw("gate", n, count=6).pictures for n in (1, 2)]
    assert all(any(torch.equal(x, y) for y in torch.cat(seen)) for x in batches[7].pictures)


def test_files_say_what_the_network_says(tmp_path):
    torch.manual_seed(0)
    net = nets.GateReader().eval()
    heads = targets.FACE_HEADS
    export.write(export.Tells(net, list(heads)), 112, tmp_path / "a.onnx", [*heads, "turn"], heads, batch=True)
    reader = Reader(tmp_path / "a.onnx")
    pixels = np.random.default_rng(0).integers(0, 256, (3, 112, 112, 3), dtype=np.uint8)
    out = reader(pixels)
    with torch.no_grad():
        said = net(torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1)
    assert np.abs(out["expression"] - said["expression"].softmax(-1).numpy()).max() < 0.01
    assert np.abs(out["turn"] - said["turn"].numpy()).max() < 0.02
    assert reader.heads == {"expression": list(heads["expression"])}
    assert reader.attributes(out)["expression"].word in heads["expression"]
    assert (tmp_path / "a.onnx").stat().st_size < 2.1 * sum(p.numel() for p in net.parameters())


def test_the_detectors_outputs_have_scrfds_shapes(tmp_path):
    names = [f"{kind}_{s}" for kind in ("score", "bbox", "kps") for s in anchors.STRIDES]
    export.write(export.Scrfd(nets.Detector()), 128, tmp_path / "det.onnx", names, None, batch=False)
    made = onnxruntime.InferenceSession(str(tmp_path / "det.onnx"), providers=["CPUExecutionProvider"])
    out = made.run(None, {"input": np.zeros((1, 3, 128, 128), np.float32)})
    assert [o.shape for o in out] == [(n, w) for w in (1, 4, 10) for n in (512, 128, 32)]
    assert float(out[0].max()) < 0.5


def test_auc_by_hand():
    assert embedding.auc(np.array([3.0, 2.0]), np.array([1.0, 2.5])) == 0.75
    assert embedding.auc(np.array([1.0]), np.array([1.0])) == 0.5


def test_whitening_makes_what_is_read_surely_count():
    rng = np.random.default_rng(0)
    who = np.repeat(np.arange(60), 8)
    true = rng.normal(size=(60, 4))[who]
    x = true + rng.normal(size=true.shape) * np.array([0.05, 0.05, 3.0, 3.0])
    e = embedding.whitening(x, who, 0.01, 0.0, width=16)(torch.from_numpy(x).float()).numpy()
    e /= np.linalg.norm(e, axis=1, keepdims=True)
    plain = x / np.linalg.norm(x, axis=1, keepdims=True)
    pairs = who[:, None] == who[None]
    upper = np.triu(np.ones_like(pairs), 1).astype(bool)
    made, raw = (embedding.auc((v @ v.T)[upper & pairs], (v @ v.T)[upper & ~pairs]) for v in (e, plain))
    assert made > 0.93
    assert raw < 0.75


def test_views_of_training_show_everything():
    rng = random.Random(0)
    views = [draw_view(rng) for _ in range(400)]
    assert {v.framing for v in views} == {"portrait", "bust", "full"}
    assert {v.expression for v in views} == set(targets.FACE_HEADS["expression"])
    assert any(abs(v.yaw) > targets.BEHIND for v in views)
    assert {v.background for v in views} == set(targets.SCENE_HEADS["background"])
