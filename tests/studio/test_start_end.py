"""The studio is ended while a page is open, as by Ctrl+C in its terminal."""

import http.client
import signal
import socket
import time
from pathlib import Path

import pytest
from browser_helpers import start


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.slow
@pytest.mark.parametrize("pressed", [[signal.SIGTERM], [signal.SIGINT], [signal.SIGINT, signal.SIGINT]])
def test_the_end_is_no_error_though_a_page_listens(tmp_path: Path, pressed: list[signal.Signals]) -> None:
    """A page keeps lines open on which it hears of answers; that they are cut is the end, and no traceback. ``uv run``
    passes Ctrl+C on that the studio has heard already."""
    told = tmp_path / "told.txt"
    with told.open("wb") as log:
        running = start(tmp_path / "workspace", log)
        line = http.client.HTTPConnection("127.0.0.1", running.port, timeout=60)
        line.request("GET", "/gradio_api/heartbeat/abc", headers={"Host": f"127.0.0.1:{running.port}"})
        answer = line.getresponse()
        assert answer.status == 200 and answer.read(1), "it is open and says something"
        for sent in pressed:
            running.process.send_signal(sent)
            while answers(running.port):  # two signals at once would be one
                time.sleep(0.02)
        running.process.wait(timeout=120)
        line.close()
    words = told.read_text()
    assert "FLENwheel is open at" in words
    assert "Traceback" not in words and "ERROR" not in words, words
