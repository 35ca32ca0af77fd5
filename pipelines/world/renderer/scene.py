"""From characters and views to pixels: build the clay, cast it, paint it, light it, put it before a background."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from pipelines.world.renderer import camera, geometry, hair, paint, solid
from pipelines.world.renderer.backgrounds import backgrounds
from pipelines.world.renderer.characters import Character
from pipelines.world.renderer.truth import Truth
from pipelines.world.renderer.views import LIGHTS, Light, View, blend

Tensor = torch.Tensor

GLOSS = {
    "head": 0.10,
    "hair": 0.20,
    "body": 0.08,
    "shoes": 0.25,
    "extra": 0.60,
    "glasses": 0.50,
    "chair": 0.12,
}
# How exactly a surface is found: melted forms need more steps, one ellipsoid alone none.
STEPS = {"head": 2, "hair": 2, "glasses": 0}
NO_SHADOW = {"brows", "glasses", "extra"}
CHUNK = 2
BLOCK = 4096


@dataclass
class Stage:
    """What all groups of a batch share: where the head is seen, how it and the body are turned, the grid, the sheet."""

    figures: list[geometry.Figure]
    frames: Tensor
    origin: Tensor
    half: Tensor
    sheet: paint.Sheet
    grid: Tensor

    def local(self, x: Tensor, y: Tensor, z: Tensor, head: bool) -> paint.Points:
        """Points of the picture's frame in head or body coordinates."""
        turn, half = self.frames[:, int(head)], self.half[:, None]
        dx, dy, dz = (v * half - self.origin[:, i : i + 1] for i, v in enumerate((x[None], y[None], z)))
        turned = [turn[:, 0, i, None] * dx + turn[:, 1, i, None] * dy + turn[:, 2, i, None] * dz for i in range(3)]
        return paint.Points(*turned)


@dataclass
class Canvas:
    """The nearest surface so far, at every sample: depth, normal, colour, gloss; (B, n, n) and (B, 3, n, n)."""

    z: Tensor
    normal: Tensor
    colour: Tensor
    gloss: Tensor

    @classmethod
    def empty(cls, batch: int, n: int, device: torch.device) -> "Canvas":
        """A canvas that shows nothing."""
        planes = torch.zeros(batch, 3, n, n, device=device)
        return cls(torch.full((batch, n, n), solid.FAR, device=device), planes, planes.clone(), planes[:, 0].clone())

    def put(self, hit: solid.Hit, gloss: float, rows: slice, columns: slice) -> None:
        """A surface that covers ``rows`` and ``columns``, wherever it is nearer."""
        shape = self.z[:, rows, columns].shape
        z = hit.z.view(shape)
        win = hit.there.view(shape) & (z > self.z[:, rows, columns])
        self.z[:, rows, columns] = torch.where(win, z, self.z[:, rows, columns])
        self.gloss[:, rows, columns] = torch.where(win, gloss, self.gloss[:, rows, columns])
        for mine, new in ((self.normal, hit.normal), (self.colour, hit.colour)):
            part = mine[:, :, rows, columns]
            mine[:, :, rows, columns] = torch.where(win[:, None], new.view(part.shape), part)


def build(character: Character, view: View) -> geometry.Figure:
    """All the clay of one picture, by group."""
    figure = {name: geometry.Clay() for name in geometry.GROUPS}
    face = blend(view.expression, view.strength)
    geometry.head(figure, character, face)
    hair.hair(figure, character)
    geometry.brows(figure, character, face)
    geometry.body(figure, character, view)
    geometry.extras(figure, character)
    return figure


def _stage(characters: Sequence[Character], views: Sequence[View], n: int, device: torch.device) -> Stage:
    places = [camera.place(v) for v in views]
    frames = [camera.frames(v) for v in views]
    sheet = [
        paint.numbers(c, blend(v.expression, v.strength), 2 * place[0] / n)
        for c, v, place in zip(characters, views, places, strict=True)
    ]
    axis = (torch.arange(n, device=device) + 0.5) / n * 2 - 1
    return Stage(
        [build(c, v) for c, v in zip(characters, views, strict=True)],
        torch.tensor(frames, dtype=torch.float32),
        torch.tensor([(x, y, 0.0) for _, x, y in places]),
        torch.tensor([half for half, _, _ in places]),
        paint.Sheet(sheet, device),
        axis,
    )


def _span(low: float, high: float, n: int) -> slice:
    """Samples between two places in -1..1 and a little around them."""
    first, last = ((edge + 1) / 2 * n for edge in (low - 0.06, high + 0.06))
    return slice(max(0, min(n, math.floor(first))), max(0, min(n, math.ceil(last))))


