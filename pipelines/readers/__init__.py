"""Models that look at pictures: captioners write what varies in one, readers answer questions about them.

One module a kind (``ReaderPreset.kind``), and one TOML a model. A module has ``opened``, which gives a ``Captioner``
(of ``base``) while it is needed; who can also answer questions is a ``Reader``.
"""

from importlib import import_module
from types import ModuleType

MODULES = {"qwen2.5-vl": "qwen_vl", "openai": "openai_server"}


def module(kind: str) -> ModuleType:
    """The module that drives readers of that kind. It may import torch: the worker asks for it."""
    return import_module(f"{__name__}.{MODULES[kind]}")
