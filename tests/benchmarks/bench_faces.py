"""How well the mini world's eyes see: ``python tests/benchmarks/bench_faces.py [--people 60] [--size 128]``.

Characters with seeds 8,000,000 up, that no training and no fitting touched; the files in ``presets/mini/faces`` as the
product uses them: insightface's own ``FaceAnalysis`` finds, aligns and describes for the gate; the judge finds for
itself. Pictures are drawn at 256 px (practice sources), 128 and 64 px (what the models draw).
"""

import argparse
import random
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.autoencoders.autoencoder_kl_qwenimage import AutoencoderKLQwenImage
from PIL import Image

from labs.mini_training.faces.embedding import separation
from pipelines.faces import recogniser
from pipelines.faces.angle import angle_of
from pipelines.faces.base import Attributes, Face, Recogniser, sure_attribute
from pipelines.storage.preset_files import PRESETS
from pipelines.world.renderer import (
    BACKGROUNDS,
    EXPRESSIONS,
    LIGHTS,
    POSES,
    TWINS,
    YAWS,
    Character,
    Truth,
    View,
    render,
    twin,
)

RoundTrip = Callable[[torch.Tensor], torch.Tensor]
FIRST = 8_200_000
NOWHERE = SimpleNamespace(insightface_root=None, facenet_weights=None)


@dataclass
class Seen:
    """A picture, what is true of it, and what gate and judge see."""

    truth: Truth
    gate: list[Face]
    judge: list[Face]
    scene: Attributes


def look(
    people: Sequence[Character], views: Sequence[View], size: int, vae: str = "", chunk: int = 200
) -> Iterable[Seen]:
    """Draw and read, a chunk at a time; ``vae``: the model whose VAE each picture went through and came back from."""
    gate, judge = (recogniser(name, NOWHERE) for name in ("mini", "mini-judge"))
    through = ROUND_TRIPS[vae]() if vae else None
    for k in range(0, len(people), chunk):
        pixels, truths = render(people[k : k + chunk], views[k : k + chunk], size)
        pixels = there_and_back(through, pixels) if through else pixels
        for picture, truth in zip(pixels, truths, strict=True):
            image = Image.fromarray(picture)
            yield Seen(truth, gate.faces(image), judge.faces(image), gate.picture(image))


def flux_vae() -> RoundTrip:
    """Through the shipped VAE of the mini FLUX: (n, 3, h, w) in -1..1, same shape."""
    vae: Any = AutoencoderKL.from_pretrained(PRESETS / "mini" / "flux" / "vae", torch_dtype=torch.float32)
    return lambda x: vae.decode(vae.encode(x).latent_dist.mode()).sample


def qwen_vae() -> RoundTrip:
    """Through the shipped VAE of the mini editor."""
    vae: Any = AutoencoderKLQwenImage.from_pretrained(PRESETS / "mini" / "qwen-edit" / "vae", torch_dtype=torch.float32)
    return lambda x: vae.decode(vae.encode(x.unsqueeze(2)).latent_dist.mode()).sample[:, :, 0]


ROUND_TRIPS: dict[str, Callable[[], RoundTrip]] = {"flux": flux_vae, "qwen-edit": qwen_vae}


@torch.no_grad()
def there_and_back(through: RoundTrip, pixels: np.ndarray) -> np.ndarray:
    """Pictures (n, h, w, 3) uint8, encoded and decoded."""
    x = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1
    out = torch.cat([through(part) for part in x.split(16)]).clamp(-1, 1)
    return ((out.permute(0, 2, 3, 1) + 1) * 127.5).round().to(torch.uint8).numpy()


def draw(rng: random.Random, framing: str, **fixed: str) -> View:
    """A view as a picture of a data set might have it: named angle, anything else, jittered."""
    return View.at(
        fixed.get("angle") or rng.choice(list(YAWS)),
        expression=rng.choice(list(EXPRESSIONS)),
        light=rng.choice(list(LIGHTS)),
        background=rng.choice(list(BACKGROUNDS)),
        framing=framing,  # type: ignore[arg-type]
        pose=rng.choice(POSES),
    ).jittered(rng)


def share(name: str, right: Iterable[bool]) -> None:
    """Print a rate with its count."""
    values = list(right)
    print(f"  {name:34} {100 * np.mean(values):6.2f} %  of {len(values)}" if values else f"  {name:34} none")


