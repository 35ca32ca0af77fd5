"""Trained weights to the ONNX files of ``presets/mini/faces``."""

import json
import logging
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from labs.mini_training.faces import degrade, nets
from labs.mini_training.faces.anchors import STRIDES
from labs.mini_training.faces.embedding import Whitening, features, fit, fitting_family
from labs.mini_training.faces.targets import FACE_HEADS, SCENE_HEADS, WORDS
from labs.mini_training.faces.tasks import JudgeNet
from labs.mini_training.loop import weights
from pipelines.storage.preset_files import PRESETS

log = logging.getLogger(__name__)
Tensor = torch.Tensor
FACES = PRESETS / "mini" / "faces"
INPUT = 128
# The judge's vector needs no particular width.
JUDGE_WIDTH = 128


class Scrfd(nn.Module):
    """The detector with SCRFD's nine outputs: scores, boxes, keypoints, each for strides 8, 16, 32."""

    def __init__(self, net: nets.Detector) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """(N, 1), (N, 4), (N, 10), three of each; N cells in reading order, two anchors each."""
        rows = []
        for seen in self.net(x):
            _, _, h, w = seen.shape
            rows.append(seen.view(2, 15, h, w).permute(2, 3, 0, 1).reshape(-1, 15))
        cut = ((0, 1), (1, 5), (5, 15))
        parts = [[row[:, a:b] for row in rows] for a, b in cut]
        return (*(torch.sigmoid(p) for p in parts[0]), *parts[1], *parts[2])


class Embeds(nn.Module):
    """A face reader's embedding alone."""

    def __init__(self, reader: nn.Module, white: Whitening) -> None:
        super().__init__()
        self.reader, self.white = reader, white

    def forward(self, x: Tensor) -> Tensor:
        """(N, 512)."""
        return self.white(features(self.reader(x)))


