"""The password of a studio that others can reach: who has it, who guesses, who makes up what stands for it."""

import hmac
import re
import time

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from guarded import HTML, LAN, WORD, client_of
from starlette.types import ASGIApp
from starlette.websockets import WebSocketDisconnect

from studio.app import build
from studio.server import uploads
from studio.server.entry import FREE_GUESSES, GUESSES_A_MINUTE, LONGEST_WAIT, Entry, Guesses
from studio.server.own import own
from studio.server.place import Place
from studio.server.state import Studio


def every_path(whole: Studio) -> list[tuple[str, str]]:
    """All that the studio and its Gradio answer, as methods and paths."""
    schema = FastAPI.openapi(own(whole))["paths"]
    ours = [(method.upper(), path) for path, ways in schema.items() for method in ways]
    gradio = [("GET", p) for p in uploads.READ] + [("POST", p) for p in uploads.WRITTEN]
    return [
        *ours,
        *gradio,
        ("GET", "/gradio_api/file=x"),
        ("POST", "/gradio_api/component_server"),
        ("GET", "/nothing"),
    ]


def test_nothing_is_answered_without_the_password(whole: Studio, opened: TestClient) -> None:
    paths = every_path(whole)
    assert len(paths) > 40
    for method, path in paths:
        for accept in ("application/json", "text/html", "text/event-stream"):
            answer = opened.request(method, re.sub(r"\{.*?\}", "x", path), headers={"Accept": accept})
            assert answer.status_code == 401, (method, path)
            assert "Ada" not in answer.text and "set-cookie" not in answer.headers
            assert "default-src 'self'" in answer.headers["content-security-policy"]


def test_no_websocket_is_opened_without_the_password(opened: TestClient) -> None:
    for path in ("/", "/gradio_api/queue/join", "/status"):
        with pytest.raises(WebSocketDisconnect), opened.websocket_connect(f"ws://{LAN}:7860{path}"):
            pytest.fail("it was opened")


