"""Backups as somebody with bad intentions would write them: each right but for one thing."""

import hashlib
import json
import stat
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipelines.storage.backup import MANIFEST
from pipelines.storage.snapshot import encode_snapshot

PICTURE = "characters/ada/a.png"
Entry = tuple[zipfile.ZipInfo, bytes]


@dataclass(frozen=True)
class Forged:
    """A backup with one fault: further ``files``, a changed manifest, changed entries. ``why`` is what is to be said
    of it."""

    name: str
    why: str
    files: dict[str, bytes] = field(default_factory=dict)
    manifest: Callable[[dict[str, Any]], Any] = lambda manifest: manifest
    entries: Callable[[list[Entry]], list[Entry]] = lambda entries: entries


def forge(path: Path, case: Forged) -> None:
    """Write it."""
    content = {"flenwheel.json": b"".join(encode_snapshot({}, 0)), PICTURE: b"picture", **case.files}
    named = [{"path": n, "size": len(d), "sha256": hashlib.sha256(d).hexdigest()} for n, d in content.items()]
    manifest = {"program": "FLENwheel", "format": 1, "version": "0", "workspace": "w", "files": named}
    said = json.dumps(case.manifest(manifest)).encode()
    entries = [(zipfile.ZipInfo(name), data) for name, data in [*content.items(), (MANIFEST, said)]]
    with zipfile.ZipFile(path, "w") as archive:
        for info, data in case.entries(entries):
            archive.writestr(info, data, compress_type=info.compress_type)


def hostile() -> list[Forged]:
    """The cases."""
    paths = [
        "../evil.png", "characters/../../evil.png", "/tmp/evil.png", "characters//a.png", "characters/./b.png",
        "C:/evil.png", "characters/C:evil.png", "characters\\evil.png", "characters/nul", "characters/COM1.png",
        "characters/a.", "characters/b ", "characters/a\nb.png", "characters/" + "x" * 300, "characters/a|b",
        "flenwheel.lock", "models/base/weights.safetensors", "cache/x", "characters", "logs/worker.log", "evil.py",
    ]  # fmt: skip
    named = [Forged(f"path {path[:30]!a}", "refused|folder|holds", files={path: b"evil"}) for path in paths]
    return [*named, *_entries(), *_manifests()]


def _entries() -> list[Forged]:
    def with_picture(change: Callable[[zipfile.ZipInfo], None]) -> Callable[[list[Entry]], list[Entry]]:
        def changed(entries: list[Entry]) -> list[Entry]:
            for info, _ in entries:
                if info.filename == PICTURE:
                    change(info)
            return entries

        return changed

    def link(info: zipfile.ZipInfo) -> None:
        info.external_attr = (stat.S_IFLNK | 0o777) << 16

    def device(info: zipfile.ZipInfo) -> None:
        info.external_attr = (stat.S_IFCHR | 0o666) << 16

    def packed(info: zipfile.ZipInfo) -> None:
        info.compress_type = zipfile.ZIP_DEFLATED

    bomb = b"\0" * 2**24
    return [
        Forged("link", "link", entries=with_picture(link)),
        Forged("device", "device", entries=with_picture(device)),
        Forged("compressed", "compressed", entries=with_picture(packed)),
        Forged("bomb", "compressed", files={"characters/ada/bomb": bomb}, entries=lambda entries: [
            (_packed(info) if info.filename.endswith("bomb") else info, data) for info, data in entries
        ]),
        Forged("nul", "hidden end|not what its manifest", entries=with_picture(_hide)),
        Forged("twice", "twice", entries=lambda entries: [*entries, (zipfile.ZipInfo(PICTURE), b"other")]),
        Forged("one more", "not what its manifest", entries=lambda e: [*e, (zipfile.ZipInfo("loras/x"), b"x")]),
        Forged("one less", "not what its manifest", entries=lambda e: [x for x in e if x[0].filename != PICTURE]),
        Forged("other content", "damaged", entries=lambda entries: [
            (info, b"PICTURE" if info.filename == PICTURE else data) for info, data in entries
        ]),
        Forged("no manifest", "no backup of FLENwheel", entries=lambda entries: entries[:-1]),
        Forged("a folder", "folder", entries=lambda entries: [*entries, (zipfile.ZipInfo("characters/x/"), b"")]),
        Forged("file and folder", "file and", files={"characters/ada": b"x"}),
        Forged("letters' case", "one file on some systems", files={"characters/ada/A.png": b"x"}),
        Forged("accents", "one file on some systems", files={"characters/\u00e9": b"x", "characters/e\u0301": b"x"}),
    ]  # fmt: skip


def _packed(info: zipfile.ZipInfo) -> zipfile.ZipInfo:
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


def _hide(info: zipfile.ZipInfo) -> None:
    info.filename = PICTURE + "\0.txt"


def _manifests() -> list[Forged]:
    def of_picture(**changes: Any) -> Callable[[dict[str, Any]], Any]:
        return lambda m: m | {"files": [f | (changes if f["path"] == PICTURE else {}) for f in m["files"]]}

    return [
        Forged("smaller than it is", "not what its manifest", manifest=of_picture(size=3)),
        Forged("larger than it is", "not what its manifest", manifest=of_picture(size=2**60)),
        Forged("negative", "manifest", manifest=of_picture(size=-7)),
        Forged("wrong hash", "damaged", manifest=of_picture(sha256="0" * 64)),
        Forged("no hash", "manifest", manifest=of_picture(sha256="")),
        Forged("foreign program", "manifest", manifest=lambda m: m | {"program": "Other"}),
        Forged("newer", "newer FLENwheel", manifest=lambda m: m | {"format": 2}),
        Forged("more fields", "manifest", manifest=lambda m: m | {"run": "me"}),
        Forged("no object", "manifest", manifest=lambda m: [m]),
        Forged("named twice", "twice", manifest=lambda m: m | {"files": [*m["files"], m["files"][0]]}),
        Forged("damaged records", "damaged", files={"flenwheel.json": b'{"half'}),
        Forged("no records", "no records", manifest=lambda m: m | {"files": [m["files"][1]]},
               entries=lambda entries: [e for e in entries if e[0].filename != "flenwheel.json"]),
    ]  # fmt: skip
