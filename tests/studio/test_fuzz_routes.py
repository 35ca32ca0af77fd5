"""Every JSON route of the studio, asked anything: it answers in words or with what is asked for, never with a failure
of its own (500)."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from studio_helpers import NASTY, api_routes

from pipelines.domain.records import ImageRecord
from studio.server.own import own
from studio.server.state import Studio

BODIES = 60
"""Bodies, and as many addresses, that each route is asked with."""
PARAMETER = re.compile(r"\{(\w+)(?::\w+)?\}")
numbers = st.one_of(st.integers(), st.floats(), st.sampled_from([0, -1, 2**31, 2**63, 10**400, 1e308]))
words = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        ["", " ", "ada", "../../etc/passwd", "..\\x", "\x00", "\ud800", NASTY, "a" * 5000, "front", "good"]
    ),
)
plain = st.one_of(st.none(), st.booleans(), numbers, words)
anything = st.recursive(
    plain,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(words, inner, max_size=5)),
    max_leaves=12,
)


@pytest.fixture
def client(studio: Studio, put: Callable[..., ImageRecord]) -> Iterator[TestClient]:
    """The studio's own routes, with pictures to speak of."""
    for kind in ("source", "enriched", "synthetic", "survey", "card"):
        put(kind, score=0.8, verdict="right")
    with TestClient(own(studio), base_url="http://127.0.0.1:7860", raise_server_exceptions=False) as made:
        yield made


def routes(client: TestClient) -> list[tuple[str, APIRoute]]:
    return [(method, r) for r in api_routes(client.app) for method in sorted(r.methods)]


def fields(route: APIRoute) -> list[str]:
    """Names that the bodies of a route may have."""
    known = [name for param in route.dependant.body_params for name in _names(param.field_info.annotation, param.name)]
    return known or ["x"]


def _names(annotation: Any, name: str) -> list[str]:
    return list(getattr(annotation, "model_fields", {}) or getattr(annotation, "__annotations__", {})) or [name]


def address(route: APIRoute, data: Any, known: list[str]) -> str:
    """The route's path, with anything, or an id that there is, in place of its parameters."""
    pick = st.one_of(st.sampled_from(known), words.filter(lambda text: text.isprintable()))
    return PARAMETER.sub(
        lambda _: data.draw(pick).replace("/", "%2F").replace("?", "%3F").replace("#", "%23"), route.path
    )


def body(route: APIRoute) -> st.SearchStrategy[Any]:
    shaped = st.dictionaries(st.sampled_from(fields(route)), anything, max_size=6)
    return st.one_of(shaped, anything)


def queries(route: APIRoute) -> st.SearchStrategy[dict[str, Any]]:
    names = [p.name for p in route.dependant.query_params]
    return st.dictionaries(st.sampled_from(names), words) if names else st.just({})


def asked_anything(client: TestClient, method: str, route: APIRoute, known: list[str]) -> int:
    """Ask a route again and again; how often. Raises AssertionError with the smallest request that makes it fail."""
    count = 0

    @settings(
        max_examples=BODIES, deadline=None, database=None, suppress_health_check=list(HealthCheck), derandomize=True
    )
    @given(st.data())
    def ask(data: Any) -> None:
        nonlocal count
        path, query = address(route, data, known), data.draw(queries(route))
        sent = json.dumps(data.draw(body(route))).encode() if method in ("POST", "PUT", "PATCH") else None
        answer = client.request(
            method,
            path,
            params={name: text.encode("utf-8", "replace") for name, text in query.items()},
            content=sent,
            headers={"content-type": "application/json"},
        )
        count += 1
        assert answer.status_code < 500, (method, path, query, sent, answer.text[:500])

    ask()
    return count


@pytest.mark.slow(seconds=180)
def test_no_route_fails_whatever_it_is_asked(client: TestClient, studio: Studio) -> None:
    known = ["ada", *(i.id for i in studio.session.store.all(ImageRecord))]
    asked, failed = 0, []
    for method, route in routes(client):
        try:
            asked += asked_anything(client, method, route, known)
        except AssertionError as failure:
            failed.append(f"{method} {route.path}: {failure}")
    print(f"{len(routes(client))} routes, {asked} requests, {len(failed)} routes that failed")
    assert failed == []
    assert len(routes(client)) > 30
    assert asked > BODIES * len(routes(client)) // 4
    assert client.get("/status").status_code == 200
