"""The studio is ended while a page is open, as by Ctrl+C in its terminal."""

import http.client
from pathlib import Path

from browser_helpers import start, stop


def test_the_end_is_no_error_though_a_page_listens(tmp_path: Path) -> None:
    """A page keeps lines open on which it hears of answers; that they are cut is the end, and no traceback."""
    told = tmp_path / "told.txt"
    with told.open("wb") as log:
        running = start(tmp_path / "workspace", log)
        line = http.client.HTTPConnection("127.0.0.1", running.port, timeout=60)
        line.request("GET", "/gradio_api/heartbeat/abc", headers={"Host": f"127.0.0.1:{running.port}"})
        answer = line.getresponse()
        assert answer.status == 200 and answer.read(1), "it is open and says something"
        stop(running)
        line.close()
    words = told.read_text()
    assert running.process.returncode in (0, -15), running.process.returncode
    assert "FLENwheel is open at" in words
    assert "Traceback" not in words and "ERROR" not in words, words
