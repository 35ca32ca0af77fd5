"""Everything that is given is found, or named with a reason: folders, links, captions beside pictures."""

import json
import os
from pathlib import Path

import pytest

from pipelines.storage import sidecars
from pipelines.storage.given import look_through
from pipelines.storage.sidecars import sort


def put(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode("utf-8", "surrogateescape"))


def test_a_folder_is_looked_through_to_the_bottom(tmp_path: Path) -> None:
    put(tmp_path, "b.HEIC", "a.png", "notes.docx", "sub/deeper/c.jfif", ".hidden.png", ".git/x.png", "Thumbs.db")
    found = look_through([tmp_path])
    assert [name for name, _ in found.files] == ["a.png", "b.HEIC", "notes.docx", "sub/deeper/c.jfif"]
    assert found.folders == ["sub", "sub/deeper"] and found.refused == []


def test_links_are_handled_safely(tmp_path: Path) -> None:
    put(tmp_path, "in/a.png", "elsewhere/b.png")
    folder = tmp_path / "in"
    (folder / "circle").symlink_to(folder)
    (folder / "away").symlink_to(tmp_path / "elsewhere")
    (folder / "file").symlink_to(tmp_path / "elsewhere/b.png")
    (folder / "nowhere").symlink_to(tmp_path / "gone")
    (folder / "same").symlink_to(folder / "a.png")
    os.mkfifo(folder / "pipe")
    found = look_through([folder, folder / "a.png"])
    assert [name for name, _ in found.files] == ["a.png", "file"]
    told = dict(found.refused)
    assert set(told) == {"circle", "away", "nowhere", "pipe"}
    assert "link to a folder" in told["circle"] and "leads nowhere" in told["nowhere"] and "pipe" in told["pipe"]


def test_a_missing_file_is_named_and_stops_nothing(tmp_path: Path) -> None:
    put(tmp_path, "a.png")
    found = look_through([tmp_path / "none.png", tmp_path / "a.png", tmp_path / "a.png/x", Path("y" * 300)])
    assert [name for name, _ in found.files] == ["a.png"]
    assert [name for name, _ in found.refused] == ["none.png", "x", "y" * 300]


TEXT = "ohwx_char, café, 赤いドレス"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_caption_comes_in_in_any_encoding(encoding: str) -> None:
    found = sort([("a.png", b"pixels"), ("a.txt", f"{TEXT}\r\n".encode(encoding))])
    assert [(n, c) for n, _, c in found.pictures] == [("a.png", TEXT)] and found.refused == []


def test_older_encodings_are_guessed_and_that_is_told() -> None:
    found = sort([("a.png", b""), ("a.txt", "élan, café noir".encode("cp1252")), ("b.png", b""),
                  ("b.txt", "赤いドレスの女".encode("cp932"))])  # fmt: skip
    assert [c for _, _, c in found.pictures] == ["élan, café noir", "赤いドレスの女"]
    assert dict(found.notes) == {"a.txt": "read as Windows-1252", "b.txt": "read as Shift-JIS"}


def test_every_kind_of_caption_file_finds_its_picture() -> None:
    lines = "\n".join(json.dumps(row) for row in (
        {"file_name": "c.png", "text": "see"}, {"image_path": "C:\\\\train\\\\d.png", "caption": "dee"},
    ))  # fmt: skip
    files = [(f"{letter}.png", b"") for letter in "abcdefghi"]
    files += [
        ("A.TXT", b"ay"), ("b.caption", b"bee"), ("metadata.jsonl", lines.encode()),
        ("meta_cap.json", json.dumps({"/data/e.png": {"caption": "ee"}, "f": {"tags": "eff, two"}}).encode()),
        ("g.json", b'{"caption": "gee"}'), ("metadata.csv", b"file_name,text\nh.png,\"aitch, one\"\nz.png,zed\n"),
        ("i.png.txt", b"eye"),
    ]  # fmt: skip
    found = sort(files)
    said = {name: caption for name, _, caption in found.pictures}
    assert said == {"a.png": "ay", "b.png": "bee", "c.png": "see", "d.png": "dee", "e.png": "ee", "f.png": "eff, two",
                    "g.png": "gee", "h.png": "aitch, one", "i.png": "eye"}  # fmt: skip
    assert found.refused == [] and dict(found.notes) == {
        "metadata.csv": "1 of its 2 captions are of pictures that did not come"
    }


def test_captions_that_cannot_be_used_are_named_with_the_reason() -> None:
    files = [
        ("a.png", b""), ("a.txt", b"\x00\x01\x02binary"), ("README.txt", b"hello"), ("bad.jsonl", b"{"),
        ("x.json", b"[]"),
        ("b.png", b""), ("b.txt", b"one"), ("b.caption", b"two"), ("long.png", b""),
        ("long.txt", b"x" * (sidecars.LONGEST + 1)), ("others.csv", b"file_name,text\nnobody.png,x\n"),
    ]  # fmt: skip
    found = sort(files)
    assert [(name, caption) for name, _, caption in found.pictures] == [
        ("a.png", ""),
        ("b.png", "one"),
        ("long.png", ""),
    ]
    assert {name for name, _ in found.refused} == {
        "a.txt", "README.txt", "bad.jsonl", "x.json", "b.caption", "long.txt", "others.csv"
    }  # fmt: skip
    assert all(reason for _, reason in found.refused)


def test_folders_keep_captions_of_the_same_name_apart() -> None:
    files = [("one/a.png", b""), ("two/a.png", b""), ("one/a.txt", b"first"), ("two/metadata.jsonl",
             b'{"file_name": "a.png", "text": "second"}')]  # fmt: skip
    assert [c for _, _, c in sort(files).pictures] == ["first", "second"]


def test_a_trainers_settings_say_where_captions_are() -> None:
    told = b'[general]\ncaption_extension = ".Capt"\n[[datasets]]\n[[datasets.subsets]]\nclass_tokens = "ana person"\n'
    found = sort(
        [("a.png", b""), ("a.capt", b"ay"), ("b.png", b""), ("kohya.toml", told), ("c.png", b""), ("c.txt", b"see")]
    )
    assert [(n, c) for n, _, c in found.pictures] == [("a.png", "ay"), ("b.png", "ana person"), ("c.png", "see")]
    assert found.refused == []
    two = b'[[datasets]]\n[[datasets.subsets]]\nimage_dir = "C:\\\\data\\\\one"\nclass_tokens = "first"\n'
    two += b'[[datasets.subsets]]\nimage_dir = "/data/two"\nclass_tokens = "second"\n'
    found = sort(
        [("one/a.png", b""), ("two/a.png", b""), ("three/a.png", b""), ("d.toml", two.replace(b"\\\\\\\\", b"/"))]
    )
    assert [c for _, _, c in found.pictures] == ["first", "second", ""]


def test_settings_that_are_none_are_named_with_the_reason() -> None:
    found = sort([("a.png", b""), ("x.toml", b"= ="), ("y.toml", b"[tool]\nx = 1\n"), ("z.toml", b"datasets = 3")])
    assert [n for n, _ in found.refused] == ["x.toml", "y.toml", "z.toml"] and all(why for _, why in found.refused)


def test_captions_are_kept_letter_for_letter_beside_what_is_worked_with() -> None:
    came = "  cafe\u0301,\r\nnoir \n"
    found = sort([("a.png", b""), ("a.txt", came.encode()), ("b.png", b""), ("b.txt", b" \n"), ("b.caption", b"bee ")])
    assert found.came == {"a.png": came, "b.png": "bee "}
    assert [c for _, _, c in found.pictures] == ["café,\nnoir", "bee"]
