"""Mixed precision for trainings on a CPU."""

import torch

from pipelines.engine.precision import native


def autocast() -> torch.autocast:
    """bfloat16 for what may be rough, where this CPU computes it; elsewhere everything stays float32."""
    return torch.autocast("cpu", torch.bfloat16, enabled=native("cpu") is torch.bfloat16)
