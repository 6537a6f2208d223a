"""How does a Message go out as server-sent events?"""

from __future__ import annotations

import json

import pytest

from claude_magic.practice.messages.stream import PIECE
from claude_magic.protocol.accumulate import Accumulator

TEXT = "The pilot costs 40 euros. Boats over 12 metres need a pilot. Fishing is forbidden near the pier."
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = {"name": "get_weather", "description": "Get the weather in a city", "input_schema": CITY}
SOURCE = {"type": "text", "media_type": "text/plain", "data": TEXT}
DOCUMENT = {"type": "document", "title": "Log", "source": SOURCE, "citations": {"enabled": True}}
ASKED = {
    "text": (TEXT, {}),
    "tools": ("weather in Paris", {"tools": [WEATHER]}),
    "thinking": (TEXT, {"thinking": {"type": "adaptive", "display": "summarized"}}),
    "hidden thinking": (TEXT, {"thinking": {"type": "adaptive"}}),
    "citations": ([DOCUMENT, {"type": "text", "text": "What does the pilot cost?"}], {}),
    "refusal": (f"practice:refuse {TEXT}", {}),
    "stop sequence": (TEXT, {"stop_sequences": ["pilot"]}),
    "max_tokens": (TEXT, {"max_tokens": 4}),
    "spaces": ("practice:echo \n\n  a \u2028 b\r\n\t", {}),
    "cache": ([{"type": "text", "text": TEXT * 90, "cache_control": {"type": "ephemeral"}}], {}),
    "speed": (TEXT, {"model": "claude-opus-5-5", "speed": "fast"}),
}
each = pytest.mark.parametrize(("content", "params"), ASKED.values(), ids=ASKED)


@each
def test_a_stream_adds_up_to_the_plain_answer(make_api, content, params):
    plain = make_api().message(content, **params)
    accumulator = Accumulator()
    for event in make_api().events(content, **params):
        accumulator.add(event)
    assert accumulator.done
    assert plain == accumulator.message()


@each
def test_events_come_in_the_services_order(api, content, params):
    events = api.events(content, **params)
    kinds = [e["type"] for e in events if e["type"] not in ("ping", "content_block_delta")]
    blocks = len(kinds) - 3
    assert ["message_start", *["content_block_start", "content_block_stop"] * (blocks // 2)] == kinds[:-2]
    assert ["message_delta", "message_stop"] == kinds[-2:]
    assert sorted(e["index"] for e in events if "index" in e) == [e["index"] for e in events if "index" in e]
    assert "ping" in [e["type"] for e in events]
    assert events[0]["message"]["usage"]["input_tokens"] == events[-2]["usage"]["input_tokens"]


@pytest.mark.parametrize("text", ["", " ", "a", "  a  b\n\nc d e f g ", "\n\n", "x" * 10_000])
def test_pieces_of_a_text_lose_nothing(text):
    assert text == "".join(PIECE.findall(text))


def test_speed_is_tokens_a_second(make_api):
    parts = list(make_api(speed=50).post(TEXT, stream=True).parts())
    pauses = [p for p in parts if isinstance(p, float)]
    tokens = make_api().message(TEXT)["usage"]["output_tokens"]
    assert tokens / 50 == pytest.approx(sum(pauses), rel=0.2)
    assert len(pauses) > 2
    assert [tokens / 50] == [p for p in make_api(speed=50).post(TEXT).parts() if isinstance(p, float)]


def test_without_a_speed_nothing_waits(api):
    assert not [p for p in api.post(TEXT, stream=True).parts() if not isinstance(p, bytes)]


def test_long_pauses_have_pings_between(make_api):
    events = make_api(speed=1).events(TEXT)
    assert sum(e["type"] == "ping" for e in events) > 2


def test_a_stream_is_one_json_line_per_event(api):
    data = b"".join(api.post("practice:echo a\nb\r\nc", stream=True).parts())
    lines = [line for line in data.decode().split("\n") if line.startswith("data: ")]
    assert all(json.loads(line.removeprefix("data: ")) for line in lines)
    assert b"\r" not in data
