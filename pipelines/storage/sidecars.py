"""Captions that lie beside pictures, as other trainers keep them: a text of the same name (``.txt``, ``.caption``,
``.json``), or one file for all (``metadata.jsonl`` of Hugging Face and musubi-tuner, ``metadata.csv``, kohya's
``meta_cap.json``). In whatever encoding they were written. The ``.toml`` of a trainer says which other ending captions
have (``caption_extension``), and what stands for one where there is none (kohya's ``class_tokens``).
"""

import csv
import io
import json
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from pipelines.domain.faults import in_words
from pipelines.domain.spelling import composed

BESIDE = (".txt", ".caption", ".json")
"""Endings of a caption of one picture; the first that there is counts."""
FOR_ALL = (".jsonl", ".csv", ".json")
SETTINGS = ".toml"
LONGEST = 10_000
"""Characters of a caption; more is no caption but something else."""
MAX_BYTES = 64 * 2**20
SINGLE = 2
"""Tables of a dataset with one subset: what it says is said of all pictures."""
_FILE = ("file_name", "image_path", "image", "path", "file", "img")
_CAPTION = ("caption", "text", "prompt", "tags")

File = tuple[str, bytes | Path]


class NoCaption(ValueError):
    """A file that holds no caption; the message says why."""


@dataclass
class Sorted:
    """``pictures``: files that are to be looked at, each with its caption (empty: none came with it); ``came`` the same
    captions letter for letter, by picture; ``refused`` names with reasons; ``notes`` names with what is worth knowing.
    """

    pictures: list[tuple[str, bytes | Path, str]] = field(default_factory=list)
    came: dict[str, str] = field(default_factory=dict)
    refused: list[tuple[str, str]] = field(default_factory=list)
    notes: list[tuple[str, str]] = field(default_factory=list)


def sort(files: Iterable[File]) -> Sorted:
    """Tell captions from pictures by their names, and give each picture its own. A caption whose picture did not come
    is refused; so is one that cannot be read, and its picture comes without it."""
    found = Sorted()
    files, told = _settings_first(list(files), found)
    beside = (*told.endings, *BESIDE)
    pictures = [file for file in files if _ending(file[0]) not in {*beside, *FOR_ALL}]
    texts = [file for file in files if _ending(file[0]) in {*beside, *FOR_ALL}]
    captions = {name: "" for name, _ in pictures}
    owners: dict[str, list[str]] = {}
    for name in captions:
        for key in {_key(name), _key(name, whole=True)}:
            owners.setdefault(key, []).append(name)
    left = []
    for name, data in sorted(texts, key=lambda file: _rank(file[0], beside)):
        if _ending(name) in beside and _key(name) in owners:
            _beside(name, data, owners[_key(name)], captions, found)
        else:
            left.append((name, data))
    for name, data in left:
        _for_all(name, data, captions, found)
    for name in captions:
        captions[name] = captions[name] or told.tokens_for(name)
    found.came = {name: words for name, words in captions.items() if words}
    found.pictures = [(name, data, plain(captions[name])) for name, data in pictures]
    return found


def plain(caption: str) -> str:
    """A caption as it is worked with: one spelling, one kind of line end, no space around it."""
    return composed(caption.replace("\r\n", "\n").strip())


def _rank(name: str, beside: tuple[str, ...]) -> int:
    return beside.index(_ending(name)) if _ending(name) in beside else len(beside)


# ---- what a trainer's settings say


@dataclass
class _Settings:
    """Endings of captions that trainers were told of, and class tokens by the folder of their pictures ("": all)."""

    endings: tuple[str, ...] = ()
    tokens: dict[str, str] = field(default_factory=dict)

    def tokens_for(self, picture: str) -> str:
        """What stands for the caption of a picture without one."""
        folder = PurePosixPath(picture).parent.name
        return self.tokens.get(folder, self.tokens.get("", ""))


def _settings_first(files: list[File], found: Sorted) -> tuple[list[File], _Settings]:
    """The files that are no settings, and what the settings say of them."""
    told, rest = _Settings(), list[File]()
    for name, data in files:
        if _ending(name) != SETTINGS:
            rest.append((name, data))
            continue
        try:
            _read_settings(_decoded(_bytes(data))[0], told)
        except NoCaption as error:
            found.refused.append((name, str(error)))
    return rest, told


