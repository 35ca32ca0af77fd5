"""``python -m labs.mini_training faces|vae|qwen-vae|flux ... [--steps N] [--minutes M]``: train, resume, export."""

import argparse
import importlib
import logging
from pathlib import Path
from typing import Any

from pipelines.storage.preset_files import PRESETS

WORK = Path(".work") / "train"
ROOMS = {
    "faces": "labs.mini_training.faces.run",
    "vae": "labs.mini_training.vae.run",
    "qwen-vae": "labs.mini_training.vae.run",
    "flux": "labs.mini_training.flux.run",
    "qwen-edit": "labs.mini_training.editor.run",
    "loras": "labs.mini_training.loras.run",
    "reader": "labs.mini_training.reader.run",
}


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(prog="python -m labs.mini_training", description=__doc__)
    kinds = parser.add_subparsers(dest="kind", required=True)
    faces = _kind(kinds, "faces", "the eyes of the mini world: presets/mini/faces")
    faces.add_argument("parts", nargs="*", help="gate, judge, scene, detector (default: all, then export)")
    for name, what in (("vae", "flux"), ("qwen-vae", "qwen-edit")):
        _with_pool(_kind(kinds, name, f"the VAE of presets/mini/{what}"))
    _with_pool(flux := _kind(kinds, "flux", "the generator of presets/mini/flux"))
    flux.add_argument("--vae", type=Path, default=PRESETS / "mini" / "flux" / "vae", help="a trained VAE")
    flux.add_argument("--start", type=Path, help="a generator's folder to go on from (default: from nothing)")
    flux.add_argument("--shards", type=int, default=30, help="how many times 2,000 pictures workers draw first")
    _with_card(flux, batch=48, every=10)
    flux.add_argument(
        "--compile", action="store_true", help="a fifth faster on a CPU, after two minutes; needs a C++ compiler"
    )
    editor = _kind(kinds, "qwen-edit", "the editor of presets/mini/qwen-edit")
    editor.add_argument("--vae", type=Path, default=PRESETS / "mini" / "qwen-edit" / "vae", help="a trained VAE")
    editor.add_argument("--start", type=Path, help="an editor's folder to go on from (default: from nothing)")
    editor.add_argument("--shards", type=int, default=45, help="how many times 250 characters it learns from")
    _with_card(editor, batch=40, every=12)
    _kind(kinds, "loras", "the community LoRAs of presets/mini/loras; needs the trained editor and generator")
    _with_pool(reader := _kind(kinds, "reader", "the reader of presets/mini/reader"))
    reader.add_argument("--single", type=int, default=3, help="how many times 1,000 single pictures")
    reader.add_argument("--groups", type=int, default=2, help="how many times 250 groups of seven")
    given = parser.parse_args()
    given.folder = given.folder or WORK / given.kind
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    importlib.import_module(ROOMS[given.kind]).main(given)


def _kind(kinds: Any, name: str, what: str) -> argparse.ArgumentParser:
    one: argparse.ArgumentParser = kinds.add_parser(name, help=what)
    one.add_argument("--folder", type=Path, help="checkpoints, curves, sheets (default: .work/train/<kind>)")
    one.add_argument("--steps", type=int, help="another number of steps than planned")
    one.add_argument("--minutes", type=float, default=1e9, help="stop after so long, resumable")
    one.add_argument("--seed", type=int, default=1)
    one.add_argument("--threads", type=int, default=1)
    one.add_argument("--no-export", action="store_true", help="train only")
    return one


def _with_card(one: argparse.ArgumentParser, batch: int, every: float) -> None:
    one.add_argument("--every", type=float, default=every, help="minutes between looks; 0: at the end only")
    one.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    one.add_argument("--batch", type=int, default=batch, help=f"pictures a step (default: {batch}; a card takes 512)")
    one.add_argument(
        "--workers", type=int, default=0, help="processes that draw all pictures first, then make batches ahead"
    )


def _with_pool(one: argparse.ArgumentParser) -> None:
    one.add_argument(
        "--pool", type=Path, default=WORK / "faces" / "pool", help="pictures drawn for the readers of faces"
    )


if __name__ == "__main__":
    main()
