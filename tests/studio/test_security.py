"""What a page of another origin, another host, another machine or a hostile name may not do."""

from pathlib import Path

import pytest
from fastapi import Request
from fastapi.testclient import TestClient

from pipelines.storage.settings import places
from pipelines.workflow.opening import open_session
from studio.app import build
from studio.server.loopback import from_here
from studio.server.place import listen
from studio.server.state import Studio

FOREIGN = {"Origin": "https://evil.example"}
OWN = {"Origin": "http://127.0.0.1:7860"}
WRITES = (
    "/decisions",
    "/characters",
    "/settings",
    "/cards",
    "/corrections",
    "/jobs/x/cancel",
    "/gradio_api/component_server",
    "/gradio_api/upload",
    "/gradio_api/queue/join",
)
ESCAPES = (
    "/img/../../../../etc/passwd",
    "/img/..%2f..%2f..%2fetc%2fpasswd",
    "/img/%2e%2e/settings.toml",
    "/img/settings.toml",
    "/img/" + "0" * 64,
    "/img/" + "A" * 64,
    "/ui/../server.py",
    "/ui/%2e%2e%2fserver.py",
)


@pytest.fixture(scope="module")
def client(whole: Studio) -> TestClient:
    """Everything: own routes, Gradio's page and endpoints, the guard around them."""
    return TestClient(build(whole), base_url="http://127.0.0.1:7860")


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "10.0.0.1"])
def test_an_unknown_host_is_refused(client: TestClient, host: str) -> None:
    assert client.get("/status", headers={"Host": host}).status_code == 400
    assert client.get("/", headers={"Host": host}).status_code == 400


