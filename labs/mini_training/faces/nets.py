"""The networks, all plain convolutions, so that ONNX files are small and quick on any processor."""

import torch
import torch.nn.functional as F
from torch import nn

from labs.mini_training.faces.targets import FACE_HEADS, NUMBERS, SCENE_HEADS, WORDS

Tensor = torch.Tensor
Heads = dict[str, Tensor]


def conv(a: int, b: int, k: int = 3, stride: int = 1) -> nn.Sequential:
    """Convolution, batch norm, SiLU."""
    return nn.Sequential(nn.Conv2d(a, b, k, stride, k // 2, bias=False), nn.BatchNorm2d(b), nn.SiLU())


class Residual(nn.Module):
    """Two convolutions beside an identity."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = conv(width, width)
        self.second = nn.Sequential(nn.Conv2d(width, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width))

    def forward(self, x: Tensor) -> Tensor:
        """Same shape."""
        return F.silu(x + self.second(self.first(x)))


def sizes() -> dict[str, int]:
    """Names and widths of what a face reader says."""
    words = {name: len(words) for name, words in (WORDS | FACE_HEADS).items()}
    return words | {"numbers": len(NUMBERS), "turn": 3}


class Says(nn.Module):
    """One linear layer, cut into named pieces."""

    def __init__(self, width: int, pieces: dict[str, int]) -> None:
        super().__init__()
        self.pieces = pieces
        self.linear = nn.Linear(width, sum(pieces.values()))

    def forward(self, x: Tensor) -> Heads:
        """Logits or numbers by name."""
        return dict(zip(self.pieces, self.linear(x).split(list(self.pieces.values()), -1), strict=True))


class GateReader(nn.Module):
    """Reads a face aligned by keypoints, 112 px, at 56: residual stages of 28, 14 and 7 pixels."""

    input = 112

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.AvgPool2d(2),
            conv(3, 24, 5, 2),
            conv(24, 64, 3, 2),
            Residual(64),
            Residual(64),
            conv(64, 104, 3, 2),
            Residual(104),
            Residual(104),
            conv(104, 24, 1),
            nn.Flatten(),
        )
        self.mix = nn.Sequential(nn.Dropout(0.05), nn.Linear(24 * 49, 192), nn.SiLU())
        self.says = Says(192, sizes())

    def forward(self, x: Tensor) -> Heads:
        """``x`` (N, 3, 112, 112) in -1..1."""
        return self.says(self.mix(self.body(x)))


class JudgeReader(nn.Module):
    """Reads an upright square around a face, 64 px: plain convolutions and max pooling, wider and less deep."""

    input = 64

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            conv(3, 24, 3, 2),
            conv(24, 48),
            nn.MaxPool2d(2),
            conv(48, 80),
            conv(80, 80),
            nn.MaxPool2d(2),
            conv(80, 128),
            conv(128, 128),
            conv(128, 20, 1),
            nn.Flatten(),
        )
        self.mix = nn.Sequential(nn.Dropout(0.1), nn.Linear(20 * 64, 224), nn.Tanh())
        self.says = Says(224, sizes())

    def forward(self, x: Tensor) -> Heads:
        """``x`` (N, 3, 64, 64) in -1..1."""
        return self.says(self.mix(self.body(x)))


class Finder(nn.Module):
    """Where the one face of a picture is: 64 px in, box (left, top, right, bottom in shares) and a logit for "there is
    a face" out."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            conv(3, 16, 5, 2), conv(16, 32, 3, 2), conv(32, 48, 3, 2), conv(48, 48), conv(48, 12, 1), nn.Flatten()
        )
        self.out = nn.Sequential(nn.Linear(12 * 64, 64), nn.SiLU(), nn.Linear(64, 5))

    def forward(self, x: Tensor) -> Tensor:
        """(N, 5)."""
        return self.out(self.body(x))


class SceneReader(nn.Module):
    """Reads a whole picture at 64 px: framing, pose, light, background, clothes, whether somebody faces away."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            conv(3, 24, 5, 2),
            conv(24, 40, 3, 2),
            Residual(40),
            conv(40, 72, 3, 2),
            Residual(72),
            conv(72, 96, 3, 2),
            conv(96, 24, 1),
            nn.Flatten(),
        )
        self.mix = nn.Sequential(nn.Dropout(0.05), nn.Linear(24 * 16, 128), nn.SiLU())
        self.says = Says(128, {name: len(words) for name, words in SCENE_HEADS.items()})

    def forward(self, x: Tensor) -> Heads:
        """``x`` (N, 3, 64, 64) in -1..1."""
        return self.says(self.mix(self.body(x)))


class Detector(nn.Module):
    """SCRFD's outputs over a small body. Input (1, 3, H, W) normalised by (x - 127.5) / 128; for strides 8, 16 and 32
    two anchors a cell: score logits, distances to the box's sides and offsets of five keypoints, in strides."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(conv(3, 16, 5, 2), conv(16, 24, 3, 2), conv(24, 40, 3, 2), Residual(40))
        self.middle = nn.Sequential(conv(40, 56, 3, 2), Residual(56))
        self.deep = nn.Sequential(conv(56, 72, 3, 2), Residual(72))
        self.top = nn.ModuleList([nn.Conv2d(width, 2 * 15, 3, 1, 1) for width in (40, 56, 72)])
        for layer in self.top:
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
            layer.bias.data.view(2, 15)[:, 0] = -4.0  # type: ignore[union-attr,operator]

    def forward(self, x: Tensor) -> list[Tensor]:
        """Three maps (N, 30, H / stride, W / stride): for each anchor logit, 4 distances, 10 offsets."""
        maps = [self.stem(x)]
        maps.append(self.middle(maps[0]))
        maps.append(self.deep(maps[1]))
        return [head(feature) for head, feature in zip(self.top, maps, strict=True)]
