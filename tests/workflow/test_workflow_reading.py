"""Readers at work: captions by a machine beside a human's, facts read off pictures beside what is measured, jobs that
go on where they ended."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from PIL import Image

from pipelines.domain.events import Described, ReadOut
from pipelines.domain.intake import Intake
from pipelines.domain.reading import Description, Reading
from pipelines.domain.records import Character, ImageRecord, Job
from pipelines.domain.requests import CaptionRequest, ReadRequest
from pipelines.domain.scores import Identity, Quality, Scores
from pipelines.domain.seen import seen
from pipelines.queue.admission import NotAllowed
from pipelines.queue.recorder import Recorder
from pipelines.readers.base import Needs, ReaderMissing
from pipelines.readers.openai_server import opened
from pipelines.session import NotFound, Session
from pipelines.storage.presets import shipped
from pipelines.storage.served import NotHere, address
from pipelines.storage.settings import BadSettings, Settings, save
from pipelines.workflow import caption_edits, captions, card, reading, sources, tagging
from pipelines.workflow.admission import admit

LOOKED = Quality(sharpness=1.0, light=0.5, contrast=0.2)
MACHINE = "ohwx_char person, blue eyes, long hair, in a garden, smiling, front view"


def told(fact: str, value: str, reader: str = "mini-reader", batch: str = "") -> Reading:
    return Reading(fact=fact, value=value, likely=0.9, lead=0.8, reader=reader, batch=batch)  # type: ignore[arg-type]


def described(text: str = MACHINE, batch: str = "") -> Description:
    return Description(text=text, reader="mini-reader", batch=batch)


def by(recogniser: str) -> Identity:
    return Identity(recogniser=recogniser, model_hash="")


# ---- whose words count


def test_a_machines_caption_stands_where_no_human_wrote_one_without_what_belongs_to_the_character(
    session: Session, ada: Character, put: Any
) -> None:
    image = put("source", caption=ada.instance, described=described())
    assert captions.caption(session, image) == "ohwx_char person, in a garden, smiling, front view"
    assert captions.written_by(ada, image) == "mini-reader"


@pytest.mark.parametrize(
    "human",
    [
        {"caption": "ohwx_char person in a red dress"},
        {"caption": "ohwx_char person at night", "caption_whole": True},
        {"caption": "", "caption_whole": True},
        {"intake": Intake(filename="a.png", original="a", original_sha256="", format="PNG", caption="ohwx_char person"),
         "caption": "ohwx_char person"},
    ],
)  # fmt: skip
def test_what_a_human_wrote_is_never_overwritten(
    session: Session, ada: Character, put: Any, human: dict[str, Any]
) -> None:
    image = put("source", described=described(), **human)
    assert captions.by_hand(ada, image)
    assert "garden" not in captions.caption(session, image)
    assert reading.to_caption(session, [image], again=True) == []


def test_a_tag_of_a_human_and_what_is_measured_stand_above_a_machines_words(
    session: Session, ada: Character, put: Any
) -> None:
    image = put("source", caption=ada.instance, described=described(), angle="half-left")
    assert captions.caption(session, image) == "ohwx_char person, in a garden, smiling, half-left view"
    other = put("source", caption=ada.instance, described=described(), scores=Scores(expression="sad", quality=LOOKED))
    assert captions.caption(session, other) == "ohwx_char person, in a garden, front view, sad"


def test_where_two_disagree_a_machines_caption_is_silent(session: Session, ada: Character, put: Any) -> None:
    scores = Scores(angle="half-left", quality=LOOKED, identity=by("mini"))
    image = put(
        "source", caption=ada.instance, described=described(), scores=scores, readings=(told("angle", "front"),)
    )
    assert captions.caption(session, image) == "ohwx_char person, in a garden, smiling"


def test_an_edited_picture_has_what_the_machine_said_of_its_source(session: Session, ada: Character, put: Any) -> None:
    source = put("source", caption=ada.instance, described=described("ohwx_char person, in a garden, sunset light"))
    made = put("enriched", sources=(source.ref,), labels={"axis": "lighting", "value": "left"})
    assert captions.caption(session, made) == "ohwx_char person, in a garden, light from the left"


def test_editing_makes_it_a_humans_and_undo_gives_it_back(session: Session, ada: Character, put: Any) -> None:
    image = put("source", caption=ada.instance, described=described())
    before = captions.caption(session, image)
    caption_edits.write(session, ada.id, {image.id: "ohwx_char person, mine"}, "mine")
    (row,) = caption_edits.listing(session, ada.id, [session.store.get(ImageRecord, image.id)]).rows
    assert (row.by, row.caption) == ("you", "ohwx_char person, mine")
    caption_edits.undo(session, ada.id)
    (row,) = caption_edits.listing(session, ada.id, [session.store.get(ImageRecord, image.id)]).rows
    assert (row.by, row.caption) == ("mini-reader", before)
    assert reading.forget(session, [image.id]) == 1
    assert captions.caption(session, session.store.get(ImageRecord, image.id)) == "ohwx_char person"


# ---- what is read


def test_a_reader_alone_speaks_two_that_agree_speak_and_two_that_disagree_do_not(
    session: Session, ada: Character, put: Any
) -> None:
    alone = put("source", readings=(told("angle", "half-left"),))
    assert sources.angle_of(alone) == "half-left"
    assert tagging.said(session, alone)["angle"].by == "mini-reader"
    scores = Scores(angle="half-left", quality=LOOKED, identity=by("mini"))
    both = put("source", scores=scores, readings=(told("angle", "half-left"),))
    assert tagging.said(session, both)["angle"].by == "mini and mini-reader"
    apart = put("source", scores=scores, readings=(told("angle", "front"),))
    assert sources.angle_of(apart) == "unsure"
    assert tagging.said(session, apart)["angle"].by == "mini sees half-left, mini-reader sees front"
    tagged = sources.tag(session, apart.id, angle="profile-left")
    assert tagging.said(session, tagged)["angle"] == tagging.Said("profile-left", "you")


def test_an_unsure_reader_takes_nothing_away(put: Any, ada: Character) -> None:
    scores = Scores(expression="sad", quality=LOOKED, identity=by("mini"))
    assert seen(put("source", scores=scores, readings=(told("expression", "unsure"),)), "expression").value == "sad"


def test_the_cards_machine_verdict_hears_a_reader(session: Session, ada: Character, put: Any) -> None:
    cell = next(c for c in session.presets.card.cells if c.name == "front/smiling")
    wrong = put("card", cell=cell.name, readings=(told("angle", "half-right"),))
    assert card._machine(cell, wrong)[::2] == ("wrong", "view is half-right")
    right = put("card", cell=cell.name, readings=(told("angle", "front"), told("expression", "smiling")))
    assert card._machine(cell, right)[0] == "unsure"


def test_answers_are_held_against_a_humans_tags(session: Session, ada: Character, put: Any) -> None:
    for value, human in (("front", "front"), ("front", "half-left"), ("unsure", "front"), ("front", "unsure")):
        put("source", readings=(told("angle", value),), angle=human)
    (found,) = reading.agreement(session, ada.id, "mini-reader")
    assert (found.same, found.other, found.unsure) == (1, 1, 1)


def test_who_reads_is_told_and_one_that_is_none_is_refused(session: Session, ada: Character, put: Any) -> None:
    assert reading.reader(session, ada.id).preset.name == "mini-reader"
    assert tagging.readers(session, ada.id)["angle"] == "mini, mini-reader"
    with pytest.raises(NotFound, match="no reader 'nobody'"):
        reading.reader(session, ada.id, "nobody")
    session.store.put(ada.model_copy(update={"generator": "flux1-dev", "editor": "qwen-image-edit-2509"}))
    assert "mini-reader" not in [here.preset.name for here in reading.known(session, ada.id)]
    with pytest.raises(NotAllowed, match="is not on this machine"):
        reading.caption(session, ada.id, [put("source")])
    assert reading.who(session, ada.id)[0] == ""


# ---- jobs that go on


def test_what_is_captioned_or_read_stays_and_is_not_done_again_on_resume(
    session: Session, ada: Character, put: Any
) -> None:
    done, human, left = put("source", described=described(batch="b")), put("source", caption="a caption"), put("source")
    refs = tuple(i.ref for i in (done, human, left))
    request = CaptionRequest(character=ada.id, reader="mini-reader", images=refs, prompt="", begun="", batch="b")
    admitted = admit(session, request)
    assert isinstance(admitted, CaptionRequest)
    assert [ref.id for ref in admitted.images] == [left.id]
    read = put("source", readings=(told("angle", "front", batch="b"),))
    asked = tuple(reading._to_read(session, i, None) for i in (read, left))
    wanted = ReadRequest(character=ada.id, reader="mini-reader", images=asked, questions=(), called="person", batch="b")
    again = admit(session, wanted)
    assert isinstance(again, ReadRequest)
    assert [one.image.id for one in again.images] == [left.id]


def test_the_recorder_keeps_what_is_told_beside_what_is_known(session: Session, ada: Character, put: Any) -> None:
    image = put("source", caption="mine", readings=(told("angle", "front"), told("pose", "none", reader="other")))
    recorder = Recorder(session.store, Job(id="j", kind="caption", title="t", request={}))
    recorder.apply(Described(image=image.id, description=described()))
    recorder.apply(ReadOut(image=image.id, readings=(told("angle", "half-left"), told("framing", "bust"))))
    kept = session.store.get(ImageRecord, image.id)
    assert kept is not None
    assert (kept.caption, kept.described) == ("mine", described())
    assert {(r.reader, r.fact, r.value) for r in kept.readings} == {
        ("other", "pose", "none"), ("mini-reader", "angle", "half-left"), ("mini-reader", "framing", "bust"),
    }  # fmt: skip


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_cleo_is_captioned_and_read_by_the_real_reader(cleo_session: Session) -> None:
    session = cleo_session
    (cleo,) = session.store.all(Character)
    found = sources.sources(session, cleo.id)[:3]
    typed = sources.tag(session, found[0].id, caption="ohwx_char person, typed by me")
    job = session.jobs.wait(reading.caption(session, cleo.id, [typed, *found[1:]]).id, 900)
    assert (job.state, job.total, job.done) == ("done", 2, 2)
    for image in found[1:]:
        kept = session.store.get(ImageRecord, image.id)
        assert kept is not None and kept.described is not None
        assert kept.described.text.startswith("ohwx_char person, ")
        assert captions.written_by(cleo, kept) == "mini-reader"
    assert captions.caption(session, session.store.get(ImageRecord, typed.id)).startswith(
        "ohwx_char person, typed by me"
    )
    with pytest.raises(NotAllowed, match="no picture to caption"):
        reading.caption(session, cleo.id, sources.sources(session, cleo.id)[:3])
    job = session.jobs.wait(reading.read(session, cleo.id, found[:2]).id, 240)
    assert job.state == "done"
    facts = {r.fact for r in session.store.get(ImageRecord, found[1].id).readings}
    assert {"angle", "expression", "framing", "pose", "artifacts"} <= facts


# ---- another program's captioner


class Chat(BaseHTTPRequestHandler):
    """A small server of the interface; it remembers what it was asked."""

    asked: list[dict[str, Any]]

    def do_GET(self) -> None:
        self._answer({"data": [{"id": "joy"}]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        type(self).asked.append(body)
        self._answer({"choices": [{"message": {"content": "in a garden, smiling"}}]})

    def _answer(self, told: dict[str, Any]) -> None:
        data = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def served() -> Iterator[str]:
    Chat.asked = []
    server = HTTPServer(("127.0.0.1", 0), Chat)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    server.server_close()


def needs(session: Session, url: str) -> Needs:
    nobody: Any = None
    return Needs(shipped(), session.workspace, Settings(captioner_address=url), nobody)


def test_a_server_on_this_machine_captions(session: Session, served: str) -> None:
    with opened(shipped().readers["served"], needs(session, served)) as captioner:
        assert captioner.model == "joy"
        text = captioner.caption(Image.new("RGB", (64, 64)), "Caption it.", "ohwx_char person", lambda: False)
    assert text == "ohwx_char person, in a garden, smiling"
    (asked,) = Chat.asked
    picture, words = asked["messages"][0]["content"]
    assert picture["image_url"]["url"].startswith("data:image/png;base64,")
    assert words["text"].startswith("Caption it.")


def test_nobody_at_the_address_is_told(session: Session) -> None:
    with (
        pytest.raises(ReaderMissing, match="Nobody answers at"),
        opened(shipped().readers["served"], needs(session, "http://127.0.0.1:9/v1")),
    ):
        pass


@pytest.mark.parametrize(
    "url",
    ["http://example.org/v1", "https://127.0.0.1/v1", "http://192.168.0.2:80/v1", "http://0.0.0.0:80", "ftp://localhost",
     "http://127.0.0.1.example.org/", "http://user@127.0.0.1/", "http://localhost:99999/"],
)  # fmt: skip
def test_pictures_go_to_no_other_machine(url: str, tmp_path: Path) -> None:
    with pytest.raises(NotHere):
        address(url)
    with pytest.raises(BadSettings):
        save(tmp_path, {"captioner_address": url})


def test_addresses_of_this_machine_do() -> None:
    assert str(address("http://localhost:8080/v1/")) == "http://127.0.0.1:8080/v1"
    assert str(address("http://[::1]:1234/v1")) == "http://[::1]:1234/v1"