@pytest.mark.parametrize("host", ["127.0.0.1:7860", "localhost:7860"])
def test_this_machine_is_answered(client: TestClient, host: str) -> None:
    assert client.get("/status", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("path", WRITES)
def test_another_origin_may_not_write(client: TestClient, path: str) -> None:
    body = '{"decisions": []}'
    for headers in (FOREIGN, {"Origin": "null"}, {"Origin": "http://127.0.0.1:9999"}, {"Sec-Fetch-Site": "cross-site"}):
        answer = client.post(path, content=body, headers={**headers, "Content-Type": "text/plain"})
        assert answer.status_code == 403, (path, headers)
    assert client.post(path, content=body, headers=OWN).status_code != 403
    assert client.post(path, content=body).status_code != 403


def test_a_foreign_write_changes_nothing(client: TestClient, whole: Studio) -> None:
    asked = {"name": "Mallory", "may_use": True}
    assert client.post("/characters", json=asked, headers=FOREIGN).status_code == 403
    assert client.get("/status").json()["characters"] == [{"id": "ada", "name": "Ada"}]
    assert client.post("/characters", json=asked, headers=OWN).status_code == 200
    assert whole.character_id == "mallory"


@pytest.mark.parametrize("path", ESCAPES)
def test_only_pictures_of_the_store_are_served(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert b"root:" not in answer.content


def test_gradio_serves_no_file_of_the_workspace(client: TestClient, whole: Studio) -> None:
    secret = whole.session.workspace.root / "secret.png"
    secret.write_bytes(b"secret")
    answer = client.get(f"/gradio_api/file={secret}")
    assert answer.status_code in (403, 404)
    assert answer.content != b"secret"


def test_a_body_that_is_too_long_or_of_unknown_length_is_refused(client: TestClient) -> None:
    assert client.post("/corrections", headers={"Content-Length": str(3 * 1024**3)}).status_code == 413
    assert client.post("/decisions", content=iter([b"{}"])).status_code == 411


def test_headers_keep_foreign_things_out(client: TestClient) -> None:
    for path in ("/", "/status", "/ui/page.js"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "default-src 'self'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "http" not in headers["content-security-policy"].replace("https", "http").split("default-src")[1]
        assert "access-control-allow-origin" not in headers


def test_a_taken_port_is_told_in_words() -> None:
    with listen("127.0.0.1", 0) as door, pytest.raises(OSError, match="Try --port"):
        listen("127.0.0.1", door.getsockname()[1])


def test_the_studio_listens_to_this_machine_only() -> None:
    with listen("127.0.0.1", 0) as door:
        assert door.getsockname()[0] == "127.0.0.1"


LAN = "192.168.7.5"
WORD = "open sesame"


@pytest.fixture
def from_elsewhere(whole: Studio) -> TestClient:
    """Another machine's way to a studio that was opened with ``--host``, once the password was said."""
    app = build(whole, host=LAN, password=WORD)
    client = TestClient(app, base_url=f"http://{LAN}:7860", client=("192.168.7.9", 50000))
    client.get("/status", params={"token": WORD})
    return client


def test_another_site_may_not_read(whole: Studio) -> None:
    """Gradio would allow it to any other port of this machine, and with ``--host`` to every site there is."""
    for host, origins in {
        "127.0.0.1": ("http://127.0.0.1:9999", "http://localhost:7860", "https://evil.example", "null"),
        LAN: ("https://evil.example", f"http://{LAN}:9999", "null"),
    }.items():
        client = TestClient(build(whole, host=host, password=WORD), base_url=f"http://{host}:7860")
        client.get("/status", params={"token": WORD})
        for origin in origins:
            for method in ("GET", "OPTIONS", "HEAD"):
                for path in ("/config", "/status", "/gradio_api/queue/data?session_hash=s"):
                    asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
                    answer = client.request(method, path, headers=asked)
                    assert answer.status_code == 403, (method, path, origin)
                    assert "access-control-allow-origin" not in answer.headers
        assert client.get("/status", headers={"Origin": f"http://{host}:7860"}).status_code == 200


def test_another_machine_uses_the_studio_and_chooses_no_folder_of_it(
    from_elsewhere: TestClient, whole: Studio, tmp_path: Path
) -> None:
    open_session(tmp_path / "private").close()
    here = whole.session.workspace.root
    assert from_elsewhere.get("/status").status_code == 200
    for answer in (
        from_elsewhere.post("/workspace", json={"path": str(tmp_path / "private")}),
        from_elsewhere.get("/workspaces"),
        from_elsewhere.get("/folders", params={"at": str(tmp_path)}),
        *(from_elsewhere.post("/settings", json={name: str(tmp_path)}) for name in places()),
        from_elsewhere.post("/settings", json={"theme": "light", "models_dir": r"\\evil.example\share"}),
    ):
        assert answer.status_code == 403
        assert "on the machine that runs the studio" in answer.json()["detail"]
        assert str(tmp_path) not in answer.text
    assert whole.session.workspace.root == here
    assert not (here / "settings.toml").exists() or "theme" not in (here / "settings.toml").read_text()
    assert not {f["name"] for f in from_elsewhere.get("/settings").json()["fields"]} & places()
    assert from_elsewhere.post("/settings", json={"theme": "dark"}).status_code == 200


@pytest.mark.parametrize(
    ("at", "client", "more", "here"),
    [
        ("127.0.0.1", "127.0.0.1", {}, True),
        ("::1", "::1", {"host": "[::1]:7860"}, True),
        ("::ffff:127.0.0.1", "::ffff:127.0.0.1", {"x-forwarded-for": "127.0.0.1"}, True),
        (LAN, LAN, {}, False),
        (LAN, "127.0.0.1", {}, False),
        ("::ffff:192.168.7.5", "::ffff:192.168.7.9", {}, False),
        ("127.0.0.1", "203.0.113.7", {}, False),  # by way of a proxy on this machine, which says for whom it asks
        ("::1", "::1", {"x-forwarded-for": "203.0.113.7"}, False),
        ("127.0.0.1", "127.0.0.1", {"x-real-ip": "203.0.113.7"}, False),
        ("127.0.0.1", "127.0.0.1", {"forwarded": "for=203.0.113.7;by=127.0.0.1"}, False),
        ("127.0.0.1", "127.0.0.1", {"host": "studio.lan"}, False),  # or under which name it was asked
        ("127.0.0.1", "127.0.0.1", {"host": "192.168.7.5:7860"}, False),
    ],
)
def test_this_machine_is_told_from_others_by_the_connection(
    at: str, client: str, more: dict[str, str], here: bool
) -> None:
    headers = [(k.encode(), v.encode()) for k, v in ({"host": "localhost:7860"} | more).items()]
    scope = {
        "type": "http", "server": (at, 7860), "client": (client, 1), "headers": headers, "path": "/", "scheme": "http"
    }  # fmt: skip
    assert from_here(Request(scope)) is here


def test_every_setting_that_names_a_place_is_known_as_one() -> None:
    assert places() == {"models_dir", "cache_dir", "insightface_root", "facenet_weights", "shared_folders"}
