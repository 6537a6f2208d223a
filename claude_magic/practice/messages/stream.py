"""How does a Message go out as server-sent events?

The order and fields of https://docs.claude.com/en/docs/build-with-claude/streaming. The same Message comes
out of a stream as of a plain answer.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from claude_magic import wire
from claude_magic.protocol.catalog import estimate_tokens

if TYPE_CHECKING:
    from collections.abc import Iterator

    from claude_magic.practice.messages.answers import Draft

EVENTS = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache"}
"""The headers of a stream."""
Chunk = bytes | float | Exception
PIECE, WORD = re.compile(r"\s*(?:\S+\s*){1,4}|\s+"), re.compile(r"\s*\S+\s*|\s+")
SHORT = 100  # characters of a text that comes word by word, so that a short one is seen to be written too
JSON_PIECE = 16  # characters
PING_EVERY = 5.0  # seconds of pauses
SLOW, SILENCE = 8.0, 60.0  # tokens a second; seconds
ENDING = ("stop_reason", "stop_sequence", "stop_details", "container")
TOTALS = (
    *("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"),
    *("output_tokens", "output_tokens_details", "server_tool_use"),
)
EMPTY: dict[str, dict[str, Any]] = {
    "text": {"text": ""},
    "thinking": {"thinking": "", "signature": ""},
    "tool_use": {"input": {}},
    "server_tool_use": {"input": {}},
}
CUT = "practice drill: the connection was cut"
OVERLOADED = {"type": "overloaded_error", "message": "Overloaded"}


def frame(event: dict[str, Any]) -> bytes:
    """Return an event as it goes over the wire."""
    return b"event: %s\ndata: %s\n\n" % (event["type"].encode(), wire.encode(event))


def events(message: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the events that add up to the message."""
    usage, ending = message["usage"], {name: message[name] for name in ENDING}
    begun = {**usage, "output_tokens": min(1, usage["output_tokens"]), "output_tokens_details": None}
    yield {
        "type": "message_start",
        "message": {**message, **dict.fromkeys(ENDING), "content": [], "usage": begun},
    }
    for index, block in enumerate(message["content"]):
        yield {"type": "content_block_start", "index": index, "content_block": _begun(block)}
        if index == 0:
            yield {"type": "ping"}
        for delta in _deltas(block):
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    totals = {name: usage[name] for name in TOTALS if usage[name] is not None}
    yield {"type": "message_delta", "delta": ending, "usage": totals}
    yield {"type": "message_stop"}


def _begun(block: dict[str, Any]) -> dict[str, Any]:
    begun = {**block, **EMPTY.get(block["type"], {})}
    return begun | {"citations": []} if block.get("citations") else begun


def _deltas(block: dict[str, Any]) -> Iterator[dict[str, Any]]:
    match block["type"]:
        case "text":
            for citation in block["citations"] or ():
                yield {"type": "citations_delta", "citation": citation}
            for piece in (WORD if len(block["text"]) <= SHORT else PIECE).findall(block["text"]):
                yield {"type": "text_delta", "text": piece}
        case "thinking":
            for piece in PIECE.findall(block["thinking"]):
                yield {"type": "thinking_delta", "thinking": piece}
            yield {"type": "signature_delta", "signature": block["signature"]}
        case "tool_use" | "server_tool_use":
            whole = wire.encode(block["input"]).decode()
            yield {"type": "input_json_delta", "partial_json": ""}
            for at in range(0, len(whole), JSON_PIECE):
                yield {"type": "input_json_delta", "partial_json": whole[at : at + JSON_PIECE]}


def chunks(message: dict[str, Any], request_id: str, made: Draft, speed: float | None) -> Iterator[Chunk]:
    """Yield a stream's bytes and pauses: `speed` tokens a second, and a drill's fault half way through."""
    planned, quiet, speed = [*events(message)], 0.0, _speed(made, speed)
    middle = _middle(planned)
    if made.delay:
        yield made.delay
    for n, event in enumerate(planned):
        if n == middle and made.way == "silence":
            yield _silence(made)
        elif n == middle and made.way == "cut":
            yield ConnectionResetError(CUT)
            return
        elif n == middle and made.way == "error":
            yield frame({"type": "error", "error": OVERLOADED, "request_id": request_id})
            return
        if speed and (pause := _tokens(event, message["model"]) / speed):
            yield pause
            quiet += pause
            if quiet >= PING_EVERY:
                quiet = 0.0
                yield frame({"type": "ping"})
        yield frame(event)


def whole(message: dict[str, Any], made: Draft, speed: float | None) -> Iterator[Chunk]:
    """Yield a plain answer's bytes and pauses."""
    data, speed = wire.encode(message), _speed(made, speed)
    if made.delay:
        yield made.delay
    if made.way == "silence":
        yield _silence(made)
    if speed and message["usage"]["output_tokens"]:
        yield message["usage"]["output_tokens"] / speed
    if made.way == "cut":
        yield data[: len(data) // 2]
        yield ConnectionResetError(CUT)
    else:
        yield data


def _speed(made: Draft, speed: float | None) -> float | None:
    return (made.figure or SLOW) if made.way == "slow" else speed


def _silence(made: Draft) -> float:
    return SILENCE if made.figure is None else made.figure


def _middle(planned: list[dict[str, Any]]) -> int:
    """Return where the second half of what is said begins: at least one piece comes before it."""
    said = [n for n, event in enumerate(planned) if event["type"] == "content_block_delta"]
    return said[len(said) // 2] if len(said) > 1 else said[0] + 1 if said else len(planned) // 2


def _tokens(event: dict[str, Any], model: str) -> int:
    delta = event.get("delta", {})
    said = delta.get("text") or delta.get("thinking") or delta.get("partial_json")
    return estimate_tokens(said, model) if said else 0
