"""Do the events of every kind of stream add up to the message that was meant?"""

from __future__ import annotations

import json
import pickle
from copy import deepcopy
from itertools import pairwise

import anthropic
import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from claude_magic import wire
from claude_magic.errors import ClaudeError, StreamError
from claude_magic.protocol import accumulate
from claude_magic.protocol.accumulate import Accumulator, helper_events, partial_json
from claude_magic.protocol.sse import Decoder
from claude_magic.wire import Message, Usage
from tests.streams import (
    ALL,
    BETA_SAMPLES,
    CITATION,
    RESULTS,
    SAMPLES,
    STOP,
    USAGE,
    block,
    change,
    encoded,
    start,
    text,
    thinking,
    tool,
)

every_sample = pytest.mark.parametrize("events", ALL.values(), ids=ALL.keys())


def total(events):
    accumulator = Accumulator()
    for event in events:
        accumulator.add(event)
    return accumulator


def read(pieces):
    decoder = Decoder()
    return total([wire.decode_plain(data) for piece in pieces for _, data in decoder.feed(piece)])


def without_nulls(value):
    if isinstance(value, dict):
        return {k: without_nulls(v) for k, v in value.items() if v is not None}
    return [without_nulls(v) for v in value] if isinstance(value, list) else value


def official(events, space=lambda client: client.messages, read=lambda stream: stream.get_final_message()):
    """Return what the official SDK makes of the same bytes."""
    headers = {"content-type": "text/event-stream"}
    transport = httpx2.MockTransport(lambda _: httpx2.Response(200, headers=headers, content=encoded(events)))
    with httpx2.Client(transport=transport) as http:
        client = anthropic.Anthropic(api_key="none", http_client=http)
        with space(client).stream(model="claude-haiku-5-5", max_tokens=9, messages=[]) as stream:
            return read(stream)


# -- what a stream comes to ------------------------------------------------------------------------


def test_text_usage_and_stop_reason_are_those_of_the_stream():
    message = total(SAMPLES["text"]).message()
    assert (Message, "The mean is 4.2.", "end_turn") == (type(message), message.text, message.stop_reason)
    assert (Usage, USAGE | {"output_tokens": 9}) == (type(message.usage), message.usage)


def test_a_tool_argument_in_pieces_is_one_object_and_thinking_keeps_its_signature():
    message = total(SAMPLES["thinking, then a tool"]).message()
    assert [{"by": "year", "agg": "count"}] == [call.input for call in message.tool_calls]
    assert ("They want rows per year; query the frame.", "c2ln") == (
        message.thinking,
        message.content[0].signature,
    )
    assert {"thinking_tokens": 23} == message.usage.output_tokens_details


def test_a_server_tool_result_comes_whole_and_citations_are_listed():
    message = total(SAMPLES["a server tool with citations"]).message()
    assert ([CITATION], RESULTS) == (message.citations, message.content[1].content)
    expected = {**USAGE, "input_tokens": 5210, "output_tokens": 58}
    assert (
        expected | {"server_tool_use": {"web_search_requests": 1, "web_fetch_requests": 0}} == message.usage
    )


def test_a_refusal_keeps_its_text_and_says_why():
    message = total(SAMPLES["a refusal"]).message()
    assert ("I", "refusal", "bio") == (message.text, message.stop_reason, message.stop_details.category)


def test_a_container_survives_a_null_and_a_stop_reason_does_not():
    message = total([*SAMPLES["a container"][:-1], change(stop_reason=None)]).message()
    assert ("container_1", None, None) == (message.container.id, message.stop_reason, message.stop_sequence)


def test_what_stands_beside_the_delta_is_kept():
    message = total(BETA_SAMPLES["compaction"]).message()
    assert {"applied_edits": []} == message.context_management
    assert ("So far: two frames.", "ZQ==") == (
        message.content[0].content,
        message.content[0].encrypted_content,
    )


def test_a_fallback_names_the_model_that_answered():
    assert "claude-opus-5-5" == total(BETA_SAMPLES["a fallback"]).message().model


