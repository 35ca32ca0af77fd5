"""What models that read pictures are told and asked, as plain data; and what they said of a picture.

Presets: ``readers/*.toml``, ``prompts/questions.toml``, ``prompts/captions.toml``.
"""

from typing import Literal

from pydantic import Field

from pipelines.domain.base import Frozen

Fact = Literal["angle", "expression", "framing", "pose", "anatomy", "artifacts", "edit", "same"]
"""What can be asked of a picture; ``edit``: was the edit done that made it; ``same``: do two show one character."""
Shown = Literal["picture", "edit", "pair"]
"""What a question shows: the picture; before it the source that it was edited from; two pictures."""
UNSURE = "unsure"


class Option(Frozen):
    """An answer that a question allows: the ``words`` whose likelihood is measured, the ``value`` that is taken
    down."""

    value: str = Field(min_length=1, max_length=40)
    words: str = Field(min_length=1, max_length=120)


class Question(Frozen):
    """A multiple choice question about pictures. ``prompt`` may name ``{options}``, ``{kind}`` (what the character is)
    and ``{instruction}`` (what an edit was asked for). Below ``margin``, the lead of the likeliest option over the next
    (0-1), the answer is unsure. ``mirrored``: values that change places in a mirror; the question is asked of the
    mirror image, too, and the likelihoods are multiplied."""

    name: str
    title: str = ""
    fact: Fact
    of: Shown = "picture"
    prompt: str
    options: tuple[Option, ...] = Field(min_length=2)
    margin: float = Field(0.3, ge=0, le=1)
    mirrored: dict[str, str] = Field(default_factory=dict)

    def asked(self, kind: str, instruction: str = "") -> str:
        """The prompt as it is put. What it names otherwise in braces stays."""
        words = {"{options}": ", ".join(o.words for o in self.options), "{kind}": kind, "{instruction}": instruction}
        return filled(self.prompt, words)


class CaptionPrompt(Frozen):
    """What a captioner is asked for. ``prompt`` may name ``{character}`` (``ohwx_char person``) and ``{kind}``."""

    name: str
    title: str = ""
    prompt: str

    def asked(self, character: str, kind: str) -> str:
        """The prompt as it is put."""
        return filled(self.prompt, {"{character}": character, "{kind}": kind})


class ReaderPreset(Frozen):
    """A model that captions pictures and answers questions about them (``pipelines.readers``). ``kind`` is the class
    that drives it.

    Its weights are the ``part`` of the model presets ``models`` (the first that is on the disk), or lie in ``folder``
    (relative to ``presets``, or a whole path), which holds ``<part>/`` and ``processor/``. Of the kind ``openai`` it is
    a server on this machine whose address is in Settings; ``served`` is what the server calls the model (empty: the
    first it has). ``world`` names the only world that it knows. Pictures are seen on a square area of at least
    ``least_px`` and at most ``most_px`` a side. ``caption`` names its caption prompt, ``questions`` those it is good
    for (none: all); ``prompts`` (by name, caption prompts too) and ``margins`` are its own where they differ."""

    name: str
    kind: Literal["qwen2.5-vl", "openai"]
    title: str
    models: tuple[str, ...] = ()
    folder: str = ""
    part: str = "text_encoder"
    served: str = ""
    world: Literal["", "mini"] = ""
    licence: str = ""
    note: str = ""
    least_px: int = Field(448, ge=28, le=4096)
    most_px: int = Field(896, ge=28, le=4096)
    caption: str = "tags"
    caption_tokens: int = Field(160, ge=8, le=1024)
    questions: tuple[str, ...] = ()
    prompts: dict[str, str] = Field(default_factory=dict)
    margins: dict[str, float] = Field(default_factory=dict)

    def question(self, asked: Question) -> Question:
        """A question as this reader is asked it."""
        prompt, margin = self.prompts.get(asked.name, asked.prompt), self.margins.get(asked.name, asked.margin)
        return asked.model_copy(update={"prompt": prompt, "margin": margin})

    def caption_prompt(self, asked: CaptionPrompt) -> CaptionPrompt:
        """A caption prompt as this reader is given it."""
        return asked.model_copy(update={"prompt": self.prompts.get(asked.name, asked.prompt)})


class Reading(Frozen):
    """One answer about one picture: ``value`` is ``unsure`` where the likeliest option (``likely`` 0-1) leads the next
    by less than the question's margin (``lead``). ``model`` is the hash of the reader's weights. ``other`` is the
    picture that it was held against, ``batch`` the request that it was read for."""

    fact: Fact
    value: str
    likely: float
    lead: float
    reader: str
    model: str = ""
    other: str = ""
    batch: str = ""


class Description(Frozen):
    """A caption that a machine wrote. ``batch`` names the request that it was written for."""

    text: str
    reader: str
    prompt: str = ""
    batch: str = ""


def filled(text: str, words: dict[str, str]) -> str:
    """``text`` with words in the place of names in braces, each looked at once: what is put in is not looked into."""
    found = [(text.find(name), name) for name in words if name in text]
    if not found:
        return text
    at, name = min(found)
    return text[:at] + words[name] + filled(text[at + len(name) :], words)
