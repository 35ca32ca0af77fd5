"""Pictures of the mini world agree with their truth: turned, lit, framed and posed as they say."""

import hashlib
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch

from pipelines.world.renderer import (
    BACKGROUNDS,
    EXPRESSIONS,
    LIGHTS,
    POSES,
    YAWS,
    Character,
    View,
    render,
    render_tensor,
    twin,
)

SEEDS = (3, 16, 26, 31)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def person(seed: int = 16) -> Character:
    return Character.from_seed(seed)


def seen(views: list[View], seed: int = 16, size: int = 64) -> np.ndarray:
    return render([person(seed)] * len(views), views, size)[0].astype(int)


def figure(picture: np.ndarray) -> np.ndarray:
    """Where the figure is, before a plain background: far from the background's own colours."""
    border = picture[:8, :2].reshape(-1, 3).mean(0)
    return np.abs(picture - border).sum(-1) > 90


def test_shapes_types_and_truth() -> None:
    views = [View.at("half-left", expression="sad"), View(framing="full", pose="t-pose"), View(framing="bust")]
    pictures, truths = render([person(s) for s in SEEDS[:3]], views, 48)
    assert pictures.shape == (3, 48, 48, 3) and pictures.dtype == np.uint8
    assert [t.identity for t in truths] == ["3", "16", "26"]
    assert [t.angle for t in truths] == ["half-left", "front", "front"]
    assert [t.pose for t in truths] == ["", "t-pose", "standing"]
    assert truths[0].expression == "sad" and truths[0].yaw == -45
    assert truths[1].parameters()["character"]["shape"]["jaw_width"] == person(16).shape.jaw_width
    with pytest.raises(ValueError, match="1 characters for 2 views"):
        render([person()], views[:2])


def test_every_word_can_be_drawn() -> None:
    rng = random.Random(1)
    views = [View(background=b).jittered(rng) for b in BACKGROUNDS] + [View(light=name) for name in LIGHTS]
    views += [View.at(a, expression=e) for a in YAWS for e in EXPRESSIONS]
    views += [View.at("half-right", pose=p, framing=f) for p in POSES for f in ("bust", "full")]
    pictures, _ = render([person(seed) for seed in range(len(views))], views, 24)
    assert len({p.tobytes() for p in pictures}) == len(views)
    assert all(p.std() > 12 for p in pictures)
    with pytest.raises(KeyError, match="nowhere"):
        render([person()], [View(background="nowhere")], 24)


SCRIPT = """
import hashlib, random, torch
torch.set_num_threads(1)
from pipelines.world.renderer import Character, View, render
rng = random.Random(5)
views = [View.at("half-left", expression="smiling", background="forest").jittered(rng), View(framing="full")]
views += [View.at("profile-right", light="left", background="city").jittered(rng)]
pictures, _ = render([Character.from_seed(s) for s in (3, 16, 26)], views, 64)
print(hashlib.sha256(pictures.tobytes()).hexdigest())
"""


@pytest.mark.slow
def test_same_seed_same_pixels_twice_and_in_other_processes() -> None:
    scope: dict[str, object] = {}
    exec(SCRIPT.replace("print(", "out = ("), scope)
    other = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT], env=os.environ, check=True, capture_output=True, text=True
        ).stdout
        for _ in range(2)
    }
    assert other == {f"{scope['out']}\n"}
    again: dict[str, object] = {}
    exec(SCRIPT.replace("print(", "out = ("), again)
    assert again["out"] == scope["out"] != hashlib.sha256(b"").hexdigest()


def test_company_does_not_change_a_picture() -> None:
    views = [View.at(a) for a in YAWS]
    together, _ = render([person(s) for s in (*SEEDS, 1)], views, 64)
    alone, _ = render([person(3)], views[:1], 64)
    assert np.abs(together[0].astype(int) - alone[0]).max() <= 2


@pytest.mark.parametrize("yaw", (20.0, 45.0, 90.0))
def test_the_mirrored_yaw_is_the_mirrored_silhouette(yaw: float) -> None:
    right, left = seen(
        [View(yaw, light="neutral", background="white"), View(-yaw, light="neutral", background="white")], 31
    )
    a, b = figure(right), figure(left)[:, ::-1]
    assert (a & b).sum() / (a | b).sum() > 0.97
    assert (a & a[:, ::-1]).sum() / (a | a[:, ::-1]).sum() < (a & b).sum() / (a | b).sum()


@pytest.mark.parametrize("seed", SEEDS)
def test_left_is_the_edge_of_the_picture_that_the_nose_points_to(seed: int) -> None:
    middle = {}
    for angle in YAWS:
        calm, angry = seen([View.at(angle), View.at(angle, expression="angry")], seed)
        middle[angle] = np.nonzero(np.abs(calm - angry).max(-1) > 40)[1].mean()
    order = [middle[a] for a in ("profile-left", "half-left", "front", "half-right", "profile-right")]
    assert order == sorted(order)
    assert order[1] < 27 < 30 < order[2] < 34 < 37 < order[3]


