"""Routes of the start page: the practice characters with their hints and report, and other workspaces."""

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Body, Depends, HTTPException, Response
from fastapi.responses import FileResponse, HTMLResponse
from typing_extensions import TypedDict

from pipelines.practice import report, reviewer
from pipelines.practice.choices import Hint, choices, choices_for
from pipelines.practice.figures import figures
from pipelines.session import NotFound
from pipelines.storage.preset_files import PRESETS
from pipelines.workflow import practice
from pipelines.world.cast import Practice
from studio.server.in_words import InWords
from studio.server.loopback import only_from_here
from studio.server.shown import for_the_shown
from studio.server.state import Studio, is_workspace

PORTRAITS = PRESETS / "mini" / "practice"
NEARBY = 12


class Cast(TypedDict):
    """Who can be practised with."""

    cast: list[Practice]


class Looked(TypedDict):
    """The job that looks at pictures, and how many there are to look at; no job for none."""

    job: str | None
    pictures: int


class Started(TypedDict):
    """The practice character that was made, and the job that draws its pictures."""

    id: str
    name: str
    job: str


class Hints(TypedDict):
    """The hints of practice, and the names of those that were closed."""

    hints: list[Hint]
    seen: list[str]


class Seen(TypedDict):
    """The names of the hints that were closed."""

    seen: list[str]


class Workspaces(TypedDict):
    """The folder of this workspace, and those of others."""

    here: str
    others: list[str]


class Moved(TypedDict):
    """The folder of the workspace that is open now."""

    path: str


def practice_routes(studio: Studio) -> APIRouter:
    """The way in with a practice character, and how it went."""
    router = APIRouter(route_class=InWords)

    @router.get("/practice")
    def cast() -> Cast:
        return {"cast": list(practice.cast())}

    @router.get("/practice/{number}.webp")
    def portrait(number: int) -> Response:
        path = PORTRAITS / f"{number}.webp"
        if not path.is_file():
            raise HTTPException(404, "There is no such practice character.")
        return FileResponse(path, media_type="image/webp", headers={"Cache-Control": "max-age=3600"})

    @router.post("/practice/look", dependencies=[for_the_shown(studio)])
    def look() -> Looked:
        """Hold what was decided so far against the truth; the report tells the outcome."""
        waiting = reviewer.unread(studio.session, studio.character_id) if studio.character_id else []
        job = reviewer.look(studio.session, studio.character_id, waiting)
        return {"job": job.id if job else None, "pictures": len(waiting)}

    @router.post("/practice/{number}")
    def start(number: int) -> Started:
        """Create the character, choose it, and have its pictures drawn."""
        character, job = practice.start(studio.session, number)
        studio.choose(character.id)
        return {"id": character.id, "name": character.name, "job": job.id}

    @router.get("/practice/report")
    def told() -> HTMLResponse:
        """How the practice of the chosen character went, as of now; kept in the workspace, too."""
        if choices_for(studio.character) is None:
            raise HTTPException(404, "This is no practice character: there is no report.")
        page = report.write(studio.session, figures(studio.session, studio.character_id))
        return HTMLResponse(page.read_text("utf-8"), headers={"Cache-Control": "no-cache"})

    return router


def hint_routes(studio: Studio) -> APIRouter:
    """What is said at the gates of practice."""
    router = APIRouter(route_class=InWords)

    @router.get("/hints")
    def hints() -> Hints:
        """The hints of practice, and those that were closed. None for a character of one's own."""
        practice_choices = choices_for(studio.character)
        found = practice_choices.hint if practice_choices else ()
        return {"hints": list(found), "seen": _seen(studio)}

    @router.post("/hints/{name}/seen")
    def seen(name: str) -> Seen:
        if name not in {hint.name for hint in choices().hint}:
            raise NotFound("There is no such hint.")
        studio.save({"seen_hints": ", ".join(dict.fromkeys([*_seen(studio), name]))})
        return {"seen": _seen(studio)}

    return router


def workspace_routes(studio: Studio) -> APIRouter:
    """The way in by another workspace, for who sits at this machine."""
    router = APIRouter(route_class=InWords, dependencies=[Depends(only_from_here)])

    @router.get("/workspaces")
    def workspaces() -> Workspaces:
        """Where we are, and other workspaces in the places where one would look first."""
        here = studio.session.workspace.root
        return {"here": str(here), "others": [str(path) for path in nearby(here)]}

    @router.post("/workspace")
    def move(path: Annotated[str, Body(embed=True)]) -> Moved:
        """Work in another workspace. The page is loaded anew after this."""
        if not path.strip():
            raise NotFound("Say which folder.")
        return {"path": str(studio.move(Path(path.strip()).expanduser()))}

    return router


def _seen(studio: Studio) -> list[str]:
    return [name.strip() for name in studio.session.settings.seen_hints.split(",") if name.strip()]


def nearby(here: Path) -> list[Path]:
    """Workspaces beside ``here`` and the one in the user's home, newest first."""
    places = [*_folders(here.parent), Path("~/FLENwheel").expanduser()]
    found = {p.resolve() for p in places if is_workspace(p)} - {here.resolve()}
    return sorted(found, key=lambda p: p.stat().st_mtime, reverse=True)[:NEARBY]


def _folders(parent: Path) -> list[Path]:
    try:
        return [p for p in parent.iterdir() if p.is_dir()][:1000]
    except OSError:
        return []
