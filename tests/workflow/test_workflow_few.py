"""One to three sources: what is said of them and planned; how much of the figure pictures show; pictures that look like
another source."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageOps
from skimage import data

from pipelines.domain.records import Character, Decision
from pipelines.domain.scores import Scores
from pipelines.session import NotFound, Session
from pipelines.workflow import enrich, few_sources, framing, sources, twins
from pipelines.workflow.captions import caption
from studio import __main__ as cli


def file(image: Image.Image, form: str = "PNG", **how: Any) -> bytes:
    packed = io.BytesIO()
    image.save(packed, form, **how)
    return packed.getvalue()


@pytest.fixture
def cat() -> Image.Image:
    return Image.fromarray(data.chelsea())


def test_few_sources_are_told_what_is_made_and_what_it_costs(session: Session, ada: Character, put: Any) -> None:
    assert few_sources.words(session, ada.id) == []
    put("source", angle="front", expression="neutral")
    made, *proof = few_sources.words(session, ada.id)
    assert "turned to every view" in made and "about a third each" in made
    assert "1 in 2 right pictures" in proof[0] and any("cannot be calibrated at all" in line for line in proof)
    put("source", angle="half-left"), put("source", angle="half-right")
    proof = few_sources.words(session, ada.id)[1:]
    assert "1 in 4 right pictures" in proof[0] and not any("calibrated at all" in line for line in proof)
    few = enrich.plan(session, ada.id, enrich.EnrichOptions(few=True))
    usual = enrich.plan(session, ada.id, enrich.EnrichOptions())
    assert len(few) > 3 * len(usual) and any("framing/" in shot.purpose.cell for shot in few)
    put("source", angle="back")
    assert few_sources.words(session, ada.id) == [] and not few_sources.few_here(session, ada.id)


def test_how_much_of_the_figure_is_said_asked_for_seen_or_told_by_the_face(
    session: Session, ada: Character, put: Any
) -> None:
    tagged = put("source", framing="bust")
    turned = put("enriched", sources=(tagged.ref,), labels={"axis": "angle", "value": "front", "angle": "front"})
    whole = put("enriched", sources=(tagged.ref,), labels={"framing": "full", "pose": "standing", "focus": "body"})
    assert [framing.framing_of(session, i) for i in (tagged, turned, whole)] == ["bust", "bust", "full"]
    face = {"portrait": (10, 5, 50, 45), "bust": (20, 4, 32, 20), "full": (28, 2, 34, 8), "unsure": (28, 2, 34, 11)}
    for wanted, box in face.items():
        image = put("source", scores=Scores(face=box))
        assert framing.framing_of(session, image) == wanted, box
    assert framing.framing_of(session, put("source")) == "unsure"
    drawn = put("synthetic", labels={"focus": "head"})
    assert framing.framing_of(session, drawn) == "portrait"


def test_the_mix_counts_what_is_there_waits_and_is_planned(session: Session, ada: Character, put: Any) -> None:
    source = put("source", framing="portrait", angle="front", expression="neutral")
    put("enriched", sources=(source.ref,), labels={"framing": "full", "focus": "body"}, label="good")
    put("enriched", sources=(source.ref,), labels={"framing": "bust"})
    plan = enrich.plan(session, ada.id, enrich.EnrichOptions(edits=("framing/sitting", "angle/half-left")))
    mix = framing.mix(session, ada.id, plan.pictures)
    assert (mix.have["portrait"], mix.have["full"], mix.waiting["bust"]) == (1, 1, 1)
    assert (mix.planned["portrait"], mix.planned["full"]) == (1, 1)
    assert framing.mix(session, ada.id).lacking == ()
    assert framing.mix(session, ada.id, plan.pictures).words.startswith("1 face, 0 upper bodies, 1 whole figure")
    only = framing.Mix({"portrait": 9, "bust": 0, "full": 0, "unsure": 2}, dict.fromkeys(mix.have, 0), {})
    assert only.lacking == ("bust", "full") and "More of upper bodies and whole figures." in only.words


def test_the_caption_of_a_whole_figure_says_so_whatever_its_source_is(
    session: Session, ada: Character, put: Any
) -> None:
    source = put("source", framing="portrait", caption=ada.instance)
    labels = {"axis": "framing", "value": "sitting", "framing": "full", "pose": "sitting", "focus": "body"}
    made = put("enriched", sources=(source.ref,), labels=labels)
    said = caption(session, made)
    assert "full body, sitting on a chair" in said and "portrait" not in said
    turn = {"axis": "angle", "value": "half-left", "angle": "half-left", "framing": "full", "focus": "body"}
    assert "full body" in caption(session, put("enriched", sources=(made.ref,), labels=turn))


def test_a_copy_of_a_source_is_asked_about_until_somebody_has_said(
    session: Session, ada: Character, cat: Image.Image
) -> None:
    part = ImageOps.mirror(cat.crop((60, 20, 400, 280)).resize((300, 229)))
    files = [("cat.png", file(cat)), ("part.jpg", file(part, "JPEG", quality=40))]
    arrival = sources.add(session, ada.id, files)
    whole, copy = arrival.admitted
    assert arrival.alike == {copy.id: whole.id}
    assert [words for _, words in arrival.doubtful] == [
        "part.jpg looks almost like a part of another source in a mirror, cat.png."
    ]
    asked = "leave one out, or say that both stay"
    assert any(asked in line for line in sources.advice(session, ada.id))
    sources.remove(session, whole.id)
    assert not any(asked in line for line in sources.advice(session, ada.id))
    sources.restore(session, whole.id)
    session.store.decide(Decision(image=copy.id, who="human", action="note", value="mine"))
    twins.keep_both(session, copy.id)
    assert not any(asked in line for line in sources.advice(session, ada.id))
    assert session.store.verdict(copy.id).note == "mine" and session.store.verdict(copy.id).label == "good"
    with pytest.raises(NotFound):
        twins.keep_both(session, "0" * 64)


def test_copies_on_the_command_line(
    tmp_path: Path, workspace_root: Path, cat: Image.Image, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a").mkdir()
    for name, image in (("cat.png", cat), ("small.jpg", cat.resize((200, 133)).crop((20, 10, 190, 125)))):
        (tmp_path / "a" / name).write_bytes(file(image, "PNG" if name.endswith("png") else "JPEG"))

    def run(*words: str) -> dict[str, Any]:
        cli.main(["--workspace", str(workspace_root), "--json", *words])
        return json.loads(capsys.readouterr().out.splitlines()[-1])

    told = run("import", "--new", "Tom", "--may-use", str(tmp_path / "a" / "cat.png"))
    assert told["few"] and told["alike"] == {}
    left = run("import", "--leave-alike", str(tmp_path / "a" / "small.jpg"))
    assert not left["ok"] and "left out, as you asked" in left["refused"][0]["reason"]
    told = run("import", str(tmp_path / "a" / "small.jpg"))
    assert list(told["alike"]) == told["admitted"]
    status = run("status")
    assert len(status["few"]) > 1 and status["mix"]["have"]["unsure"] == 2
    assert "leave one out" in json.dumps(status["rail"])
    run("tag", "--leave-out", "small.jpg")
    assert len(run("tag")["pictures"]) == 1
    run("tag", "--take-back", "small.jpg")
    run("tag", "--both-stay", "small.jpg")
    assert "leave one out" not in json.dumps(run("status")["rail"])
