"""The bar at the bottom of every tab: memory, the running job, what waits, what went wrong."""

from typing import Any

from studio.components.island import Island


class JobBar(Island):
    """Memory against the card, the running job with count, time left, preview and stop (``#job-stop``); a click on
    ``#job-list-open`` lists the last jobs with their warnings, errors and resume. Lives on ``GET /status``."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__("job-bar", **kwargs)
