"""``flenwheel rounds``: what each round was trained on and what its card says, whether to go on, and the lineage."""

import argparse
from dataclasses import asdict

from pipelines.storage.atomic import write_durably
from pipelines.workflow import lineage, rounds
from studio.cli.answers import Answer, Told, Usage, character_of, command, in_session
from studio.cli.values import file


def options(p: argparse.ArgumentParser) -> None:
    """What ``rounds`` takes."""
    p.add_argument("--lineage", action="store_true", help="also where each LoRA comes from, with counts")
    p.add_argument("--export", type=file, metavar="FILE", help="write the rounds down, in Markdown")


@command
def tell_rounds(options: argparse.Namespace) -> Answer:
    """Tell the rounds and what the stop rule says. Only reads: works beside a running studio."""
    with in_session(options, read_only=True) as session:
        character = character_of(session, options)
        found, rule = rounds.rounds(session, character.id), rounds.stop_rule(session, character.id)
        rows = [asdict(made) | {"created": made.created.isoformat(), "words": made.words} for made in found]
        data: Told = {"character": character.id, "rounds": rows, "rule": asdict(rule)}
        words = [made.words for made in found] or ["No LoRA is trained yet."]
        words.append(rule.words)
        if options.lineage:
            graph = lineage.lineage(session, character.id)
            data["lineage"] = asdict(graph)
            words += ["", lineage.words(graph)]
        if options.export:
            if options.export.exists():
                raise Usage(f"{options.export} is there already, and nothing is overwritten: name another file.")
            write_durably(options.export, rounds.markdown(session, character.id).encode(), sync=False)
            words.append(f"Written to {options.export}.")
        return data, "\n".join(words)
