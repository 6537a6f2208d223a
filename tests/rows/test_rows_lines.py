"""Do result lines become the outcomes and columns that they say, whatever stands in them and in any order?"""

from __future__ import annotations

import json
from decimal import Decimal

import httpx2
import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from claude_magic import Client, wire
from claude_magic.errors import NotFoundError, StreamError
from claude_magic.pool import AppTransport
from claude_magic.practice import Practice
from claude_magic.protocol import catalog
from claude_magic.rows.asked.plan import plan
from claude_magic.rows.columns import arranging, lines, reading
from claude_magic.rows.columns.lines import Reader, outcomes
from claude_magic.rows.columns.rates import Rates
from claude_magic.rows.columns.table import table
from claude_magic.rows.outcome import Outcome, answered
from claude_magic.schema import shape
from tests.benchmarks import results as benchmark
from tests.doors import ASK, KEY, answer

TEXT = {"type": "text", "text": "Yes."}


def line(key, result):
    return json.dumps({"custom_id": key, "result": result}).encode() + b"\n"


def good(key="a", **fields):
    return line(key, {"type": "succeeded", "message": answer(**fields)})


def errored(key, kind="invalid_request_error", message="max_tokens: too large"):
    error = {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}
    return line(key, {"type": "errored", "error": error})


def one(data, **how):
    (found,) = outcomes([data], **how)
    return found


# ---- the same as the slow way ------------------------------------------------------------------------------

counts = st.none() | st.integers(-1, 10**6) | st.floats(0, 9) | st.just(10**20)
words = st.none() | st.sampled_from(
    ["end_turn", "max_tokens", "refusal", "pause_turn", "tool_use", "", "batch", "standard"]
)
models = st.sampled_from(["claude-haiku-5-5", "claude-opus-5-5", "claude-mythos-5-2", "someone-else", None])
blocks = st.one_of(
    st.fixed_dictionaries({"type": st.just("text"), "text": st.text(max_size=9)}),
    st.fixed_dictionaries({"type": st.just("text")}, optional={"text": st.none() | st.integers()}),
    st.just({"type": "thinking", "thinking": "\ud83d\ude00 hm", "signature": "s"}),
    st.just({"type": "from_the_future", "text": {"deep": [1, None]}}),
    st.just({"text": "no type"}),
    st.none(),
)
usages = st.fixed_dictionaries(
    {},
    optional={
        "input_tokens": counts,
        "output_tokens": counts,
        "cache_creation_input_tokens": counts,
        "cache_read_input_tokens": counts,
        "cache_creation": st.none()
        | st.fixed_dictionaries(
            {}, optional={"ephemeral_5m_input_tokens": counts, "ephemeral_1h_input_tokens": counts}
        ),
        "service_tier": words,
        "inference_geo": st.sampled_from([None, "global", "not_available", "us", ""]),
        "server_tool_use": st.none() | st.dictionaries(st.sampled_from(["web_search_requests", "x"]), counts),
        "speed": st.sampled_from([None, "standard", "fast"]),
        "iterations": st.none() | st.just([]) | st.just([{"type": "compaction", "input_tokens": 5}]),
        "unheard_of": st.just({"a": 1}),
    },
)
messages = st.fixed_dictionaries(
    {"type": st.just("message"), "role": st.just("assistant")},
    optional={
        "content": st.none() | st.lists(blocks, max_size=3),
        "model": models,
        "usage": st.none() | usages,
        "stop_reason": words,
        "stop_details": st.none() | st.just({"category": "cyber", "explanation": "So\\nit is"}),
        "request_id": words,
        "more": st.just([{"x": None}]),
    },
)


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(message=messages, source=st.sampled_from(["batch", "practice", "live"]), checked=st.booleans())
@example(answer(usage={"input_tokens": 0, "output_tokens": 2**63}), "batch", False)
def test_a_message_of_any_kind_gives_the_outcome_that_the_slow_way_gives(message, source, checked):
    fits = (lambda text: "" if "a" in text else "no a in it") if checked else None
    slow = answered("k", wire.decode(wire.encode(message)), source=source, fits=fits)
    fast = one(line("k", {"type": "succeeded", "message": message}), source=source, fits=fits)
    assert wire.decode(slow.message) == wire.decode(fast.message)
    assert slow._replace(message=None) == fast._replace(message=None)


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from([m.id for m in catalog.all_models()]),
    st.tuples(*[st.integers(0, 150_000)] * 5),
    st.booleans(),
)
def test_m10_many_answers_cost_exactly_what_the_catalogue_says_of_each(model, tokens, batch):
    plain, made, short, long, read = tokens
    usage = {
        "input_tokens": plain,
        "output_tokens": made,
        "cache_creation_input_tokens": short + long,
        "cache_creation": {"ephemeral_5m_input_tokens": short, "ephemeral_1h_input_tokens": long},
        "cache_read_input_tokens": read,
    }
    rates = Rates()
    assert rates.cost(model, (1, 1, 0, 0, 0), batch=batch) == catalog.cost(
        {"input_tokens": 1, "output_tokens": 1}, model, batch=batch
    )
    assert rates.cost(model, tokens, batch=batch) == catalog.cost(usage, model, batch=batch)


