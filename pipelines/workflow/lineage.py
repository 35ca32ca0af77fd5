"""Where a LoRA comes from, as a graph: sources, what was edited from them, the LoRA that learnt from both, what it
drew, what of that was kept, the next LoRA; and the editor's own LoRAs beside them."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from pipelines.domain.records import DatasetVersion, ImageRecord, TrainingRun
from pipelines.domain.words import count
from pipelines.session import NotFound, Session
from pipelines.workflow import card as cards
from pipelines.workflow import datasets, review, rounds, training
from pipelines.workflow.sources import sources

Kind = Literal["source", "enriched", "lora", "synthetic", "pristine", "card", "correction", "editor"]
BASE = "base"
"""Stands for the LoRA of pictures that were drawn without one of the character's."""


@dataclass(frozen=True)
class Node:
    """One thing of the lineage. ``id`` is ``enriched/v1``, ``lora/v2``, ``synthetic/v1`` (what LoRA v1 drew) or
    ``source`` alone; ``count`` is what it holds (``None``: not counted), ``words`` say more; ``lora`` is
    the LoRA's own id, where it is one."""

    id: str
    kind: Kind
    title: str
    count: int | None
    words: str
    lora: str = ""


@dataclass(frozen=True)
class Edge:
    """``count`` things of ``origin`` went into ``to`` (ids of nodes)."""

    origin: str
    to: str
    count: int


@dataclass(frozen=True)
class Lineage:
    """The whole picture: nodes in an order in which what comes of others stands behind them."""

    nodes: list[Node] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)


def lineage(session: Session, character_id: str) -> Lineage:
    """The lineage of a character's LoRAs. Raises NotFound."""
    session.character(character_id)
    told = _Telling(session, character_id)
    nodes, edges = list(told.nodes()), Counter[tuple[str, str]]()
    known = {node.id for node in nodes}
    for origin, to, n in told.edges():
        if origin in known and to in known and n:
            edges[origin, to] += n
    return Lineage(nodes, [Edge(origin, to, n) for (origin, to), n in edges.items()])


def pictures(session: Session, character_id: str, node: str) -> list[ImageRecord]:
    """The pictures that a node stands for, oldest first; those that a LoRA learnt from for a LoRA. Raises NotFound."""
    session.character(character_id)
    found = _Telling(session, character_id).pictures_of(node)
    if found is None:
        raise NotFound(f"There is nothing called {node!r} in the lineage of {session.character(character_id).name}.")
    return found


