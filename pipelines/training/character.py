"""A character LoRA: from words alone to pictures of one character, called by a trigger word."""

from pipelines.domain.requests import TrainRequest
from pipelines.training.task import Task, TrainingDataError


class CharacterTask(Task):
    """Pictures with captions that hold the trigger word; any generator learns from them."""

    role = "generator"

    def check(self, request: TrainRequest) -> None:
        if any(item.controls for item in request.items):
            raise TrainingDataError("A character LoRA takes no input pictures; train them as editor.")

    def warnings(self, request: TrainRequest) -> list[str]:
        without = sum(request.trigger not in item.caption for item in request.items)
        if not request.trigger or not without:
            return []
        return [f'{without} of {len(request.items)} captions lack the trigger word "{request.trigger}".']
