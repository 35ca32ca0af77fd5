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


@pytest.mark.slow
def test_the_card_preselects_no_lora_of_another_and_says_that_none_is_trained(
    studio: Studio, page: Page, served: Served
) -> None:
    bo = characters.create(studio.session, "Bo", may_use=True)
    mine = lora(studio, "bo_v1", bo.id)
    style = lora(studio, "style")
    studio.choose("ada")
    page.click("#tab-model_card-button")
    expect(page.locator("#card-headline")).to_contain_text("No LoRA has been trained yet", timeout=SLOW)
    expect(page.locator("#card-lora")).to_have_value("")
    expect(page.locator("#card-lora option", has_text="bo_v1 (Bo)")).to_have_count(1)
    nobody = page.locator("#card-headline", has_text="No LoRA has been trained yet")
    for character, offered, chosen in (
        (bo.id, mine.id, ""),
        ("ada", "", style.id),
        (bo.id, "", style.id),
        ("ada", style.id, ""),
    ):
        page.select_option("#character-picker", character)
        expect(nobody).to_have_count(int(character == "ada"), timeout=SLOW)
        expect(page.locator("#card-lora")).to_have_value(offered)  # what was chosen for this one, if anything
        with page.expect_response("**/cards/setup"):
            page.select_option("#card-lora", chosen)


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


@pytest.mark.slow
def test_the_references_caption_is_the_references_own(studio: Studio, put: Put, page: Page) -> None:
    source = put("source", cell="front/neutral")
    studio.session.store.put(source.model_copy(update={"angle": "front"}))
    put("enriched", sources=(source.ref,), cell="profile-left/neutral")
    page.click("#tab-review-button")
    expect(page.locator(".rv-ref figcaption")).to_have_text("Reference, front", timeout=SLOW)


def boxes(page: Page, selectors: tuple[str, ...]) -> dict[str, dict[str, float]]:
    found = {s: page.locator(s).first.bounding_box() for s in selectors}
    return {s: box for s, box in found.items() if box}


def apart(a: dict[str, float], b: dict[str, float]) -> bool:
    return (
        a["x"] + a["width"] <= b["x"] or b["x"] + b["width"] <= a["x"]
        or a["y"] + a["height"] <= b["y"] or b["y"] + b["height"] <= a["y"]
    )  # fmt: skip


USED = (
    "#review-picture", ".rv-side", ".fails", ".facts", "#review-undo", "#review-film", "#review-filter", "#next-action",
    "#settings-open", "#tab-review-button", "#tab-model_card-button", "#job-list-open", "#unsent",
)  # fmt: skip


@pytest.mark.slow(seconds=30)
@pytest.mark.parametrize("width", [1280, 1024])
def test_a_problem_covers_nothing_that_is_used_and_leaves(put: Put, page: Page, modules: None, width: int) -> None:
    put("enriched", verdict="right", score=0.8)
    page.set_viewport_size({"width": width, "height": 768})
    page.click("#tab-review-button")
    expect(page.locator("#review-position")).to_have_text("1 of 1", timeout=SLOW)
    page.evaluate(
        """async () => {
            const { toast } = await import("/ui/core/ui.js");
            toast("Something long went wrong. ".repeat(12), "problem");
            for (const text of ["A second one", "A second one"]) toast(text, "problem");
        }"""
    )
    expect(page.locator(".toast")).to_have_count(2)
    shown = page.locator(".toast:visible")
    expect(shown).to_have_text("A second one")
    note = shown.bounding_box()
    assert note and [s for s, box in boxes(page, USED).items() if not apart(note, box)] == []
    page.locator(".toast:visible button").click()
    long = page.locator(".toast:visible")
    expect(long).to_contain_text("Something long")
    page.mouse.move(300, 500)  # under the pointer it opens, to be read whole
    note = long.bounding_box()
    assert note and [s for s, box in boxes(page, USED).items() if not apart(note, box)] == []
    expect(page.locator(".toast")).to_have_count(0, timeout=SLOW)  # read, it goes by itself


@pytest.mark.slow
def test_a_problem_does_not_follow_into_another_character(studio: Studio, page: Page) -> None:
    bo = characters.create(studio.session, "Bo", may_use=True)
    studio.choose("ada")
    expect(page.locator("#character-picker option")).to_have_count(2, timeout=SLOW)
    page.route("**/characters/*/choose", lambda route: route.abort())
    page.select_option("#character-picker", bo.id)
    expect(page.locator(".toast.problem")).to_be_visible()
    studio.choose(bo.id)
    expect(page.locator(".toast")).to_have_count(0, timeout=7000)


