"""Model Card: the fixed benchmark, its first-try rate, and versions side by side."""

from dataclasses import dataclass

from studio.components.card_grid import CardGrid
from studio.components.shell import Shell
from studio.server.state import Studio


@dataclass
class ModelCardTab:
    """The tab's components."""

    grid: CardGrid


def build(studio: Studio) -> ModelCardTab:
    """One island fills the tab: run, headline, poster."""
    return ModelCardTab(grid=CardGrid(elem_id="model-card"))


def wire(tab: ModelCardTab, studio: Studio, shell: Shell) -> None:
    """Nothing to wire: the poster reads and writes over its own routes."""
