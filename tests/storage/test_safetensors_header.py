"""The header as the format's own library reads it; and what a file is that is none."""

import json
import struct
import zipfile
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from pipelines.storage.safetensors_header import BITS, FLOATS, NotSafetensors, numbers, read_header


def written(path: Path, header: Any, data: bytes = b"") -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path


def entry(first: int, last: int, **other: Any) -> dict[str, Any]:
    return {"dtype": "F16", "shape": [(last - first) // 2], "data_offsets": [first, last], **other}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:abc\nsize 5\n", "git-lfs pointer"),
        (b"<!DOCTYPE html><html><body>Sign in</body></html>", "web page"),
        (b"\n\n  <html>gone</html>" + b" " * 20, "web page"),
        (b'{"error":"Repository not found"}', "JSON text"),
        (b"GGUF\3\0\0\0" + b"\0" * 20, "GGUF"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 20, "PNG picture"),
        (b"\xff\xd8\xff\xe0" + b"\0" * 20, "JPEG picture"),
        (b"RIFF\0\0\0\0WEBP" + b"\0" * 20, "picture"),
        (b"\x1f\x8b\x08" + b"\0" * 20, "gzip"),
        (b"7z\xbc\xaf\x27\x1c" + b"\0" * 20, "7-Zip"),
        (b"\x80\2}q\0." + b"\0" * 20, "pickle"),
        (struct.pack("<Q", 2**60) + b"{}" + b" " * 20, "claims a header of"),
        (struct.pack("<Q", 5000) + b'{"a":', "cut off within its header"),
        (b"\0" * 64, "does not begin as one"),
        (b"short", "empty or cut off"),
    ],
)
def test_what_a_file_is_instead_is_told(tmp_path: Path, data: bytes, words: str) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(data)
    with pytest.raises(NotSafetensors, match=words):
        read_header(path)


def test_a_zip_is_a_pickle_only_when_torch_made_it(tmp_path: Path) -> None:
    for name, words in (("archive/data.pkl", "pickle"), ("lora.safetensors", "zip archive")):
        with zipfile.ZipFile(tmp_path / "a.safetensors", "w") as archive:
            archive.writestr(name, b"x" * 64)
        with pytest.raises(NotSafetensors, match=words):
            read_header(tmp_path / "a.safetensors")


@pytest.mark.parametrize(
    ("header", "data", "words"),
    [
        ({"a": entry(0, 4), "b": entry(2, 6)}, 6, "b overlaps"),
        ({"a": entry(0, 4), "b": entry(6, 8)}, 8, "b leaves a gap"),
        ({"a": entry(0, 4)}, 2, "cut off: 0.0 of 0.0 MiB"),
        ({"a": entry(0, 4)}, 9, "5 bytes follow"),
        ({"a": entry(0, 4, shape=[3])}, 4, "contradicts itself"),
        ({"a": entry(0, 4, shape=[True, 2])}, 4, "contradicts itself"),
        ({"a": entry(0, 4, shape=[-1, -2])}, 4, "contradicts itself"),
        ({"a": entry(0, 4, shape=[2.0])}, 4, "contradicts itself"),
        ({"a": entry(0, 4, dtype="F12")}, 4, "type 'F12'"),
        ({"a": {"dtype": "F16", "shape": [2]}}, 4, "not complete"),
        ({"a": 7}, 4, "not complete"),
        ({"__metadata__": {"a": 1}}, 0, "text by name"),
        ({"__metadata__": ["a"]}, 0, "text by name"),
        (b'{"a": {"dtype": "F16", "shape": [NaN], "data_offsets": [0, 2]}}', 2, "NaN is no number"),
        (b'{"a": {}, "a": {}}', 0, "names a twice"),
        (b'{"a": {"dtype": "F16", "shape": [1], "data_offsets": [0, 2], "shape": [1]}}', 2, "names shape twice"),
        (b"{" * 4000, 0, "header is broken"),
        (b'{"\xff": 1}', 0, "header is broken"),
    ],
)
def test_a_broken_header_is_refused_with_its_own_reason(tmp_path: Path, header: Any, data: int, words: str) -> None:
    with pytest.raises(NotSafetensors, match=words):
        read_header(written(tmp_path / "a.safetensors", header, b"\0" * data))


@pytest.mark.parametrize(
    "dtype", [torch.float8_e4m3fn, torch.float8_e5m2, torch.bfloat16, torch.float16, torch.float32]
)
def test_numbers_are_read_as_torch_reads_them(tmp_path: Path, dtype: torch.dtype) -> None:
    if dtype.itemsize == 1:
        tensor = torch.arange(256, dtype=torch.uint8).view(dtype)
    else:
        tensor = torch.cat([torch.randn(200), torch.tensor([0.0, -0.0, float("nan"), float("inf")])]).to(dtype)
    save_file({"x": tensor}, tmp_path / "a.safetensors")
    header = read_header(tmp_path / "a.safetensors")
    assert header.tensors["x"].dtype in FLOATS
    np.testing.assert_array_equal(numbers(tmp_path / "a.safetensors", header, "x"), tensor.float().numpy())


def some_header(random: Random) -> dict[str, Any]:
    """A header that may be right, and mostly is not."""
    sides = (0, 1, 2, 3, 4, 8, -1, 2.0)
    return {
        name: {
            "dtype": random.choice(["F16", "BF16", "F1", *BITS]),
            "shape": [random.choice(sides) for _ in range(random.randrange(3))],
            "data_offsets": sorted(random.choice((0, 2, 4, 8)) for _ in range(random.choice((2, 2, 2, 1, 3)))),
        }
        for name in random.sample(["a", "b", "__metadata__"], random.randrange(3))
    }


def test_what_is_taken_here_is_taken_by_the_library(tmp_path: Path) -> None:
    """Headers of any kind, and true files with a byte changed or cut: a header or NotSafetensors, and nothing else."""
    random, path, taken = Random(0), tmp_path / "a.safetensors", 0
    save_file({"a": torch.zeros(2, 3), "b": torch.ones(4, dtype=torch.bfloat16)}, path, {"k": "v"})
    true = path.read_bytes()
    for n in range(2000):
        if n % 2:
            written(path, some_header(random), b"\0" * random.choice((0, 2, 4, 8)))
        else:
            whole = bytearray(true)
            whole[random.randrange(len(whole))] = random.randrange(256)
            path.write_bytes(whole[: random.choice([len(whole)] * 8 + [len(whole) - 1, 20])])
        try:
            found = read_header(path)
        except NotSafetensors:
            continue
        taken += 1
        with safe_open(path, framework="pt") as file:
            assert set(file.keys()) == set(found.tensors)
    assert 100 < taken < 1900
