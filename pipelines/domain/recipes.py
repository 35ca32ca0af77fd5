"""How a picture says it was made: in our own words (a Shot), in those of AUTOMATIC1111's web UI, or as a ComfyUI graph.
Reading them loads and runs nothing: what comes out is text and numbers, and may be anything that somebody wrote."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pipelines.domain.base import Frozen
from pipelines.domain.shots import Adapter, Shot

_WEIGHT = r"-?(?:\d{1,10}\.?\d{0,10}|\.\d{1,10})(?:e[+-]?\d{1,3})?"
LORA = re.compile(rf"<lora:([^:<>]{{1,200}}):({_WEIGHT})(?::(?:unet=)?({_WEIGHT}))?(:[^<>]{{0,40}})?>")
"""A name and its weights as A1111 reads them (its extra network ``lora``): one for all, or the text encoder's and then
the model's; behind them settings of its own."""
FACT = re.compile(r'\s*([A-Za-z][\w \-/]{0,40}):\s*("(?:\\.|[^"\\])*"|[^,]*)(?:,|$)')
HASH = 8
"""So many digits of a LoRA's hash tell which it is."""
LARGEST = 1_000_000
"""Characters of a recipe: a larger one is none."""
DEEPEST = 20
"""So many nodes may a link of a graph lead through."""
SAMPLERS = ("KSampler", "KSamplerAdvanced", "SamplerCustom")


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


def of_parameters(text: str) -> Recipe:
    """The recipe in a ``parameters`` text: the prompt, a line ``Negative prompt: ..``, a line of ``Name: value`` pairs.
    Raises ValueError for a text that is none."""
    lines = text[:LARGEST].strip().split("\n")
    told = dict(_facts(lines[-1])) if len(lines) > 1 or "Steps:" in lines[-1] else {}
    if not {"Steps", "Seed"} & told.keys():
        raise ValueError("That text says nothing of steps or a seed: it is no recipe.")
    prompt, _, negative = "\n".join(lines[:-1]).partition("Negative prompt:")
    hashes = dict(re.findall(r"([^:,]+):\s*([0-9a-fA-F]+)", _plain(told.pop("Lora hashes", ""))))
    hashes = {name.strip(): value.lower() for name, value in hashes.items()}
    width, _, height = told.pop("Size", "").partition("x")
    known = {
        "model": told.pop("Model", ""),
        "seed": _whole(told.pop("Seed", "")),
        "steps": _whole(told.pop("Steps", "")),
    }
    guidance = _number(told.pop("CFG scale", told.pop("Distilled CFG Scale", "")))
    others = tuple(f"{name}: {_plain(value)}" for name, value in told.items() if name not in _OF_NO_USE)
    return Recipe(
        made_by="A1111" if told.get("Version") != "FLENwheel" else "FLENwheel",
        prompt=_words(LORA.sub("", prompt)),
        negative_prompt=_words(negative),
        guidance=guidance,
        width=_whole(width),
        height=_whole(height),
        loras=tuple(loras_in(prompt, hashes)),
        others=others,
        **known,
    )


_OF_NO_USE = ("Version", "Model hash", "Model revision", "Lora hashes", "Hashes")


def _facts(line: str) -> Iterator[tuple[str, str]]:
    yield from ((name.strip(), value.strip()) for name, value in FACT.findall(line))


def _plain(value: str) -> str:
    """A value without its quotation marks."""
    try:
        return str(json.loads(value)) if value.startswith('"') else value
    except ValueError:
        return value.strip('"')


def loras_in(text: str, hashes: Mapping[str, str] | None = None) -> Iterator[UsedLora]:
    """The LoRAs that a text names as prompts do, ``<lora:angles:0.8>``, in its order; ``hashes`` by name, if known."""
    for name, first, second, more in LORA.findall(text):
        own = f"text encoder {first}" if second and _number(second) != _number(first) else ""
        yield UsedLora(
            name=name,
            weight=_number(second or first) or 0.0,
            sha256=(hashes or {}).get(name.strip(), ""),
            unused=", ".join(filter(None, [own, more.strip(":")])),
        )