def test_a_browser_is_given_a_cookie_for_the_password_and_an_address_without_it(opened: TestClient) -> None:
    answer = opened.get("/", params={"token": WORD, "a": "b&c"}, headers=HTML, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (302, "/?a=b%26c")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and WORD not in cookie
    assert "Secure" not in cookie  # over http the browser would not keep it
    assert opened.get("/status").json()["character"]["name"] == "Ada"
    assert opened.get("/config").status_code == 200


def test_over_tls_the_cookie_never_goes_in_the_open(inside: ASGIApp) -> None:
    client = client_of(inside, Place("0.0.0.0"), "x")
    client.base_url = f"https://{LAN}"
    assert "; Secure" in client.get("/status", params={"token": WORD}).headers["set-cookie"]


def test_a_program_is_answered_at_once(opened: TestClient) -> None:
    assert opened.get("/status", params={"token": WORD}, follow_redirects=False).status_code == 200
    written = opened.post("/characters", params={"token": WORD}, json={"name": "Eve", "may_use": True})
    assert written.status_code == 200


@pytest.mark.parametrize("path", ["//evil.example/", "/\\evil.example", "/%5cevil.example", "/%0d%0aX-Evil:1"])
def test_the_way_in_leads_nowhere_else(opened: TestClient, path: str) -> None:
    answer = opened.get(f"http://{LAN}:7860{path}?token={WORD}", headers=HTML, follow_redirects=False)
    assert re.fullmatch(r"/[^/\\].*", answer.headers["location"])
    assert "x-evil" not in answer.headers


@pytest.mark.parametrize(
    "wrong", ["", "correct horse", f"{WORD} ", WORD.upper(), "päss\udcff".encode(errors="replace")]
)
def test_a_wrong_password_lets_nobody_in(opened: TestClient, wrong: str) -> None:
    for answer in (
        opened.get("/status", params={"token": wrong}),
        opened.post("/login", data={"password": wrong}, headers=HTML, follow_redirects=False),
    ):
        assert answer.status_code == 401
        assert "That is not the password." in answer.text and "set-cookie" not in answer.headers


def test_a_cookie_cannot_be_made_up(opened: TestClient, inside: ASGIApp) -> None:
    opened.get("/status", params={"token": WORD})
    ((name, mark),) = [(k, v) for k, v in opened.cookies.items() if k.startswith("flenwheel-entry")]
    ends, signed = mark.split(".")
    stranger = client_of(inside, Place("0.0.0.0"), f"{LAN}:7860", "another password")
    stranger.get("/status", params={"token": "another password"})
    other = next(v for k, v in stranger.cookies.items() if k.startswith("flenwheel-entry"))
    changed = (f"{int(ends) + 1}.{signed}", f".{signed}", f"{ends}.{signed[:-1]}", f"{ends}.", f"{'9' * 5000}.{signed}")
    for made_up in ("", ".", ends, "é.é", other, *changed):
        client = client_of(inside, Place("0.0.0.0"), f"{LAN}:7860")
        answer = client.get("/status", headers={"Cookie": f"{name}={made_up}".encode()})
        assert answer.status_code == 401, made_up
    restarted = client_of(inside, Place("0.0.0.0"), f"{LAN}:7860")
    assert restarted.get("/status", headers={"Cookie": f"{name}={mark}"}).status_code == 200  # the same password


def test_a_cookie_ends(inside: ASGIApp, monkeypatch: pytest.MonkeyPatch) -> None:
    client = client_of(inside, Place("0.0.0.0"), f"{LAN}:7860")
    mark = client.get("/status", params={"token": WORD}).headers["set-cookie"].split(";")[0]
    later = time.time() + 31 * 24 * 3600
    monkeypatch.setattr(time, "time", lambda: later)
    assert client.get("/status", headers={"Cookie": mark}).status_code == 401


def test_guesses_are_slowed_down_and_the_right_one_is_no_way_around(opened: TestClient) -> None:
    for _ in range(FREE_GUESSES):
        assert opened.get("/status", params={"token": "wrong"}).status_code == 401
    refused = opened.get("/status", params={"token": WORD})
    assert refused.status_code == 429 and int(refused.headers["retry-after"]) >= 1
    assert "Try again in" in refused.json()["detail"]
    assert opened.post("/login", data={"password": WORD}).status_code == 429


def test_who_is_in_stays_in_while_others_guess(opened: TestClient) -> None:
    assert opened.get("/status", params={"token": WORD}).status_code == 200
    for _ in range(FREE_GUESSES + 1):
        opened.post("/login", data={"password": "wrong"})
    assert opened.get("/status").status_code == 200


class Clock:
    time = 1000.0

    def __call__(self) -> float:
        return self.time


def test_an_address_waits_longer_with_each_wrong_guess() -> None:
    clock = Clock()
    guesses = Guesses(clock)
    waits = []
    for _ in range(40):
        clock.time += 61 + guesses.wait("10.0.0.1")
        guesses.note("10.0.0.1")
        waits.append(guesses.wait("10.0.0.1"))
    assert waits[: FREE_GUESSES - 1] == [0.0] * (FREE_GUESSES - 1)
    assert waits[FREE_GUESSES - 1 : FREE_GUESSES + 2] == [1.0, 2.0, 4.0]
    assert waits[-1] == LONGEST_WAIT
    assert guesses.wait("10.0.0.2") == 0.0
    guesses.forget("10.0.0.1")
    assert guesses.wait("10.0.0.1") == 0.0


def test_a_network_of_addresses_guesses_no_faster() -> None:
    clock = Clock()
    guesses = Guesses(clock)
    for n in range(FREE_GUESSES):
        guesses.note(f"2001:db8:1:2::{n}")
    assert guesses.wait("2001:db8:1:2:ffff::9") > 0 and guesses.wait("2001:db8:1:3::1") == 0.0
    for n in range(GUESSES_A_MINUTE):
        guesses.note(f"10.0.{n}.1")
    assert guesses.wait("10.9.9.9") == 60.0
    clock.time += 60
    assert guesses.wait("10.9.9.9") == 0.0


def test_passwords_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of every length and with every first character the same comparison is made, of digests of one length."""
    seen = []
    real = hmac.compare_digest
    monkeypatch.setattr(hmac, "compare_digest", lambda a, b: seen.append((len(a), len(b))) or real(a, b))
    entry = Entry(WORD)
    for said in (b"", b"c", WORD.encode(), b"x" * 3000):
        scope = {
            "type": "http", "method": "POST", "path": "/login", "root_path": "", "query_string": b"", "headers": [],
            "client": ("10.0.0.1", 1), "scheme": "http", "server": ("x", 1),
        }  # fmt: skip
        entry.answer(scope, b"password=" + said.replace(b" ", b"+"))
    assert seen == [(32, 32)] * 4


def test_this_machine_alone_needs_no_password_unless_one_was_given(inside: ASGIApp) -> None:
    assert client_of(inside, Place(), "localhost:7860", "").get("/status").status_code == 200
    assert client_of(inside, Place(), "localhost:7860", WORD).get("/status").status_code == 401


@pytest.mark.parametrize("place", [Place("0.0.0.0"), Place("::"), Place(LAN), Place(names=("studio.lan",))])
def test_what_others_can_reach_always_has_a_password(whole: Studio, place: Place) -> None:
    client = TestClient(build(whole, place=place), base_url="http://localhost:7860")
    assert client.get("/status").status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Forwarded-For": "203.0.113.7"},
        {"X-Real-IP": "203.0.113.7"},
        {"X-Forwarded-For": "127.0.0.1, 203.0.113.7:4711"},
        {"Forwarded": 'for="[2001:db8::1]:4711";proto=https'},
        {"Forwarded": "for=unknown"},
    ],
)
def test_a_proxy_that_the_user_did_not_speak_of_lets_nobody_in(inside: ASGIApp, headers: dict[str, str]) -> None:
    client = client_of(inside, Place(), "localhost:7860", "")
    answer = client.get("/status", headers=headers)
    assert answer.status_code == 403 and "--allow-host" in answer.text
    assert client.get("/status", headers={"X-Forwarded-For": "127.0.0.1, ::1, [::1]:80"}).status_code == 200
