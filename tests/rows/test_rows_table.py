"""Do outcomes make the columns that were asked for, typed whatever came?"""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Annotated, Literal, TypedDict

import msgspec
import pandas as pd
import pytest

from claude_magic import wire
from claude_magic.rows.asked.inputs import rows
from claude_magic.rows.asked.plan import plan
from claude_magic.rows.columns import cells, reading
from claude_magic.rows.columns.table import STATUSES, Column, fields, names, table
from claude_magic.rows.outcome import FAILED, PAID, Outcome, answered
from claude_magic.schema import choices, shape
from tests.doors import answer


class Review(TypedDict):
    """What is asked for."""

    label: Literal["good", "bad"]
    stars: int
    share: float
    sure: bool
    day: datetime.date
    at: datetime.datetime
    took: datetime.timedelta
    tags: list[str]


WHOLE = (
    '{"label": "bad", "stars": 3, "share": 1, "sure": true, "day": "2026-11-20", '
    '"at": "2026-11-20T10:00:00+02:00", "took": "PT90S", "tags": ["a"]}'
)


def said(text, key="k", **more):
    message = answer(content=[{"type": "text", "text": text}], **more)
    return answered(key, message, source="live")


def frame(columns):
    count = len(columns[0].values)
    return rows([*range(count)]).with_columns(columns).drop(columns="value")


def by_name(columns, prefix="claude_"):
    return {column.name.removeprefix(prefix): list(column.values) for column in columns}


# ---- texts -------------------------------------------------------------------------------------------------


def test_texts_come_with_their_status_and_error_and_no_more():
    made = table(None, [said("One"), None, said("", "k3"), Outcome("k4", "error", error="Oh no")])
    assert ["claude_text", "claude_status", "claude_error"] == [column.name for column in made] == names(None)
    assert ["One", None, "", None] == by_name(made)["text"]
    assert ["ok", "missing", "ok", "error"] == by_name(made)["status"]
    assert {"claude_text": "string", "claude_status": "category", "claude_error": "string"} == {
        name: str(dtype) for name, dtype in frame(made).dtypes.items()
    }


def test_every_status_is_a_category_also_where_none_has_it():
    assert {*STATUSES} == PAID | FAILED
    assert [*STATUSES] == [*frame(table(None, [None])).claude_status.cat.categories]


def test_details_are_all_that_is_known_of_a_row():
    usage = {
        "input_tokens": 8,
        "output_tokens": 3,
        "cache_read_input_tokens": 5,
        "cache_creation_input_tokens": 2,
        "service_tier": "standard",
    }
    one = answered("k", answer(usage=usage), source="practice", attempts=2, latency_s=1.5, request_id="req_1")
    made = frame(table(None, [one, None], details=True, keys=["k", "lost"]))
    assert {
        "claude_text": "Hello back",
        "claude_status": "ok",
        "claude_stop_reason": "end_turn",
        "claude_model": "claude-haiku-5-5",
        "claude_input_tokens": 8,
        "claude_output_tokens": 3,
        "claude_cache_read_tokens": 5,
        "claude_cache_write_5m_tokens": 2,
        "claude_cache_write_1h_tokens": 0,
        "claude_cost_usd": float(one.cost_usd),
        "claude_service_tier": "standard",
        "claude_cached": False,
        "claude_attempts": 2,
        "claude_latency_s": 1.5,
        "claude_request_id": "req_1",
        "claude_key": "k",
        "claude_source": "practice",
    } == made.iloc[0].dropna().to_dict()
    assert {
        "claude_status": "missing",
        "claude_cached": False,
        "claude_attempts": 0,
        "claude_key": "lost",
    } == (made.iloc[1].dropna().to_dict())
    assert {"Int64"} == {str(made[name].dtype) for name in made if "tokens" in name}
    assert ("Float64", "boolean") == (str(made.claude_cost_usd.dtype), str(made.claude_cached.dtype))


def test_m10_an_unknown_price_is_missing_and_never_zero():
    made = frame(table(None, [said("x", model="unheard-of"), said("y", "k2")], details=True))
    assert [True, False] == [*made.claude_cost_usd.isna()]


