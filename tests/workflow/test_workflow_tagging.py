"""Who says what a picture shows: a human, else agreement, else nobody, and that is told."""

import json
import threading
from typing import Any, Literal

import pytest

from pipelines.domain.events import Scored
from pipelines.domain.records import Character, ImageRecord, Job
from pipelines.domain.scores import Quality, Scores
from pipelines.queue.recorder import Recorder
from pipelines.session import Session
from pipelines.workflow import sources, tagging
from pipelines.workflow.captions import caption
from pipelines.workflow.tagging import Said
from studio import __main__ as cli

LOOKED = Quality(sharpness=1, light=0.5, contrast=0.2)


def test_a_human_wins_over_every_reader(session: Session, ada: Character, put: Any) -> None:
    image = put("source", scores=Scores(angle="front", expression="sad", framing="full", quality=LOOKED))
    assert tagging.said(session, image) == {
        "angle": Said("front", "mini"), "expression": Said("sad", "mini"), "framing": Said("full", "mini"),
    }  # fmt: skip
    image = sources.tag(session, image.id, angle="half-left", framing="bust")
    told = tagging.said(session, image)
    assert (told["angle"], told["framing"]) == (Said("half-left", "you"), Said("bust", "you"))
    assert caption(session, image) == "upper body picture of ohwx_char person, sad, half-left view"
    image = sources.tag(session, image.id, angle="unsure", framing="unsure")
    assert tagging.said(session, image)["angle"] == Said("front", "mini")


def test_disagreement_is_unsure_and_says_who_says_what(session: Session, ada: Character, put: Any) -> None:
    source = put("source")
    made = put("enriched", sources=(source.ref,), labels={"angle": "half-left"}, scores=Scores(angle="front"))
    assert tagging.said(session, made)["angle"] == Said("unsure", "asked for half-left, mini sees front")
    alone = put("enriched", sources=(source.ref,), labels={"angle": "half-left"})
    assert tagging.said(session, alone)["angle"] == Said("half-left", "asked for")


def test_it_is_told_when_no_reader_is_here(session: Session, ada: Character, put: Any) -> None:
    image, seen = put("source"), put("source", scores=Scores(quality=LOOKED))
    assert tagging.said(session, image)["expression"].by.startswith("not looked at yet by mini")
    assert tagging.said(session, seen)["expression"].by == "mini cannot tell"
    session.store.put(ada.model_copy(update={"generator": "flux1-dev", "editor": "qwen-image-edit-2509"}))
    assert tagging.readers(session, ada.id) == {"angle": "insightface", "expression": "", "framing": ""}
    assert tagging.said(session, seen)["expression"] == Said("unsure", "no reader of this is here: say it yourself")


def test_tags_by_command_line(session: Session, ada: Character, put: Any, capsys: pytest.CaptureFixture[str]) -> None:
    image, other = put("source"), put("source")
    root = str(session.workspace.root)
    session.close()

    def run(*words: str, status: int = 0) -> dict:
        assert cli.main(["--workspace", root, "--json", "tag", *words]) == status
        return json.loads(capsys.readouterr().out)

    assert [p["id"] for p in run()["pictures"]] == [image.id, other.id]
    (told,) = run(image.id[:10], "--angle", "back", "--framing", "full")["pictures"]
    assert told["tags"]["angle"] == {"value": "back", "by": "you"}
    assert run("--angle", "back", status=1)["ok"] is False
    assert run(image.id[:10], "--angle", "unsure")["pictures"][0]["tags"]["angle"]["value"] == "unsure"
    assert isinstance(image, ImageRecord)


def test_what_two_say_of_a_picture_at_once_is_both_kept(session: Session, ada: Character, put: Any) -> None:
    image = put("source")
    recorder = Recorder(session.store, Job(id="look", kind="score", title="Look", request={}))
    told = [Scores(quality=Quality(sharpness=number, light=0.5, contrast=0.2)) for number in range(60)]
    lost: list[str] = []

    def look() -> None:
        for scores in told:
            recorder.apply(Scored(image=image.id, scores=scores))
            kept = session.store.get(ImageRecord, image.id)
            if kept is None or kept.scores != scores:
                lost.append("scores")

    looking = threading.Thread(target=look)
    looking.start()
    said: list[Literal["front", "half-left"]] = ["front", "half-left"]
    while looking.is_alive():
        for angle in said:
            sources.tag(session, image.id, angle=angle)
            kept = session.store.get(ImageRecord, image.id)
            if kept is None or kept.angle != angle:
                lost.append("angle")
    looking.join()
    assert not lost
