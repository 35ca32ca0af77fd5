"""What LoRAs ask of the sampling: whose steps are used, what is said of it, what is refused before anything runs."""

import pytest
from old_workspaces import FIXTURES, OLD
from test_plans import EDITOR, enriching, generating, picture, surveying

from pipelines.domain.sampling import NoiseSchedule, Sampling
from pipelines.domain.shots import Adapter, LoraStack, Plan
from pipelines.planning import enrich, generate, survey
from pipelines.planning.base import ChoiceError
from pipelines.planning.sampling import notes
from pipelines.storage.pictures import read_recipe
from pipelines.storage.presets import shipped

CATALOGUE = {e.name: e for e in shipped().catalogue}


def lora(name: str, weight: float | None = None, asked: Sampling | None = None) -> Adapter:
    """A LoRA of the catalogue, or one that asks for something of its own."""
    entry = CATALOGUE.get(name)
    known = entry.sampling if entry else Sampling()
    start = entry.weight if entry else 1.0
    return Adapter(
        name=name,
        sha256=(name.encode().hex() * 64)[:64],
        path=f"loras/{name}.safetensors",
        weight=start if weight is None else weight,
        sampling=asked or known,
    )


def stack(*adapters: Adapter) -> LoraStack:
    return LoraStack(adapters=adapters)


def enriched(*adapters: Adapter, **changes) -> Plan:
    return enrich.plan(enriching(stack=stack(*adapters), **changes))


def settings(plan: Plan) -> set[tuple[int, float, bool]]:
    return {(s.steps, s.guidance, bool(s.schedule.values)) for s in plan.shots}


def test_lightning_brings_its_steps_guidance_and_schedule() -> None:
    assert settings(enriched(lora("lightning-4"))) == {(4, 1.0, True)}
    assert settings(enriched(lora("multiple-angles"), lora("lightning-8"))) == {(8, 1.0, True)}
    own = EDITOR.defaults
    assert settings(enriched(lora("multiple-angles"))) == {(own.steps, own.guidance, False)}


def test_a_lora_that_is_not_used_asks_for_nothing() -> None:
    own = EDITOR.defaults
    assert settings(enriched(lora("lightning-4", weight=0.0))) == {(own.steps, own.guidance, False)}


def test_what_the_user_says_overrules_and_the_plan_says_so() -> None:
    plan = enriched(lora("lightning-4"), steps=20, guidance=3.0)
    assert settings(plan) == {(20, 3.0, True)}
    assert notes(plan) == ["lightning-4 was made for 4 steps, not 20 and guidance 1, not 3."]


def test_the_plan_says_whose_steps_they_are() -> None:
    assert notes(enriched(lora("lightning-4"))) == ["4 steps, guidance 1, its own noise schedule, by lightning-4."]
    assert notes(enriched()) == []


def test_a_lora_without_its_company_or_at_another_strength_is_told() -> None:
    alone = notes(enriched(lora("multiple-angles", weight=0.5)))
    assert alone == [
        "multiple-angles at 0.5: it works at 1 to 1.25.",
        "multiple-angles wants a LoRA for few steps beside it, such as Lightning: there is none here.",
    ]
    together = notes(enriched(lora("multiple-angles"), lora("lightning-4")))
    assert together == ["4 steps, guidance 1, its own noise schedule, by lightning-4."]


def test_two_that_disagree_are_refused_with_both_names_unless_the_user_decides() -> None:
    both = (lora("lightning-4"), lora("lightning-8"))
    with pytest.raises(ChoiceError, match=r"about the steps: lightning-4 for 4 and lightning-8 for 8"):
        enriched(*both)
    assert settings(enriched(*both, steps=6)) == {(6, 1.0, True)}


def test_two_schedules_are_never_put_together() -> None:
    other = Sampling(schedule=NoiseSchedule(base_shift=0.5, max_shift=1.15))
    with pytest.raises(ChoiceError, match="noise schedule"):
        enriched(lora("lightning-4"), lora("odd", asked=other), steps=4, guidance=1.0)


def test_a_survey_plans_every_column_by_its_own() -> None:
    columns = (stack(lora("multiple-angles")), stack(lora("lightning-4")), stack(lora("lightning-8")))
    plan = survey.plan(surveying(images=(picture(1),), stacks=columns))
    by_column = {s.stack.label: (s.steps, s.guidance) for s in plan.shots}
    own = (EDITOR.defaults.steps, EDITOR.defaults.guidance)
    assert by_column == {"base": own, "multiple-angles 1": own, "lightning-4 1": (4, 1.0), "lightning-8 1": (8, 1.0)}


def test_flux_has_such_loras_too_at_an_eighth_of_the_strength() -> None:
    offered = shipped().scenarios[:1]
    hyper = lora("flux-hyper-8")
    plan = generate.plan(generating(offered=offered, stack=stack(hyper)))
    assert settings(plan) == {(8, 3.5, False)}
    assert hyper.weight == 0.125
    assert "works at 0.125" in " ".join(
        notes(generate.plan(generating(offered=offered, stack=stack(lora("flux-hyper-8", 1.0)))))
    )


def test_a_schedule_that_the_model_would_not_heed_is_refused() -> None:
    klein = shipped().models["flux2-klein-4b"]
    with pytest.raises(ChoiceError, match=r"klein.* would not heed .*base_shift"):
        generate.plan(generating(offered=shipped().scenarios[:1], family=klein, stack=stack(lora("lightning-4"))))


def test_the_schedule_is_part_of_a_shot() -> None:
    shot = generate.plan(generating(offered=shipped().scenarios[:1])).shots[0]
    assert shot.model_copy(update={"schedule": NoiseSchedule(shift_terminal=0.0)}).id != shot.id


@pytest.mark.parametrize(
    ("picture", "known"),
    [
        ("synthetic/v1/a1a464d538b968827f83", "6c16aa94ab20f502e2a3"),
        ("enriched/v1/72b827dfbe6b519115b7", "c4f53f9d84e76997d53b"),
        ("survey/v1/c610c800f0922ad167b1", "a69c530bcd0c55a229be"),
    ],
)
def test_shots_of_version_0_1_keep_their_ids(picture: str, known: str) -> None:
    """As version 0.1 reckoned them: a shot that gets another id would be made again."""
    [path] = (FIXTURES / OLD).glob(f"characters/*/data/{picture}.png")
    recipe = read_recipe(path, path.name)
    assert recipe is not None
    assert recipe.shot is not None
    assert recipe.shot.id == known