def test_s1_a_message_is_done_only_after_message_stop():
    events = SAMPLES["text"]
    assert (False, True) == (total(events[:-1]).done, total(events).done)
    assert (False, None) == (total([STOP]).done, total([STOP]).message())


@every_sample
def test_s2_the_same_bytes_cut_at_any_byte_give_the_same_message(events):
    expected, data = total(events).message(), encoded(events, "\r\n")
    assert all(expected == read([data[:i], data[i:]]).message() for i in range(0, len(data), 7))
    assert expected == read([data[i : i + 1] for i in range(len(data))]).message()


@given(
    st.sampled_from(list(ALL)),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.lists(st.integers(0, 3000), max_size=20),
)
def test_s2_the_same_bytes_cut_anywhere_give_the_same_message(name, line_end, cuts):
    data = encoded(ALL[name], line_end)
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    assert total(ALL[name]).message() == read([data[a:b] for a, b in pairwise(edges)]).message()


# -- as the official SDK ---------------------------------------------------------------------------


@pytest.mark.parametrize("events", SAMPLES.values(), ids=SAMPLES.keys())
def test_the_message_is_the_one_the_official_sdk_makes(events):
    theirs = official(events).model_dump(mode="json", warnings=False)
    assert without_nulls(theirs) == without_nulls(total(events).message().to_dict())


@pytest.mark.parametrize("events", BETA_SAMPLES.values(), ids=BETA_SAMPLES.keys())
def test_the_message_is_the_one_the_official_sdk_makes_of_beta_streams(events):
    theirs = official(events, lambda client: client.beta.messages).model_dump(
        mode="json", warnings=False, by_alias=True
    )
    assert without_nulls(theirs) == without_nulls(total(events).message().to_dict())


pieces = st.lists(st.text(max_size=5), max_size=4)
json_text = st.dictionaries(
    st.text(max_size=3), st.one_of(st.text(max_size=5), st.integers(-9, 9)), max_size=3
)
blocks = st.one_of(
    pieces.map(lambda p: text(*p)),
    pieces.map(lambda p: thinking(*p)),
    st.tuples(json_text.map(json.dumps), st.integers(0, 30)).map(lambda t: tool(t[0][: t[1]], t[0][t[1] :])),
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(blocks, max_size=3), st.integers(1, 99))
def test_any_stream_comes_to_what_the_official_sdk_makes(made, output_tokens):
    events = [start(), *(e for i, b in enumerate(made) for e in block(i, *b))]
    events += [change({"output_tokens": output_tokens}), STOP]
    theirs = official(events).model_dump(mode="json", warnings=False)
    assert without_nulls(theirs) == without_nulls(total(events).message().to_dict())


@every_sample
def test_helper_events_are_those_of_the_official_sdk(events):
    accumulator, ours = Accumulator(), []
    for event in events:
        accumulator.add(event)
        if event["type"] != "ping":  # the official SDK drops it
            ours += helper_events(event, accumulator)

    def dumps(stream):
        return [e.model_dump(mode="json", warnings=False, by_alias=True) for e in deepcopied(stream)]

    theirs = official(events, lambda client: client.beta.messages, dumps)
    assert [without_nulls(e) for e in theirs] == [without_nulls(e.to_dict()) for e in ours]


def deepcopied(stream):
    return (event.model_copy(deep=True) for event in stream)


# -- unknown, malformed, broken --------------------------------------------------------------------


def test_s3_what_is_unknown_is_kept_or_skipped():
    poem = {"type": "poem", "text": "Roses", "metre": {"feet": 4}}
    events = [
        start(mood="calm"),
        {"type": "weather", "index": 0, "delta": {"type": "text_delta", "text": "rain"}},
        *block(0, poem, {"type": "text_delta", "text": " are"}, {"type": "rhyme_delta", "rhyme": "-ed"}),
        *block(1, *tool("{}", type="new_tool_use", server="x")),
        change({"output_tokens": 2, "poem_tokens": 1}, {"weather": "rain"}, stop_reason="bored", verse=3),
        STOP,
    ]
    message = total(events).message()
    assert [{**poem, "text": "Roses are"}, tool(type="new_tool_use", server="x")[0]] == message.content
    assert ("calm", "rain", "bored", 3) == (message.mood, message.weather, message.stop_reason, message.verse)
    assert 1 == message.usage.poem_tokens


