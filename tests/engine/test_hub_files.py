"""One file from the hub or an address: what may be written for it, and a download that loses nothing it has."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from file_server import Served, hub

from pipelines.domain.cancelled import Cancelled
from pipelines.engine.hub_files import Address, CannotFetch, Fetch, look_up, parse

BIG = b"".join(n.to_bytes(4, "little") for n in range(1_000_000))


@pytest.fixture
def served() -> Iterator[Served]:
    held = {"lab/angles/angles.safetensors": BIG, "lab/angles/README.md": b"words", "files/x.safetensors": BIG}
    with hub(held) as s:
        yield s


def fetched(address: Address, folder: Path, **how: object) -> Path:
    given = {"check": lambda path: None, "on_progress": lambda share, note: None, "cancelled": lambda: False, **how}
    return Fetch(look_up(address), folder, **given).run()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("said", "address"),
    [
        ("lab/angles", Address("lab/angles")),
        (" 'lab/angles' ", Address("lab/angles")),
        ("lab/angles/in/a.safetensors", Address("lab/angles", "in/a.safetensors")),
        ("lab/angles@v2/a.safetensors", Address("lab/angles", "a.safetensors", "v2")),
        ("{hub}/lab/angles", Address("lab/angles")),
        ("{hub}/lab/angles/tree/main", Address("lab/angles")),
        ("{hub}/lab/angles/blob/main/%E9%95%9C.safetensors", Address("lab/angles", "镜.safetensors")),
        ("{hub}/lab/angles/resolve/abc/a.safetensors?download=true", Address("lab/angles", "a.safetensors", "abc")),
        ("https://files.example/a.safetensors?token=1", Address(url="https://files.example/a.safetensors?token=1")),
    ],
)
def test_what_may_be_written(said: str, address: Address, served: Served) -> None:
    assert parse(said.format(hub=served.address)) == address


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("", "Say where"), ("/no/such/place", "on this machine"), ("~/a/b", "on this machine"),
        ("C:\\loras\\a.safetensors", "on this machine"), ("./a/b", "on this machine"),
        ("angles", "names no repository"), ("lab/../etc", "names no repository"),
        ("lab/a b", "names no repository"), ("ftp://files.example/a", "begins with https"), ("https://", "no address"),
        ("file:///etc/passwd", "begins with https"), ("https://me:secret@files.example/a", "password"),
        ("https://[::1/a", "no address"), ("https://a:99999999/b", "no address"),
        ("lab/angles/a.ckpt", "pickle"), ("https://files.example/a.pt", "pickle"),
    ],
)  # fmt: skip
def test_what_may_not(said: str, why: str) -> None:
    with pytest.raises(CannotFetch, match=why):
        parse(said)


def test_the_only_file_of_a_repository_is_taken_and_its_size_and_licence_told(served: Served, tmp_path: Path) -> None:
    there = look_up(Address("lab/angles"))
    assert (there.name, there.bytes, there.licence) == ("angles.safetensors", len(BIG), "mit")
    assert not [path for path, _ in served.asked if path.endswith("safetensors")]  # looking up loads nothing
    shares: list[float] = []
    path = fetched(Address("lab/angles"), tmp_path, on_progress=lambda share, note: shares.append(share))
    assert path.read_bytes() == BIG and shares == sorted(shares) and shares[-1] == 1
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_several_or_none_are_told(served: Served) -> None:
    with pytest.raises(CannotFetch, match=r"has no file b\.safetensors \(it has: angles\.safetensors\)"):
        look_up(Address("lab/angles", "b.safetensors"))
    served.files["lab/angles/more.safetensors"] = b""
    with pytest.raises(CannotFetch, match=r"has 2 files. Say which: lab/angles/angles.safetensors, lab/angles/more"):
        look_up(Address("lab/angles"))
    served.files["lab/old/pytorch_model.bin"] = b""
    with pytest.raises(CannotFetch, match="pickle"):
        look_up(Address("lab/old"))
    with pytest.raises(CannotFetch, match="no repository lab/nothing"):
        look_up(Address("lab/nothing"))
    served.status["lab/angles"] = 403
    with pytest.raises(CannotFetch, match="accept it on its page"):
        look_up(Address("lab/angles"))


def test_a_line_that_breaks_is_taken_up_where_it_broke(served: Served, tmp_path: Path) -> None:
    served.breaks = [1_000_000, 100_000, 0, 2_000_000]
    assert fetched(Address("lab/angles"), tmp_path).read_bytes() == BIG
    starts = [int(told.removeprefix("bytes=").rstrip("-") or 0) for path, told in served.asked if "angles" in path]
    assert len(starts) == 5 and starts[0] == 0 and starts == sorted(starts) and served.sent < len(BIG) + 2**20


@pytest.mark.slow(seconds=5)
def test_a_server_that_never_answers_whole_is_told_and_what_came_stays(served: Served, tmp_path: Path) -> None:
    served.breaks = [1_000_000] + [0] * 50
    with pytest.raises(CannotFetch, match="What has arrived stays"):
        fetched(Address("lab/angles"), tmp_path)
    served.breaks, served.sent = [], 0
    assert fetched(Address("lab/angles"), tmp_path).read_bytes() == BIG
    assert served.sent <= len(BIG) - 900_000


def test_cancelled_it_goes_on_there(served: Served, tmp_path: Path) -> None:
    shares: list[float] = []
    with pytest.raises(Cancelled):
        fetched(Address(url=f"{served.address}/files/x.safetensors"), tmp_path,
                on_progress=lambda share, note: shares.append(share), cancelled=lambda: len(shares) >= 2)  # fmt: skip
    assert 0 < shares[-1] < 1
    served.asked.clear()
    assert fetched(Address(url=f"{served.address}/files/x.safetensors"), tmp_path).read_bytes() == BIG
    assert int(served.asked[-1][1].removeprefix("bytes=").rstrip("-")) >= 2**21


def test_what_changed_meanwhile_is_begun_anew(served: Served, tmp_path: Path) -> None:
    address = Address(url=f"{served.address}/files/x.safetensors")
    seen: list[float] = []
    with pytest.raises(Cancelled):
        fetched(address, tmp_path, on_progress=lambda s, n: seen.append(s), cancelled=lambda: len(seen) >= 2)
    served.files["files/x.safetensors"] = BIG[::-1]
    assert fetched(address, tmp_path).read_bytes() == BIG[::-1]


def test_a_file_that_arrives_damaged_is_not_kept(served: Served, tmp_path: Path) -> None:
    served.hashes["lab/angles/angles.safetensors"] = "0" * 64
    with pytest.raises(CannotFetch, match="arrived damaged"):
        fetched(Address("lab/angles"), tmp_path)
    assert not list(tmp_path.iterdir())


def test_what_is_no_file_is_told(served: Served) -> None:
    served.files["page"] = b"<html>"
    served.headers["page"] = {"Content-Type": "text/html; charset=utf-8"}
    served.files["shut"] = b""
    served.status["shut"] = 403
    for path, why in (("page", "web page"), ("shut", "sign in"), ("gone", "answers 404")):
        with pytest.raises(CannotFetch, match=why):
            look_up(Address(url=f"{served.address}/{path}"))
    with pytest.raises(CannotFetch, match="cannot be reached"):
        look_up(Address(url="http://127.0.0.1:9/x.safetensors"))


def test_offline_nothing_is_asked(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(CannotFetch, match="Downloads are off"):
        look_up(Address("lab/angles"))
    assert not served.asked


KILLED = """
import sys
from pathlib import Path
from pipelines.engine.hub_files import Address, Fetch, look_up
from huggingface_hub import constants
constants.HF_HUB_OFFLINE = False
told = lambda share, note: (print(share, flush=True), __import__("time").sleep(0.05))
Fetch(look_up(Address(url=sys.argv[1])), Path(sys.argv[2]), lambda path: None, told, lambda: False).run()
"""


def test_killed_it_goes_on_and_is_whole(served: Served, tmp_path: Path) -> None:
    url = f"{served.address}/files/x.safetensors"
    process = subprocess.Popen([sys.executable, "-c", KILLED, url, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout and process.stdout.readline()
    process.kill()
    process.wait()
    for _ in range(100):
        if not any(p.suffix == ".head" for p in tmp_path.iterdir()):
            break
        time.sleep(0.01)
    assert fetched(Address(url=url), tmp_path).read_bytes() == BIG
