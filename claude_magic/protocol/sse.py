"""How do bytes become server events?

A decoder that is fed bytes and answers complete events; it opens no socket. The rules are those of
https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation.
"""

from __future__ import annotations

import re
from typing import TypeVar

from claude_magic.errors import StreamError

BOM = b"\xef\xbb\xbf"
LIMIT = 64 * 2**20  # bytes of one event, or of one line
T = TypeVar("T")

# What the service writes: two lines and a blank one. Anything else takes the slow way, line by line.
_frames = re.compile(rb"^event: \w+\ndata: ?(.*)\n\n", re.MULTILINE).findall


class Decoder:
    """Turn the bytes of an event stream, cut anywhere, into (event name, data) pairs.

    A name is "" where the event has none. Data is always valid UTF-8. `id` and `retry` are ignored. An event
    that takes more than `limit` bytes raises `StreamError`, after the events before it were handed out.
    """

    def __init__(self, *, limit: int = LIMIT) -> None:
        self._limit = limit
        self._mark = BOM  # which may stand before the first event
        self._after_cr = False
        self._held = bytearray()  # an unfinished event
        self._failure: StreamError | None = None

    def feed(self, data: bytes) -> list[tuple[str, bytes]]:
        """Return the events that these bytes complete; raise `StreamError` when one is too large."""
        return self._given(self._by_line(self._whole(data)))

    def feed_data(self, data: bytes) -> list[bytes]:
        """Return as `feed` does, but the data only, faster: enough where it is JSON that names its type."""
        whole = self._whole(data)
        found = _frames(whole)
        # Each frame that was found has three line feeds; any more belong to something else.
        if whole.count(b"\n") != 3 * len(found) or len(whole) > self._limit:
            return self._given([text for _, text in self._by_line(whole)])
        return self._given(found if whole.isascii() else [_valid(text) for text in found])

    def _whole(self, data: bytes) -> bytes:
        """Return the frames that these bytes complete, ended by LF; keep the rest for later."""
        if self._failure:
            raise self._failure

        # CR, LF and CRLF end a line. A CR ends it at once: an LF that follows in the next bytes is dropped.
        if data and (self._after_cr or b"\r" in data):
            data = data.removeprefix(b"\n") if self._after_cr else data
            self._after_cr = data.endswith(b"\r")
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        if self._held:
            # The end is looked for in the new bytes only, so many small pieces cost no more than one large.
            across = data[:1] == b"\n" and self._held[-1:] == b"\n"
            if not across and b"\n\n" not in data:
                return self._hold(data)
            self._held += data
            data, self._held = bytes(self._held), bytearray()
        end = data.rfind(b"\n\n") + 2
        if end < 2:
            return self._hold(data)
        if end < len(data):
            self._hold(data[end:])
        mark, self._mark = self._mark, b""
        return data[:end].removeprefix(mark)

    def _hold(self, data: bytes) -> bytes:
        self._held += data
        if len(self._held) > self._limit + 1:  # one for a line feed that may be half of the blank line
            self._refuse()
        return b""

    def _by_line(self, whole: bytes) -> list[tuple[str, bytes]]:
        events: list[tuple[str, bytes]] = []
        for frame in whole.split(b"\n\n"):
            if len(frame) > self._limit:
                self._refuse()
                break
            if event := _event(frame):
                events.append(event)
        return events

    def _refuse(self) -> None:
        self._held.clear()
        text = f"One event of the stream is larger than {self._limit:,} bytes"
        self._failure = StreamError(text, hint="Ask for a shorter answer, or for one without large files.")

    def _given(self, events: list[T]) -> list[T]:
        if self._failure and not events:
            raise self._failure
        return events


def _event(frame: bytes) -> tuple[str, bytes] | None:
    name, data = "", []
    for line in frame.split(b"\n"):
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            data.append(value)
        elif field == b"event":
            name = value.decode("utf-8", "replace")
    return (name, _valid(b"\n".join(data))) if data else None


def _valid(data: bytes) -> bytes:
    try:
        data.decode()
    except UnicodeDecodeError:
        return data.decode("utf-8", "replace").encode()
    return data
