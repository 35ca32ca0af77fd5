"""Community LoRAs: relevance, what their card says, whether they are here and fit."""

from collections.abc import Iterable, Mapping, Sequence

from typing_extensions import TypedDict

from pipelines.domain.lora_notes import LoraAxis
from pipelines.domain.presets import CatalogueEntry
from pipelines.domain.records import LoraRecord
from pipelines.workflow.lora_notes import Candidate, progress
from pipelines.workflow.loras import catalogued, origin, titles, told
from studio.components.painted import Painted, Value, rev_of


class CatalogueItem(TypedDict):
    """A LoRA: what its card says, whether it is here and fits."""

    key: str
    title: str
    kind: str
    relevance: int
    card: str
    warning: str
    repo: str
    licence: str
    status: str
    tone: str
    lora: str
    ready: bool
    get: bool
    scores: dict[LoraAxis, int]
    note: str
    looked: str
    tested: str


class CatalogueValue(TypedDict):
    """The LoRAs there are, and the keys of those that are ticked."""

    items: list[CatalogueItem]
    ticked: list[str]
    rev: int
    progress: str


class Catalogue(Painted):
    """Value: ``items`` (``key``, ``title``, ``kind``, ``relevance`` 0-5, ``card``, ``warning``, ``repo``, ``licence``,
    ``status``, ``tone``, ``lora`` id or empty, ``ready``: it can be ticked, ``get``: it can be downloaded; what the
    user found out: ``scores`` 1-5 by axis, ``note``, ``looked``; ``tested``: the surveys that tested it), ``ticked``
    (keys of those to be tested), ``progress`` in words. Event ``ticks``: the ticked ones changed."""

    island = "catalogue"
    fires = ("ticks",)


def status(entry: CatalogueEntry, lora: LoraRecord | None, family: str) -> tuple[str, str]:
    """The chip of an entry and its tone. ``family`` is the lora family of the editor that is used."""
    if family not in entry.suits:
        return "wrong family", "bad"
    if lora is not None or entry.shipped:
        return "here", "good"
    return ("misleading", "warn") if "mislead" in entry.warning.lower() else ("not here", "")


def match(entry: CatalogueEntry, loras: Iterable[LoraRecord]) -> LoraRecord | None:
    """The file of an entry among those brought in."""
    return next((x for x in loras if catalogued((entry,), x)), None)


def catalogue(
    entries: Sequence[CatalogueEntry],
    loras: Sequence[LoraRecord],
    family: str,
    before: Value,
    found: Mapping[str, Candidate],
) -> CatalogueValue:
    """The value of a Catalogue: the entries, and above them the usable files that no entry knows; what was ``found``
    out, by key."""
    items, known = [], set()
    for entry in entries:
        lora = match(entry, loras)
        known.add(lora.id if lora else "")
        items.append(_entry(entry, lora, family, found[entry.name]))
    called = titles(loras)
    own = [_own(x, called[x.id], _found(found, entries, x)) for x in loras if x.id not in known and x.family == family]
    keys = {i["key"] for i in (*own, *items) if i["ready"]}
    ticked = [k for k in before.get("ticked", []) if k in keys]
    return {"items": [*own, *items], "ticked": ticked, "rev": rev_of(before), "progress": progress(found.values())}


def _found(found: Mapping[str, Candidate], entries: Iterable[CatalogueEntry], lora: LoraRecord) -> Candidate:
    """What was found out about a file; of a second file of an entry, what was of the entry."""
    entry = catalogued(entries, lora)
    return found[entry.name if entry else lora.id]


def chosen(value: Value, allowed: Iterable[LoraRecord]) -> list[str]:
    """LoRA ids of the ticked entries, those among ``allowed`` only: the page is not to be trusted with ids."""
    usable = {x.id for x in allowed}
    ticked = set(value.get("ticked", []))
    ids = [i.get("lora", "") for i in value.get("items", []) if i.get("key") in ticked]
    return [i for i in dict.fromkeys(ids) if i in usable]


def absent(value: Value, known: Iterable[str]) -> list[str]:
    """Names of the ticked entries that come with the product (``known``) and are not in the workspace yet."""
    wanted = set(value.get("ticked", [])) & set(known)
    keys = (i.get("key", "") for i in value.get("items", []) if not i.get("lora"))
    return [key for key in keys if key in wanted]


def _entry(entry: CatalogueEntry, lora: LoraRecord | None, family: str, found: Candidate) -> CatalogueItem:
    words, tone = status(entry, lora, family)
    return {
        "key": entry.name,
        "title": entry.name,
        "kind": entry.kind,
        "relevance": entry.relevance,
        "card": entry.card,
        "warning": entry.warning,
        "repo": entry.repo,
        "licence": entry.licence,
        "status": words,
        "tone": tone,
        "lora": lora.id if lora and words == "here" else "",
        "ready": words == "here",
        "get": bool(entry.repo) and words != "here" and family in entry.suits,
        "scores": dict(found.notes.scores),
        "note": found.notes.note,
        "looked": found.notes.looked,
        "tested": ", ".join(found.surveys),
    }


def _own(lora: LoraRecord, title: str, found: Candidate) -> CatalogueItem:
    return {
        "key": lora.id,
        "title": title,
        "kind": origin(lora),
        "relevance": 0,
        "card": f"Rank {lora.rank}" + (f", trigger {lora.trigger}" if lora.trigger else ""),
        "warning": " ".join(told(lora)),
        "repo": "",
        "licence": "",
        "status": "here",
        "tone": "good",
        "lora": lora.id,
        "ready": True,
        "get": False,
        "scores": dict(found.notes.scores),
        "note": found.notes.note,
        "looked": found.notes.looked,
        "tested": ", ".join(found.surveys),
    }
