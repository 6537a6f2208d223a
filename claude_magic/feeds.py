"""How is an answer read that arrives in pieces: the bytes of a file, JSON lines, events?

A splitter turns bytes into items and holds no socket; `Feed` and `AsyncFeed` are the two loops around one.
"""

from __future__ import annotations

from contextlib import aclosing, suppress
from typing import TYPE_CHECKING, Any, Self

from claude_magic import wire
from claude_magic.app import Response
from claude_magic.errors import (
    APIConnectionError,
    ClaudeError,
    InputError,
    Stopped,
    StreamError,
    from_response,
)
from claude_magic.saving import Unfinished
from claude_magic.sse import Decoder

if TYPE_CHECKING:
    import os
    from collections.abc import AsyncGenerator, AsyncIterator, Iterator
    from pathlib import Path

    from claude_magic.policy import Reply

LONGEST = 64 * 2**20  # bytes of one line
AGAIN = "Ask for it again; nothing was changed by reading it."
LOST = "Ask again; what had been written is charged."


class Bytes:
    """A file's content: the pieces as they come, cleaned of keys."""

    done = False  # whether all has come, whatever becomes of the connection

    def __init__(self, reply: Reply) -> None:
        self.reply, self.clean = reply, reply.open.route.clean
        self.kept = max((len(s.reveal()) for s in reply.open.route.hidden), default=1) - 1
        self.rest = b""

    def take(self, chunk: bytes) -> Iterator[Any]:
        """Yield the items that these bytes complete."""
        if self.kept:  # the end of a piece may be the beginning of a key
            data = self.clean(self.rest + chunk)
            chunk, self.rest = data[: -self.kept], data[-self.kept :]
        if chunk:
            yield chunk

    def end(self) -> Iterator[Any]:
        """Yield what the end completes; raises StreamError where the end is too early."""
        if self.rest:
            yield self.rest


class Lines(Bytes):
    """JSON lines: a Record for each, whatever their order."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply)
        self.held: list[bytes] = []
        self.size = 0

    def take(self, chunk: bytes) -> Iterator[Any]:
        """Yield the Records of the lines that these bytes complete; raises StreamError."""
        head, line, tail = chunk.rpartition(b"\n")
        if line:
            whole = b"".join((*self.held, head))
            self.held, self.size = [], 0
            yield from map(self._record, filter(bytes.strip, whole.split(b"\n")))
        self.held.append(tail)
        self.size += len(tail)
        if self.size > LONGEST:
            raise StreamError(f"A line of the answer is longer than {LONGEST / 2**20:.0f} MB", hint=AGAIN)

    def end(self) -> Iterator[Any]:
        """Yield the last line's Record, where it had no end."""
        return self.take(b"\n")

    def _record(self, line: bytes) -> Any:
        try:
            return wire.decode(self.clean(line))
        except ValueError:
            raise StreamError("A line of the answer is not JSON", hint=AGAIN) from None


class Events(Bytes):
    """Server events: a Record for the data of each; the service ends when it likes."""

    hint = AGAIN

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply)
        self.decoder = Decoder(limit=LONGEST)
        kind = reply.headers.get("content-type", "")
        if not kind.startswith("text/event-stream"):
            raise reply.unusable(f"The server answered with {kind or 'no content type'}, not with a stream")

    def take(self, chunk: bytes) -> Iterator[Any]:
        """Yield the Records of the events that these bytes complete; raises StreamError."""
        for name, data in self.decoder.feed(chunk):
            if data and not self._mark(data):
                yield self._record(name, self.clean(data))

    def end(self) -> Iterator[Any]:
        """Yield nothing: an event without its end is none."""
        return iter(self.decoder.flush())

    def _mark(self, data: bytes) -> bool:
        """Say whether this is the mark of the end, and no event."""
        return data == b"[DONE]"

    def _record(self, name: str, data: bytes) -> Any:
        try:
            event = wire.decode(data)
        except ValueError:
            raise StreamError("An event of the stream is not JSON", hint=self.hint) from None
        kind = event.get("type") if isinstance(event, dict) else ""
        if name == "error" or kind == "error" or (kind is None and "error" in event):
            told = from_response(self.reply.status, data)
            raise StreamError(
                f"The stream was ended by the service: {told.message}",
                hint=self.hint,
                type=told.type,
                error_code=told.error_code,
                body=event,
            )
        return event


