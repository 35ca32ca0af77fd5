"""A captioner that another program on this machine serves, by the interface that OpenAI gave its chat models:
llama.cpp, LM Studio, vLLM, Ollama. It captions and no more: how likely an answer is, such servers do not all tell.

Pictures stay on this machine: an address that is not of the loopback interface is refused, no proxy is asked and no
redirection followed.
"""

import base64
import http.client
import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from PIL import Image

from pipelines.domain.cancelled import Cancelled
from pipelines.domain.reading import ReaderPreset
from pipelines.readers.base import Captioner, Needs, ReaderMissing
from pipelines.storage.served import Address, NotHere, address

SECONDS = 300
"""That one caption may take."""


@contextmanager
def opened(preset: ReaderPreset, needs: Needs) -> Iterator["Served"]:
    """The captioner, asked once what it serves. Raises ReaderMissing."""
    try:
        there = address(needs.settings.captioner_address)
    except NotHere as error:
        raise ReaderMissing(str(error)) from error
    served = Served(preset, there)
    yield served


class Served(Captioner):
    """A server at a loopback address."""

    def __init__(self, preset: ReaderPreset, there: Address) -> None:
        self._there = there
        super().__init__(preset, preset.served or self._first())

    def caption(self, picture: Image.Image, prompt: str, begun: str, cancelled: Callable[[], bool]) -> str:
        """See ``Captioner``."""
        if cancelled():
            raise Cancelled
        told = f'{prompt} Begin with "{begun}" and answer with the caption alone.'
        content = [
            {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{_png(picture, self.preset.most_px)}"}},
            {"type": "text", "text": told},
        ]
        asked = {
            "model": self.model, "messages": [{"role": "user", "content": content}],
            "max_tokens": self.preset.caption_tokens, "temperature": 0,
        }  # fmt: skip
        answer = self._ask("POST", "/chat/completions", asked)
        try:
            written = str(answer["choices"][0]["message"]["content"]).strip()
        except (KeyError, IndexError, TypeError) as error:
            raise ReaderMissing(f"{self._there} answered without a caption: {json.dumps(answer)[:200]}") from error
        return written if written.startswith(begun) else f"{begun}, {written}"

    def _first(self) -> str:
        listed = self._ask("GET", "/models").get("data") or []
        names = [str(one["id"]) for one in listed if isinstance(one, dict) and one.get("id")]
        if not names:
            raise ReaderMissing(f"{self._there} serves no model.")
        return names[0]

    def _ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        connection = http.client.HTTPConnection(self._there.host, self._there.port, timeout=SECONDS)
        try:
            data = None if body is None else json.dumps(body).encode()
            connection.request(method, self._there.path + path, data, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            text = answer.read()
            if answer.status != http.client.OK:
                raise ReaderMissing(f"{self._there} refused ({answer.status}): {text[:200].decode(errors='replace')}")
            told = json.loads(text)
        except (OSError, http.client.HTTPException) as error:
            raise ReaderMissing(
                f"Nobody answers at {self._there}: {error}. Start the server, or mend the address."
            ) from error
        except ValueError as error:
            raise ReaderMissing(f"{self._there} answered what is no JSON.") from error
        finally:
            connection.close()
        return told if isinstance(told, dict) else {}


def _png(picture: Image.Image, most: int) -> str:
    small = picture.copy()
    small.thumbnail((most, most), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    small.save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode("ascii")
