"""What a survey has shown and what was decided, written down: as data, and as one page with its pictures."""

import base64
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from html import escape
from typing import Any

from pipelines.domain.lora_notes import AXES
from pipelines.domain.presets import CatalogueEntry, ModelFamily
from pipelines.domain.rates import wilson
from pipelines.domain.records import ImageRecord, Job, LoraRecord, Survey
from pipelines.domain.shots import LoraStack
from pipelines.planning.survey import Content, columns, labels
from pipelines.session import NotFound, Session
from pipelines.storage import pictures
from pipelines.storage.pages import document, table
from pipelines.workflow import lora_notes, loras, survey, survey_analysis
from pipelines.workflow.render import about

Data = dict[str, Any]
GAP = 4
"""Relevance (1-5) from which a LoRA of the catalogue that was not tested counts as a gap."""
NEXT = {
    "A": "Enrich with this LoRA at the weight that was tested.",
    "B": "Keep the combination as a stack in Enrich, and enrich with it.",
    "C": "Gather ten or more corrections in Review, then train the editor LoRA in Train.",
    "D": "Enrich with the best stack now; its corrections in Review train the editor LoRA that joins it.",
    "": "Look at the matrix, rate what you see, and write the decision down in Survey.",
}
STYLE = (
    ".shots{display:flex;flex-wrap:wrap;gap:10px} .shots figure{width:150px} .shots img,.mx img{width:100%;"
    "border-radius:6px;display:block} .mx{overflow-x:auto} .mx td,.mx th{vertical-align:top;padding:4px 6px 4px 0;"
    "border:0} .mx td{min-width:96px} .mx th img{width:64px} main{max-width:1080px}"
)


def report(session: Session, survey_id: str) -> Data:
    """Everything of a survey as plain data. Raises NotFound."""
    made = session.store.get(Survey, survey_id)
    if made is None:
        raise NotFound(f"There is no survey {survey_id!r}.")
    family, job, found = session.family(made.family), session.store.get(Job, made.job), survey.results(session, made)
    asked, agreed = survey.asked(session, made), survey_analysis.agreement(session, made)
    tested = {a.sha256 for s in made.stacks for a in s.adapters}
    looked_into = [c for c in lora_notes.candidates(session, family, made.character) if c.looked_into]
    return {
        "survey": made.version,
        "character": session.character(made.character).name,
        "when": made.created.isoformat(),
        "model": {"name": family.name, "title": family.title, "licence": family.licence, "revision": family.revision},
        "decision": made.decision,
        "decided": survey.CHOICES[made.decision] if made.decision else "",
        "reasons": made.reasons,
        "next": NEXT[made.decision],
        "pictures": list(made.images),
        "prompts": [{"name": name, "text": text} for name, text in asked],
        "planned": len(columns(made.stacks)) * len(made.images) * len(asked) * made.seeds,
        "made": len(found),
        "judged": sum(_rated(session, i) for i in found),
        "seconds": round(sum(i.seconds or 0.0 for i in found), 1),
        "problems": [*(job.warnings if job else ()), *([job.error] if job and job.error else [])],
        "stacks": _stacks(session, made, found),
        "gaps": _gaps(session, tested, family),
        "candidates": [_candidate(c) for c in looked_into],
        "surveyed": lora_notes.progress(looked_into),
        "seeds": made.seeds,
        "pairs": [asdict(pair) | {"words": pair.words} for pair in survey_analysis.pairwise(session, made)],
        "agreement": asdict(agreed) | {"words": agreed.words},
        "recommendation": asdict(survey_analysis.recommend(session, made)),
        "rules": list(survey_analysis.RULES),
    }


def _rated(session: Session, image: ImageRecord) -> bool:
    verdict = session.store.verdict(image.id)
    return bool(verdict.identity or verdict.edit or verdict.failures)


