"""Workspaces that earlier versions wrote (``tests/fixtures``), copied so that a test may change them."""

import json
import shutil
from pathlib import Path
from typing import Any

from pipelines.domain.calibrations import Calibration
from pipelines.domain.records import (
    Card,
    Character,
    Correction,
    DatasetVersion,
    Decision,
    ImageRecord,
    Job,
    LoraRecord,
    Record,
    SavedStack,
    Survey,
    TrainingRun,
)
from pipelines.storage.store import Store

FIXTURES = Path(__file__).parent / "fixtures"
OLD = "workspace-0.1"
KINDS: tuple[type[Record], ...] = (
    Character, ImageRecord, Decision, LoraRecord, SavedStack, DatasetVersion, TrainingRun, Survey, Card, Correction,
    Job, Calibration,
)  # fmt: skip


def copy_of(name: str, to: Path) -> Path:
    """A copy of a fixture workspace at ``to``."""
    return Path(shutil.copytree(FIXTURES / name, to))


def told_by_then(name: str) -> dict[str, Any]:
    """What the version that wrote a fixture read in it: ids of ``records`` by table, ``verdicts`` by picture."""
    return json.loads((FIXTURES / f"{name}.json").read_text(encoding="utf-8"))


def read_whole(store: Store) -> dict[str, Any]:
    """The same, read now."""
    verdicts = {
        i.id: store.verdict(i.id).model_dump(mode="json", exclude_defaults=True) for i in store.all(ImageRecord)
    }
    return {"records": {c.table: [r.id for r in store.all(c)] for c in KINDS}, "verdicts": verdicts}
