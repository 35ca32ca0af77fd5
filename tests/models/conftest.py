"""Tests of architectures stand on the benches of the engine's and the trainer's tests."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "training")]

from engine_helpers import events, models_dir, resident, settings, workspace  # noqa: E402

__all__ = ["events", "models_dir", "resident", "settings", "workspace"]