def _stacks(session: Session, made: Survey, found: list[ImageRecord]) -> list[Data]:
    """How each stack did, the best first, with its cost beside the base's."""
    shown = labels(made.stacks)
    known = {shown[s.content]: s for s in columns(made.stacks)}
    table = [s for s in survey.standings(session, made) if s.stack in known]
    base = next((s for s in table if s.stack == LoraStack().label), None)
    made_by = {label: [i for i in found if i.shot and shown.get(i.shot.stack.content) == label] for label in known}
    result = []
    for s in table:
        low, high = wilson(s.right, s.measured)
        flaws = Counter(f for i in made_by[s.stack] for f in session.store.verdict(i.id).failures)
        ranked = sorted(made_by[s.stack], key=lambda i: _worth(session, i))
        result.append({
            "stack": s.stack,
            "adapters": [_adapter(session, a.sha256, a.name, a.weight) for a in known[s.stack].adapters],
            "pictures": s.pictures,
            "right": {"count": s.right, "of": s.measured, "low": low, "high": high},
            "identity": s.identity,
            "stars": {"identity": s.stars_identity, "edit": s.stars_edit},
            "flaws": dict(flaws.most_common()),
            "seconds": s.seconds,
            "peak_gib": s.peak_gib,
            "against_base": _against(s, base),
            "best": ranked[-1].id if ranked else "",
            "worst": ranked[0].id if ranked else "",
        })  # fmt: skip
    return result


def _worth(session: Session, image: ImageRecord) -> tuple[float, float]:
    """What a human said of a picture first, what was measured second; the worst is smallest."""
    verdict, identity = session.store.verdict(image.id), image.scores.identity
    stars = (verdict.identity or 3) + (verdict.edit or 3) - len(verdict.failures)
    return float(stars), identity.score if identity and identity.score is not None else -1.0


def _adapter(session: Session, sha256: str, name: str, weight: float) -> Data:
    lora = session.store.get(LoraRecord, sha256)
    entry = loras.catalogued(session.presets.catalogue, lora) if lora else None
    return {
        "name": name,
        "weight": weight,
        "sha256": sha256,
        "rank": lora.rank if lora else None,
        "origin": (entry.repo or "comes with FLENwheel") if entry else lora.origin if lora else "not here any more",
        "licence": entry.licence if entry else "",
        "relevance": entry.relevance if entry else None,
    }


def _against(s: survey.Standing, base: survey.Standing | None) -> Data | None:
    """Trade-offs: identity gained, times as long, more memory; ``None`` for the base and where nothing is known."""
    if base is None or s.stack == base.stack:
        return None
    gained = s.identity - base.identity if s.identity is not None and base.identity is not None else None
    longer = s.seconds / base.seconds if s.seconds and base.seconds else None
    more = s.peak_gib - base.peak_gib if s.peak_gib is not None and base.peak_gib is not None else None
    return {"identity": gained, "times_as_long": longer, "more_gib": more}


def _gaps(session: Session, tested: Iterable[str], family: ModelFamily) -> list[Data]:
    """LoRAs of the catalogue that seem to matter and were not tested."""
    seen = [lora for i in tested if (lora := session.store.get(LoraRecord, i))]
    names = {entry.name for lora in seen if (entry := loras.catalogued(session.presets.catalogue, lora))}
    return [
        {"name": e.name, "repo": e.repo, "relevance": e.relevance, "why": _why(e, family.architecture)}
        for e in session.presets.offered(family.name)
        if e.relevance >= GAP and e.name not in names
    ]


def _candidate(found: lora_notes.Candidate) -> Data:
    notes = found.notes
    return {"name": found.name, "kind": found.kind, "status": found.status, "scores": notes.scores, "note": notes.note}


def _why(entry: CatalogueEntry, architecture: str) -> str:
    return "not tested" if architecture in entry.suits else "made for another model"


# ---- the page


def page(session: Session, told: Data) -> str:
    """The report as one HTML page that needs nothing else: thumbnails are inside."""
    return document(f"Survey {told['survey']} of {told['character']}", "".join(_parts(session, told)), STYLE)


