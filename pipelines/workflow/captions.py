"""What a LoRA learns a picture with: the words of a human, else what was asked for and measured of all that varies.

What a human said wins. What an edit changed is named, and what the picture does not show is left out: another tag than
was asked for, a failure mode that says so, an edit with one star. An edited picture has the rest of its source's
caption; the source of a step of a chain is the step before, so that the end tells of every edit.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from pipelines.domain.presets import CaptionFactor, Edit
from pipelines.domain.records import Character, ImageRecord, Verdict
from pipelines.domain.seen import Measured, seen
from pipelines.domain.spelling import says
from pipelines.planning import captions as texts
from pipelines.planning.base import edits_by_name, with_character
from pipelines.planning.captions import Fact
from pipelines.session import Session
from pipelines.storage.presets import Presets
from pipelines.workflow import framing

NOT_DONE = 1
"""Stars of an edit that was not done."""
Shown = Literal["angle", "expression"]
SHOWN: tuple[Shown, ...] = ("expression", "angle")
"""In the order in which they are told."""
MEASURED: tuple[Measured, ...] = ("angle", "expression", "framing", "pose")
"""In the order in which they are told."""


def caption(session: Session, image: ImageRecord) -> str:
    """What a LoRA learns this picture with."""
    return Captions(session, image.character).of(image)


def by_hand(character: Character, image: ImageRecord) -> bool:
    """Whether a human wrote the caption of a picture: typed or edited it, or brought it along."""
    words = image.caption.strip()
    if image.caption_whole or (image.intake and image.intake.caption.strip()):
        return True
    if image.shot:
        return bool(words) and words != image.shot.prompt
    return bool(words) and words not in (character.instance, *character.formerly)


def written_by(character: Character, image: ImageRecord) -> str:
    """Who wrote what a picture's caption is built on: ``you``, a reader's name, or nobody ("": it is built of what is
    known)."""
    return "you" if by_hand(character, image) else image.described.reader if image.described else ""


@dataclass(frozen=True)
class _Text:
    """What a caption begins with: ``by_hand`` when a human wrote it. ``edit`` is what else an edit changed."""

    words: str
    by_hand: bool = False
    edit: tuple[Fact, ...] = ()


class Captions:
    """The captions of one character's pictures, by the presets of this moment."""

    def __init__(self, session: Session, character_id: str) -> None:
        self._session = session
        self._character: Character = session.character(character_id)
        presets: Presets = session.presets
        self._factors: tuple[CaptionFactor, ...] = presets.factors
        self._edits: dict[str, Edit] = edits_by_name(presets.edits)
        self._scenarios = {s.name: s.caption for s in presets.scenarios}
        self._failures = {mode.name: mode.factor for mode in presets.failures}
        model = presets.models.get(self._character.generator)
        self._from = model.caption_from if model else ("edit", "prompt", "measured")

    def of(self, image: ImageRecord) -> str:
        """What a LoRA learns this picture with."""
        if image.caption_whole:
            return self._own(image.caption)
        wrong = self._wrong(image)
        text = self._text(image, wrong)
        framed = any(fact.factor == "framing" for fact in text.edit)
        shown = None if framed else self._framing(image)
        if shown and text.words == self._character.instance:
            text = _Text(f"{texts.LEADS[shown.factor]} {text.words}", text.by_hand, text.edit)
            shown = None
        facts = [Fact("framing", shown.words, shown.said)] if shown and self._unframed(text.words) else []
        facts += [*self._pose(image, wrong), *self._shown(image, wrong), *text.edit]
        return texts.completed(text.words, facts, self._factors, by_hand=text.by_hand)

    def _own(self, words: str) -> str:
        """Words of a human or a prompt, with the character as it is called now."""
        for former in self._character.formerly:
            if says(words, former):
                words = words.replace(former, self._character.instance)
        return with_character(words.strip(), self._character) if words.strip() else self._character.instance

    # ---- what a picture does not show

    def _wrong(self, image: ImageRecord) -> set[str]:
        """Factors that the picture does not show as they were asked for."""
        verdict = self._session.store.verdict(image.id)
        wrong = {factor for name in verdict.failures if (factor := self._failures.get(name))}
        return wrong | ({self._axis(image)} if _not_done(verdict) else set())

    def _axis(self, image: ImageRecord) -> str:
        return image.shot.purpose.labels.get("axis", "") if image.shot else ""

    def _known(self, image: ImageRecord, name: Shown, wrong: set[str]) -> tuple[str, bool]:
        """Angle or expression, and whether a human said it; ``unsure`` where what was asked for is not what is seen."""
        if (said := getattr(image, name)) != "unsure":
            return said, True
        asked, measured = _asked(image, name), seen(image, name).value
        if name in wrong:
            return (measured if measured != asked else "unsure"), False
        if "measured" in self._from and "unsure" not in (asked, measured) and asked != measured:
            return "unsure", False
        return (measured if asked == "unsure" else asked), False

    def _otherwise(self, image: ImageRecord, wrong: set[str]) -> set[str]:
        """Factors of what was asked for that the picture shows otherwise, or not at all."""
        found = {n for n in SHOWN if _asked(image, n) not in ("unsure", self._known(image, n, wrong)[0])}
        return found | wrong

    # ---- what a caption begins with

    def _text(self, image: ImageRecord, wrong: set[str]) -> _Text:
        if by_hand(self._character, image):
            return _Text(self._own(image.caption), by_hand=True)
        if image.described and not (image.shot and image.shot.sources):
            return _Text(self._described(image, wrong), by_hand=True)
        if image.shot is None:
            return _Text(self._own(image.caption), by_hand=True)
        return self._of_edit(image, wrong) if image.shot.sources else self._of_prompt(image, wrong)

    def _of_prompt(self, image: ImageRecord, wrong: set[str]) -> _Text:
        """The prompt, where the picture shows what it asked for; else what is left of it, if that can be trusted."""
        assert image.shot
        otherwise = self._otherwise(image, wrong)
        prompt, labels = self._own(image.shot.prompt), image.shot.purpose.labels
        if not otherwise:
            return _Text(prompt)
        if "prompt" not in self._from:
            return _Text(self._character.instance)
        phrase = self._scenarios.get(labels.get("scenario", ""), "")
        if phrase:
            lead = texts.LEADS["full" if labels.get("focus") == "body" else "portrait"]
            prompt = f"{lead} {self._character.instance}, {phrase}"
        return _Text(texts.without(prompt, otherwise, self._factors, self._character.token))

    def _of_edit(self, image: ImageRecord, wrong: set[str]) -> _Text:
        """The source's caption but for what the edit changed, and that."""
        assert image.shot
        labels = image.shot.purpose.labels
        source = self._session.store.get(ImageRecord, image.shot.sources[0].id)
        before = _Text(self._described(image, wrong)) if image.described else self._before(source)
        axis, phrase = labels.get("axis", ""), self._phrase(image)
        spoken = texts.factor_of(phrase, self._factors) if phrase else None
        changed = axis if any(f.name == axis for f in self._factors) else spoken.name if spoken else axis
        gone = {changed, *wrong} | {n for n in SHOWN if source and self._differs(image, source, n, wrong)}
        left = texts.without(before.words, gone, self._factors, self._character.token)
        done = phrase and axis not in SHOWN and not {axis, changed} & wrong and "edit" in self._from
        kept = tuple(fact for fact in before.edit if fact.factor not in gone)
        return _Text(left, by_hand=True, edit=(*kept, *([Fact(changed, phrase, said=True)] if done else ())))

    def _before(self, source: ImageRecord | None) -> _Text:
        """What a source was told with: of a step of a chain, also what it changed."""
        if source is None or source.caption_whole or source.shot is None or not source.shot.sources:
            return _Text(self._of_source(source))
        return self._text(source, self._wrong(source))

    def _of_source(self, source: ImageRecord | None) -> str:
        """What a source's caption says: a human's, else a machine's."""
        if source is None:
            return self._character.instance
        hand = by_hand(self._character, source)
        return self._described(source, set()) if source.described and not hand else self._own(source.caption)

    def _described(self, image: ImageRecord, wrong: set[str]) -> str:
        """A machine's caption without what belongs to the character, what the picture does not show, and all of which
        somebody knows more: what it says of these may be wrong."""
        assert image.described
        known: set[str] = {name for name in MEASURED if seen(image, name).by or seen(image, name).why}
        known |= {name for name in (*SHOWN, "framing") if getattr(image, name) != "unsure"}
        known |= {factor.name for factor in self._factors if factor.belongs}
        text = texts.without(self._own(image.described.text), known | wrong, self._factors, self._character.token)
        return text.rstrip(" .") or self._character.instance

    def _differs(self, image: ImageRecord, source: ImageRecord, name: Shown, wrong: set[str]) -> bool:
        here = self._known(image, name, wrong)[0]
        return here != "unsure" and here != self._known(source, name, set())[0]

    def _phrase(self, image: ImageRecord) -> str:
        labels = image.shot.purpose.labels if image.shot else {}
        axis, value = labels.get("axis", ""), labels.get("value", "")
        edit = self._edits.get(f"{axis}/{value}")
        said = edit.caption if edit else labels.get("caption", "")
        return texts.edit_words(axis, value, said, self._factors) if value else ""

    # ---- what is known besides

    def _shown(self, image: ImageRecord, wrong: set[str]) -> Iterator[Fact]:
        for name in SHOWN:
            value, said = self._known(image, name, wrong)
            if value != "unsure":
                yield Fact(name, self._words(image, name, value), said)

    def _words(self, image: ImageRecord, name: Shown, value: str) -> str:
        edit = self._edits.get(f"{name}/{value}")
        done = image.shot.purpose.edits if image.shot else ()
        if edit and edit.caption and f"{name}/{value}" in done and getattr(edit, name) == value:
            return edit.caption
        return f"{value} view" if name == "angle" else value

    def _framing(self, image: ImageRecord) -> Fact | None:
        """The framing (as a factor's name, for what leads it) in words: said of this picture or of what it was made
        from, else measured."""
        own = "" if image.framing == "unsure" else image.framing
        said = own or (framing.told(self._session, image) if image.shot is None or image.shot.sources else "")
        found = said or (seen(image, "framing").value if "measured" in self._from else "")
        return Fact(found, texts.FRAMINGS[found], bool(said)) if found in texts.FRAMINGS else None

    def _unframed(self, words: str) -> bool:
        return not texts.speaks_of(words, "framing", self._factors)

    def _pose(self, image: ImageRecord, wrong: set[str]) -> Iterator[Fact]:
        asked = image.shot.purpose.labels.get("pose", "") if image.shot else ""
        if asked and "prompt" in self._from and self._otherwise(image, wrong):
            yield Fact("pose", asked)
        elif not asked and "measured" in self._from and (pose := seen(image, "pose").value) not in ("unsure", "none"):
            yield Fact("pose", pose)


def _not_done(verdict: Verdict) -> bool:
    return verdict.edit is not None and verdict.edit <= NOT_DONE


def _asked(image: ImageRecord, name: str) -> str:
    return image.shot.purpose.labels.get(name, "unsure") if image.shot else "unsure"


def all_of(session: Session, character_id: str, images: Iterable[ImageRecord]) -> dict[str, str]:
    """The captions of pictures of one character, by id."""
    made = Captions(session, character_id)
    return {image.id: made.of(image) for image in images}
