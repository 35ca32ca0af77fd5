"""What a LoRA learns pictures with: all that varies is named, what belongs to the character is not."""

from itertools import product
from typing import Any

import pytest

from pipelines.domain.base import content_hash
from pipelines.domain.records import Character, Decision, ImageRecord
from pipelines.domain.scores import Angle, Expression, Scores
from pipelines.domain.spelling import says
from pipelines.planning import enrich as planning
from pipelines.planning import generate as generating
from pipelines.planning.base import with_character
from pipelines.planning.survey import rows
from pipelines.session import Session
from pipelines.storage.presets import shipped
from pipelines.workflow import captions, characters, enrich, review, sources, training
from pipelines.workflow.captions import caption
from pipelines.workflow.sources import angle_of, expression_of

SAID = "ohwx_char person in a red dress, in a garden at noon, sunset light, smiling, front view"
DEAR = {"angle": "front", "expression": "smiling"}


def edited(put: Any, source: ImageRecord, axis: str, value: str, **fields: Any) -> ImageRecord:
    labels = {"axis": axis, "value": value, "source": source.id, **DEAR}
    labels |= {axis: value} if axis in DEAR else {}
    return put("enriched", label="good", sources=(source.ref,), labels=labels, cell=f"{axis}/{value}", **fields)


@pytest.mark.parametrize(
    ("axis", "value", "phrase"),
    [
        ("lighting", "rear", "rim light from behind"),
        ("background", "forest", "in a forest"),
        ("style", "black-and-white", "black and white photograph"),
        ("expression", "sad", "sad"),
        ("angle", "half-left", "half-left view"),
    ],
)
def test_what_an_edit_changed_is_named(
    session: Session, ada: Character, put: Any, axis: str, value: str, phrase: str
) -> None:
    source = put("source", label="good", **DEAR)
    made = edited(put, source, axis, value)
    (item,) = [i for i in training.dataset(session, ada.id).items if i.image.id == made.id]
    assert item.caption.startswith("ohwx_char person, ") and says(item.caption, phrase), item.caption
    assert item.caption != caption(session, source)


def test_every_edit_of_a_default_round_is_told_apart_from_its_source(
    session: Session, ada: Character, put: Any
) -> None:
    source = put("source", label="good")
    told = {
        name: caption(session, edited(put, source, *name.split("/")))
        for name in planning.base.edits_by_name(session.presets.axes)
    }
    assert ada.instance not in told.values()
    assert len(set(told.values())) == len(told) - 1  # to the front and to a smile: both are what the source shows


def test_the_rest_of_the_sources_caption_holds(session: Session, ada: Character, put: Any) -> None:
    source, dressed = put("source", label="good", caption=SAID, **DEAR), "ohwx_char person in a red dress"
    told = {
        ("background", "forest"): f"{dressed}, sunset light, smiling, front view, in a forest",
        ("lighting", "above"): f"{dressed}, in a garden at noon, smiling, front view, light from above",
        ("expression", "angry"): f"{dressed}, in a garden at noon, sunset light, front view, angry",
        ("angle", "profile-right"): f"{dressed}, in a garden at noon, sunset light, smiling, profile-right view",
        ("style", "film"): f"{SAID}, film still with film grain",
    }  # fmt: skip
    assert {key: caption(session, edited(put, source, *key)) for key in told} == told


def test_what_a_picture_does_not_show_is_left_out(session: Session, ada: Character, put: Any) -> None:
    source = put("source", label="good", **DEAR)
    dark, woods, weak = (
        edited(put, source, *e) for e in (("lighting", "rear"), ("background", "forest"), ("style", "film"))
    )
    plain = "ohwx_char person, smiling, front view"
    failures = ((dark, "light wrong"), (woods, "background wrong"))
    review.decide(session, [Decision(image=i.id, who="human", action="failure", value=n) for i, n in failures])
    review.decide(session, [Decision(image=weak.id, who="human", action="edit", value=1)])
    assert [caption(session, i) for i in (dark, woods, weak)] == [plain] * 3
    review.decide(session, [Decision(image=woods.id, who="human", action="failure", value="background wrong")])
    assert caption(session, woods) == f"{plain}, in a forest"  # it was taken back
    turned = edited(put, source, "angle", "half-left")
    review.decide(session, [Decision(image=turned.id, who="human", action="failure", value="view wrong")])
    assert caption(session, turned) == "ohwx_char person, smiling"
    sources.tag(session, turned.id, angle="profile-left")
    assert caption(session, session.store.get(ImageRecord, turned.id)).endswith("profile-left view")


def test_what_a_human_said_wins(session: Session, ada: Character, put: Any) -> None:
    source = put("source", label="good", **DEAR)
    made = edited(put, source, "background", "forest")
    said = sources.tag(session, made.id, caption="ohwx_char person among trees, seen from the side, profile")
    assert caption(session, said) == "ohwx_char person among trees, seen from the side, profile, smiling"
    whole = said.model_copy(update={"caption_whole": True})
    assert caption(session, whole) == said.caption
    framed = sources.tag(session, source.id, framing="bust")
    assert caption(session, framed) == "upper body picture of ohwx_char person, smiling, front view"


