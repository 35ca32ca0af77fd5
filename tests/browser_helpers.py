"""The studio as a user starts it, in a process of its own, and a real Chromium to look at it."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

# a busy machine answers late; that is no defect
expect.set_options(timeout=30_000)


def chromium_path() -> str:
    """Where Chromium is. Its absence fails in CI and skips elsewhere."""
    found = os.environ.get("FLENWHEEL_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if found:
        return found
    words = "Chromium is not installed (apt install chromium, or set FLENWHEEL_CHROMIUM)"
    if os.environ.get("CI"):
        pytest.fail(words)
    pytest.skip(words)


@contextmanager
def chromium() -> Iterator[Browser]:
    """A headless Chromium."""
    path = chromium_path()
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-background-networking"]
        )
        yield opened
        opened.close()


@dataclass
class Running:
    """A studio process: where it answers and who it is."""

    workspace: Path
    port: int
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def has_torch(self) -> bool:
        """Whether the process has torch's library in memory (Linux tells)."""
        return "libtorch" in Path(f"/proc/{self.process.pid}/maps").read_text()


def start(workspace: Path, log: IO[bytes] | None = None) -> Running:
    """``flenwheel --no-browser`` on a free port; returns when it answers. What it says goes to ``log``, if any."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "studio",
        "--workspace",
        str(workspace),
        "--port",
        str(port),
        "--no-browser",
    ]
    running = Running(workspace, port, subprocess.Popen(command, stdout=log, stderr=log and subprocess.STDOUT))
    for _ in range(1200):
        try:
            urllib.request.urlopen(running.url, timeout=10).close()
            return running
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            if running.process.poll() is not None:
                break
            time.sleep(0.1)
    running.process.kill()
    pytest.fail("the studio did not start")


def stop(running: Running) -> None:
    """End it as Ctrl-C would."""
    running.process.terminate()
    try:
        running.process.wait(timeout=30)
    except subprocess.TimeoutExpired:
        running.process.kill()