def _parts(session: Session, told: Data) -> Iterable[str]:
    title = f"Survey {told['survey']} of {told['character']}"
    yield f"<h1>{escape(title)}</h1>"
    decided = f"{told['decision']}: {told['decided']}" if told["decision"] else "Not decided yet"
    reasons = "".join(f"<p>{escape(line)}</p>" for line in told["reasons"].splitlines())
    following = f"<p class=dim>{escape(told['next'])}</p>"
    yield f"<section><h2>Decision</h2><p><b>{escape(decided)}</b></p>{reasons}{following}</section>"
    yield f"<section><h2>What the rules recommend</h2>{_recommended(told)}</section>"
    yield f"<section><h2>What was tested</h2>{table((), facts(told))}{_warnings(told)}</section>"
    yield f"<section><h2>How the stacks did</h2>{table(HEAD, [row(s) for s in told['stacks']])}</section>"
    yield f"<section><h2>Pair by pair</h2>{table(PAIR, [pair(p) for p in told['pairs']])}{_agreed(told)}</section>"
    yield f"<section><h2>Trade-offs against the base</h2>{table(COST, [cost(s) for s in told['stacks']])}</section>"
    yield f"<section><h2>Flaws seen</h2>{_flaws(told['stacks'])}</section>"
    for s in told["stacks"]:
        yield f"<section><h2>{escape(s['stack'])}</h2>{_adapters(s)}{_examples(session, s)}</section>"
    yield f"<section><h2>All pictures</h2>{_matrix(session, told)}</section>"
    looked = table(LOOKED, [candidate(c) for c in told["candidates"]])
    nobody = "<p class=dim>Nothing is noted of any yet.</p>"
    looked = f"<p>{escape(told['surveyed'])}</p>{looked if told['candidates'] else nobody}"
    yield f"<section><h2>LoRAs that were looked into</h2>{looked}</section>"
    gaps = [(g["name"], str(g["relevance"]), g["why"], g["repo"]) for g in told["gaps"]]
    said = table(("LoRA", "relevance", "", "where"), gaps) if gaps else "<p class=dim>None.</p>"
    yield f"<section><h2>Gaps: relevant LoRAs that were not tested</h2>{said}</section>"


HEAD = ("stack", "pictures", "identity right", "95 % interval", "mean cosine", "stars: identity", "edit")
TESTED_BY = """p: McNemar's test (stars: sign test), corrected for all pairs (Holm). Pictures of one source are not \
independent."""
PAIR = ("stacks", "both measured", "right in the one alone", "in the other alone", "p", "stars p")
LOOKED = ("LoRA", "kind", *AXES, "status", "note")
COST = ("stack", "identity", "time a picture", "times as long", "peak memory", "more")


def recommended(told: Data) -> str:
    """The recommendation in words: the way, the stack, or that there is none."""
    found = told["recommendation"]
    if not found["way"]:
        return "Nothing yet"
    return f"{found['way']}: {survey.CHOICES[found['way']]} ({found['stack']})"


def _recommended(told: Data) -> str:
    why = "".join(f"<p>{escape(line)}</p>" for line in told["recommendation"]["reasons"])
    rules = "".join(f"<li>{escape(rule)}</li>" for rule in told["rules"])
    return f"<p><b>{escape(recommended(told))}</b></p>{why}<ul class=dim>{rules}</ul>"


def _agreed(told: Data) -> str:
    return f"<p>{escape(told['agreement']['words'])}</p><p class=dim>{escape(TESTED_BY)}</p>"


def pair(p: Data) -> tuple[str, ...]:
    """Two stacks under ``PAIR``."""
    stars = f"{p['p_stars']:.2g}" if p["rated"] else ""
    return (f"{p['first']}, {p['second']}", str(p["pairs"]), str(p["only_first"]), str(p["only_second"]),
            f"{p['p']:.2g}" if p["pairs"] else "", stars)  # fmt: skip


def facts(told: Data) -> list[tuple[str, str]]:
    """What was tested, in words."""
    model = told["model"]
    return [
        ("Model", f"{model['title']}, revision {model['revision']} ({model['licence']})"),
        ("Test pictures", str(len(told["pictures"]))),
        ("Prompts", "; ".join(p["name"] for p in told["prompts"])),
        ("Pictures made", f"{told['made']} of {told['planned']}, {told['judged']} judged by a person"),
        ("Begun", told["when"][:16].replace("T", " ") + " UTC"),
        ("Time to make them", about(told["seconds"]).removeprefix("about ")),
    ]


def _warnings(told: Data) -> str:
    return "".join(f'<p class="warn">{escape(text)}</p>' for text in told["problems"])


