"""``flenwheel weights``: which models are here, what is missing, and the quantized copies that are kept of them."""

import argparse
import sys
from dataclasses import asdict

from pipelines.domain.words import count
from pipelines.workflow import weights
from pipelines.workflow.weights import Kept, OwnFolder, Standing
from studio.cli.answers import Answer, Told, Usage, command, in_session, work
from studio.cli.speech import say


def options(p: argparse.ArgumentParser) -> None:
    """Without an option: list them."""
    p.add_argument("--make-copy", metavar="MODEL", help="make the quantized copy that is loaded from then on")
    p.add_argument("--verify", metavar="NAME", help="read a copy whole and compare it with its hashes")
    p.add_argument("--remove", metavar="NAME", help="remove a copy, by its name or its model's")


@command
def model_weights(options: argparse.Namespace) -> Answer:
    """List, or make, check or remove a copy. Listing and checking work beside a running studio."""
    wanted = [name for name in ("make_copy", "verify", "remove") if getattr(options, name)]
    if len(wanted) > 1:
        raise Usage("One at a time: --make-copy MODEL, --verify NAME or --remove NAME.")
    with in_session(options, read_only=wanted != ["make_copy"]) as session:
        if options.make_copy:
            return work(session, weights.make_copy(session, options.make_copy))
        if options.verify:
            return _verified(list(weights.verify(session, options.verify)))
        if options.remove:
            gone = weights.remove(session, options.remove)
            return {"removed": asdict(gone)}, f"Removed {gone.folder} ({gone.gib:.2f} GiB)"
        return _listed(weights.standings(session), weights.kept(session), weights.shared(session))


def _verified(files: list[tuple[str, str]]) -> Answer:
    wrong = [words for _, words in files if words]
    for words in wrong:
        say(words, sys.stderr)
    told: Told = {"ok": not wrong, "files": len(files), "wrong": wrong}
    return told, f"{len(files)} files read, {len(wrong) or 'none'} damaged"


def _listed(models: list[Standing], copies: list[Kept], folders: list[OwnFolder]) -> Answer:
    lines = [line for model in models for line in _model(model)]
    lines += [f"copy   {k.name}: {k.gib:.2f} GiB in {k.folder}{f'; {k.wrong}' if k.wrong else ''}" for k in copies]
    lines += [line for one in folders for line in _folder(one)]
    told = {"models": models, "copies": copies, "folders": folders}
    return {name: [asdict(each) for each in found] for name, found in told.items()}, "\n".join(lines)


def _folder(one: OwnFolder) -> list[str]:
    usable = [file for file in one.files if file.fits]
    loras = f", {count(one.loras, 'LoRA')} (flenwheel loras)" if one.loras else ""
    lines = [f"folder {one.folder}: {one.problem or count(len(usable), 'file that fits', 'files that fit')}{loras}"]
    for file in one.files:
        words = file.problem or f"{', '.join(file.holds)}, fits {', '.join(file.fits)}"
        lines.append(f"         {file.path}: {file.gib:.2f} GiB {file.kind}; {words}")
        lines += [f"           {file.warning}"] if file.warning else []
    return lines


def _model(model: Standing) -> list[str]:
    if model.missing:
        return [f"model  {model.name}: {model.missing}"]
    words = "loaded from its copy" if model.copy else "quantized at each load" if model.copyable else "here"
    lines = [f"model  {model.name}: {words}; {model.copy or model.source}"]
    return lines + [f"         {part}: {path}" for part, path in model.files.items()]
