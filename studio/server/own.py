"""The studio's own routes in one application: everything but the page."""

from fastapi import FastAPI

from studio.server import (
    arrivals,
    backups,
    captions,
    cards,
    characters,
    crops,
    face_packs,
    folders,
    handed,
    lora_downloads,
    lora_notes,
    lora_places,
    models,
    pictures,
    presets,
    recipes,
    review,
    settings,
    start,
    status,
    surveys,
    tags,
    thresholds,
    web,
    wheel,
)
from studio.server.state import Studio


def own(studio: Studio) -> FastAPI:
    """The studio's own routes around an open session: everything but the page."""
    app = FastAPI(title="FLENwheel", docs_url=None, redoc_url=None, openapi_url=None)
    for router in (
        web.web_routes(studio),
        recipes.recipe_routes(studio),
        pictures.picture_routes(studio),
        surveys.survey_routes(studio),
        lora_downloads.lora_download_routes(studio),
        lora_notes.lora_note_routes(studio),
        lora_places.lora_place_routes(studio),
        review.review_routes(studio),
        status.status_routes(studio),
        handed.handed_routes(studio),
        characters.character_routes(studio),
        models.model_routes(studio),
        face_packs.face_pack_routes(studio),
        captions.caption_routes(studio),
        tags.tag_routes(studio),
        crops.crop_routes(studio),
        arrivals.arrival_routes(studio),
        settings.settings_routes(studio),
        folders.folder_routes(studio),
        backups.backup_routes(studio),
        cards.card_routes(studio),
        cards.card_report_routes(studio),
        wheel.wheel_routes(studio),
        thresholds.threshold_routes(studio),
        start.practice_routes(studio),
        start.hint_routes(studio),
        start.workspace_routes(studio),
        presets.preset_routes(studio),
    ):
        app.router.routes.extend(router.routes)  # included, each would be analysed anew at the first request
    return app
