"""Does the wheel turn? ``python tests/benchmarks/bench_practice.py [--people 10] [--rounds 2] [--failed-cells 4]
[--final] [--editor]``.

Practice runs on characters that nobody has seen (seeds from 8,500,000; ``--final``: from 9,000,000, once, at the end),
each in a workspace of its own under ``--folder``, where a run that was cut short goes on. Prints minutes by step, the
first-try rates of every version with their intervals, as the simulated reviewer decided (5 % mistakes) and by the truth
alone, McNemar's test over all cells, and how far faces are from the true ones. ``--tries 4``: then, in a copy of each
workspace, every cell by every LoRA with other seeds, too: one card says little. ``--editor``: the second flywheel on
three characters, held-out edits before and after with 10 and with 30 triplets.
"""

import argparse
import shutil
import sys
import warnings
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from itertools import chain, product
from pathlib import Path
from statistics import fmean, median

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
warnings.simplefilter("ignore", FutureWarning)  # insightface's own

from pipelines.domain.rates import mcnemar
from pipelines.practice import report
from pipelines.practice.choices import Choices, choices
from pipelines.practice.figures import CellFigures, Figures, Share, figures
from pipelines.practice.run import Halted, PracticeRun, Wish
from pipelines.storage.presets import shipped
from pipelines.workflow import card as cards
from pipelines.workflow import datasets
from pipelines.workflow.opening import open_session

UNSEEN, HELD_OUT = 8_500_000, 9_000_000
EDITED_PEOPLE, TRIPLETS = 3, (10, 30)
EDITS = 11
"""Edits of each source when many corrections are wanted; what is left proves the editor."""


def wheel(root: Path, wish: Wish) -> Figures:
    """One practice run, gone on with if it was begun."""
    with open_session(root) as session:
        character = PracticeRun(session, wish, follow=lambda job: session.jobs.wait(job.id)).go()
        told = figures(session, character.id)
        report.write(session, told)
        return told


def editors(root: Path, wish: Wish) -> list[Figures]:
    """The second flywheel alone, with ever more triplets on the same enrichment."""
    told = []
    with open_session(root) as session:
        for triplets in TRIPLETS:
            mine = replace(wish, corrections=True, triplets=triplets)
            character = PracticeRun(session, mine, follow=lambda job: session.jobs.wait(job.id)).edit()
            told.append(figures(session, character.id))
    return told


def tries(root: Path, wish: Wish, count: int) -> list[list[bool]]:
    """Whether each of ``count`` tries of each cell is truly right, by version, in one order for all; made in a copy of
    a finished run, which stays as it was."""
    copied = root.with_name(f"{root.name}-tries")
    if not copied.exists():
        shutil.copytree(root, copied)
    with open_session(copied) as session:
        run = PracticeRun(session, wish, follow=lambda job: session.jobs.wait(job.id))
        run.go()
        for lora in run.trained():
            made = {card.seed for card in cards.cards(session, run.id) if card.lora == lora.id}
            for seed in range(shipped().card.seed, shipped().card.seed + count):
                if seed not in made:
                    run.work("card", cards.submit(session, run.id, cards.CardOptions(lora.id, seed=seed)))
        run.examine(datasets.pictures(session, run.id, "card"))
        told = figures(session, run.id)
    by_lora: dict[str, list[bool]] = {}
    for card in told.cards:
        by_lora.setdefault(card.lora, []).extend(bool(cell.truly) for cell in card.cells)
    return list(by_lora.values())


def compare_tries(found: list[list[list[bool]]]) -> None:
    """Rates of all tries by version; the last against the first over tries, and by characters: how many of all ways to
    swap both versions of a character give a difference as large (exact permutation test)."""
    print("\nall tries, by the truth alone")
    for n in range(max(map(len, found))):
        every = list(chain.from_iterable(one[n] for one in found if n < len(one)))
        print(f"  v{n + 1}: {Share.of(sum(every), len(every)).words}")
    pairs = Counter(pair for one in found for pair in zip(one[0], one[-1], strict=True))
    lost, won = pairs[True, False], pairs[False, True]
    gains = [sum(one[-1]) - sum(one[0]) for one in found]
    swaps = [
        abs(sum(s * g for s, g in zip(signs, gains, strict=True))) for signs in product((-1, 1), repeat=len(gains))
    ]
    p = sum(s >= abs(sum(gains)) for s in swaps) / len(swaps)
    print(f"  last against first: {won} tries won, {lost} lost, McNemar exact p = {mcnemar(lost, won):.3g}")
    print(f"  by character {gains}: permutation p = {p:.3g}")


def judged(cell: CellFigures, truly: bool) -> bool:
    """Whether a cell is right: as decided, or by the truth alone."""
    return bool(cell.truly) if truly else cell.verdict == "right"


def compare(found: list[Figures], truly: bool) -> None:
    """Rates by version over all characters; the last against the first."""
    print(f"\n{'by the truth alone' if truly else 'as decided'}")
    for n in range(max(len(told.cards) for told in found)):
        cells = [c for told in found if n < len(told.cards) for c in told.cards[n].cells]
        print(f"  v{n + 1}: {Share.of(sum(judged(c, truly) for c in cells), len(cells)).words}")
    pairs = Counter(
        (judged(a, truly), judged(b, truly))
        for told in found
        if len(told.cards) > 1
        for a, b in zip(told.cards[0].cells, told.cards[-1].cells, strict=True)
    )
    lost, won = pairs[True, False], pairs[False, True]
    print(f"  last against first: {won} cells won, {lost} lost, McNemar exact p = {mcnemar(lost, won):.3g}")
    better = [told for told in found if len(told.cards) > 1]
    gains = [
        sum(judged(c, truly) for c in t.cards[-1].cells) - sum(judged(c, truly) for c in t.cards[0].cells)
        for t in better
    ]
    print(f"  better on {sum(g > 0 for g in gains)}, same on {sum(g == 0 for g in gains)} of {len(gains)} characters")


