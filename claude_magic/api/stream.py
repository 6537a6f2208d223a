"""How is a message read while it is being written?

`Reading` turns bytes into events and a growing Message and holds no socket. A message is complete only after
`message_stop`; anything else is an error that carries what arrived (S1).
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Self, cast

from claude_magic.api.feeds import NO_JSON, Reader, Writing
from claude_magic.errors import Attempt, StreamError
from claude_magic.protocol.accumulate import Accumulator, helper_events
from claude_magic.transport import AsyncHeld, Awaiting, Blocking, Held, followed
from claude_magic.wire import Message, Record, decode_plain

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Generator, Iterator

    from claude_magic.policy import Call, Reply


class Reading(Writing):
    """The events of a message being written, as plain dicts, each yielded once it is in the message."""

    hint = "What arrived is in error.partial; in a conversation, %claude continue goes on from there."

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply)
        self.sum, self.longest = Accumulator(), reply.open.call.most

    @property
    def done(self) -> bool:  # type: ignore[override]
        """Whether `message_stop` has been seen."""
        return self.sum.done

    def take(self, chunk: bytes) -> Iterator[dict[str, Any]]:
        """Yield the events these bytes complete; raises StreamError."""
        add, found = self.sum.add, self.decoder.feed_data(chunk)
        whole = b"".join(found)
        if self.clean(whole) is not whole:  # looked at once a read, not an event
            found = [self.clean(data) for data in found]
        for data in filter(None, found):
            try:
                event = decode_plain(data)
                kind = event.get("type")
            except (ValueError, AttributeError):  # it is not JSON, or no object
                raise StreamError(NO_JSON, hint=self.hint) from None
            if kind == "error":
                raise self.reported(data)
            if kind != "ping":  # a sign of life
                add(event)
                yield event

    @property
    def message(self) -> Message | None:  # type: ignore[override]
        """The message so far, or None before `message_start`."""
        message = self.sum.message()
        return message.answered(self.reply.response) if message else None


class _Stream(Reader):
    """What both streams know, and what they do once they are open."""

    def __init__(self, caller: Any, call: Call, *, derived: bool = True) -> None:
        self._caller, self._call, self._derived = caller, call, derived
        self._ready: deque[Record] = deque()  # shaped, not yet handed out

    @followed
    def open(self) -> Generator[Any, Any, Self]:
        """Send the request, unless that was done; returns when the answer begins."""
        if self._items is None:
            self._begin((yield self._caller.run(self._call, lambda reply: reply)), Reading)
        return self

    @property
    def message(self) -> Message | None:
        """The message so far: whole after the end, partial until then, None before the start."""
        return self._splitter and self._splitter.message  # type: ignore[no-any-return]

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """What became of each send."""
        return self._reply.attempts if self._reply else ()

    @followed
    def get_final_message(self) -> Generator[Any, Any, Message]:
        """Read to the end and return the whole Message; raises StreamError where it did not become whole."""
        yield self.open()
        yield self._way.each(self._items, lambda _: None)
        self._splitter.end()
        return cast("Message", self._splitter.message)

    @followed
    def get_final_text(self) -> Generator[Any, Any, str]:
        """Read to the end and return the text."""
        message: Message = yield self.get_final_message()
        return message.text

    def _shaped(self, event: dict[str, Any]) -> list[Record]:
        return helper_events(event, self._splitter.sum) if self._derived else [Record(event)]


class MessageStream(_Stream, Held):
    """A message on its way: use it in a `with` block, or it closes when read to its end.

    Iterating gives wire events and the derived ones the official SDK names (`text`, `thinking`, `input_json`,
    `citation`, `signature`); `text_stream` gives text pieces, `raw()` plain wire events only. Raises
    ClaudeError with `.partial`, and Stopped when interrupted; the connection is closed in every case.
    """

    _way = Blocking

    def raw(self) -> Iterator[dict[str, Any]]:
        """Yield the wire events as plain dicts; the fastest way."""
        if self._items is None:
            self.open()
        return self._items  # type: ignore[no-any-return]

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

    def __enter__(self) -> Self:
        return self.open()


class AsyncMessageStream(_Stream, AsyncHeld):
    """A message on its way, for `async with` and `async for`; otherwise as `MessageStream`."""

    _way = Awaiting
    open: Any  # what the others return is to be awaited here

    async def raw(self) -> AsyncIterator[dict[str, Any]]:
        """Yield the wire events as plain dicts; the fastest way."""
        await self.open()
        async for event in self._items:
            yield event

    @property
    def text_stream(self) -> AsyncIterator[str]:
        """Yield the pieces of the answer's text."""
        return (text async for event in self.raw() if (text := _text(event)))

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Record:
        if self._items is None:
            await self.open()
        while not self._ready:
            self._ready += self._shaped(await anext(self._items))
        return self._ready.popleft()

    async def __aenter__(self) -> Self:
        return await self.open()  # type: ignore[no-any-return]


def _text(event: dict[str, Any]) -> str:
    match event:
        case {"type": "content_block_delta", "delta": {"type": "text_delta", "text": str(text)}}:
            return text
    return ""
