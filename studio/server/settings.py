"""The settings as a form, and changing them."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Request
from typing_extensions import TypedDict

from pipelines.engine.cards import GIB, usable
from pipelines.storage.settings import choosing, places, roles_of
from studio.server.in_words import Done, InWords
from studio.server.loopback import from_here, only_from_here
from studio.server.state import Studio


class SettingField(TypedDict):
    """One setting: its value, what it means, and the choices where it has some."""

    name: str
    value: str | float | int | bool | None
    about: str
    choices: list[str] | None


class SettingsForm(TypedDict):
    """What can be set."""

    fields: list[SettingField]


def settings_routes(studio: Studio) -> APIRouter:
    """What the user can set."""
    router = APIRouter(route_class=InWords)

    @router.get("/settings")
    def settings(request: Request) -> SettingsForm:
        """What can be set; from another machine: all but places on this one's disk."""
        kept = type(studio.session.settings)
        values = studio.session.settings.model_dump(mode="json")
        with choosing(roles_of(studio.session.presets)):
            schema = kept.model_json_schema()["properties"]
        hidden = {"character"} if from_here(request) else {"character", *places()}
        fields = [_field(n, schema.get(n, {}), v) for n, v in values.items() if n not in hidden]
        return {"fields": [_with_cards(f) if f["name"] == "card" else f for f in fields]}

    @router.post("/settings")
    def change(request: Request, changes: Annotated[dict[str, Any], Body()]) -> Done:
        if changes.keys() & places():
            only_from_here(request)
        studio.save(changes)
        return {"ok": True}

    return router


def _field(name: str, schema: dict[str, Any], value: Any) -> SettingField:
    choices = schema.get("enum") or next((s["enum"] for s in schema.get("anyOf", []) if "enum" in s), None)
    if choices and value not in choices:
        choices = [value, *choices]  # a model whose preset is gone: it stays until another is chosen
    return {"name": name, "value": value, "about": schema.get("description", ""), "choices": choices}


def _with_cards(field: SettingField) -> SettingField:
    """The setting of the card, with the cards of this machine to choose from."""
    there = usable()
    named = "; ".join(f"{c.uuid}: {c.name}, {c.total / GIB:.0f} GiB" for c in there) or "there is none here"
    choices = list(dict.fromkeys(["", *(c.uuid for c in there), str(field["value"])]))
    return {**field, "choices": choices, "about": f"{field['about']} ({named})"}