# How a group is painted, and whether in head or in body coordinates.
PAINTERS = {
    "head": (paint.face, True),
    "hair": (paint.hair, True),
    "clothes": (paint.clothes, False),
    "glasses": (paint.glasses, True),
}


def _clay(stage: Stage) -> tuple[solid.Clump, dict[str, slice], Tensor]:
    """All the clay of a batch on the screen, where in it each group is, and which of it is big enough for shadows."""
    data, groups = solid.rows(stage.figures, geometry.GROUPS)
    crisp = torch.empty(data.shape[1])
    for group, part in groups.items():
        crisp[part] = solid.CRISP.get(group, 12.0)
    big = (data[..., 3:6].amin(-1) > 0.095).any(0)
    for group in NO_SHADOW & groups.keys():
        big[groups[group]] = False
    return solid.clump(data, stage.frames, stage.origin, stage.half, crisp), groups, big.nonzero()[:, 0]


def _cast(stage: Stage, canvas: Canvas, group: str, clay: solid.Clump, box: list[float]) -> None:
    n = len(stage.grid)
    left, low, right, high = box
    rows, columns = _span(-high, -low, n), _span(left, right, n)
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return
    y, x = (a.reshape(-1) for a in torch.meshgrid(-stage.grid[rows], stage.grid[columns], indexing="ij"))
    block = BLOCK if canvas.z.device.type == "cpu" else 1 << 30
    hit = solid.cast(clay, x, y, block, STEPS.get(group, 1))
    if group == "brows":  # they show through a fringe, as drawn ones do: brows tell the mood
        hit.z = hit.z + 0.12 / stage.half[:, None]
    if group in PAINTERS:
        painter, on_head = PAINTERS[group]
        hit.colour, shown = painter(hit.colour, stage.local(x, y, hit.z, on_head), stage.sheet)
        hit.there = hit.there if shown is None else hit.there & shown
    canvas.put(hit, GLOSS.get(group, 0.05), rows, columns)


def _shadows(
    stage: Stage, canvas: Canvas, everything: solid.Clump, light: Tensor, stride: int
) -> tuple[Tensor, Tensor]:
    """How open each point is to the surroundings and to the light, 0..1, at every ``stride``-th sample."""
    z, normal = canvas.z[:, ::stride, ::stride], canvas.normal[:, :, ::stride, ::stride].flatten(2)
    y, x = torch.meshgrid(-stage.grid[::stride], stage.grid[::stride], indexing="ij")
    point = torch.stack([x.expand_as(z), y.expand_as(z), z], 1).flatten(2)
    half = stage.half.to(z.device)[:, None, None]
    around = solid.crowding(everything, point + normal * (0.16 / half))
    toward = solid.crowding(everything, point + normal * (0.06 / half) + light[..., None] * (0.34 / half))
    open_, lit = torch.exp(-0.62 * (around - 0.42).clamp(min=0)), torch.exp(-0.85 * (toward - 0.30).clamp(min=0))
    shadows = torch.stack([open_, lit], 1).unflatten(-1, z.shape[1:])
    return _spread(shadows, canvas.z - _repeat(z, stride), stride, 0.08 / half[:, 0, 0]).unbind(1)  # type: ignore[return-value]


def _repeat(x: Tensor, stride: int) -> Tensor:
    """Every value ``stride`` times in both directions."""
    return x.repeat_interleave(stride, -2).repeat_interleave(stride, -1)


def _spread(coarse: Tensor, nearer: Tensor, stride: int, edge: Tensor) -> Tensor:
    """Shadows (B, 2, h, w) at every sample. Where a sample lies before or behind the one its shadow was taken at
    (``nearer``, more than ``edge``), the lightest or darkest around is closer to the truth than that one.
    """
    pool = torch.nn.functional.max_pool2d
    light, dark = pool(coarse, 3, 1, 1), -pool(-coarse, 3, 1, 1)
    far = edge[:, None, None]
    fine = torch.where((nearer > far)[:, None], _repeat(light, stride), _repeat(coarse, stride))
    return torch.where((nearer < -far)[:, None], _repeat(dark, stride), fine)


