"""A small reverse proxy, as people put one before the studio: it passes bytes on as they come, streams too."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class Proxy:
    """How it is set up: the ``path`` it serves under, whether it takes that off, the ``host`` it asks under ("" passes
    on the browser's), and the headers that it adds: ``{host}`` in them is the browser's."""

    upstream: int
    path: str = ""
    strips: bool = False
    host: str = ""
    adds: tuple[tuple[str, str], ...] = ()

    def head(self, lines: list[bytes]) -> bytes | None:
        """The head of a request as it goes on; ``None`` for what is not below the path."""
        method, target, version = lines[0].decode("latin-1").split(" ")
        if self.path and target != self.path and not target.startswith((f"{self.path}/", f"{self.path}?")):
            return None
        if self.strips:
            target = target[len(self.path) :] or "/"
        asked = next((ln[5:].strip() for ln in lines if ln[:5].lower() == b"host:"), b"").decode("latin-1")
        kept = [ln for ln in lines[1:] if not ln.lower().startswith((b"host:", b"connection:"))]
        added = [f"{name}: {value.format(host=asked)}" for name, value in self.adds]
        told = [f"{method} {target} {version}", f"Host: {self.host or asked}", "Connection: close", *added]
        return "\r\n".join(told).encode("latin-1") + b"\r\n" + b"\r\n".join([*kept, b"", b""])

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, one request."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            going = self.head(head[:-4].split(b"\r\n"))
            if going is None:
                writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                await writer.drain()
            else:
                inner, outer = await asyncio.open_connection("127.0.0.1", self.upstream)
                outer.write(going)
                up = asyncio.ensure_future(_pump(reader, outer))
                await _pump(inner, writer)
                up.cancel()
                outer.close()
        writer.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()


@contextmanager
def running(proxy: Proxy) -> Iterator[int]:
    """The port at which it answers."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    # in this thread the loop of a browser that is open may be at work
    server = asyncio.run_coroutine_threadsafe(asyncio.start_server(proxy.serve, "127.0.0.1", 0), loop).result(60)
    yield server.sockets[0].getsockname()[1]
    for task in asyncio.all_tasks(loop):
        loop.call_soon_threadsafe(task.cancel)
    loop.call_soon_threadsafe(server.close)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(timeout=10)
    loop.close()
