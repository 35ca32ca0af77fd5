"""The browser's side: the ES modules and styles of ``studio/web``, joined, and the facts they start from."""

import hashlib
from functools import lru_cache
from pathlib import Path

from fastapi import APIRouter, Request, Response
from fastapi.responses import FileResponse, JSONResponse

from pipelines.domain.base import Frozen
from pipelines.domain.scores import ANGLES, EXPRESSIONS
from pipelines.workflow import review, review_order
from studio.server import foresight, joined
from studio.server.state import Studio

WEB = Path(__file__).parents[1] / "web"
SCRIPT, STYLES = "page.js", "page.css"
ICON = WEB / "icon.svg"
DARK = "#0f1115"


class Facts(Frozen):
    """What the page knows for good: failure modes by their letter, and each in words, what a picture can show, the
    piles of Review and the orders to look through them in words, what decisions lead to (by action and value), the
    theme at first, which workspace it shows (decisions that wait in the browser are its alone), and what it is made
    of."""

    failures: dict[str, str]
    failure_words: dict[str, str]
    angles: tuple[str, ...]
    expressions: tuple[str, ...]
    theme: str
    workspace: str
    workspace_id: str
    page: str
    piles: dict[str, str]
    orders: dict[str, str]
    outcomes: dict[str, dict[str, foresight.Outcome]]


def head() -> str:
    """What the page's head needs: the styles and the script. Beside the page, wherever a proxy serves it."""
    window = '<link rel="manifest" href="ui/manifest.json"><link rel="icon" type="image/svg+xml" href="ui/icon.svg">'
    return f'{window}<link rel="stylesheet" href="ui/{STYLES}"><script type="module" src="ui/{SCRIPT}"></script>'


def _as_they_are() -> tuple[tuple[str, int], ...]:
    """Changes when a file of ``studio/web`` does."""
    return tuple((path.name, path.stat().st_mtime_ns) for path in sorted(WEB.rglob("*.*")))


@lru_cache(maxsize=2)
def _joined(name: str, as_they_are: tuple[tuple[str, int], ...]) -> str:
    return joined.script(WEB / "studio.js") if name == SCRIPT else joined.styles(WEB / "studio.css")


def _revalidated(text: str, media: str, request: Request) -> Response:
    """A file that the browser keeps and asks after each time: by its tag it hears at once that nothing has changed."""
    data = text.encode()
    tag = f'"{hashlib.sha256(data).hexdigest()[:20]}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(data, media_type=media, headers=headers)


def web_routes(studio: Studio) -> APIRouter:
    """Script and styles of the page, as they are in ``studio/web`` now; and its facts."""
    router = APIRouter()

    @router.get(f"/ui/{SCRIPT}")
    def script(request: Request) -> Response:
        return _revalidated(_joined(SCRIPT, _as_they_are()), "text/javascript", request)

    @router.get(f"/ui/{STYLES}")
    def styles(request: Request) -> Response:
        return _revalidated(_joined(STYLES, _as_they_are()), "text/css", request)

    @router.get("/ui/icon.svg")
    def icon() -> FileResponse:
        return FileResponse(ICON, media_type="image/svg+xml")

    @router.get("/ui/manifest.json")
    def manifest() -> JSONResponse:
        """By which a browser installs the studio as a window of its own."""
        shown = {"name": "FLENwheel", "short_name": "FLENwheel", "start_url": "../", "scope": "../",
                 "display": "standalone", "background_color": DARK, "theme_color": DARK,
                 "icons": [{"src": "icon.svg", "sizes": "any", "type": "image/svg+xml"}]}  # fmt: skip
        return JSONResponse(shown, media_type="application/manifest+json")

    @router.get("/facts")
    def facts() -> Facts:
        modes = studio.session.presets.failures
        return Facts(
            failures={mode.key: mode.name for mode in modes},
            failure_words={mode.name: mode.words for mode in modes},
            angles=(*ANGLES, "back"),
            expressions=tuple(EXPRESSIONS),
            theme=studio.session.settings.theme,
            workspace=studio.session.workspace.root.name,
            workspace_id=studio.workspace_id,
            page=studio.page,
            piles=review.PILES,
            orders={**review_order.ORDERS},
            outcomes=foresight.table(studio.session),
        )

    return router
