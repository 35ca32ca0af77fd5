"""The studio, put together: the page, the server around it, and serving it.

The page is one window, six tabs, one header, one job bar. All components are made first, then all events are wired.

Stable ids for tests and scripts. A tab's button is ``#tab-<name>-button`` and its panel ``#tab-<name>``; names: survey,
enrich, train, generate, review, model_card.

header    #workspace-name #character-picker (select) #new-character #character-name #character-class #character-token
          #character-origin #character-may-use #create-character #settings-open #settings-save #theme-switch
          #rail-<key> #next-action
presets   #presets-folder #presets-kinds #presets-problems #presets-said #presets-begin #presets-reload; in Settings
start     #start-new #start-open #start-cast .face[data-number] #workspace-path #workspace-open; empty workspaces only
job bar   #unsent #job-title #job-progress #job-pause #job-stop #job-list-open #job-list #job-resume-<id>
          #job-cancel-<id>
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

import asyncio
import logging
import os
import shutil
import socket
import threading
import webbrowser
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

# Gradio reads these when it is imported.
os.environ.update(GRADIO_ANALYTICS_ENABLED="False", HF_HUB_DISABLE_TELEMETRY="1", GRADIO_RUN_HISTORY="False")

import gradio as gr
import uvicorn
from fastapi import FastAPI
from starlette.routing import Mount

from pipelines.domain.base import content_hash
from pipelines.storage.atomic import make_folder
from pipelines.workflow.opening import open_session
from studio.components.forms import hear_all
from studio.components.job_bar import JobBar
from studio.components.rail import Header
from studio.components.shell import Shell
from studio.components.start import Start
from studio.components.theme import theme
from studio.server import web
from studio.server.entry import QUERY, Entry, made_password
from studio.server.loopback import LOOPBACK
from studio.server.own import own
from studio.server.place import Opening, Place
from studio.server.security import UPLOAD_LIMIT, Guard
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
        made = []
        with gr.Tabs(elem_id="tabs", selected="enrich"):
            for name, title, tab in TABS:
                with gr.Tab(title, id=name, elem_id=f"tab-{name}"):
                    made.append((tab, tab.build(studio), Shell(name)))
        JobBar(elem_id="job-bar")
        for tab, parts, shell in made:
            tab.wire(parts, studio, shell)
        hear_all(blocks)
    return blocks


def made_of(blocks: gr.Blocks) -> str:
    """What a page is made of, as a hash: its components and events in their order, by which it asks for them. A page
    that was made otherwise, by another version or with other presets, would have its values read by other handlers."""
    place = {key: number for number, key in enumerate(blocks.blocks)}
    parts = [(type(block).__name__, str(block.elem_id or "")) for block in blocks.blocks.values()]
    events = [
        (
            [(-1 if part is None else place[part], name) for part, name in fn.targets],
            *([place[part._id] for part in said] for said in (fn.inputs, fn.outputs)),
        )
        for fn in blocks.fns.values()
    ]
    return content_hash([version("flenwheel"), parts, events])


EXPOSED = """
Who opens that address with its password sees every picture of the open workspace, decides, trains, changes settings and
can fill your disk. Folders are chosen on this machine alone. Nothing is encrypted on the way: in a network that you do
not trust put a proxy with TLS before it."""
MADE = "The password is {password} (made for this start; choose your own with --password)."
GIVEN = "It asks for the password that you gave."


def build(
    studio: Studio, host: str = "127.0.0.1", port: int = 7860, *, place: Place | None = None, password: str = ""
) -> FastAPI:
    """The whole application around an open session, not yet serving. What others can reach has a password always."""
    place = place or Place(host, port)
    uploads = studio.session.workspace.root / "cache" / "uploads"
    shutil.rmtree(uploads, ignore_errors=True)  # what was dropped in earlier sessions has been taken in or refused
    make_folder(uploads)
    os.environ["GRADIO_TEMP_DIR"] = str(uploads)
    shown = page(studio)
    studio.page = made_of(shown)
    app = gr.mount_gradio_app(
        own(studio),
        shown,
        path="/",
        server_name=place.host,
        server_port=place.port,
        footer_links=[],
        run_history=False,
        show_error=True,
        max_file_size=UPLOAD_LIMIT,
        ssr_mode=False,
        enable_monitoring=False,
        mcp_server=False,
        theme=theme(),
        head=web.head(),
        favicon_path=str(web.ICON),
        allowed_paths=[],
    )
    mounted = next(route for route in app.routes if isinstance(route, Mount))
    mounted.app = Doors(mounted.app, shown.fns, uploads)
    if place.shared and not password:
        password = made_password()
    app.add_middleware(Guard, place=place, entry=Entry(password) if password else None)
    return app


def entrances(place: Place, password: str) -> list[str]:
    """The addresses to open, this machine's own first, the password in them."""
    key = f"?{urlencode({QUERY: password})}" if password else ""
    return [f"{address}/{key}" if key else address for address in place.addresses()]


def welcome(place: Place, workspace: Path, password: str = "", told: bool = True) -> str:
    """What is told on the terminal when the studio opens: where it is, and what others can do there. A password that
    the user gave is not told (``told``): it stays out of what is logged."""
    words = f"FLENwheel is open at {' or '.join(entrances(place, password if told else ''))} (workspace {workspace})"
    if place.names:
        under = f" under {place.root}" if place.root else ""
        words += f"\nIt answers to {', '.join(place.names)} as well{under}: pass that name on in your proxy."
    if place.shared:
        words += EXPOSED
    return f"{words}\n{MADE.format(password=password) if told else GIVEN}" if password else words


class NoError(logging.Filter):
    """Leaves out what uvicorn says when it ends while pages are open: that their lines are cut, or that
    Ctrl+C was pressed once more, is the end itself."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether it is to be told."""
        cut = record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError)
        words = record.getMessage().rstrip()
        return not (cut or "timeout graceful shutdown" in words or words.endswith(asyncio.CancelledError.__name__))


def serve(workspace: Path, opening: Opening, door: socket.socket, *, open_browser: bool = True) -> None:
    """Open the workspace and serve the studio at ``door`` (``listen``) until it is stopped. Raises WorkspaceBusy."""
    bound, port = door.getsockname()[:2]
    place = Place(bound, port, opening.names, opening.root, opening.host)
    password = opening.password or (made_password() if place.shared else "")
    with Studio(open_session(workspace), place.addresses()[0]) as studio:
        app = build(studio, place=place, password=password)
        studio.session.store.announce(studio.address)
        if open_browser:
            threading.Timer(1.0, webbrowser.open, entrances(place, password)[:1]).start()
        warm = threading.Timer(WARM_AFTER, lambda: studio.session.own_queue.warm())  # the page comes first
        warm.daemon = True
        warm.start()
        words = welcome(place, workspace, password, told=not opening.password)
        print(words, flush=True)  # noqa: T201 - told on the terminal
        trusted: list[str] = list(LOOPBACK)  # a proxy on this machine says for whom it asks
        config = uvicorn.Config(
            app, log_level="warning", server_header=False, timeout_graceful_shutdown=2, forwarded_allow_ips=trusted
        )
        logging.getLogger("uvicorn.error").addFilter(NoError())
        uvicorn.Server(config).run(sockets=[door])
