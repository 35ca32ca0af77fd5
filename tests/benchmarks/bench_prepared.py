"""What a prepared copy saves and what making it costs: bytes and seconds as ratios, and peak memory by size of file.

python tests/benchmarks/bench_prepared.py            # the small models, and random weights of growing size
"""

import json
import multiprocessing
import os
import resource
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")
HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parents[2]), str(HERE.parents[1])]

import torch

from pipelines.engine import prepare
from pipelines.engine.resident import Resident
from pipelines.engine.sources import Source
from pipelines.storage.preset_files import PRESETS
from pipelines.storage.presets import shipped
from pipelines.storage.settings import Settings
from pipelines.storage.workspace import Workspace

CPU = torch.device("cpu")


def loading(name: str, root: Path) -> dict[str, float]:
    """Seconds and bytes of loading a small model without and with its copy, each in this process."""
    model, settings, workspace = shipped().models[name], Settings(device="cpu"), Workspace(root / name)
    workspace.create()
    folder = PRESETS / model.weights.folder
    resident = Resident(workspace, settings)

    def load() -> float:
        resident.drop()
        began = time.perf_counter()
        with resident.use(model):
            return time.perf_counter() - began

    load()  # imports
    plain = min(load() for _ in range(3))
    copy = prepare.make(model, Source(folder), workspace, settings, CPU)
    quick = min(load() for _ in range(3))
    whole = sum(p.stat().st_size for p in folder.rglob("*.safetensors"))
    held = sum(p.stat().st_size for p in copy.folder.rglob("*.safetensors"))
    return {"seconds": quick / plain, "bytes": held / whole}


def write(folder: Path, blocks: int) -> int:
    """A FLUX transformer of random weights, 768 wide, with so many single blocks; the rest are the small model's."""
    import shutil

    from diffusers import FluxTransformer2DModel
    from safetensors.torch import save_file

    shutil.copytree(PRESETS / "mini/flux", folder)
    config = json.loads((folder / "transformer/config.json").read_text())
    config |= {"num_single_layers": blocks, "attention_head_dim": 128, "axes_dims_rope": [32, 48, 48]}
    with torch.device("meta"):
        model = FluxTransformer2DModel.from_config(config)
    tensors = {name: torch.randn(t.shape, dtype=torch.bfloat16) for name, t in model.state_dict().items()}
    file = folder / "transformer/diffusion_pytorch_model.safetensors"
    save_file(tensors, file)
    (folder / "transformer/config.json").write_text(json.dumps(config))
    return file.stat().st_size


def peak(folder: str, root: str, said: object) -> None:
    """In a process of its own: its highest use of memory before and after, MiB, and seconds."""
    model, workspace = shipped().models["mini-flux"], Workspace(root)
    workspace.create()
    prepare.make(model, Source(PRESETS / model.weights.folder), workspace, Settings(device="cpu"), CPU)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.perf_counter()
    prepare.make(model, Source(Path(folder)), workspace, Settings(device="cpu"), CPU)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    said.send((before / 1024, after / 1024, time.perf_counter() - began))  # type: ignore[attr-defined]


def main() -> None:
    """Both tables."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        print("| model | load with the copy: seconds | bytes |\n|---|---|---|")
        for name in ("mini-flux", "mini-qwen-edit"):
            ratio = loading(name, root)
            print(f"| {name} | {ratio['seconds']:.2f} of quantizing | {ratio['bytes']:.2f} of the source |")
        print("\n| transformer, MiB | largest tensor, MiB | memory above the process, MiB | MiB/s |\n|---|---|---|---|")
        for blocks in (2, 8, 24):
            size = write(root / f"source-{blocks}", blocks)
            ours, theirs = multiprocessing.get_context("spawn").Pipe()
            arguments = (str(root / f"source-{blocks}"), str(root / f"work-{blocks}"), theirs)
            process = multiprocessing.get_context("spawn").Process(target=peak, args=arguments)
            process.start()
            before, after, seconds = ours.recv()
            process.join()
            largest = 5 * 768 * 768 * 2 / 2**20
            print(f"| {size / 2**20:.0f} | {largest:.1f} | {after - before:.0f} | {size / 2**20 / seconds:.0f} |")


if __name__ == "__main__":
    main()
