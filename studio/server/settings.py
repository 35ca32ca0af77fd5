"""The settings as a form, and changing them."""

from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Request
from typing_extensions import TypedDict

from pipelines.domain.words import count
from pipelines.engine.cards import GIB, usable
from pipelines.engine.shared_folders import look_through as looked_through
from pipelines.storage.settings import (
    FILES,
    SEVERAL,
    BadSettings,
    choosing,
    in_titles,
    local,
    places,
    roles_of,
    several,
    there,
    title_of,
)
from pipelines.workflow import telling
from studio.server.in_words import InWords
from studio.server.loopback import from_here, only_from_here
from studio.server.state import Studio

INSIDE = {
    "models_dir": ("*/model_index.json", "*/*/model_index.json", "*.safetensors", "*.gguf"),
    "cache_dir": ("models--*", "hub/models--*"),
    "insightface_root": ("models/*/",),
}
"""By what the models in a folder are known."""


class SettingField(TypedDict):
    """One setting: what it is called, its value, what it means, the choices where it has some, from where to where a
    number goes, and whether it names a folder or several."""

    name: str
    title: str
    value: str | float | int | bool | None
    about: str
    choices: list[str] | None
    low: float | None
    high: float | None
    folder: Literal["", "one", "several"]


class Saved(TypedDict):
    """Settings are kept; ``found`` is what was found at the places that were set, in words."""

    ok: bool
    found: list[str]


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
        hidden = {"character"} if from_here(request) else {"character", *places(), *local()}
        fields = [_field(n, schema.get(n, {}), v) for n, v in values.items() if n not in hidden]
        return {"fields": [_with_cards(f) if f["name"] == "card" else f for f in fields]}

    @router.post("/settings")
    def change(request: Request, changes: Annotated[dict[str, Any], Body()]) -> Saved:
        if changes.keys() & (places() | local()):
            only_from_here(request)
        try:
            there(changes)
            studio.save(changes)
        except BadSettings as refusal:
            raise BadSettings(in_titles(str(refusal))) from refusal
        return {"ok": True, "found": found(changes)}

    return router


def found(changes: dict[str, Any]) -> list[str]:
    """What is at the places that were set, in words: a folder that is there may still be the wrong one."""
    told = []
    for name, inside in INSIDE.items():
        if changes.get(name):
            many = sum(1 for pattern in inside for _ in Path(changes[name]).glob(pattern))
            told.append(f"{title_of(name)}: {count(many, 'model')} found there")
    if changes.get(SEVERAL):
        for one in looked_through(several(str(changes[SEVERAL]))):
            usable = sum(1 for file in one.files if not file.problem)
            loras = sum(file.lora for file in one.files)
            more = f" and {count(loras, 'LoRA')}" if loras else ""
            there_are = f"{count(usable, 'model file')}{more} found there"
            told.append(f"{one.folder}: {one.problem or there_are}")
    if address := changes.get("tell_address"):
        told.append(_heard(str(address)))
    return told


def _heard(address: str) -> str:
    """Whether an address takes what it is told, tried with a first line."""
    try:
        telling.tell(address, telling.HELLO)
    except telling.NotTold as error:
        return str(error)
    return f"{title_of('tell_address')}: a first line was sent there"


def _field(name: str, schema: dict[str, Any], value: Any) -> SettingField:
    choices = schema.get("enum") or next((s["enum"] for s in schema.get("anyOf", []) if "enum" in s), None)
    if choices and value not in choices:
        choices = [value, *choices]  # a model whose preset is gone: it stays until another is chosen
    low, high = schema.get("minimum"), schema.get("maximum")
    about = schema.get("description", "") + (f" From {low:g} to {high:g}." if None not in (low, high) else "")
    folder = "several" if name == SEVERAL else "one" if name in places() - {*FILES} else ""
    return {"name": name, "title": title_of(name), "value": value, "about": about, "choices": choices,
            "low": low, "high": high, "folder": folder}  # fmt: skip


def _with_cards(field: SettingField) -> SettingField:
    """The setting of the card, with the cards of this machine to choose from."""
    there = usable()
    named = "; ".join(f"{c.uuid}: {c.name}, {c.total / GIB:.0f} GiB" for c in there) or "none"
    choices = list(dict.fromkeys(["", *(c.uuid for c in there), str(field["value"])]))
    return {**field, "choices": choices, "about": f"{field['about']} Here: {named}."}
