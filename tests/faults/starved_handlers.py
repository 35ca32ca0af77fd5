"""The real handlers on a machine whose memory runs out where the file ``starved`` of the workspace says, as
``PLACE UNTIL``: at ``load``, ``encode``, ``step`` (the second) or ``decode``, ``until`` pictures are decoded in
``tiles``, text ``encoders`` have left, or for ``ever``. What is raised is torch's own error."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL

from pipelines.models.flux import drive
from pipelines.worker.handlers import HANDLERS as REAL
from pipelines.worker.handlers import JobContext


class Starved(drive.FluxDriver):
    """The real driver; the memory that it has is ``room``'s."""

    room: Path

    def _need(self, place: str) -> None:
        at, _, until = (self.room.read_text() if self.room.exists() else "").partition(" ")
        had = {"tiles": self.tiled, "encoders": not self.encoders_stay, "ever": False}
        if at == place and not had[until]:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    def prepare(self) -> None:
        super().prepare()
        self._need("load")

    def _encode(self, *about: Any) -> Any:
        self._need("encode")
        return super()._encode(*about)

    def render(
        self, shot: Any, sources: Any, on_step: Callable[[int, int], None] = lambda k, n: None, *more: Any
    ) -> Any:
        at = [0, 0]

        def step(k: int, n: int) -> None:
            on_step(k, n)
            at[:] = k, n
            if k == 1:
                self._need("step")

        def decode(*about: Any, **how: Any) -> Any:
            if at[0] == at[1]:  # the picture, and no preview
                self._need("decode")
            return AutoencoderKL.decode(self.pipe.vae, *about, **how)

        self.pipe.vae.decode = decode
        return super().render(shot, sources, step, *more)


drive.DRIVER = Starved


def _with_room(handler: Callable[[Any, JobContext], Any]) -> Callable[[Any, JobContext], Any]:
    def run(request: Any, context: JobContext) -> Any:
        Starved.room = context.workspace.root / "starved"
        return handler(request, context)

    return run


HANDLERS = {kind: _with_room(handler) for kind, handler in REAL.items()}
assert "torch" in sys.modules
