"""No event of the page takes a file that its own browser did not upload, and nothing of Gradio's hands files out.

Spoken to over HTTP as any client could, at every input of every event that ``/config`` tells of.
"""

import gc
import json
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import gradio as gr
import httpx
import pytest
from PIL import Image
from playwright.sync_api import Page
from studio_helpers import Served

from pipelines.domain.records import ImageRecord

SECRET = b"only the user of this machine may read this: 5f0d7c"
FILE_INPUTS = ("file", "uploadbutton")
API = "/gradio_api"


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    file = tmp_path / "secret.txt"
    file.write_bytes(SECRET)
    return file


@pytest.fixture
def web(served: Served) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=served.url, timeout=120) as client:
        client.get("/")  # as a browser does
        yield client


def file_object(path: Path | str, **more: Any) -> dict[str, Any]:
    return {"path": str(path), "meta": {"_type": "gradio.FileData"}, **more}


def events(web: httpx.Client) -> list[dict[str, Any]]:
    """The events of the page, each with the kinds of its inputs."""
    config = web.get("/config").json()
    kinds = {part["id"]: part["type"] for part in config["components"]}
    return [event | {"kinds": [kinds[i] for i in event["inputs"]]} for event in config["dependencies"]]


def filled(event: dict[str, Any], position: int, value: Any) -> list[Any]:
    return [value if n == position else None for n in range(len(event["inputs"]))]


def join(web: httpx.Client, event: dict[str, Any], data: list[Any], session: str = "s", **more: Any) -> httpx.Response:
    body = {"session_hash": session, "fn_index": event["id"], "data": data, **more}
    return web.post(f"{API}/queue/join", json=body)


def outcomes(web: httpx.Client, session: str = "s") -> list[dict[str, Any]]:
    """What became of all that a session asked for, in the order it was done."""
    told = []
    with web.stream("GET", f"{API}/queue/data", params={"session_hash": session}) as stream:
        for line in stream.iter_lines():
            message = json.loads(line.removeprefix("data: ") or "{}")
            if message.get("msg") == "process_completed":
                told.append(message)
            elif message.get("msg") == "close_stream":
                break
    return told


def upload(web: httpx.Client, name: str, data: bytes) -> str:
    answer = web.post(f"{API}/upload", files={"files": (name, data)})
    answer.raise_for_status()
    return answer.json()[0]


def copies(served: Served, data: bytes = SECRET) -> list[Path]:
    """Files in the workspace that hold these bytes."""
    root = served.studio.session.workspace.root
    return [p for p in root.rglob("*") if p.is_file() and not p.is_symlink() and data in p.read_bytes()]


def assert_refused(told: list[dict[str, Any]], sent: int) -> None:
    """Every one was refused, and no address of a file is told."""
    assert len(told) == sent
    assert [m for m in told if m["success"]] == []
    assert f"{API}/file=" not in json.dumps(told)


@pytest.mark.slow
def test_no_event_takes_a_file_from_the_disk(web: httpx.Client, served: Served, secret: Path) -> None:
    """Every event, at one input of every kind that it has; at every single input: the next test."""
    found = events(web)
    assert len(found) > 100
    for event in (e for e in found if e["inputs"]):
        places = {kind: n for n, kind in enumerate(event["kinds"])}.values()
        for position in places:
            join(web, event, filled(event, position, file_object(secret)))
        assert_refused(outcomes(web), len(places))
    assert copies(served) == []


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_no_input_of_any_event_takes_a_file_from_the_disk(web: httpx.Client, served: Served, secret: Path) -> None:
    """At every event one input of each kind, the last; and all at once."""
    for event in (e for e in events(web) if e["inputs"]):
        kinds = {kind: position for position, kind in enumerate(event["kinds"])}
        for position in kinds.values():
            join(web, event, filled(event, position, file_object(secret)))
        join(web, event, [file_object(secret)] * len(event["inputs"]))
        assert_refused(outcomes(web), len(kinds) + 1)
    assert copies(served) == []