def nearer(found: list[Figures]) -> None:
    """How far faces are from the truth, version by version; the last against the first by a sign test over cells."""
    rounds = max(len(told.cards) for told in found)
    print("\nfaces from the truth, of 255 (median)")
    for n in range(rounds):
        far = [
            c.face_distance
            for told in found
            if n < len(told.cards)
            for c in told.cards[n].cells
            if c.face_distance is not None
        ]
        print(f"  v{n + 1}: {median(far):.1f} of {len(far)} faces" if far else f"  v{n + 1}: no face")
    pairs = [
        (a.face_distance, b.face_distance)
        for told in found
        if len(told.cards) > 1
        for a, b in zip(told.cards[0].cells, told.cards[-1].cells, strict=True)
        if a.face_distance is not None and b.face_distance is not None
    ]
    won, lost = sum(b < a for a, b in pairs), sum(b > a for a, b in pairs)
    print(f"  last against first: {won} cells nearer, {lost} farther, sign test p = {mcnemar(lost, won):.3g}")


def minutes(found: Iterable[Figures]) -> None:
    """Mean minutes of each step."""
    all_of_them = list(found)
    names = dict.fromkeys(name for told in all_of_them for name in told.by_step)
    parts = [f"{name} {fmean(told.by_step.get(name, 0) for told in all_of_them):.2f}" for name in names]
    print(f"\nminutes a run: {fmean(told.minutes for told in all_of_them):.1f} ({', '.join(parts)})")


def one(told: Figures) -> str:
    """A character in a line."""
    cards = "  ".join(
        f"{c.lora.rpartition('_')[2]} {c.rate.right:2} (truly {c.truly.right if c.truly else '?':>2}, person "
        f"{c.identity.right if c.identity else '?':>2})"
        for c in told.cards
    )
    gates = {g.gate: g.labels for g in told.gates if g.who == "simulated"}
    good = {gate: f"{labels.get('good', 0)}/{sum(labels.values())}" for gate, labels in gates.items() if gate != "card"}
    return f"{told.number}: {cards}  of 23; good {good}; {told.minutes:.1f} min"


def editor_row(root: Path, people: Iterable[int], wish: Wish) -> None:
    """Held-out edits before and after, for each number of triplets, over all characters."""
    known = wish.choices
    wanted = known.enrich.model_copy(update={"per_source": EDITS, "edits": known.prove.edits, "gaps": False})
    more: Choices = known.model_copy(update={"enrich": wanted})
    found = []
    for number in people:
        told = editors(root / f"editor-{number}", replace(wish, number=number, choices=more))
        found.append(told)
        print(number, [(t.editor.triplets, t.editor.before.words, t.editor.after.words) for t in told if t.editor])
    for n, wanted in enumerate(TRIPLETS):
        rows = [told[n].editor for told in found]
        there = [e for e in rows if e]
        if there:
            before = Share.of(sum(e.before.right for e in there), sum(e.before.total for e in there))
            after = Share.of(sum(e.after.right for e in there), sum(e.after.total for e in there))
            same = [sum(getattr(e, f"identity_{x}").right for e in there) for x in ("before", "after")]
            used = [e.triplets for e in there]
            print(
                f"{wanted} triplets (got {used}): held-out edits right {before.words} -> {after.words}; person {same}"
            )
            for name in ("turned", "others"):
                won, lost = (sum(getattr(e, name)[k] for e in there) for k in (0, 1))
                p = mcnemar(lost, won)
                print(f"  faces from the truth, {name}: {won} nearer, {lost} farther, sign test p = {p:.3g}")


def main() -> None:
    """Read the options, run, print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--people", type=int, default=10)
    options.add_argument("--skip", type=int, default=0, help="begin so many characters later: two processes share them")
    options.add_argument("--rounds", type=int, default=2)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--error", type=float, default=choices().error)
    options.add_argument("--tries", type=int, default=1, help="of each cell by each LoRA, after the runs")
    words = "edit what failed on the card anew for the next round, the best of so many"
    options.add_argument("--failed-cells", type=int, default=Wish.tries, metavar="TRIES", help=words)
    options.add_argument("--final", action="store_true", help="the held-out characters: once, for the last figures")
    options.add_argument("--editor", action="store_true", help="only the second flywheel")
    options.add_argument("--folder", type=Path, default=Path(".work") / "bench" / "practice")
    chosen = options.parse_args()
    first = (HELD_OUT if chosen.final else UNSEEN) + chosen.skip
    wish = Wish(first, chosen.rounds, chosen.error, chosen.seed, held_out=chosen.final, tries=chosen.failed_cells)
    if chosen.editor:
        editor_row(chosen.folder, range(first, first + EDITED_PEOPLE), wish)
        return
    found = []
    for number in range(first, first + chosen.people):
        try:
            found.append(wheel(chosen.folder / str(number), replace(wish, number=number)))
        except Halted as end:
            print(f"{number}: {end}")
            continue
        print(one(found[-1]), flush=True)
    if found:
        compare(found, truly=False)
        compare(found, truly=True)
        nearer(found)
        minutes(found)
    if found and chosen.tries > 1:
        wishes = [replace(wish, number=number) for number in range(first, first + chosen.people)]
        compare_tries([tries(chosen.folder / str(one.number), one, chosen.tries) for one in wishes])


if __name__ == "__main__":
    main()
