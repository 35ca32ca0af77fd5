"""The user's own presets in Settings: what was read, reading again, and a folder to begin with."""

from dataclasses import asdict

from fastapi import APIRouter
from typing_extensions import TypedDict

from pipelines.workflow import presets
from studio.server.in_words import InWords
from studio.server.state import Studio


class KindTold(TypedDict):
    """What was read of one kind of presets: where from, how many there are, and which of them are the user's."""

    title: str
    files: str
    count: int
    own: tuple[str, ...]


class PresetsTold(TypedDict):
    """What was read of the user's own presets; ``later`` is what the open page does not show yet."""

    folder: str
    there: bool
    kinds: list[KindTold]
    problems: list[str]
    later: list[str]


class PresetsBegun(PresetsTold):
    """The same, with the files just ``written``."""

    written: list[str]


def preset_routes(studio: Studio) -> APIRouter:
    """What Settings show under Your presets."""
    router = APIRouter(route_class=InWords)

    @router.get("/presets")
    def read() -> PresetsTold:
        return _told(presets.read(studio.session))

    @router.post("/presets/reload")
    def reload() -> PresetsTold:
        """Read every file again, whatever its date says."""
        return _told(presets.reload(studio.session))

    @router.post("/presets/begin")
    def begin() -> PresetsBegun:
        """Make the folder, with examples."""
        try:
            written = presets.begin(studio.session)
        except OSError as error:
            raise ValueError(f"The folder of your presets cannot be made: {error.strerror}.") from error
        return {**_told(presets.read(studio.session)), "written": written}

    def _told(found: presets.PresetsRead) -> PresetsTold:
        """``later``: what the open page does not show yet, because its tabs were built before."""
        shown, now = studio.on_page, studio.session.presets
        kept = ("axes", "survey_prompts", "scenarios")
        later = [presets.TITLES[name] for name in kept if getattr(shown, name) != getattr(now, name)]
        return {
            "folder": str(found.folder),
            "there": found.there,
            "kinds": [KindTold(**asdict(kind)) for kind in found.kinds],
            "problems": list(found.problems),
            "later": later,
        }

    return router