def _shade(canvas: Canvas, open_: Tensor, lit: Tensor, light: Tensor, lamps: list[Light]) -> Tensor:
    """Colour (B, 3, n, n) of the clay: wrapped diffuse key light, sky light, a soft highlight and a rim."""
    n, base = canvas.normal, canvas.colour.square()
    key = light.new_tensor([lamp.key for lamp in lamps])
    fill, rim = light.new_tensor([[lamp.fill, lamp.rim] for lamp in lamps]).T[..., None, None]
    along = (n * light[..., None, None]).sum(1)
    key_part = ((along + 0.28) / 1.28).clamp(min=0) * lit
    sky = fill * (0.82 + 0.18 * n[:, 1]) * open_
    half = torch.nn.functional.normalize(light + light.new_tensor([0.0, 0.0, 1.0]), dim=-1)
    shine = (n * half[..., None, None]).sum(1).clamp(min=0) ** 22 * canvas.gloss * lit
    edge = torch.where(n[:, 2] > 0, (1 - n[:, 2]) ** 3, 0.0) * open_
    edge = edge * (0.55 + 0.45 * n[:, 1] + (rim - 1) * along.clamp(min=0))
    key_light = key[..., None, None] * key_part[:, None]
    out = base * (key_light + sky[:, None]) + (shine + 0.10 * edge)[:, None] + 0.25 * base * edge[:, None]
    # A soft shoulder: what nears white bends toward it, so that pale skin and white hair keep their form.
    return (out * (1 + 0.10 * out) / (1 + 0.32 * out.square())).clamp(0, 1).sqrt()


def _mean(x: Tensor, samples: int) -> Tensor:
    """Mean over squares of ``samples`` by ``samples``."""
    return x.unflatten(-1, (-1, samples)).unflatten(-3, (-1, samples)).mean((-3, -1))


def _batch(
    characters: Sequence[Character], views: Sequence[View], size: int, samples: int, device: torch.device
) -> Tensor:
    """(B, 3, size, size) in 0..1 of views of one framing."""
    n = size * samples
    stage = _stage(characters, views, n, device)
    canvas = Canvas.empty(len(views), n, device)
    clay, groups, big = _clay(stage)
    stage.half, stage.origin, stage.frames = (t.to(device) for t in (stage.half, stage.origin, stage.frames))
    on_device = clay.to(device)
    for group, part in groups.items():
        _cast(stage, canvas, group, on_device.part(part), clay.part(part).box)
    lights = [LIGHTS[v.light] for v in views]
    light = torch.nn.functional.normalize(torch.tensor([li.towards for li in lights], device=device), dim=-1)
    open_, lit = _shadows(stage, canvas, on_device.part(big.to(device)).softer(6.0), light, samples)
    colour = _shade(canvas, open_, lit, light, lights)
    there = (canvas.z > solid.FAR + 1)[:, None].float()
    behind = backgrounds([v.background for v in views], [v.scene for v in views], size, device)
    behind = behind.view(-1, 3, size, size)
    return _mean(colour * there, samples) + behind * (1 - _mean(there, samples))


@torch.no_grad()
def render_tensor(
    characters: Sequence[Character],
    views: Sequence[View],
    size: int = 64,
    samples: int = 2,
    device: torch.device | str = "cpu",
    chunk: int = CHUNK,
) -> Tensor:
    """Pictures of each character by the view at the same place, (N, 3, size, size) float in 0..1 on ``device``.

    ``samples`` squared samples a pixel. Views of one framing are drawn together, ``chunk`` at a time (more on a GPU).
    """
    device = torch.device(device)
    out = torch.empty(len(views), 3, size, size, device=device)
    order = sorted(range(len(views)), key=lambda i: (views[i].framing, i))
    for _, same in itertools.groupby(order, key=lambda i: views[i].framing):
        rows = list(same)
        together = max(1, chunk * 128 * 128 // (size * samples) ** 2)
        for k in range(0, len(rows), together):
            part = rows[k : k + together]
            out[part] = _batch([characters[i] for i in part], [views[i] for i in part], size, samples, device)
    return out


def render(
    characters: Sequence[Character], views: Sequence[View], size: int = 64, samples: int = 2, **where: object
) -> tuple[np.ndarray, list[Truth]]:
    """Pictures, (N, size, size, 3) uint8, and what each shows. Same seeds, same pixels, on one machine's CPU."""
    if len(characters) != len(views):
        raise ValueError(f"{len(characters)} characters for {len(views)} views")
    pictures = render_tensor(characters, views, size, samples, **where)  # type: ignore[arg-type]
    pixels = (pictures.permute(0, 2, 3, 1) * 255).round().to(torch.uint8).cpu().numpy()
    return pixels, [Truth.of(c, v) for c, v in zip(characters, views, strict=True)]