def test_rows_that_share_an_answer_or_had_it_before_are_cached_so_that_costs_add_up():
    one, two = said("x", "k"), said("y", "k2")
    keys = ["k", "k2", "k", "", ""]
    made = frame(table(None, [one, two, one, None, None], cached=[1], details=True, keys=keys))
    assert [False, True, True, False, False] == [*made.claude_cached]
    assert float(one.cost_usd) == made.loc[~made.claude_cached, "claude_cost_usd"].sum()


def test_a_declined_answer_without_words_has_no_text_and_a_cut_one_has_what_came():
    declined = answered("a", answer(content=[], stop_reason="refusal"), source="live")
    made = table(None, [declined, said("Once upon", "b", stop_reason="max_tokens")])
    assert ([None, "Once upon"], ["refused", "truncated"]) == (by_name(made)["text"], by_name(made)["status"])


@pytest.mark.parametrize(
    ("reason", "more", "status", "why"),
    [
        ("max_tokens", {}, "truncated", "It ended at max_tokens; allow more: max_tokens=…"),
        ("model_context_window_exceeded", {}, "truncated",
         "It ended where the model's context window is full"),
        ("pause_turn", {}, "truncated", "The service paused it before its end"),
        ("tool_use", {}, "truncated", "It ended with a call of a tool, and none is run for a row"),
        ("refusal", {}, "refused", "The request was declined"),
        ("refusal", {"category": "cyber", "explanation": "It asks\nfor harm."}, "refused",
         "cyber: It asks for harm."),
        ("refusal", {"category": None, "explanation": "It asks for harm."}, "refused", "It asks for harm."),
    ],
)  # fmt: skip
def test_an_answer_that_is_not_whole_says_why(reason, more, status, why):
    one = answered("a", answer(stop_reason=reason, stop_details=more or None), source="live")
    assert (status, reason, why) == (one.status, one.error_type, one.error)
    assert [why] == by_name(table(None, [one]))["error"]


def test_rows_that_a_plan_could_not_ask_say_why():
    made = plan(pd.DataFrame({"t": ["a", None, "b"]}), "{t}", model="haiku")
    columns = by_name(table(made, [said("A", made.keys[0]), None, None], details=True))
    assert ["ok", "error", "missing"] == columns["status"]
    assert [None, "missing_value", None] == columns["error_type"]
    assert [None, "t is missing", None] == columns["error"]
    assert [made.keys[0], None, made.keys[2]] == columns["key"]


def test_texts_that_were_read_before_are_taken_where_the_outcomes_have_no_message():
    bare = said("x", "a")._replace(message=None)
    assert ["read", "kept"] == by_name(table(None, [bare, said("kept", "b")], texts=["read", None]))["text"]
    assert [None] == by_name(table(shape({"n": int}), [bare]))["n"]


# ---- fields ------------------------------------------------------------------------------------------------


def test_fields_are_typed_columns():
    made = frame(table(shape(Review), [said(WHOLE), None]))
    assert {
        "claude_label": "category",
        "claude_stars": "Int64",
        "claude_share": "Float64",
        "claude_sure": "boolean",
        "claude_day": "datetime64[us]",
        "claude_at": "datetime64[us, UTC]",
        "claude_took": "timedelta64[us]",
        "claude_tags": "object",
    } == {name: str(dtype) for name, dtype in list(made.dtypes.items())[:-2]}
    assert {
        "claude_label": "bad",
        "claude_stars": 3,
        "claude_share": 1.0,
        "claude_sure": True,
        "claude_day": pd.Timestamp("2026-11-20"),
        "claude_at": pd.Timestamp("2026-11-20T08:00Z"),
        "claude_took": pd.Timedelta("90s"),
        "claude_tags": ["a"],
        "claude_status": "ok",
    } == {name: value for name, value in made.iloc[0].items() if name != "claude_error"}