def test_m10_a_price_of_ones_own_with_many_decimals_is_exact():
    catalog.override([{"model": "claude-own", "input": "0.123456789012345", "output": "7"}])
    found = one(
        good(model="claude-own", usage={"input_tokens": 7, "output_tokens": 1, "service_tier": "batch"})
    )
    assert (Decimal("0.123456789012345") * 7 + 7) / 2 / 10**6 == found.cost_usd


# ---- lines of every kind -----------------------------------------------------------------------------------


def test_bytes_may_be_cut_anywhere():
    data = good("a") + errored("b") + b"\n" + good("c", content=[TEXT] * 2, usage=None).rstrip()
    whole = [*outcomes([data])]
    assert ["a", "b", "c"] == [found.key for found in whole]
    for size in (1, 2, 7, 64, len(data) - 1):
        assert whole == [*outcomes(data[n : n + size] for n in range(0, len(data), size))]


def test_a_message_is_kept_as_it_came():
    sent = answer(content=[TEXT, {"type": "new_kind", "deep": {"é": [1.50]}}])
    assert sent == json.loads(one(line("a", {"type": "succeeded", "message": sent})).message)


WITHOUT = "The result is {!r}, without an answer"
LATE = "The batch ended before this request had its turn"
STOPPED = "The batch was canceled before this request had its turn"


@pytest.mark.parametrize(
    ("kind", "more", "status", "named", "words"),
    [
        ("expired", {}, "expired", "expired", LATE),
        ("canceled", {}, "canceled", "canceled", STOPPED),
        ("errored", {"error": {"type": "api_error", "message": "Oh\nno"}}, "error", "api_error", "Oh no"),
        ("errored", {"error": None}, "error", "errored", WITHOUT),
        ("errored", {}, "error", "errored", WITHOUT),
        ("errored", {"error": "?"}, "error", "errored", WITHOUT),
        ("paused", {"until": 5}, "error", "paused", WITHOUT),
        (None, {}, "error", "None", WITHOUT),
        ("succeeded", {}, "error", "succeeded", WITHOUT),
        ("succeeded", {"message": None}, "error", "succeeded", WITHOUT),
        ("succeeded", {"message": {"content": "text"}}, "error", "succeeded", WITHOUT),
    ],
    ids=str,
)
def test_a_result_without_an_answer_says_why(kind, more, status, named, words):
    found = one(line("a", {"type": kind, **more}))
    assert (status, named, words.format(str(kind))) == (found.status, found.error_type, found.error)
    assert (None, None) == (found.message, found.cost_usd)


def test_an_error_comes_with_its_type_words_and_request():
    found = one(errored("a"), source="practice")
    assert ("error", "invalid_request_error", "max_tokens: too large", "req_1", "practice") == (
        found.status,
        found.error_type,
        found.error,
        found.request_id,
        found.source,
    )


@pytest.mark.parametrize("bad", [b"{oops\n", b"[]\n", b'{"custom_id":"x"}\n', b'"text"\n', b'{"a":"\xff"}\n'])
def test_a_line_that_is_no_result_is_told_of_after_all_others_were_given(bad):
    came = outcomes([good("a") + bad + good("b") + bad])
    assert ["a", "b"] == [next(came).key, next(came).key]
    with pytest.raises(StreamError, match="2 lines of the results are not readable, the first is line 2"):
        next(came)


def test_halves_of_characters_and_deep_nesting_do_not_break_a_line():
    half = good("a").replace(b"Hello back", b"\\ud800!")
    assert "\ufffd!" == wire.decode(one(half).message).text
    deep = good("a").replace(b'"end_turn"', b"[" * 5000 + b"]" * 5000)
    with pytest.raises(StreamError):
        one(deep)


def test_an_answer_that_does_not_fit_is_invalid_and_kept():
    wanted = shape({"sure": bool})
    fits = reading.fits(wanted)
    bad, yes, cut = (
        one(good(content=[{"type": "text", "text": text}], stop_reason=reason), fits=fits)
        for text, reason in [("maybe", "end_turn"), ('{"sure": true}', "end_turn"), ('{"su', "max_tokens")]
    )
    assert ["invalid", "ok", "truncated"] == [bad.status, yes.status, cut.status]
    assert ("invalid_answer", "The answer is no answer: it is no JSON object") == (bad.error_type, bad.error)
    assert "maybe" == wire.decode(bad.message).text


def test_a_reader_gives_the_text_without_keeping_the_message():
    blocks = [
        TEXT,
        {"type": "server_tool_use", "id": "t", "name": "n", "input": {}},
        {"type": "text", "text": "B"},
    ]
    ((found, text),) = Reader(keep=False, priced=False).take(good(content=blocks))
    assert ("Yes.\n\nB", None, None) == (text, found.message, found.cost_usd)
    assert reading.spoken(wire.encode(answer(content=blocks))) == text


