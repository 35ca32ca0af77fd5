"""One to three sources: what the studio makes of them, and what that costs in proof."""

from dataclasses import replace

from pipelines.planning import few
from pipelines.session import Session
from pipelines.workflow import sources
from pipelines.workflow.enrich import EnrichOptions


def few_here(session: Session, character_id: str) -> bool:
    """Whether a character has sources, and few. Raises NotFound."""
    return 0 < len(sources.sources(session, character_id)) <= few.FEW


def wider(session: Session, character_id: str, options: EnrichOptions) -> EnrichOptions:
    """``options`` for few sources: of its ``edits`` (none: all that are offered) more turns, poses and chains of each
    source. Raises NotFound, and ChoiceError for unknown edits."""
    n = len(options.sources) or len(sources.sources(session, character_id))
    made = few.wider(n, session.presets.axes, options.edits)
    return replace(options, edits=made.edits, chains=made.chains, per_source=made.per_source)
