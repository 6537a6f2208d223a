"""What do the streams of the service look like? Each is a list of events, made by small builders."""

from __future__ import annotations

import json

USAGE = {
    "input_tokens": 21,
    "cache_creation_input_tokens": 0,
    "cache_read_input_tokens": 5,
    "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
    "output_tokens": 1,
    "service_tier": "standard",
    "inference_geo": "global",
}
PING = {"type": "ping"}
STOP = {"type": "message_stop"}
CITATION = {
    "type": "web_search_result_location",
    "url": "https://example.org/tides",
    "title": "Tides",
    "encrypted_index": "aWR4",
    "cited_text": "High water 06:10",
}
RESULTS = [
    {
        "type": "web_search_result",
        "url": "https://example.org/tides",
        "title": "Tides",
        "encrypted_content": "ZGVtbw==",
        "page_age": None,
    }
]
DIRECT = {"type": "direct"}


def start(**fields):
    message = {
        "id": "msg_demo",
        "type": "message",
        "role": "assistant",
        "model": "claude-haiku-5-5",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "stop_details": None,
        "container": None,
        "diagnostics": None,
        "usage": USAGE,
    }
    return {"type": "message_start", "message": {**message, **fields}}


def block(index, began, *deltas):
    return [
        {"type": "content_block_start", "index": index, "content_block": began},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


def change(usage=None, beside=None, **delta):
    delta = {"stop_reason": "end_turn", "stop_sequence": None, **delta}
    return {"type": "message_delta", "delta": delta, "usage": usage or {"output_tokens": 9}, **(beside or {})}


def text(*pieces, **fields):
    return {"type": "text", "text": "", **fields}, *({"type": "text_delta", "text": p} for p in pieces)


def tool(*pieces, **fields):
    began = {"type": "tool_use", "id": "toolu_demo", "name": "frame_query", "input": {}, **fields}
    return began, *({"type": "input_json_delta", "partial_json": p} for p in pieces)


def thinking(*pieces, signature="c2ln"):
    return (
        {"type": "thinking", "thinking": "", "signature": ""},
        *({"type": "thinking_delta", "thinking": p} for p in pieces),
        {"type": "signature_delta", "signature": signature},
    )


SAMPLES = {
    "text": [start(), *block(0, *text("The mean is ", "4.2.")), PING, change(container=None), STOP],
    "text that is not ASCII": [start(), *block(0, *text("π ≈ ", "3,14 🙂")), change(), STOP],
    "two texts": [start(), *block(0, *text("a")), *block(1, *text("b", "c")), change(), STOP],
    "nothing": [start(), change(stop_reason="max_tokens"), STOP],
    "thinking, then a tool": [
        start(),
        *block(0, *thinking("They want rows per year; ", "query the frame.")),
        *block(1, *tool("", '{"by": "ye', 'ar", "agg": "count"}', caller=DIRECT)),
        change(
            {"output_tokens": 64, "output_tokens_details": {"thinking_tokens": 23}}, stop_reason="tool_use"
        ),
        STOP,
    ],
    "thinking that is not shown": [start(), *block(0, *thinking()), *block(1, *text("4")), change(), STOP],
    "a tool without arguments": [start(), *block(0, *tool("")), change(stop_reason="tool_use"), STOP],
    "a tool cut short by max_tokens": [
        start(),
        *block(0, *tool('{"by": "year", "rows": [1, 2], "note": "unfin')),
        change(stop_reason="max_tokens"),
        STOP,
    ],
    "a server tool with citations": [
        start(),
        *block(
            0, *tool('{"query": "tide table"}', type="server_tool_use", id="srvtoolu_demo", name="web_search")
        ),
        *block(1, {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_demo", "content": RESULTS}),
        *block(
            2,
            text(citations=[])[0],
            {"type": "citations_delta", "citation": CITATION},
            *text("At 06:10.")[1:],
        ),
        change(
            {
                "input_tokens": 5210,
                "cache_creation_input_tokens": None,
                "output_tokens": 58,
                "server_tool_use": {"web_search_requests": 1, "web_fetch_requests": 0},
            }
        ),
        STOP,
    ],
    "a refusal": [
        start(),
        *block(0, *text("I")),
        change(
            stop_reason="refusal", stop_details={"type": "refusal", "category": "bio", "explanation": None}
        ),
        STOP,
    ],
    "a container": [
        start(),
        *block(0, {"type": "redacted_thinking", "data": "eA=="}),
        change(container={"id": "container_1", "expires_at": "2026-12-01T00:00:00Z", "skills": None}),
        change(stop_reason="stop_sequence", stop_sequence="END", container=None),
        STOP,
    ],
}
BETA_SAMPLES = {
    "compaction": [
        start(),
        *block(
            0,
            {"type": "compaction", "content": None, "encrypted_content": None},
            {"type": "compaction_delta", "content": "So far: two frames.", "encrypted_content": "ZQ=="},
        ),
        change(
            {"output_tokens": 9, "iterations": [{"type": "message", "input_tokens": 1, "output_tokens": 2}]},
            {"context_management": {"applied_edits": []}},
            stop_reason="compaction",
        ),
        STOP,
    ],
    "a fallback": [
        start(model="claude-fable-5-2"),
        *block(
            0,
            {
                "type": "fallback",
                "from": {"model": "claude-fable-5-2"},
                "to": {"model": "claude-opus-5-5"},
                "trigger": {"type": "refusal", "category": None, "explanation": None},
            },
        ),
        *block(1, *text("Yes.")),
        change(),
        STOP,
    ],
}
ALL = SAMPLES | BETA_SAMPLES


def encoded(events, line_end="\n"):
    lines = (f"event: {e['type']}\ndata: {json.dumps(e, ensure_ascii=False)}\n\n" for e in events)
    return "".join(lines).replace("\n", line_end).encode()
