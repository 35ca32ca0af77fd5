"""Four bits on a CPU say what the weights say, whatever their width."""

import pytest
import torch
from bitsandbytes.nn.modules import Linear4bit, Params4bit

from pipelines.engine.quantize import enable


@pytest.mark.parametrize("width", [64, 96, 160, 192])
def test_rows_that_are_not_whole_blocks_are_as_near_as_others(width: int) -> None:
    enable("cpu")
    torch.manual_seed(width)
    plain = (torch.randn(48, width) * 0.05).bfloat16()
    layer = Linear4bit(width, 48, bias=False, quant_type="nf4", compute_dtype=torch.bfloat16)
    layer.weight = Params4bit(plain, requires_grad=False, quant_type="nf4")
    layer.to("cpu")
    given = torch.randn(7, width, dtype=torch.bfloat16, requires_grad=True)
    said = layer(given)
    said.float().sum().backward()
    assert given.grad is not None
    for found, true in ((said, given @ plain.T), (given.grad, plain.sum(0).expand(7, -1))):
        off = (found.float() - true.float()).norm() / true.float().norm()
        assert off < 0.15, "NF4 of normal weights is off by about 0.09"