HIDDEN: tuple[Callable[[dict[str, Any]], Any], ...] = (
    lambda file: [file],
    lambda file: {"value": file},
    lambda file: {"lines": [{"deep": [[{"items": file}]]}]},
    lambda file: [None, {"a": 1}, [file]],
    lambda file: file | {"is_stream": True},
    lambda file: file | {"meta": {"_type": "gradio.FileData", "more": 1}, "size": 3, "orig_name": "a.png"},
    lambda file: file | {"path": "/proc/self/environ"},
    lambda file: {"path": file["path"]},
    lambda file: {"url": f"file://{file['path']}", "meta": file["meta"] | {"more": 1}},
)


@pytest.mark.slow(seconds=5)
def test_a_file_hidden_in_a_value_is_found(web: httpx.Client, served: Served, secret: Path) -> None:
    """One event for every kind of input."""
    seen: dict[str, tuple[dict[str, Any], int]] = {}
    for event in events(web):
        for position, kind in enumerate(event["kinds"]):
            seen.setdefault(kind, (event, position))
    assert {"html", "state", "dropdown", "textbox", *FILE_INPUTS} <= set(seen)
    for event, position in seen.values():
        for hide in HIDDEN:
            join(web, event, filled(event, position, hide(file_object(secret))))
        assert_refused(outcomes(web), len(HIDDEN))
    assert copies(served) == []


@pytest.mark.slow
def test_no_event_takes_a_file_beside_its_inputs(web: httpx.Client, served: Served, secret: Path) -> None:
    file = file_object(secret)
    found = events(web)
    for event in found:
        join(web, event, [None] * len(event["inputs"]), event_data={"_data": file, "picked": [file]})
        join(web, event, [None] * len(event["inputs"]), event_data=[file])
    assert_refused(outcomes(web), 2 * len(found))
    assert copies(served) == []


def file_events(web: httpx.Client) -> list[tuple[dict[str, Any], int]]:
    """Events with an input for files, and where it is."""
    found = [(e, n) for e in events(web) for n, kind in enumerate(e["kinds"]) if kind in FILE_INPUTS]
    assert len(found) >= 4
    return found


@pytest.mark.slow(seconds=4)
def test_a_file_input_takes_no_file_that_was_not_uploaded(web: httpx.Client, served: Served, secret: Path) -> None:
    cache = served.studio.session.workspace.root / "cache" / "uploads"
    mine = Path(upload(web, "mine.png", b"mine"))
    (cache / "left").mkdir()
    (cache / "left" / "over.png").write_bytes(b"of an earlier session")
    (mine.parent / "link.png").symlink_to(secret)
    paths = [
        secret,
        cache / "left" / "over.png",
        mine.parent / "link.png",
        f"{mine.parent}/../../../../../{secret}",
        f"{mine.parent}/../{mine.parent.name}/{mine.name}",
        f"{mine}/",
        f"file://{secret}",
        f"{served.url}/img/x",
        "http://127.0.0.1:1/x.png",
        str(mine.parent),
        str(cache),
        "",
        f"{mine}\0.png",
    ]
    told = []
    for event, position in file_events(web):
        for path in paths:
            for value in (file_object(path), [file_object(mine), file_object(path)], str(path)):
                join(web, event, filled(event, position, value))
                told.append(path)
    assert_refused(outcomes(web), len(told))
    assert copies(served) == []


def test_an_address_is_never_fetched(web: httpx.Client, served: Served, secret: Path) -> None:
    """``url`` of a file object is for the page alone: the studio goes nowhere for it, nor for ``path``."""
    mine = upload(web, "mine.png", b"mine")
    event, position = file_events(web)[0]
    for url in ("http://127.0.0.1:1/x.png", f"{API}/proxy=http://127.0.0.1:1/x", f"file://{secret}"):
        join(web, event, filled(event, position, file_object(mine, url=url)))
    told = outcomes(web)
    assert "127.0.0.1:1" not in json.dumps([m["output"].get("data") for m in told])
    assert copies(served) == []


