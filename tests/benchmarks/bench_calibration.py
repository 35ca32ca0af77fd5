"""Does a calibrated line keep what it says? ``python tests/benchmarks/bench_calibration.py [--recogniser mini]``.

For 30 characters of the mini world, each with the 12 sources of a practice character: the line is calibrated at FAR 1 %
on 150 strangers seen 5 times, as ``flenwheel score --calibrate`` does it, then shown 200 other people seen 5 times and
20 new pictures of the character itself. Seeds from 8,000,000 up, which no training or fitting has touched.
"""

import argparse
import sys
import warnings
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
warnings.simplefilter("ignore", FutureWarning)  # insightface's own

import numpy as np
from PIL import Image

from pipelines.domain.scores import Angle
from pipelines.faces import recogniser
from pipelines.faces.angle import angle_of
from pipelines.faces.base import Recogniser
from pipelines.faces.calibration import Calibrated, Impostors, against, calibrate
from pipelines.faces.identity import References
from pipelines.world import practice_sources, strangers
from pipelines.world.renderer import Character, render

CHARACTERS, OTHERS = 8_400_000, 8_500_000
STRANGERS = range(8_000_000, 8_000_150)
NOWHERE = SimpleNamespace(insightface_root=None, facenet_weights=None)

Row = tuple[str, Angle, np.ndarray]


def describe(who: Recogniser, name: str, image: Image.Image, said: Angle | None = None) -> Row | None:
    """Name, angle (as said, else as measured) and embedding; ``None`` without a face."""
    faces = who.faces(image)
    face = next((f for f in faces if f.embedding is not None), None)
    if face is None or face.embedding is None:
        return None
    return name, said or angle_of(face.yaw, face.pitch), face.embedding


def crowd(who: Recogniser, seeds: range, size: int) -> list[Row]:
    """Five pictures of everyone, as impostors are drawn."""
    rows = (describe(who, str(seed), image) for seed, image in strangers.pictures(seeds, size))
    return [row for row in rows if row]


def sources(who: Recogniser, seed: int) -> list[Row]:
    """Twelve tagged sources of a character, as a practice character has them."""
    views = practice_sources.views(seed % 10 + 1)
    pixels, truths = render([Character.from_seed(seed)] * len(views), views, 256)
    pairs = enumerate(zip(pixels, truths, strict=True))
    rows = (describe(who, str(n), Image.fromarray(p), t.angle) for n, (p, t) in pairs)  # type: ignore[arg-type]
    return [row for row in rows if row]


def again(who: Recogniser, seed: int, size: int) -> list[tuple[str, Row | None]]:
    """Twenty new pictures of the character: true angle, and what is seen."""
    found: list[tuple[str, Row | None]] = []
    for turn in range(4):
        views = strangers.views(seed * 10 + turn)
        pixels, truths = render([Character.from_seed(seed)] * len(views), views, size)
        found += [(t.angle, describe(who, str(seed), Image.fromarray(p))) for p, t in zip(pixels, truths, strict=True)]
    return found


def references(rows: list[Row]) -> References:
    """Rows as references."""
    return References(np.stack([e for _, _, e in rows]), tuple(a for _, a, _ in rows), tuple(n for n, _, _ in rows))


def tell(who: Recogniser, people: int, size: int) -> None:
    """Calibrate everyone, measure, print."""
    known, new = crowd(who, STRANGERS, size), crowd(who, range(OTHERS, OTHERS + 200), size)
    embeddings, angles = np.stack([e for _, _, e in known]), tuple(a for _, a, _ in known)
    impostors = Impostors(embeddings, angles, tuple(n for n, _, _ in known))
    lines: list[Calibrated] = []
    at_tau, at_line = [], []
    counts: dict[str, Counter[str]] = {}
    for seed in range(CHARACTERS, CHARACTERS + people):
        mine = references(sources(who, seed))
        line = calibrate(mine, impostors, names_others=who.finds_faces)
        scores = against(mine, np.stack([e for _, _, e in new]), tuple(a for _, a, _ in new))
        lines.append(line)
        at_tau.append(float((scores >= line.tau).mean()))
        at_line.append(float((scores >= line.threshold).mean()))
        for angle, row in again(who, seed, size):
            counts.setdefault(angle, Counter())[_verdict(line, mine, row)] += 1
    names = ("tau", "smallest", "effective", "far_low", "far_high")
    mean = {name: np.mean([getattr(x, name) for x in lines]) for name in names}
    inside = sum(x.far_low <= far <= x.far_high for x, far in zip(lines, at_tau, strict=True))
    print(f"{who.name}, {people} characters, {size} px, {len(known)} impostor pictures, {len(new)} new ones")
    print(f"  provisional: {sum(x.provisional for x in lines)}; the impostors are worth {mean['effective']:.0f}")
    print(f"  line by others {mean['tau']:.3f}, lowest source {mean['smallest']:.3f}")
    print(f"  asked for FAR 0.0100; measured {np.mean(at_tau):.4f} by tau, {np.mean(at_line):.4f} by the line")
    print(f"  interval {mean['far_low']:.4f} to {mean['far_high']:.4f}; measured within its own: {inside} of {people}")
    print(f"  {'new right pictures':20} right  unsure  someone else  not measurable")
    for angle, count in counts.items():
        shares = [count[v] / count.total() for v in ("right", "unsure", "wrong", "none")]
        print(f"  {angle:20} {shares[0]:5.1%}  {shares[1]:6.1%}  {shares[2]:12.1%}  {shares[3]:14.1%}")
    facing = sum((c for a, c in counts.items() if not a.startswith("profile")), Counter())
    seen = facing.total() - facing["none"]
    wrong, passed = facing["wrong"] / seen, facing["right"] / seen
    print(f"  front and half: called someone else {wrong:.2%}, not passed {1 - passed:.2%}")


def _verdict(line: Calibrated, mine: References, row: Row | None) -> str:
    if row is None:
        return "none"
    score = float(against(mine, row[2][None], (row[1],))[0])
    if score >= line.threshold:
        return "right"
    if not mine.call(row[1]):
        return "none"
    return "wrong" if score < line.floor else "unsure"


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--recogniser", action="append", default=[], help="such as mini, mini-judge, perceptual")
    options.add_argument("--people", type=int, default=30)
    options.add_argument("--size", type=int, default=128)
    chosen = options.parse_args()
    for named in chosen.recogniser or ["mini", "mini-judge"]:
        tell(recogniser(named, NOWHERE), chosen.people, chosen.size)  # type: ignore[arg-type]
