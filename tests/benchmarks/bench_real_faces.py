"""How well are people told apart in your own photographs? ``python tests/benchmarks/bench_real_faces.py FOLDER``.

A subfolder is a person, its pictures are that person's (subfolders of it count, too). Files that cannot be read are
named and left out; who has fewer than three pictures with a face is only a stranger. Nothing is written, nothing leaves
the machine.

Told, by the product's own rules: single pairs (false rejects at a false accept rate of 1 and 0.1 %); then for each
person as many sources as ``--sources`` drawn at random, ``--draws`` times, held against the starting line and against a
line calibrated on other people (half of them calibrate, half are strangers): own pictures and strangers right, unsure,
wrong, cannot tell; and what one wrong source among them costs, unnoticed and left out.
"""

import argparse
import sys
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
warnings.simplefilter("ignore", FutureWarning)  # insightface's own

import numpy as np
from PIL import Image

from pipelines.domain.rates import wilson
from pipelines.domain.scores import Angle
from pipelines.faces import recogniser
from pipelines.faces.angle import angle_of
from pipelines.faces.base import Face, Recogniser
from pipelines.faces.calibration import Impostors, TooFewSources, calibrate
from pipelines.faces.identity import Drawn, References, identify
from pipelines.faces.main_face import main_face, too_small
from pipelines.storage.intake import Refused, examine

LEAST = 3
VERDICTS = ("right", "unsure", "wrong", "cannot tell")


@dataclass(frozen=True, eq=False)
class Seen:
    """One picture as a recogniser sees it: which file, the angle and the embedding of its main face."""

    file: str
    angle: Angle
    embedding: np.ndarray


People = dict[str, list[Seen]]


def pictures(folder: Path, problems: Counter[str]) -> Iterator[tuple[Path, Image.Image]]:
    """Every picture below a folder, as the product would take it in; what is none counts as a problem."""
    for file in sorted(p for p in folder.rglob("*") if p.is_file() and not p.name.startswith(".")):
        try:
            yield file, examine(file, file.name, first_frame=True).image.convert("RGB")
        except (Refused, OSError, ValueError, Image.DecompressionBombError) as error:
            problems[f"not read ({type(error).__name__})"] += 1
            print(f"  left out: {file}: {str(error)[:160]}", file=sys.stderr)


def faces_in(who: Recogniser, file: Path, image: Image.Image, problems: Counter[str]) -> list[Face] | None:
    """All faces; ``None``, and told, where the recogniser itself breaks on a picture."""
    try:
        return who.faces(image)
    except Exception as error:
        problems[f"not looked at ({type(error).__name__})"] += 1
        print(f"  left out: {file}: {str(error)[:160]}", file=sys.stderr)
        return None


def look(who: Recogniser, folder: Path, problems: Counter[str]) -> list[Seen]:
    """What a recogniser sees in a person's pictures. With several faces the main one is nearest to those alone."""
    looked = ((file, faces_in(who, file, image, problems)) for file, image in pictures(folder, problems))
    found = [(file, faces) for file, faces in looked if faces is not None]
    alone = [faces[0].embedding for _, faces in found if len(faces) == 1 and faces[0].embedding is not None]
    like = np.stack(alone) if alone else np.zeros((0, 1), np.float32)
    seen = []
    for file, faces in found:
        problems["several faces"] += len(faces) > 1
        face = main_face(faces, like)
        if face is None or face.embedding is None:
            problems["no face found"] += 1
        elif too_small(face, who.limits.smallest_face):
            problems["face too small"] += 1
        else:
            seen.append(Seen(str(file), angle_of(face.yaw, face.pitch), face.embedding))
    return seen