def row(s: Data) -> tuple[str, ...]:
    """A stack under ``HEAD``."""
    right = s["right"]
    interval = f"{100 * right['low']:.0f} to {100 * right['high']:.0f} %" if right["of"] else ""
    return (s["stack"], str(s["pictures"]), f"{right['count']} of {right['of']}", interval, _n(s["identity"], ".2f"),
            _n(s["stars"]["identity"], ".1f"), _n(s["stars"]["edit"], ".1f"))  # fmt: skip


def cost(s: Data) -> tuple[str, ...]:
    """A stack under ``COST``."""
    more = s["against_base"] or {"identity": None, "times_as_long": None, "more_gib": None}
    return (s["stack"], _n(more["identity"], "+.2f"), _n(s["seconds"], ".1f", " s"), _n(more["times_as_long"], ".2f"),
            _n(s["peak_gib"], ".1f", " GB"), _n(more["more_gib"], "+.1f", " GB"))  # fmt: skip


def candidate(c: Data) -> tuple[str, ...]:
    """A LoRA that was looked into under ``LOOKED``: 1 to 5 on each axis."""
    return (c["name"], c["kind"], *(str(c["scores"].get(axis, "")) for axis in AXES), c["status"], c["note"])


def _n(value: float | None, form: str, unit: str = "") -> str:
    return "" if value is None else format(value, form) + unit


def _flaws(stacks: list[Data]) -> str:
    names = list(dict.fromkeys(name for s in stacks for name in s["flaws"]))
    if not names:
        return "<p class=dim>None was noted.</p>"
    return table(("flaw", *(s["stack"] for s in stacks)), [
        (name, *(str(s["flaws"].get(name, "")) for s in stacks)) for name in names
    ])  # fmt: skip


def _adapters(s: Data) -> str:
    if not s["adapters"]:
        return "<p class=dim>The model as it is, without a LoRA.</p>"
    lines = [
        (a["name"], f"{a['weight']:g}", str(a["rank"] or ""), a["origin"], a["licence"] or "not said")
        for a in s["adapters"]
    ]
    return table(("LoRA", "weight", "rank", "from", "licence"), lines)


def _examples(session: Session, s: Data) -> str:
    shown = dict.fromkeys(i for i in (s["best"], s["worst"]) if i)
    parts = []
    for words, image_id in zip(("best", "worst"), shown, strict=False):
        image = session.store.get(ImageRecord, image_id)
        if image and image.shot:
            said = escape(f"{words}: {image.shot.prompt}")
            parts.append(f"<figure>{_thumb(session, image)}<figcaption>{said}</figcaption></figure>")
    return f'<div class="shots">{"".join(parts)}</div>' if parts else ""


def _matrix(session: Session, told: Data) -> str:
    """Rows are pictures and prompts, columns the stacks."""
    made = session.store.all(ImageRecord, kind="survey", version=told["survey"])
    stacks = [s["stack"] for s in told["stacks"]]
    content = {_content(s): s["stack"] for s in told["stacks"]}
    at: dict[tuple[str | None, ...], list[ImageRecord]] = {}
    for i in made:
        if i.shot:
            why = i.shot.purpose.labels
            at.setdefault((why.get("image"), why.get("prompt"), content.get(i.shot.stack.content)), []).append(i)
    head = "".join(f"<th>{escape(s)}</th>" for s in stacks)
    lines = []
    for source in told["pictures"]:
        known = session.store.get(ImageRecord, source)
        for n, prompt in enumerate(told["prompts"]):
            first = (_thumb(session, known) if known and not n else "") + escape(prompt["name"])
            cells = [at.get((source, prompt["name"], s), []) for s in stacks]
            body = "".join(f"<td>{''.join(_thumb(session, c) for c in cell)}</td>" for cell in cells)
            lines.append(f"<tr><th>{first}</th>{body}</tr>")
    return f'<div class="mx"><table><tr><th></th>{head}</tr>{"".join(lines)}</table></div>'


def _content(stack: Data) -> Content:
    return tuple((a["sha256"], a["weight"]) for a in stack["adapters"])


def _thumb(session: Session, image: ImageRecord) -> str:
    try:
        data = pictures.thumbnail(session.workspace, image, 256).read_bytes()
    except OSError:
        return "<small>the file is gone</small>"
    about = escape(image.shot.purpose.cell if image.shot else "test picture", quote=True)
    return f'<img alt="{about}" src="data:image/webp;base64,{base64.b64encode(data).decode()}">'
