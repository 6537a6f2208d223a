"""Are the catalogue's facts and prices those of the reference, exactly?"""

from __future__ import annotations

import decimal
import subprocess
import sys
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claude_magic.errors import InputError
from claude_magic.protocol import catalog, pricefile

M = 1_000_000
D = Decimal

# id: input, output, cache write 5m, 1h, cache read, in USD per million tokens, as on the pricing page
PRICES = """
claude-fable-5-2            8     40    10     16   0.20
claude-mythos-5-2           8     40    -      -    -
claude-fable-5-1            10    50    12.5   20   0.25
claude-mythos-5-1           10    50    12.5   20   0.25
claude-opus-5-5             4     20    5      8    0.20
claude-sonnet-5-5           2     10    2.5    4    0.10
claude-haiku-5-5            0.10  0.50  0.125  0.20 0.01
claude-opus-5               5     25    6.25   10   0.50
claude-sonnet-5             2     10    2.5    4    0.20
claude-fable-5              10    50    12.5   20   1.00
claude-mythos-5             10    50    12.5   20   1.00
claude-opus-4-8             5     25    6.25   10   0.50
claude-opus-4-7             5     25    6.25   10   0.50
claude-sonnet-4-6           3     15    3.75   6    0.30
claude-opus-4-6             5     25    6.25   10   0.50
claude-opus-4-5-20251101    5     25    6.25   10   0.50
claude-haiku-4-5-20251001   1     5     1.25   2    0.10
claude-sonnet-4-5-20250929  3     15    3.75   6    0.30
claude-opus-4-1-20250805    15    75    18.75  30   1.5
claude-opus-4-20250514      15    75    18.75  30   1.5
claude-sonnet-4-20250514    3     15    3.75   6    0.3
claude-3-7-sonnet-20250219  3     15    3.75   6    0.3
claude-3-5-haiku-20241022   0.80  4     1      1.6  0.08
claude-3-opus-20240229      15    75    18.75  30   1.5
claude-3-haiku-20240307     0.25  1.25  0.3    0.5  0.03
"""
TABLE = {
    row[0]: [None if x == "-" else D(x) for x in row[1:]] for row in map(str.split, PRICES.split("\n")) if row
}
FAST = {
    "claude-fable-5-2": (16, 80),
    "claude-opus-5-5": (8, 40),
    "claude-opus-5": (10, 50),
    "claude-opus-4-8": (10, 50),
}


@pytest.fixture(autouse=True)
def undo_overrides():
    yield
    catalog.override(())


def usage(input=0, output=0, **more):
    return {"input_tokens": input, "output_tokens": output, **more}


def test_every_model_has_the_prices_of_the_pricing_page():
    derived = {m.id: [*p] for m in catalog.all_models() if (p := catalog.price(m.id))}
    assert TABLE == derived


@pytest.mark.parametrize("model", TABLE)
def test_m10_the_cost_of_a_model_is_its_tokens_times_its_prices(model):
    prices = [p or D(0) for p in TABLE[model]]
    used = usage(
        1234,
        567,
        cache_creation_input_tokens=None if TABLE[model][2] is None else 333,
        cache_creation=None
        if TABLE[model][2] is None
        else {"ephemeral_5m_input_tokens": 111, "ephemeral_1h_input_tokens": 222},
        cache_read_input_tokens=None if TABLE[model][4] is None else 444,
    )
    tokens = (1234, 567, 111, 222, 444)
    assert sum(n * p for n, p in zip(tokens, prices, strict=True)) / M == catalog.cost(used, model)


def test_every_row_of_the_data_names_its_source_and_a_known_model():
    rows = catalog._package_data()["prices"]
    assert [] == [
        r for r in rows if not r["source"] or r["model"] not in {m.id for m in catalog.all_models()}
    ]


