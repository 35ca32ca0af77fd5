"""``flenwheel import``: pictures, captions beside them, and LoRA files come in; what does not is named."""

import argparse
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import get_args

from pipelines.domain.records import PERSON, TOKEN, Character, JudgedBy, LoraRecord
from pipelines.domain.scores import Angle, Expression
from pipelines.domain.words import count
from pipelines.models.lora_files import LoraRefused
from pipelines.session import NotFound, Session
from pipelines.storage.given import look_through
from pipelines.workflow import characters, few_sources, loras, models, sources
from studio.cli.answers import Answer, Told, Usage, character_of, command, doubtful_sources, in_session
from studio.cli.progress import follow
from studio.cli.values import file

SAY = "flenwheel tag"


RECOMMENDED = "(default: what `flenwheel models` recommends here)"


def options(p: argparse.ArgumentParser) -> None:
    """What ``import`` takes."""
    p.add_argument("files", nargs="+", type=file, help="pictures, folders of pictures, or LoRA files (.safetensors)")
    p.add_argument("--new", metavar="NAME", help="create a character of that name first")
    p.add_argument("--kind", default="", help=f"with --new: what it is, such as cat or robot (default: {PERSON})")
    p.add_argument("--class-prompt", default="", help="with --new: what prompts call it (default: what it is)")
    p.add_argument("--token", default=TOKEN)
    p.add_argument("--origin", default="", help="where the pictures come from")
    p.add_argument("--may-use", action="store_true", help="you may use these pictures")
    p.add_argument(
        "--generator", default="", metavar="MODEL", help=f"with --new: the model that draws it {RECOMMENDED}"
    )
    p.add_argument("--editor", default="", metavar="MODEL", help=f"with --new: the model that edits it {RECOMMENDED}")
    p.add_argument("--angle", choices=get_args(Angle), help="the angle that all these pictures show")
    p.add_argument("--expression", choices=get_args(Expression), help="the expression that all these pictures show")
    p.add_argument("--first-frame", action="store_true", help="take the first frame of animations")
    p.add_argument(
        "--judged-by",
        choices=get_args(JudgedBy),
        help="what tells the character from others: its face (unless you say otherwise), its look (a toy, an animal, a "
        "drawing), none (your eyes alone)",
    )
    p.add_argument(
        "--leave-alike", action="store_true",
        help="leave out what looks like a source that is here: cropped, resized, in a mirror (else you are asked)",
    )  # fmt: skip
    p.add_argument("--look", action="store_true", help="look at the sources at once: who looks like someone else?")
    p.add_argument("--family", help="model preset that a LoRA file is for, when its header does not say")


@command
def bring_in(options: argparse.Namespace) -> Answer:
    """Pictures, with the captions beside them, become sources of a character; ``.safetensors`` files become LoRAs of
    the library. What is not taken in is named, and stops nothing else."""
    given = look_through(options.files)
    if not given.files:
        raise NotFound(_lines(given.refused) or "There is nothing to take in: no file in what was named.")
    weights = [(name, file) for name, file in given.files if file.suffix.lower() in loras.ENDINGS]
    pictures = [pair for pair in given.files if pair not in weights]
    if options.new and not pictures:
        raise Usage("--new makes a character of pictures, and there is none among what was named.")
    with in_session(options) as session:
        arrival = _take_in(session, options, pictures) if pictures else sources.Arrival()
        arrival.refused[:0] = given.refused
        added = _loras(session, options, weights, arrival)
        data: Told = {
            "ok": bool(added or arrival.admitted),
            "loras": [lora.model_dump(mode="json") for lora in added],
            "refused": [{"file": name, "reason": why} for name, why in arrival.refused],
            "folders": given.folders,
        }
        if pictures:
            stands = arrival.admitted or not options.new
            character = character_of(session, options) if stands else None
            data |= {
                "character": character.id if character else "",
                "generator": character.generator if character else "",
                "editor": character.editor if character else "",
                "admitted": [i.id for i in arrival.admitted],
                "captions": arrival.captions,
                "doubtful": dict(arrival.doubtful),
                "alike": arrival.alike,
                "notes": [{"file": name, "note": note} for name, note in arrival.notes],
            }
        if not data["ok"]:
            data["error"] = _lines(arrival.refused)
        told = list(_arrived(added, arrival, given.folders, bool(pictures)))
        if arrival.admitted and options.new:
            told += models.words_of(session, character_of(session, options))
        if arrival.admitted and (few := few_sources.words(session, character_of(session, options).id)):
            data["few"] = few
            told += [*few, "Plan for them: flenwheel enrich --few"]
        if options.look and arrival.admitted:
            told += _looked_at(session, character_of(session, options), data)
        return data, "\n".join(told)


def _looked_at(session: Session, character: Character, data: Told) -> list[str]:
    """Have the sources judged against each other; what is to be said of them goes into ``data``, and comes back."""
    follow(session.jobs, sources.measure(session, character.id))
    return doubtful_sources(session, character, data)


def _loras(
    session: Session, options: argparse.Namespace, weights: Iterable[tuple[str, Path]], arrival: sources.Arrival
) -> list[LoraRecord]:
    added = []
    for name, path in weights:
        try:
            added.append(loras.add(session, path, path.name, family=options.family))
        except LoraRefused as refusal:
            arrival.refused.append((name, str(refusal)))
    return added


def _arrived(added: list[LoraRecord], arrival: sources.Arrival, folders: list[str], pictures: bool) -> Iterator[str]:
    for lora in added:
        yield f"{lora.name}: {lora.family}, rank {lora.rank}"
        yield from loras.told(lora)
    if pictures:
        captions = f", {arrival.captions} with captions" if arrival.captions else ""
        yield f"{count(len(arrival.admitted), 'picture')} taken in{captions}"
    if folders:
        yield f"looked into {', '.join(folders)}, too"
    if arrival.refused:
        yield f"{count(len(arrival.refused), 'file')} not taken in:"
        yield _lines(arrival.refused)
    yield from (words for _, words in arrival.doubtful)
    if arrival.alike:
        yield f"Leave one out: {SAY} --leave-out NAME. Or say that both stay: {SAY} --both-stay NAME"
    yield from arrival.noted


def _lines(refused: Iterable[tuple[str, str]]) -> str:
    """Names with reasons, one a line; a reason that names its file says it all."""
    return "\n".join(why if Path(name).name in why else f"{name}: {why}" for name, why in refused)


def _take_in(session: Session, options: argparse.Namespace, pictures: list[tuple[str, Path]]) -> sources.Arrival:
    if (options.generator or options.editor) and not options.new:
        raise Usage("--generator and --editor go with --new NAME. For a character that is here: flenwheel models")
    if options.new:
        if not options.may_use:
            raise Usage("Say first that you may use the pictures of this character: --may-use")
        if refused := sources.none_would_do(pictures, first_frame=options.first_frame):
            return sources.Arrival(refused=refused)
        character = models.create(
            session,
            options.new,
            generator=options.generator,
            editor=options.editor,
            kind=options.kind,
            class_prompt=options.class_prompt,
            token=options.token,
            origin=options.origin,
            may_use=options.may_use,
            judged_by=options.judged_by or "face",
        )
        options.character = character.id
    elif options.judged_by:
        characters.judge_by(session, character_of(session, options).id, options.judged_by)
    arrival = sources.add(
        session,
        character_of(session, options).id,
        pictures,
        first_frame=options.first_frame,
        alike=not options.leave_alike,
    )
    for image in arrival.admitted:
        sources.tag(session, image.id, angle=options.angle, expression=options.expression)
    return arrival