class Writing(Events):
    """The events of an answer being written: whole only after `[DONE]` or a stop reason (S1)."""

    hint = LOST

    def end(self) -> Iterator[Any]:
        """Yield nothing; raises StreamError where the answer had not ended."""
        if not self.done:
            raise StreamError("The stream ended before the answer was complete", hint=self.hint)
        return super().end()

    def _mark(self, data: bytes) -> bool:
        found = super()._mark(data)
        self.done = self.done or found
        return found

    def _record(self, name: str, data: bytes) -> Any:
        event = super()._record(name, data)
        self.done = self.done or (isinstance(event, dict) and event.get("stop_reason") is not None)
        return event


class _Feed:
    """What both feeds know: the answer they read and its HTTP side. It can be read once."""

    def __init__(self, reply: Reply, splitter: type[Bytes] = Bytes) -> None:
        self._reply = reply
        self._items = self._begun(reply, splitter)

    def _begun(self, reply: Reply, splitter: type[Bytes]) -> Any:
        """Return the items, begun: from then on, dropping them closes the connection."""
        raise NotImplementedError

    def _taken(self) -> Any:
        items, self._items = self._items, None
        if items is None:
            raise InputError("This answer was read already", hint="Keep what it gave, or ask for it again.")
        return items

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


class Feed(_Feed):
    """An answer that arrives in pieces: iterate over it once, or `read()` it; closed when no longer read.

    Raises ClaudeError when it breaks off, and Stopped when interrupted.
    """

    def _begun(self, reply: Reply, splitter: type[Bytes]) -> Any:
        items = _read(reply, splitter)
        next(items)
        return items

    def __iter__(self) -> Iterator[Any]:
        return self._taken()  # type: ignore[no-any-return]

    iter_bytes = __iter__

    def read(self) -> bytes:
        """Return all bytes at once."""
        return b"".join(self)

    def text(self) -> str:
        """Return all bytes as UTF-8 text."""
        return self.read().decode("utf-8", "replace")

    def write_to_file(self, path: str | os.PathLike[str]) -> Path:
        """Write the bytes to a file that appears only once it is whole; returns its path."""
        with Unfinished(path) as file:
            for piece in self:
                file.write(piece)
        return file.path

    def close(self) -> None:
        """Close the connection."""
        self._reply.open.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncFeed(_Feed):
    """An answer that arrives in pieces, for `async for`; otherwise as `Feed`."""

    def _begun(self, reply: Reply, splitter: type[Bytes]) -> Any:
        items = _aread(reply, splitter)
        with suppress(StopIteration):  # its first step waits for nothing
            items.asend(None).send(None)
        return items

    def __aiter__(self) -> AsyncIterator[Any]:
        return self._taken()  # type: ignore[no-any-return]

    iter_bytes = __aiter__

    async def read(self) -> bytes:
        """Return all bytes at once."""
        return b"".join([piece async for piece in self])

    async def text(self) -> str:
        """Return all bytes as UTF-8 text."""
        return (await self.read()).decode("utf-8", "replace")

    async def write_to_file(self, path: str | os.PathLike[str]) -> Path:
        """Write the bytes to a file that appears only once it is whole; returns its path."""
        with Unfinished(path) as file:
            async with aclosing(aiter(self)) as pieces:  # type: ignore[type-var]
                async for piece in pieces:
                    file.write(piece)
        return file.path

    async def close(self) -> None:
        """Close the connection."""
        await self._reply.open.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def _read(reply: Reply, kind: type[Bytes]) -> Iterator[Any]:
    """Yield once when begun, then the items; holds no feed, so that a dropped one is closed at once."""
    splitter: Bytes | None = None
    try:
        yield None
        splitter = kind(reply)
        for chunk in reply.open.chunks():
            yield from splitter.take(chunk)
        yield from splitter.end()
    except ClaudeError as error:
        if splitter is None or not splitter.done:  # a whole answer stays whole
            raise _told(error, reply) from None
    except KeyboardInterrupt:
        raise Stopped from None
    finally:
        reply.open.close()


async def _aread(reply: Reply, kind: type[Bytes]) -> AsyncGenerator[Any, None]:
    splitter: Bytes | None = None
    try:
        yield None
        splitter = kind(reply)
        async with aclosing(reply.open.achunks()) as chunks:
            async for chunk in chunks:
                for item in splitter.take(chunk):
                    yield item
        for item in splitter.end():
            yield item
    except ClaudeError as error:
        if splitter is None or not splitter.done:
            raise _told(error, reply) from None
    finally:
        await reply.open.aclose()


def _told(error: ClaudeError, reply: Reply) -> ClaudeError:
    """Return the error with what is known of the answer; a connection that broke in it is a StreamError."""
    if type(error) is APIConnectionError:
        error = StreamError(error.message, hint=error.hint)
    error.status = error.status or reply.status
    error.request_id = error.request_id or reply.headers.get("request-id")
    error.attempts = error.attempts or reply.attempts
    return error
