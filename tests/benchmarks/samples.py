"""What is sent and answered in the benchmarks?"""

from __future__ import annotations

import json
from typing import Any

MODEL = "claude-haiku-5-5"
KEY = "practice-key-" + "".join(chr(65 + i * 7 % 26) + chr(97 + i * 11 % 26) for i in range(45))
ASKED: dict[str, Any] = {
    "model": MODEL,
    "max_tokens": 64,
    "messages": [{"role": "user", "content": "How many?"}],
}
USAGE = {
    "input_tokens": 12,
    "cache_creation_input_tokens": 0,
    "cache_read_input_tokens": 0,
    "output_tokens": 9,
}
MESSAGE: dict[str, Any] = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": MODEL,
    "content": [],
    "stop_reason": None,
    "stop_sequence": None,
    "stop_details": None,
    "container": None,
    "diagnostics": None,
    "usage": USAGE,
}
ANSWER = json.dumps(
    MESSAGE | {"content": [{"type": "text", "text": "A hundred and fifty."}], "stop_reason": "end_turn"}
).encode()
TEXT = {"type": "text", "text": ""}
TOOL = {"type": "tool_use", "id": "toolu_1", "name": "rows", "input": {}}


def text_frames(count: int) -> list[bytes]:
    """Return a stream with `count` pieces of text, one frame an item."""
    return _frames(TEXT, [{"type": "text_delta", "text": f" word{i}"} for i in range(count)])


def tool_frames(count: int) -> list[bytes]:
    """Return a stream with a tool argument in `count` pieces, one frame an item."""
    argument = json.dumps({"rows": [f"r{i:05}" for i in range(count)]})
    size = -(-len(argument) // count)
    pieces = [argument[i : i + size] for i in range(0, len(argument), size)]
    return _frames(TOOL, [{"type": "input_json_delta", "partial_json": piece} for piece in pieces])


def _frames(began: dict[str, Any], deltas: list[dict[str, Any]]) -> list[bytes]:
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": MESSAGE},
        {"type": "content_block_start", "index": 0, "content_block": began},
        *({"type": "content_block_delta", "index": 0, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": USAGE,
        },
        {"type": "message_stop"},
    ]
    return [f"event: {e['type']}\ndata: {json.dumps(e, separators=(',', ':'))}\n\n".encode() for e in events]
