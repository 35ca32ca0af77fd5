"""How a picture was made, as it says itself; and LoRAs as prompts name them."""

import re
from collections.abc import Iterable, Iterator, Mapping

from pipelines.domain.base import Frozen
from pipelines.domain.shots import Adapter, Shot

_WEIGHT = r"-?(?:\d{1,10}\.?\d{0,10}|\.\d{1,10})(?:e[+-]?\d{1,3})?"
LORA = re.compile(rf"<lora:([^:<>]{{1,200}})((?:: *(?:(?:te|unet)= *)?{_WEIGHT} *(?::[^:<>]{{0,40}}){{0,6}})?)>")
"""A name and what A1111 reads behind it (its extra network ``lora``): no weight, which is 1, one for all, or the text
encoder's and then the model's, in order or by name (``te=``, ``unet=``); behind them settings of its own."""
HASH = 8
"""So many digits of a LoRA's hash tell which it is."""


class UsedLora(Frozen):
    """A LoRA that a recipe names; ``sha256``: the beginning of its hash, if it says. ``unused``: what it says beside
    the model's weight, as a weight of the text encoder's own; there is one weight for both here."""

    name: str
    weight: float = 1.0
    sha256: str = ""
    unused: str = ""


class Recipe(Frozen):
    """What a picture tells of how it was made; what it does not tell is empty. ``others`` are settings that it names
    and nobody here knows, as lines of words."""

    made_by: str
    prompt: str = ""
    negative_prompt: str = ""
    model: str = ""
    seed: int | None = None
    steps: int | None = None
    guidance: float | None = None
    width: int | None = None
    height: int | None = None
    loras: tuple[UsedLora, ...] = ()
    edits: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    step: str = ""
    others: tuple[str, ...] = ()


def of_shot(shot: Shot) -> Recipe:
    """The recipe of a picture that was made here."""
    return Recipe(
        made_by="FLENwheel",
        prompt=shot.prompt,
        negative_prompt=shot.negative_prompt,
        model=shot.family,
        seed=shot.seed,
        steps=shot.steps,
        guidance=shot.guidance,
        width=shot.width,
        height=shot.height,
        loras=tuple(UsedLora(name=a.name, weight=a.weight, sha256=a.sha256) for a in shot.stack.adapters),
        edits=shot.purpose.edits,
        sources=tuple(source.id for source in shot.sources[:1]),
        step=shot.purpose.step,
    )


def loras_in(text: str, hashes: Mapping[str, str] | None = None) -> Iterator[UsedLora]:
    """The LoRAs that a text names as prompts do, ``<lora:angles:0.8>``, in its order; ``hashes`` by name, if known."""
    for name, behind in LORA.findall(text):
        text_encoder, model, more = _weights(behind)
        own = [] if text_encoder == model else [f"text encoder {text_encoder:g}"]
        yield UsedLora(
            name=name.strip(),
            weight=model,
            sha256=(hashes or {}).get(name.strip(), ""),
            unused=", ".join([*own, *more]),
        )


def _weights(behind: str) -> tuple[float, float, list[str]]:
    """What stands behind a LoRA's name: the text encoder's weight, the model's, which is the same if it isn't told, and
    what is neither."""
    told: dict[str, float] = {}
    more: list[str] = []
    for argument in filter(None, (a.strip() for a in behind.split(":"))):
        name, _, value = argument.rpartition("=")
        weight = number(value)
        place = name.strip() or ("unet" if "te" in told else "te")
        if place in ("te", "unet") and weight is not None and (name or place not in told):
            told[place] = weight
        else:
            more.append(argument)
    text_encoder = told.get("te", 1.0)
    return text_encoder, told.get("unet", text_encoder), more


def as_text(adapters: Iterable[Adapter]) -> str:
    """Adapters as ``loras_in`` reads them, ``<lora:angles:0.8> <lora:fast:1>``: A1111's way, which others read, too. A
    name that cannot stand there gives way to the beginning of the file's hash."""
    written = ((f"<lora:{a.name}:{a.weight:g}>", f"<lora:{a.sha256[:HASH]}:{a.weight:g}>") for a in adapters)
    return " ".join(by_name if LORA.fullmatch(by_name) else by_hash for by_name, by_hash in written)


def number(value: object) -> float | None:
    """A finite number, or one that is written as text; else ``None``."""
    if isinstance(value, bool) or not isinstance(value, str | int | float) or len(str(value)) > 40:
        return None
    try:
        found = float(value)
    except ValueError:
        return None
    return found if abs(found) < 1e300 else None
