"""Text encoder and processor of Qwen-Image-Edit in their published layout, with random weights at tiny width."""

import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from labs.mini_training.checkpoints import reader as checkpoint

SHARDS = 3


def write(folder: Path, seed: int = 5) -> Path:
    """``text_encoder`` (sharded, with an index) and ``processor`` in ``folder``; the folder."""
    model = checkpoint.untrained(seed)
    with torch.no_grad():
        for p in model.parameters():
            p.normal_(std=0.15, generator=torch.Generator().manual_seed(p.numel()))
    checkpoint.save(model, folder)
    _shard(folder / "text_encoder")
    return folder


def _shard(folder: Path) -> None:
    whole = folder / "model.safetensors"
    tensors = load_file(whole)
    names, where = sorted(tensors), {}
    for n in range(SHARDS):
        file = f"model-{n + 1:05}-of-{SHARDS:05}.safetensors"
        part = {name: tensors[name] for name in names[n::SHARDS]}
        save_file(part, folder / file, metadata={"format": "pt"})
        where |= dict.fromkeys(part, file)
    whole.unlink()
    index = {"metadata": {"total_size": sum(t.nbytes for t in tensors.values())}, "weight_map": where}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
