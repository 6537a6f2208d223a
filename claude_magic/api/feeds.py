"""How is an answer read that arrives in pieces: the bytes of a file, JSON lines, events?

A splitter turns bytes into items and holds no socket; a `Feed` hands them out.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, ClassVar

from claude_magic import wire
from claude_magic.errors import APIConnectionError, ClaudeError, InputError, StreamError, from_response
from claude_magic.protocol import instead
from claude_magic.protocol.saving import Unfinished
from claude_magic.protocol.sse import LIMIT, Decoder
from claude_magic.transport import AsyncHeld, Awaiting, Blocking, Held, Whole, followed, gathered

if TYPE_CHECKING:
    import os
    from collections.abc import AsyncIterator, Callable, Generator, Iterable, Iterator
    from pathlib import Path

    import pandas as pd

    from claude_magic.app import Response
    from claude_magic.policy import Reply

NO_JSON = "An event of the stream is not JSON"
AGAIN = "Ask for it again; nothing was changed by reading it."


class Bytes(Whole):
    """A file's content: the pieces as they come, cleaned of keys."""

    hint = ""  # what to do when it breaks off, where that is not the connection's

    def __init__(self, reply: Reply) -> None:
        self.reply, self.clean = reply, reply.open.route.clean
        self.kept = max((len(s.reveal()) for s in reply.open.route.hidden), default=1) - 1
        self.rest = bytearray()  # what may belong to more that comes

    def take(self, chunk: bytes) -> Iterable[Any]:
        """Return the items that these bytes complete."""
        if self.kept:  # the end of a piece may be the beginning of a key
            data = self.clean(bytes(self.rest) + chunk)
            chunk, self.rest = data[: -self.kept], bytearray(data[-self.kept :])
        return (chunk,) if chunk else ()

    def end(self) -> Iterable[Any]:
        """Return what the end completes; raises StreamError where the end is too early."""
        return (bytes(self.rest),) if self.rest else ()

    def decoded(self, data: bytes, otherwise: str) -> Any:
        """Return JSON as Records, cleaned of keys; raises StreamError, whose text is `otherwise`."""
        try:
            return wire.decode(self.clean(data))
        except ValueError:
            raise StreamError(otherwise, hint=self.hint or AGAIN) from None

    def blame(self, error: ClaudeError) -> ClaudeError:
        """Return the error with what is known of the answer; a connection that broke is a StreamError."""
        if type(error) is APIConnectionError:
            error = StreamError(error.message, hint=self.hint or error.hint)
        known = {"partial": self.message, "status": self.reply.status, **self.reply.facts}
        vars(error).update({name: value for name, value in known.items() if not getattr(error, name)})
        return error


class Lines(Bytes):
    """JSON lines: a Record for each, whatever their order."""

    def take(self, chunk: bytes) -> Iterator[Any]:
        """Yield the Records of the lines that these bytes complete; raises StreamError."""
        head, line, tail = chunk.rpartition(b"\n")
        if line:
            whole, self.rest = bytes(self.rest + head), bytearray()
            lines = filter(bytes.strip, whole.split(b"\n"))
            yield from (self.decoded(line, "A line of the answer is not JSON") for line in lines)
        self.rest += tail
        if len(self.rest) > LIMIT:
            raise StreamError(f"A line of the answer is longer than {LIMIT / 2**20:.0f} MB", hint=AGAIN)

    def end(self) -> Iterator[Any]:
        """Yield the last line's Record, where it had no end."""
        return self.take(b"\n")


class Events(Bytes):
    """Server events: a Record for the data of each; the service ends when it likes."""

    hint = AGAIN
    longest = LIMIT

    def begin(self) -> None:
        """Raise APIResponseError where the answer is no stream."""
        kind = self.reply.headers.get("content-type") or "no content type"
        if not kind.startswith("text/event-stream"):
            raise self.reply.unusable(f"The server answered with {kind}, not with a stream")
        self.decoder = Decoder(limit=self.longest)

    def take(self, chunk: bytes) -> Iterator[Any]:
        """Yield the Records of the events that these bytes complete; raises StreamError."""
        for name, data in self.decoder.feed(chunk):
            if data == b"[DONE]":
                self.done = True
            elif data and name != "ping":  # a sign of life
                event = self.decoded(data, NO_JSON)
                kind = event.get("type") if isinstance(event, dict) else ""
                if name == "error" or kind == "error" or (kind is None and "error" in event):
                    raise self.reported(self.clean(data))
                yield event

    def end(self) -> Iterable[Any]:
        """Return nothing, as an event without its end is none; raises StreamError for one too large."""
        return self.decoder.feed(b"")

    def reported(self, data: bytes) -> StreamError:
        """Return the error that an event tells of."""
        told = from_response(self.reply.status, data)
        text = f"The stream was ended by the service: {told.message}"
        return StreamError(text, hint=self.hint, type=told.type, error_code=told.error_code, body=told.body)