@pytest.mark.parametrize(
    ("tokens", "rate"), [(100_000, D("0.10")), (100_001, D("0.50"))], ids=["in the tier", "one above"]
)
def test_haiku_5_5_bills_a_whole_request_by_all_of_its_input(tokens, rate):
    assert D(tokens) * rate / M == catalog.cost(usage(tokens), "claude-haiku-5-5")


def test_cache_reads_and_writes_count_for_the_tier():
    used = usage(1, cache_read_input_tokens=60_000, cache_creation_input_tokens=40_000)
    above = (1 * D("0.5") + 60_000 * D("0.05") + 40_000 * D("0.625")) / M
    assert above == catalog.cost(used, "claude-haiku-5-5")


def test_cache_reads_of_sonnet_5_5_became_cheaper_on_a_day():
    used = usage(0, 0, cache_read_input_tokens=M)
    old, new, now = (
        catalog.cost(used, "claude-sonnet-5-5", at=d) for d in (date(2026, 10, 6), date(2026, 10, 7), None)
    )
    assert (D("0.2"), D("0.1"), D("0.1")) == (old, new, now)


@pytest.mark.parametrize("model", FAST)
def test_fast_mode_has_prices_of_its_own_with_the_same_cache_multipliers(model):
    input, output = FAST[model]
    read = TABLE[model][4] / TABLE[model][0] * input
    assert (input, output, input * D("1.25"), input * 2, read) == catalog.price(model, fast=True)


def test_fast_mode_of_opus_4_8_ends():
    last, over = (
        catalog.price("claude-opus-4-8", fast=True, at=d) for d in (date(2026, 11, 30), date(2026, 12, 1))
    )
    assert (10, None) == (last.input, over)


def test_fast_mode_that_is_ignored_bills_as_standard_and_one_that_is_refused_has_no_price():
    ignored, refused = (catalog.price(m, fast=True) for m in ("claude-opus-4-6", "claude-opus-4-7"))
    assert (5, None) == (ignored.input, refused)


def test_a_batch_costs_half():
    used = usage(M, M, service_tier="batch")
    assert D(6) == catalog.cost(used, "claude-sonnet-5-5")
    assert D(6) == catalog.cost(usage(M, M), "claude-sonnet-5-5", batch=True)


def test_inference_in_the_us_costs_a_tenth_more_from_4_6_on():
    assert D("2.2") == catalog.cost(usage(M, inference_geo="us"), "claude-sonnet-5-5")
    assert catalog.cost(usage(M, inference_geo="us"), "claude-haiku-4-5") is None


def test_searches_cost_a_cent_and_are_not_halved_in_a_batch():
    used = usage(M, service_tier="batch", server_tool_use={"web_search_requests": 3, "web_fetch_requests": 9})
    assert D("1.03") == catalog.cost(used, "claude-sonnet-5-5")


def test_compactions_and_advisors_are_added_at_their_own_models_prices():
    steps = [
        {"type": "message", **usage(5, 5)},
        {"type": "compaction", **usage(M, 0)},
        {"type": "advisor_message", "model": "claude-opus-5-5", **usage(0, M)},
    ]
    assert D(2 + 2 + 20) == catalog.cost(usage(M, iterations=steps), "claude-sonnet-5-5")


@pytest.mark.parametrize(
    ("model", "used"),
    [
        ("claude-unknown-9", usage(1, 1)),
        ("claude-mythos-preview", usage(1, 1)),
        ("claude-mythos-5-2", usage(1, 1, cache_read_input_tokens=1)),
        ("haiku", {}),
        ("haiku", {"input_tokens": 1}),
        ("haiku", usage(-1, 1)),
        ("haiku", usage(True, 1)),
        ("haiku", usage(1, "1")),
        ("haiku", usage(1, 1, service_tier="priority")),
        ("haiku", usage(1, 1, inference_geo="eu")),
        ("haiku", usage(1, 1, speed="fast")),
        ("opus", usage(1, 1, speed="fast", service_tier="batch")),
        ("haiku", usage(1, 1, server_tool_use={"mind_reading_requests": 1})),
        ("haiku", usage(1, 1, iterations=[{"type": "advisor_message", "model": "who", **usage(1, 1)}])),
        ("haiku", usage(1, 1, iterations=[{"type": "dream"}])),
        (
            "haiku",
            usage(1, 1, cache_creation_input_tokens=9, cache_creation={"ephemeral_24h_input_tokens": 9}),
        ),
    ],
)
def test_m10_what_is_not_known_has_no_cost_rather_than_none(model, used):
    assert catalog.cost(used, model) is None


