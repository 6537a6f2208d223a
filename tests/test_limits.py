"""Do the rules refuse what could exceed a budget, with the figures and what to type next?"""

from __future__ import annotations

import decimal
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claude_magic import limits
from claude_magic.errors import BudgetError
from claude_magic.limits import Budgets, Counted
from claude_magic.protocol import catalog

NOTHING = Counted()
D = Decimal


def body(text="", model="claude-sonnet-5-5", max_tokens=100, **more):
    return {"model": model, "max_tokens": max_tokens, "messages": [{"role": "user", "content": text}], **more}


def test_the_worst_case_is_all_input_and_max_tokens_at_the_highest_rates():
    assert D("2.2") + D(11) == limits.worst_case("claude-sonnet-5-5", 10**6, 10**6)
    assert D(2) + D(10) == limits.worst_case("claude-sonnet-5-5", 10**6, 10**6, geo="global")
    assert D(4) == limits.worst_case("claude-sonnet-5-5", 10**6, 0, geo="global", cache="1h")
    assert D(8) == limits.worst_case("claude-opus-5-5", 10**6, 0, geo="global", fast=True)
    assert D("0.5") == limits.worst_case("claude-haiku-5-5", 10**6, 0, geo="global")
    assert D(1) == limits.worst_case("claude-haiku-4-5", 10**6, 0)


@pytest.mark.parametrize("options", [{"model": "who"}, {"model": "claude-mythos-5-2", "cache": "5m"}])
def test_m10_without_a_price_there_is_no_worst_case(options):
    assert limits.worst_case(**{"input_tokens": 1, "max_tokens": 1, **options}) is None


def test_a_request_is_bounded_by_its_bytes_and_the_context_window():
    short, long = (limits.most_input_tokens(body("x" * n)) for n in (0, 500))
    assert 500 == long - short
    assert 1_000_000 == limits.most_input_tokens(body("x" * 5_000_000))
    assert 200_000 == limits.most_input_tokens(body("x" * 5_000_000, model="claude-haiku-4-5"))


@pytest.mark.parametrize(
    ("source", "kind", "model", "tokens"),
    [
        ({"type": "base64", "media_type": "image/png", "data": "A" * 9000}, "image", "claude-opus-5-5", 4784),
        ({"type": "url", "url": ""}, "image", "claude-opus-4-6", 1568),
        (
            {"type": "base64", "media_type": "application/pdf", "data": "A"},
            "document",
            "claude-opus-5-5",
            990_000,
        ),
    ],
)
def test_media_count_by_what_the_service_can_make_of_them(source, kind, model, tokens):
    blocks = [{"type": kind, "source": source}]
    assert (
        tokens
        <= limits.most_input_tokens(body(blocks, model=model))
        <= max(tokens + 400, 1_000_000 * (tokens > 9e5))
    )


def test_tools_add_their_hidden_prompt_and_server_tools_have_no_bound():
    tool = {"name": "f", "input_schema": {"type": "object"}}
    plain, with_tool = (limits.most_input_tokens(body("hi", tools=t)) for t in ([], [tool]))
    assert 286 < with_tool - plain
    assert (
        limits.worst_case_of(body("hi", tools=[{"type": "web_search_20260318", "name": "web_search"}]))
        is None
    )
    assert limits.worst_case_of(body("hi", fallbacks=[{"model": "haiku"}])) is None


def test_the_worst_case_of_a_body_sees_speed_geo_and_cache_marks():
    plain = limits.worst_case_of(body("x" * 900, geo=None))
    world = limits.worst_case_of(body("x" * 900, inference_geo="global"))
    assert plain == world * D("1.1")
    marked = [{"type": "text", "text": "x" * 900, "cache_control": {"type": "ephemeral", "ttl": "1h"}}]
    assert limits.worst_case_of(body(marked)) > plain
    fast, slow = (limits.worst_case_of(body("hi", model="opus", speed=s)) for s in ("fast", "standard"))
    assert slow < fast


@given(st.text(max_size=300))
def test_m7_the_bound_is_above_the_estimate(text):
    assert catalog.estimate_tokens(text) <= limits.most_input_tokens(body(text))


def test_without_budgets_everything_may_go():
    assert limits.check(Budgets(), Counted(D(9), D(9)), NOTHING, None) is None


def test_the_last_cent_may_be_spent_and_not_one_more():
    budgets, spent, held = Budgets(day=D("0.10")), Counted(day=D("0.04")), Counted(day=D("0.05"))
    assert limits.check(budgets, spent, held, D("0.01")) is None
    assert limits.check(budgets, spent, held, D("0.010001")) is not None


