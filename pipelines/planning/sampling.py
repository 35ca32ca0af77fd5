"""What a stack of LoRAs asks of the sampling, put together, and what is to be said of it before anything runs."""

from collections.abc import Iterator
from typing import TypeVar

from pipelines.domain.presets import ModelFamily
from pipelines.domain.sampling import NoiseSchedule, Sampling
from pipelines.domain.shots import Adapter, LoraStack, Plan
from pipelines.models import registry

Wish = TypeVar("Wish")


class SamplingConflict(ValueError):
    """The LoRAs of a stack ask for what does not go together, or for what the model does not know."""


def asked(stack: LoraStack, *, steps: int | None = None, guidance: float | None = None) -> Sampling:
    """What a stack asks for, as one: steps, guidance and schedule. ``steps`` and ``guidance`` are the user's own choice
    and overrule it. A LoRA at weight 0 asks for nothing. Raises SamplingConflict when two disagree."""
    using = _using(stack)
    schedules = [a for a in using if a.sampling.schedule.values]
    return Sampling(
        steps=steps or _agreed([(a, a.sampling.steps) for a in using], "steps"),
        guidance=guidance if guidance is not None else _agreed([(a, a.sampling.guidance) for a in using], "guidance"),
        schedule=_agreed([(a, a.sampling.schedule) for a in schedules], "noise schedule") or NoiseSchedule(),
    )


def _using(stack: LoraStack) -> list[Adapter]:
    return [a for a in stack.adapters if a.weight]


def _agreed(wanted: list[tuple[Adapter, Wish | None]], what: str) -> Wish | None:
    said = [(adapter, value) for adapter, value in wanted if value is not None]
    if any(value != said[0][1] for _, value in said):
        listed = " and ".join(f"{a.name} for {_shown(value)}" for a, value in said)
        way_out = "Take one out" if what == "noise schedule" else f"Take one out, or say the {what} yourself"
        raise SamplingConflict(f"The LoRAs disagree about the {what}: {listed}. {way_out}.")
    return said[0][1] if said else None


def _shown(value: object) -> str:
    if isinstance(value, NoiseSchedule):
        return ", ".join(f"{name} {number:.4g}" for name, number in value.values.items())
    return f"{value:g}" if isinstance(value, float) else str(value)


def check(family: ModelFamily, schedule: NoiseSchedule) -> None:
    """Raise SamplingConflict for values of a schedule that the pipeline of ``family`` would not heed."""
    heeded = registry.of(family).schedule
    if idle := [name for name in schedule.values if name not in heeded]:
        raise SamplingConflict(
            f"{family.title} makes its noise schedule itself and would not heed {', '.join(idle)}: a LoRA that asks for"
            " it was made for another model."
        )


def notes(plan: Plan) -> list[str]:
    """What to say of a plan's stacks before it runs: whose steps and guidance are used, what LoRAs were made for and do
    not get. Each sentence once."""
    stacks = {(s.stack, s.steps, s.guidance, s.control is not None): None for s in plan.shots}
    said = [line for told in stacks for line in _notes(*told)]
    return list(dict.fromkeys([*said, *_seen_beside(plan)]))


def _seen_beside(plan: Plan) -> Iterator[str]:
    """What the editor sees beside the pictures that it edits."""
    more = {len(shot.sources) - 1 for shot in plan.shots if len(shot.sources) > 1}
    if more:
        many = f"{min(more)}" if len(more) == 1 else f"{min(more)} to {max(more)}"
        yield f"The editor sees {many} more of the same character beside each source, and takes longer."
    if any(shot.control for shot in plan.shots):
        yield "The editor sees a luminance map as its second picture."


def _notes(stack: LoraStack, steps: int, guidance: float, controlled: bool) -> Iterator[str]:
    using = _using(stack)
    for adapter in using:
        wish = adapter.sampling
        overruled = [f"{wish.steps} steps, not {steps}"] if wish.steps not in (None, steps) else []
        overruled += [f"guidance {wish.guidance:g}, not {guidance:g}"] if wish.guidance not in (None, guidance) else []
        if overruled:
            yield f"{adapter.name} was made for {' and '.join(overruled)}."
        elif wish.words:
            yield f"{wish.words[0].upper()}{wish.words[1:]}, by {adapter.name}."
        if wish.strengths and not wish.strengths[0] <= adapter.weight <= wish.strengths[1]:
            yield f"{adapter.name} at {adapter.weight:g}: it works at {_range(wish.strengths)}."
        if wish.control and not controlled:
            yield f"{adapter.name} goes by a luminance map as second picture: there is none here."
        if wish.few_steps_beside and not any(a.sampling.steps for a in using if a is not adapter):
            yield f"{adapter.name} wants a LoRA for few steps beside it, such as Lightning: there is none here."


def _range(strengths: tuple[float, float]) -> str:
    least, most = strengths
    return f"{least:g}" if least == most else f"{least:g} to {most:g}"
