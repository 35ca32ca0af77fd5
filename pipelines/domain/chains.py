"""When a chain of edits breaks: a step shows somebody else, and whatever is made of it would, too."""

from pydantic import Field

from pipelines.domain.base import Frozen
from pipelines.domain.scores import Scores
from pipelines.domain.shots import Shot


class Broken(Frozen):
    """A chain that was stopped: its name, at which of its steps (from 1 of ``steps``), the picture, and why."""

    chain: str
    step: int = Field(ge=1)
    steps: int = Field(ge=2)
    image: str
    path: str
    why: str

    @property
    def words(self) -> str:
        """What happened, and what can be done."""
        return (
            f"The chain {self.chain} stopped after step {self.step} of {self.steps}: {self.why} The picture where it"
            f" broke is {self.image[:12]} ({self.path}). If it is right after all, call it good in Review and make the"
            " rest."
        )


def why_broken(shot: Shot, scores: Scores) -> str:
    """Why nothing is to be made of the picture of a step; empty when the chain may go on. What cannot be told, as of a
    profile without profiles among the sources, breaks no chain."""
    if scores.identity is not None and scores.identity.verdict == "wrong":
        return f"it shows someone else ({scores.identity.why.rstrip('.')})."
    if scores.lack_face(shot.purpose.labels.get("angle", "unsure")):
        return "no face was found in it."
    return ""
