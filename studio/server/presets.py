"""The user's own presets in Settings: what was read, reading again, and a folder to begin with."""

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter

from pipelines.workflow import presets
from studio.server.in_words import InWords
from studio.server.state import Studio

Json = dict[str, Any]


def preset_routes(studio: Studio) -> APIRouter:
    """What Settings show under Your presets."""
    router = APIRouter(route_class=InWords)

    @router.get("/presets")
    def read() -> Json:
        return _told(presets.read(studio.session))

    @router.post("/presets/reload")
    def reload() -> Json:
        """Read every file again, whatever its date says."""
        return _told(presets.reload(studio.session))

    @router.post("/presets/begin")
    def begin() -> Json:
        """Make the folder, with examples."""
        try:
            written = presets.begin(studio.session)
        except OSError as error:
            raise ValueError(f"The folder of your presets cannot be made: {error.strerror}.") from error
        return _told(presets.read(studio.session)) | {"written": written}

    def _told(found: presets.PresetsRead) -> Json:
        """``later``: what the open page does not show yet, because its tabs were built before."""
        shown, now = studio.on_page, studio.session.presets
        kept = ("axes", "survey_prompts", "scenarios")
        later = [presets.TITLES[name] for name in kept if getattr(shown, name) != getattr(now, name)]
        return asdict(found) | {"folder": str(found.folder), "later": later}

    return router
