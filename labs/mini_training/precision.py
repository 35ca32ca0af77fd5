"""Mixed precision for trainings."""

import torch

from pipelines.engine.precision import native


def autocast(device: str = "cpu") -> torch.autocast:
    """bfloat16 for what may be rough, where ``device`` (a torch device type) computes it; elsewhere everything stays
    float32."""
    return torch.autocast(device, torch.bfloat16, enabled=native(device) is torch.bfloat16)
