"""The settings of a picture, put into a tab again: what of its recipe can be set here, and in words what cannot."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import JsonValue, ValidationError

from pipelines.domain import recipes
from pipelines.domain.base import Frozen
from pipelines.domain.bounds import Guidance, Seed, Steps, Weight, fits
from pipelines.domain.faults import shown
from pipelines.domain.foreign_recipes import READERS
from pipelines.domain.recipes import HASH, Recipe, UsedLora
from pipelines.domain.records import Character, LoraRecord
from pipelines.domain.shots import THEN
from pipelines.planning.base import edits_by_name
from pipelines.session import Session
from pipelines.storage import pictures
from pipelines.workflow import loras, review
from pipelines.workflow.characters import NotAllowed
from pipelines.workflow.sources import sources

LONGEST = 5000
"""Characters of a prompt."""
NO_RECIPE = "That picture says nothing of how it was made: there is nothing to restore."
Tab = Literal["generate", "enrich"]


class Settings(Frozen):
    """What a tab is to show: ``fields`` by the names under which it keeps them, the rows of its LoRA stack; and in
    words what was restored and what was not."""

    tab: Tab
    fields: dict[str, JsonValue]
    stack: tuple[tuple[str, float], ...] = ()
    restored: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()


@dataclass
class _Draft:
    """Settings while they are put together."""

    fields: dict[str, JsonValue] = field(default_factory=dict)
    stack: list[tuple[str, float]] = field(default_factory=list)
    restored: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)


def of_file(path: Path) -> Recipe:
    """The recipe in a picture: ours in a PNG, or that of another program (``foreign_recipes``) in a PNG, JPEG or WebP.
    Its pixels are not looked at. Raises NotAllowed for a file without one, MadeByNewer for one of a newer FLENwheel."""
    if record := pictures.read_recipe(path):
        if record.shot is None:
            raise NotAllowed(NO_RECIPE)
        return recipes.of_shot(record.shot)
    texts = pictures.texts(path)
    for name, read in READERS:
        try:
            if name in texts:
                return read(texts[name])
        except ValueError:
            continue  # another may be readable
    raise NotAllowed(NO_RECIPE)


def of_image(session: Session, image_id: str) -> Recipe:
    """The recipe of a picture of the workspace. Raises NotFound, and NotAllowed for one that was brought in."""
    image = review.get(session, image_id)
    if image.shot is None:
        raise NotAllowed("That picture was brought in, not made here: it has no settings.")
    return recipes.of_shot(image.shot)


def settings(session: Session, character_id: str, recipe: Recipe) -> Settings:
    """What a recipe sets for a character. Raises NotFound."""
    character = session.character(character_id)
    tab: Tab = "enrich" if recipe.step in ("enrich", "survey") else "generate"
    draft = _Draft()
    _words(session, character, recipe, tab, draft)
    _numbers(recipe, draft)
    _stack(session, character, recipe, tab, draft)
    _what_has_no_field(session, character, recipe, tab, draft)
    return Settings(tab=tab, **{name: _frozen(value) for name, value in vars(draft).items()})


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _words(session: Session, character: Character, recipe: Recipe, tab: Tab, draft: _Draft) -> None:
    """The prompt, or the edits that it was made with."""
    prompt = " ".join(recipe.prompt.split())
    if len(prompt) > LONGEST:
        draft.lost.append(f"The prompt: {len(prompt)} characters, at most {LONGEST} are taken.")
        prompt = ""
    if tab == "enrich":
        _edits(session, character, recipe, prompt, draft)
        return
    draft.fields |= {"scenarios": [], "prompts": prompt, "variants": 1, "count": ""}
    if prompt:
        draft.restored.append("prompt")


def _edits(session: Session, character: Character, recipe: Recipe, prompt: str, draft: _Draft) -> None:
    axes = session.presets.axes
    known = edits_by_name(axes)
    named = recipe.edits if all(edit in known for edit in recipe.edits) else ()
    alone = named[0] if len(named) == 1 else ""
    draft.fields |= {f"axis/{a.name}": [alone] if alone.startswith(f"{a.name}/") else [] for a in axes}
    draft.fields |= {
        "chains": THEN.join(named) if len(named) > 1 else "",
        "own": "" if named else prompt.replace("|", "/"),
    }
    draft.fields |= {"per_source": 1, "gaps": False, "count": ""}
    draft.restored.append("edit" if len(named) == 1 else "chain of edits" if named else "instruction")
    here = [source.id for source in sources(session, character.id)]
    used = [i for i in recipe.sources if i in here]
    if used:
        draft.fields["sources"] = {"items": [{"id": i} for i in here], "ticked": list(used)}
        draft.restored.append("source")
    elif recipe.sources:
        draft.lost.append(f"The picture that it was made from: it is no source of {character.name}.")


def _numbers(recipe: Recipe, draft: _Draft) -> None:
    for name, kind, value, empty in (
        ("steps", Steps, recipe.steps, ""),
        ("guidance", Guidance, recipe.guidance, ""),
        ("seed", Seed, recipe.seed, 0),
    ):
        draft.fields[name] = empty
        if value is None:
            continue
        try:
            fits(kind, value)
        except ValidationError:
            draft.lost.append(f"{name.capitalize()} {value}: out of bounds here.")
            continue
        draft.fields[name] = value if name == "seed" else str(value) if name == "steps" else f"{value:g}"
        draft.restored.append(name)
    if "seed" in draft.restored:
        draft.lost.append(f"The very picture: seeds of new ones are counted from {recipe.seed}. Retry keeps all else.")


def _stack(session: Session, character: Character, recipe: Recipe, tab: Tab, draft: _Draft) -> None:
    own = {x.id for x in loras.trained(session, character.id, "character")} if tab == "generate" else set()
    if tab == "generate":
        latest = next(reversed(loras.trained(session, character.id, "character")), None)
        newest = f"{character.id}/{latest.id if latest else ''}"  # else the newest LoRA is chosen by itself
        draft.fields |= {"lora": "", "strength": 1.0, "newest": newest}
    for used in recipe.loras:
        found = _lora(session, used)
        if found is not None and used.unused:
            draft.lost.append(_unused(found, used))
        if found is None:
            draft.lost.append(f"The LoRA {shown(used.name)}: it is not in this workspace.")
        elif not _fits(used.weight):
            draft.lost.append(f"The weight {used.weight:g} of {found.name}: out of bounds here.")
        elif found.id in [draft.fields.get("lora"), *(id for id, _ in draft.stack)]:
            draft.lost.append(f"{found.name} once more, at {used.weight:g}: a LoRA has one weight here.")
        elif found.id in own and not draft.fields.get("lora"):
            draft.fields |= {"lora": found.id, "strength": used.weight}
            draft.restored.append(f"LoRA {found.version} at {used.weight:g}")
        else:
            draft.stack.append((found.id, used.weight))
            draft.restored.append(f"LoRA {found.name} at {used.weight:g}")


def _unused(lora: LoraRecord, used: UsedLora) -> str:
    return f"Of {lora.name}: {shown(used.unused)}. A LoRA has one weight here."


def _fits(weight: float) -> bool:
    try:
        fits(Weight, weight)
    except ValidationError:
        return False
    return True


def _lora(session: Session, used: UsedLora) -> LoraRecord | None:
    """By its hash, if that is told, else by its name where only one has it."""
    known = session.store.all(LoraRecord)
    digits = used.sha256 or used.name.strip()
    if by_hash := [x for x in known if len(digits) >= HASH and x.id.startswith(digits)]:
        return by_hash[0]
    if len(used.sha256) >= HASH:
        return None
    name, titles = used.name.strip().casefold(), loras.titles(known)
    called = [x for x in known if name in (x.name.casefold(), titles[x.id].casefold())]
    return called[0] if len(called) == 1 else None


@dataclass(frozen=True)
class StackText:
    """A stack as it was written: rows of (LoRA id, weight), and in words what of the text is not among them."""

    rows: tuple[tuple[str, float], ...] = ()
    problems: tuple[str, ...] = ()


def stack_in(session: Session, family: str, text: str) -> StackText:
    """The LoRAs that ``text`` names as prompts do (``<lora:angles:0.8>``), those that fit a model preset. One that is
    named twice counts once, as it was named last."""
    rows: dict[str, float] = {}
    usable = {lora.id for lora in loras.usable(session, family)}
    problems: list[str] = []
    for used in recipes.loras_in(text):
        found = _lora(session, used)
        if found is None:
            problems.append(f"The LoRA {shown(used.name)} is not in this workspace, or several are called that.")
        elif found.id not in usable:
            problems.append(f"{found.name} was made for another model than {session.family(family).title}.")
        elif not _fits(used.weight):
            problems.append(f"The weight {used.weight:g} of {found.name} is out of bounds.")
        else:
            rows[found.id] = used.weight
            problems += [_unused(found, used)] if used.unused else []
    rest = recipes.LORA.sub(" ", text).replace(",", " ").split()
    if rest:
        problems.append(f"Not understood: {shown(' '.join(rest))}. A LoRA is written <lora:name:weight>.")
    return StackText(tuple(rows.items()), tuple(problems))


def _what_has_no_field(session: Session, character: Character, recipe: Recipe, tab: Tab, draft: _Draft) -> None:
    mine = character.editor if tab == "enrich" else character.generator
    if recipe.model and recipe.model != mine:
        does = "edited" if tab == "enrich" else "drawn"
        draft.lost.append(
            f"The model {shown(recipe.model)}: {character.name} is {does} by {session.family(mine).title}."
        )
    if recipe.negative_prompt:
        draft.lost.append(f"What it should not show: {shown(recipe.negative_prompt)}. There is no field for it here.")
    default = session.family(mine).defaults
    if recipe.width and (recipe.width, recipe.height) != (default.width, default.height) and tab == "generate":
        draft.lost.append(
            f"The size {recipe.width} x {recipe.height}: pictures are {default.width} x {default.height}."
        )
    draft.lost += [f"{shown(line)}: not known here." for line in recipe.others]
