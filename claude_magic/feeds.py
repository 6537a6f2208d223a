"""How is an answer read that arrives in pieces: the bytes of a file, JSON lines, events?

A splitter turns bytes into items and holds no socket; `Feed` and `AsyncFeed` are the two loops around one.
"""

from __future__ import annotations

import os
import secrets
from contextlib import aclosing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from claude_magic import wire
from claude_magic.app import Response
from claude_magic.errors import ClaudeError, InputError, Stopped, StreamError, from_response
from claude_magic.sse import Decoder

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from claude_magic.policy import Reply

LONGEST = 64 * 2**20  # bytes of one line
AGAIN = "Ask for it again; nothing was changed by reading it."


class Bytes:
    """A file's content: the pieces as they come."""

    def __init__(self, reply: Reply) -> None:
        self.clean = reply.open.route.clean

    def take(self, chunk: bytes) -> list[Any]:
        """Return the items that these bytes complete."""
        return [self.clean(chunk)]

    def end(self) -> list[Any]:
        """Return what the end completes."""
        return []


class Lines(Bytes):
    """JSON lines: a Record for each, whatever their order."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply)
        self.rest: list[bytes] = []
        self.held = 0

    def take(self, chunk: bytes) -> list[Any]:
        """Return the Records of the lines that these bytes complete; raises StreamError."""
        head, line, tail = chunk.rpartition(b"\n")
        if not line:
            self.held += len(chunk)
            if self.held > LONGEST:
                raise StreamError(f"A line of the answer is longer than {LONGEST / 2**20:.0f} MB", hint=AGAIN)
            self.rest.append(chunk)
            return []
        whole = b"".join((*self.rest, head))
        self.rest, self.held = [tail], len(tail)
        return [self._record(line) for line in whole.split(b"\n") if line.strip()]

    def end(self) -> list[Any]:
        """Return the last line's Record, where it had no end."""
        return self.take(b"\n")

    def _record(self, line: bytes) -> Any:
        try:
            return wire.decode(self.clean(line))
        except ValueError:
            raise StreamError("A line of the answer is not JSON", hint=AGAIN) from None


class Events(Bytes):
    """Server events: a Record for the data of each, until the service says that it is done."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply)
        self.decoder, self.reply = Decoder(limit=LONGEST), reply
        kind = reply.headers.get("content-type", "")
        if not kind.startswith("text/event-stream"):
            raise reply.unusable(f"The server answered with {kind or 'no content type'}, not with a stream")

    def take(self, chunk: bytes) -> list[Any]:
        """Return the Records of the events that these bytes complete; raises StreamError."""
        found = [(name, self.clean(data)) for name, data in self.decoder.feed(chunk)]
        return [self._record(name, data) for name, data in found if data and data != b"[DONE]"]

    def _record(self, name: str, data: bytes) -> Any:
        try:
            event = wire.decode(data)
        except ValueError:
            raise StreamError("An event of the stream is not JSON", hint=AGAIN) from None
        if name == "error" or (
            isinstance(event, dict) and (event.get("type") == "error" or "error" in event)
        ):
            told = from_response(self.reply.status, data)
            raise StreamError(
                f"The stream was ended by the service: {told.message}", type=told.type, body=event
            )
        return event


class _Feed:
    """What both feeds know: the answer they read, its HTTP side, and whether it was read."""

    def __init__(self, reply: Reply, splitter: type[Bytes] = Bytes) -> None:
        self._reply, self._items = reply, None
        self._splitter = splitter(reply)

    @property
    def response(self) -> Response:
        """The HTTP answer: `.status` and `.headers`."""
        return Response(self._reply.status, self._reply.headers)

    @property
    def request_id(self) -> str | None:
        """The `request-id` of the answer."""
        return self._reply.headers.get("request-id")

    def __repr__(self) -> str:
        kind = self._reply.headers.get("content-type", "unknown content")
        return f"<{type(self).__name__} {kind}, to be read once>"

    def _told(self, error: ClaudeError) -> ClaudeError:
        error.request_id = error.request_id or self.request_id
        error.attempts = error.attempts or self._reply.attempts
        return error


class Feed(_Feed):
    """An answer that arrives in pieces: iterate over it once, or `read()` it; closed when read to its end.

    Raises ClaudeError when it breaks off, and Stopped when interrupted.
    """

    def __iter__(self) -> Iterator[Any]:
        download = self._reply.open
        try:
            for chunk in download.chunks():
                yield from self._splitter.take(chunk)
            yield from self._splitter.end()
        except ClaudeError as error:
            raise self._told(error) from None
        except KeyboardInterrupt:
            raise Stopped from None
        finally:
            download.close()

    iter_bytes = __iter__

    def read(self) -> bytes:
        """Return all bytes at once."""
        return b"".join(self)

    def text(self) -> str:
        """Return all bytes as UTF-8 text."""
        return self.read().decode("utf-8", "replace")

    def write_to_file(self, path: str | os.PathLike[str]) -> Path:
        """Write the bytes to a file that appears only once it is whole; returns its path."""
        with _Unfinished(Path(path)) as file:
            for piece in self:
                file.write(piece)
        return Path(path)

    def close(self) -> None:
        """Close the connection."""
        self._reply.open.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncFeed(_Feed):
    """An answer that arrives in pieces, for `async for`; otherwise as `Feed`."""

    async def __aiter__(self) -> AsyncIterator[Any]:
        download = self._reply.open
        try:
            async with aclosing(download.achunks()) as chunks:
                async for chunk in chunks:
                    for item in self._splitter.take(chunk):
                        yield item
            for item in self._splitter.end():
                yield item
        except ClaudeError as error:
            raise self._told(error) from None
        finally:
            await download.aclose()

    iter_bytes = __aiter__

    async def read(self) -> bytes:
        """Return all bytes at once."""
        return b"".join([piece async for piece in self])

    async def text(self) -> str:
        """Return all bytes as UTF-8 text."""
        return (await self.read()).decode("utf-8", "replace")

    async def write_to_file(self, path: str | os.PathLike[str]) -> Path:
        """Write the bytes to a file that appears only once it is whole; returns its path."""
        with _Unfinished(Path(path)) as file:
            async with aclosing(aiter(self)) as pieces:  # type: ignore[type-var]
                async for piece in pieces:
                    file.write(piece)
        return Path(path)

    async def close(self) -> None:
        """Close the connection."""
        await self._reply.open.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


class _Unfinished:
    """A file beside the one that is wanted: it takes its place when whole, and goes when not."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.beside = path.with_name(f".{path.name[:100]}.{secrets.token_hex(4)}.part")

    def __enter__(self) -> Any:
        try:
            self.file = self.beside.open("xb")
        except OSError as error:
            raise InputError(
                f"{self.path} cannot be written: {error.strerror or error}", hint="Choose another folder."
            ) from None
        return self.file

    def __exit__(self, kind: object, *_: object) -> None:
        self.file.close()
        if kind is None:
            self.beside.replace(self.path)
        else:
            with suppress(OSError):
                self.beside.unlink()


def place(to: str | os.PathLike[str], filename: str) -> Path:
    """Return the path a file is written to: `to` itself, or a plain name in it where it is a folder.

    Only the last part of a server's name counts, so that nothing is written outside the folder.
    """
    path = Path(to).expanduser()
    if not path.is_dir() and not str(to).endswith(("/", os.sep)):
        return path
    name = "".join(
        c for c in filename.replace("\\", "/").rpartition("/")[2] if c.isprintable() and c not in '<>:"|?*'
    )
    return path / (name.lstrip(". ") or "download")
