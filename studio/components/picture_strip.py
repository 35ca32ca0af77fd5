"""Pictures of one kind, newest first or oldest first, kept fresh by themselves while a job makes more."""

from typing import Any, Literal

from studio.components.island import Island

Kind = Literal["source", "enriched", "synthetic", "survey", "card", "sample", "correction"]


class PictureStrip(Island):
    """Results as they arrive: picture, identity verdict with its number, cell; a click opens it big.

    The strip fetches ``GET /pictures?kind=..&version=..`` for the current character whenever the records change.
    The big view shows lineage, recipe, scores, the decision buttons, and for what Enrich or Generate made Retry and
    Vary (jobs whose pictures arrive in the strip), all by itself.

    Arguments:
        kind: which pictures. ``version``: ``"latest"``, ``"all"`` or ``"v1"``; ``run``: only those of one training run.
        pick: show tick boxes. ``strip.value`` is then the list of ticked ids and ``strip.change(fn, inputs=strip)``
            fires. ``pick_all``: everything is ticked at first.
        newest_first: order. ``size``: side of a thumbnail in px.
        cut: dim what the cut line of a Histogram on the page would sort out, while it is moved.
        empty: what to say when there is nothing yet; ``scores``: show identity under each picture.

    Events:
        change: the ticked ids changed (``pick``); the handler gets ``list[str]`` from ``inputs=strip``.

    Writing ``value`` from Python (a list of ids) ticks these.
    """

    def __init__(
        self,
        kind: Kind = "enriched",
        *,
        version: str = "latest",
        run: str = "",
        pick: bool = False,
        pick_all: bool = False,
        newest_first: bool = True,
        size: int = 132,
        scores: bool = True,
        cut: bool = False,
        empty: str = "Nothing here yet.",
        **kwargs: Any,
    ) -> None:
        options = {
            "kind": kind,
            "version": version,
            "run": run,
            "pick": pick,
            "pickAll": pick_all,
            "newestFirst": newest_first,
            "size": size,
            "scores": scores,
            "cut": cut,
            "empty": empty,
        }
        super().__init__("picture-strip", options, value=[] if pick else None, **kwargs)

    def preprocess(self, payload: Any) -> list[str]:
        """The ticked ids."""
        return [str(i) for i in payload] if isinstance(payload, list) else []