@pytest.mark.parametrize("seed", SEEDS)
def test_an_expression_changes_the_face_and_nothing_else(seed: int) -> None:
    pictures = seen([View(expression=e) for e in EXPRESSIONS], seed)
    for other in pictures[1:]:
        changed = np.abs(other - pictures[0]).max(-1) > 12
        assert changed[14:46, 12:52].sum() > 60
        changed[10:53, 8:56] = False
        assert changed.sum() == 0


@pytest.mark.parametrize("angle", ("front", "half-left", "profile-right"))
def test_every_expression_differs_from_every_other(angle: str) -> None:
    for seed in SEEDS:
        faces = seen([View.at(angle, expression=e) for e in EXPRESSIONS], seed)
        for i in range(4):
            for j in range(i):
                assert (np.abs(faces[i] - faces[j]).max(-1) > 30).sum() >= 20, (seed, i, j)


def test_light_from_a_side_brightens_that_side() -> None:
    for seed in SEEDS:
        left, right, above, front = (
            p.mean(-1)
            for p in seen([View(light=n, background="grey") for n in ("left", "right", "above", "front")], seed)
        )
        face = slice(18, 46)
        assert left[face, 14:30].mean() > 1.15 * left[face, 34:50].mean()
        assert right[face, 34:50].mean() > 1.15 * right[face, 14:30].mean()
        assert abs(front[face, 14:30].mean() / front[face, 34:50].mean() - 1) < 0.12
        assert (
            above[6:14, 20:44].mean() / above[36:44, 20:44].mean()
            > front[6:14, 20:44].mean() / front[36:44, 20:44].mean()
        )


def test_framings_and_poses_fill_the_picture_as_named() -> None:
    names = ("portrait", "bust", "full")
    areas = [figure(p)[:24].sum() for p in seen([View(framing=f, background="white") for f in names])]
    assert areas[0] > areas[1] > areas[2]
    stand, t_pose, sit = (figure(p) for p in seen([View(framing="full", pose=p, background="white") for p in POSES]))
    assert stand[58:62].any() and t_pose[58:62].any() and sit[56:62].any()
    assert np.ptp(np.nonzero(t_pose.any(0))[0]) > 1.4 * np.ptp(np.nonzero(stand.any(0))[0])
    assert np.nonzero(sit.any(1))[0].min() > np.nonzero(stand.any(1))[0].min() + 2


def test_the_background_is_behind_and_the_scene_varies() -> None:
    a, b = seen([View(background="blue"), View(background="dark")])
    inside = np.zeros((64, 64), bool)
    inside[24:44, 22:42] = True
    assert np.abs(a - b)[inside].max() == 0
    assert np.abs(a - b)[:4, :4].min() > 30
    one, other = seen([View(background="forest"), View(background="forest", scene=9)])
    assert np.abs(one - other)[:, :6].max() > 25


@pytest.mark.parametrize("feature", ("skin", "hair", "eyes", "face"))
def test_twins_look_different(feature: str) -> None:
    one = person(16)
    pictures, _ = render([one, twin(one, feature)], [View()] * 2, 64)
    assert (np.abs(pictures[0].astype(int) - pictures[1]).max(-1) > 24).sum() > (20 if feature == "eyes" else 150)


def test_edges_are_antialiased() -> None:
    fine, coarse = (render_tensor([person()], [View(background="white")], 64, samples=n) for n in (4, 1))
    two = render_tensor([person()], [View(background="white")], 64, samples=2)
    assert (two - fine).abs().mean() < 0.5 * (coarse - fine).abs().mean()


@pytest.mark.slow(seconds=4)
@pytest.mark.parametrize("framing", ("portrait", "bust", "full"))
def test_keypoints_and_box_are_where_the_face_is(framing: str) -> None:
    for seed in SEEDS:
        pictures, truths = render([person(seed)] * 2, [View(framing=framing), View.at("profile-right")], 256)
        (left, right, nose, *mouth), box = truths[0].keypoints, truths[0].box
        luma = pictures[0].astype(int).sum(-1)
        for x, y in (left, right):
            pupil = luma[int(y * 256) - 4 : int(y * 256) + 5, int(x * 256) - 4 : int(x * 256) + 5]
            assert pupil.min() < (120 if framing != "full" else 260)
        assert left[0] < nose[0] < right[0] and left[1] < nose[1] < mouth[0][1]
        assert box[0] < mouth[0][0] < mouth[1][0] < box[2] and box[1] < left[1] < mouth[0][1] < box[3]
        assert truths[1].keypoints[2][0] > truths[1].keypoints[0][0] + 0.05


def test_the_tip_of_the_nose_ends_a_bald_profile() -> None:
    bald = replace(person(16), style="bald", glasses="none", beard="none")
    pictures, truths = render([bald], [View.at("profile-right", background="white", light="neutral")], 128)
    right = np.nonzero(figure(pictures[0])[:90].any(0))[0].max()
    assert abs(right - truths[0].keypoints[2][0] * 128) < 5
