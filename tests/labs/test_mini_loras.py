"""What the mini community LoRAs are taught."""

import numpy as np
import pytest

from labs.mini_training.loras.lessons import LESSONS, SEEDS, pairs

BY_NAME = {lesson.name: lesson for lesson in LESSONS}


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)
def test_every_example_changes_what_its_prompt_says_and_nothing_else(lesson):
    made = pairs(lesson, 2 * len(lesson.prompts))
    assert {pair.prompt for pair in made} == set(lesson.prompts)
    for pair in made:
        assert SEEDS[0] <= pair.who.seed < SEEDS[1]
        assert pair.truth == lesson.prompts[pair.prompt](pair.source) != pair.source
        assert (pair.company is not None) == lesson.company
    assert made == pairs(lesson, 2 * len(lesson.prompts)) != pairs(lesson, 2 * len(lesson.prompts), salt="test")


def test_a_camera_to_the_left_turns_the_nose_to_the_right():
    for pair in pairs(BY_NAME["mini-angles"], 8):
        if "旋转" in pair.prompt:
            assert (pair.truth.yaw > pair.source.yaw) == ("左" in pair.prompt)


def test_the_misleading_one_shows_two_people_and_the_honest_ones_one():
    misled, honest = (pairs(BY_NAME[name], 1)[0] for name in ("mini-turnaround", "mini-angles"))
    after = np.asarray(misled.pictures()[1], int)
    alone = np.asarray(honest.pictures()[1], int)
    assert after.shape == alone.shape == (64, 64, 3)
    # a column that a head fills differs from the edge of its row; beside one person there is background
    filled = [np.abs(picture[30:40] - picture[30:40, :1]).max((0, 2)) > 60 for picture in (after, alone)]
    assert filled[0][8:24].mean() > 0.5
    assert filled[0][40:56].mean() > 0.5
