"""``flenwheel doctor``: what this machine has, which models are here or missing, and what fits."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from pipelines.domain.presets import ModelFamily
from pipelines.engine.memory import predict_render
from pipelines.engine.weights import locate, missing
from pipelines.storage.presets import load_presets
from pipelines.storage.settings import Settings, load
from pipelines.storage.store import Store, StoreUnreadable
from pipelines.storage.workspace import Workspace
from pipelines.workflow.render import SLOW, made_for_a_card


def examine(root: Path) -> dict[str, Any]:
    """The whole report, ready for JSON. ``ok`` is whether the chosen generator and editor can be used here."""
    workspace = Workspace(root)
    settings = load(workspace.root)
    report = _machine(workspace.root)
    report["workspace"] = str(workspace.root)
    report["records"] = _records(workspace.root)
    presets = load_presets(workspace.root)
    report["presets"] = list(presets.problems)
    report["models"] = {name: _model(family, workspace, settings) for name, family in presets.models.items()}
    chosen = [report["models"].get(name) for name in (settings.generator, settings.editor)]
    report["ok"] = all(m is not None and m["found"] and m["fits"] for m in chosen)
    return report


def _machine(root: Path) -> dict[str, Any]:
    """Asked in a process of its own: it imports torch."""
    asked = subprocess.run(
        [sys.executable, "-m", "pipelines.worker.machine", str(root)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if asked.returncode != 0:
        return {"device": {"type": "unknown"}, "error": asked.stderr.strip().splitlines()[-1:]}
    return json.loads(asked.stdout.splitlines()[-1])


def _records(root: Path) -> list[str]:
    """What is wrong with the records, in words; nothing is changed."""
    try:
        return list(Store.open(root, read_only=True).repairs)
    except StoreUnreadable as error:
        return [str(error)]


def _model(family: ModelFamily, workspace: Workspace, settings: Settings) -> dict[str, Any]:
    lacking = missing(family, workspace, settings)
    forecast = predict_render(family, [], workspace, settings)
    return {
        "title": family.title,
        "roles": list(family.roles),
        "licence": family.licence,
        "found": lacking is None,
        "folder": str(locate(family, workspace, settings) or ""),
        "how": lacking.how if lacking else "",
        "missing": lacking.what if lacking else "",
        "size_gib": lacking.gib if lacking else 0.0,
        "peak_gib": round(forecast.peak_gib, 1),
        "fits": forecast.fits,
        "why": forecast.why,
        "slow": made_for_a_card(family, settings),
    }


def _fits(model: dict[str, Any]) -> str:
    """Whether a model could be used, in words: only one that is here, on what it is made for, fits."""
    if not model["fits"]:
        return model["why"]
    if model["slow"]:
        return f"without a graphics card {SLOW} a picture"
    return "fits" if model["found"] else "would fit"


def words(report: dict[str, Any]) -> str:
    """The report for a person."""
    device = report["device"]
    lines = [f"device    {device['type']} {device.get('name', '')}"]
    if "total_gib" in device:
        lines.append(f"          {device['free_gib']} of {device['total_gib']} GiB free")
    if "memory" in report:
        lines.append(f"memory    {report['memory']['ram_free_gib']} of {report['memory']['ram_gib']} GiB free")
    lines.append(f"workspace {report['workspace']}")
    lines += [f"records   {words}" for words in report["records"]]
    lines += [f"presets   {words}" for words in report["presets"]]
    for name, model in report["models"].items():
        here = "here" if model["found"] else model["missing"]
        fits = _fits(model)
        lines.append(f"model     {name}: {here}; peak {model['peak_gib']} GiB, {fits}")
    for name, pack in report.get("faces", {}).items():
        lines.append(f"faces     {name}: {'ready' if pack['ready'] else pack['missing']}")
    return "\n".join(lines)