def readings(count: int, size: int, vae: str = "") -> None:
    """Angle, expression, pose, framing, light and looks on true pictures, one character each."""
    rng = random.Random(f"readings {size}")
    people = [Character.from_seed(FIRST + 100_000 + k) for k in range(count)]
    framings = rng.choices(("portrait", "bust", "full"), (6, 2, 2), k=count)
    seen = list(look(people, [draw(rng, framing) for framing in framings], size, vae))
    way = f", after a round trip of the VAE of {vae}" if vae else ""
    print(f"\n{count} characters at {size} px, one picture each{way}")
    share("one face found", (len(s.gate) == 1 for s in seen))
    share("judge finds a face", (len(s.judge) == 1 for s in seen))
    for who in ("gate", "judge"):
        found = [(s.truth, getattr(s, who)[0]) for s in seen if getattr(s, who)]
        share(f"{who}: angle", (angle_of(f.yaw, f.pitch) == t.angle for t, f in found))
        for framing, parts in (("portrait and bust", ("portrait", "bust")), ("full", ("full",))):
            near = [(t, f) for t, f in found if t.framing in parts]
            for sort, wanted in (("front and half", False), ("profile", True)):
                own = [(t, f) for t, f in near if t.angle.startswith("profile") == wanted]
                share(
                    f"{who}: expression, {framing}, {sort}",
                    (f.attributes["expression"].word == t.expression for t, f in own),
                )
        for head in ("skin", "hair", "style", "eyes", "glasses", "beard", "mark", "extra"):
            near = [(t, f) for t, f in found if t.framing != "full" and not t.angle.startswith("profile")]
            share(f"{who}: {head}", (f.attributes[head].word == getattr(t.character, head) for t, f in near))
    for head in ("framing", "pose", "light", "background"):
        share(head, (s.scene[head].word == (getattr(s.truth, head) or "none") for s in seen))
    for framing in ("bust", "full"):
        share(f"pose, {framing}", (s.scene["pose"].word == s.truth.pose for s in seen if s.truth.framing == framing))
    share("pose where sure", ((w == (s.truth.pose or "none")) for s in seen if (w := sure_attribute(s.scene, "pose"))))
    for head in ("clothes", "top"):
        share(head, (s.scene[head].word == getattr(s.truth.character, head) for s in seen))


def identities(people: int, size: int, views: int = 8) -> None:
    """AUCs of single pictures against the centroid of the character's other pictures, portraits and busts."""
    rng = random.Random(f"identities {size}")
    who: list[tuple[int, int, Character]] = []
    for k in range(people):
        one = Character.from_seed(FIRST + k)
        who += [(k, -1, one)] * views
        who += [(k, t, twin(one, feature)) for t, feature in enumerate(TWINS) for _ in range(2)]
    angles = [("front", "half-left", "half-right")[i % 3] for i in range(len(who))]
    looks = [draw(rng, rng.choices(("portrait", "bust"), (4, 1))[0], angle=angle) for angle in angles]
    seen = list(look([c for _, _, c in who], looks, size))
    print(f"\n{people} characters at {size} px, {views} pictures each, front and half; AUC against own centroid")
    for name in ("gate", "judge"):
        keep = [i for i, s in enumerate(seen) if getattr(s, name)]
        rows = np.stack([getattr(seen[i], name)[0].embedding for i in keep])
        figures = separation(rows, np.array([who[i][0] for i in keep]), np.array([who[i][1] for i in keep]))
        print(f"  {name:6}" + "  ".join(f"{k} {v:.4f}" for k, v in figures.items()))
        cosines(rows, np.array([who[i][0] for i in keep]), np.array([who[i][1] for i in keep]))


def cosines(e: np.ndarray, who: np.ndarray, twins: np.ndarray) -> None:
    """Quantiles of pairwise cosines: where the starting lines come from."""
    e, who = e[twins < 0], who[twins < 0]
    both = e @ e.T
    upper = np.triu(np.ones_like(both, bool), 1)
    same = who[:, None] == who[None]
    mine, other = both[upper & same], both[upper & ~same]
    print(
        "         pairs: same 1/5/50 % "
        + " ".join(f"{np.quantile(mine, q):.2f}" for q in (0.01, 0.05, 0.5))
        + "; strangers 50/99/99.9 % "
        + " ".join(f"{np.quantile(other, q):.2f}" for q in (0.5, 0.99, 0.999))
    )


def main() -> None:
    """Print everything."""
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--people", type=int, default=60)
    parser.add_argument("--pictures", type=int, default=600)
    parser.add_argument("--sizes", type=int, nargs="*", default=[64, 128, 256])
    parser.add_argument("--vaes", nargs="*", default=list(ROUND_TRIPS), choices=list(ROUND_TRIPS))
    given = parser.parse_args()
    torch.set_num_threads(1)
    for name in ("mini", "mini-judge"):
        who: Recogniser = recogniser(name, NOWHERE)
        who.load()
        print(f"{name} {who.model_hash}: {who.title}")
    for size in given.sizes:
        readings(given.pictures if size < 256 else given.pictures // 4, size)
    for vae in given.vaes:
        readings(given.pictures, 64, vae)
    for size in given.sizes:
        identities(given.people if size < 256 else given.people // 4, size)


if __name__ == "__main__":
    main()
