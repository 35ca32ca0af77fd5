"""The card of a LoRA as model hubs show it: a README with what programs read in its head, then words, pictures and what
was measured."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from pipelines.domain.presets import ModelFamily
from pipelines.domain.records import Card, ImageRecord, LoraRecord, TrainingRun
from pipelines.domain.words import count
from pipelines.session import Session
from pipelines.storage.markdown import plain, table
from pipelines.storage.names import slug
from pipelines.workflow import card as cards
from pipelines.workflow import rounds

IMAGES = "images"
MOST = 8
"""Pictures of a card for a hub."""
OPEN = {"Apache-2.0": "apache-2.0", "MIT": "mit"}
"""Licences by what hubs call them; all others are "other", with their name."""


@dataclass(frozen=True)
class HubCard:
    """The README, and the pictures that it shows by the names that it gives them."""

    text: str
    pictures: dict[str, ImageRecord]


def card_of(session: Session, lora: LoraRecord, filename: str) -> HubCard:
    """The card of a LoRA whose file is called so."""
    run = session.store.get(TrainingRun, lora.run) if lora.run else None
    family = session.presets.models.get(run.family) if run else None
    made = rounds.cards_of(session, run) if run else []
    shown = _shown(session, made[-1:])
    pictures = {f"{IMAGES}/{slug(cell, 'picture')}.png": image for cell, image in shown}
    head = yaml.safe_dump(_head(lora, family, pictures), sort_keys=False, allow_unicode=True)
    parts = [
        f"# {plain(lora.name)}",
        _about(session, lora, family),
        _use(lora, filename),
        _results(session, made),
        _gallery(pictures),
        _training(session, run, lora),
        _licence(family),
    ]
    return HubCard(f"---\n{head}---\n\n" + "\n\n".join(filter(None, parts)) + "\n", pictures)


def _head(lora: LoraRecord, family: ModelFamily | None, pictures: dict[str, ImageRecord]) -> dict[str, Any]:
    """What hubs read: base model, licence, trigger, pictures with their prompts."""
    edits = family is not None and "generator" not in family.roles
    licence = family.licence if family else ""
    head: dict[str, Any] = {
        "library_name": "diffusers",
        "pipeline_tag": "image-to-image" if edits else "text-to-image",
        "tags": ["lora", "diffusers", "image-to-image" if edits else "text-to-image"],
    }
    if family:
        head |= {"base_model": family.weights.hub or family.name}
        named = {"license": "other", "license_name": slug(licence, "see-below").lower()}
        head |= {"license": OPEN[licence]} if licence in OPEN else named
    if lora.trigger:
        head |= {"instance_prompt": lora.trigger}
    widget = [{"text": i.shot.prompt, "output": {"url": name}} for name, i in pictures.items() if i.shot]
    return head | ({"widget": widget} if widget else {})


def _shown(session: Session, made: Sequence[Card]) -> list[tuple[str, ImageRecord]]:
    """Cells of a card that were found right, by name: none that a human did not let through."""
    board = [cell for card in made for cell in cards.board(session, card)]
    right = [(c.cell.name, c.image) for c in board if c.verdict == "right" and c.image]
    return [(name, i) for name, i in right if session.workspace.path(i.path).is_file()][:MOST]


def _about(session: Session, lora: LoraRecord, family: ModelFamily | None) -> str:
    what = f"A LoRA of rank {lora.rank}"
    base = f" for {family.title} ({family.weights.hub or 'a model that comes with FLENwheel'})" if family else ""
    version = f", version {lora.version}" if lora.version else ""
    return f"{what}{plain(base)}{version}, made with FLENwheel."


def _use(lora: LoraRecord, filename: str) -> str:
    trigger = (
        f"Trigger: `{lora.trigger.replace('`', '')}`. It stands for the character in prompts.\n\n"
        if lora.trigger
        else ""
    )
    return f"## Use\n\n{trigger}File: `{filename}`. Strength 1.0 is what it was measured at."


def _results(session: Session, made: Sequence[Card]) -> str:
    """What the newest card of each seed says, by angle and expression."""
    newest = {card.seed: card for card in made}
    told = [(card, cards.board(session, card)) for card in newest.values()]
    if not told:
        return "## Results\n\nNot measured: no model card was run."
    lines = [f"Seed {card.seed}: {cards.rate(board).words}" for card, board in told]
    right, all_of = Counter[str](), Counter[str]()
    for _, board in told:
        for c in board:
            of = c.cell.expression or c.cell.pose
            for name in (c.cell.angle if not c.cell.pose else "body", of):
                all_of[name] += 1
                right[name] += c.verdict == "right"
    rows = [(name, f"{right[name]} of {n}") for name, n in all_of.items()]
    return "## Results\n\n" + "\n\n".join(lines) + "\n\n" + table(("shown", "right at the first try"), rows).rstrip()


def _gallery(pictures: dict[str, ImageRecord]) -> str:
    """Pictures of the model card, made without hand editing."""
    if not pictures:
        return ""
    shown = "\n".join(f"![{plain(i.shot.purpose.cell if i.shot else name)}]({name})" for name, i in pictures.items())
    return f"## Pictures\n\nMade without hand editing, judged by a human.\n\n{shown}"


def _training(session: Session, run: TrainingRun | None, lora: LoraRecord) -> str:
    if run is None:
        return ""
    learnt = ", ".join(f"{n} {origin}" for origin, n in rounds.learnt(session, run).items())
    told = [
        ("pictures", learnt or count(len(run.images), "picture")),
        *((name, str(run.settings[name])) for name in SETTINGS if run.settings.get(name)),
    ]
    character = session.character(run.character)
    allowed = "who trained it says that the pictures may be used" if character.may_use else "not stated"
    rows = [*told, ("leave to use the pictures", allowed), ("SHA-256", lora.id)]
    return "## Training\n\n" + table(("what", "value"), rows).rstrip()


SETTINGS = ("rank", "alpha", "learning_rate", "lr_scheduler", "steps", "batch", "accumulate", "resolution", "seed")
"""Settings of a training that its card tells."""


def _licence(family: ModelFamily | None) -> str:
    if family is None:
        return ""
    note = f" {family.licence_note}" if family.licence_note else ""
    return f"## Licence\n\nThat of the base model: {plain(family.licence)}.{plain(note)}"
