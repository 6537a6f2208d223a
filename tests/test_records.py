"""Does a list of objects become a frame with the right rows, columns and types?"""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from claude_magic.frames.records import frame
from claude_magic.wire import record

MOMENT = "datetime64[us, UTC]"


def kinds(made):
    return {name: str(kind) for name, kind in made.dtypes.items()}


def test_an_empty_list_is_an_empty_frame_and_empty_objects_are_rows():
    assert (0, 0) == frame([]).shape
    assert (2, 0) == frame([{}, {}]).shape


def test_rows_keep_their_order_and_columns_the_order_in_which_they_were_first_seen():
    made = frame([{"id": "b", "size": 1}, {"name": "x", "id": "a"}])
    assert ["b", "a"] == [*made.id]
    assert ["id", "size", "name"] == [*made.columns]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["a", "b"], "string"),
        (["a", None], "string"),
        ([1, 2], "int64"),
        ([1, None], "Int64"),
        ([2**63 - 1, None], "Int64"),
        ([2**64, 1], "object"),
        ([1.5, 2], "float64"),
        ([1.5, None], "float64"),
        ([True, False], "bool"),
        ([True, None], "boolean"),
        ([True, 1], "object"),
        ([1, "a"], "object"),
        ([[1], [2]], "object"),
        ([[], None], "object"),
        ([None, None], "object"),
        ([{}, {}], "object"),
    ],
    ids=str,
)
def test_a_column_has_the_type_of_what_is_in_it_and_keeps_its_values(values, kind):
    made = frame([{"x": value} for value in values])
    assert {"x": kind} == kinds(made)
    assert values == [None if not isinstance(v, list | dict) and pd.isna(v) else v for v in made.x]


def test_what_is_missing_from_some_objects_is_missing_from_their_rows():
    made = frame([{"n": 1, "flag": True}, {}, {"n": 3}])
    assert {"n": "Int64", "flag": "boolean"} == kinds(made)
    assert [False, True, False] == [*made.n.isna()]


@pytest.mark.parametrize("name", ["created_at", "starting_at", "date", "scope.at", "expiry_time", "time"])
def test_moments_under_a_name_for_moments_become_utc_timestamps(name):
    made = frame([{name: "2026-11-01T10:00:00+02:00"}, {name: None}, {name: "2026-11-02T00:00:00.25Z"}])
    assert {name: MOMENT} == kinds(made)
    assert datetime(2026, 11, 1, 8, tzinfo=UTC) == made[name][0]
    assert datetime(2026, 11, 2, 0, 0, 0, 250_000, tzinfo=UTC) == made[name][2]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("created_at", "soon"),
        ("created_at", "2026-02-31T00:00:00Z"),
        ("created_at", "2026-11-01T10:00:00"),
        ("name", "2026-11-01T10:00:00Z"),
        ("format", "2026-11-01"),
    ],
)
def test_what_is_no_moment_or_has_no_such_name_stays_text(name, value):
    made = frame([{name: value}])
    assert ({name: "string"}, value) == (kinds(made), made[name][0])


def test_moments_that_are_all_missing_are_moments_still():
    assert {"archived_at": MOMENT} == kinds(frame([{"archived_at": None}, {}]))


def test_a_far_moment_neither_fails_nor_is_lost():
    assert "9999" in str(frame([{"expires_at": "9999-12-31T00:00:00Z"}]).expires_at[0])


def test_objects_within_objects_become_columns_where_they_stand():
    made = frame([{"id": "a", "scope": {"type": "workspace", "of": {"id": "w"}}, "last": 1}])
    assert {"id": "a", "scope.type": "workspace", "scope.of.id": "w", "last": 1} == made.iloc[0].to_dict()
    assert ["id", "scope.type", "scope.of.id", "last"] == [*made.columns]


def test_objects_of_mixed_shapes_share_a_frame_and_a_null_makes_no_column():
    made = frame([{"by": None, "n": 1}, {"by": {"id": "u", "type": "user"}, "n": 2}, {"by": {}, "n": 3}])
    assert ["by.id", "by.type", "n"] == [*made.columns]
    assert [True, False, True] == [*made["by.id"].isna()]


def test_what_is_an_object_in_one_row_and_a_text_in_another_keeps_both():
    made = frame([{"geos": "unrestricted"}, {"geos": {"first": "us"}}])
    assert ["unrestricted", pd.NA] == [*made.geos]
    assert [pd.NA, "us"] == [*made["geos.first"]]


def test_lists_stay_lists_also_where_all_are_equally_long():
    assert [[1, 2], [3, 4]] == [*frame([{"x": [1, 2]}, {"x": [3, 4]}]).x]
    assert [{"a": 1}] == frame([{"x": [{"a": 1}]}]).x[0]


def test_records_and_plain_values_are_taken_too():
    assert ["x"] == [*frame([record({"id": "x"})]).id]
    assert ["a", "b"] == [*frame(iter(["a", "b"])).value]


def test_a_frame_is_its_own_and_leaves_the_objects_as_they_were():
    items = [{"n": 1, "scope": {"id": "s"}}]
    made = frame(items)
    made["n"] = 5
    assert [{"n": 1, "scope": {"id": "s"}}] == items


WORDS = st.text("abc_", min_size=1, max_size=4)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(st.dictionaries(WORDS, VALUES, max_size=5), max_size=6))
def test_any_json_objects_become_a_frame_with_a_row_for_each(items):
    made = frame(json.loads(json.dumps(items)))
    assert len(items) == len(made)
    assert len(made.columns) == len(set(made.columns))


def test_a_hundred_thousand_objects_become_one_frame():
    item = {"id": "a", "at": "2026-11-01T00:00:00Z", "scope": {"id": "s", "n": 1}, "tags": []}
    made = frame([item] * 100_000)
    assert (
        100_000,
        {"id": "string", "at": MOMENT, "scope.id": "string", "scope.n": "int64", "tags": "object"},
    ) == (
        len(made),
        kinds(made),
    )
