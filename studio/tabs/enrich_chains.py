"""What is asked for beside the axes: chains of edits, one a line, instructions in the user's own words, and other words
for edits. Part of the Enrich tab, its middle column.

Element ids: ``enrich-chains``, ``enrich-then``, ``enrich-own``, ``enrich-words``, ``enrich-reword``.
"""

from collections.abc import Iterable

import gradio as gr

from pipelines.domain.shots import THEN
from pipelines.planning.base import edits_by_name
from studio.components.forms import Updates, Values, text
from studio.server.state import Studio

NEW_CHAIN = "new"


def build(studio: Studio) -> tuple[gr.Textbox, gr.Dropdown]:
    """The chains as text, and the edits to put them together of."""
    written = gr.Textbox(
        "",
        label="Chains, one a line: each edit is made of what the one before gave",
        placeholder=f"angle/profile-left{THEN}expression/angry",
        lines=1,
        max_lines=6,
        max_length=4000,
        interactive=True,
        elem_id="enrich-chains",
    )
    then = gr.Dropdown(
        [("New chain", NEW_CHAIN), *_every_edit(studio)],
        value=None,
        label="Add the next edit to the last chain",
        interactive=True,
        elem_id="enrich-then",
    )
    return written, then


def _every_edit(studio: Studio) -> list[tuple[str, str]]:
    return [
        (f"{axis.title}: {edit.title}", f"{axis.name}/{edit.value}")
        for axis in studio.on_page.edits
        for edit in axis.edits
    ]


def build_words(studio: Studio) -> tuple[gr.Textbox, gr.Dropdown]:
    """Other words for edits, and the edits whose words can be taken up to be changed."""
    written = gr.Textbox(
        "",
        label="Edits in other words, one a line; behind a | what captions say of it",
        placeholder="expression/angry = The person is furious | furious",
        lines=1,
        max_lines=8,
        max_length=20_000,
        interactive=True,
        elem_id="enrich-words",
    )
    edit = gr.Dropdown(
        _every_edit(studio),
        value=None,
        label="Change the words of an edit",
        interactive=True,
        elem_id="enrich-reword",
    )
    return written, edit


def taken_up(studio: Studio, edit: gr.Dropdown, words: gr.Textbox, values: Values) -> Updates:
    """The words of the edit that was chosen stand in the field, to be changed."""
    chosen, written = text(values.get(edit)), text(values.get(words)).rstrip()
    known = edits_by_name(studio.session.presets.edits).get(chosen)
    if known is None:
        return {edit: None}
    if chosen in rewritten(written.splitlines()):
        return {edit: None}
    said = f"{known.prompt} | {known.caption}" if known.caption else known.prompt
    return {edit: None, words: "\n".join(filter(None, [written, f"{chosen} = {said}"]))}


def rewritten(written: Iterable[str]) -> dict[str, str]:
    """Other words by the edits that they are for; a line without an ``=`` is all name, and so is told as one that there
    is not."""
    lines = (line.partition("=") for line in written if line.strip())
    return {name.strip(): said.strip() for name, _, said in lines}


def build_own() -> gr.Textbox:
    """Edits in the user's own words."""
    return gr.Textbox(
        "",
        label="Own instructions, one a line; behind a | what captions say of it",
        placeholder="Give the person a red hat | wearing a red hat",
        lines=1,
        max_lines=6,
        max_length=8000,
        interactive=True,
        elem_id="enrich-own",
    )


def gone_on(then: gr.Dropdown, chains: gr.Textbox, values: Values) -> Updates:
    """The edit that was chosen goes on the last chain, or a new one begins."""
    chosen, written = text(values.get(then)), text(values.get(chains)).rstrip(" ")
    if not chosen:
        return {}
    last = written.rpartition("\n")[2]
    if chosen == NEW_CHAIN:
        return {then: None, chains: f"{written}\n" if last else written}
    return {then: None, chains: f"{written}{THEN if last else ''}{chosen}"}
