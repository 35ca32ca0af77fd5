"""Caption pictures, and ask a reader about them: one loop for both, a picture at a time."""

from __future__ import annotations

import base64
import io
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from PIL import Image

from pipelines import readers
from pipelines.domain.cancelled import Cancelled
from pipelines.domain.events import Described, Preview, Progress, ReadOut, Started, Warned
from pipelines.domain.reading import Description, Question, Reading
from pipelines.domain.requests import CaptionRequest, ReadRequest, ToRead
from pipelines.domain.shots import ImageRef
from pipelines.readers.answers import answer, reading
from pipelines.readers.base import Captioner, Needs, Reader, ReaderMissing
from pipelines.storage.pictures import middle_of

if TYPE_CHECKING:
    from pipelines.worker.handlers import JobContext

PREVIEW_PX = 256
log = logging.getLogger(__name__)


@contextmanager
def opened(name: str, context: JobContext) -> Iterator[Captioner]:
    """The reader of that name. Raises ReaderMissing, WillNotFit."""
    preset = context.presets.readers.get(name)
    if preset is None:
        raise ReaderMissing(f"There is no reader preset {name!r} any more: its file is gone or broken.")
    needs = Needs(context.presets, context.workspace, context.settings, context.resident)
    with readers.module(preset.kind).opened(preset, needs) as reader:
        yield reader


def caption(request: CaptionRequest, context: JobContext) -> int:
    """Caption the pictures of a request; how many were."""

    def write(captioner: Captioner, ref: ImageRef) -> str:
        text = captioner.caption(_open(ref, context), request.prompt, request.begun, context.cancelled)
        described = Description(
            text=" ".join(text.split()), reader=request.reader, prompt=request.prompt_name, batch=request.batch
        )
        context.emit(Described(image=ref.id, description=described))
        return described.text

    with opened(request.reader, context) as captioner:
        return _each(request.images, lambda ref: ref, lambda ref: write(captioner, ref), context)


def read(request: ReadRequest, context: JobContext) -> int:
    """Ask a reader about the pictures of a request; how many were read."""

    def look(reader: Reader, one: ToRead) -> str:
        pictures = {ref.id: _open(ref, context) for ref in (one.image, one.source, one.beside) if ref}
        found = tuple(
            _read(reader, question, shown, pictures, one.instruction, request)
            for question in request.questions
            if (shown := _shown(question, one))
        )
        context.emit(ReadOut(image=one.image.id, readings=found))
        return ", ".join(f"{r.fact} {r.value}" for r in found)

    with opened(request.reader, context) as reader:
        if not isinstance(reader, Reader):
            raise ReaderMissing(f"{reader.preset.title} captions pictures; it answers no questions about them.")
        return _each(request.images, lambda one: one.image, lambda one: look(reader, one), context)


def _shown(question: Question, one: ToRead) -> tuple[ImageRef, ...]:
    """The pictures that a question shows; none where one of them is not there."""
    if question.of == "edit":
        return (one.source, one.image) if one.source and one.instruction else ()
    if question.of == "pair":
        return (one.beside, one.image) if one.beside else ()
    return (one.image,)


def _read(
    reader: Reader, question: Question, shown: Sequence[ImageRef], pictures: dict[str, Image.Image], instruction: str,
    request: ReadRequest,
) -> Reading:  # fmt: skip
    own = reader.preset.question(question)
    found = answer(reader, own, [pictures[ref.id] for ref in shown], own.asked(request.called, instruction))
    return reading(own, found, reader, request.batch, shown[0].id if len(shown) > 1 else "")


def _each(
    items: Sequence[Any], ref_of: Callable[[Any], ImageRef], work: Callable[[Any], str], context: JobContext
) -> int:
    """``work`` on each, its words told as progress. A picture that cannot be read is told of and left out."""
    context.emit(Started(total=len(items)))
    made = 0
    for done, item in enumerate(items, 1):
        if context.cancelled():
            raise Cancelled
        note = ""
        try:
            context.emit(Preview(jpeg=_preview(_open(ref_of(item), context))))
            note = work(item)
            made += 1
        except (OSError, Image.DecompressionBombError) as error:
            log.warning("%s cannot be read: %s", ref_of(item).path, error)
            context.emit(Warned(text=f"{ref_of(item).path} cannot be read and is left out: {error}"))
        context.emit(Progress(done=done, note=note[:300]))
    return made


def _open(ref: ImageRef, context: JobContext) -> Image.Image:
    with Image.open(context.workspace.path(ref.path)) as file:
        return middle_of(file.convert("RGB"))


def _preview(picture: Image.Image) -> str:
    small = picture.copy()
    small.thumbnail((PREVIEW_PX, PREVIEW_PX))
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=75)
    return base64.b64encode(buffer.getvalue()).decode("ascii")
