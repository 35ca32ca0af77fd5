"""The page: one window, six tabs, one header, one job bar. All components are made first, then all events are wired.

Stable ids for tests and scripts. A tab's button is ``#tab-<name>-button`` and its panel ``#tab-<name>``; names: survey,
enrich, train, generate, review, model_card.

header    #workspace-name #character-picker (select) #new-character #character-name #character-class #character-token
          #character-origin #character-may-use #create-character #settings-open #settings-save #theme-switch
          #rail-<key> #next-action
start     #start-new #start-open #start-cast .face[data-number] #workspace-path #workspace-open; empty workspaces only
job bar   #job-title #job-progress #job-pause #job-stop #job-list-open #job-list #job-resume-<id> #job-cancel-<id>
review    #review-gate-enriched|synthetic|card #review-filter-open|all|good|needs_correction|reject|right|unsure|wrong
          #review-picture (data-id) #review-reference #review-film #review-position #review-label #review-live
          #review-good #review-correct #review-reject #review-undo #review-view-single #review-view-grid #review-help
          #review-filter #review-pristine #correction-file #correction-wrong #correction-send
pristine  #pristine-dialog #pristine-most #pristine-keep, .kb-tile[aria-pressed]
line      #review-line #enrich-line #line-dialog #line-calibrate #line-progress #line-stop #line-judge #line-report
card      #card-lora #card-seed #card-run #card-version (select) #card-compare (select) #card-headline #card-poster
          .cell[data-cell="front/neutral"][data-verdict="right|wrong|unsure|missing"]
picture   #picture-dialog #picture-good #picture-correct #picture-reject #picture-angle #picture-expression
strip     figure.tile[data-id] with its tick box input.tick, inside the elem_id its tab gave it
"""

from typing import Any

import gradio as gr

from studio.components.island import Island
from studio.components.job_bar import JobBar
from studio.components.rail import Header
from studio.components.start import Start
from studio.server.state import Shell, Studio
from studio.tabs import enrich, generate, model_card, review, survey, train
from studio.uploads import GuardedBlocks

TABS: tuple[tuple[str, str, Any], ...] = (
    ("survey", "Survey", survey),
    ("enrich", "Enrich", enrich),
    ("train", "Train", train),
    ("generate", "Generate", generate),
    ("review", "Review", review),
    ("model_card", "Model Card", model_card),
)


def page(studio: Studio) -> gr.Blocks:
    """The whole page. Nothing is computed here: each part asks for its data when it is on screen."""
    with GuardedBlocks(title="FLENwheel", analytics_enabled=False, fill_width=True) as blocks:
        Header(elem_id="header")
        Start(elem_id="start")
        shell = Shell(changed=Island("changed", elem_id="changed", elem_classes="flen-hidden"))
        made = []
        with gr.Tabs(elem_id="tabs", selected="enrich"):
            for name, title, tab in TABS:
                with gr.Tab(title, id=name, elem_id=f"tab-{name}"):
                    made.append((tab, tab.build(studio)))
        JobBar(elem_id="job-bar")
        for tab, parts in made:
            tab.wire(parts, studio, shell)
    return blocks