def test_m10_a_price_that_is_not_known_does_no_harm_where_it_is_not_needed():
    assert D(48) == catalog.cost(usage(M, M), "claude-mythos-5-2")


@pytest.mark.parametrize(
    ("category", "content", "expected"),
    [
        ("cyber", [], D(0)),
        ("bio", [], D(2)),
        ("cyber", [{"type": "text", "text": "I"}], D(2)),
        (None, [], None),
    ],
)
def test_a_refusal_before_output_is_billed_by_its_category(category, content, expected):
    message = {
        "model": "claude-sonnet-5-5",
        "stop_reason": "refusal",
        "stop_details": {"type": "refusal", "category": category},
        "content": content,
        "usage": usage(M, 0),
    }
    assert expected == catalog.message_cost(message)


@given(st.integers(0, 10**9), st.integers(0, 10**9), st.integers(0, 10**9))
def test_m10_a_cost_is_exact_whatever_the_notebook_did_to_decimal(a, b, c):
    exact = (a * D(4) + b * D(20) + c * D("0.2")) / M
    with decimal.localcontext(decimal.Context(prec=2)):
        assert exact == catalog.cost(usage(a, b, cache_read_input_tokens=c), "claude-opus-5-5")


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
FIELDS = (
    *("input_tokens", "output_tokens", "cache_creation_input_tokens", "cache_creation"),
    *("cache_read_input_tokens", "service_tier", "speed", "inference_geo", "server_tool_use", "iterations"),
    *("type", "ephemeral_5m_input_tokens", "web_search_requests"),
)


@given(
    st.dictionaries(st.sampled_from(FIELDS), ANYTHING | st.dictionaries(st.sampled_from(FIELDS), ANYTHING))
)
def test_m10_whatever_a_server_sends_gives_a_cost_or_none(used):
    cost = catalog.cost({"input_tokens": 1, "output_tokens": 1} | used, "haiku")
    assert cost is None or cost >= 0
    message = {"model": "haiku", "usage": used, "stop_reason": "refusal", "stop_details": used.get("type")}
    assert catalog.message_cost(message) is None


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("haiku", "claude-haiku-5-5"),
        ("Opus 5.5", "claude-opus-5-5"),
        ("sonnet-4.6", "claude-sonnet-4-6"),
        ("fable", "claude-fable-5-2"),
        ("claude-haiku-4-5", "claude-haiku-4-5"),
        ("my-own-model", "my-own-model"),
    ],
)
def test_a_short_word_stands_for_an_id_and_the_unknown_stays(name, expected):
    assert expected == catalog.resolve(name)


def test_an_alias_finds_its_model_and_a_typing_error_the_nearest():
    assert "claude-haiku-4-5-20251001" == catalog.find("claude-haiku-4-5").id
    assert "claude-haiku-5-5" == catalog.nearest("claude-hiaku-5-5")
    assert catalog.nearest("llama") is None


@pytest.mark.parametrize(
    ("model", "kind", "effort", "expected"),
    [
        ("haiku", "adaptive", None, True),
        ("haiku", "disabled", "high", True),
        ("haiku", "disabled", "xhigh", False),
        ("opus", "disabled", "low", False),
        ("sonnet", "between_tools", None, True),
        ("claude-opus-4-6", "enabled", None, True),
        ("fable", "enabled", None, None),
    ],
)
def test_the_thinking_table_says_what_a_model_accepts(model, kind, effort, expected):
    assert expected is catalog.find(model).allows_thinking(kind, effort)


