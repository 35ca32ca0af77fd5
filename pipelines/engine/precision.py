"""Which numbers models are computed with on this machine."""

import torch

from pipelines.engine.capacity import computes_bfloat16


def native(device: str) -> torch.dtype:
    """bfloat16 where ``device`` (a torch device type) computes it, else float32."""
    return torch.bfloat16 if computes_bfloat16(device) else torch.float32