class Writing(Events):
    """The events of an answer being written: whole only after `[DONE]` or a stop reason (S1)."""

    hint = "Ask again; what had been written is charged."

    def take(self, chunk: bytes) -> Iterator[Any]:
        """Yield the Records of the events that these bytes complete; raises StreamError."""
        for event in super().take(chunk):
            self.done = self.done or (isinstance(event, dict) and event.get("stop_reason") is not None)
            yield event

    def end(self) -> Iterable[Any]:
        """Return nothing; raises StreamError where the answer had not ended."""
        if not self.done:
            raise self.blame(StreamError("The stream ended before the answer was complete", hint=self.hint))
        return ()


class Reader:
    """What is known of an answer that is read once, and the ways to read it."""

    _way: ClassVar[Any]
    _reply: Reply | None = None
    _splitter: Any = None  # what takes it apart
    _items: Any = None

    def _begin(self, reply: Reply, kind: Callable[[Reply], Bytes]) -> None:
        self._reply, self._splitter = reply, kind(reply)
        self._items = self._way.items(reply.open, self._splitter)

    @property
    def response(self) -> Response | None:
        """The HTTP answer: `.status` and `.headers`."""
        return self._reply.response if self._reply else None

    @property
    def request_id(self) -> str | None:
        """The `request-id` of the answer."""
        return self._reply.headers.get("request-id") if self._reply else None

    @followed
    def close(self) -> Generator[Any, Any, None]:
        """Close the connection; what was read stays."""
        if self._reply is not None:
            yield self._way.close(self._reply.open.left())


class _Feed(Reader):
    def __init__(self, reply: Reply, splitter: type[Bytes] = Bytes) -> None:
        self._begin(reply, splitter)

    def _taken(self) -> Any:
        items, self._items = self._items, None
        if items is None:
            raise InputError("This answer was read already", hint="Keep what it gave, or ask for it again.")
        if self._reply and self._reply.open.closed:  # as an event loop that ends does with what it knows of
            raise InputError("This answer was closed before it was read", hint="Read it within its block.")
        return items

    @followed
    def read(self) -> Generator[Any, Any, bytes]:
        """Return all bytes at once."""
        return b"".join((yield from gathered(self._way, self._taken())))

    @followed
    def text(self) -> Generator[Any, Any, str]:
        """Return all bytes as UTF-8 text."""
        return str((yield self.read()), "utf-8", "replace")

    @followed
    def open(self) -> Generator[Any, Any, io.BytesIO]:
        """Return all bytes as a file to be read, as in `pd.read_excel(feed.open())`."""
        return io.BytesIO((yield self.read()))

    @followed
    def to_frame(self) -> Generator[Any, Any, pd.DataFrame]:
        """Return the lines as a DataFrame, a row for each; those of a batch by `custom_id`.

        Raises InputError where there are no lines but bytes.
        """
        if not isinstance(self._splitter, Lines | Events):
            raise InputError("A file's bytes are no rows", hint="Try pd.read_csv(feed.open()) or its kind.")
        from claude_magic.frames.results import lines

        return lines((yield from gathered(self._way, self._taken())))

    def __getattr__(self, name: str) -> Any:
        also = ": .open() gives a file that has" if name in instead.FILE else ""
        raise AttributeError(f"A {type(self).__name__} has no {name}{also}")

    @followed
    def write_to_file(self, path: str | os.PathLike[str] | Unfinished) -> Generator[Any, Any, Path]:
        """Write the bytes to a file that appears only once it is whole; returns its path."""
        with path if isinstance(path, Unfinished) else Unfinished(path) as file:
            yield self._way.each(self._taken(), file.write)
            if file.missing > 0:
                lost = StreamError(f"{file.missing:,} bytes of the file did not come", hint=AGAIN)
                raise self._splitter.blame(lost)
        return file.path

    def __repr__(self) -> str:
        kind = self.response.headers.get("content-type", "unknown content") if self.response else ""
        return f"<{type(self).__name__} {kind}, to be read once>"


class Feed(_Feed, Held):
    """An answer that arrives in pieces: iterate over it once, or `read()` it; closed when no longer read.

    Raises ClaudeError when it breaks off, and Stopped when interrupted.
    """

    _way = Blocking

    def __iter__(self) -> Iterator[Any]:
        return self._taken()  # type: ignore[no-any-return]

    iter_bytes = __iter__


class AsyncFeed(_Feed, AsyncHeld):
    """An answer that arrives in pieces, for `async for`; otherwise as `Feed`."""

    _way = Awaiting

    def __aiter__(self) -> AsyncIterator[Any]:
        return self._taken()  # type: ignore[no-any-return]

    iter_bytes = __aiter__
