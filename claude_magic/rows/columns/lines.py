"""How do the result lines of a batch become outcomes and columns, in one pass?

Of a line only the fields that are needed are read, into typed structs; a line that does not fit them is read
as any JSON. Both ways give what `outcome.answered` gives. The order of the lines is not that of the requests.
https://platform.claude.com/docs/en/build-with-claude/batch-processing#retrieve-batch-results
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec

from claude_magic import wire
from claude_magic.api.feeds import Bytes
from claude_magic.errors import StreamError
from claude_magic.protocol.endpoints import ENDPOINTS
from claude_magic.rows import outcome
from claude_magic.rows.columns import reading
from claude_magic.rows.columns.rates import Rates
from claude_magic.rows.outcome import Outcome
from claude_magic.talk.answer import said

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from claude_magic.api.client import Client
    from claude_magic.api.feeds import Feed

SILENT = {
    # results without an answer or an error: what is said of them. They are free of charge.
    "expired": "The batch ended before this request had its turn",
    "canceled": "The batch was canceled before this request had its turn",
}
AGAIN = "Fetch the results again; the service keeps them for 29 days."
NOTHING = msgspec.Raw(b"null")
Tokens = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class _Written(msgspec.Struct, gc=False):
    ephemeral_5m_input_tokens: Tokens | None = None
    ephemeral_1h_input_tokens: Tokens | None = None


class _Usage(msgspec.Struct, gc=False):
    """What is charged for, where that is the tokens alone: other values of the last fields do not fit."""

    input_tokens: Tokens
    output_tokens: Tokens
    cache_creation_input_tokens: Tokens | None = None
    cache_read_input_tokens: Tokens | None = None
    cache_creation: _Written | None = None
    service_tier: Literal["standard", "batch"] | None = None
    inference_geo: Literal["", "global", "not_available"] | None = None
    server_tool_use: dict[str, Literal[0] | None] | None = None
    speed: Literal["standard"] | None = None
    iterations: None = None


class _Message(msgspec.Struct, gc=False):
    content: list[reading.Block]
    usage: _Usage
    model: str
    stop_reason: str | None = None
    request_id: str | None = None


class _Result(msgspec.Struct, gc=False):
    type: str
    message: msgspec.Raw = NOTHING
    error: msgspec.Raw = NOTHING


class _Line(msgspec.Struct, gc=False):
    custom_id: str
    result: _Result


_lines = msgspec.json.Decoder(_Line)
_messages = msgspec.json.Decoder(_Message)
_UNFIT = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class Reader:
    """Turns result lines into outcomes, each with its text; bytes are pushed in as they come.

    Without `keep` the outcomes have no message, which is most of their memory; without `priced` no cost.
    """

    def __init__(
        self,
        *,
        source: str = "batch",
        fits: Callable[[str], str] | None = None,
        keep: bool = True,
        priced: bool = True,
    ) -> None:
        self._source, self._fits, self._keep = source, fits, keep
        self._rates = Rates() if priced else None
        self._rest, self._read = bytearray(), 0
        self._bad: list[int] = []  # numbers of lines that are no result

    def take(self, chunk: bytes) -> list[tuple[Outcome, str]]:
        """Return the outcomes and texts of the lines that these bytes complete."""
        head, end, tail = chunk.rpartition(b"\n")
        if not end:
            self._rest += tail
            return []
        whole, self._rest, made = bytes(self._rest) + head, bytearray(tail), list[tuple[Outcome, str]]()
        for line in _split(whole):
            self._read += 1
            found = self._outcome(line) if isinstance(line, _Line) else self._slow(line)
            if found is None:
                self._bad.append(self._read)
            else:
                made.append(found)
        return made

    def end(self) -> list[tuple[Outcome, str]]:
        """Return what the last line says."""
        return self.take(b"\n")

    def check(self) -> None:
        """Raise StreamError where any line was no result."""
        if self._bad:
            count = len(self._bad)
            what = "A line of the results is" if count == 1 else f"{count:,} lines of the results are"
            raise StreamError(f"{what} not readable, the first is line {self._bad[0]:,}", hint=AGAIN)

    def _outcome(self, line: _Line) -> tuple[Outcome, str] | None:
        key, result = line.custom_id, line.result
        try:
            message = _messages.decode(result.message)
            whole = result.type == "succeeded" and message.stop_reason not in outcome.CUT
            if whole and (counts := _counts(message)):
                return self._made(key, message, counts, bytes(result.message) if self._keep else None)
        except _UNFIT:
            pass
        try:
            told = wire.decode(bytes(result.error if result.message == NOTHING else result.message))
        except ValueError:
            return None
        return self._said(key, result.type, told)

    def _made(
        self, key: str, message: _Message, counts: tuple[int, int, int, int, int], kept: bytes | None
    ) -> tuple[Outcome, str]:
        usage, text, why = message.usage, reading.text(message.content), ""
        if self._fits is not None:
            why = self._fits("".join(b.text or "" for b in message.content if b.type == "text"))
        batch, rates = self._source == "batch" or usage.service_tier == "batch", self._rates
        made = Outcome(
            key,
            "invalid" if why else "ok",
            kept,
            "invalid_answer" if why else None,
            why or None,
            message.stop_reason,
            message.model,
            usage.input_tokens,
            usage.output_tokens,
            usage.cache_read_input_tokens,
            counts[2],
            counts[3],
            rates.cost(message.model, counts, batch=batch) if rates else None,
            usage.service_tier,
            1,
            None,
            message.request_id,
            self._source,
        )
        return made, text

    def _slow(self, line: bytes) -> tuple[Outcome, str] | None:
        """Return the outcome of a line that does not fit the structs, None where it is no result."""
        try:
            found = wire.decode(line)
        except ValueError:
            return None
        result = found.get("result") if isinstance(found, dict) else None
        if not isinstance(result, dict):
            return None
        told = result.get("error") if result.get("message") is None else result["message"]
        return self._said(str(found.get("custom_id")), str(result.get("type")), told)

    def _said(self, key: str, kind: str, told: Any) -> tuple[Outcome, str]:
        """Return the outcome of any message or error."""
        if kind != "succeeded" or not _is_readable(told):
            return _unanswered(key, kind, told, self._source)
        made = outcome.answered(key, told, source=self._source, fits=self._fits)
        return (made if self._keep else made._replace(message=None)), said(told.get("content") or ())


def outcomes(
    chunks: Iterable[bytes], *, source: str = "batch", fits: Callable[[str], str] | None = None
) -> Iterator[Outcome]:
    """Yield the outcome of every result line, in the order they come; the bytes may be cut anywhere.

    `fits` is as for `outcome.answered`. Raises StreamError, after all others, for lines that are no result.
    """
    return (found for found, _ in read(chunks, Reader(source=source, fits=fits)))


def fetched(client: Client, batch_id: str) -> Feed:
    """Return a batch's result lines as they are, in pieces of bytes; `write_to_file(path)` keeps them."""
    caller = client._caller  # noqa: SLF001 - `client.messages.batches.results` takes the lines apart
    row = ENDPOINTS["messages.batches.results"]
    feed: Feed = caller.run(
        caller.call(row, {}, stream=True, message_batch_id=batch_id), lambda reply: caller.feed(reply, Bytes)
    )
    return feed