@pytest.mark.slow
def test_the_jobs_list_keeps_the_focus_while_a_job_goes_on(studio: Studio, page: Page) -> None:
    jobs = [
        Job(id=f"job{n}", kind="score", title=f"Job {n}", character="ada", state="failed", request={}, error="broken")
        for n in range(3)
    ]
    studio.session.store.put(*jobs)
    page.click("#job-list-open")
    button = page.locator("#job-dismiss-job1")
    button.focus()
    page.evaluate("window.was = document.querySelector('#job-dismiss-job1')")
    studio.session.store.put(jobs[0].model_copy(update={"done": 7, "total": 9}))
    expect(page.locator("#job-list")).to_contain_text("7 of 9", timeout=SLOW)
    assert page.evaluate("window.was === document.activeElement && window.was.isConnected")
    studio.session.store.put(jobs[1].model_copy(update={"error": "otherwise broken"}))
    expect(page.locator("#job-list")).to_contain_text("otherwise broken", timeout=SLOW)
    expect(button).to_be_focused()
    page.keyboard.press("Escape")
    studio.session.store.put(jobs[2].model_copy(update={"title": "Renamed"}))
    for _ in range(3):  # the page has heard of it, and has had time to take it in
        page.wait_for_event("response", lambda answer: answer.url.endswith("/status"), timeout=SLOW)
    page.click("#job-list-open")
    assert "Renamed" in page.locator("#job-list").inner_text()  # at once, not at the next poll


def test_a_job_that_was_resumed_is_not_offered_again(studio: Studio, client: TestClient) -> None:
    old = Job(id="old", kind="score", title="x", character="ada", state="failed", request={})
    studio.session.store.put(old)
    assert client.get("/status").json()["recent"][0]["can"] == ["resume", "dismiss"]
    studio.session.store.put(old.model_copy(update={"id": "new", "state": "cancelled", "resumes": "old"}))
    told = {job["id"]: job["can"] for job in client.get("/status").json()["recent"]}
    assert told == {"old": ["dismiss"], "new": ["resume", "dismiss"]}


@pytest.mark.slow(seconds=6)
@pytest.mark.parametrize(
    ("tab", "run"),
    [
        ("generate", "generate-run"),
        ("enrich", "enrich-make"),
        ("model_card", "card-run"),
    ],
)
def test_ctrl_enter_runs_the_open_tab_and_nothing_that_is_off(put: Put, page: Page, tab: str, run: str) -> None:
    source = put("source")
    page.click(f"#tab-{tab}-button")
    button = page.locator(f"#{run}")
    expect(button).to_be_enabled(timeout=SLOW)
    assert source
    caught = f"""() => {{ window.ran = 0; document.getElementById("{run}").addEventListener("click",
        (event) => {{ event.stopImmediatePropagation(); window.ran += 1; }}, true); }}"""
    page.evaluate(caught)
    page.keyboard.press("Enter")
    assert page.evaluate("window.ran") == 0
    page.keyboard.press("Control+Enter")
    assert page.evaluate("window.ran") == 1
    page.evaluate(f"document.getElementById('{run}').disabled = true")
    page.keyboard.press("Control+Enter")
    page.click("#tab-review-button")
    page.keyboard.press("Control+Enter")
    assert page.evaluate("window.ran") == 1


@pytest.mark.slow
def test_the_card_is_not_run_before_it_is_known_what_there_is(page: Page, served: Served) -> None:
    """A quick click ran the base model's card: the list of LoRAs was not there yet, or was one of before."""
    run, held = page.locator("#card-run"), []
    page.route("**/cards", lambda route: held.append(route))

    def comes_when_let(lora: str) -> None:
        with page.expect_request("**/cards"):
            page.click("#tab-model_card-button")
        expect(run).to_be_disabled()
        while held:
            held.pop().continue_()
        expect(run).to_be_enabled(timeout=SLOW)
        expect(page.locator("#card-lora option:checked")).to_contain_text(lora)

    comes_when_let("Base model")
    page.click("#tab-enrich-button")
    lora(served.studio, "ada_v1", character="ada")
    for _ in range(2):  # the first may have been asked before
        page.wait_for_event("response", lambda answer: answer.url.endswith("/status"))
    comes_when_let("ada_v1")