def _read_settings(text: str, told: _Settings) -> None:
    """kohya: ``[general]``, ``[[datasets]]``, ``[[datasets.subsets]]``; musubi: the same without subsets. Raises
    NoCaption."""
    try:
        whole = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise NoCaption(f"it is no TOML ({error})") from error
    datasets = whole.get("datasets")
    if not isinstance(datasets, list) or not all(isinstance(d, dict) for d in datasets):
        raise NoCaption("it describes no dataset of a trainer ([[datasets]])")
    parts = [part for d in datasets for part in (d, *(s for s in d.get("subsets", ()) if isinstance(s, dict)))]
    for part in [whole.get("general", {}), *parts]:
        ending, tokens = part.get("caption_extension"), part.get("class_tokens")
        if isinstance(ending, str) and ending.startswith(".") and ending.lower() not in told.endings:
            told.endings += (ending.lower(),)
        if isinstance(tokens, str) and tokens:
            folder = part.get("image_dir", part.get("image_directory", ""))
            told.tokens.setdefault(PureWindowsPath(str(folder)).name if len(parts) > SINGLE else "", tokens)


def _beside(name: str, data: bytes | Path, owners: list[str], captions: dict[str, str], found: Sorted) -> None:
    """A file that is the caption of one picture (or of several of one name)."""
    try:
        caption, told = _caption_in(data, _ending(name))
    except NoCaption as error:
        found.refused.append((name, str(error)))
        return
    for picture in owners:
        if captions[picture] and plain(captions[picture]) != plain(caption):
            found.refused.append((name, f"{picture} has another caption beside it, which was taken"))
        else:
            captions[picture] = caption if plain(caption) else ""
    if told:
        found.notes.append((name, told))


def _for_all(name: str, data: bytes | Path, captions: dict[str, str], found: Sorted) -> None:
    """A file that holds the captions of many pictures. One that lies beside a picture goes first."""
    if _ending(name) not in FOR_ALL:
        found.refused.append((name, "no picture of that name came with this text"))
        return
    try:
        text, guessed = _decoded(_bytes(data))
        rows = list(_entries(text, _ending(name)))
    except NoCaption as error:
        found.refused.append((name, str(error)))
        return
    said = {key: (n, caption) for n, (keys, caption) in enumerate(rows) for key in keys}
    folder, used = name.rpartition("/")[0], set[int]()
    for picture in captions:
        for key in _keys_of(picture, folder):
            if key in said:
                used.add(said[key][0])
                captions[picture] = captions[picture] or said[key][1]
                break
    if not used:
        found.refused.append((name, "it names none of the pictures that came with it"))
    elif len(used) < len(rows):
        lost = len(rows) - len(used)
        found.notes.append((name, f"{lost} of its {len(rows)} captions are of pictures that did not come"))
    if guessed:
        found.notes.append((name, guessed))


def _keys_of(picture: str, folder: str) -> tuple[str, ...]:
    inside = picture.removeprefix(f"{folder}/") if folder else picture
    last = PurePosixPath(inside).name
    return _key(inside, whole=True), _key(last, whole=True), _key(inside), _key(last)


def _key(name: str, *, whole: bool = False) -> str:
    """A name to compare by: without ending unless ``whole``, however it was typed."""
    path = composed(name).casefold()
    return path if whole else str(PurePosixPath(path).with_suffix("")) if PurePosixPath(path).name else path


def _ending(name: str) -> str:
    return PurePosixPath(name).suffix.lower()


# ---- what a file says


def _bytes(data: bytes | Path) -> bytes:
    try:
        size = data.stat().st_size if isinstance(data, Path) else len(data)
        if size > MAX_BYTES:
            raise NoCaption(f"{size / 2**20:.0f} MiB is too much for captions")
        return data.read_bytes() if isinstance(data, Path) else data
    except OSError as error:
        raise NoCaption(in_words(error)) from error


