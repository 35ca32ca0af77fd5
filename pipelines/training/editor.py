"""An editor LoRA: from input pictures and an instruction to the picture that should have come of them."""

from pipelines.domain.requests import TrainRequest
from pipelines.training.task import Task, TrainingDataError


class EditorTask(Task):
    """Pairs of input pictures and a target with the instruction between them; any editor learns from them."""

    role = "editor"

    def check(self, request: TrainRequest) -> None:
        bare = [item.image.path for item in request.items if not item.controls]
        if bare:
            raise TrainingDataError(f"An editor learns from pairs; these have no input picture: {', '.join(bare)}.")