def test_measured_framing_is_named_where_it_is_trusted(session: Session, ada: Character, put: Any) -> None:
    seen = put("source", label="good", scores=Scores(framing="full", pose="sitting", angle="front"))
    assert caption(session, seen) == "ohwx_char person, front view"  # as practice runs were measured
    real = ada.model_copy(update={"generator": "flux1-dev"})
    session.store.put(real)
    assert caption(session, seen) == "full body picture of ohwx_char person, sitting, front view"
    asked = {"axis": "angle", "value": "half-left", "angle": "half-left"}
    doubt = put("enriched", label="good", sources=(seen.ref,), labels=asked, scores=Scores(angle="front"))
    assert "view" not in caption(session, doubt)  # asked and measured disagree: nobody knows


def test_a_prompt_that_was_not_followed_in_all_keeps_what_is_true(session: Session, ada: Character, put: Any) -> None:
    session.store.put(ada.model_copy(update={"generator": "flux1-dev"}))
    asked = {"scenario": "cafe-half-left", "focus": "head", "angle": "half-left", "expression": "smiling"}
    drawn = put("synthetic", label="good", labels=asked)
    assert caption(session, drawn) == "ohwx_char person, turn the head, smiling, half-left view"
    other = sources.tag(session, drawn.id, expression="sad")
    assert caption(session, other) == "portrait of ohwx_char person, in a cafe, warm evening light, sad, half-left view"
    review.decide(session, [Decision(image=drawn.id, who="human", action="failure", value="background wrong")])
    assert caption(session, other) == "portrait of ohwx_char person, warm evening light, sad, half-left view"


def test_edits_of_ones_own_are_named_by_their_value(session: Session, ada: Character, put: Any) -> None:
    write = session.workspace.path("presets/prompts/edits.toml")
    write.parent.mkdir(parents=True)
    write.write_text(
        '[[axis]]\nname = "weather"\ntitle = "Weather"\n'
        '[[axis.edits]]\nvalue = "heavy-rain"\ntitle = "R"\nprompt = "rain"\n'
        '[[axis]]\nname = "background"\n[[axis.edits]]\nvalue = "old-town"\ntitle = "T"\nprompt = "old town"\n',
        encoding="utf-8",
    )
    session.preset_folder.reload()
    source = put("source", label="good", caption="ohwx_char person on a beach")
    assert caption(session, edited(put, source, "weather", "heavy-rain")).endswith("heavy rain")
    assert caption(session, edited(put, source, "background", "old-town")).endswith(", old town background")
    assert "beach" not in caption(session, edited(put, source, "background", "old-town"))
    assert caption(session, edited(put, source, "background", "gone-since")).endswith("gone since background")


def before(session: Session, image: ImageRecord) -> str:
    """The rule of 0.1, which practice runs were measured with."""
    character = session.character(image.character)
    expression, angle = expression_of(image), angle_of(image)
    asked = image.shot.purpose.labels if image.shot else {}
    otherwise = asked.get("angle", angle) != angle or asked.get("expression", expression) != expression
    own = "" if image.shot and otherwise and image.caption == image.shot.prompt else image.caption.strip()
    words = [with_character(own, character) if own else character.instance]
    known = [] if expression == "unsure" else [expression]
    known += [] if angle == "unsure" else [f"{angle} view"]
    return ", ".join(words + [word for word in known if not says(words[0], word)])


def test_practice_runs_learn_with_the_captions_they_were_measured_with(
    session: Session, ada: Character, put: Any
) -> None:
    """Turns, expressions and scenarios, whatever is asked, said and measured: word for word as before."""
    views: list[Angle] = ["front", "profile-left", "unsure"]
    faces: list[Expression] = ["smiling", "sad", "unsure"]
    source = put("source", label="good", angle="front", expression="neutral")
    edit = edited(put, source, "angle", "half-left")
    drawn = put("synthetic", label="good")
    made = []
    for angle, face, measured in product(views, faces, views):
        scores = Scores(angle=measured, expression="angry", framing="full", pose="standing")
        fields = {"angle": angle, "expression": face, "scores": scores}
        for name in ("angle/half-left", "expression/angry"):
            axis, value = name.split("/")
            labels = {"axis": axis, "value": value, "angle": "front", "expression": "neutral", axis: value}
            made.append(_asked(edit, labels).model_copy(update=fields))
        for scenario in session.presets.scenarios:
            labels = {k: v for k in ("angle", "expression", "pose", "focus") if (v := getattr(scenario, k))}
            shown = _asked(drawn, {**labels, "scenario": scenario.name}, with_character(scenario.prompt, ada))
            made.append(shown.model_copy(update=fields))
    wrong = [(before(session, i), caption(session, i)) for i in made if before(session, i) != caption(session, i)]
    assert len(made) > 800 and wrong == []


