"""What a demanding user met in a day: each thing that was wrong, and its kind."""

from collections.abc import Callable
from typing import get_args

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.testclient import TestClient
from playwright.sync_api import Page, expect
from studio_helpers import Served

from pipelines.domain.records import ImageKind, ImageRecord, Job, LoraRecord, now
from pipelines.domain.requests import Request, TrainRequest
from pipelines.domain.shots import Plan
from pipelines.practice.figures import STEPS, figures
from pipelines.session import NotFound
from pipelines.workflow import characters
from pipelines.workflow import practice as practices
from studio.server.in_words import InWords
from studio.server.state import Studio
from studio.server.status import LOSES

Put = Callable[..., ImageRecord]
SLOW = 60_000


def lora(studio: Studio, name: str, character: str = "", family: str | None = None) -> LoraRecord:
    """A LoRA that fits the generator; trained when it has a character."""
    here = studio.character
    assert here
    fits = family or studio.session.family(here.generator).architecture
    made = LoraRecord(
        id=f"{sum(map(ord, name)):064x}", name=name, path=f"loras/{name}.safetensors", family=fits, rank=4,
        origin="trained" if character else "imported", character=character,
    )  # fmt: skip
    studio.session.store.put(made)
    return made


def test_the_card_offers_the_characters_own_lora_first_and_says_whose_the_others_are(
    client: TestClient, studio: Studio
) -> None:
    bo = characters.create(studio.session, "Bo", may_use=True)
    lora(studio, "bo_v1", bo.id)
    lora(studio, "style")
    lora(studio, "ada_v1", "ada")
    lora(studio, "bo_v2", bo.id)
    studio.choose("ada")
    offered = client.get("/cards").json()["loras"]
    assert [(x["name"], x["own"], x["whose"]) for x in offered] == [
        ("ada_v1", True, ""), ("bo_v2", False, "Bo"), ("style", False, ""), ("bo_v1", False, "Bo"),
    ]  # fmt: skip
    studio.choose(bo.id)
    assert [x["name"] for x in client.get("/cards").json()["loras"] if x["own"]] == ["bo_v2", "bo_v1"]


def test_the_card_preselects_no_lora_of_another_and_says_that_none_is_trained(
    studio: Studio, page: Page, served: Served
) -> None:
    bo = characters.create(studio.session, "Bo", may_use=True)
    mine = lora(studio, "bo_v1", bo.id)
    lora(studio, "style")
    studio.choose("ada")
    page.click("#tab-model_card-button")
    expect(page.locator("#card-headline")).to_contain_text("No LoRA has been trained yet", timeout=SLOW)
    expect(page.locator("#card-lora")).to_have_value("")
    expect(page.locator("#card-lora option", has_text="bo_v1 (Bo)")).to_have_count(1)
    page.select_option("#card-lora", mine.id)
    page.select_option("#character-picker", bo.id)
    expect(page.locator("#card-headline")).not_to_contain_text("No LoRA has been trained yet", timeout=SLOW)
    expect(page.locator("#card-lora")).to_have_value(mine.id)
    page.select_option("#character-picker", "ada")
    expect(page.locator("#card-lora")).to_have_value("", timeout=SLOW)  # not what was chosen for Bo


def kinds() -> set[str]:
    """Of jobs."""
    union = get_args(get_args(Request)[0]) or get_args(Request)
    return {kind for request in union for kind in get_args(request.model_fields["kind"].annotation)}


def test_every_kind_of_job_has_its_words() -> None:
    plans = {kind for kind in get_args(ImageKind) if kind not in ("source", "correction")}
    targets = set(get_args(TrainRequest.model_fields["target"].annotation))
    assert len(kinds()) >= 8
    assert (kinds() - {"render", "train"}) | plans | targets <= STEPS.keys()
    assert kinds() == LOSES.keys()


@pytest.mark.parametrize("kind", sorted(get_args(ImageKind)))
def test_the_practice_report_tells_of_every_kind_of_plan(studio: Studio, kind: str) -> None:
    character, job = practices.start(studio.session, 1)
    studio.session.jobs.cancel(job.id)
    plan = Plan(character=character.id, kind=kind, version="v1", folder=f"characters/{character.id}/x", shots=())
    asked = {"kind": "render", "plan": plan.model_dump(mode="json")}
    done = Job(
        id="j",
        kind="render",
        title="x",
        character=character.id,
        state="done",
        request=asked,
        started=now(),
        ended=now(),
    )
    studio.session.store.put(done)
    assert figures(studio.session, character.id).minutes >= 0


def test_a_fault_of_ours_is_no_missing_page() -> None:
    """A KeyError was answered as "not found", with the key as all words."""
    router = APIRouter(route_class=InWords)

    @router.get("/fault")
    def fault(kind: str) -> str:
        return {"known": "x"}[kind] if kind != "list" else kind[len(kind)]

    @router.get("/missing")
    def missing() -> None:
        raise NotFound("There is no such thing.")

    app = FastAPI()
    app.include_router(router)
    client = TestClient(app, raise_server_exceptions=False)
    assert client.get("/fault?kind=known").status_code == 200
    assert client.get("/fault?kind=sample").status_code == client.get("/fault?kind=list").status_code == 500
    assert client.get("/missing").json() == {"detail": "There is no such thing."}


def test_the_references_caption_is_the_references_own(studio: Studio, put: Put, page: Page) -> None:
    source = put("source", cell="front/neutral")
    studio.session.store.put(source.model_copy(update={"angle": "front"}))
    put("enriched", sources=(source.ref,), cell="profile-left/neutral")
    page.click("#tab-review-button")
    expect(page.locator(".rv-ref figcaption")).to_have_text("Reference, front", timeout=SLOW)