@pytest.mark.parametrize(
    ("budgets", "message", "hint"),
    [
        (
            Budgets(day=D(5)),
            (
                "This call could cost $0.50, and today's budget of $5.00 has $0.25 left "
                "($3.75 is spent and $1.00 is held for calls under way)"
            ),
            "%claude budget day 10, or lift it: %claude budget day off.",
        ),
        (
            Budgets(session=D(2)),
            "this session's budget of $2.00 has $0.25 left",
            "%claude budget session off.",
        ),
        (Budgets(call=D("0.25")), "more than the $0.25 allowed for one call", "--max-cost 0.5."),
    ],
    ids=["day", "session", "call"],
)
def test_m7_a_refusal_says_the_figures_and_what_to_type(budgets, message, hint):
    error = limits.check(budgets, Counted(D("1.25"), D("3.75")), Counted(D("0.5"), D("1.00")), D("0.50"))
    assert message in error.message
    assert hint in error.hint


def test_m10_a_budget_refuses_a_call_whose_price_is_not_known():
    error = limits.check(Budgets(session=D(1)), NOTHING, NOTHING, None)
    assert "not known" in error.message
    assert "prices.json" in error.hint


def test_m7_a_notebooks_decimal_settings_do_not_loosen_a_budget():
    with decimal.localcontext(decimal.Context(prec=1)):
        assert limits.check(Budgets(day=D("1.00")), Counted(day=D("0.96")), NOTHING, D("0.05")) is not None


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("0", "$0.00"),
        ("1.5", "$1.50"),
        ("0.0104", "$0.0104"),
        ("0.0000123", "$0.000012"),
        ("12.34567", "$12.3457"),
        ("2", "$2.00"),
        ("1.99999", "$2.00"),
        ("1.10001", "$1.10"),
        ("1.123", "$1.123"),
        ("0.00999999", "$0.01"),
    ],
)
def test_small_amounts_do_not_read_as_nothing(amount, text):
    assert text == limits.usd(D(amount))


@pytest.mark.parametrize(
    "wrong",
    [
        {"tools": "all"},
        {"tools": [7]},
        {"messages": None},
        {"max_tokens": "many"},
        {"cache_control": {"ttl": []}},
    ],
)
def test_a_malformed_request_is_left_for_the_service_to_refuse(wrong):
    assert isinstance(limits.worst_case_of({**body("hi"), **wrong}), Decimal | None)


def test_what_is_left_of_a_budget_does_not_read_as_the_budget():
    error = limits.check(Budgets(day=D(2)), Counted(day=D("0.000004")), NOTHING, D(3))
    assert "budget of $2.00 has $1.9999 left ($0.000004 is spent)" in error.message


# ---- all sends of a question together ----------------------------------------------------------------------


def test_m7_an_allowance_is_for_all_sends_of_a_question_together():
    allowed = limits.Allowance(D("0.10"))
    allowed.hold(1, D("0.06"))
    with pytest.raises(BudgetError, match=r"\$0.04 is left of the \$0.10"):
        allowed.hold(2, D("0.05"))
    allowed.settle(1, D("0.01"))
    allowed.hold(2, D("0.09"))
    with pytest.raises(BudgetError):
        allowed.hold(3, D("0.000001"))


def test_m10_a_send_whose_cost_is_not_known_counts_as_its_worst_case():
    allowed = limits.Allowance(D("0.10"))
    allowed.hold(1, D("0.06"))
    allowed.settle(1, None)
    with pytest.raises(BudgetError, match="is left of"):
        allowed.hold(2, D("0.05"))


@pytest.mark.parametrize("amount", [None, D("0.2")])
def test_m7_one_send_that_does_not_fit_is_refused_with_what_to_type(amount):
    with pytest.raises(BudgetError) as caught:
        limits.Allowance(D("0.10")).hold(1, amount)
    assert ("--max-cost 0.2" if amount else "prices.json") in caught.value.hint


def test_without_a_limit_everything_goes():
    allowed = limits.Allowance(None)
    allowed.hold(1, None)
    allowed.hold(2, D(1000))


@pytest.mark.parametrize(
    ("marks", "kept"), [([], None), ([{"type": "ephemeral"}], "5m"), ([{"ttl": "5m"}, {"ttl": "1h"}], "1h")]
)
def test_a_request_is_kept_for_the_longest_time_it_asks_for(marks, kept):
    blocks = [{"type": "text", "text": "a", "cache_control": mark} for mark in marks]
    assert kept == limits.cached_for({"messages": [{"role": "user", "content": blocks}]})


def test_m7_what_the_service_adds_to_a_request_is_allowed_for():
    plain = limits.most_input_tokens(body("x"))
    held = {"format": {"type": "json_schema", "schema": {}}}
    editor = {"type": "text_editor_20250728", "name": "str_replace_based_edit_tool"}
    shell = {"type": "bash_20250124", "name": "bash"}
    assert plain + 1000 < limits.most_input_tokens(body("x", output_config=held))
    assert plain + 2000 + 286 < limits.most_input_tokens(body("x", tools=[editor, shell]))


def test_m7_arguments_of_a_call_are_text_whatever_they_look_like():
    fake = {
        "type": "image",
        "source": {"type": "base64", "data": "A" * 90_000},
        "cache_control": {"ttl": "1h"},
    }
    said = body([{"type": "tool_use", "id": "t", "name": "f", "input": {"a": fake}}])
    assert limits.most_input_tokens(said) > 90_000
    assert limits.cached_for(said) is None
