"""To whom the studio answers, what it asks of them, and where it is found: by name, by address, behind a proxy."""

import random
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from browser_helpers import chromium_path
from fastapi.testclient import TestClient
from guarded import LAN, WORD, client_of
from playwright.sync_api import Browser, Page, expect
from proxies import Proxy, running
from starlette.types import ASGIApp
from studio_helpers import serving

from pipelines.domain.records import ImageRecord
from studio.app import entrances, welcome
from studio.server.place import Place, allowed_name, host_of, listen, root_path
from studio.server.state import Studio

# --- which names are answered ---


@pytest.mark.parametrize(
    ("place", "host", "known"),
    [
        (Place(), "localhost:7860", True),
        (Place(), "LOCALHOST", True),
        (Place(), "[::1]:7860", True),
        (Place(), "10.0.0.1", False),  # to this machine alone: nothing but its own names
        (Place(), socket.gethostname(), False),
        (Place(), "evil.example", False),
        (Place(), "localhost.evil.example", False),
        (Place(), "", False),
        (Place("0.0.0.0"), "192.168.7.5:7860", True),
        (Place("0.0.0.0"), "[fe80::1]:7860", True),
        (Place("0.0.0.0"), "0.0.0.0:7860", True),
        (Place("0.0.0.0"), socket.gethostname(), True),
        (Place("0.0.0.0"), f"{socket.gethostname()}.local:7860", True),
        (Place("0.0.0.0"), "evil.example", False),  # names can be made to lead here, addresses cannot
        (Place("0.0.0.0"), "192.168.7.5.evil.example", False),
        (Place("::"), "192.168.7.5", True),
        (Place("::1", names=("studio.lan",)), "studio.lan", True),
        (Place(names=("studio.lan",)), "STUDIO.lan:8443", True),
        (Place(names=("studio.lan",)), "evil.studio.lan", False),
        (Place(LAN, given="atelier"), "atelier:7860", True),
        (Place(LAN), "user@192.168.7.5", False),
        (Place(LAN), "192.168.7.5:7860/x", False),
    ],
)
def test_known_names_and_addresses_are_answered(place: Place, host: str, known: bool) -> None:
    assert place.knows(host) is known


def test_no_other_name_is_known() -> None:
    """Names made of what known ones are made of."""
    chance = random.Random(7)
    parts = [
        "localhost",
        "127.0.0.1",
        "[::1]",
        "::1",
        ":7860",
        ".",
        "@",
        "/",
        "evil.example",
        "\t",
        " ",
        "%00",
        "é",
        "[",
    ]
    own = {"localhost", "127.0.0.1", "::1"}
    for _ in range(5000):
        name = "".join(chance.choices(parts, k=chance.randint(0, 4)))
        if Place().knows(name):
            assert re.fullmatch(r"(localhost|127\.0\.0\.1|\[::1\])(:7860)?", name) and host_of(name) in own
        if Place("0.0.0.0").knows(name):
            assert re.fullmatch(r"localhost|[0-9.]+|[0-9a-f:.]+", host_of(name)), name


def test_an_unknown_name_is_told_how_to_be_allowed(opened: TestClient) -> None:
    answer = opened.get("/status", headers={"Host": "atelier.example:7860"})
    assert answer.status_code == 400
    assert "--allow-host atelier.example" in answer.text


def test_its_own_address_is_answered_when_it_was_opened(opened: TestClient) -> None:
    assert opened.get("/status", params={"token": WORD}).status_code == 200


@pytest.mark.parametrize("given_name", ["studio.lan", "STUDIO.Lan", "müller.example", "10.0.0.7", "[::1]", "a_b.lan"])
def test_a_name_can_be_allowed(given_name: str) -> None:
    name = allowed_name(given_name)
    assert Place(names=(name,)).knows(f"[{name}]:7860" if ":" in name else f"{name}:7860")


@pytest.mark.parametrize("text", ["", "*", "https://studio.lan", "studio.lan:80", "studio.lan/x", "a b", "*.lan", "-"])
def test_what_is_no_name_is_refused_in_words(text: str) -> None:
    with pytest.raises(ValueError, match="not a name alone"):
        allowed_name(text)