def as_text(adapters: Iterable[Adapter]) -> str:
    """Adapters as ``loras_in`` reads them, ``<lora:angles:0.8> <lora:fast:1>``: A1111's way, which others read, too. A
    name that cannot stand there gives way to the beginning of the file's hash."""
    written = ((f"<lora:{a.name}:{a.weight:g}>", f"<lora:{a.sha256[:HASH]}:{a.weight:g}>") for a in adapters)
    return " ".join(by_name if LORA.fullmatch(by_name) else by_hash for by_name, by_hash in written)


def of_comfy(text: str) -> Recipe:
    """The recipe in the graph of a ComfyUI picture (its ``prompt`` text): what its first sampler is fed with. Raises
    ValueError for a text that is none."""
    try:
        graph = json.loads(text) if len(text) <= LARGEST else None
    except (ValueError, RecursionError):
        graph = None
    nodes = {str(k): n for k, n in graph.items() if _is_node(n)} if isinstance(graph, dict) else {}
    sampler = next((n["inputs"] for n in nodes.values() if n["class_type"] in SAMPLERS), None)
    if sampler is None:
        raise ValueError("That graph has no sampler that is known here: it is no recipe.")
    size = _upstream(nodes, sampler.get("latent_image"), "width", "height")
    model = _upstream(nodes, sampler.get("model"), "ckpt_name", "unet_name")
    seed = sampler.get("seed", sampler.get("noise_seed"))
    return Recipe(
        made_by="ComfyUI",
        prompt=_words(_text(nodes, sampler.get("positive"))),
        negative_prompt=_words(_text(nodes, sampler.get("negative"))),
        model=str(model.get("ckpt_name", model.get("unet_name", ""))),
        seed=_whole(seed),
        steps=_whole(sampler.get("steps")),
        guidance=_number(sampler.get("cfg")),
        width=_whole(size.get("width")),
        height=_whole(size.get("height")),
        loras=tuple(_graph_loras(nodes)),
        others=tuple(f"{n}: {sampler[n]}" for n in ("sampler_name", "scheduler") if isinstance(sampler.get(n), str)),
    )


def _is_node(node: object) -> bool:
    return isinstance(node, dict) and isinstance(node.get("class_type"), str) and isinstance(node.get("inputs"), dict)


def _upstream(nodes: Mapping[str, Any], link: object, *names: str) -> dict[str, Any]:
    """The inputs of the nearest node, going against a link, that has one of these as a value."""
    for _ in range(DEEPEST):
        node = nodes.get(str(link[0])) if isinstance(link, list) and link else None
        if node is None:
            return {}
        inputs = node["inputs"]
        if any(name in inputs and not isinstance(inputs[name], list) for name in names):
            return inputs
        link = next((value for value in inputs.values() if isinstance(value, list)), None)
    return {}


def _text(nodes: Mapping[str, Any], link: object) -> str:
    found = _upstream(nodes, link, "text", "prompt", "t5xxl")
    return next((found[name] for name in ("text", "prompt", "t5xxl") if isinstance(found.get(name), str)), "")


def _graph_loras(nodes: Mapping[str, Any]) -> Iterator[UsedLora]:
    for node in nodes.values():
        name = node["inputs"].get("lora_name")
        if isinstance(name, str):
            weight, text = (_number(node["inputs"].get(f"strength_{part}")) for part in ("model", "clip"))
            yield UsedLora(
                name=re.split(r"[\\/]", name)[-1].removesuffix(".safetensors"),
                weight=1.0 if weight is None else weight,
                unused="" if text in (None, weight) else f"text encoder {text:g}",
            )


def _words(text: str) -> str:
    return " ".join(text.split())


def _whole(value: object) -> int | None:
    number = _number(value)
    return int(number) if number is not None and abs(number) < 2**63 else None


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float) or len(str(value)) > 40:
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if abs(number) < 1e300 else None
