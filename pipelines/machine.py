"""What this machine has: device, memory, versions, face packs.

Run as ``python -m pipelines.machine WORKSPACE``: asking the GPU means importing torch, which the studio's own process
never does."""

import json
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil
import torch

from pipelines.faces import NAMES, recogniser
from pipelines.library.settings import Settings, load

GIB = 2**30
PACKAGES = (
    "flenwheel", "torch", "diffusers", "transformers", "peft", "bitsandbytes", "gradio", "insightface",
    "facenet-pytorch", "onnxruntime", "numpy", "pillow", "tinydb",
)  # fmt: skip


def examine(settings: Settings) -> dict[str, Any]:
    """Device, memory (GiB), versions and face packs of this machine, ready for JSON."""
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "device": _device(),
        "memory": {
            "ram_gib": round(psutil.virtual_memory().total / GIB, 1),
            "ram_free_gib": round(psutil.virtual_memory().available / GIB, 1),
            "cpu_cores": psutil.cpu_count(),
        },
        "versions": {name: _version(name) for name in PACKAGES},
        "faces": {name: _pack(name, settings) for name in NAMES},
    }


def _device() -> dict[str, Any]:
    if not torch.cuda.is_available():
        return {"type": "cpu", "name": platform.processor() or platform.machine(), "cuda": torch.version.cuda}
    free, total = torch.cuda.mem_get_info()
    return {
        "type": "cuda",
        "name": torch.cuda.get_device_name(),
        "cuda": torch.version.cuda,
        "total_gib": round(total / GIB, 1),
        "free_gib": round(free / GIB, 1),
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "missing"


def _pack(name: str, settings: Settings) -> dict[str, str | bool]:
    found = recogniser(name, settings)
    missing = found.ready()
    return {"title": found.title, "ready": not missing, "missing": missing}


if __name__ == "__main__":
    print(json.dumps(examine(load(Path(sys.argv[1])))))  # noqa: T201
