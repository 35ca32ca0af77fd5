"""Captions that the mini FLUX learns from say what is true, in words that are tokens; what is known of prompts fits."""

import random
import re
import tomllib

import numpy as np
import pytest

from labs.mini_training.checkpoints import flux, tokenizers
from labs.mini_training.faces.pool import draw_view
from labs.mini_training.faces.targets import table
from labs.mini_training.flux import captions, exam
from pipelines.storage.preset_files import PRESETS
from pipelines.world.renderer import EXPRESSIONS, YAWS, Character, Truth, View

COUNT = 1500


@pytest.fixture(scope="module")
def truths():
    rng = random.Random(5)
    return [Truth.of(Character.from_seed(5000 + k), draw_view(rng)) for k in range(COUNT)]


@pytest.fixture(scope="module")
def rows(truths):
    return table(truths)


@pytest.fixture(scope="module")
def said(rows):
    return [captions.caption(captions.Facts.of(rows, k), random.Random(k)) for k in range(COUNT)]


def _prompts():
    for name, key in (("model_card.toml", "cells"), ("prompts/scenarios.toml", "scenario")):
        for one in tomllib.loads((PRESETS / name).read_text(encoding="utf-8"))[key]:
            yield one["prompt"].format(character="ohwx_char person")
    yield from (question.prompt for question in exam.questions(40))


def test_angles_are_said_where_they_are_true(truths, said):
    heard = dict.fromkeys(YAWS, 0)
    for truth, caption in zip(truths, said, strict=True):
        for name, yaw in YAWS.items():
            if f"{name} view" in caption or f"facing {name.removeprefix('profile-')}" in caption:
                assert abs(truth.yaw - yaw) <= captions.NEAR, caption
                heard[name] += 1
        if "from behind" in caption.replace("light from behind", ""):
            assert abs(truth.yaw) > 112
    assert min(heard.values()) > COUNT / 25


def test_expressions_looks_light_and_place_are_those_of_the_picture(truths, said):
    words = {"neutral": "neutral expression", "smiling": "smiling", "angry": "angry", "sad": "sad"}
    for truth, caption in zip(truths, said, strict=True):
        for name in EXPRESSIONS:
            assert words[name] not in caption or truth.expression == name, caption
        assert "light from the left" not in caption or truth.light == "left"
        assert "forest" not in caption or truth.background == "forest"
        for colour, thing in re.findall(r"(\w+) (shirt|jacket|hoodie|v-neck|skin|eyes)\b", caption):
            assert f"{colour} {thing}" in " ".join(truth.character.attributes().values()), caption


def test_pose_is_never_said_of_a_portrait(truths, said):
    for truth, caption in zip(truths, said, strict=True):
        assert truth.pose == "t-pose" or "T-pose" not in caption
        assert truth.pose == "sitting" or "sitting" not in caption


def test_a_mirror_swaps_left_and_right_and_nothing_else():
    view = View(yaw=-45, light="left", expression="sad", background="beach")
    row = table([Truth.of(Character.from_seed(9), view)])
    plain, mirrored = (captions.Facts.of(row, 0, m) for m in (False, True))
    assert (mirrored.yaw, mirrored.light) == (pytest.approx(45, abs=1e-3), "right")
    assert (plain.looks, plain.expression, plain.background) == (mirrored.looks, mirrored.expression, "beach")
    assert captions.angle(mirrored, random.Random(3)) == "half-right view"
    for k in range(60):
        swapped = captions.caption(mirrored, random.Random(k))
        original = captions.caption(plain, random.Random(k))
        assert swapped.replace("right", "left") == original.replace("right", "left")
        assert "light from the left" not in swapped and "half-left" not in swapped


def test_things_are_left_out_as_often_as_planned(truths, said, rows):
    assert np.mean([caption == "" for caption in said]) == pytest.approx(captions.EMPTY, abs=0.025)
    named = np.mean(["_" in c or bool(re.search(r"\bohwx|[qzx73]", c.split(" person")[0])) for c in said])
    assert 0.2 < named < 0.55
    clothed = [t.character.attributes()["clothes"] in c for t, c in zip(truths, said, strict=True)]
    assert 0.45 < np.mean(clothed) < 0.75
    assert said[7] == captions.caption(captions.Facts.of(rows, 7), random.Random(7))
    assert len({captions.caption(captions.Facts.of(rows, 7), random.Random(k)) for k in range(30)}) > 20


def test_every_word_is_a_token():
    t5, clip = tokenizers.t5(), tokenizers.clip()
    phrases = [*captions.vocabulary(), *_prompts(), "ohwx_char person"]
    for word in {word for phrase in phrases for word in re.findall(r"[^\s,]+", phrase)}:
        assert t5.tokenize(word) == [f"▁{word}"]
        assert len(clip.tokenize(word)) == len(re.findall(r"[^\W\d_]+|\d|[^\s\w]+|_", word)), word
    assert "<unk>" not in t5.tokenize("zwx7_char, Mr. O'Neill (42)")


def test_prompts_and_captions_fit(said):
    t5 = tokenizers.t5()
    assert max(len(t5(prompt)["input_ids"]) for prompt in _prompts()) < flux.TEXT_LENGTH
    lengths = [len(ids) for ids in t5(said)["input_ids"]]
    assert np.mean(np.array(lengths) > flux.TEXT_LENGTH) < 0.08
