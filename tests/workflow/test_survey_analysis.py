"""What a survey proves, against values worked out by hand; added to; written down."""

import csv
import io
import json
from collections.abc import Callable

import pytest

from pipelines.domain.records import Character, Decision, ImageRecord, Survey
from pipelines.domain.requests import RenderRequest
from pipelines.domain.scores import Identity, Scores
from pipelines.domain.shots import Adapter, LoraStack
from pipelines.session import NotFound, Session
from pipelines.workflow import survey, survey_analysis, survey_export
from pipelines.workflow.characters import NotAllowed
from pipelines.workflow.survey import SurveyOptions

Put = Callable[..., ImageRecord]
ANGLES = LoraStack(adapters=(Adapter(name="angles", sha256="a" * 64, path="loras/a.safetensors"),))
BOTH = LoraStack(adapters=(*ANGLES.adapters, Adapter(name="light", sha256="b" * 64, path="loras/b.safetensors")))


def surveyed(
    session: Session, put: Put, right: dict[LoraStack, str], stars: dict[LoraStack, str] | None = None
) -> Survey:
    """A survey of one source: for each stack its places in order, R right, W wrong, - not measured; ``stars`` likewise,
    a digit each, - for none."""
    source = put("source", label="good")
    made = Survey(
        id="ada/v1", character="ada", version="v1", family="mini-qwen-edit", stacks=(LoraStack(), *right),
        prompts=tuple(f"p{n}" for n in range(len(next(iter(right.values()))))), images=(source.id,),
    )  # fmt: skip
    session.store.put(made)
    for stack, verdicts in right.items():
        rated = (stars or {}).get(stack, "-" * len(verdicts))
        for n, (verdict, star) in enumerate(zip(verdicts, rated, strict=True)):
            image = put("survey", sources=(source.ref,), labels={"image": source.id, "prompt": f"p{n}"}, cell=f"p{n}")
            shot = image.shot.model_copy(update={"stack": stack})  # type: ignore[union-attr]
            word = {"R": "right", "W": "wrong", "-": "cannot tell"}[verdict]
            score = None if verdict == "-" else 0.7 if verdict == "R" else 0.1
            identity = Identity(recogniser="mini", model_hash="m", score=score, verdict=word, n=5, asked=5)  # type: ignore[arg-type]
            session.store.put(image.model_copy(update={"shot": shot, "scores": Scores(identity=identity)}))
            if star != "-":
                session.store.decide(Decision(image=image.id, who="human", action="identity", value=int(star)))
    return made


def test_pairs_by_hand(session: Session, ada: Character, put: Put) -> None:
    """Base right in 1 of 12 where the LoRA is not, the LoRA in 9 where the base is not: p = 2 * (1 + 10) / 2^10."""
    base, lora = "RRWWWWWWWWWR-", "WRRRRRRRRRRR-"
    made = surveyed(session, put, {LoraStack(): base, ANGLES: lora}, {LoraStack(): "1" * 13, ANGLES: "1" * 6 + "2" * 7})
    (pair,) = survey_analysis.pairwise(session, made)
    assert (pair.first, pair.second, pair.pairs) == ("base", "angles 1", 12)
    assert (pair.only_first, pair.only_second) == (1, 9) and pair.p == pytest.approx(22 / 1024)
    assert (pair.rated, pair.more_first, pair.more_second) == (13, 0, 7) and pair.p_stars == pytest.approx(2 / 128)
    assert pair.words == "angles 1 is better (1 : 9, p = 0.021)"


def test_several_pairs_are_corrected(session: Session, ada: Character, put: Put) -> None:
    made = surveyed(session, put, {LoraStack(): "W" * 10, ANGLES: "R" * 6 + "W" * 4, BOTH: "R" * 6 + "W" * 4})
    found = {(p.first, p.second): p.p for p in survey_analysis.pairwise(session, made)}
    raw = 2 / 64
    assert found["base", "angles 1"] == pytest.approx(3 * raw) and found["angles 1", "angles 1 + light 1"] == 1.0


def test_agreement_by_hand(session: Session, ada: Character, put: Put) -> None:
    """Both right 5, both wrong 3, apart 1 and 1; three stars and unmeasured ones say nothing. Agreed 0.8, by chance
    0.6 * 0.6 + 0.4 * 0.4 = 0.52: kappa 0.28 / 0.48."""
    made = surveyed(session, put, {ANGLES: "RRRRRRWWWW-R"}, {ANGLES: "544551" + "1125" + "53"})
    found = survey_analysis.agreement(session, made)
    assert (found.pictures, found.agreed) == (10, 8) and found.kappa == pytest.approx(0.28 / 0.48)
    assert "8 of 10" in found.words and "0.58" in found.words
    session.store.put(made.model_copy(update={"id": "ada/v2", "version": "v2"}))
    assert "not known" in survey_analysis.agreement(session, survey.of_version(session, "ada", "v2")).words