def test_the_types_are_the_same_where_every_row_failed_and_where_there_is_none():
    full = frame(table(shape(Review), [said(WHOLE)], details=True)).dtypes
    for outcomes in ([None, Outcome("k", "expired")], []):
        assert full.equals(frame(table(shape(Review), outcomes, details=True)).dtypes)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("perhaps", "it is no JSON object"),
        (" ", "it is empty"),
        ("[1]", "it is no JSON object"),
        (WHOLE.replace('"bad"', '"fair"'), "label is of another type"),
        (WHOLE.replace("3,", "3.5,"), "stars is of another type"),
        (WHOLE.replace("3,", f"{2**70},"), "stars is of another type"),
        (WHOLE.replace("true", '"true"'), "sure is of another type"),
        (WHOLE.replace("2026-11-20T", "soon"), "at is of another type"),
    ],
)
def test_an_answer_that_is_not_what_was_asked_for_is_invalid_with_its_reason_and_its_text_kept(text, why):
    made = table(shape(Review), [said(WHOLE, "a"), said(text, "b")], details=True)
    columns = by_name(made)
    assert (["ok", "invalid"], [None, "invalid_answer"]) == (columns["status"], columns["error_type"])
    assert f"The answer is no Review: {why}" == columns["error"][1]
    assert ([WHOLE, text], [3, None]) == (columns["text"], columns["stars"])
    assert {"category", "Int64"} <= {str(dtype) for dtype in frame(made).dtypes}


@pytest.mark.parametrize(
    "text",
    ['```json\n{"n": 5}\n```', 'Here it is:\n{"n": 5}', 'I think so.\n\n```\n{"n": 5}\n```\nIs that all?'],
)
def test_json_in_a_fence_or_after_a_sentence_is_found(text):
    assert [5] == by_name(table(shape({"n": int}), [said(text)]))["n"]
    assert "" == reading.fits(shape({"n": int}))(text)


def test_what_is_no_object_is_one_column_value():
    assert ["claude_value", "claude_status", "claude_error"] == names(choices(["a", "b"]))
    assert ["a"] == by_name(table(choices(["a", "b"]), [said('{"value": "a"}')]))["value"]
    assert {"value": "object"} == fields(shape(list[int]))
    assert [[1, 2]] == by_name(table(shape(list[int]), [said('{"value": [1, 2]}')]))["value"]
    assert ["invalid"] == by_name(table(shape(list[int]), [said("{}")]))["status"]


def test_a_field_keeps_its_name_where_ours_is_the_same():
    wanted = shape({"status": ["open", "closed"], "model": str})
    made = table(wanted, [said('{"status": "open", "model": "T"}')], details=True)
    columns = by_name(made)
    assert ("open", "ok") == (columns["status"][0], columns["row_status"][0])
    assert ("T", "claude-haiku-5-5") == (columns["model"][0], columns["row_model"][0])
    assert [column.name for column in made] == names(wanted, details=True)
    assert len({*names(wanted, details=True)}) == len(names(wanted, details=True))


def test_fits_says_where_an_answer_is_not_what_was_asked_for():
    wanted = reading.fits(shape({"n": Annotated[int, msgspec.Meta(ge=1)]}))
    assert "" == wanted('{"n": 5}')
    assert "The answer is no answer: n: Expected `int`, got `str`" == wanted('{"n": "5"}')
    assert "The answer is no answer: n: Expected `int` >= 1" == wanted('{"n": 0}')
    assert None is reading.fits(None)


# ---- cells -------------------------------------------------------------------------------------------------


def test_values_become_cells_of_a_dtype_and_the_others_are_told_of():
    utc = datetime.UTC
    assert ([1, 2, None, None], [3]) == cells.typed([1, 2.0, None, True], "Int64")
    assert ([1.5, 2.0, None], [2]) == cells.typed([1.5, 2, "3"], "Float64")
    assert (["a", None], [1]) == cells.typed(["a", 1], "string")
    moments = ["2026-01-02T03:04:05", "2026-01-02T03:04:05-01:00"]
    assert ([datetime.datetime(2026, 1, 2, hour, 4, 5, tzinfo=utc) for hour in (3, 4)], []) == cells.typed(
        moments, "datetime64[us, UTC]"
    )
    numbers = pd.CategoricalDtype([1, 2])
    assert ([1, None, None], [1, 2]) == cells.typed([1, 3, True], numbers)
    assert ([None, None], [0]) == cells.typed([["a"], None], pd.CategoricalDtype(["a"]))
    assert ([{"a": 1}, "b"], []) == cells.typed([{"a": 1}, "b"], "object")


def test_numbers_of_a_service_that_are_none_are_missing():
    odd = Outcome("k", "ok", wire.encode(answer()), input_tokens="8", cost_usd=Decimal("0.5"))
    made = frame(table(None, [odd], details=True))
    assert (True, 0.5) == (made.claude_input_tokens.isna()[0], made.claude_cost_usd[0])
    assert isinstance(table(None, [odd])[0], Column)
