"""How a picture says it was made: in our own words (a Shot), in those of AUTOMATIC1111's web UI, or as a ComfyUI graph.
Reading them loads and runs nothing: what comes out is text and numbers, and may be anything that somebody wrote."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pipelines.domain.base import Frozen
from pipelines.domain.shots import Adapter, Shot

_WEIGHT = r"-?(?:\d{1,10}\.?\d{0,10}|\.\d{1,10})(?:e[+-]?\d{1,3})?"
LORA = re.compile(rf"<lora:([^:<>]{{1,200}})((?:: *(?:(?:te|unet)= *)?{_WEIGHT} *(?::[^:<>]{{0,40}}){{0,6}})?)>")
"""A name and what A1111 reads behind it (its extra network ``lora``): no weight, which is 1, one for all, or the text
encoder's and then the model's, in order or by name (``te=``, ``unet=``); behind them settings of its own."""
FACT = re.compile(r'\s*([A-Za-z][\w \-/]{0,40}):\s*("(?:\\.|[^"\\])*"|[^,]*)(?:,|$)')
HASH = 8
"""So many digits of a LoRA's hash tell which it is."""
LARGEST = 1_000_000
"""Characters of a recipe: a larger one is none."""
DEEPEST = 20
"""So many nodes may a link of a graph lead through."""
SAMPLERS = ("KSampler", "KSamplerAdvanced", "SamplerCustom", "SamplerCustomAdvanced")
TEXTS, VALUES = ("text", "prompt", "t5xxl"), ("value", "string")
"""What a graph's nodes call a prompt, and what those call it that hold a single value for others."""


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
        weight = _number(value)
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
    guider = _nearest(nodes, sampler.get("guider"), "conditioning", "positive") or sampler
    positive = "positive" if "positive" in guider else "conditioning"
    loras, others = _graph_loras(nodes)
    guidance = _told(nodes, guider, positive, "guidance")
    return Recipe(
        made_by="ComfyUI",
        prompt=_words(_told(nodes, guider, positive, *TEXTS)),
        negative_prompt=_words(_told(nodes, guider, "negative", *TEXTS)),
        model=_words(_told(nodes, guider, "model", "ckpt_name", "unet_name")),
        seed=_whole(_told(nodes, sampler, "noise", "seed", "noise_seed")),
        steps=_whole(_told(nodes, sampler, "sigmas", "steps")),
        guidance=_number(_told(nodes, guider, "", "cfg") if guidance is None else guidance),
        width=_whole(_told(nodes, sampler, "latent_image", "width")),
        height=_whole(_told(nodes, sampler, "latent_image", "height")),
        loras=tuple(loras),
        others=(*(f"{n}: {v}" for n, v in _sampling(nodes, sampler) if isinstance(v, str)), *others),
    )


def _sampling(nodes: Mapping[str, Any], sampler: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    yield "sampler_name", _told(nodes, sampler, "sampler", "sampler_name")
    yield "scheduler", _told(nodes, sampler, "sigmas", "scheduler")


def _told(nodes: Mapping[str, Any], inputs: Mapping[str, Any], link: str, *names: str) -> object:
    """What an input of a node says that is called one of ``names``, or of the nearest node that its ``link`` leads to;
    if it is fed by another node, what that says."""
    value: object = None
    source = inputs if any(name in inputs for name in names) else _nearest(nodes, inputs.get(link), *names)
    for _ in range(DEEPEST):
        value = next((source[name] for name in (*names, *VALUES) if name in source), None)
        if not isinstance(value, list):
            return value
        source = _nearest(nodes, value, *names, *VALUES)
    return None


def _is_node(node: object) -> bool:
    return isinstance(node, dict) and isinstance(node.get("class_type"), str) and isinstance(node.get("inputs"), dict)


def _nearest(nodes: Mapping[str, Any], link: object, *names: str) -> dict[str, Any]:
    """The inputs of the nearest node, going against a link, that has one of these; none: empty."""
    for _ in range(DEEPEST):
        node = nodes.get(str(link[0])) if isinstance(link, list) and link else None
        if node is None:
            return {}
        inputs = node["inputs"]
        if any(name in inputs for name in names):
            return inputs
        link = next((value for value in inputs.values() if isinstance(value, list)), None)
    return {}


def _graph_loras(nodes: Mapping[str, Any]) -> tuple[list[UsedLora], list[str]]:
    """The LoRAs of a graph, and in words the nodes for LoRAs that say none in a way that is known here."""
    used: list[UsedLora] = []
    others: list[str] = []
    for node in nodes.values():
        inputs, before = node["inputs"], len(used)
        if isinstance(inputs.get("lora_name"), str):
            used.append(_graph_lora(inputs["lora_name"], inputs.get("strength_model"), inputs.get("strength_clip")))
        rows = [v for v in inputs.values() if isinstance(v, dict) and isinstance(v.get("lora"), str)]
        used += [_graph_lora(r["lora"], r.get("strength"), r.get("strengthTwo")) for r in rows if r.get("on", True)]
        if len(used) == before and not rows and "lora" in node["class_type"].casefold():
            others.append(f"LoRAs of the node {node['class_type']}")
    return used, others


def _graph_lora(file: str, model: object, text_encoder: object) -> UsedLora:
    weight, text = _number(model), _number(text_encoder)
    return UsedLora(
        name=re.split(r"[\\/]", file)[-1].removesuffix(".safetensors"),
        weight=1.0 if weight is None else weight,
        unused="" if text in (None, weight) else f"text encoder {text:g}",
    )


def _words(text: object) -> str:
    return " ".join(text.split()) if isinstance(text, str) else ""


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