@pytest.mark.parametrize("text", ["studio", "//evil.example", "/a/../b", "/a b", "http://x/y", "/a?b", "/é"])
def test_what_is_no_path_is_refused_in_words(text: str) -> None:
    with pytest.raises(ValueError, match="as /studio"):
        root_path(text)


@pytest.mark.parametrize(("text", "root"), [("", ""), ("/", ""), ("/studio", "/studio"), ("/a/b/", "/a/b")])
def test_a_path_is_read(text: str, root: str) -> None:
    assert root_path(text) == root


# --- where it is found ---


def test_it_is_said_where_it_is_and_what_that_exposes(tmp_path: Path) -> None:
    told = welcome(Place("0.0.0.0"), tmp_path, "s3cret")
    assert "http://localhost:7860/?token=s3cret" in told
    for words in ("every picture", "trains", "fill your disk", "Nothing is encrypted", "password is s3cret"):
        assert words in told
    given = welcome(Place("0.0.0.0"), tmp_path, "s3cret", told=False)
    assert "s3cret" not in given and "password that you gave" in given
    alone = welcome(Place(), tmp_path)
    assert alone == f"FLENwheel is open at http://localhost:7860 (workspace {tmp_path})"


@pytest.mark.parametrize(
    ("place", "first"),
    [
        (Place(), "http://localhost:7860"),
        (Place("127.0.0.2", 80), "http://127.0.0.2:80"),
        (Place("::1", 7861), "http://[::1]:7861"),
        (Place("fd00::7", 7861), "http://[fd00::7]:7861"),
        (Place(LAN), f"http://{LAN}:7860"),
        (Place(root="/studio"), "http://localhost:7860/studio"),
    ],
)
def test_addresses_are_written_as_browsers_take_them(place: Place, first: str) -> None:
    assert place.addresses()[0] == first
    assert entrances(place, "a&b")[0] == f"{first}/?token=a%26b"


@contextmanager
def flenwheel(*options: str, workspace: Path) -> Iterator[Callable[[], list[str]]]:
    """``flenwheel`` in a process of its own; the lines it has told so far."""
    command = [sys.executable, "-m", "studio", "--workspace", str(workspace), "--no-browser", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    lines: list[str] = []
    thread = threading.Thread(target=lambda: lines.extend(iter(process.stdout.readline, "")), daemon=True)  # type: ignore[union-attr]
    thread.start()
    try:
        yield lambda: lines
    finally:
        process.terminate()
        process.wait(timeout=60)


def until(true: Callable[[], Any], seconds: float = 120.0) -> Any:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := true():
            return found
        time.sleep(0.05)
    raise AssertionError("it did not come to be")


def answers(url: str) -> httpx.Response | None:
    try:
        return httpx.get(url, timeout=60)
    except httpx.TransportError:
        return None


@pytest.mark.slow(seconds=13)
def test_every_address_that_is_told_works(tmp_path: Path) -> None:
    """The first thing tried by who opens a studio to the network: the address it told."""
    with flenwheel("--host", "0.0.0.0", "--port", "0", workspace=tmp_path / "w") as told:
        until(lambda: any("The password is" in line for line in told()))
        addresses = re.findall(r"http://\S+", told()[0])
        assert addresses and "localhost" in addresses[0]
        for address in addresses:
            answer = until(lambda address=address: answers(address))
            assert answer.status_code == 200 and "gradio_config" in answer.text
            bare = address.partition("?")[0]
            assert httpx.get(f"{bare}live", timeout=60).status_code == 401
            assert httpx.get(address.replace("/?", "/status?"), timeout=60).json()["workspace"] == "w"


@pytest.mark.slow
def test_a_password_can_be_given_and_is_not_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLENWHEEL_PASSWORD", WORD)
    with flenwheel("--port", "0", "--allow-host", "studio.lan", workspace=tmp_path / "w") as told:
        until(lambda: any("password that you gave" in line for line in told()))
        assert WORD not in "".join(told())
        address = re.findall(r"http://\S+", told()[0])[0]
        asked = {"Host": "studio.lan"}
        assert until(lambda: answers(f"{address}/status")).status_code == 401
        assert httpx.get(f"{address}/status", headers=asked, params={"token": WORD}, timeout=60).status_code == 200
        assert httpx.get(f"{address}/status", headers={"Host": "evil.example"}, timeout=60).status_code == 400


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--port", "99999"], "is not a port"),
        (["--port", "-1"], "is not a port"),
        (["--host", "nosuch.invalid"], "no address is known"),
        (["--host", "192.0.2.77"], "no such address"),
        (["--allow-host", "https://studio.lan/x"], "not a name alone"),
        (["--root-path", "studio"], "not a path"),
        (["--password", " "], "keeps nobody out"),
    ],
)
def test_what_cannot_be_is_refused_in_words(tmp_path: Path, options: list[str], words: str) -> None:
    command = [sys.executable, "-m", "studio", "--workspace", str(tmp_path / "w"), "--no-browser", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode != 0 and words in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "w").exists()


