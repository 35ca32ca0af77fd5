"""How long until the studio answers? ``python tests/benchmarks/bench_start.py [rounds]``

By turns, so that all see the same machine: the studio on a new workspace and a bare Gradio app of six tabs, until they
answer ``/``; then ``flenwheel status`` beside a Python that does nothing. Prints medians in seconds, and ratios: of the
clock, and of the processor, which counts the same however busy the machine is.
"""

import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import psutil

Took = tuple[float, float]
"""Seconds of the clock, and of the processor."""
ROOT = Path(__file__).resolve().parents[2]
BARE = """
import os, sys
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
import gradio as gr
with gr.Blocks() as blocks:
    with gr.Tabs():
        for name in ("survey", "enrich", "train", "generate", "review", "card"):
            with gr.Tab(name):
                gr.Textbox()
                gr.Button()
blocks.launch(server_port=int(sys.argv[1]), inbrowser=False, quiet=True)
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(command: list[str], port: int) -> Took:
    """From the start of a process until it answers."""
    began = time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(process, port)
        took = time.perf_counter() - began
        mine = psutil.Process(process.pid)
        every = [p.cpu_times() for p in (mine, *mine.children(recursive=True))]
        return took, sum(p.user + p.system for p in every)
    finally:
        process.terminate()
        process.wait()


def wait_for(process: subprocess.Popen[bytes], port: int) -> None:
    """Until a process answers at a port. Raises RuntimeError when it ends instead."""
    while process.poll() is None:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=1200).close()
            return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.02)
    raise RuntimeError(f"{process.args} ended by itself")


def ends(command: list[str]) -> Took:
    """What a process takes from beginning to end."""
    began, before = time.perf_counter(), os.times()
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    after = os.times()
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    return time.perf_counter() - began, spent


def once(folder: Path) -> dict[str, Took]:
    """Each of them, one after the other."""
    python, studio, bare = sys.executable, free_port(), free_port()
    workspace = ["--workspace", str(folder / "workspace")]
    return {
        "studio": answers([python, "-m", "studio", *workspace, "--port", str(studio), "--no-browser"], studio),
        "bare": answers([python, "-c", BARE, str(bare)], bare),
        "status": ends([python, "-m", "studio", *workspace, "status"]),
        "python": ends([python, "-c", "pass"]),
    }


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    with tempfile.TemporaryDirectory() as folder:
        times = [once(Path(folder)) for _ in range(rounds)]
    for name in times[0]:
        took, spent = (statistics.median(t[name][n] for t in times) for n in (0, 1))
        print(f"{name}: {took:.2f} s, of the processor {spent:.2f} s")
    took, spent = (statistics.median(t["studio"][n] / t["bare"][n] for t in times) for n in (0, 1))
    print(f"studio over bare: {took:.2f}, of the processor {spent:.2f}")


if __name__ == "__main__":
    main()
