"""What a LoRA stack does: LoRAs and files put in, rows kept and shown, stacks kept under a name or shared as text.

The stack on the screen is kept in the records (``SavedStack`` with an empty name), so a reload brings it back.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import gradio as gr

from pipelines.domain import recipes
from pipelines.domain.records import LoraRecord, SavedStack
from pipelines.domain.shots import LoraStack
from pipelines.domain.spelling import says
from pipelines.models.lora_files import LoraRefused
from pipelines.session import NotFound
from pipelines.workflow import loras, shared_loras
from pipelines.workflow.characters import NotAllowed
from pipelines.workflow.recipes import stack_in
from studio.components.forms import QUIET, Event, Updates, Value, Values, event, lines, picked, text
from studio.components.lora_rows import ADD, SAVED, Draft, LoraRows, Role, StackForm, read
from studio.server.state import Studio


def wire(rows: LoraRows, studio: Studio, then: Event, prompts: gr.Textbox, edited: Event) -> Event:
    """Wire a stack. ``then`` is what happens after every change of it; trigger words go into ``prompts``, after which
    ``edited`` happens. Gives what keeps it fresh, for its tab to follow."""
    ask = partial(read, rows)
    known, shown = rows.inputs, rows.outputs
    told = [rows.at, rows.text, rows.message]
    rows.stack.edit(**event(ask, partial(save_stack, studio, rows), known, told)).then(**then)
    rows.stack.insert(inserted(prompts), {prompts}, {prompts}, **QUIET).then(**edited)
    added = event(ask, partial(put_in, studio, rows), [rows.add, *known], [*shown, rows.add])
    rows.add.input(**added).then(**then)
    brought = event(ask, partial(bring, studio, rows), [rows.upload, *known], shown)
    rows.upload.upload(**brought).then(**then)
    loaded = event(ask, partial(load, studio, rows), [rows.saved, *known], [*shown, rows.saved])
    rows.saved.input(**loaded).then(**then)
    rows.text.submit(**event(ask, partial(take_text, studio, rows), [rows.text, *known], shown)).then(**then)
    said = [rows.saved, rows.name, rows.message]
    rows.save.click(**event(ask, partial(save_as, studio, rows), [rows.name, *known], said))
    seen = [rows.add, rows.saved, *shown]
    return event(ask, partial(follow, studio, rows), [rows.at, *known], seen)


def inserted(prompts: gr.Textbox) -> Callable[[Values, gr.EventData], Updates]:
    """The handler that puts a trigger word before each of the prompts that lacks it; where there are none, it begins
    one."""

    def insert(values: Values, wanted: gr.EventData) -> Updates:
        word, said = text(picked(wanted._data).get("trigger")).strip(), lines(values.get(prompts))
        lacking = (line if says(line, word) else f"{word}, {line}" for line in said)
        return {prompts: "\n".join(lacking) or word}

    return insert


def family_of(studio: Studio, role: Role) -> str:
    """The model preset whose LoRAs the rows take; "" without a character."""
    character = studio.character
    return (character.editor if role == "editor" else character.generator) if character else ""


def usable(studio: Studio, role: Role) -> list[LoraRecord]:
    """The LoRAs that may be put in, newest first."""
    family = family_of(studio, role)
    return loras.usable(studio.session, family) if family else []


def _id(studio: Studio, role: Role, name: str = "") -> str:
    return SavedStack.place(studio.character_id, role, name)


def draft(studio: Studio, role: Role) -> Draft:
    """The stack on the screen, from the records."""
    return Draft.kept(studio.session.store.get(SavedStack, _id(studio, role)), usable(studio, role))


def stack_of(studio: Studio, rows: Draft) -> LoraStack:
    """The ticked rows as a stack. Raises NotFound for a LoRA that is gone."""
    return loras.stack(studio.session, rows.used)


def record(studio: Studio, role: Role, rows: Draft, name: str = "") -> SavedStack:
    """Keep rows under a name (empty: as the stack on the screen), if they are new; for nobody, nothing is kept."""
    whole = loras.stack(studio.session, zip(rows.ids, rows.weights, strict=True), used=False)
    saved = SavedStack(
        id=_id(studio, role, name),
        character=studio.character_id,
        role=role,
        name=name,
        stack=whole,
        off=tuple(i for i, used in zip(rows.ids, rows.uses, strict=True) if not used),
    )
    with studio.session.store.alone():
        before = studio.session.store.get(SavedStack, saved.id)
        if saved.character and (before is None or (before.stack, before.off) != (saved.stack, saved.off)):
            studio.session.store.put(saved)
    return saved


def show(studio: Studio, rows: LoraRows, draft: Draft, rev: int) -> Updates:
    """The rows as a draft has them, to a page that has made ``rev`` changes."""
    known = [loras.get(studio.session, id) for id in draft.ids]
    called = loras.titles(studio.session.store.all(LoraRecord))
    items = [
        {
            "id": lora.id,
            "name": f"{name} ({lora.version})" if lora.version and lora.version not in name else name,
            "use": used,
            "weight": weight,
            "trigger": lora.trigger,
            "facts": " · ".join(_facts(studio, lora)),
        }
        for lora, used, weight in zip(known, draft.uses, draft.weights, strict=True)
        if (name := called[lora.id])
    ]
    return {rows.stack: {"items": items, "rev": rev}, **_written(studio, rows, draft)}


def _written(studio: Studio, rows: LoraRows, draft: Draft) -> Updates:
    """Whose stack the page shows, and its ticked rows as text."""
    adapters = loras.stack(studio.session, draft.used, used=False).adapters
    return {rows.at: _at(studio, rows.role), rows.text: recipes.as_text(adapters)}


def _at(studio: Studio, role: Role) -> str:
    """Whose stack it is, and how it is in the records now."""
    saved = studio.session.store.get(SavedStack, _id(studio, role))
    return f"{studio.character_id} {(saved.stack.content, saved.off) if saved else ''}"


def save_stack(studio: Studio, rows: LoraRows, form: StackForm) -> Updates:
    """The stack on the screen goes into the records. What was said when a row came is not true of others."""
    said: Updates = {} if set(form.draft.ids) == set(draft(studio, rows.role).ids) else {rows.message: {}}
    if studio.character_id:
        record(studio, rows.role, form.draft)
    return said | _written(studio, rows, form.draft)


def put_in(studio: Studio, rows: LoraRows, form: StackForm) -> Updates:
    """The chosen LoRA joins the stack. Said twice (``forms``), a file of a shared folder is known by its content the
    second time."""
    if not form.added:
        return {}
    try:
        lora = loras.get(studio.session, form.added)
    except (NotFound, NotAllowed) as refusal:
        return {rows.message: _told(str(refusal), "bad"), rows.add: gr.update(value="")}
    fits = lora.id in {x.id for x in usable(studio, rows.role)}
    return (_grown(studio, rows, form, lora) if fits else {}) | {rows.add: gr.update(value="")}


def bring(studio: Studio, rows: LoraRows, form: StackForm) -> Updates:
    """A file joins the library and the stack. One that is refused is told in words."""
    if not form.path or not studio.character_id:
        return show(studio, rows, form.draft, form.rev) | {
            rows.message: _told("Make or choose a character first.", "warn")
        }
    path = Path(form.path)
    try:
        lora = loras.add(studio.session, path, path.name, family=family_of(studio, rows.role))
    except LoraRefused as refusal:
        return show(studio, rows, form.draft, form.rev) | {rows.message: _told(str(refusal), "bad")}
    return _grown(studio, rows, form, lora)


def _grown(studio: Studio, rows: LoraRows, form: StackForm, lora: LoraRecord) -> Updates:
    words, pool, draft = {}, rows.most, form.draft
    if len(draft.ids) >= pool and lora.id not in draft.ids:
        words = _told(f"A stack has {pool} rows at most: remove one first.", "warn")
    else:
        draft = draft.with_lora(lora, loras.weight_of(studio.session, lora))
        left = loras.told(lora)
        words = {"lines": left, "tone": "warn"} if left else {}
    if studio.character_id:
        record(studio, rows.role, draft)
    return show(studio, rows, draft, form.rev) | {rows.message: words}


def _facts(studio: Studio, lora: LoraRecord) -> list[str]:
    """What a row says of its LoRA: where it is from, its licence, what it is made for."""
    entry = loras.catalogued(studio.session.presets.catalogue, lora)
    asked = loras.sampling_of(studio.session, lora).words
    said = [f"rank {lora.rank}", "from the catalogue" if lora.origin == "catalogue" else loras.origin(lora)]
    return [*said, *filter(None, [entry.licence if entry else "", f"made for {asked}" if asked else ""])]


def take_text(studio: Studio, rows: LoraRows, form: StackForm) -> Updates:
    """A stack that was written takes the place of the rows; nothing changes where none of it is understood."""
    if not studio.character_id:
        return {rows.message: _told("Make or choose a character first.", "warn")}
    found = stack_in(studio.session, family_of(studio, rows.role), form.text)
    if form.text.strip() and not found.rows:
        return {rows.message: _told(" ".join(found.problems), "bad")}
    ids, weights = [id for id, _ in found.rows], [weight for _, weight in found.rows]
    fresh = Draft(ids, [True] * len(ids), weights).within(rows.most)
    over = [] if len(ids) <= rows.most else [f"A stack has {rows.most} rows at most: the first of these are here."]
    record(studio, rows.role, fresh)
    said = {"lines": [*found.problems, *over], "tone": "warn"} if found.problems or over else {}
    return show(studio, rows, fresh, form.rev) | {rows.message: said}


def save_as(studio: Studio, rows: LoraRows, form: StackForm) -> Updates:
    """The stack is saved under a name."""
    if not form.name or not form.draft.ids or not studio.character_id:
        words = "Give the stack a name." if form.draft.ids else "Add a LoRA first: an empty stack is the base model."
        return {rows.message: _told(words, "warn")}
    record(studio, rows.role, form.draft, form.name)
    return {
        rows.saved: _saved_choices(studio, rows.role),
        rows.name: gr.update(value=""),
        rows.message: _told(f"Saved as {form.name}.", "good"),
    }


def load(studio: Studio, rows: LoraRows, form: StackForm) -> Updates:
    """A saved stack comes onto the screen, once: what is changed in its rows then stays."""
    saved = studio.session.store.get(SavedStack, form.saved)
    if saved is None:
        return {}
    draft = Draft.kept(saved, usable(studio, rows.role)).within(rows.most)
    record(studio, rows.role, draft)
    loaded: Updates = {rows.message: _lost(studio, saved), rows.saved: gr.update(value="")}
    return show(studio, rows, draft, form.rev) | loaded


def follow(studio: Studio, rows: LoraRows, form: StackForm) -> Updates:
    """The records or the character changed. Rows change with the character, or when their stack was changed elsewhere
    (an editor LoRA taken into Enrich, another page); else not: a slider that is being dragged must not jump."""
    called = loras.titles(loras.everyone(studio.session))
    choices = [ADD, *((_offered(x, called[x.id]), x.id) for x in usable(studio, rows.role))]
    offered: Updates = {rows.add: gr.update(choices=choices), rows.saved: _saved_choices(studio, rows.role)}
    if form.at == _at(studio, rows.role):
        return offered
    shown = draft(studio, rows.role) if studio.character_id else Draft()
    lost = _lost(studio, studio.session.store.get(SavedStack, _id(studio, rows.role)))
    return offered | {rows.message: lost} | show(studio, rows, shown, form.rev)


def _lost(studio: Studio, saved: SavedStack | None) -> Value:
    """What is said of LoRAs of a stack whose files are not where they were: they are not in the rows any more."""
    known = (studio.session.store.get(LoraRecord, a.sha256) for a in (saved.stack.adapters if saved else ()))
    lines = [shared_loras.gone(x) for x in known if x and x.changed and not shared_loras.is_here(studio.session, x)]
    return {"lines": lines, "tone": "warn"} if lines else {}


def _offered(lora: LoraRecord, name: str) -> str:
    return f"{name}  (rank {lora.rank}{', in a shared folder' if lora.changed else ''})"


def named(studio: Studio, role: Role) -> list[SavedStack]:
    """Stacks saved under a name."""
    found = studio.session.store.all(SavedStack, character=studio.character_id, role=role)
    return [s for s in found if s.name]


def _saved_choices(studio: Studio, role: Role) -> Value:
    return gr.update(choices=[SAVED, *((s.name, s.id) for s in named(studio, role))])


def _told(words: str, tone: str) -> Value:
    return {"lines": [words], "tone": tone}
