"""A face pack that a server offers, and a workspace that knows of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import pytest
import tomli_w
from file_server import hub

from pipelines.storage.preset_files import PRESETS
from pipelines.storage.settings import save

FILES = {name: (PRESETS / "mini" / "faces" / "pack" / name).read_bytes() for name in ("det.onnx", "rec.onnx")}


@contextmanager
def pack_offered(root: Path, faces: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """In the workspace at ``root`` the mini world's pack is offered, to be had from a server; at ``faces`` none is."""
    files = [{"name": n, "bytes": len(d), "sha256": sha256(d).hexdigest()} for n, d in FILES.items()]
    pack = {"name": "minipack", "title": "Mini pack", "licence": "MIT", "repo": "lab/mini", "files": files}
    own_preset = root / "presets" / "faces" / "own.toml"
    own_preset.parent.mkdir(parents=True)
    own_preset.write_text(tomli_w.dumps({"name": "insightface", "packs": [pack]}))
    save(root, {"insightface_root": str(faces)})
    with hub({f"lab/mini/{name}": data for name, data in FILES.items()}) as served:
        for name, value in {"HF_ENDPOINT": served.address, "HF_HUB_OFFLINE": "0", "NO_PROXY": "*"}.items():
            monkeypatch.setenv(name, value)
        yield
