"""What is asked between the steps of a chain: which of the tries is the best, and is it still the same character?"""

from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, field

from pipelines.domain.best import rank
from pipelines.domain.chains import Broken, why_broken
from pipelines.domain.events import Event, Warned
from pipelines.domain.records import ImageRecord
from pipelines.domain.scores import Scores
from pipelines.domain.shots import Chain

UNCHECKED = (
    "Nobody checks between the steps of these chains whether they still show the character: {why} Look at the steps"
    " themselves."
)


def _nobody(image: ImageRecord) -> Scores | None:
    del image
    return None


@dataclass
class Between:
    """Asks about the pictures that a chain goes on from, each once. ``judge`` gives the scores of a picture, ``None``
    when there is nobody to score; ``let_through`` are called good by a human, whatever they score, ``chosen`` were kept
    of several tries before. ``broken`` are the chains that were stopped."""

    judge: Callable[[ImageRecord], Scores | None] = _nobody
    let_through: Set[str] = frozenset()
    chosen: Set[str] = frozenset()
    broken: list[Broken] = field(default_factory=list)
    _answers: dict[str, str] = field(default_factory=dict)
    _unchecked: bool = False

    def best(self, tries: Sequence[ImageRecord]) -> ImageRecord:
        """The one of several tries that a chain goes on from; of equals the first."""
        known = [image for image in tries if image.id in self.chosen]
        return known[0] if known else max(tries, key=lambda image: (image.id in self.let_through, self._rank(image)))

    def _rank(self, image: ImageRecord) -> object:
        scores = self.judge(image)
        return rank(image.model_copy(update={"scores": scores}) if scores else image)

    def breaks(self, image: ImageRecord, emit: Callable[[Event], None]) -> str:
        """Why nothing is to be made of ``image``; empty when the chain goes on."""
        if image.id not in self._answers:
            self._answers[image.id] = "" if image.id in self.let_through else self._ask(image, emit)
        return self._answers[image.id]

    def _ask(self, image: ImageRecord, emit: Callable[[Event], None]) -> str:
        assert image.shot
        scores = self.judge(image)
        who = scores.identity if scores else None
        if not self._unchecked and (who is None or not who.model_hash):
            self._unchecked = True
            emit(Warned(text=UNCHECKED.format(why=who.why if who else "there is nothing to compare them with.")))
        return why_broken(image.shot, scores) if scores else ""

    def stop(self, chain: Chain, step: int, image: ImageRecord, why: str, emit: Callable[[Event], None]) -> None:
        """Keep and tell, once, that ``chain`` was stopped after its ``step`` (from 1), which gave ``image``."""
        broken = Broken(
            chain=chain.name, step=step, steps=len(chain.then) + 1, image=image.id, path=image.path, why=why
        )
        if broken not in self.broken:
            self.broken.append(broken)
            emit(Warned(text=broken.words))
