"""How a LoRA wants pictures to be made with it: few steps, a guidance, a noise schedule, company, a strength.

A distilled LoRA (Lightning, Turbo, Hyper) is right at the settings it was distilled for and at no others, so they are
data of the LoRA: its catalogue entry has them, or the user says so. ``pipelines.planning.sampling`` puts those of a
stack together.
"""

from typing import Any, Literal

from pydantic import Field, model_validator

from pipelines.domain.base import Frozen


class NoiseSchedule(Frozen):
    """Values of the flow-matching Euler scheduler that stand in for the model's own; ``None``: the model's.

    ``base_shift`` and ``max_shift`` are the logarithms of the shift at ``base_image_seq_len`` and ``max_image_seq_len``
    tokens; ``shift_terminal`` the noise level that the last step starts from, 0 for a schedule that is not stretched.
    """

    base_shift: float | None = Field(default=None, ge=-10, le=10)
    max_shift: float | None = Field(default=None, ge=-10, le=10)
    base_image_seq_len: int | None = Field(default=None, ge=1)
    max_image_seq_len: int | None = Field(default=None, ge=1)
    shift_terminal: float | None = Field(default=None, ge=0, lt=1)

    @property
    def values(self) -> dict[str, Any]:
        """What is not left to the model, by the scheduler's names."""
        return self.model_dump(exclude_none=True)


class Sampling(Frozen):
    """What a LoRA asks for. ``None`` and empty: nothing. ``few_steps_beside``: it is meant to be used together with a
    LoRA that asks for few steps. ``strengths``: the weights it works at, least and most. ``control``: what it goes by
    beside the picture that is edited (``luminance``: a map of light and dark)."""

    steps: int | None = Field(default=None, ge=1, le=1000)
    guidance: float | None = Field(default=None, ge=0, le=100)
    schedule: NoiseSchedule = NoiseSchedule()
    few_steps_beside: bool = False
    strengths: tuple[float, float] | None = None
    control: Literal["", "luminance"] = ""

    @model_validator(mode="after")
    def _in_order(self) -> "Sampling":
        if self.strengths and self.strengths[0] > self.strengths[1]:
            raise ValueError("the least strength is above the most")
        return self

    @property
    def words(self) -> str:
        """``4 steps, guidance 1, its own noise schedule``; empty when it asks for nothing of that."""
        said = [f"{self.steps} {'step' if self.steps == 1 else 'steps'}"] if self.steps else []
        said += [f"guidance {self.guidance:g}"] if self.guidance is not None else []
        said += ["its own noise schedule"] if self.schedule.values else []
        return ", ".join(said)
