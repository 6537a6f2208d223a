"""What does a line of a cassette hold, and how does it become an answer again?

{"cassette": 1, "key": …, "check": …, "recorded": …, "request": {…}, "response": {…}}. A response holds its
status, the few headers that matter, and one of `body` (JSON), `events` (of a stream), `lines` (of JSONL),
`text` and `base64`. A message that was recorded whole is played as a stream where one is asked for, and the
other way round.
"""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from claude_magic import wire
from claude_magic.app import Response
from claude_magic.protocol import canonical
from claude_magic.protocol.accumulate import Accumulator
from claude_magic.protocol.sse import Decoder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from claude_magic.protocol.canonical import Asked

HEADERS = ("content-type", "content-disposition", "request-id")
"""The headers that are kept; ids of the organization, limits and dates are not."""
REPLAY = "x-claude-magic-replay"
"""The header of a played answer; its value says when it was recorded (UTC)."""
EDITED = "; edited"
"""Follows that time where the line is not as it was recorded."""
AGAIN = frozenset((400, 404, 405, 410, 413, 415, 422))
"""Refusals that would come again: https://docs.claude.com/en/api/errors."""
HEALS = re.compile(rb"usage limit|spend|credit|billing|on_hold|on hold|quota", re.IGNORECASE)
"""What a 400 says that time or money heals."""
LONG = 2048  # characters from which a text of a request is kept by its digest
BEGINS = 80  # characters that are kept of it, where it is text
JSON, STREAM, LINES = "application/json", "text/event-stream", ("jsonl", "ndjson", "json-lines")


def request(asked: Asked) -> dict[str, Any]:
    """Return a request as a line holds it: long texts by digest, sorted, without what is empty."""
    query: dict[str, Any] = {}
    for name, value in asked.query:
        query.setdefault(name, []).append(value)
    held = {
        "method": asked.method,
        "path": asked.path,
        "query": {name: values if len(values) > 1 else values[0] for name, values in query.items()},
        "version": asked.version,
        "betas": list(asked.betas),
        "body": _short(asked.body),
    }
    return {name: value for name, value in held.items() if value not in ({}, [], "", None)}


def _short(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _short(value[name]) for name in sorted(value)}
    if isinstance(value, list):
        return [_short(item) for item in value]
    if not isinstance(value, str) or len(value) < LONG:
        return value
    words = " ".join(value[: 2 * BEGINS].split())
    return {**({"begins": words[:BEGINS]} if " " in words else {}), **canonical.digest(value.encode())}


def response(
    asked: Asked, status: int, headers: Mapping[str, str], data: bytes, *, ended: bool
) -> dict[str, Any] | None:
    """Return an answer as a line holds it, or None where it is not to be recorded.

    Recorded are whole successes and refusals that would come again; `ended` says that the body was read to
    its end, without which only a message with its `message_stop` is whole.
    """
    success = 200 <= status < 300
    if not success and (status not in AGAIN or HEALS.search(data)):
        return None
    kind = headers.get("content-type", "")
    held = _content(kind, data)
    if held is None or kind.startswith("text/html"):
        return None
    whole = _is_whole(held["events"]) if "events" in held and is_message(asked) else ended
    kept = {name: headers[name] for name in HEADERS if name in headers}
    return {"status": status, "headers": kept, **held} if whole else None


def is_message(asked: Asked) -> bool:
    """Say whether a call is for a message, whose stream and whole answer say the same."""
    return (asked.method, asked.path) == ("POST", "/v1/messages")


def _content(kind: str, data: bytes) -> dict[str, Any] | None:
    """Return a body in the form that reads best; None where it is not what it says it is."""
    try:
        if kind.startswith(STREAM):
            return {"events": [_event(name, text) for name, text in Decoder().feed(data)]}
        if any(word in kind for word in LINES):
            return {"lines": [wire.decode_plain(line) for line in data.splitlines() if line.strip()]}
        if kind.startswith(JSON):
            return {"body": wire.decode_plain(data)}
    except ValueError:
        return None
    try:
        return {"text": data.decode()}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(data).decode()}


def _event(name: str, data: bytes) -> Any:
    """Return an event: its data where that names its own type, else [name, text]."""
    try:
        found = wire.decode_plain(data)
    except ValueError:
        found = None
    return found if isinstance(found, dict) and found.get("type") == name else [name, data.decode()]


def _is_whole(events: list[Any]) -> bool:
    kinds = [event.get("type") for event in events if isinstance(event, dict)]
    return {"message_start", "message_stop"} <= {*kinds} and "error" not in kinds


def answer(held: Mapping[str, Any], *, asked: Asked, stream: bool, recorded: str) -> Response:
    """Return what a line's response plays as; raises ValueError (or KeyError, TypeError) where it is none."""
    kept = {name: _printed(held["headers"][name]) for name in HEADERS if name in held["headers"]}
    headers, status = {**kept, REPLAY: _printed(recorded)}, held["status"]
    message = is_message(asked) and 200 <= status < 300
    if message and stream and "body" in held:
        headers["content-type"] = f"{STREAM}; charset=utf-8"
        return Response(status, headers, [_frame(event) for event in spelled(held["body"])])
    if message and not stream and "events" in held:
        headers["content-type"] = JSON
        return Response(status, headers, wire.encode(added(held["events"])))
    if "events" in held:
        return Response(status, headers, [_frame(event) for event in held["events"]])
    return Response(status, headers, _bytes(held))