# ---- which result belongs to which row ---------------------------------------------------------------------


def values(found):
    return {column.name: list(column.values) for column in found.columns}


def test_m11_results_in_any_order_are_joined_by_their_ids_and_the_odd_ones_named():
    data = good("c", content=[TEXT]) + errored("x") + good("a") + good("a", content=[])
    found = arranging.columns([data], ["a", "b", "c", "a", ""], prefix="")
    assert ["Hello back", None, "Yes.", "Hello back", None] == values(found)["text"]
    assert ["ok", "missing", "ok", "ok", "error"] == values(found)["status"]
    assert (["b"], ["x"], ["a"]) == (found.missing, found.unknown, found.twice)


def test_an_answer_counts_before_a_failure_whichever_came_first():
    for data in (errored("a") + good("a") + errored("a"), good("a") + errored("a")):
        found = arranging.columns([data], ["a"], prefix="")
        assert (["ok"], ["a"]) == (values(found)["status"], found.twice)


def test_what_no_result_answers_is_asked_of_others_and_rows_not_asked_say_why():
    made = plan(pd.DataFrame({"t": ["a", "b", None, "c", "d"]}), "{t}", model="haiku")
    a, b, _, c, d = made.keys
    asked = []

    def others(keys):
        asked.extend(keys)
        return {b: answered(b, answer(), source="live"), c: Outcome(c, "expired", error="Late")}

    data = good(a, content=[TEXT]) + errored(b) + errored(c)
    found = arranging.columns([data], made.keys, made, others=others, cached=[1], details=True, prefix="")
    assert [b, c, d] == asked
    assert ["ok", "ok", "error", "error", "missing"] == values(found)["status"]
    assert ["Yes.", "Hello back", None, None, None] == values(found)["text"]
    assert [None, None, "t is missing", "max_tokens: too large", None] == values(found)["error"]
    assert [False, True, False, False, False] == values(found)["cached"]
    assert [d] == found.missing


def test_columns_of_lines_are_those_of_their_outcomes():
    wanted = shape({"n": int, "label": ["x", "y"]})
    texts = ['{"n": 1, "label": "x"}', '{"n": 2, "label": "z"}', "none", '{"n": 3, "label": "y"}']
    data = b"".join(good(f"k{n}", content=[{"type": "text", "text": t}]) for n, t in enumerate(texts))
    keys = [f"k{n}" for n in (2, 0, 3, 1, 9)]
    placed = {found.key: found for found in outcomes([data], fits=reading.fits(wanted))}
    slow = table(wanted, [placed.get(key) for key in keys], details=True, keys=keys)
    fast = arranging.columns([data], keys, wanted, details=True)
    assert slow == fast.columns


def test_no_results_at_all_make_typed_columns():
    found = arranging.columns([], ["a"], shape({"n": int}), prefix="")
    assert [("n", "Int64", [None]), ("status", ["missing"])] == [
        (found.columns[0].name, found.columns[0].dtype, [*found.columns[0].values]),
        (found.columns[1].name, [*found.columns[1].values]),
    ]
    assert [] == arranging.columns([], []).missing


# ---- from the service --------------------------------------------------------------------------------------


@pytest.fixture
def ended():
    """A client and the id of a batch that has ended: one request was answered, one was refused."""
    now = [1_800_000_000.0]
    http = httpx2.Client(transport=AppTransport(Practice(clock=lambda: now[0])))
    client = Client(api_key=KEY, base_url="http://127.0.0.1:1", http_client=http)
    made = client.messages.batches.create(
        requests=[
            {"custom_id": "row-1", "params": ASK},
            {"custom_id": "row-2", "params": {**ASK, "max_tokens": 10**9}},
        ]
    )
    now[0] += 60
    with client:
        yield client, made.id


def test_the_results_of_a_batch_are_fetched_as_bytes(ended, tmp_path):
    client, batch = ended
    path = lines.fetched(client, batch).write_to_file(tmp_path / "results.jsonl")
    found = {one.key: one for one in outcomes([path.read_bytes()], source="practice")}
    assert {"row-1": "ok", "row-2": "error"} == {key: one.status for key, one in found.items()}
    assert [*found] == [one["custom_id"] for one in client.messages.batches.results(batch)]
    message = wire.decode(found["row-1"].message)
    assert ("batch", catalog.message_cost(message)) == (message.usage.service_tier, found["row-1"].cost_usd)


def test_results_that_are_not_there_are_an_error_of_the_service(ended):
    with pytest.raises(NotFoundError):
        lines.fetched(ended[0], "msgbatch_none")


def test_the_ways_that_the_benchmark_compares_make_the_same_frame(tmp_path):
    path = tmp_path / "results.jsonl"
    path.write_bytes(b"".join(benchmark._lines(5)))
    ours, sdk = (way(benchmark._http(str(path)), 5)() for way in benchmark.WAYS.values())
    assert [*sdk.text] == [*ours.claude_text]
    assert ["succeeded"] * 5 == [*sdk.status] and ["ok"] * 5 == [*ours.claude_status]
