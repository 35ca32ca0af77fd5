"""Settings of a picture put into a tab again; a picture as a file, with its recipe or without."""

import tempfile
from pathlib import Path
from typing import Annotated, Literal

from fastapi import APIRouter, Body, File, HTTPException, Response, UploadFile
from pydantic import JsonValue
from typing_extensions import TypedDict

from pipelines.domain.recipes import Recipe
from pipelines.domain.records import SavedStack
from pipelines.session import NotFound
from pipelines.storage import pictures
from pipelines.storage.atomic import write_durably
from pipelines.workflow import loras, recipes, review, sources
from studio.server import choices
from studio.server.in_words import Done, InWords
from studio.server.shown import for_the_shown
from studio.server.state import Studio

LARGEST = 256 * 1024**2
NOBODY = "Make a character first: settings are a character's."


class Restored(TypedDict):
    """The tab that has the settings now; in words what was restored and what was not."""

    tab: recipes.Tab
    restored: list[str]
    lost: list[str]


def recipe_routes(studio: Studio) -> APIRouter:
    """What a picture tells of how it was made."""
    router = APIRouter(route_class=InWords)

    @router.post("/recipe", dependencies=[for_the_shown(studio)])
    def from_file(file: Annotated[UploadFile, File()]) -> Restored:
        """The settings that a picture carries, ours or another program's. It is read as text; nothing is run by it."""
        data = file.file.read(LARGEST + 1)
        if len(data) > LARGEST:
            raise ValueError(f"That file is larger than {LARGEST // 1024**2} MB.")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "dropped"
            write_durably(path, data, sync=False)
            recipe = recipes.of_file(path)
        return _use(studio, recipe)

    @router.post("/picture/{image_id}/use", dependencies=[for_the_shown(studio)])
    def from_picture(image_id: str) -> Restored:
        return _use(studio, recipes.of_image(studio.session, image_id))

    @router.post("/picture/{image_id}/tick", dependencies=[for_the_shown(studio)])
    def tick(image_id: str, tab: Annotated[Literal["enrich", "survey"], Body(embed=True)]) -> Done:
        """Have a source ticked alone in a tab."""
        known = [source.id for source in sources.sources(studio.session, studio.character_id)]
        if image_id not in known:
            raise sources.not_a_source([image_id])
        root, name = studio.session.workspace.root, {"enrich": "sources", "survey": "images"}[tab]
        ticked: JsonValue = {"items": [{"id": i} for i in known], "ticked": [image_id]}
        before = choices.read(root, studio.character_id, tab)
        choices.write(root, studio.character_id, tab, before | {name: ticked})
        return {"ok": True}

    @router.get("/picture/{image_id}/file")
    def download(image_id: str, recipe: bool = True) -> Response:
        """The picture's PNG; without its ``recipe`` the same pixels and nothing else."""
        image = review.get(studio.session, image_id)
        path = studio.session.workspace.path(image.path)
        if not path.is_file():
            raise HTTPException(404, f"The file of this picture is gone: {image.path}")
        data = path.read_bytes()
        name = f"{image.character}-{image.kind}-{image.id[:12]}.png"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return Response(data if recipe else pictures.without_texts(data), media_type="image/png", headers=headers)

    return router


def _use(studio: Studio, recipe: Recipe) -> Restored:
    """Put a recipe where the tab finds what was set for the character that is worked on."""
    here = studio.character
    if here is None:
        raise NotFound(NOBODY)
    found = recipes.settings(studio.session, here.id, recipe)
    root = studio.session.workspace.root
    role = "generator" if found.tab == "generate" else "editor"
    stack = loras.stack(studio.session, found.stack, used=False)
    saved = SavedStack(id=f"{here.id}/{role}/", character=here.id, role=role, stack=stack)
    with studio.session.store.alone():  # all of it is new
        studio.session.store.put(saved)
    choices.add(root, here.id, found.tab, found.fields)
    return {"tab": found.tab, "restored": list(found.restored), "lost": list(found.lost)}