def _asked(image: ImageRecord, labels: dict[str, str], prompt: str = "") -> ImageRecord:
    assert image.shot
    purpose = image.shot.purpose.model_copy(update={"labels": labels})
    shot = image.shot.model_copy(update={"purpose": purpose, "prompt": prompt or image.shot.prompt})
    return image.model_copy(update={"shot": shot, "caption": prompt})


def test_a_cat_is_not_asked_to_stay_the_same_person(session: Session, ada: Character, put: Any) -> None:
    cat = characters.create(session, "Mia", kind="tabby cat", may_use=True)
    assert cat.instance == "ohwx_char tabby cat"
    told = [
        planning_choice(session, cat, put).told(e.prompt)
        for a in (*session.presets.axes, *session.presets.survey_prompts)
        for e in a.edits
    ]
    assert not any(says(text, word) for text in told for word in ("person", "clothes", "hairstyle"))
    assert sum("the same tabby cat" in text for text in told) == len(told)
    robot = characters.create(session, "R2", class_prompt="robot", may_use=True)
    assert (robot.kind, robot.instance) == ("robot", "ohwx_char robot")
    asked = dict(rows((), session.presets.survey_prompts, planning_choice(session, robot, put).told))
    assert asked["background/forest"] == "Change the background to a forest. Keep the same robot."
    own = planning_choice(session, cat, put).told("Put a person behind the {kind}")
    assert own == "Put a tabby cat behind the tabby cat"


def planning_choice(session: Session, character: Character, put: Any) -> planning.EnrichChoice:
    return planning.EnrichChoice(
        character=character, kinds=session.presets.kinds, family=session.family(character.editor), version="v1",
        folder="f", sources=(), axes=session.presets.axes,
    )  # fmt: skip


def test_plans_of_persons_are_the_plans_of_before(session: Session, ada: Character, put: Any) -> None:
    """The ids of shots are hashes of their words: these are of 0.1's presets."""
    texts = [
        planning.prompt_for(e, view)
        for a in session.presets.axes
        if not a.on_request
        for e in a.edits
        for view in ("front", "half-right")
    ]
    assert content_hash(texts) == PROMPTS and content_hash([s.prompt for s in shipped().scenarios]) == SCENARIOS
    put("source", label="good")
    assert "kind" not in ada.model_dump_json(exclude_defaults=True)
    told = enrich.plan(session, ada.id, enrich.EnrichOptions())
    assert told.shots and all("same person" in shot.prompt for shot in told)


PROMPTS, SCENARIOS = "3a590503fae1006b2f3f", "b07a1c778eda730beae8"


def test_what_a_character_is_can_be_changed(session: Session, ada: Character, put: Any) -> None:
    said = put("source", label="good", caption="photo of ohwx_char person, on a sofa")
    drawn = put("synthetic", label="good", caption="turn the head")
    assert caption(session, drawn) == "ohwx_char person, turn the head"
    changed = characters.change(session, ada.id, kind=" Cat ")
    assert (changed.kind, changed.class_prompt, changed.formerly) == ("Cat", "Cat", ("ohwx_char person",))
    assert caption(session, said) == "photo of ohwx_char Cat, on a sofa"
    assert characters.change(session, ada.id, class_prompt="kitten").kind == "Cat"
    assert caption(session, said) == "photo of ohwx_char kitten, on a sofa"
    again = characters.change(session, ada.id, kind="person")
    assert caption(session, said) == said.caption and again.instance not in again.formerly
    for wrong in ("", "  ", "a, b", "{character}", "x" * 61, "a\nb{}"):
        with pytest.raises(characters.NotAllowed):
            characters.change(session, ada.id, kind=wrong)


def test_generated_prompts_call_it_by_its_kind(session: Session, put: Any) -> None:
    cat = characters.create(session, "Mia", kind="cat", may_use=True)
    choice = generating.GenerateChoice(
        character=cat, family=session.family(cat.generator), version="v1", folder="f", offered=session.presets.scenarios
    )
    assert all("ohwx_char cat" in shot.prompt and "person" not in shot.prompt for shot in generating.plan(choice))


def test_captions_name_nothing_that_belongs_to_the_character(session: Session, ada: Character, put: Any) -> None:
    factors = session.presets.factors
    named = captions.texts.named_of_character
    assert named("ohwx_char person with blue eyes, curly hair, smiling, in a forest, a scar", factors) == [
        "with blue eyes", "curly hair", "a scar",
    ]  # fmt: skip
    fine = [
        *(e.caption for a in session.presets.axes for e in a.edits),
        *(s.caption for s in session.presets.scenarios),
    ]
    assert all(fine) and not any(named(words, factors) for words in fine)