def read(chunks: Iterable[bytes], reader: Reader) -> Iterator[tuple[Outcome, str]]:
    """Yield the outcomes and texts that a reader finds; raises StreamError at the end, as `outcomes`."""
    for chunk in chunks:
        yield from reader.take(chunk)
    yield from reader.end()
    reader.check()


def _split(whole: bytes) -> Sequence[_Line | bytes]:
    """Return lines as structs; those that do not fit as they are."""
    try:
        if not whole.isascii():
            whole.decode()  # what is passed over in a line is not looked at
        return _lines.decode_lines(whole)
    except _UNFIT:
        return [*map(_line, filter(bytes.strip, whole.split(b"\n")))]


def _line(line: bytes) -> _Line | bytes:
    try:
        line.decode()
        return _lines.decode(line)
    except _UNFIT:
        return line


def _counts(message: _Message) -> tuple[int, int, int, int, int] | None:
    """Return the tokens of each of `catalog.KINDS`, None where they do not add up."""
    usage = message.usage
    written, split = usage.cache_creation_input_tokens, usage.cache_creation
    short, long = written or 0, 0
    if split is not None:
        short, long = split.ephemeral_5m_input_tokens or 0, split.ephemeral_1h_input_tokens or 0
        if written is not None and written != short + long:
            return None
    return usage.input_tokens, usage.output_tokens, short, long, usage.cache_read_input_tokens or 0


def _is_readable(message: Any) -> bool:
    """Say whether JSON can be a message, whatever its blocks and numbers are."""
    if not isinstance(message, dict):
        return False
    content, usage = message.get("content"), message.get("usage")
    words = (message.get("stop_reason"), message.get("model"), message.get("request_id"))
    listed = isinstance(content, list | None) and isinstance(usage, dict | None)
    return listed and all(isinstance(word, str | None) for word in words)


def _unanswered(key: str, kind: str, told: Any, source: str) -> tuple[Outcome, str]:
    """Return the outcome of a request without an answer, in the words of the service where it has any."""
    told = told if isinstance(told, dict) else {}
    error: Mapping[str, Any] = inner if isinstance(inner := told.get("error"), dict) else told
    given = (error.get("type"), error.get("message"), told.get("request_id"))
    named, words, request = (one if isinstance(one, str) and one else None for one in given)
    status = kind if kind in SILENT else "error"
    why = " ".join((words or SILENT.get(kind) or f"The result is {kind!r}, without an answer").split())
    return Outcome(key, status, None, named or kind, why, request_id=request, source=source), ""
