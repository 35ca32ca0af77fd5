"""The Shot: one planned picture. Survey, Enrich, Generate and Model Card differ only in how they plan shots.

A shot's id is a hash of its content, so a plan that is run again skips what exists: resume, retry and "continue after
a crash" are the same thing.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any, Literal

from pydantic import Field

from pipelines.domain.base import Frozen, content_hash
from pipelines.domain.sampling import NoiseSchedule, Sampling

THEN = " > "
"""Stands between the edits of a chain, in the name of its cell: ``angle/profile-left > expression/angry``."""
Step = Literal["survey", "enrich", "generate", "model_card", "sample"]


class ImageRef(Frozen):
    """A picture on disk. ``id`` is the SHA-256 of the file; ``path`` is relative to the workspace, with ``/``."""

    id: str
    path: str


class Adapter(Frozen):
    """One LoRA in a stack. ``path`` is relative to the workspace, or the whole path of a file in a folder of another
    program; ``sha256`` is of the file, ``weight`` its scale, ``sampling`` what it asks for."""

    name: str
    sha256: str
    path: str
    weight: float = Field(default=1.0, allow_inf_nan=False)
    sampling: Sampling = Sampling()


class LoraStack(Frozen):
    """Adapters applied together, in order. Weight 0 is exactly the base model."""

    adapters: tuple[Adapter, ...] = ()

    @property
    def label(self) -> str:
        """The stack in words: ``base`` or ``angles 1.0 + lightning 0.8``."""
        return " + ".join(f"{a.name} {a.weight:g}" for a in self.adapters) or "base"

    @property
    def content(self) -> tuple[tuple[str, float], ...]:
        """Hash and weight of each adapter, whatever it is called: two stacks of the same content are one."""
        return tuple((a.sha256, a.weight) for a in self.adapters)

    @property
    def files(self) -> tuple[str, ...]:
        """Content hashes of the adapters, whatever their weights: what has to be loaded."""
        return tuple(sorted(a.sha256 for a in self.adapters))


class Purpose(Frozen):
    """Why a shot exists: the step that planned it and its cell there.

    ``labels`` are the dimensions of the cell, such as ``{"angle": "half-left", "expression": "smiling"}``;
    ``cell`` names it within its step (``half-left/smiling``) and ``variant`` counts pictures of one cell from 0.
    """

    step: Step
    cell: str = ""
    labels: dict[str, str] = Field(default_factory=dict)
    variant: int = 0

    @property
    def edits(self) -> tuple[str, ...]:
        """The edits that led to a picture of Enrich, ``axis/value``, the last one last: more than one in a chain."""
        return tuple(self.cell.split(THEN)) if self.step == "enrich" and "axis" in self.labels else ()


class Shot(Frozen):
    """One planned picture, whole: the same shot on the same machine gives the same pixels.

    ``family`` names a preset in ``presets/models``; ``revision`` pins its weights. ``width`` and ``height`` are pixels,
    ``guidance`` is the family's guidance scale (FLUX: distilled guidance; Qwen: true CFG). ``schedule`` is what stands
    in for values of the model's own noise schedule. The first of ``sources`` is the picture that is edited, the others
    show the same character; of ``control`` the editor sees the luminance map, as its second picture.
    """

    family: str
    revision: str
    prompt: str
    negative_prompt: str = ""
    sources: tuple[ImageRef, ...] = ()
    stack: LoraStack = LoraStack()
    seed: int
    steps: int
    guidance: float
    width: int
    height: int
    schedule: NoiseSchedule = NoiseSchedule()
    control: ImageRef | None = None
    purpose: Purpose

    def made_of(self, picture: ImageRef) -> "Shot":
        """The step of a chain, whole: made of the picture that the step before gave."""
        return self.model_copy(update={"sources": (picture,)})

    def tried(self, number: int) -> "Shot":
        """The same with another seed, try ``number`` (from 0, which is this one): always the same for a number."""
        if number == 0:
            return self
        purpose = self.purpose.model_copy(update={"variant": self.purpose.variant + number})
        seed = int(content_hash([self.seed, number])[:8], 16)
        return self.model_copy(update={"seed": seed, "purpose": purpose})

    @cached_property
    def id(self) -> str:
        """Hash of the content; where the files lie does not count, nor does a schedule that leaves all to the model or
        a control that there is none of: shots were planned before there were these."""
        content: dict[str, Any] = self.model_dump(exclude={"schedule", "control"})
        if self.schedule.values:
            content["schedule"] = self.schedule.values
        if self.control:
            content["control"] = self.control.id
        content["sources"] = [s.id for s in self.sources]
        content["stack"] = list(self.stack.content)
        return content_hash(content)

    @property
    def seen(self) -> tuple[ImageRef, ...]:
        """The pictures that the model sees, in its order."""
        return (*self.sources[:1], *([self.control] if self.control else []), *self.sources[1:])

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> "Shot":
        """A copy with other content, and so with another id: the one that is remembered is of what was before."""
        copied = super().model_copy(update=update, deep=deep)
        vars(copied).pop("id", None)
        return copied


class Chain(Frozen):
    """Edits of which each is made of what the one before gave. ``first`` is the id of the plan's shot that begins;
    ``then`` are the shots that follow, in order, whole but for their source, which is not there yet."""

    first: str
    then: tuple[Shot, ...] = Field(min_length=1)

    @property
    def name(self) -> str:
        """All its edits: ``angle/profile-left > expression/angry``."""
        return self.then[-1].purpose.cell


Tries = tuple[Shot, ...]
"""Shots that differ in their seeds alone."""


class Plan(Frozen):
    """Shots of one run, and where their pictures go. ``chains`` go on where some of the shots end. Each shot is tried
    with ``tries`` seeds, all of which are among ``shots``, one behind the other; the best of them is kept, and it is
    what chains go on from.

    ``kind`` and ``version`` name the dataset (``enriched``, ``v1``) and ``folder`` its directory, relative to the
    workspace; a picture lands in ``folder/<shot id>.png``. Those of ``earlier`` (shot id: path) an earlier version of
    the dataset holds: they are not made again, and chains go on from them.
    """

    character: str
    kind: str
    version: str
    folder: str
    shots: tuple[Shot, ...]
    chains: tuple[Chain, ...] = ()
    tries: int = Field(default=1, ge=1)
    earlier: dict[str, str] = Field(default_factory=dict)

    @property
    def pictures(self) -> tuple[Shot, ...]:
        """Every picture that is planned: the shots, and the steps of chains as far as they are known."""
        steps = {shot.id: shot for chain in self.chains for step in chain.then for shot in self.tries_of(step)}
        return (*self.shots, *steps.values())

    def tries_of(self, shot: Shot) -> Tries:
        """A shot and the further tries of it."""
        return tuple(shot.tried(number) for number in range(self.tries))

    @property
    def groups(self) -> tuple[Tries, ...]:
        """The shots, those together that are tries of one."""
        return tuple(self.shots[n : n + self.tries] for n in range(0, len(self.shots), self.tries))

    def beginning(self, pictures: int) -> "Plan":
        """The first shots with all their tries and their chains whole, as many as give ``pictures``; at least one."""
        for most in range(self.tries, len(self.shots) + 1, self.tries):
            part = self._first(most)
            if len(part.pictures) >= pictures:
                whole = len(part.pictures) == pictures or most == self.tries
                return part if whole else self._first(most - self.tries)
        return self

    def _first(self, shots: int) -> "Plan":
        kept = self.shots[:shots]
        ids = {shot.id for shot in kept}
        chains = tuple(chain for chain in self.chains if chain.first in ids)
        return self.model_copy(update={"shots": kept, "chains": chains})

    def grown(self, goes_on: Callable[[Tries], Iterable[ImageRef]]) -> Iterator[Shot]:
        """The shots, then each step of a chain whose source is there: ``goes_on`` gives the picture of some tries that
        is gone on from, if there is one. It is asked as this goes, so that what is made meanwhile is gone on from."""
        yield from self.shots
        begun, told = {shot.id: shot for shot in self.shots}, set()
        for chain in self.chains:
            made = [self.tries_of(begun[chain.first])]
            for step in chain.then:
                made = [self.tries_of(step.made_of(picture)) for tries in made for picture in goes_on(tries)]
                for shot in (shot for tries in made for shot in tries if shot.id not in told):
                    told.add(shot.id)
                    yield shot

    def __iter__(self) -> Iterator[Shot]:  # type: ignore[override]
        return iter(self.shots)

    def __len__(self) -> int:
        return len(self.shots)

    def path(self, shot: Shot) -> str:
        """Where the picture of ``shot`` is, or is written, relative to the workspace."""
        return self.earlier.get(shot.id) or f"{self.folder}/{shot.id}.png"

    def in_render_order(self) -> list[Shot]:
        """Shots grouped so that each base model and each set of adapters is loaded once."""
        bases = {key: n for n, key in enumerate(dict.fromkeys((s.family, s.revision) for s in self.shots))}
        stacks = {key: n for n, key in enumerate(dict.fromkeys(s.stack.files for s in self.shots))}
        return sorted(self.shots, key=lambda s: (bases[s.family, s.revision], stacks[s.stack.files]))