class Tells(nn.Module):
    """Heads of a reader as probabilities, and its turn; with ``white`` its embedding first."""

    def __init__(self, reader: nn.Module, heads: Sequence[str], white: Whitening | None = None) -> None:
        super().__init__()
        self.reader, self.heads, self.white = reader, heads, white

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Embedding if there is one, heads in their order, turn if there is one."""
        said = self.reader(x)
        out = [said[name].softmax(-1) for name in self.heads]
        if "turn" in said:
            out.append(said["turn"])
        return (*([self.white(features(said))] if self.white is not None else []), *out)


def write(
    net: nn.Module,
    size: int,
    path: Path,
    outputs: Sequence[str],
    heads: Mapping[str, Sequence[str]] | None,
    batch: bool,
) -> None:
    """``net`` as ONNX with a square input of ``size``; ``heads`` go into its metadata."""
    import onnx

    path.parent.mkdir(parents=True, exist_ok=True)
    axes = {name: {0: "n"} for name in ("input", *outputs)} if batch else None
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            net.eval(), (torch.zeros(1, 3, size, size),), str(path), input_names=["input"],
            output_names=list(outputs), dynamic_axes=axes, opset_version=17, dynamo=False,
        )  # fmt: skip
    model = onnx.load(str(path))
    slim(model)
    if heads is not None:
        held = {k: list(v) for k, v in heads.items()}
        onnx.helper.set_model_props(model, {"heads": json.dumps(held)})
    model.producer_version = ""
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())


def slim(model: Any) -> None:
    """Store large weights in fewer bits: matrices of the big linear layers in 8 (a scale a row), all else in 16; they
    are made float again when a session starts."""
    from onnx import helper, numpy_helper

    graph, nodes, kept = model.graph, [], []
    for given in graph.initializer:
        value = numpy_helper.to_array(given)
        if value.dtype != np.float32 or value.size < 256:
            kept.append(given)
        elif value.ndim == 2 and value.size > 100_000:
            scale = np.maximum(np.abs(value).max(1), 1e-8).astype(np.float32) / 127
            eight = np.round(value / scale[:, None]).astype(np.int8)
            kept += [
                numpy_helper.from_array(eight, given.name + ".8"),
                numpy_helper.from_array(scale, given.name + ".scale"),
                numpy_helper.from_array(np.zeros(len(scale), np.int8), given.name + ".zero"),
            ]
            names = [given.name + end for end in (".8", ".scale", ".zero")]
            nodes.append(helper.make_node("DequantizeLinear", names, [given.name], f"widen_{given.name}", axis=0))
        else:
            kept.append(numpy_helper.from_array(value.astype(np.float16), given.name + ".16"))
            nodes.append(helper.make_node("Cast", [given.name + ".16"], [given.name], f"widen_{given.name}", to=1))
    del graph.initializer[:]
    graph.initializer.extend(kept)
    rest = list(graph.node)
    del graph.node[:]
    graph.node.extend([*nodes, *rest])


def _loaded(net: nn.Module, folder: Path) -> nn.Module:
    net.load_state_dict(weights(folder))
    return net.eval()


def detector(folder: Path, to: Path = FACES) -> None:
    """``pack/det.onnx``."""
    net = _loaded(nets.Detector(), folder / "detector")
    names = [f"{kind}_{s}" for kind in ("score", "bbox", "kps") for s in STRIDES]
    write(Scrfd(net), INPUT, to / "pack" / "det.onnx", names, None, batch=False)  # type: ignore[arg-type]


def gate(folder: Path, to: Path = FACES) -> dict[str, float]:
    """``pack/rec.onnx`` and ``heads/face.onnx``; how well characters of the fitting range are told apart."""
    net = _loaded(nets.GateReader(), folder / "gate")
    white, figures = fit(lambda x, t: net(degrade.aligned(x, t["keypoints"]) * 2 - 1), fitting_family(folder, "gate"))
    write(Embeds(net, white), 112, to / "pack" / "rec.onnx", ["embedding"], None, batch=True)
    heads = FACE_HEADS | WORDS
    write(Tells(net, list(heads)), 112, to / "heads" / "face.onnx", [*heads, "turn"], heads, batch=True)
    return figures


def scene(folder: Path, to: Path = FACES) -> None:
    """``heads/scene.onnx``."""
    net = _loaded(nets.SceneReader(), folder / "scene")
    write(Tells(net, list(SCENE_HEADS)), 64, to / "heads" / "scene.onnx", list(SCENE_HEADS), SCENE_HEADS, batch=True)


def judge(folder: Path, to: Path = FACES) -> dict[str, float]:
    """``judge/finder.onnx`` and ``judge/reader.onnx``; figures as :func:`gate`."""
    net = _loaded(JudgeNet(), folder / "judge")
    assert isinstance(net, JudgeNet)
    held = fitting_family(folder, "judge")
    white, figures = fit(lambda x, t: net.reader(degrade.boxed(x, t["box"]) * 2 - 1), held, JUDGE_WIDTH)
    write(net.finder, 64, to / "judge" / "finder.onnx", ["found"], None, batch=True)
    heads = FACE_HEADS | WORDS
    tells = Tells(net.reader, list(heads), white)
    write(tells, 64, to / "judge" / "reader.onnx", ["embedding", *heads, "turn"], heads, batch=True)
    return figures


def main(folder: Path, to: Path = FACES) -> None:
    """Write every file whose training has begun, and say what came out."""
    for part, make in (("detector", detector), ("gate", gate), ("scene", scene), ("judge", judge)):
        if not (folder / part / "last.pt").exists():
            log.info("%s: not trained yet", part)
            continue
        figures = make(folder, to) or {}
        log.info("%s: %s", part, " ".join(f"{k} {v:.4f}" for k, v in figures.items()) or "written")
    files = sorted(to.rglob("*.onnx"))
    log.info("%d files, %.2f MB", len(files), sum(f.stat().st_size for f in files) / 1e6)
