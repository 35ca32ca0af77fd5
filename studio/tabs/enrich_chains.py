"""What is asked for beside the axes: chains of edits, one a line, and instructions in the user's own words. Part of the
Enrich tab, its middle column.

Element ids: ``enrich-chains``, ``enrich-then``, ``enrich-own``.
"""

import gradio as gr

from pipelines.domain.shots import THEN
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
    offered = [
        (f"{axis.title}: {edit.title}", f"{axis.name}/{edit.value}")
        for axis in studio.on_page.edits
        for edit in axis.edits
    ]
    then = gr.Dropdown(
        [("New chain", NEW_CHAIN), *offered],
        value=None,
        label="Add the next edit to the last chain",
        interactive=True,
        elem_id="enrich-then",
    )
    return written, then


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
