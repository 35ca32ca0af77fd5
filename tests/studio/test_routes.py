"""The studio's own routes."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from fastapi.testclient import TestClient
from studio_helpers import NASTY

from pipelines.domain.records import Decision, ImageRecord, Job, LoraRecord, Survey, now
from pipelines.domain.requests import TrainItem, TrainRequest
from pipelines.domain.shots import Adapter, LoraStack
from pipelines.storage.presets import shipped
from pipelines.workflow import characters, sources
from studio.app import page
from studio.server.state import Studio

Put = Callable[..., ImageRecord]


def test_a_picture_is_cached_for_ever_and_thumbnails_are_small(client: TestClient, put: Put) -> None:
    image = put("source")
    whole, small = client.get(f"/img/{image.id}"), client.get(f"/img/{image.id}?w=256")
    assert whole.headers["content-type"] == "image/png"
    assert small.headers["content-type"] == "image/webp"
    for answer in (whole, small):
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert client.get(f"/img/{image.id}?w=17").status_code == 404


def test_live_tells_who_where_and_what_next(client: TestClient, studio: Studio) -> None:
    state = client.get("/status").json()
    assert state["character"]["id"] == "ada"
    assert [step["key"] for step in state["rail"]][:2] == ["sources", "enriched"]
    assert state["next"]["tab"] == "enrich"
    assert state["job"] is None and state["queued"] == []
    characters.create(studio.session, "Bob", may_use=True)
    assert client.get("/status").json()["revision"] != state["revision"]


def test_a_survey_is_told_as_a_page_and_as_data(client: TestClient, studio: Studio, put: Put) -> None:
    stack = LoraStack(adapters=(Adapter(name=NASTY, sha256="a" * 64, path="loras/a.safetensors", weight=1.0),))
    source = put("source")
    studio.session.store.put(
        Survey(id="ada/v1", character="ada", version="v1", family="mini-qwen-edit", stacks=(stack,),
               images=(source.id,), prompts=("background/forest", NASTY), decision="B", reasons=f"because {NASTY}")
    )  # fmt: skip
    made = {}
    for used in (LoraStack(), stack):
        for prompt, score in (("background/forest", 0.8), (NASTY, 0.2)):
            labels = {"stack": used.label, "image": source.id, "prompt": prompt}
            image = put("survey", labels=labels, score=score, verdict="right" if score > 0.5 else "wrong")
            assert image.shot
            made[used.label, prompt] = image.model_copy(
                update={
                    "shot": image.shot.model_copy(update={"stack": used}),
                    "seconds": 2.0 if used.label == "base" else 3.0,
                }
            )
    studio.session.store.put(*made.values())
    worst = made[stack.label, NASTY]
    decide = {"who": "human", "where": "survey", "image": worst.id}
    studio.session.store.decide(
        Decision(**decide, action="identity", value=1), Decision(**decide, action="failure", value="hands")
    )
    told = client.get("/survey-report/ada/v1?form=json").json()
    assert (told["planned"], told["made"], told["judged"], told["seconds"]) == (4, 4, 1, 10.0)
    assert (told["decision"], told["decided"]) == ("B", "Several LoRAs combined")
    own = next(s for s in told["stacks"] if s["stack"] == stack.label)
    assert (own["right"]["count"], own["right"]["of"]) == (1, 2) and own["flaws"] == {"hands": 1}
    assert own["against_base"]["times_as_long"] == 1.5 and own["worst"] == worst.id
    assert own["best"] == made[stack.label, "background/forest"].id
    assert {g["name"] for g in told["gaps"]} and all(g["relevance"] >= 4 for g in told["gaps"])
    answer = client.get("/survey-report/ada/v1")
    assert "B: Several LoRAs combined" in answer.text and answer.text.count("<img alt=") == 9
    assert "<img src=x" not in answer.text and "&lt;img src=x" in answer.text
    assert "sandbox" in answer.headers["content-security-policy"]
    assert client.get("/survey-report/ada/v9").status_code == 404


def test_choosing_a_character_lasts(client: TestClient, studio: Studio) -> None:
    characters.create(studio.session, "Bob", may_use=True)
    assert client.post("/characters/ada/choose").status_code == 200
    assert studio.character_id == "ada"
    assert Studio(studio.session).character_id == "ada"
    assert client.post("/characters/nobody/choose").status_code == 404


def test_a_new_character_is_refused_in_words(client: TestClient) -> None:
    answer = client.post("/characters", json={"name": "Eve", "may_use": False})
    assert answer.status_code == 422
    assert "may use" in answer.json()["detail"]


def test_pictures_of_the_latest_version(client: TestClient, put: Put) -> None:
    put("enriched", version="v1")
    newest = put("enriched", version="v2", verdict="right", score=0.8)
    found = client.get("/pictures?kind=enriched").json()
    assert [p["id"] for p in found["pictures"]] == [newest.id]
    assert found["versions"] == ["v1", "v2"]
    assert found["pictures"][0]["verdict"] == "right" and found["pictures"][0]["score"] == 0.8
    assert len(client.get("/pictures?kind=enriched&version=all").json()["pictures"]) == 2


def test_a_decision_sent_twice_counts_once_and_is_a_humans(client: TestClient, studio: Studio, put: Put) -> None:
    image = put("enriched")
    said = {"id": "0123456789abcdef", "image": image.id, "action": "label", "value": "good"}
    for _ in range(2):
        assert client.post("/decisions", json={"decisions": [said]}).json()["known"] == [said["id"]]
    events = studio.session.store.decisions(image.id)
    assert [(e.id, e.who, e.value) for e in events] == [(said["id"], "human", "good")]
    forged = said | {"id": "1" * 16, "who": "rule"}
    assert client.post("/decisions", json={"decisions": [forged]}).status_code == 422


def test_a_decision_about_a_lost_picture_is_not_sent_for_ever(client: TestClient, put: Put) -> None:
    image = put("enriched")
    lost = {"id": "a" * 16, "image": "0" * 64, "action": "label", "value": "good"}
    fine = {"id": "b" * 16, "image": image.id, "action": "label", "value": "reject"}
    answer = client.post("/decisions", json={"decisions": [lost, fine]}).json()
    assert answer["lost"] == [lost["id"]] and len(answer["known"]) == 2
    pile = client.get("/review?gate=enriched").json()
    assert pile["items"][0]["state"]["label"] == "reject"


def test_the_filter_sorts_out_and_pristine_keeps(client: TestClient, put: Put) -> None:
    good, wrong = put("synthetic", verdict="right", score=0.8), put("synthetic", verdict="wrong", score=0.1)
    assert client.post("/review/filter", json={"cut": None}).json() == {"rejected": 1, "left": 1}
    refused = client.post("/review/pristine", json={"images": [good.id]})
    assert refused.status_code == 422 and "review" in refused.json()["detail"]
    said = {"id": "c" * 16, "image": good.id, "action": "label", "value": "good"}
    client.post("/decisions", json={"decisions": [said]})
    offered = client.get("/review/pristine").json()
    assert [p["id"] for p in offered["pictures"]] == [good.id] and offered["most"] == 20
    assert client.post("/review/pristine", json={"images": [good.id]}).json() == {"version": "v1", "count": 1}
    assert client.get("/review/pristine").json()["pictures"] == []
    items = {i["id"]: i["state"] for i in client.get("/review?gate=synthetic").json()["items"]}
    assert items[wrong.id]["who"] == "rule"


def test_of_a_practice_character_all_that_fills_a_gap_is_offered(client: TestClient, studio: Studio, put: Put) -> None:
    sources.tag(studio.session, put("source").id, angle="front", expression="neutral")
    made = [
        put("synthetic", labels={"angle": angle, "expression": "neutral"})
        for angle in ["profile-left"] * 21 + ["front"] * 2
    ]
    studio.session.store.decide(*(Decision(image=i.id, who="human", action="label", value="good") for i in made))
    assert client.get("/review/pristine").json()["most"] == 20
    here = studio.character
    assert here
    studio.session.store.put(here.model_copy(update={"practice": 1}))
    offered = client.get("/review/pristine").json()
    assert offered["most"] == 21
    assert {p["cell"] for p in offered["pictures"][:21]} == {"profile-left · neutral"}


def test_a_correction_becomes_a_triplet_or_is_refused_in_words(client: TestClient, studio: Studio, put: Put) -> None:
    source = put("source")
    wrong = put("enriched", sources=(source.ref,))
    fixed = studio.session.workspace.path(source.path).read_bytes()
    form = {"image": wrong.id, "what_was_wrong": "six fingers"}
    broken = client.post("/corrections", data=form, files={"file": ("x.png", b"no picture", "image/png")})
    assert broken.status_code == 422 and "x.png" in broken.json()["detail"]
    made = client.post("/corrections", data=form, files={"file": ("x.png", fixed, "image/png")})
    assert made.status_code == 200, made.text
    assert studio.session.store.verdict(wrong.id).label == "needs_correction"


def test_the_card_tells_its_rate(client: TestClient, studio: Studio, put: Put) -> None:
    from pipelines.domain.records import Card

    lora = LoraRecord(id="d" * 64, name="ada_v1", path="x", family="flux", rank=4, origin="trained", character="ada")
    studio.session.store.put(lora, Card(id="ada/v1", character="ada", version="v1", lora=lora.id, seed=1))
    image = put("card", cell="front/neutral")
    studio.session.store.decide(Decision(image=image.id, who="human", action="label", value="good", where="card"))
    found = client.get("/cards").json()
    card = found["cards"][0]
    assert len(card["cells"]) == 23
    assert card["rate"]["right"] == 1 and card["rate"]["words"].startswith("1 of 23 right at the first try")
    assert {c["name"]: c["verdict"] for c in card["cells"]}["front/neutral"] == "right"
    assert found["loras"][0]["name"] == "ada_v1"


def test_settings_are_shown_changed_and_checked(client: TestClient, studio: Studio) -> None:
    names = {f["name"] for f in client.get("/settings").json()["fields"]}
    assert {"models_dir", "cache_dir", "memory_budget_gib", "theme", "insightface_root"} <= names
    assert client.post("/settings", json={"theme": "light"}).status_code == 200
    assert client.get("/status").json()["theme"] == "light"
    refused = client.post("/settings", json={"theme": "pink"})
    assert (
        refused.status_code == 422 and "Colours: it has to be 'dark', 'light' or 'system'" in refused.json()["detail"]
    )


def test_an_empty_workspace_has_a_page(tmp_path: Path) -> None:
    """The page opens, and without torch, in a process that has imported nothing else."""
    script = (
        "import sys, pathlib\n"
        "from studio.app import build\n"
        "from studio.server.state import Studio\n"
        "from pipelines.workflow.opening import open_session\n"
        "from fastapi.testclient import TestClient\n"
        "with open_session(pathlib.Path(sys.argv[1])) as session:\n"
        "    client = TestClient(build(Studio(session)), base_url='http://127.0.0.1:7860')\n"
        "    for path in ('/', '/status', '/ui/page.js', '/ui/page.css', '/cards', '/review'):\n"
        "        assert client.get(path).status_code == 200, path\n"
        "heavy = {'torch', 'diffusers', 'transformers', 'peft', 'insightface', 'onnxruntime'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path / "new")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_training_on_what_was_rejected_since_is_not_resumed(studio: Studio, client: TestClient, put: Put) -> None:
    session, picture = studio.session, put("source")
    item = TrainItem(image=picture.ref, caption="ada")
    request = TrainRequest(
        target="character", character="ada", name="ada_v1", version="v1", family="mini-flux", revision="1",
        items=(item,), settings=shipped().trainings["character-practice"].settings, folder="characters/ada/models/x",
    )  # fmt: skip
    job = Job(
        id="1" * 16, kind="train", title="Train ada_v1", character="ada", request=request.model_dump(mode="json"),
        state="cancelled", ended=now(),
    )  # fmt: skip
    session.store.put(job)
    sources.remove(session, picture.id)
    before = session.store.revision
    answer = client.post(f"/jobs/{job.id}/resume")
    assert answer.status_code == 422
    assert f"{picture.id[:8]} (ada.png) was left out of the sources" in answer.json()["detail"]
    assert session.store.revision == before and session.jobs.status().queued == []


def test_a_body_that_does_not_do_is_refused_in_words_even_if_it_holds_half_a_character(client: TestClient) -> None:
    body = b'{"angle": {"\\ud800": null}}'
    refused = client.post("/picture/ada/tags", content=body, headers={"content-type": "application/json"})
    assert refused.status_code == 422
    assert "angle" in refused.json()["detail"]


def test_what_shows_no_progress_tells_no_part_of_the_page_of_it(whole: Studio) -> None:
    """Gradio tells every output of every event, each time that any event begins or ends, unless it is told of none."""
    quiet = [fn for fn in page(whole).fns.values() if fn.show_progress == "hidden"]
    assert len(quiet) > 100
    assert {fn.name for fn in quiet if fn.show_progress_on != []} == set()
