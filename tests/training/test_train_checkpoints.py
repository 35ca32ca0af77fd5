"""Checkpoints: complete or absent, exact, no pickles."""

from pathlib import Path
from typing import Any

import pytest
import torch

from pipelines.training.checkpoints import Checkpoint, make_optimizer, newest, read, save


def checkpoint(step: int, optimizer: dict[str, Any] | None = None) -> Checkpoint:
    empty = {"state": {}, "param_groups": [{"lr": 1e-3, "params": [0]}]}
    adapter = {"block.lora_A.weight": torch.full((2, 3), float(step))}
    return Checkpoint(step, "fp", adapter, optimizer or empty, tuple(0.5 for _ in range(step)))


def trained(optimizer: torch.optim.Optimizer, parameter: torch.nn.Parameter, seed: int) -> None:
    parameter.grad = torch.randn(parameter.shape, generator=torch.Generator().manual_seed(seed))
    optimizer.step()


@pytest.mark.parametrize("kind", ["auto", "adamw8bit"])
def test_an_optimizer_goes_on_exactly(tmp_path: Path, kind: str) -> None:
    one = torch.nn.Parameter(torch.ones(128, 64))  # large enough that its states are 8-bit
    optimizer = make_optimizer(kind, [one], 1e-2)
    trained(optimizer, one, 1)
    save(tmp_path, checkpoint(1, optimizer.state_dict()), total_limit=2)
    kept = read(tmp_path / "000001").optimizer
    dtypes = {t.dtype for t in kept["state"][0].values() if isinstance(t, torch.Tensor)}
    assert (torch.uint8 in dtypes) == (kind == "adamw8bit")
    other = torch.nn.Parameter(one.detach().clone())
    resumed = make_optimizer(kind, [other], 1e-2)
    resumed.load_state_dict(kept)
    for parameter, its in ((one, optimizer), (other, resumed)):
        trained(its, parameter, 2)
    assert torch.equal(one, other) and not torch.equal(one, torch.ones(128, 64))


def test_the_newest_whole_checkpoint_is_taken(tmp_path: Path) -> None:
    for step in (1, 2, 3):
        save(tmp_path, checkpoint(step), total_limit=5)
    (tmp_path / "000003" / "optimizer.safetensors").write_bytes(b"half")
    (tmp_path / "partial-000004").mkdir()
    found = newest(tmp_path)
    assert (
        found is not None
        and found.step == 2
        and torch.equal(found.adapter["block.lora_A.weight"], torch.full((2, 3), 2.0))
    )
    (tmp_path / "000002" / "state.json").unlink()
    found = newest(tmp_path)
    assert found is not None and found.step == 1 and found.losses == (0.5,)


def test_no_checkpoint_is_no_error(tmp_path: Path) -> None:
    assert newest(tmp_path / "nowhere") is None


def test_a_write_that_breaks_leaves_the_earlier_one(tmp_path: Path) -> None:
    save(tmp_path, checkpoint(1), total_limit=1)
    broken = checkpoint(2, {"state": {0: {"odd": object()}}, "param_groups": []})
    with pytest.raises(TypeError):
        save(tmp_path, broken, total_limit=1)
    found = newest(tmp_path)
    assert found is not None and found.step == 1


def test_old_ones_go_when_a_new_one_is_safe(tmp_path: Path) -> None:
    for step in (10, 20, 30, 40):
        save(tmp_path, checkpoint(step), total_limit=2)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["000030", "000040"]