class _Telling:
    """One look at the records of a character."""

    def __init__(self, session: Session, character_id: str) -> None:
        self.session, self.who = session, character_id
        self.runs = [r for r in training.runs(session, character_id, "character") if _shows(r)]
        self.editors = [r for r in training.runs(session, character_id, "editor") if _shows(r)]

    # -- what there is

    @cached_property
    def sources(self) -> list[ImageRecord]:
        return sources(self.session, self.who)

    @cached_property
    def enriched(self) -> dict[str, list[ImageRecord]]:
        return _by_version(datasets.pictures(self.session, self.who, "enriched"))

    @cached_property
    def drawn(self) -> dict[str, list[ImageRecord]]:
        """What Generate drew, by the version of the LoRA that it drew with."""
        version = {lora: run.version for run in self.runs for lora in rounds.loras_of(self.session, run)}
        found: dict[str, list[ImageRecord]] = {}
        for image in datasets.pictures(self.session, self.who, "synthetic"):
            used = [a.sha256 for a in image.shot.stack.adapters] if image.shot else []
            by = next((version[sha] for sha in used if sha in version), BASE)
            found.setdefault(by, []).append(image)
        return found

    @cached_property
    def pristine(self) -> list[DatasetVersion]:
        return datasets.versions(self.session, self.who, "pristine")

    @cached_property
    def corrected(self) -> dict[str, ImageRecord]:
        """The corrected pictures, by id."""
        given = review.given_corrections(self.session, self.who)
        found = (self.session.store.get(ImageRecord, c.target.id) for c in given)
        return {image.id: image for image in found if image}

    @cached_property
    def place(self) -> Mapping[str, str]:
        """Which node a picture that can be learnt from stands in. A better try stands where it was made."""
        at = {image.id: "correction" for image in self.corrected.values()}
        at |= {i.id: "source" for i in datasets.pictures(self.session, self.who, "source")}
        at |= {image.id: f"enriched/{v}" for v, images in self.enriched.items() for image in images}
        for version in reversed(self.pristine):  # kept twice, it is of the first
            at |= dict.fromkeys(version.images, f"pristine/{version.version}")
        return at

    # -- told

    def nodes(self) -> Iterator[Node]:
        if self.sources:
            yield Node("source", "source", "sources", len(self.sources), "the pictures that everything is made from")
        for version, images in self.enriched.items():
            yield Node(f"enriched/{version}", "enriched", f"enriched {version}", len(images), self._good(images))
        yield from self._corrections()
        for run in self.runs:
            yield self._lora(run, "lora")
            drawn = self.drawn.get(run.version)
            if drawn:
                words = f"drawn with {run.version}; {self._good(drawn)}"
                yield Node(f"synthetic/{run.version}", "synthetic", "synthetic", len(drawn), words)
            for card in rounds.cards_of(self.session, run):
                rate = cards.rate(cards.board(self.session, card))
                title = f"card {card.version}: {rate.right}/{rate.total}"
                yield Node(f"card/{card.version}", "card", title, None, rate.words)
        if alone := self.drawn.get(BASE):
            words = f"drawn without a LoRA of the character's; {self._good(alone)}"
            yield Node(f"synthetic/{BASE}", "synthetic", "synthetic", len(alone), words)
        for kept in self.pristine:
            words = "the best of what was drawn, to learn from"
            yield Node(f"pristine/{kept.version}", "pristine", f"pristine {kept.version}", len(kept.images), words)

    def _corrections(self) -> Iterator[Node]:
        if self.corrected:
            words = "what teaches the editor: a source, what was asked, and how it should have come out"
            yield Node("correction", "correction", "corrections", len(self.corrected), words)
        for run in self.editors:
            yield self._lora(run, "editor")

    def _lora(self, run: TrainingRun, kind: Literal["lora", "editor"]) -> Node:
        title = f"LoRA {run.version}" if kind == "lora" else f"editor {run.version}"
        learnt = ", ".join(f"{n} {origin}" for origin, n in rounds.learnt(self.session, run).items())
        words = f"{run.state if not run.lora else 'trained'} on {run.family} with {learnt or 'nothing that is left'}"
        return Node(f"{kind}/{run.version}", kind, title, None, words, run.lora)

    def _good(self, images: list[ImageRecord]) -> str:
        good = sum(review.let_through(self.session.store.verdict(i.id)) for i in images)
        return f"{good} of {len(images)} found good"

    def edges(self) -> Iterator[tuple[str, str, int]]:
        yield from self._of_edits()
        for kind, runs in (("lora", self.runs), ("editor", self.editors)):
            for run in runs:
                learnt = Counter(self.place.get(i, "") for i in run.images)
                yield from ((origin, f"{kind}/{run.version}", n) for origin, n in learnt.items())
        for run in self.runs:
            drawn = self.drawn.get(run.version, [])
            yield f"lora/{run.version}", f"synthetic/{run.version}", len(drawn)
            made = rounds.cards_of(self.session, run)
            yield from ((f"lora/{run.version}", f"card/{c.version}", len(cards.board(self.session, c))) for c in made)
        by = {image.id: f"synthetic/{v}" for v, images in self.drawn.items() for image in images}
        for kept in self.pristine:
            taken = Counter(by.get(i, "") for i in kept.images)
            yield from ((origin, f"pristine/{kept.version}", n) for origin, n in taken.items())

    def _of_edits(self) -> Iterator[tuple[str, str, int]]:
        """From sources to edits, from editors to what they made, from edits to their corrections."""
        editor = {lora: run.version for run in self.editors for lora in rounds.loras_of(self.session, run)}
        for version, images in self.enriched.items():
            yield "source", f"enriched/{version}", len(images)
            used = Counter(editor.get(a.sha256, "") for i in images if i.shot for a in i.shot.stack.adapters)
            yield from ((f"editor/{v}", f"enriched/{version}", n) for v, n in used.items())
        for correction in review.given_corrections(self.session, self.who):
            yield self.place.get(correction.wrong.id, ""), "correction", 1

    def pictures_of(self, node: str) -> list[ImageRecord] | None:
        kind, _, version = node.partition("/")
        if node == "source":
            return self.sources
        if node == "correction":
            return list(self.corrected.values())
        if kind == "enriched":
            return self.enriched.get(version)
        if kind == "synthetic":
            return self.drawn.get(version)
        if kind == "pristine":
            kept = next((d for d in self.pristine if d.version == version), None)
            return self._known(kept.images) if kept else None
        if kind == "card":
            return datasets.pictures(self.session, self.who, "card", version) or None
        runs = {"lora": self.runs, "editor": self.editors}.get(kind, [])
        run = next((r for r in runs if r.version == version), None)
        return self._known(run.images) if run else None

    def _known(self, ids: tuple[str, ...]) -> list[ImageRecord]:
        return [image for i in ids if (image := self.session.store.get(ImageRecord, i))]


def _shows(run: TrainingRun) -> bool:
    """Whether a run stands in the picture: it gave a LoRA, or may yet."""
    return bool(run.lora) or run.state in ("queued", "running")


def _by_version(images: list[ImageRecord]) -> dict[str, list[ImageRecord]]:
    found: dict[str, list[ImageRecord]] = {}
    for image in images:
        found.setdefault(image.version, []).append(image)
    return {version: found[version] for version in sorted(found, key=datasets.number)}


def words(found: Lineage) -> str:
    """The graph in lines, for a terminal: each node with what it was made from."""
    into: dict[str, list[str]] = {}
    for edge in found.edges:
        into.setdefault(edge.to, []).append(f"{edge.count} of {edge.origin}")
    lines = [
        f"{n.id:14} {'' if n.count is None else count(n.count, 'picture'):13} {n.words}"
        + (f"  <- {', '.join(into[n.id])}" if n.id in into else "")
        for n in found.nodes
    ]
    return "\n".join(lines) or "Nothing yet: bring in pictures of the character."