def _printed(value: str) -> str:
    """Return a header's value as HTTP can hold it, whoever edited it."""
    return value.encode("ascii", "backslashreplace").decode()


def _bytes(held: Mapping[str, Any]) -> bytes:
    if "body" in held:
        return wire.encode(held["body"])
    if "lines" in held:
        return b"".join(wire.encode(line) + b"\n" for line in held["lines"])
    return held["text"].encode() if "text" in held else base64.b64decode(held["base64"], validate=True)


def _frame(event: Any) -> bytes:
    name, text = (event["type"], wire.encode(event).decode()) if isinstance(event, dict) else event
    data = "".join(f"data: {line}\n" for line in text.split("\n"))
    return (f"event: {name}\n{data}\n" if name else f"{data}\n").encode()


def added(events: list[Any]) -> dict[str, Any]:
    """Return the message that events add up to; raises ValueError where there is none."""
    total = Accumulator()
    for event in events:
        total.add(event)
    message = total.message()
    if message is None:
        raise ValueError("a stream without a message")
    return message.to_dict()


ENDING = ("stop_reason", "stop_sequence", "stop_details", "container")


def spelled(message: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the events that add up to a message."""
    ending = {name: message[name] for name in ENDING if name in message}
    begun = {**message, **dict.fromkeys(ending), "content": []}
    yield {"type": "message_start", "message": begun}
    for index, block in enumerate(message.get("content") or ()):
        start, deltas = _spelled(block)
        yield {"type": "content_block_start", "index": index, "content_block": start}
        for delta in deltas:
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    yield {"type": "message_delta", "delta": ending, "usage": message.get("usage") or {}}
    yield {"type": "message_stop"}


def _spelled(block: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return how a block begins and the deltas that it grows by; one that has none begins as it is."""
    start, deltas = dict(block), []
    for citation in block.get("citations") or ():
        start["citations"] = []
        deltas.append({"type": "citations_delta", "citation": citation})
    for field, delta in (
        ("text", "text_delta"),
        ("thinking", "thinking_delta"),
        ("signature", "signature_delta"),
    ):
        if isinstance(block.get(field), str) and block.get("type") in ("text", "thinking"):
            start[field] = ""
            deltas.append({"type": delta, field: block[field]})
    if str(block.get("type")).endswith("tool_use") and isinstance(block.get("input"), dict):
        start["input"] = {}
        deltas.append({"type": "input_json_delta", "partial_json": wire.encode(block["input"]).decode()})
    return start, deltas


class Taped(NamedTuple):
    """A recorded exchange in brief: `line` counts from 1, `recorded` is UTC, `times` it came in a row."""

    line: int
    key: str
    method: str
    path: str
    model: str | None
    prompt: str
    status: int
    input_tokens: int | None
    output_tokens: int | None
    stream: bool
    recorded: str
    times: int = 1
    usage: wire.Usage | None = None


def brief(number: int, line: Mapping[str, Any]) -> Taped:
    """Return a line in brief."""
    asked, held = line["request"], line["response"]
    body = asked.get("body")
    told = _result(held)
    usage = wire.Usage(told["usage"]) if isinstance(told.get("usage"), dict) else None
    return Taped(
        number,
        line["key"],
        asked["method"],
        asked["path"],
        told.get("model") or (body.get("model") if isinstance(body, dict) else None),
        prompt(body),
        held["status"],
        usage.total_input_tokens if usage is not None else None,
        usage.get("output_tokens") if usage is not None else None,
        "events" in held,
        line.get("recorded", ""),
        line.get("times", 1),
        usage,
    )


def _result(held: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what an answer says of itself: the message, without its text where it was streamed."""
    if "events" not in held:
        return held["body"] if isinstance(held.get("body"), dict) else {}
    total = Accumulator()
    for event in held["events"]:
        if isinstance(event, dict) and event.get("type") in ("message_start", "message_delta"):
            total.add(event)
    return total.message() or {}


def prompt(body: Any) -> str:
    """Return the first words of what a message's request asks last, or ""."""
    messages = body.get("messages") if isinstance(body, dict) else None
    content = messages[-1].get("content") if isinstance(messages, list) and messages else ""
    if isinstance(content, list):
        texts = [b.get("text") for b in content if isinstance(b, dict) and b.get("type") == "text"]
        content = texts[-1] if texts else _results(messages or [])
    text = content.get("begins", "") if isinstance(content, dict) else content
    words = " ".join(text.split()) if isinstance(text, str) else ""
    return words if len(words) <= BEGINS else words[: BEGINS - 1] + "…"


def _results(messages: list[Any]) -> str:
    """Return what stands for a message of results: the tools that were called before it."""
    before = messages[-2].get("content") if len(messages) > 1 and isinstance(messages[-2], dict) else None
    blocks = before if isinstance(before, list) else []
    names = [str(b.get("name")) for b in blocks if isinstance(b, dict) and b.get("type") == "tool_use"]
    return f"results of {', '.join(dict.fromkeys(names))}" if names else ""
