"""What numbers a person may give, once for the command line, the page's fields, the routes and the plans.

Types for pydantic; ``fits`` asks one of them. What is stored may be older than a bound and is not held to it.
"""

from typing import Annotated, Any, TypeVar

from pydantic import Field, TypeAdapter

T = TypeVar("T")

Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]
Steps = Annotated[int, Field(ge=1, le=1000)]
"""Denoising steps: a schedule is made of 1000."""
Guidance = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]
MOST_WEIGHT = 10.0
Weight = Annotated[float, Field(ge=-MOST_WEIGHT, le=MOST_WEIGHT, allow_inf_nan=False)]
"""The scale of a LoRA. Beyond it pictures are noise, and far beyond it they are not numbers any more."""
Each = Annotated[int, Field(ge=1, le=1000)]
"""How many of each: edits of a source, variants of a prompt."""
Tries = Annotated[int, Field(ge=1, le=64)]
"""With how many seeds a picture is tried, of which the best is kept."""
Count = Annotated[int, Field(ge=1, le=100_000)]
"""How many at most."""
More = Annotated[int, Field(ge=0, le=2)]
"""How many pictures of the character an editor sees beside the one that it edits."""
Wanted = Annotated[int, Field(ge=1, le=10_000)]
"""How many good pictures are wanted at a gate."""
MOST_RANK = 1024
Rank = Annotated[int, Field(ge=1, le=MOST_RANK)]
"""The rank of a merged LoRA."""
Fraction = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]
Cosine = Annotated[float, Field(ge=-1, le=1, allow_inf_nan=False)]


def fits(kind: Any, value: object) -> Any:
    """``value`` as ``kind``, a type above or any that pydantic knows. Raises pydantic's ValidationError."""
    return TypeAdapter(kind).validate_python(value)
