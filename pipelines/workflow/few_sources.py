"""One to three sources: what the studio makes of them, and what that costs in proof."""

from pipelines.domain.words import count
from pipelines.planning import few
from pipelines.planning.few import Wider
from pipelines.session import Session
from pipelines.workflow import calibration, sources


def few_here(session: Session, character_id: str) -> bool:
    """Whether a character has sources, and few. Raises NotFound."""
    return 0 < len(sources.sources(session, character_id)) <= few.FEW


def wider(session: Session, character_id: str, edits: tuple[str, ...] = ()) -> Wider:
    """What the editor is to make of a character's few sources, with these edits (none: all that are offered). Raises
    NotFound, and ChoiceError for unknown edits."""
    return few.wider(len(sources.sources(session, character_id)), session.presets.edits, edits)


def words(session: Session, character_id: str) -> list[str]:
    """What is made of few sources, and what can be proven with them; nothing for more, or for none. Raises NotFound."""
    if not few_here(session, character_id):
        return []
    n = len(sources.sources(session, character_id))
    made = wider(session, character_id)
    return [_made(n, made), *_proof(n)]


def _made(n: int, made: Wider) -> str:
    what = "It is" if n == 1 else "Each is"
    return (
        f"From {count(n, 'picture')} the editor makes nearly all that a LoRA learns. {what} turned to every view, given"
        " every expression, and shown as face, upper body and whole figure, about a third each: up to"
        f" {count(made.per_source, 'edit')} of each source. Look at them closely: what no picture shows, the editor"
        " makes up."
    )


def _proof(n: int) -> list[str]:
    """A line from n sources turns about 1 in n + 1 right pictures away (docs/numbers.md, "Identity")."""
    share = f"about 1 in {n + 1} right pictures fall below a line drawn from {count(n, 'source')}"
    lines = [
        f"It costs proof: {share}, so below {calibration.ENOUGH} sources a starting value judges and more stays unsure"
        " for you to decide."
    ]
    if n <= sources.OTHERS:
        lines.append(
            f"With fewer than {count(sources.OTHERS + 1, 'source')} nobody can notice that one shows somebody else:"
            f" look at {'it' if n == 1 else 'them'} yourself."
        )
    if n == 1:
        lines.append("With one source the line cannot be calibrated at all: it has nothing to be held against.")
    return lines
