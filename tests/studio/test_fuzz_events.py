"""Every event of the page, sent anything: it is answered in words, nothing breaks inside, nothing is kept of it.

Spoken to over HTTP as any client could, at every event that ``/config`` tells of. What is refused in words
(``gr.Error``: a choice that is not offered) is an answer; what is told as not foreseen is a fault of ours.
"""

import json
import logging
import random
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from studio_helpers import NASTY, Served, serving
from test_uploads import API, events, outcomes

from pipelines.domain.records import Character, Decision, ImageRecord, LoraRecord, SavedStack
from pipelines.storage.store import Store
from pipelines.workflow.opening import open_session
from studio.server.state import Studio

MIXES = 3
"""How often each event is sent a mixture, in the long one."""
DEEP: Any = "deep"
for _ in range(60):
    DEEP = [DEEP]
HOSTILE: tuple[Any, ...] = (
    None, True, 0, -1, 2**63, 10**30, 1e308, float("nan"), float("inf"), "", "ada", NASTY, "a" * 20_000, "\ud800",
    "\x00", "../../etc/passwd", "nan", "{}", [], [[]], [None], [1, 2], ["ada", {"a": 1}, ["b"]], [{"id": ["x"]}], {},
    {"ticked": 5}, {"ticked": None, "items": 3, "rev": "x"}, {"ticked": [{}], "items": [1, None, {"key": []}]},
    {"ticked": [["x"]], "items": [{"key": {}, "id": [], "lora": {}}]}, {"ticked": {"a": 1}, "selected": ["x"]},
    {"selected": {"a": 1}, "picked": 3, "cut": "x", "moved": 1, "of": "ada"},
    {"cut": float("nan"), "moved": True, "of": "ada"}, {"cut": -1e300, "moved": True, "of": "ada"},
    {"cut": 10**400, "moved": True, "of": "ada"}, {"rev": 2**80, "ticked": ["\ud800"], "selected": "\ud800"},
    {"__class__": "x", "__init__": {"__globals__": 1}}, {"value": NASTY, "__type__": "update"}, DEEP,
)  # fmt: skip


@pytest.fixture
def web(served: Served) -> Iterator[httpx.Client]:
    alone = httpx.Limits(max_keepalive_connections=0)  # none that the server closes at the moment it is used again
    with httpx.Client(base_url=served.url, timeout=120, limits=alone) as client:
        client.get("/")
        yield client


def ask(web: httpx.Client, event: dict[str, Any], data: Any, **more: Any) -> httpx.Response:
    body = {"session_hash": "s", "fn_index": event["id"], "data": data, "event_data": None, "trigger_id": None, **more}
    return web.post(f"{API}/queue/join", content=json.dumps(body), headers={"content-type": "application/json"})


def name(event: dict[str, Any]) -> str:
    return f"{event['api_name']} {event['targets']}"


