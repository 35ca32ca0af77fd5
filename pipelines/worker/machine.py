"""What this machine has: device, memory, versions, face packs.

Run as ``python -m pipelines.worker.machine WORKSPACE``: asking the GPU means importing torch, which the studio's own
process never does."""

import json
import platform
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

from pipelines.domain.presets import FacePreset
from pipelines.engine import device
from pipelines.faces import recogniser
from pipelines.faces.insightface_pack import InsightFacePack
from pipelines.storage.presets import load_presets
from pipelines.storage.settings import Settings, load

GIB = 2**30
PACKAGES = (
    "flenwheel", "torch", "diffusers", "transformers", "peft", "bitsandbytes", "gradio", "insightface",
    "facenet-pytorch", "onnxruntime", "numpy", "pillow", "tinydb",
)  # fmt: skip

FIXED = (
    "its detector looks at {} px, whatever the picture: it finds few faces in tight crops, and none that are small in "
    "a large picture. A detector that takes any size (such as det_10g of buffalo_l) sees more."
)


def examine(settings: Settings, faces: Mapping[str, FacePreset]) -> dict[str, Any]:
    """Device, memory (GiB), versions and face packs of this machine, ready for JSON."""
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "device": device.describe(),
        "memory": {
            "ram_gib": round(psutil.virtual_memory().total / GIB, 1),
            "ram_free_gib": round(psutil.virtual_memory().available / GIB, 1),
            "cpu_cores": psutil.cpu_count(),
        },
        "versions": {name: _version(name) for name in PACKAGES},
        "faces": {name: _pack(name, settings, faces) for name in faces},
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "missing"


def _pack(name: str, settings: Settings, faces: Mapping[str, FacePreset]) -> dict[str, str | bool]:
    found = recogniser(name, settings, faces)
    missing = found.ready()
    side = found.fixed_side() if isinstance(found, InsightFacePack) and not faces[name].folder else 0
    return {"title": found.title, "ready": not missing, "missing": missing, "note": FIXED.format(side) if side else ""}


if __name__ == "__main__":
    root = Path(sys.argv[1])
    print(json.dumps(examine(load(root), load_presets(root).faces)))  # noqa: T201
