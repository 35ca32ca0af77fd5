"""Review: every picture is judged by a human, fast. The gallery talks to `studio/server/review.py`."""

from dataclasses import dataclass

from studio.components.review_gallery import ReviewGallery
from studio.components.shell import Shell
from studio.server.review import ON_PAGE
from studio.server.state import Studio


@dataclass
class ReviewTab:
    """The tab's components."""

    gallery: ReviewGallery


def build(studio: Studio) -> ReviewTab:
    """One island fills the tab."""
    return ReviewTab(gallery=ReviewGallery({**ON_PAGE}, elem_id="review"))


def wire(tab: ReviewTab, studio: Studio, shell: Shell) -> None:
    """Nothing to wire: the gallery sends decisions over its own route, past Gradio's queue (a key must never wait)."""
