"""Names and tokens are compared composed and by whole words, in every script."""

import unicodedata

import pytest

from pipelines.domain.spelling import is_word, same, says
from pipelines.storage.names import harmless, slug


@pytest.mark.parametrize(
    ("text", "word", "there"),
    [
        ("a photo of ana, smiling", "ana", True),
        ("ana", "ana", True),
        ("(ana)", "ana", True),
        ("a banana", "ana", False),
        ("banana ana", "ana", True),
        ("anas", "ana", False),
        ("ana-maria", "ana", False),
        ("maria-ana walks", "ana", False),
        ("- ana -", "ana", True),
        ("ana_2", "ana", False),
        ("Ana", "ana", False),
        ("sadder", "sad", False),
        ("a half-left view", "half-left view", True),
        ("a half-left view", "left view", False),
        ("ohwx_char person", "ohwx_char", True),
        (unicodedata.normalize("NFD", "photo of zoë"), "zoë", True),
        ("zoë", "zoe", False),
        (unicodedata.normalize("NFD", "zoë"), "zoe", False),
        ("मीरा", "मी", False),
        ("मीरा आई", "मीरा", True),
        ("น้ำ", "น", False),
        ("👩‍🎨 ana 👩‍🎨", "ana", True),
        ("anything", "", False),
    ],
)
def test_a_token_is_found_as_a_whole_word_only(text: str, word: str, there: bool) -> None:
    assert says(text, word) == there


@pytest.mark.parametrize(
    ("token", "fine"),
    [("ohwx_char", True), ("ana-2", True), ("मीरा", True), ("น้ำ", True), ("zoë", True), ("a", False), ("a b", False),
     ("<x>", False), ("-ab", False), ("x" * 41, False), ("a.b", False), ("👩‍🎨ab", False)],
)  # fmt: skip
def test_a_token_is_one_word_of_any_script(token: str, fine: bool) -> None:
    assert is_word(token, least=2) == fine


def test_the_same_name_typed_otherwise_is_the_same() -> None:
    assert same("Zoë", unicodedata.normalize("NFD", "Zoë")) and not same("Ana", "ana")


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("मीरा.png", "मीरा.png"),
        ("น้ำตก.jpg", "น้ำตก.jpg"),
        (unicodedata.normalize("NFD", "Zoë.png"), "Zoë.png"),
        ("👩‍🎨.png", "👩‍🎨.png"),
        ("نام\u200cها.png", "نام\u200cها.png"),
        ("a<b>\u202e.png", "a_b__.png"),
        ("caf\udce9.png", "caf_.png"),
        ("a. ", "a"),
    ],
)
def test_names_are_shown_whole_and_harmless(name: str, kept: str) -> None:
    assert harmless(name, "picture") == kept


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("Zoë", "Zoe"), (unicodedata.normalize("NFD", "Zoë"), "Zoe"), ("Łukasz Øre", "Lukasz-Ore"),
        ("Straße", "Strasse"),
        ("मीरा", "x"), ("👩‍🎨", "x"), ("CON", "CON_"), ("nul", "nul_"), ("com1", "com1_"), ("console", "console"),
        ("../..", "x"), ("a" * 200, "a" * 60), ("trailing. . ", "trailing"), ("Ⅷ ﬁ", "VIII-fi"),
    ],
)  # fmt: skip
def test_a_file_name_is_good_on_every_system(name: str, made: str) -> None:
    assert slug(name, "x") == made