class Heard:
    """What went wrong inside, as the log tells."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        self.caplog = caplog
        self.faults: list[str] = []
        self.asked = 0

    def after(self, web: httpx.Client, event: dict[str, Any], sent: list[Any], answers: list[httpx.Response]) -> None:
        """Wait for what was asked, and look at what came of it."""
        self.asked += len(answers)
        bad = [f"{a.status_code} {a.text[:200]}" for a in answers if a.status_code >= 500]
        taken = sum(a.status_code == 200 for a in answers)
        told = outcomes(web) if taken else []
        if len(told) != taken:
            bad.append(f"{taken} were taken, {len(told)} answered")
        bad += [str(m["output"])[:300] for m in told if "Traceback (most" in json.dumps(m)]
        bad += [place(r.exc_info[1]) for r in self.caplog.records if r.levelno >= logging.ERROR and r.exc_info]
        self.caplog.clear()
        self.faults += [f"{name(event)} {json.dumps(sent)[:200]}: {words}" for words in dict.fromkeys(bad)]


def place(error: BaseException | None) -> str:
    """An exception, and where in our code it came from."""
    frames = traceback.extract_tb(error.__traceback__ if error else None)
    ours = [f for f in frames if "/studio/" in f.filename or "/pipelines/" in f.filename] or list(frames)[-1:]
    return f"{error!r} at {' < '.join(f'{Path(f.filename).name}:{f.lineno} {f.line}' for f in ours[:-3:-1])}"


@pytest.fixture
def heard(caplog: pytest.LogCaptureFixture) -> Heard:
    return Heard(caplog)


KINDS = (Character, Decision, LoraRecord)
"""Jobs may be made: any text is a prompt."""


def kept(served: Served) -> dict[str, int]:
    return {kind.__name__: len(served.studio.session.store.all(kind)) for kind in KINDS}


def assert_well(served: Served, web: httpx.Client, heard: Heard, before: dict[str, int]) -> None:
    """Nothing broke, nothing was made, what was kept can be read, and the studio answers."""
    assert not heard.faults, "\n".join(heard.faults[:20])
    assert kept(served) == before, served.studio.session.store.all(Decision)[-3:]
    assert Store.open(served.studio.session.workspace.root, read_only=True).repairs == ()
    assert web.get("/status").status_code == 200


@pytest.mark.slow
def test_every_event_takes_hostile_values_in_words(
    web: httpx.Client, served: Served, put: Callable[..., ImageRecord], heard: Heard
) -> None:
    """One value for all inputs at once, an eighth of the values to each event: those of one tab get all."""
    put("source")
    put("enriched", score=0.8, verdict="right")
    before = kept(served)
    for n, event in enumerate(e for e in events(web) if e["inputs"]):
        chosen = HOSTILE[n % 8 :: 8]
        heard.after(web, event, list(chosen), [ask(web, event, [v] * len(event["inputs"])) for v in chosen])
    assert_well(served, web, heard, before)


SHAPES: tuple[Any, ...] = (None, [], "data", 5, {"0": 1}, [None] * 500, [[[]]], True)


@pytest.mark.slow
def test_bodies_of_any_shape_are_answered(
    web: httpx.Client, served: Served, put: Callable[..., ImageRecord], heard: Heard
) -> None:
    """Too few values, too many, none, no list."""
    put("source")
    before = kept(served)
    for event in events(web):
        heard.after(web, event, list(SHAPES), [ask(web, event, data) for data in SHAPES])
    assert_well(served, web, heard, before)


ODD: tuple[dict[str, Any], ...] = (
    {"fn_index": -1}, {"fn_index": 10**9}, {"fn_index": "x"}, {"fn_index": None}, {"fn_index": 1.5}, {"fn_index": []},
    {"session_hash": None}, {"session_hash": 5}, {"session_hash": "\ud800"}, {"session_hash": "../x"},
    {"session_hash": ""}, {"session_hash": "x" * 10_000}, {"trigger_id": -1}, {"trigger_id": "x"}, {"trigger_id": []},
    {"trigger_id": 10**30}, {"batched": "x"}, {"simple_format": 5}, {"event_id": {}}, {"data": "x"}, {"data": None},
)  # fmt: skip
HARMLESS: tuple[dict[str, Any], ...] = (
    {"event_data": 5}, {"event_data": "x"}, {"event_data": []}, {"event_data": {"angle": [], "expression": {}}},
    {"event_data": NASTY}, {"event_id": "x"}, {"username": "root"}, {"unknown": 1}, {"request": {"headers": {}}},
)  # fmt: skip


def test_what_no_page_sends_is_refused_before_gradio_sees_it(web: httpx.Client, heard: Heard) -> None:
    """The wrong event, session, trigger; no JSON at all. In words, and the next event is answered."""
    some = [e for e in events(web) if e["inputs"]][::25]
    for event in some:
        values = [None] * len(event["inputs"])
        for odd in ODD:
            data = odd.get("data", values)
            answer = ask(web, event, data, **{k: v for k, v in odd.items() if k != "data"})
            assert (answer.status_code, bool(answer.json()["detail"])) == (422, True), (odd, answer.text)
    for raw in (b"", b"{", b"null", b"[]", b"5", b'"x"', b"\xff\xfe", b'{"data": NaN}', b"[" * 5000):
        answer = web.post(f"{API}/queue/join", content=raw, headers={"content-type": "application/json"})
        assert answer.status_code == 422, raw[:20]
    for event in some[:3]:
        values = [None] * len(event["inputs"])
        heard.after(web, event, list(HARMLESS), [ask(web, event, values, **more) for more in HARMLESS])
    assert not heard.faults, "\n".join(heard.faults[:20])


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_every_input_of_every_event_takes_anything(
    web: httpx.Client, served: Served, put: Callable[..., ImageRecord], heard: Heard
) -> None:
    """Each value alone at all inputs, then mixtures of hostile values and of those that the page began with. Every
    fourth event: all of them take four times as long."""
    for kind in ("source", "enriched", "synthetic", "survey", "card"):
        put(kind, score=0.8, verdict="right")
    served.studio.session.store.put(Character(id="bo", name=NASTY, generator="mini-flux", editor="mini-qwen-edit"))
    before, dice = kept(served), random.Random(1)
    config = web.get("/config").json()
    usual = {part["id"]: part["props"].get("value") for part in config["components"]}
    for event in events(web)[::4]:
        sent = [[v] * len(event["inputs"]) for v in HOSTILE]
        sent += [[dice.choice([usual.get(i), dice.choice(HOSTILE)]) for i in event["inputs"]] for _ in range(MIXES)]
        for at in range(0, len(sent), 10):
            part = sent[at : at + 10]
            heard.after(web, event, part, [ask(web, event, data, event_data=dice.choice(HOSTILE)) for data in part])
    print(f"{heard.asked} bodies, {len(heard.faults)} faults")
    assert_well(served, web, heard, before)


@pytest.fixture
def nobody(workspace_root: Path) -> Iterator[tuple[Served, httpx.Client]]:
    """A studio in which no character was made yet."""
    with open_session(workspace_root) as session:
        studio = Studio(session)
        with serving(studio) as port:
            served = Served(studio, f"http://127.0.0.1:{port}")
            alone = httpx.Limits(max_keepalive_connections=0)  # see web
            with httpx.Client(base_url=served.url, timeout=120, limits=alone) as client:
                client.get("/")
                yield served, client


@pytest.mark.slow
def test_a_studio_without_a_character_answers_every_event_and_keeps_nothing(
    nobody: tuple[Served, httpx.Client], heard: Heard
) -> None:
    """All that can be pressed before anyone is made is answered in words."""
    served, web = nobody
    config = web.get("/config").json()
    usual = {part["id"]: part["props"].get("value") for part in config["components"]}
    for event in events(web):
        sent = [[usual.get(i) for i in event["inputs"]], [None] * len(event["inputs"])]
        heard.after(web, event, sent, [ask(web, event, data) for data in sent])
    assert_well(served, web, heard, dict.fromkeys((k.__name__ for k in KINDS), 0))
    assert served.studio.session.store.all(SavedStack) == []
