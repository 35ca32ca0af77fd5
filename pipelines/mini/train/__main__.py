"""``python -m pipelines.mini.train faces [gate judge scene detector] [--steps N]``: train, resume, export."""

import argparse
import logging
from pathlib import Path

WORK = Path(".work") / "train"


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.mini.train", description=__doc__)
    kinds = parser.add_subparsers(dest="kind", required=True)
    faces = kinds.add_parser("faces", help="the eyes of the mini world: presets/mini/faces")
    faces.add_argument("parts", nargs="*", help="gate, judge, scene, detector (default: all, then export)")
    faces.add_argument("--folder", type=Path, default=WORK / "faces", help="checkpoints, curves, drawn pictures")
    faces.add_argument("--steps", type=int, help="another number of steps than planned")
    faces.add_argument("--minutes", type=float, default=1e9, help="stop after so long, resumable")
    faces.add_argument("--seed", type=int, default=1)
    faces.add_argument("--threads", type=int, default=1)
    faces.add_argument("--no-export", action="store_true", help="train only")
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    from pipelines.mini.train.faces import run

    run.main(given)


if __name__ == "__main__":
    main()