def test_a_delta_that_does_not_fit_its_block_is_skipped():
    events = [
        start(),
        *block(0, *tool("{}"), *text("x")[1:], *thinking()[1:]),
        *block(1, *text("a"), *tool("{}")[1:]),
    ]
    assert [tool()[0], {"type": "text", "text": "a"}] == total(events).message().content


def test_a_second_message_start_does_not_erase_what_arrived():
    events = SAMPLES["text"]
    assert total(events).message() == total([*events[:-1], start(id="msg_other"), STOP]).message()


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=3)
    | st.sampled_from(["message_start", "text_delta"]),
    lambda v: (
        st.lists(v, max_size=2)
        | st.dictionaries(st.sampled_from(["type", "index", "delta", "x"]), v, max_size=3)
    ),
    max_leaves=5,
)


def places(value, path=()):
    """Yield the path to every value inside a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*path, key)
        yield from places(inner, (*path, key))


@settings(max_examples=300)
@given(st.data())
def test_s5_no_malformed_stream_raises_anything_but_our_own_errors(data):
    events = deepcopy(ALL[data.draw(st.sampled_from(list(ALL)))])
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(list(places(events))))
        here = events
        for key in path[:-1]:
            here = (
                here[key]
                if isinstance(here, dict | list) and (isinstance(here, list) or key in here)
                else None
            )
        if isinstance(here, dict) and data.draw(st.booleans()):
            here.pop(path[-1], None)
        elif isinstance(here, dict | list):
            here[path[-1]] = data.draw(values)
    accumulator = Accumulator()
    for event in events:
        accumulator.add(event)
        for made in helper_events(event, accumulator):
            made.to_dict()
        message = accumulator.message()
        assert message is None or isinstance(message, Message)
        assert message is None or isinstance(message.text, str)


def test_s5_a_text_that_begins_as_something_else_is_as_if_it_began_empty():
    events = deepcopy(ALL["text"])
    events[1]["content_block"]["text"] = [None]
    accumulator = Accumulator()
    for event in events:
        accumulator.add(event)
        assert [made.to_dict() for made in helper_events(event, accumulator)]
    assert "The mean is 4.2." == accumulator.message().text


def test_s5_an_answer_that_is_nested_too_deeply_is_our_own_error():
    deep = []
    for _ in range(5000):
        deep = [deep]
    accumulator = total([start(), *block(0, {"type": "x", "content": deep})])
    with pytest.raises(StreamError) as caught:
        accumulator.message()
    assert isinstance(caught.value, ClaudeError)


@pytest.mark.parametrize(
    ("pieces", "read"),
    [
        (['{"a": 1, "b": "un'], {"a": 1}),
        (['{"a": 1}', "}"], {"a": 1}),
        (["nonsense"], {}),
        (['{"a": [1, {"b": 2'], {"a": [1, {"b": 2}]}),
        (["[1, 2"], {}),
        (['{"a": 1, "b": ' + "x[" * 3000], {}),
    ],
    ids=lambda v: str(v)[:24],
)
@pytest.mark.parametrize("ended", [True, False], ids=["ended", "not-ended"])
def test_o2_a_broken_tool_argument_keeps_the_message_and_is_the_text_that_came(pieces, read, ended):
    call = [*block(1, *tool(*pieces))]
    begun = [start(), *block(0, *text("Look:")), *call[:-1]]
    assert read == (total(begun).message().tool_calls[0].input or {})
    accumulator = total([*begun, *call[-1:] * ended, change(), STOP])
    message = accumulator.message()
    assert ("Look:", "".join(pieces), True) == (message.text, message.tool_calls[0].input, accumulator.done)
    cut = total([*begun, *call[-1:] * ended, change(stop_reason="max_tokens"), STOP])
    assert read == (cut.message().tool_calls[0].input or {})


def test_s5_what_cannot_be_a_block_or_a_message_is_skipped():
    odd = [start(), *block(0, {"type": "tool_use", "name": "f", "input": {}}), *block(1, {"type": 5})]
    message = total([{"type": "message_start", "message": {"content": "x"}}, *odd, STOP]).message()
    assert [] == message.content
    assert message.stop_reason == total([*odd, change(stop_reason=["x"]), STOP]).message().stop_reason


def test_whole_tool_arguments_are_not_called_broken():
    messages = [total(ALL[n]).message() for n in ("thinking, then a tool", "a tool without arguments")]
    assert [dict, dict] == [type(call.input.to_dict()) for m in messages for call in m.tool_calls]


# -- growing ---------------------------------------------------------------------------------------


@every_sample
def test_a_snapshot_does_not_change_as_the_message_grows(events):
    accumulator, seen = Accumulator(), []
    for event in events:
        accumulator.add(event)
        seen.append((accumulator.message(), deepcopy(accumulator.message())))
    assert [then for _, then in seen] == [now for now, _ in seen]


def test_neither_events_nor_snapshots_are_tied_to_the_message():
    events = deepcopy(SAMPLES["a server tool with citations"])
    accumulator = total(events)
    assert SAMPLES["a server tool with citations"] == events
    accumulator.message().content.clear()
    accumulator.message().usage["output_tokens"] = 0
    assert total(events).message() == accumulator.message()


def test_a_partial_message_shows_the_arguments_so_far():
    events = [start(), *block(0, *tool('{"by": "year", "agg": "co'))][:-1]
    assert {"by": "year"} == total(events).message().tool_calls[0].input


def test_a_tool_argument_of_many_pieces_is_read_once(monkeypatch):
    calls, decode = [], wire.decode_plain
    monkeypatch.setattr(
        accumulate.wire, "decode_plain", lambda data: (calls.append(len(data)), decode(data))[1]
    )
    argument = json.dumps({"rows": list(range(30_000))})
    cut = [argument[i : i + 8] for i in range(0, len(argument), 8)]
    accumulator = Accumulator()
    events = [start(), *block(0, *tool(*cut)), change(), STOP]
    helpers = 0
    for event in events:
        accumulator.add(event)
        helpers += len(helper_events(event, accumulator))
    assert 20_000 < len(cut) < helpers - len(cut)
    assert list(range(30_000)) == accumulator.message().tool_calls[0].input["rows"]
    assert 1 <= len(calls) <= 3


def test_a_helper_snapshot_is_that_of_its_event_however_late_it_is_read():
    accumulator, helpers = Accumulator(), []
    for event in SAMPLES["text"]:
        accumulator.add(event)
        helpers += [e for e in helper_events(event, accumulator) if e.type == "text"]
    assert ["The mean is ", "The mean is 4.2."] == [event.snapshot for event in helpers]


def test_a_helper_event_is_whole_however_it_is_read():
    accumulator = total(SAMPLES["text"][:3])
    expected = {"type": "text", "text": "The mean is ", "snapshot": "The mean is "}

    def fresh():
        return helper_events(SAMPLES["text"][2], accumulator)[1]

    assert expected == fresh().to_dict() == json.loads(fresh().to_json()) == fresh().model_dump()
    assert expected == pickle.loads(pickle.dumps(fresh()))
    assert expected["snapshot"] == fresh()["snapshot"] == fresh().snapshot
    with pytest.raises(AttributeError):
        fresh().colour  # noqa: B018


@given(
    json_text.map(json.dumps) | st.recursive(st.integers() | st.text(), lambda v: st.lists(v)).map(json.dumps)
)
def test_partial_json_reads_whole_json_and_never_raises_on_a_part_of_it(data):
    assert json.loads(data) == partial_json(data)
    for size in range(min(len(data), 200)):
        partial_json(data[:size])
