"""How is a message read while it is being written?

`Reading` turns bytes into events and a growing Message and holds no socket; `MessageStream` and
`AsyncMessageStream` are the two loops around it. A message is complete only after `message_stop`; anything
else is an error that carries what arrived (S1).
"""

from __future__ import annotations

from collections import deque
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Self

from claude_magic.accumulate import Accumulator, helper_events
from claude_magic.app import Response
from claude_magic.errors import APIConnectionError, APIResponseError, ClaudeError, Stopped, StreamError
from claude_magic.sse import Decoder
from claude_magic.wire import Message, Record, decode_plain

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from claude_magic.errors import Attempt
    from claude_magic.policy import Call, Reply
    from claude_magic.transport import Route

BROKEN = "What arrived is in error.partial; in a conversation, %claude continue goes on from there."


class Reading:
    """A stream being read: feed it bytes, take events, ask for the message so far."""

    def __init__(self, reply: Reply, route: Route) -> None:
        kind = reply.headers.get("content-type", "")
        if not kind.startswith("text/event-stream"):
            raise reply.unusable(
                f"The server answered with {kind or 'no content type'} where a stream was asked for"
            )
        self.reply, self.route, self.sum = reply, route, Accumulator()
        self.decoder = Decoder(limit=reply.open.call.most)

    def take(self, chunk: bytes) -> Iterator[dict[str, Any]]:
        """Yield the events these bytes complete, each once it is in the message; raises StreamError."""
        add, found = self.sum.add, self.decoder.feed_data(chunk)
        if self.route.hidden and self.route.holds(b"".join(found)):  # once a read, not an event
            found = [self.route.clean(data) for data in found]
        for data in found:
            try:
                event = decode_plain(data)
            except ValueError:
                event = None
            if type(event) is not dict:
                if not data:
                    continue
                raise self._broken("An event of the stream is not JSON")
            if event.get("type") == "error":
                raise self._reported(event)
            add(event)
            yield event

    def end(self) -> None:
        """Say that no more bytes come; raises StreamError unless `message_stop` has been seen."""
        self.decoder.flush()
        if not self.sum.done:
            raise self._broken("The stream ended before the message was complete")

    def blame(self, error: ClaudeError) -> ClaudeError:
        """Return the error with what arrived; a connection that broke in a stream is a StreamError."""
        if error.partial is None:
            if type(error) is APIConnectionError or isinstance(error, APIResponseError):
                return self._broken(error.message)
            error.partial = self.message
        error.request_id = error.request_id or self.reply.headers.get("request-id")
        error.attempts = error.attempts or self.reply.attempts
        return error

    @property
    def message(self) -> Message | None:
        """The message so far, or None before `message_start`."""
        message = self.sum.message()
        return message.answered(Response(self.reply.status, self.reply.headers)) if message else None

    def _broken(self, text: str, **facts: Any) -> StreamError:
        facts = {"status": self.reply.status, "request_id": self.reply.headers.get("request-id"), **facts}
        return StreamError(text, hint=BROKEN, partial=self.message, attempts=self.reply.attempts, **facts)

    def _reported(self, event: dict[str, Any]) -> StreamError:
        raw = event.get("error")
        error = raw if isinstance(raw, dict) else {}
        details = error.get("details")
        code = details.get("error_code") if isinstance(details, dict) else None
        kind, text = error.get("type"), error.get("message")
        return self._broken(
            f"The stream was ended by the service: {text if isinstance(text, str) else kind}",
            type=kind if isinstance(kind, str) else None,
            error_code=code if isinstance(code, str) else None,
            body=event,
        )


class _Stream:
    """What both streams know once they are open."""

    def __init__(self, caller: Any, call: Call, *, derived: bool = True) -> None:
        self._caller, self._call, self._derived = caller, call, derived
        self._reading: Reading | None = None
        self._events: Any = None
        self._ready: deque[Record] = deque()  # shaped, not yet handed out

    @property
    def message(self) -> Message | None:
        """The message so far: whole after the end, partial until then, None before the start."""
        return self._reading.message if self._reading else None

    current_message_snapshot = message

    @property
    def response(self) -> Response | None:
        """The HTTP answer: `.status` and `.headers`."""
        return Response(self._reading.reply.status, self._reading.reply.headers) if self._reading else None

    @property
    def request_id(self) -> str | None:
        """The `request-id` of the answer."""
        return self._reading.reply.headers.get("request-id") if self._reading else None

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """What became of each send."""
        return self._reading.reply.attempts if self._reading else ()

    def _final(self) -> Message:
        message = self.message
        if message is None:
            raise StreamError("The stream had no message", hint=BROKEN)
        return message

    def _shaped(self, event: dict[str, Any]) -> list[Record]:
        if self._derived and self._reading:
            return helper_events(event, self._reading.sum)
        return [Record(event)]


