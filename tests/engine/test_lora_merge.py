"""LoRAs made into one: numbers by hand, and two of the product's own files on their model."""

from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from pipelines.domain.requests import MergeRequest
from pipelines.domain.shots import Adapter
from pipelines.engine import lora_merge
from pipelines.models.lora_files import LoraRefused
from pipelines.storage.atomic import file_hash
from pipelines.storage.preset_files import PRESETS
from pipelines.storage.presets import shipped
from pipelines.storage.settings import Settings
from pipelines.storage.workspace import Workspace

EDITOR = shipped().models["mini-qwen-edit"]
OWN = [e for e in shipped().catalogue if e.shipped and "qwen-image-edit" in e.suits]


def pair(seed: int, rank: int, outputs: int = 6, inputs: int = 5) -> lora_merge.Pair:
    source = torch.Generator().manual_seed(seed)
    return (
        torch.randn(outputs, rank, generator=source, dtype=torch.float64),
        torch.randn(rank, inputs, generator=source, dtype=torch.float64),
    )


def whole(of: lora_merge.Pair) -> torch.Tensor:
    return of[0] @ of[1]


def test_concatenation_is_the_sum() -> None:
    one, two = pair(0, 2), pair(1, 3)
    added = lora_merge.concatenated([one, two])
    assert added[0].shape == (6, 5) and torch.allclose(whole(added), whole(one) + whole(two))
    assert lora_merge.norm(added) == pytest.approx(float(torch.linalg.norm(whole(added))))
    assert lora_merge.difference(one, two) == pytest.approx(float(torch.linalg.norm(whole(one) - whole(two))))


@pytest.mark.parametrize("rank", [1, 2, 4])
def test_a_rank_keeps_the_most_that_any_of_that_rank_can(rank: int) -> None:
    """Eckart and Young: what is lost is the root of the squares of the singular values beyond it."""
    added = lora_merge.concatenated([pair(0, 2), pair(1, 3)])
    kept = lora_merge.reduced(added, rank)
    values = torch.linalg.svdvals(whole(added))
    assert kept[1].shape == (rank, 5)
    assert lora_merge.difference(added, kept) == pytest.approx(float(values[rank:].square().sum().sqrt()), abs=1e-9)


def test_a_rank_that_is_enough_changes_nothing() -> None:
    added = pair(0, 3)
    assert lora_merge.reduced(added, 3) is added
    twice = lora_merge.concatenated([added, added])  # rank 6 in form, 3 in truth
    assert lora_merge.difference(twice, lora_merge.reduced(twice, 3)) < 1e-5


def adapter(path: Path, weight: float = 1.0) -> Adapter:
    return Adapter(name=path.stem, sha256=file_hash(path), path=str(path), weight=weight)


def merged(workspace: Workspace, rank: int | None, *adapters: Adapter) -> lora_merge.Merged:
    request = MergeRequest(family=EDITOR.name, name="both", loras=adapters, rank=rank, trigger="ohwx_char")
    return lora_merge.merge(request, EDITOR, workspace, Settings(device="cpu"), lambda share, note: None)


def deltas(path: Path, scale: float = 1.0) -> dict[str, torch.Tensor]:
    """By module, whatever the file puts before its names."""
    told = {key[key.index("transformer_blocks") :]: tensor for key, tensor in load_file(path).items()}
    names = {key.rsplit(".lora_", 1)[0] for key in told}
    return {n: scale * told[f"{n}.lora_B.weight"].double() @ told[f"{n}.lora_A.weight"].double() for n in names}


def test_two_files_of_the_product_are_added_with_their_weights(workspace: Workspace) -> None:
    one, two = (PRESETS / entry.shipped for entry in OWN[:2])
    made = merged(workspace, None, adapter(one, 0.8), adapter(two, -0.5))
    file = workspace.path(made.lora.path)
    assert made.error < 0.01 and made.lora.trigger == "ohwx_char" and made.lora.name == "both"
    found, first, second = deltas(file), deltas(one, 0.8), deltas(two, -0.5)
    assert found.keys() == first.keys() | second.keys()
    for name, delta in found.items():
        wanted = first.get(name, 0) + second.get(name, 0)
        assert torch.linalg.norm(delta - wanted) <= 0.01 * torch.linalg.norm(wanted)
    with safe_open(file, "pt") as opened:
        assert '"weight": -0.5' in opened.metadata()["flenwheel.merged"]
    assert not list(workspace.path("cache").glob("*.safetensors"))
    small = merged(workspace, 2, adapter(one, 0.8), adapter(two, -0.5))
    assert small.lora.rank == 2 and 0.01 < small.error < 1 and small.worst[1] >= small.error
    lost = sum(float(torch.linalg.norm(d - found[n]) ** 2) for n, d in deltas(workspace.path(small.lora.path)).items())
    all_of = sum(float(torch.linalg.norm(d) ** 2) for d in found.values())
    assert small.error == pytest.approx((lost / all_of) ** 0.5, rel=0.02)
    assert "of the sum is lost" in small.words


def test_what_cannot_be_added_is_named(workspace: Workspace, tmp_path: Path) -> None:
    one = PRESETS / OWN[0].shipped
    told = load_file(one)
    name = next(iter(told)).rsplit(".lora_", 1)[0]
    odd = tmp_path / "odd.safetensors"
    outputs = told[f"{name}.lora_B.weight"].shape[0]
    save_file(told | {f"{name}.lora_magnitude_vector": torch.ones(outputs)}, odd)
    with pytest.raises(LoraRefused, match="DoRA"):
        merged(workspace, None, adapter(one), adapter(odd))
    changed = adapter(one).model_copy(update={"sha256": "0" * 64})
    with pytest.raises(LoraRefused, match="has changed"):
        merged(workspace, None, changed, adapter(one))
    with pytest.raises(LoraRefused, match="is gone"):
        merged(workspace, None, adapter(one).model_copy(update={"path": str(tmp_path / "no.safetensors")}))
    assert not list(workspace.path("loras").glob("*.safetensors"))
