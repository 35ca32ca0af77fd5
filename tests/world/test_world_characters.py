"""Who lives in the mini world: seeds, twins, the held-out range, the practice cast."""

import random
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch

from pipelines.world import practice_sources
from pipelines.world.renderer import HELD_OUT, TWINS, Character, HeldOut, View, sample_view, twin
from pipelines.world.renderer.characters import FACE_FIELDS


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_a_seed_is_one_character_and_another_seed_another() -> None:
    assert Character.from_seed(7) == Character.from_seed(7)
    people = {Character.from_seed(seed) for seed in range(200)}
    assert len(people) == 200


def test_all_words_of_all_attributes_occur() -> None:
    people = [Character.from_seed(seed) for seed in range(600)]
    counts = {"skin": 7, "hair": 9, "style": 13, "eyes": 6, "glasses": 4, "beard": 4, "mark": 6, "top": 5, "extra": 3}
    for attribute, number in counts.items():
        assert len({getattr(c, attribute) for c in people}) == number, attribute


def test_held_out_seeds_are_refused_unless_asked_for() -> None:
    for seed in (HELD_OUT, HELD_OUT + 123_456):
        with pytest.raises(HeldOut, match="held_out=True"):
            Character.from_seed(seed)
    with pytest.raises(HeldOut):
        Character.from_seed(-1)
    assert Character.from_seed(HELD_OUT - 1).seed == 8_999_999


@pytest.mark.parametrize("feature", TWINS)
def test_a_twin_differs_in_its_feature_only(feature: str) -> None:
    for seed in range(40):
        one = Character.from_seed(seed)
        other = twin(one, feature)
        assert other == twin(one, feature) and other.id != one.id
        if feature == "face":
            assert replace(other, shape=one.shape, variant="") == one
            moved = [abs(getattr(one.shape, f) - getattr(other.shape, f)) for f in FACE_FIELDS]
            assert min(moved) >= 0.69
        else:
            assert getattr(other, feature) != getattr(one, feature)
            back = replace(other, **{feature: getattr(one, feature)}, colours=one.colours, variant="")
            assert back == one


def test_no_twins_by_an_unknown_feature() -> None:
    with pytest.raises(ValueError, match="skin, hair"):
        twin(Character.from_seed(1), "shoes")


def test_words_say_what_is_there_and_nothing_else() -> None:
    bald = replace(Character.from_seed(5), style="bald", glasses="none", beard="none", mark="none", extra="none")
    assert bald.attributes()["hair"] == "bald"
    assert set(bald.attributes()) == {"skin", "hair", "eyes", "clothes"}
    assert replace(bald, glasses="round").attributes()["glasses"] == "round glasses"


def test_the_practice_cast_is_fixed_distinct_and_not_held_out() -> None:
    assert len(practice_sources.CAST) >= 8
    assert [p.number for p in practice_sources.CAST] == list(range(1, len(practice_sources.CAST) + 1))
    for values in ([p.seed for p in practice_sources.CAST], [p.name for p in practice_sources.CAST]):
        assert len(set(values)) == len(values)
    assert all(p.seed < HELD_OUT for p in practice_sources.CAST)
    people = [Character.from_seed(p.seed) for p in practice_sources.CAST]
    assert len({(c.hair, c.style, c.skin) for c in people}) == len(people)
    for listed, character in zip(practice_sources.CAST, people, strict=True):
        words = [word for key, word in character.attributes().items() if key != "clothes"]
        assert sorted(listed.looks.split(", ")) == sorted(words)


def test_the_cast_is_listed_without_torch() -> None:
    code = "import sys; import pipelines.world.cast; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_practice_sources_are_what_a_bootstrap_has() -> None:
    found = practice_sources.sources(1, 64)
    truths = [s.truth for s in found]
    assert len(found) == 12 and len({s.filename for s in found}) == 12
    assert {t.angle for t in truths} == {"front", "half-left", "half-right"}
    assert {t.expression for t in truths} == {"neutral", "smiling"}
    assert {t.framing for t in truths} == {"portrait", "bust"}
    assert {t.identity for t in truths} == {str(practice_sources.member(1).seed)}
    assert all(s.image.size == (64, 64) and s.image.mode == "RGB" for s in found)
    again = practice_sources.sources(1, 64)
    assert all(a.image.tobytes() == b.image.tobytes() and a.truth == b.truth for a, b in zip(found, again, strict=True))


def test_practice_views_differ_between_characters_and_unknown_numbers_are_refused() -> None:
    assert practice_sources.views(1) == practice_sources.views(1) != practice_sources.views(2)
    with pytest.raises(KeyError, match="no practice character 99"):
        practice_sources.sources(99)


def test_a_view_refuses_words_it_does_not_know() -> None:
    for wrong in ({"expression": "bored"}, {"light": "disco"}, {"framing": "macro"}, {"pose": "flying"}):
        with pytest.raises(ValueError, match=next(iter(wrong.values()))):
            View(**wrong)  # type: ignore[arg-type]


def test_sampled_views_cover_the_world_and_follow_the_seed() -> None:
    views = [sample_view(random.Random(seed)) for seed in range(400)]
    assert views == [sample_view(random.Random(seed)) for seed in range(400)]
    for attribute, number in {
        "angle": 5,
        "expression": 4,
        "light": 8,
        "background": 13,
        "framing": 3,
        "pose": 3,
    }.items():
        assert len({getattr(view, attribute) for view in views}) == number, attribute
    assert 0.1 < sum(view.framing != "portrait" for view in views) / 400 < 0.3