class MessageStream(_Stream):
    """A message on its way: use it in a `with` block, or it closes when read to its end.

    Iterating gives wire events and the derived ones the official SDK names (`text`, `thinking`, `input_json`,
    `citation`, `signature`); `text_stream` gives text pieces, `raw()` plain wire events only. Raises
    ClaudeError with `.partial`, and Stopped when interrupted; the connection is closed in every case.
    """

    def open(self) -> Self:
        """Send the request, unless that was done; returns when the answer begins."""
        if self._events is None:
            reply = self._caller.send(self._call)
            try:
                self._reading = Reading(reply, self._caller.route)
            except BaseException:
                reply.open.close()
                raise
            self._events = _read(self._reading, reply.open)
            next(self._events)  # from here on, dropping the stream closes the connection
        return self

    def raw(self) -> Iterator[dict[str, Any]]:
        """Yield the wire events as plain dicts; the fastest way."""
        self.open()
        return self._events  # type: ignore[no-any-return]

    @property
    def text_stream(self) -> Iterator[str]:
        """Yield the pieces of the answer's text."""
        return (text for event in self.raw() if (text := _text(event)))

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Record:
        while not self._ready:
            self._ready += self._shaped(next(self.raw()))
        return self._ready.popleft()

    def until_done(self) -> None:
        """Read to the end."""
        for _ in self.raw():
            pass

    def get_final_message(self) -> Message:
        """Read to the end and return the whole Message."""
        self.until_done()
        self.close()
        return self._final()

    def get_final_text(self) -> str:
        """Read to the end and return the text."""
        return self.get_final_message().text

    def close(self) -> None:
        """Close the connection; what arrived stays in `.message`."""
        if self._reading is not None:
            self._reading.reply.open.close()

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncMessageStream(_Stream):
    """A message on its way, for `async with` and `async for`; otherwise as `MessageStream`."""

    async def open(self) -> Self:
        """Send the request, unless that was done; returns when the answer begins."""
        if self._events is None:
            reply = await self._caller.send(self._call)
            try:
                self._reading = Reading(reply, self._caller.route)
            except BaseException:
                await reply.open.aclose()
                raise
            self._events = _aread(self._reading, reply.open)
            await anext(self._events)  # from here on, dropping the stream closes the connection
        return self

    async def raw(self) -> AsyncIterator[dict[str, Any]]:
        """Yield the wire events as plain dicts; the fastest way."""
        await self.open()
        async for event in self._events:
            yield event

    @property
    async def text_stream(self) -> AsyncIterator[str]:
        """Yield the pieces of the answer's text."""
        async for event in self.raw():
            if text := _text(event):
                yield text

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Record:
        await self.open()
        while not self._ready:
            self._ready += self._shaped(await anext(self._events))
        return self._ready.popleft()

    async def until_done(self) -> None:
        """Read to the end."""
        async for _ in self.raw():
            pass

    async def get_final_message(self) -> Message:
        """Read to the end and return the whole Message."""
        await self.until_done()
        await self.close()
        return self._final()

    async def get_final_text(self) -> str:
        """Read to the end and return the text."""
        return (await self.get_final_message()).text

    async def close(self) -> None:
        """Close the connection; what arrived stays in `.message`."""
        if self._reading is not None:
            await self._reading.reply.open.aclose()

    async def __aenter__(self) -> Self:
        return await self.open()

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def _read(reading: Reading, download: Any) -> Iterator[dict[str, Any]]:
    """Yield once when begun, then the events; holds no stream, so that a dropped one is closed at once."""
    try:
        yield {}
        for chunk in download.chunks():
            yield from reading.take(chunk)
        reading.end()
    except ClaudeError as error:
        if not reading.sum.done:  # a whole message stays whole, whatever becomes of the connection
            raise reading.blame(error) from None
    except KeyboardInterrupt:
        raise Stopped(partial=reading.message) from None
    finally:
        download.close()


async def _aread(reading: Reading, download: Any) -> AsyncIterator[dict[str, Any]]:
    try:
        yield {}
        async with aclosing(download.achunks()) as chunks:
            async for chunk in chunks:
                for event in reading.take(chunk):
                    yield event
        reading.end()
    except ClaudeError as error:
        if not reading.sum.done:
            raise reading.blame(error) from None
    finally:
        await download.aclose()


def _text(event: dict[str, Any]) -> str:
    delta = event.get("delta")
    if (
        event.get("type") == "content_block_delta"
        and isinstance(delta, dict)
        and delta.get("type") == "text_delta"
    ):
        text = delta.get("text")
        return text if isinstance(text, str) else ""
    return ""
