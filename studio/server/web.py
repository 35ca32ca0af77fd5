"""The browser's side as plain files: the ES modules and styles of ``studio/web``, and the facts they start from."""

import hashlib
from pathlib import Path

from fastapi import APIRouter, HTTPException, Request, Response

from pipelines.domain.base import Frozen
from pipelines.domain.records import ANGLES, EXPRESSIONS
from pipelines.workflow import review, review_order
from studio.server import foresight
from studio.server.state import Studio

WEB = Path(__file__).parents[1] / "web"
MEDIA = {".js": "text/javascript", ".css": "text/css"}
# Only these can be asked for: a path is looked up here, it is never joined to a folder.
FILES = {path.relative_to(WEB).as_posix(): path for path in sorted(WEB.rglob("*")) if path.suffix in MEDIA}


class Facts(Frozen):
    """What the page knows for good: failure modes by their letter, and each in words, what a picture can show, the
    piles of Review and the orders to look through them in words, what decisions lead to (by action and value), the
    theme at first, and which workspace it shows: decisions that wait in the browser are its alone."""

    failures: dict[str, str]
    failure_words: dict[str, str]
    angles: tuple[str, ...]
    expressions: tuple[str, ...]
    theme: str
    workspace: str
    workspace_id: str
    piles: dict[str, str]
    orders: dict[str, str]
    outcomes: dict[str, dict[str, foresight.Outcome]]


def head() -> str:
    """What the page's head needs: the styles, the first module, and all others ahead of their imports. Beside the page,
    wherever a proxy serves it."""
    ahead = "".join(f'<link rel="modulepreload" href="ui/{name}">' for name in FILES if name.endswith(".js"))
    return f'<link rel="stylesheet" href="ui/studio.css"><script type="module" src="ui/studio.js"></script>{ahead}'


def web_routes(studio: Studio) -> APIRouter:
    """Modules and styles of the page, revalidated by content; and its facts."""
    router = APIRouter()

    @router.get("/ui/{name:path}")
    def file(name: str, request: Request) -> Response:
        path = FILES.get(name)
        if path is None:
            raise HTTPException(404, "The page has no such file.")
        data = path.read_bytes()
        tag = f'"{hashlib.sha256(data).hexdigest()[:20]}"'
        headers = {"ETag": tag, "Cache-Control": "no-cache"}
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return Response(data, media_type=MEDIA[path.suffix], headers=headers)

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
            piles=review.PILES,
            orders={**review_order.ORDERS},
            outcomes=foresight.table(studio.session),
        )

    return router