@pytest.mark.parametrize(
    ("base", "angles", "both", "stars", "way", "stack"),
    [
        ("W" * 12, "R" * 12, "W" * 12, None, "A", "angles 1"),
        ("R" * 12, "R" * 11 + "W", "W" * 12, None, "A", "base"),
        ("W" * 12, "R" * 6 + "W" * 6, "R" * 12, None, "B", "angles 1 + light 1"),
        ("W" * 20, "R" * 12 + "W" * 8, "W" * 20, None, "D", "angles 1"),
        ("R" * 5 + "W" * 7, "R" * 6 + "W" * 6, "W" * 12, None, "C", "angles 1"),
        ("W" * 12, "R" * 12, "W" * 12, "2" * 12, "D", "angles 1"),
        ("W" * 9 + "---", "R" * 12, "R" * 12, None, None, ""),
    ],
)  # fmt: skip
def test_the_rules_recommend(
    session: Session,
    ada: Character,
    put: Put,
    base: str,
    angles: str,
    both: str,
    stars: str | None,
    way: str,
    stack: str,
) -> None:
    made = surveyed(session, put, {LoraStack(): base, ANGLES: angles, BOTH: both})
    for image in survey.results(session, made):
        if stars and image.shot and image.shot.stack == ANGLES:
            session.store.decide(Decision(image=image.id, who="human", action="edit", value=2))
    found = survey_analysis.recommend(session, made)
    assert (found.way, found.stack) == (way, stack), found.reasons
    assert all(found.reasons)
    if way:
        survey.decide(session, made.id, "C", "I want my own.")
        assert survey_analysis.recommend(session, survey.of_version(session, "ada", "")) == found, "it may be overruled"


def test_a_survey_is_written_down(session: Session, ada: Character, put: Put) -> None:
    made = surveyed(session, put, {LoraStack(): "RW", ANGLES: "RR"}, {ANGLES: "54"})
    first = survey.results(session, made)[0]
    session.store.decide(Decision(image=first.id, who="human", action="note", value='=1+1, "quoted" | <b>'))
    survey.decide(session, made.id, "A", "It | does <b>it</b>.")
    rows = list(csv.DictReader(io.StringIO(survey_export.export(session, made.id, "csv"))))
    assert [(r["stack"], r["prompt"], r["identity"], r["stars identity"]) for r in rows] == [
        ("base", "p0", "right", ""), ("base", "p1", "wrong", ""),
        ("angles 1", "p0", "right", "5"), ("angles 1", "p1", "right", "4"),
    ]  # fmt: skip
    assert rows[0]["note"] == '\'=1+1, "quoted" | <b>', "no spreadsheet takes it for a formula"
    text = survey_export.export(session, made.id, "md")
    assert "## Pair by pair" in text and "It \\| does \\<b\\>it\\</b\\>." in text and "<b>" not in text
    told = json.loads(survey_export.export(session, made.id, "json"))
    assert told["pairs"][0]["only_second"] == 1 and told["recommendation"]["way"] is None and told["rules"]
    assert "What the rules recommend" in survey_export.export(session, made.id, "html")
    with pytest.raises(NotFound):
        survey_export.export(session, "ada/v9", "csv")


def test_a_column_a_prompt_and_seeds_are_added_and_nothing_is_made_again(
    session: Session, ada: Character, put: Put
) -> None:
    sources = [put("source", label="good") for _ in range(3)]
    asked = SurveyOptions(images=(sources[0].id,), prompts=("background/forest",), seed=7, steps=3)
    first = survey.plan(session, ada.id, asked)
    job = session.jobs.submit(RenderRequest(plan=first.model_copy(update={"shots": ()})), "nothing", ada.id)
    session.store.put(survey._survey(first, job, asked))
    more = SurveyOptions(stacks=(ANGLES,), prompts=("make it snow",), images=(sources[1].id,), seeds=2, onto="v1")
    plan = survey.plan(session, ada.id, more)
    assert (plan.version, plan.folder) == (first.version, first.folder)
    assert {s.id for s in first} < {s.id for s in plan}, "what is made is known by its id"
    assert len(plan) == 2 * 2 * 2 * 2 and {s.steps for s in plan} == {3}
    assert {s.purpose.variant for s in plan} == {0, 1} and len({s.seed for s in plan}) == 2 * 2 * 2
    with pytest.raises(NotFound, match="no survey v7"):
        survey.plan(session, ada.id, SurveyOptions(onto="v7"))


def test_a_survey_that_would_be_made_otherwise_today_is_not_added_to(
    session: Session, ada: Character, put: Put
) -> None:
    """As one of which an older version recorded no seed, or whose prompts read otherwise since."""
    source = put("source", label="good")
    asked = SurveyOptions(images=(source.id,), prompts=("background/forest",), seed=7)
    first = survey.plan(session, ada.id, asked)
    job = session.jobs.submit(RenderRequest(plan=first.model_copy(update={"shots": ()})), "nothing", ada.id)
    made = survey._survey(first, job, asked)
    session.store.put(made)
    shown = put("survey", sources=(source.ref,))
    session.store.put(shown.model_copy(update={"shot": first.shots[0]}))
    more = SurveyOptions(stacks=(ANGLES,), onto="v1")
    assert len(survey.plan(session, ada.id, more)) == 2, "what it has is planned as it was"
    session.store.put(made.model_copy(update={"seed": 0}))
    with pytest.raises(NotAllowed, match="1 picture of it would be made otherwise"):
        survey.plan(session, ada.id, more)


def test_what_was_planned_elsewhere_is_added_to_what_stands(session: Session, ada: Character, put: Put) -> None:
    made = surveyed(session, put, {LoraStack(): "RW"})
    more = made.model_copy(update={"stacks": (*made.stacks, ANGLES), "seeds": 2, "job": "j2", "reasons": "old"})
    now = survey.decide(session, made.id, "A", "Because.")
    whole = survey.added_onto(now, more)
    assert (whole.stacks, whole.seeds, whole.job, whole.reasons) == (more.stacks, 2, "j2", "Because.")
    for other in (made.model_copy(update={"prompts": ("p0",)}), made.model_copy(update={"created": ada.created})):
        with pytest.raises(NotAllowed, match="ask again"):
            survey.added_onto(now, other)
