"""What an event of the page comes in: which event, of which session. Gradio takes any, and answers a bare 500 to what
it did not expect; here it is looked at before Gradio sees it."""

from collections.abc import Collection
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from starlette.types import Message, Receive

JOIN = "/gradio_api/queue/join"
LARGEST = 64 * 2**20
"""Bytes of one event: the largest value of the page is a fraction of that."""

Session = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Number = Annotated[int, Field(ge=0, lt=2**31)]


class _Envelope(BaseModel):
    """The parts that Gradio's page sends around the values."""

    model_config = ConfigDict(extra="ignore", strict=True)

    session_hash: Session
    fn_index: Number
    data: list[Any]
    trigger_id: Number | None = None
    event_id: str | None = None
    simple_format: bool = False
    batched: bool | None = None


def wrong(body: bytes, events: Collection[int]) -> str:
    """Why Gradio is not to see this, in words; "" when it may."""
    try:
        asked = _Envelope.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        return f"That is no event of the page: {'.'.join(map(str, first['loc'])) or 'its form'} does not do."
    return "" if asked.fn_index in events else "That event is not of this page. Load the page again."


async def whole(receive: Receive) -> bytes | None:
    """All of a request's body; None when it is too large, or who asked is gone."""
    parts, size = [], 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > LARGEST:
            return None
        if not message.get("more_body"):
            return b"".join(parts)


def again(body: bytes, receive: Receive) -> Receive:
    """``receive`` for who comes after: the body that was read already, then what follows."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def repeat() -> Message:
        return waiting.pop() if waiting else await receive()

    return repeat
