"""Captions edited together, as texts, and what is said of a set of them."""

import pytest

from pipelines.planning.caption_edits import CaptionChange, changed, lint
from pipelines.storage.presets import shipped

ADA = "ohwx_char person in a garden, Red Dress, smiling"


@pytest.mark.parametrize(
    ("change", "after"),
    [
        ({"find": "Red", "replace": "blue"}, "ohwx_char person in a garden, blue Dress, smiling"),
        ({"find": ", smiling"}, "ohwx_char person in a garden, Red Dress"),
        ({"find": "Red Dress"}, "ohwx_char person in a garden, smiling"),
        ({"find": "café"}, ADA),
        ({"remove": "red dress"}, "ohwx_char person in a garden, smiling"),
        ({"remove": "in a garden, SMILING"}, "ohwx_char person, Red Dress"),
        ({"remove": "dress"}, "ohwx_char person in a garden, Red, smiling"),
        ({"remove": "garde"}, ADA),
        ({"add": "smiling, film grain"}, f"{ADA}, film grain"),
        ({"add": "photo", "front": True}, f"photo, {ADA}"),
        ({"add": " , "}, ADA),
        (
            {"find": "garden", "replace": "park", "remove": "smiling", "add": "sad"},
            "ohwx_char person in a park, Red Dress, sad",
        ),
    ],
)
def test_what_a_change_makes_of_a_caption(change: dict, after: str) -> None:
    assert changed(ADA, CaptionChange(**change)) == after


def test_a_caption_that_is_not_meant_stays_letter_for_letter() -> None:
    odd = "  two  spaces,,and\na line ,"
    assert changed(odd, CaptionChange(find="nothing", remove="none", add="and\na line")) == odd
    assert changed("cafe\u0301", CaptionChange(find="café", replace="bar")) == "bar"


def said(captions: dict[str, str], most: int = 512) -> dict[str, list[str]]:
    return lint(captions, "ohwx_char", "ohwx_char person", shipped().factors, lambda text: len(text.split()), most)


def test_the_lint_says_what_is_doubtful() -> None:
    found = said({
        "a": "ohwx_char person with green eyes, smiling, film grain",
        "b": "a photo of somebody, film grain",
        "c": "Ohwx_char  person, film grain", "d": "ohwx_char  person, FILM grain",
        "e": "ohwx_char person, eyes closed, film grain",
    }, most=6)  # fmt: skip
    assert found["a"] == [
        "names what belongs to the character: with green eyes",
        "8 tokens: the model reads the first 6",
    ]
    assert found["b"] == ["no ohwx_char: the trigger word is missing"]
    assert found["d"] == ["the same caption as 1 other picture"] and found["c"][-1] == found["d"][0]
    assert found["e"] == []
    assert found[""] == [
        f"{word!r} is in every caption: what never varies need not be named" for word in ("film", "grain")
    ]


def test_few_captions_have_nothing_in_common() -> None:
    assert said({"a": "ohwx_char person, x", "b": "ohwx_char person, x y"})[""] == []
    assert said({}) == {"": []}