def test_models_come_newest_first_and_say_what_they_cost():
    released = [m.released for m in catalog.all_models() if m.released]
    assert sorted(released, reverse=True) == released
    assert "<Model claude-haiku-5-5: active, $0.1/0.5 per million tokens in/out>" == repr(
        catalog.find("haiku")
    )


def test_newer_tokenizers_give_more_tokens_and_the_estimate_never_forgets_a_text():
    text = "A plain English sentence of some length. " * 100
    old, new = (catalog.estimate_tokens(text, m) for m in ("claude-opus-4-6", "claude-opus-4-7"))
    assert (1025, 1333) == (old, new)
    assert (0, 1) == (catalog.estimate_tokens(""), catalog.estimate_tokens("."))
    assert (
        catalog.estimate_tokens("x" * 100)
        < catalog.estimate_tokens("é" * 100)
        < catalog.estimate_tokens("漢" * 100)
    )
    assert 2 == catalog.estimate_tokens("\ud800")


def test_a_users_price_replaces_the_catalogues_and_leaves_nothing_behind():
    catalog.override(
        [
            {"model": "haiku", "input": "0.05", "output": 0.25},
            {"model": "new-1", "aliases": ["new"], "input": 3},
        ]
    )
    assert D("0.05") == catalog.price("claude-haiku-5-5", total_input_tokens=900_000).input
    assert catalog.price("claude-haiku-5-5").cache_read is None
    assert (D(3), "new-1") == (catalog.price("new").input, catalog.find("new").id)
    catalog.override(())
    assert (D("0.1"), None) == (catalog.price("haiku").input, catalog.find("new"))


def test_a_users_price_can_begin_on_a_day():
    catalog.override(
        [{"model": "m", "input": 1, "until": "2026-12-31"}, {"model": "m", "input": 2, "from": "2027-01-01"}]
    )
    assert [1, 2] == [catalog.price("m", at=d).input for d in (date(2026, 12, 31), date(2027, 1, 1))]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"input": 1}, "Price row 2: there is no"),
        ("claude", "Price row 2"),
        ({"model": "m", "input": -1}, "input must be USD"),
        ({"model": "m", "input": "much"}, "input must be USD"),
        ({"model": "m", "input": float("nan")}, "input must be USD"),
        ({"model": "m", "input": True}, "input must be USD"),
        ({"model": "m", "imput": 1}, "unknown field 'imput'"),
        ({"model": "m", "from": "tomorrow"}, "from must be a day"),
        ({"model": "m", "speed": "warp"}, "speed must be standard or fast"),
        ({"model": "m", "context_window": 0}, "context_window must be a number of tokens"),
        ({"model": "", "input": 1}, "model must be a text"),
        ({"model": "m", "aliases": "a"}, "aliases must be a list"),
    ],
)
def test_a_bad_price_row_is_named_and_nothing_changes(row, words):
    with pytest.raises(InputError, match=words) as e:
        catalog.override([{"model": "haiku", "input": 9}, row])
    assert "prices.json" in e.value.hint
    assert D("0.1") == catalog.price("haiku").input


def test_the_fields_of_a_price_row_are_those_that_the_catalogue_reads():
    known = {
        *catalog.Model.__dataclass_fields__,
        *catalog.KINDS,
        "model",
        "from",
        "until",
        "max_prompt_tokens",
        "speed",
    }
    assert set() == {*pricefile.FIELDS} - known


def test_the_catalogue_needs_no_pandas_and_no_network_library():
    code = "import sys; from claude_magic.protocol import catalog; catalog.find('haiku'); print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert set() == {"pandas", "httpx2", "IPython", "ipywidgets"} & {*loaded}