def people_in(who: Recogniser, folder: Path) -> People:
    """Everyone with enough pictures, and what was left out."""
    known: People = {}
    for place in sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith(".")):
        problems: Counter[str] = Counter()
        seen = look(who, place, problems)
        told = ", ".join(f"{n} {words}" for words, n in sorted(problems.items()) if n)
        few = "" if len(seen) >= LEAST else f"; fewer than {LEAST}: only a stranger" if seen else "; nobody"
        print(f"{place.name}: {len(seen)} pictures with a face{few}" + (f" ({told})" if told else ""))
        if seen:
            known[place.name] = seen
    loose = sum(p.is_file() and not p.name.startswith(".") for p in folder.iterdir())
    if loose:
        print(f"{loose} files lie in no subfolder and are left out: a subfolder is a person")
    return known


def percent(right: int, total: int) -> str:
    """A rate with its interval, in words."""
    if not total:
        return "none to tell by"
    low, high = wilson(right, total)
    return f"{right} of {total} = {100 * right / total:.1f} % ({100 * low:.1f} to {100 * high:.1f} %)"


def pairs(people: People) -> None:
    """False rejects of single pairs at two rates of false accepts."""
    names = [name for name, seen in people.items() for _ in seen]
    rows = np.stack([s.embedding for seen in people.values() for s in seen])
    first, second = np.triu_indices(len(rows), k=1)
    cosines = (rows @ rows.T)[first, second]
    same = np.array([names[i] == names[j] for i, j in zip(first, second, strict=True)], bool)
    own, others = cosines[same], cosines[~same]
    print(f"\nsingle pairs: {len(own)} of one person, {len(others)} of two")
    if not len(own) or not len(others):
        print("  two people, and two pictures of one, are needed")
        return
    print(f"  one person: {own.min():.2f} to {own.max():.2f}, median {np.median(own):.2f}")
    print(f"  two people: {others.min():.2f} to {others.max():.2f}, median {np.median(others):.2f}")
    for far in (0.01, 0.001):
        if len(others) < 1 / far:
            print(f"  at FAR {100 * far:g} %: too few pairs of two people ({len(others)})")
            continue
        line = float(np.quantile(others, 1 - far))
        print(f"  at FAR {100 * far:g} % (line {line:.2f}) rejected: {percent(int((own < line).sum()), len(own))}")


def references(who: Recogniser, seen: Sequence[Seen]) -> References:
    """Sources as the product holds them."""
    rows = np.stack([s.embedding for s in seen])
    return References(rows, tuple(s.angle for s in seen), tuple(s.file for s in seen), who.limits.angle_bin)


def verdicts(who: Recogniser, seen: Iterable[Seen], known: References, drawn: Drawn | None) -> Counter[str]:
    """What the product would say of pictures."""
    return Counter(
        identify(
            s.embedding, known, who.thresholds, recogniser=who.name, model_hash="", angle=s.angle, drawn=drawn
        ).verdict
        for s in seen
    )


def impostors(people: People, names: Iterable[str]) -> Impostors | None:
    """Other people's pictures, as a calibration takes them."""
    rows = [(name, s) for name in names for s in people[name]]
    if not rows:
        return None
    return Impostors(
        np.stack([s.embedding for _, s in rows]), tuple(s.angle for _, s in rows), tuple(name for name, _ in rows)
    )


def line(known: References, against: Impostors | None, far: float) -> Drawn | None:
    """The calibrated line; ``None`` where none can be drawn. A provisional one counts here: it is told apart."""
    if against is None:
        return None
    try:
        made = calibrate(known, against, far=far)
    except TooFewSources:
        return None
    return Drawn(made.threshold, made.floor, far)


def doubted(who: Recogniser, seen: Sequence[Seen]) -> list[Seen]:
    """Sources that the product would doubt: each held against the others."""
    known = references(who, seen)
    return [s for s in seen if verdicts(who, [s], known.without(s.file), None)["wrong"] and len(seen) > LEAST]