def _caption_in(data: bytes | Path, ending: str) -> tuple[str, str]:
    """``(caption, what had to be guessed)``. Raises NoCaption."""
    text, told = _decoded(_bytes(data))
    if ending == ".json":
        entry = _json(text)
        caption = _of_entry(entry) if isinstance(entry, dict) else None
        if caption is None:
            raise NoCaption("it holds no caption")
        return _checked(caption), told
    return _checked(text), told


def _checked(caption: str) -> str:
    if len(caption) > LONGEST:
        raise NoCaption(f"a caption of {len(caption)} characters is no caption: at most {LONGEST}")
    return caption


def _entries(text: str, ending: str) -> Iterator[tuple[tuple[str, str], str]]:
    """``((name of a picture, without folders), caption)``, names to compare by. Raises NoCaption."""
    if ending == ".csv":
        rows: list[Any] = list(csv.DictReader(io.StringIO(text)))
    elif ending == ".jsonl":
        rows = [_json(line) for line in text.splitlines() if line.strip()]
    else:
        whole = _json(text)
        rows = whole if isinstance(whole, list) else [_named(*pair) for pair in _pairs(whole)]
    known = [(_file_of(row), _of_entry(row)) for row in rows if isinstance(row, dict)]
    told = [(PureWindowsPath(name), caption) for name, caption in known if name and caption is not None]
    if not told:
        raise NoCaption("it holds no captions of pictures")
    for path, caption in told:
        yield (_key(path.as_posix(), whole=True), _key(path.name, whole=True)), _checked(caption)


def _pairs(whole: Any) -> Iterable[tuple[str, Any]]:
    return whole.items() if isinstance(whole, dict) else ()


def _named(name: str, entry: Any) -> dict[str, Any]:
    return {"file_name": name, **(entry if isinstance(entry, dict) else {"caption": entry})}


def _file_of(row: dict[str, Any]) -> str:
    return next((row[key] for key in _FILE if isinstance(row.get(key), str)), "")


def _of_entry(row: dict[str, Any]) -> str | None:
    found = next((row[key] for key in _CAPTION if row.get(key)), None)
    if isinstance(found, list):
        found = ", ".join(map(str, found))
    return found if isinstance(found, str) else None


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise NoCaption(f"it is no JSON ({error})") from error


# ---- encodings


def _decoded(data: bytes) -> tuple[str, str]:
    """``(text, what had to be guessed)``: by its mark, else UTF-8, else UTF-16 without a mark, else Shift-JIS where it
    gives Japanese, else Windows-1252. Raises NoCaption for what is no text."""
    for mark, encoding in (
        (b"\xef\xbb\xbf", "utf-8-sig"),
        (b"\xff\xfe\0\0", "utf-32"),
        (b"\0\0\xfe\xff", "utf-32"),
        (b"\xff\xfe", "utf-16"),
        (b"\xfe\xff", "utf-16"),
    ):
        if data.startswith(mark):
            return _text(data, encoding), ""
    zeros = data.count(b"\0")
    if zeros and zeros >= len(data) // 3:
        order = "utf-16-le" if data[1::2].count(b"\0") >= data[::2].count(b"\0") else "utf-16-be"
        return _text(data, order), "read as UTF-16"
    try:
        return _plain(data.decode("utf-8")), ""
    except UnicodeDecodeError:
        return _guessed(data)


def _guessed(data: bytes) -> tuple[str, str]:
    try:
        japanese = data.decode("cp932")
    except UnicodeDecodeError:
        japanese = ""
    kana = sum("\u3040" <= c <= "\u30ff" for c in japanese)
    wide = sum(c > "\u2fff" for c in japanese)
    if kana or (wide and sum(b > 127 for b in data) > 0.4 * len(data)):
        return _plain(japanese), "read as Shift-JIS"
    return _plain(data.decode("cp1252", "replace")), "read as Windows-1252"


def _text(data: bytes, encoding: str) -> str:
    try:
        return _plain(data.decode(encoding))
    except UnicodeDecodeError as error:
        raise NoCaption(f"it could not be read as {encoding.upper()} ({error.reason})") from error


def _plain(text: str) -> str:
    if any(c < " " and c not in "\r\n\t" for c in text):
        raise NoCaption("it is no text")
    return text
