"""Review: every picture is judged by a human, fast. The gallery talks to `studio/server/review.py`."""

from dataclasses import dataclass

from studio.components.review_gallery import ReviewGallery
from studio.components.shell import Shell
from studio.server.state import Studio

GATES = {"enriched": "Enriched", "synthetic": "Synthetic", "card": "Model card"}


@dataclass
class ReviewTab:
    """The tab's components."""

    gallery: ReviewGallery


def build(studio: Studio) -> ReviewTab:
    """One island fills the tab."""
    return ReviewTab(gallery=ReviewGallery(GATES, elem_id="review"))


def wire(tab: ReviewTab, studio: Studio, shell: Shell) -> None:
    """Nothing to wire: the gallery sends decisions over its own route, past Gradio's queue (a key must never wait)."""
