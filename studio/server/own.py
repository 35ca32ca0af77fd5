"""The studio's own routes in one application: everything but the page."""

from fastapi import FastAPI

from studio.server import line, routes, start, web
from studio.server.state import Studio


def own(studio: Studio) -> FastAPI:
    """The studio's own routes around an open session: everything but the page."""
    app = FastAPI(title="FLENwheel", docs_url=None, redoc_url=None, openapi_url=None)
    for router in (
        web.web_routes(studio),
        routes.picture_routes(studio),
        routes.review_routes(studio),
        routes.work_routes(studio),
        line.line_routes(studio),
        start.practice_routes(studio),
        start.hint_routes(studio),
        start.workspace_routes(studio),
    ):
        app.include_router(router)
    return app
