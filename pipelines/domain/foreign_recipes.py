"""How a picture of another program says it was made: A1111's and Forge's web UIs, ComfyUI, SwarmUI, InvokeAI.
Reading it loads and runs nothing: what comes out is text and numbers, and may be anything that somebody wrote."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import zip_longest
from typing import Any

from pipelines.domain.recipes import LORA, Recipe, UsedLora, loras_in, number

FACT = re.compile(r'\s*([A-Za-z][\w \-/]{0,40}):\s*("(?:\\.|[^"\\])*"|[^,]*)(?:,|$)')
LARGEST = 1_000_000
"""Characters of a recipe: a larger one is none."""
DEEPEST = 20
"""So many nodes may a link of a graph lead through."""
SAMPLERS = ("KSampler", "KSamplerAdvanced", "SamplerCustom", "SamplerCustomAdvanced")
EMPTIED = "ConditioningZeroOut"
"""The node that stands for an empty prompt, whatever it is fed with."""
TEXTS, VALUES = ("text", "prompt", "t5xxl"), ("value", "string")
"""What a graph's nodes call a prompt, and what those call it that hold a single value for others."""


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
    guidance, beside = _guidance(told.pop("Distilled CFG Scale", ""), told.pop("CFG scale", ""))
    others = tuple(f"{name}: {_plain(value)}" for name, value in told.items() if name not in _OF_NO_USE)
    return Recipe(
        made_by="A1111" if told.get("Version") != "FLENwheel" else "FLENwheel",
        prompt=_words(LORA.sub("", prompt)),
        negative_prompt=_words(negative),
        guidance=guidance,
        width=_whole(width),
        height=_whole(height),
        loras=tuple(loras_in(prompt, hashes)),
        others=(*beside, *others),
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


def of_comfy(text: str) -> Recipe:
    """The recipe in the graph of a ComfyUI picture (its ``prompt`` text): what its first sampler is fed with. Raises
    ValueError for a text that is none."""
    nodes = {k: n for k, n in _object(text).items() if _is_node(n)}
    sampler = _sampler(nodes)
    if sampler is None:
        raise ValueError("That graph has no sampler that is known here: it is no recipe.")
    guider = _nearest(nodes, sampler.get("guider"), "conditioning", "positive") or sampler
    positive = "positive" if "positive" in guider else "conditioning"
    loras, others = _graph_loras(nodes)
    free = _told(nodes, guider, "", "cfg")
    guidance, beside = _guidance(_told(nodes, guider, positive, "guidance"), free)
    return Recipe(
        made_by="ComfyUI",
        prompt=_words(_told(nodes, guider, positive, *TEXTS)),
        negative_prompt=_words(_told(nodes, guider, "negative", *TEXTS)),
        model=_words(_told(nodes, guider, "model", "ckpt_name", "unet_name")),
        seed=_whole(_told(nodes, sampler, "noise", "seed", "noise_seed")),
        steps=_whole(_told(nodes, sampler, "sigmas", "steps")),
        guidance=guidance,
        width=_whole(_told(nodes, sampler, "latent_image", "width")),
        height=_whole(_told(nodes, sampler, "latent_image", "height")),
        loras=tuple(loras),
        others=(*_named(_sampling(nodes, sampler)), *beside, *others),
    )


def _sampler(nodes: Mapping[str, Any]) -> dict[str, Any] | None:
    """The inputs of ComfyUI's own first sampler; else of the first node that has steps and a seed, as others' have."""
    own = (n["inputs"] for n in nodes.values() if n["class_type"] in SAMPLERS)
    others = (n["inputs"] for n in nodes.values() if "steps" in n["inputs"] and {"seed", "noise_seed"} & {*n["inputs"]})
    return next(own, None) or next(others, None)


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
        if node is None or node["class_type"] == EMPTIED:
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
    weight, text = number(model), number(text_encoder)
    return UsedLora(
        name=_file_name(file),
        weight=1.0 if weight is None else weight,
        unused="" if text in (None, weight) else f"text encoder {text:g}",
    )


def of_swarm(text: str) -> Recipe:
    """The recipe in a ``parameters`` text of SwarmUI, an object with ``sui_image_params`` (its docs, Image Metadata
    Format). Raises ValueError for a text that is none."""
    told = _object(text).get("sui_image_params")
    if not isinstance(told, dict):
        raise ValueError("That text is none of SwarmUI's: it is no recipe.")
    prompt, model = str(told.get("prompt", "")), _words(told.get("model"))
    guidance, beside = _guidance(told.get("fluxguidancescale"), told.get("cfgscale"))
    if "fluxguidancescale" not in told and guidance == 1 and "flux" in model.casefold():
        guidance = None  # FLUX's own guidance was left as it is, and is not told
    named, weights = _listed(told.get("loras")), [number(w) for w in _listed(told.get("loraweights"))]
    weighed = zip_longest(named, weights[: len(named)])
    loras = [UsedLora(name=_file_name(name), weight=1.0 if weight is None else weight) for name, weight in weighed]
    return Recipe(
        made_by="SwarmUI",
        prompt=_words(LORA.sub("", prompt)),
        negative_prompt=_words(told.get("negativeprompt")),
        model=model,
        seed=_whole(told.get("seed")),
        steps=_whole(told.get("steps")),
        guidance=guidance,
        width=_whole(told.get("width")),
        height=_whole(told.get("height")),
        loras=tuple(loras or loras_in(prompt)),
        others=(*_named((name, told.get(name)) for name in ("sampler", "scheduler")), *beside),
    )


def _listed(value: object) -> list[str]:
    """A list, which SwarmUI writes as one or as a text with commas."""
    parts = value.split(",") if isinstance(value, str) else value if isinstance(value, list) else []
    return [str(part).strip() for part in parts if str(part).strip()]


def of_invoke(text: str) -> Recipe:
    """The recipe in the ``invokeai_metadata`` of a picture, an object (InvokeAI's ``CoreMetadataInvocation``). Raises
    ValueError for a text that is none."""
    told = _object(text)
    if not {"positive_prompt", "generation_mode"} & told.keys():
        raise ValueError("That text is none of InvokeAI's: it is no recipe.")
    guidance, beside = _guidance(told.get("guidance"), told.get("cfg_scale"))
    used = told.get("loras")
    return Recipe(
        made_by="InvokeAI",
        prompt=_words(told.get("positive_prompt")),
        negative_prompt=_words(told.get("negative_prompt")),
        model=_model_name(told.get("model")),
        seed=_whole(told.get("seed")),
        steps=_whole(told.get("steps")),
        guidance=guidance,
        width=_whole(told.get("width")),
        height=_whole(told.get("height")),
        loras=tuple(_invoke_loras(used if isinstance(used, list) else [])),
        others=(*_named([("scheduler", told.get("scheduler"))]), *beside),
    )


def _invoke_loras(used: list[Any]) -> Iterator[UsedLora]:
    for lora in used:
        name = _model_name(lora.get("model") or lora.get("lora")) if isinstance(lora, dict) else ""
        if name:
            weight = number(lora.get("weight"))
            yield UsedLora(name=name, weight=1.0 if weight is None else weight)


def _model_name(model: object) -> str:
    return _words(model.get("name") or model.get("model_name")) if isinstance(model, dict) else ""


def _guidance(distilled: object, free: object) -> tuple[float | None, list[str]]:
    """The guidance that is set here, which is the distilled one where a model has it, as FLUX does; and in words a
    classifier-free one that worked beside it, which has no place here."""
    own, beside = number(distilled), number(free)
    if own is None:
        return beside, []
    return own, [] if beside in (None, 1.0) else [f"CFG scale: {beside:g}"]


def _object(text: str) -> dict[str, Any]:
    """The JSON object in a text; empty if there is none."""
    try:
        found = json.loads(text) if len(text) <= LARGEST else None
    except (ValueError, RecursionError):
        found = None
    return found if isinstance(found, dict) else {}


def _named(settings: Iterable[tuple[str, object]]) -> list[str]:
    """Settings in words, those that are told."""
    return [f"{name}: {value}" for name, value in settings if isinstance(value, str)]


def _file_name(file: str) -> str:
    """The name of a model's file without its folders."""
    return re.split(r"[\\/]", file)[-1].removesuffix(".safetensors")


def _words(text: object) -> str:
    return " ".join(text.split()) if isinstance(text, str) else ""


def _whole(value: object) -> int | None:
    found = number(value)
    return int(found) if found is not None and abs(found) < 2**63 else None


READERS = (
    ("parameters", of_parameters),
    ("parameters", of_swarm),
    ("prompt", of_comfy),
    ("invokeai_metadata", of_invoke),
)
"""Under which name a text stands in a picture, and what reads it."""
