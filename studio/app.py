"""The studio, put together: the page, the server around it, and serving it.

The page is one window, six tabs, one header, one job bar. All components are made first, then all events are wired.

Stable ids for tests and scripts. A tab's button is ``#tab-<name>-button`` and its panel ``#tab-<name>``; names: survey,
enrich, train, generate, review, model_card.

header    #workspace-name #character-picker (select) #new-character #character-name #character-class #character-token
          #character-origin #character-may-use #create-character #settings-open #settings-save #theme-switch
          #rail-<key> #next-action
presets   #presets-folder #presets-kinds #presets-problems #presets-said #presets-begin #presets-reload; in Settings
start     #start-new #start-open #start-cast .face[data-number] #workspace-path #workspace-open; empty workspaces only
job bar   #job-title #job-progress #job-pause #job-stop #job-list-open #job-list #job-resume-<id> #job-cancel-<id>
review    #review-gate-enriched|synthetic|card #review-filter-open|all|good|needs_correction|reject|right|unsure|wrong
          #review-picture (data-id) #review-reference #review-film #review-position #review-label #review-live
          #review-good #review-correct #review-reject #review-undo #review-view-single #review-view-grid #review-help
          #review-filter #review-pristine #correction-file #correction-wrong #correction-send
pristine  #pristine-dialog #pristine-most #pristine-keep, .kb-tile[aria-pressed]
threshold #review-threshold #enrich-threshold #threshold-dialog #threshold-calibrate #threshold-progress
          #threshold-stop #threshold-score #threshold-report
card      #card-lora #card-seed #card-run #card-version (select) #card-compare (select) #card-headline #card-poster
          .cell[data-cell="front/neutral"][data-verdict="right|wrong|unsure|missing"]
picture   #picture-dialog #picture-good #picture-correct #picture-reject #picture-angle #picture-expression
strip     figure.tile[data-id] with its tick box input.tick, inside the elem_id its tab gave it
"""

import os
import shutil
import socket
import threading
import webbrowser
from pathlib import Path
from typing import Any

# Gradio reads these when it is imported.
os.environ.update(GRADIO_ANALYTICS_ENABLED="False", HF_HUB_DISABLE_TELEMETRY="1", GRADIO_RUN_HISTORY="False")

import gradio as gr
import uvicorn
from fastapi import FastAPI
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.routing import Mount

from pipelines.storage.atomic import make_folder
from pipelines.workflow.opening import open_session
from studio.components.island import Island
from studio.components.job_bar import JobBar
from studio.components.rail import Header
from studio.components.shell import Shell
from studio.components.start import Start
from studio.components.theme import theme
from studio.server import web
from studio.server.loopback import LOOPBACK
from studio.server.own import own
from studio.server.security import UPLOAD_LIMIT, Guard, known_hosts
from studio.server.state import Studio
from studio.server.uploads import Doors, GuardedBlocks
from studio.tabs import enrich, generate, model_card, review, survey, train

WARM_AFTER = 3.0  # seconds

TABS: tuple[tuple[str, str, Any], ...] = (
    ("survey", "Survey", survey),
    ("enrich", "Enrich", enrich),
    ("train", "Train", train),
    ("generate", "Generate", generate),
    ("review", "Review", review),
    ("model_card", "Model Card", model_card),
)


def page(studio: Studio) -> gr.Blocks:
    """The whole page. Nothing is computed here: each part asks for its data when it is on screen."""
    with GuardedBlocks(title="FLENwheel", analytics_enabled=False, fill_width=True) as blocks:
        Header(elem_id="header")
        Start(elem_id="start")
        shell = Shell(changed=Island("changed", elem_id="changed", elem_classes="flen-hidden"))
        made = []
        with gr.Tabs(elem_id="tabs", selected="enrich"):
            for name, title, tab in TABS:
                with gr.Tab(title, id=name, elem_id=f"tab-{name}"):
                    made.append((tab, tab.build(studio)))
        JobBar(elem_id="job-bar")
        for tab, parts in made:
            tab.wire(parts, studio, shell)
    return blocks


def build(studio: Studio, host: str = "127.0.0.1", port: int = 7860) -> FastAPI:
    """The whole application around an open session, not yet serving."""
    uploads = studio.session.workspace.root / "cache" / "uploads"
    shutil.rmtree(uploads, ignore_errors=True)  # what was dropped in earlier sessions has been taken in or refused
    make_folder(uploads)
    os.environ["GRADIO_TEMP_DIR"] = str(uploads)
    app = gr.mount_gradio_app(
        own(studio),
        page(studio),
        path="/",
        server_name=host,
        server_port=port,
        footer_links=[],
        run_history=False,
        show_error=True,
        max_file_size=UPLOAD_LIMIT,
        ssr_mode=False,
        enable_monitoring=False,
        mcp_server=False,
        theme=theme(),
        head=web.head(),
        allowed_paths=[],
    )
    mounted = next(route for route in app.routes if isinstance(route, Mount))
    mounted.app = Doors(mounted.app)
    app.add_middleware(Guard)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=known_hosts(host), www_redirect=False)
    return app


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there. Raises OSError in words when the port is taken or the host is not ours."""
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise OSError(
            f"Cannot listen on {host}:{port} ({error.strerror}). Is a studio open there? Try --port."
        ) from error


def welcome(address: str, workspace: Path, host: str) -> str:
    """What is told on the terminal when the studio opens."""
    words = f"FLENwheel is open at {address} (workspace {workspace})"
    if host in LOOPBACK:
        return words
    return f"{words}\nThere is no password: who reaches that address sees the pictures and uses the studio."


def serve(workspace: Path, host: str = "127.0.0.1", port: int = 7860, open_browser: bool = True) -> None:
    """Open the workspace and serve the studio until it is stopped. Raises WorkspaceBusy, OSError (port in use)."""
    address = f"http://{'localhost' if host in LOOPBACK else host}:{port}"
    with listen(host, port) as door, Studio(open_session(workspace), address) as studio:
        app = build(studio, host, port)
        studio.session.store.announce(address)
        config = uvicorn.Config(app, log_level="warning", server_header=False, timeout_graceful_shutdown=2)
        if open_browser:
            threading.Timer(1.0, webbrowser.open, [address]).start()
        warm = threading.Timer(WARM_AFTER, lambda: studio.session.jobs.warm())  # the page comes first
        warm.daemon = True
        warm.start()
        print(welcome(address, workspace, host), flush=True)  # noqa: T201 - told on the terminal
        uvicorn.Server(config).run(sockets=[door])