class Bench:
    """All draws of all people, counted."""

    def __init__(self, who: Recogniser, people: People, wanted: argparse.Namespace) -> None:
        self.who, self.people, self.wanted = who, people, wanted
        self.rng = np.random.default_rng(wanted.seed)
        self.counts: dict[tuple[str, str], Counter[str]] = {}
        self.found = Counter[str]()

    def run(self) -> None:
        """Draw, judge, print."""
        able = [name for name, seen in self.people.items() if len(seen) >= LEAST]
        for name in able:
            for _ in range(self.wanted.draws):
                self._draw(name)
        if not able:
            print(f"\nnobody has {LEAST} pictures with a face: no sources can be drawn")
            return
        self._tell()

    def _draw(self, name: str) -> None:
        seen = self.people[name]
        order = self.rng.permutation(len(seen))
        n = min(self.wanted.sources, len(seen) - 1)
        own, held = [seen[i] for i in order[:n]], [seen[i] for i in order[n:]]
        others = [o for o in self.people if o != name]
        self.rng.shuffle(others)
        half = len(others) // 2
        strangers = [s for o in others[half:] for s in self.people[o]]
        against = impostors(self.people, others[:half])
        self._judge("sources as they are", own, held, strangers, against)
        self.found["right sources"] += len(own)
        self.found["right sources doubted"] += len(doubted(self.who, own))
        if not strangers or n < LEAST:
            return
        wrong = strangers[int(self.rng.integers(len(strangers)))]
        mixed = [*own[1:], wrong]
        rest = [s for s in strangers if s is not wrong]
        self._judge("one wrong source, unnoticed", mixed, held, rest, against)
        noticed = doubted(self.who, mixed)
        self.found["wrong sources"] += 1
        self.found["wrong sources doubted"] += wrong in noticed
        clean = [s for s in mixed if s not in noticed]
        if len(clean) >= 2:
            self._judge("one wrong source, doubted ones left out", clean, held, rest, against)

    def _judge(
        self, case: str, own: list[Seen], held: list[Seen], strangers: list[Seen], against: Impostors | None
    ) -> None:
        known = references(self.who, own)
        lines = {
            "starting line": None,
            f"calibrated at {100 * self.wanted.far:g} %": line(known, against, self.wanted.far),
        }
        for kind, drawn in lines.items():
            if drawn is None and kind != "starting line":
                continue
            for side, seen in (("own", held), ("strangers", strangers)):
                told = self.counts.setdefault((f"{case}, {kind}", side), Counter())
                told.update(verdicts(self.who, seen, known, drawn))

    def _tell(self) -> None:
        print(f"\n{self.wanted.draws} draws a person of up to {self.wanted.sources} sources")
        for (case, side), told in self.counts.items():
            total = sum(told.values())
            shares = ", ".join(f"{word} {100 * told[word] / max(1, total):.1f} %" for word in VERDICTS)
            print(f"  {case}: {side} ({total}): {shares}")
        for what in ("wrong", "right"):
            total = self.found[f"{what} sources"]
            print(f"  {what} sources that would be doubted: {percent(self.found[f'{what} sources doubted'], total)}")


def main() -> None:
    """See the module."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("folder", type=Path, help="a subfolder is a person")
    options.add_argument("--recogniser", default="sface", help="sface, insightface, facenet, look ...")
    options.add_argument("--insightface-root", default=None, help="the folder that holds models/<pack>")
    options.add_argument("--facenet-weights", default=None)
    options.add_argument("--sources", type=int, default=12)
    options.add_argument("--draws", type=int, default=10)
    options.add_argument("--far", type=float, default=0.01)
    options.add_argument("--seed", type=int, default=0)
    wanted = options.parse_args()
    if not wanted.folder.is_dir():
        options.error(f"{wanted.folder} is no folder")
    if not 0 < wanted.far < 1 or wanted.sources < 2 or wanted.draws < 1:
        options.error("--far lies between 0 and 1, --sources are 2 or more, --draws 1 or more")
    places = SimpleNamespace(insightface_root=wanted.insightface_root, facenet_weights=wanted.facenet_weights)
    who = recogniser(wanted.recogniser, places)
    if missing := who.ready():
        options.error(missing)
    print(f"{who.title}\n")
    people = people_in(who, wanted.folder)
    if not people:
        print("no face in any picture of any subfolder: a subfolder is a person")
        return
    pairs(people)
    Bench(who, people, wanted).run()


if __name__ == "__main__":
    main()
