"""Do the API's JSON objects survive a round trip, and do they read well?"""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from claude_magic.wire import Message, Record, Usage, decode, encode, plain, record

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)
ANSWER = {
    "type": "message",
    "role": "assistant",
    "model": "claude-haiku-5-5",
    "content": [
        {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"},
        {"type": "text", "text": "Four ", "citations": [{"type": "char_location", "cited_text": "4"}]},
        {"type": "hologram", "beam": {"deep": [1]}},
        {"type": "tool_use", "id": "toolu_1", "name": "add", "input": {"a": 2}},
        {"type": "text", "text": "it is.", "citations": None},
    ],
    "usage": {"input_tokens": 10, "output_tokens": 5, "of_tomorrow": {"x": 1}},
    "of_tomorrow": 7,
}


@given(JSON)
def test_s3_what_is_read_is_written_again_exactly(value: object) -> None:
    assert value == plain(decode(encode(value)))
    assert encode(value) == encode(decode(encode(value)))


def test_s3_unknown_fields_and_blocks_survive_and_are_attributes() -> None:
    message = decode(encode(ANSWER))
    assert ANSWER == plain(message)
    assert 7 == message.of_tomorrow
    assert [1] == message.content[2].beam.deep


def test_a_message_knows_its_text_thinking_tools_and_citations() -> None:
    message = record(ANSWER)
    assert isinstance(message, Message)
    assert ("Four it is.", "Hm.") == (message.text, message.thinking)
    assert ["add"] == [call.name for call in message.tool_calls]
    assert ["4"] == [c.cited_text for c in message.citations]


def test_a_message_without_content_is_empty_not_an_error() -> None:
    empty = Message(type="message", role="assistant", content=None)
    assert ("", "", [], []) == (empty.text, empty.thinking, empty.tool_calls, empty.citations)
    assert empty.cost is None


def test_a_missing_field_is_told_with_those_that_are_there() -> None:
    with pytest.raises(AttributeError, match="'cost'; there are a, b"):
        _ = Record(a=1, b=2).cost


def test_plain_dicts_put_into_a_record_are_wrapped_when_read() -> None:
    made = Record(outer={"inner": [{"x": 1}]})
    assert 1 == made.outer.inner[0].x
    made.outer.inner[0].x = 2
    assert {"outer": {"inner": [{"x": 2}]}} == plain(made)


def test_tab_completion_offers_the_keys_that_are_there() -> None:
    assert {"stop_reason", "content", "text"} <= set(dir(Message(stop_reason=None, content=[])))


def test_usage_adds_up_every_number() -> None:
    a = record(
        {"usage": {"input_tokens": 1, "cache_creation": {"ephemeral_5m_input_tokens": 2}, "speed": "fast"}}
    ).usage
    b = record({"usage": {"input_tokens": 10, "output_tokens": 3, "cache_creation": None}}).usage
    total = sum([a, b])
    assert isinstance(total, Usage)
    assert {
        "input_tokens": 11,
        "cache_creation": {"ephemeral_5m_input_tokens": 2},
        "speed": "fast",
        "output_tokens": 3,
    } == plain(total)


def test_total_input_is_uncached_written_and_read() -> None:
    usage = Usage(input_tokens=5, cache_creation_input_tokens=20, cache_read_input_tokens=None)
    assert 25 == usage.total_input_tokens
    assert (20, 0) == usage.cache_writes


def test_records_pickle_copy_and_become_frames() -> None:
    message = record(ANSWER)
    for again in (pickle.loads(pickle.dumps(message)), copy.deepcopy(message)):
        assert (Message, message, message.text) == (type(again), again, again.text)
    assert ANSWER == json.loads(json.dumps(message))
    assert [10] == list(pd.json_normalize([message])["usage.input_tokens"])


def test_the_official_names_for_plain_values_work() -> None:
    made = record({"a": [{"b": 1}]})
    assert {"a": [{"b": 1}]} == made.model_dump() == made.to_dict()
    assert type(made.to_dict()["a"][0]) is dict
    assert '{"a":[{"b":1}]}' == made.model_dump_json()


def test_o1_a_records_notebook_view_escapes_what_it_holds() -> None:
    view = Message(type="<script>", content=[Record(type="text", text="<img onerror=1>")])._repr_html_()
    assert "<script>" not in view
    assert "<img" not in view


@pytest.mark.parametrize("text", [r'{"a": "x\ud800y"}', r'{"a": ["\uDC00"]}', r'{"\ud800": 1}'])
def test_s7_half_a_character_becomes_a_replacement_character(text: str) -> None:
    assert "\ufffd" in repr(plain(decode(text)))
    encode(decode(text))


def test_what_is_not_json_stays_an_error_whatever_it_escapes() -> None:
    for text in (r'{"a": "\ud800"', r'{"a": NaN, "b": "\ud800"}'):
        with pytest.raises(ValueError, match=r"."):
            decode(text)


def test_json_nested_too_deeply_is_a_value_error() -> None:
    with pytest.raises(ValueError, match=r"deep|recursion"):
        decode(b"[" * 100_000 + b"]" * 100_000)


def test_s7_halves_of_characters_are_not_sent() -> None:
    text = json.loads('"a \\ud800 b \\ud83d\\ude00"')
    assert '{"k\ufffd":["a \ufffd b 😀",1]}'.encode() == encode({"k\udfff": [text, 1]})


@pytest.mark.parametrize("item", ["[]", "{}", '[{"a":1}]'])
@pytest.mark.parametrize("kind", [str, str.encode])
def test_s7_json_with_more_values_than_memory_should_hold_is_refused(item: str, kind: Any) -> None:
    with pytest.raises(ValueError, match="too many values"):
        decode(kind(f"[{f'{item},' * 1_000_000}0]"))
    assert 300_001 == len(decode(kind(f"[{f'{item},' * 300_000}0]")))