def test_another_browsers_upload_is_not_taken(web: httpx.Client, served: Served) -> None:
    theirs = upload(web, "theirs.png", SECRET)
    with httpx.Client(base_url=served.url, timeout=120) as other:
        other.get("/")
        for event, position in file_events(web):
            join(other, event, filled(event, position, file_object(theirs)), session="other")
        told = outcomes(other, "other")
    assert len(told) >= 4
    assert not any(m["success"] for m in told)


CLOSED = (
    ("GET", f"{API}/file={{path}}"),
    ("HEAD", f"{API}/file={{path}}"),
    ("GET", f"{API}/file/{{path}}"),
    ("GET", f"{API}/proxy={{path}}"),
    ("GET", f"{API}/proxy=http://127.0.0.1:1/x"),
    ("GET", f"{API}/file=http://127.0.0.1:1/x"),
    ("GET", f"{API}/deep_link?session_hash=s"),
    ("GET", f"{API}/info"),
    ("GET", f"{API}/openapi.json"),
    ("GET", f"{API}/runs"),
    ("GET", f"{API}/stream/s/r/1/playlist-file"),
    ("GET", f"{API}/custom_component/x/client/y/z"),
    ("GET", "/monitoring"),
    ("POST", f"{API}/component_server"),
    ("POST", f"{API}/process_recording"),
    ("POST", f"{API}/stream/x"),
    ("POST", f"{API}/vibe-edit"),
    ("POST", "/login"),
    ("PUT", "/"),
)


def test_doors_of_gradio_that_the_page_does_not_use_are_closed(web: httpx.Client, served: Served, secret: Path) -> None:
    for file in (secret, upload(web, "mine.png", SECRET), served.studio.session.workspace.root / "flenwheel.json"):
        for method, path in CLOSED:
            answer = web.request(method, path.format(path=file))
            assert answer.status_code in (403, 404, 405), (method, path)
            assert SECRET not in answer.content


@pytest.mark.slow(seconds=4)
def test_events_cannot_be_called_past_the_queue(web: httpx.Client, served: Served, secret: Path) -> None:
    for event in events(web):
        data = [file_object(secret)] * len(event["inputs"])
        body = {"data": data, "fn_index": event["id"], "session_hash": "s"}
        for way in ("run", "api", "call", "call/v2"):
            for end in ("", "/"):
                answer = web.post(f"{API}/{way}/{event['api_name']}{end}", json=body)
                assert answer.status_code == 404, (way, event["api_name"])
    assert copies(served) == []


def test_an_upload_of_the_page_is_taken(web: httpx.Client, served: Served) -> None:
    """What the browser uploaded arrives; that it is no LoRA is said by the step that reads it."""
    mine = upload(web, "mine.safetensors", b"mine")
    refused = []
    for event, position in file_events(web):
        if event["kinds"][position] == "uploadbutton":
            join(web, event, filled(event, position, file_object(mine, orig_name="mine.safetensors")))
            refused += [m["output"].get("error") or "" for m in outcomes(web)]
    assert len(refused) == 3
    assert not any("uploaded" in words for words in refused)


@pytest.mark.slow
def test_the_page_brings_in_pictures_and_loras_and_asks_for_no_closed_door(
    page: Page, served: Served, tmp_path: Path
) -> None:
    missed: list[str] = []
    page.on("response", lambda r: missed.append(r.url) if r.status in (403, 404) else None)
    page.reload()
    page.wait_for_selector("#character-picker option", state="attached", timeout=60_000)
    pictures = [tmp_path / "one.png", tmp_path / "two.png"]
    for n, file in enumerate(pictures):
        Image.effect_noise((640, 640), 40 + 20 * n).convert("RGB").save(file)
    page.click("#tab-enrich-button")
    page.locator("#enrich-drop input[type=file]").set_input_files([str(p) for p in pictures])
    page.wait_for_function("document.querySelector('#enrich-arrival').textContent.includes('2 ')", timeout=60_000)
    assert [r.intake.filename for r in served.studio.session.store.all(ImageRecord) if r.intake] == [
        "one.png",
        "two.png",
    ]

    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"not a LoRA")
    with page.expect_file_chooser() as chooser:
        page.click("#enrich-lora-upload")
    chooser.value.set_files(str(broken))
    page.wait_for_function(
        "document.querySelector('#enrich-lora-message').textContent.includes('broken.safetensors')", timeout=60_000
    )
    assert missed == []