def test_a_port_in_use_is_told_with_another(tmp_path: Path) -> None:
    with listen("127.0.0.1", 0) as door:
        port = door.getsockname()[1]
        with pytest.raises(OSError, match=rf"port is in use.*Try --port {port + 1}"):
            listen("127.0.0.1", port)


def test_every_address_takes_in_both_kinds() -> None:
    if not socket.has_dualstack_ipv6():
        pytest.fail("this machine has no IPv6")
    with listen("::", 0) as door:
        port = door.getsockname()[1]
        socket.create_connection(("127.0.0.1", port), timeout=10).close()
        socket.create_connection(("::1", port), timeout=10).close()


# --- behind a proxy ---


SAYS_PREFIX = (("X-Forwarded-Prefix", "/studio"),)
SAYS_HOST = (("X-Forwarded-Host", "{host}"), ("X-Forwarded-For", "192.168.7.9"))
RESOLVED = "--host-resolver-rules=MAP studio.lan 127.0.0.1"
SETUPS = {
    "told by the proxy, path taken off": (Place(names=("studio.lan",)), "/studio", True, "", SAYS_PREFIX),
    "told by the proxy, path left": (Place(names=("studio.lan",)), "/studio", False, "", SAYS_PREFIX),
    "told at start, path taken off": (Place(names=("studio.lan",), root="/studio"), "/studio", True, "", ()),
    "told at start, path left": (Place(names=("studio.lan",), root="/studio"), "/studio", False, "", ()),
    "asks by its own name": (
        Place(names=("studio.lan",), root="/studio"), "/studio", True, "127.0.0.1", SAYS_HOST,
    ),
    "without a path": (Place(names=("studio.lan",)), "", False, "", ()),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("setup", SETUPS)
def test_a_proxy_serves_the_studio(
    studio: Studio, put: Callable[..., ImageRecord], browser: Browser, setup: str
) -> None:
    """The whole page in Chromium: signed in, a tab of Gradio's filled, a picture decided on and shown."""
    place, path, strips, host, adds = SETUPS[setup]
    image = put("enriched")
    missed: list[str] = []
    with (
        serving(studio, place=place, password=WORD) as inner,
        running(Proxy(inner, path, strips, host, adds)) as port,
    ):
        arguments = [
            "--no-sandbox",
            "--disable-background-networking",
            "--host-resolver-rules=MAP studio.lan 127.0.0.1",
        ]
        elsewhere = browser.browser_type.launch(executable_path=chromium_path(), args=arguments)
        page = elsewhere.new_page(viewport={"width": 1280, "height": 800})
        page.on("response", lambda r: missed.append(f"{r.status} {r.url}") if r.status >= 400 else None)
        page.goto(f"http://studio.lan:{port}{path}/")
        missed.clear()
        use_the_page(page, studio, image)
        assert page.url.startswith(f"http://studio.lan:{port}{path}/")
        assert [m for m in missed if not m.endswith("/manifest.json")] == []
        assert "token" not in page.url
        elsewhere.close()


def use_the_page(page: Page, studio: Studio, image: ImageRecord) -> None:
    page.fill("#password", WORD)
    page.click("button")
    page.wait_for_selector("#character-picker option", state="attached", timeout=60_000)
    page.click("#tab-generate-button")
    expect(page.locator("#tab-generate")).to_contain_text("No LoRA of the character yet", timeout=60_000)
    page.click("#tab-review-button")
    expect(page.locator("#review-picture")).to_have_attribute("data-id", image.id, timeout=60_000)
    page.wait_for_function("document.querySelector('#review-picture img, img#review-picture')?.naturalWidth > 0")
    page.keyboard.press("p")
    until(lambda: studio.session.store.verdict(image.id).label == "good")


def test_a_path_without_its_slash_is_led_to_the_page(inside: ASGIApp) -> None:
    client = client_of(inside, Place(root="/studio"), "localhost:7860", "")
    answer = client.get("/studio?a=b", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (307, "/studio/?a=b")
    for path in ("/studio/status", "/status"):
        assert client.get(path).json()["workspace"]
    assert client.get("/studiolive").status_code == 404


@pytest.mark.parametrize("prefix", ["//evil.example", "https://evil.example", "/a/../..", "javascript:1", "/\\evil"])
def test_a_prefix_that_is_no_path_is_refused(inside: ASGIApp, prefix: str) -> None:
    client = client_of(inside, Place(), "localhost:7860", "")
    assert client.get("/", headers={"X-Forwarded-Prefix": prefix}).status_code == 400


def test_no_header_makes_the_page_name_another_place(inside: ASGIApp) -> None:
    client = client_of(inside, Place(), "localhost:7860", "")
    assert client.get("/", headers={"X-Forwarded-Host": "evil.example"}).status_code == 400
    for header in ("X-Gradio-Server", "X-Original-Host", "X-Forwarded-Server"):
        answer = client.get("/", headers={header: "http://evil.example"})
        assert answer.status_code == 200 and "evil.example" not in answer.text


def test_another_site_may_not_write_through_a_proxy(inside: ASGIApp) -> None:
    client = client_of(inside, Place(names=("studio.lan",)), "studio.lan")
    client.get("/status", params={"token": WORD})
    body = {"decisions": []}
    own = {"Origin": "https://studio.lan"}
    for headers in (
        {"Origin": "http://evil.example"},
        {"Origin": "http://studio.lan:9999"},
        {"Origin": "http://studio.lan:9999", "Host": "127.0.0.1:7860"},
        {"Origin": "http://studio.lan:9999", "Host": "127.0.0.1:7860", "Sec-Fetch-Site": "same-site"},
        {"Origin": "http://evil.example", "Sec-Fetch-Site": "same-origin", "Host": "127.0.0.1:7860"},
    ):
        assert client.post("/decisions", json=body, headers=headers).status_code == 403, headers
    for headers in (
        own,
        own | {"Host": "studio.lan:443"},
        own | {"Host": "127.0.0.1:7860", "X-Forwarded-Host": "studio.lan"},
        own | {"Host": "127.0.0.1:7860", "Sec-Fetch-Site": "same-origin"},
    ):
        cookie = {"Cookie": "; ".join(f"{k}={v}" for k, v in client.cookies.items())}
        assert client.post("/decisions", json=body, headers=headers | cookie).status_code == 200, headers


def test_each_promise_names_tests_that_are_there() -> None:
    """SECURITY.md: a table of what is promised, and by which tests each is tried."""
    root = Path(__file__).parents[2]
    rows = [row for row in (root / "SECURITY.md").read_text("utf-8").splitlines() if row.startswith("| ")]
    promises = [row for row in rows if "tests/studio/" in row]
    assert len(promises) >= 10
    for row in promises:
        files = "".join((root / name).read_text("utf-8") for name in re.findall(r"`(tests/\S+?\.py)`", row))
        assert [name for name in re.findall(r"`(test_\w+)`", row) if f"def {name}(" not in files] == []
