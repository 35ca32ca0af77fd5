"""The fixtures of the engine's tests live beside the helpers, because tests of rendering use them too."""

from engine_helpers import events, models_dir, resident, settings, workspace

__all__ = ["events", "models_dir", "resident", "settings", "workspace"]