def test_an_upload_lands_among_the_uploads_whatever_its_name(web: httpx.Client, served: Served) -> None:
    cache = (served.studio.session.workspace.root / "cache" / "uploads").resolve()
    usual = ("../../../evil.png", "/etc/evil.png", "..\\..\\evil.png", "a/b/../../../c.png", "x" * 400 + ".png")
    answers = {name: web.post(f"{API}/upload", files={"files": (name, b"mine")}) for name in (*usual, ".", "..")}
    assert all(answers[name].status_code == 200 for name in usual)
    assert {a.status_code for a in answers.values()} <= {200, 400}
    taken = [Path(a.json()[0]) for a in answers.values() if a.status_code == 200]
    assert [p for p in taken if not p.resolve().is_relative_to(cache) or not p.is_file()] == []
    assert [p for p in cache.parent.parent.rglob("*evil*") if not p.resolve().is_relative_to(cache)] == []


@pytest.mark.parametrize("folder", ["assets", "static"])
def test_gradios_own_files_are_all_that_its_folders_give(served: Served, secret: Path, folder: str) -> None:
    """Sent as it is written here: httpx would tidy the path up."""
    up = "../" * 30
    for climb in (up, up.replace("/", "%2f"), up.replace(".", "%2e"), "/", "..//" * 30, "%2e%2e%2f" * 30):
        connection = HTTPConnection(served.url.removeprefix("http://"))
        connection.request("GET", f"/{folder}/{climb}{str(secret).removeprefix('/')}")
        answer = connection.getresponse()
        assert answer.status in (403, 404), climb
        assert SECRET not in answer.read()
        connection.close()


@pytest.mark.slow(seconds=4)
def test_the_page_names_no_place_on_the_disk(web: httpx.Client, served: Served) -> None:
    root = served.studio.session.workspace.root
    for path in ("/", "/config", "/status", "/ui/page.js"):
        assert str(root) not in web.get(path).text


@pytest.mark.slow
def test_an_event_that_is_asked_for_hours_keeps_nothing(web: httpx.Client, served: Served) -> None:
    """Each answer that changed a component left a copy of it in the session, for as long as the page was open."""
    config = web.get("/config").json()
    usual = {part["id"]: part["props"].get("value") for part in config["components"]}
    follow = [e for e in events(web) if len(e["outputs"]) > 20][:4]
    assert len(follow) == 4

    def components() -> int:
        for event in follow:
            join(web, event, [usual[i] for i in event["inputs"]])
        assert all(m["success"] for m in outcomes(web))
        gc.collect()
        return sum(isinstance(o, gr.blocks.Block) for o in gc.get_objects())

    first = [components() for _ in range(2)][-1]
    assert [components() for _ in range(4)] == [first] * 4


@pytest.mark.parametrize("value", ["\ud800", 10**30, [["\udfff"]], {"ticked": 2**80}])
def test_what_no_answer_could_hold_is_refused_and_stops_no_other_answer(web: httpx.Client, value: Any) -> None:
    """Gradio sent it back, could not, and closed the line on which all answers of the page come."""
    found = [e for e in events(web) if "dropdown" in e["kinds"]][:3]
    answers = []
    for event in found:
        place = event["kinds"].index("dropdown")
        body = {"session_hash": "s", "fn_index": event["id"], "data": filled(event, place, value)}
        answers.append(
            web.post(f"{API}/queue/join", content=json.dumps(body), headers={"content-type": "application/json"})
        )
    if any(a.status_code != 200 for a in answers):  # half a character is no JSON: refused before it is an event
        assert [a.status_code for a in answers] == [422] * 3 and all(a.json()["detail"] for a in answers)
        return
    told = outcomes(web)
    assert [m["success"] for m in told] == [False] * 3
    assert all("Change it, or reload" in m["output"]["error"] for m in told)
