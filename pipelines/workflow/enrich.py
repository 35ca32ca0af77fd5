"""Step 1.2: edits of the sources along separate dimensions, and chains of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from pipelines.domain.records import Job
from pipelines.domain.shots import LoraStack, Plan
from pipelines.planning import enrich, few
from pipelines.session import Session
from pipelines.workflow import chains, datasets, framing, render, sources
from pipelines.workflow.references import Beside, seen_beside, tagged


@dataclass(frozen=True)
class EnrichOptions:
    """What to make. No ``sources``: all of them; no ``edits``: all that are usual, or the ``chains`` (edits in their
    order, ``angle/profile-left > expression/angry``) and own ``instructions`` alone if there are some; ``words``: other
    instructions for edits, by their names (``expression/angry``), behind a ``|`` those of captions; ``gaps``: turns and
    expressions only to what none of these sources shows, and turns from the sources that are nearest. At most
    ``per_source`` edits or chains of each, ``count`` pictures in all. Of ``best_of`` seeds of each the best is kept, by
    what machines say; the others are set aside in Review. ``steps`` and ``guidance`` of ``None`` are what
    the LoRAs ask for, else the model's. ``beside`` is what else the editor sees. ``few``: what one to three sources
    want instead, of the ``edits`` more turns, poses and chains of each (``planning.few``)."""

    sources: tuple[str, ...] = ()
    edits: tuple[str, ...] = ()
    chains: tuple[str, ...] = ()
    instructions: tuple[str, ...] = ()
    words: Mapping[str, str] = field(default_factory=dict)
    stack: LoraStack = field(default_factory=LoraStack)
    per_source: int = 4
    best_of: int = 1
    count: int | None = None
    gaps: bool = True
    seed: int = 0
    steps: int | None = None
    guidance: float | None = None
    beside: Beside = field(default_factory=Beside)
    few: bool = False


def plan(session: Session, character_id: str, options: EnrichOptions) -> Plan:
    """The plan of an enrichment; what an earlier version holds of it is not made again. Raises NotFound for an unknown
    source, ChoiceError for an unknown edit."""
    character = session.character(character_id)
    known = {s.id: s for s in sources.sources(session, character_id)}
    wanted = list(dict.fromkeys(options.sources)) or list(known)
    lost = [i for i in wanted if i not in known]
    if lost:
        raise sources.not_a_source(lost)
    if options.few:
        made = few.wider(len(wanted), session.presets.edits, options.edits)
        options = replace(options, edits=made.edits, chains=made.chains, per_source=made.per_source)
    version = datasets.open_version(session, character_id, "enriched")
    planned = enrich.plan(
        enrich.EnrichChoice(
            character=character,
            kinds=session.presets.kinds,
            family=session.family(character.editor),
            version=version,
            folder=session.workspace.dataset(character_id, "enriched", version),
            seed=options.seed,
            steps=options.steps,
            guidance=options.guidance,
            sources=tuple(
                tagged(known[i]).model_copy(update={"framing": framing.framing_of(session, known[i])}) for i in wanted
            ),
            axes=session.presets.edits,
            edits=options.edits,
            chains=options.chains,
            instructions=options.instructions,
            words=dict(options.words),
            stack=options.stack,
            per_source=options.per_source,
            best_of=options.best_of,
            count=options.count,
            gaps=options.gaps,
            **seen_beside(session, character_id, options.beside),
        )
    )
    return chains.knowing_earlier(session, "enriched", planned)


def submit(session: Session, plan: Plan, *, preview: bool = False) -> Job:
    """Make the pictures of a plan, or its first four to look at; those count when the rest is made."""
    return render.submit_pictures(session, plan, "Enrich", preview=preview)
