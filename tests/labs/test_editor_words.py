"""The mini editor's instructions and their tokens."""

import random
from dataclasses import replace

import pytest

from labs.mini_training.checkpoints import tokenizers
from labs.mini_training.editor.instructions import EMPTY, Seen, differences, instruction
from pipelines.planning.axes import offered
from pipelines.planning.enrich import prompt_for
from pipelines.storage.presets import shipped
from pipelines.world.renderer import BACKGROUNDS, EXPRESSIONS, LIGHTS, YAWS

MINI = shipped().models["mini-qwen-edit"]
SOURCE = Seen(1.0, "neutral", "front", "grey", "portrait", "plain")
KNOWN = [258, 512, 1308]
CHANGES = [
    ("yaw", -47.0, ("left edge", "left"), ("right edge", "right view", "smil", "beach")),
    ("yaw", 88.0, ("right edge", "right"), ("left edge", "half", "sad", "background to")),
    ("expression", "smiling", ("smil",), ("angry", "rotate", "neutral")),
    ("expression", "angry", ("angry",), ("smil", "sad", "turn ")),
    ("light", "left", ("left",), ("right", "above", "smil")),
    ("light", "sunset", ("sunset",), ("daylight", "forest", "left")),
    ("background", "beach", ("beach",), ("forest", "smil", "left")),
    ("background", "lilac", ("lilac",), ("beach", "smil", "left")),
    ("framing", "full", ("body",), ("smil", "left", "beach")),
    ("style", "black-and-white", ("black and white",), ("smil", "left", "beach")),
]


def said(before: Seen, after: Seen, brief: bool, tries: int = 30) -> list[str]:
    return [instruction(before, after, random.Random(k), brief).lower() for k in range(tries)]


@pytest.mark.parametrize("brief", [True, False])
@pytest.mark.parametrize(("name", "value", "there", "absent"), CHANGES)
def test_an_instruction_says_what_differs_and_nothing_else(name, value, there, absent, brief):
    for text in said(SOURCE, replace(SOURCE, **{name: value}), brief):
        wish = text.split("keep the same")[0]
        assert any(word in wish for word in there) or (name == "framing" and "feet" in wish), text
        assert not any(word in wish for word in absent), text


def test_the_light_is_called_neutral_and_is_not_the_face():
    after = replace(SOURCE, light="neutral", expression="smiling")
    before = replace(after, light="left")
    for text in said(before, after, brief=False):
        assert "light" in text.split("keep")[0]
        assert "mouth" not in text


def test_two_differences_are_both_told():
    after = replace(SOURCE, yaw=45.0, expression="sad")
    for text in said(SOURCE, after, brief=False):
        assert "right" in text
        assert "sad" in text


def test_a_slight_turn_is_the_surveys_and_a_wide_one_turns_from_where_the_source_looks():
    texts = said(SOURCE, replace(SOURCE, yaw=-21.0), brief=False)
    assert set(texts) == {
        e.prompt.lower() for a in shipped().survey_prompts for e in a.edits if e.value == "slightly-left"
    }
    for text in said(replace(SOURCE, yaw=-45.0), replace(SOURCE, yaw=90.0), brief=False):
        assert "135 degrees to the left" in text


def test_nothing_to_do_is_nothing_to_say():
    assert differences(SOURCE, replace(SOURCE, yaw=3.0)) == []
    assert instruction(SOURCE, SOURCE, random.Random(1), brief=False) == EMPTY


def all_instructions() -> set[str]:
    views = [SOURCE]
    views += [replace(SOURCE, yaw=yaw) for yaw in (*YAWS.values(), -22.0, 22.0)]
    views += [replace(SOURCE, expression=word) for word in EXPRESSIONS]
    views += [replace(SOURCE, light=word) for word in LIGHTS] + [replace(SOURCE, background=b) for b in BACKGROUNDS]
    views += [replace(SOURCE, framing=word) for word in ("bust", "full")] + [replace(SOURCE, style="film")]
    rng = random.Random(2)
    return {instruction(a, b, rng, brief) for brief in (True, False) for a in views for b in views for _ in range(3)}


def test_the_studios_own_words_are_what_it_learns():
    learnt = all_instructions()
    for axis in offered(shipped().axes, MINI):
        for edit in axis.edits:
            if (axis.name, edit.value) in {("style", "photo"), ("style", "black-and-white")}:
                continue  # of another source than the one above
            assert any(prompt_for(edit, angle) in learnt for angle in ("front", "half-left", "half-right")), edit.value


def test_few_tokens_for_what_the_studio_says():
    tokenizer = tokenizers.qwen()
    angles = ("front", "half-left", "half-right", "profile-left", "profile-right")
    edits = {prompt_for(e, angle) for a in offered(shipped().axes, MINI) for e in a.edits for angle in angles}
    survey = {e.prompt for a in shipped().survey_prompts for e in a.edits}
    special = {p for entry in shipped().catalogue if entry.shipped for p in entry.prompts}
    assert max(len(tokenizer.tokenize(text)) for text in edits | survey | all_instructions()) <= 52
    assert max(len(tokenizer.tokenize(text)) for text in special) <= 45
    for word in (*EXPRESSIONS, *BACKGROUNDS, "lighting", "profile", "expression"):
        assert len(tokenizer.tokenize(f" {word}")) == 1, word


def test_the_tokenizer_is_the_same_every_time_and_fits_the_pipelines_template():
    one, other = tokenizers.qwen(), tokenizers.qwen()
    assert one.get_vocab() == other.get_vocab()
    # The shipped weights know these numbers: other words for the corpus need another training.
    assert [one.convert_tokens_to_ids(word) for word in ("Ġthe", "Ġforest", "<|image_pad|>")] == KNOWN
    assert len(one(tokenizers.edit_template())["input_ids"]) == 64
    text = "Turn the head 30° — ein Gedicht 镜"
    assert one.decode(one(text)["input_ids"]) == text
