"""Does a frame of any kind come in, and go back with more columns and otherwise as it was?"""

from __future__ import annotations

import datetime
import subprocess
import sys
from typing import Literal, TypedDict

import numpy as np
import pandas as pd
import pytest

from claude_magic import schema
from claude_magic.errors import InputError
from claude_magic.rows.asked import inputs
from claude_magic.rows.columns.table import STATUSES, Column

NOON = datetime.datetime(2026, 11, 2, 12, tzinfo=datetime.UTC)
NEW = [
    Column("claude_text", "string", ["a", None]),
    Column("claude_n", "Int64", [1, None]),
    Column("claude_share", "Float64", [0.5, None]),
    Column("claude_ok", "boolean", [True, None]),
    Column("claude_label", pd.CategoricalDtype(["x", "y"]), ["x", None]),
    Column("claude_at", "datetime64[us, UTC]", [NOON, None]),
    Column("claude_day", "datetime64[us]", [datetime.date(2026, 11, 2), None]),
    Column("claude_took", "timedelta64[us]", [datetime.timedelta(hours=1), None]),
    Column("claude_all", "object", [{"a": [1]}, None]),
]
MIXED = Column("claude_any", "object", [{"a": 1}, "b"])
VALUES = {"n": [1, 2], "s": ["a", None], "f": [0.5, float("nan")]}


def test_values_come_as_python_has_them_and_missing_ones_as_none():
    frame = pd.DataFrame(
        {
            "whole": np.array([1, 2]),
            "part": [1.5, np.nan],
            "maybe": pd.array([1, None], dtype="Int64"),
            "day": pd.to_datetime(["2026-11-02", None]),
            "label": pd.Categorical(["a", None]),
            "any": [[1], None],
        }
    )
    rows = inputs.rows(frame)
    assert (2, "pandas") == (len(rows), rows.kind)
    assert [1, 2] == rows.column("whole")
    assert int is type(rows.column("whole")[0])
    assert [[1.5, None], [1, None], ["a", None], [[1], None]] == [
        rows.column(name) for name in ("part", "maybe", "label", "any")
    ]
    assert [pd.Timestamp("2026-11-02"), None] == rows.column("day")


@pytest.mark.parametrize(
    ("given", "columns"),
    [
        (["a", None], {"value": ["a", None]}),
        ((x for x in "ab"), {"value": ["a", "b"]}),
        (range(2), {"value": [0, 1]}),
        ([[1], [2, 3]], {"value": [[1], [2, 3]]}),
        ([{"a": 1}, {"b": float("nan")}], {"a": [1, None], "b": [None, None]}),
        ({"a": [1, None], "b": ("x", "y")}, {"a": [1, None], "b": ["x", "y"]}),
        (np.array(["x", "y"]), {"value": ["x", "y"]}),
        (pd.Series([1, 2], name="s"), {"s": [1, 2]}),
        (pd.Index(["a", "b"]), {"value": ["a", "b"]}),
        ([], {"value": []}),
        ({}, {}),
    ],
    ids=[
        "list",
        "generator",
        "range",
        "lists",
        "dicts",
        "dict",
        "array",
        "series",
        "index",
        "none",
        "nothing",
    ],
)
def test_what_is_no_frame_has_rows_too_and_its_values_stay_what_they_are(given, columns):
    rows = inputs.rows(given)
    assert columns == {name: rows.column(name) for name in rows.names}
    empty = [one._replace(values=one.values[: len(rows)]) for one in NEW]
    assert [*columns, *(one.name for one in NEW)] == list(rows.with_columns(empty).columns)


@pytest.mark.parametrize(
    "given", ["a text", b"bytes", 5, None, int, {"a": 1}, {"a": "text"}, {"a": [1], "b": []}], ids=repr
)
def test_what_has_no_rows_is_one_clear_error(given):
    with pytest.raises(InputError) as caught:
        inputs.rows(given)
    assert caught.value.hint


def test_rows_are_rows_already():
    rows = inputs.rows([1])
    assert rows is inputs.rows(rows)


def frame(index=None):
    made = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}, index=index)
    made.attrs["source"] = "here"
    return made


@pytest.mark.parametrize(
    "index",
    [[7, 7], pd.MultiIndex.from_tuples([("a", 1), ("a", 1)], names=["k", "n"]), pd.Index([2, 1], name="id")],
    ids=["twice the same", "of two levels", "named"],
)
def test_index_order_columns_and_attrs_stay_and_the_frame_given_is_not_changed(index):
    given = frame(index)
    before = given.copy()
    made = inputs.rows(given).with_columns(NEW)
    pd.testing.assert_frame_equal(before, made[["a", "b"]])
    pd.testing.assert_frame_equal(before, given)
    assert ({"source": "here"}, {"source": "here"}) == (made.attrs, given.attrs)
    made.loc[:, "a"] = 5
    pd.testing.assert_frame_equal(before, given)


def test_columns_that_have_two_levels_get_more_of_them():
    given = pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", "x"), ("a", "y")]))
    made = inputs.rows(given).with_columns([Column("claude_text", "string", ["t"])])
    assert ["a_x", "a_y", "claude_text"] == inputs.rows(made).names
    assert [[1], ["t"]] == [inputs.rows(made).column(name) for name in ("a_x", "claude_text")]
    again = inputs.rows(made).with_columns([Column("claude_text", "string", ["u"])])
    assert ["u"] == list(again["claude_text"])


def test_a_subclass_of_a_frame_stays_one():
    class Mine(pd.DataFrame):
        @property
        def _constructor(self):
            return Mine

    assert Mine is type(inputs.rows(Mine({"a": [1, 2]})).with_columns(NEW))


def test_new_columns_have_the_dtypes_they_are_to_have():
    made = inputs.rows(frame()).with_columns([*NEW, MIXED])
    expected = {one.name: str(one.dtype) for one in (*NEW, MIXED)}
    assert expected == {name: str(made[name].dtype) for name in expected}
    assert {"a": [1]} == made["claude_all"][0]
    assert NOON == made["claude_at"][0]


def test_a_frame_without_rows_is_typed_too():
    none = [one._replace(values=[]) for one in NEW]
    made = inputs.rows(frame()[:0]).with_columns(none)
    assert 0 == len(made)
    assert [str(one.dtype) for one in NEW] == [str(made[one.name].dtype) for one in NEW]


def test_a_value_that_its_dtype_does_not_allow_stays_as_it_is():
    made = inputs.rows(frame()).with_columns([Column("claude_n", "Int64", ["many", 2])])
    assert ["many", 2] == list(made["claude_n"])


def test_some_rows_are_taken_with_their_index():
    rows = inputs.rows(frame([7, 8])).take([1])
    assert ["y"] == rows.column("b")
    assert [8] == list(rows.with_columns([Column("c", "string", ["t"])]).index)
    assert [None] == inputs.rows([1, None]).take([1]).column("value")


def test_a_row_is_a_mapping():
    row = inputs.rows(frame()).row(1)
    assert {"a": 2, "b": "y"} == dict(row)
    assert ("none", False, "<row 1: a, b>") == (row.get("c", "none"), "c" in row, repr(row))


def test_a_column_that_is_missing_or_there_twice_is_named():
    with pytest.raises(InputError, match="There is no column revew") as caught:
        inputs.rows({"review": []}).column("revew")
    assert "Did you mean review?" == caught.value.hint
    twice = pd.DataFrame([[1, 2]], columns=["a", "a"])
    with pytest.raises(InputError, match="There are 2 columns a"):
        inputs.rows(twice).column("a")


# ---- names that are taken ----------------------------------------------------------------------------------


def taken(columns, used=()):
    names = ["claude_text", "claude_status"]
    inputs.rows(columns).check_names(names, prefix="claude_", used=used)


def test_a_name_that_is_taken_is_an_error_unless_the_column_is_ours():
    taken({"text": ["a"]})
    taken({"claude_text": ["a", None], "claude_status": ["ok", None]})
    taken({"claude_text": list("abcdefghi"), "claude_row_status": list(STATUSES)})
    for columns in ({"claude_text": ["a"]}, {"claude_text": ["a"], "claude_status": ["my own"]}):
        with pytest.raises(InputError, match="There is a column claude_text already") as caught:
            taken(columns)
        assert "prefix=" in caught.value.hint


def test_a_column_that_prompts_are_made_of_is_not_replaced():
    with pytest.raises(InputError, match="made of the column claude_text, which the answers would replace"):
        taken({"claude_text": ["a"], "claude_status": ["ok"]}, used=["claude_text"])


def test_columns_of_ours_are_replaced_where_they_are():
    once = inputs.rows(frame()).with_columns([Column("claude_text", "string", ["a", "b"])]).assign(z=0)
    again = inputs.rows(once).with_columns([Column("claude_text", "string", ["c", None])])
    assert ["a", "b", "claude_text", "z"] == list(again.columns)
    assert ["c", None] == inputs.rows(again).column("claude_text")


# ---- kinds of dtypes ---------------------------------------------------------------------------------------


def test_nullable_dtypes_by_name_are_the_usual_ones():
    made = inputs.rows(frame()).with_columns(NEW, dtype_backend="numpy_nullable")
    assert [str(one.dtype) for one in NEW] == [str(made[one.name].dtype) for one in NEW]


def test_an_unknown_kind_of_dtypes_is_an_error():
    with pytest.raises(InputError, match="'arrow' is no kind of dtypes"):
        inputs.rows(frame()).with_columns(NEW, dtype_backend="arrow")


def test_dtypes_of_pyarrow():
    pytest.importorskip("pyarrow")
    made = inputs.rows(frame()).with_columns(NEW, dtype_backend="pyarrow")
    kinds = [str(made[one.name].dtype) for one in NEW]
    assert ["string[pyarrow]", "int64[pyarrow]", "double[pyarrow]", "bool[pyarrow]", "category"] == kinds[:5]
    assert "timestamp[us, tz=UTC][pyarrow]" == kinds[5]
    assert "object" == kinds[-1]
    assert ["a", None] == inputs.rows(made).column("claude_text")


def test_without_pyarrow_its_dtypes_are_an_error_with_what_to_type():
    code = """
import sys
sys.modules["pyarrow"] = None
import importlib.util
find = importlib.util.find_spec
importlib.util.find_spec = lambda name: None if name == "pyarrow" else find(name)
from claude_magic.rows.asked import inputs
from claude_magic.rows.columns.table import Column
try:
    inputs.rows([1]).with_columns([Column("c", "string", ["a"])], dtype_backend="pyarrow")
except Exception as error:
    print(error.hint)
"""
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "Type %pip install pyarrow.\n" == found.stdout


# ---- other libraries ---------------------------------------------------------------------------------------


def polars_frame():
    return pytest.importorskip("polars").DataFrame(VALUES)


def arrow_table():
    return pytest.importorskip("pyarrow").table(VALUES)


def duck_relation():
    connection = pytest.importorskip("duckdb").connect()
    connection.execute(
        "CREATE TABLE t AS SELECT * FROM (VALUES (1, 'a', 0.5::DOUBLE), (2, NULL, 'nan')) AS t(n, s, f)"
    )
    return connection.table("t")


each_library = pytest.mark.parametrize(
    "made", [polars_frame, arrow_table, duck_relation], ids=["polars", "pyarrow", "duckdb"]
)


@each_library
def test_a_frame_of_another_library_comes_back_as_its_own_kind(made):
    given = made()
    rows = inputs.rows(given)
    assert [[1, 2], ["a", None], [0.5, None]] == [rows.column(name) for name in ("n", "s", "f")]
    back = rows.with_columns([*NEW, MIXED])
    assert type(given) is type(back)
    again = inputs.rows(back)
    assert ["n", "s", "f", *(one.name for one in NEW), "claude_any"] == again.names
    assert [1, 2] == again.column("n")
    plain = (
        "claude_text",
        "claude_n",
        "claude_share",
        "claude_ok",
        "claude_label",
        "claude_all",
    )
    assert {one.name: one.values for one in NEW if one.name in plain} == {n: again.column(n) for n in plain}
    assert ['{"a":1}', "b"] == again.column("claude_any")
    assert NOON == again.column("claude_at")[0]
    assert [None] == rows.take([1]).column("s")


@each_library
def test_a_frame_of_another_library_without_rows_is_typed_too(made):
    rows = inputs.rows(made()).take([])
    back = inputs.rows(rows.with_columns([one._replace(values=[]) for one in NEW]))
    assert (0, ["n", "s", "f", *(one.name for one in NEW)]) == (len(back), back.names)


class Cargo(TypedDict):
    a: int
    b: str | None


LISTS = {
    # a type, values of it, and the dtype in any library
    "numbers": (list[int], [[1, 2], None], "List(Int64)"),
    "none of them": (list[int], [None, None], "List(Int64)"),
    "empty": (list[float], [[], None], "List(Float64)"),
    "whole where parts are": (list[float], [[1, 0.5], None], "List(Float64)"),
    "labels": (list[Literal["a", "b"]], [["a"], None], "List(String)"),
    "objects": (
        list[Cargo],
        [[{"a": 1, "b": None}], []],
        "List(Struct({'a': Int64, 'b': String}))",
    ),
}


@each_library
@pytest.mark.parametrize(("wanted", "values", "dtype"), LISTS.values(), ids=LISTS)
def test_lists_are_typed_by_what_was_asked_for_in_other_libraries(made, wanted, values, dtype):
    asked = schema.shape({"list": wanted}).schema["properties"]["list"]
    column = Column("claude_list", "object", values, asked)
    back = inputs.rows(inputs.rows(made()).with_columns([column]))
    assert (values, dtype) == (back.column("claude_list"), str(back.frame.schema["claude_list"]))


@each_library
@pytest.mark.parametrize("days", [[datetime.date(2026, 1, 2), None], [None, None]], ids=["some", "none"])
def test_days_are_days_in_other_libraries_also_where_there_is_none(made, days):
    back = inputs.rows(inputs.rows(made()).with_columns([Column("claude_day", "datetime64[us]", days)]))
    assert days == back.column("claude_day")
    assert "Date" == str(back.frame.schema["claude_day"])


@each_library
def test_columns_of_ours_are_replaced_in_a_frame_of_another_library(made):
    once = inputs.rows(made()).with_columns(NEW[:1])
    again = inputs.rows(inputs.rows(once).with_columns([Column("claude_text", "string", ["c", None])]))
    assert (["n", "s", "f", "claude_text"], ["c", None]) == (again.names, again.column("claude_text"))


def test_a_relation_stays_on_its_connection():
    given = duck_relation()
    back = inputs.rows(given).with_columns(NEW[:1])
    assert [("a", "a")] == back.filter("n = 1").project("s, claude_text").fetchall()
    assert 2 == len(back.set_alias("u").join(given.set_alias("t"), "t.n = u.n").fetchall())


def test_the_other_kinds_of_polars_and_pyarrow():
    pa, polars = pytest.importorskip("pyarrow"), pytest.importorskip("polars")
    for given in (pa.array([1, 2]), pa.chunked_array([[1], [2]]), polars.Series([1, 2])):
        rows = inputs.rows(given)
        assert [1, 2] == rows.column("value")
        assert ["value", "claude_text"] == inputs.rows(rows.with_columns(NEW[:1])).names
    assert [1, 2] == inputs.rows(pa.RecordBatch.from_pydict({"n": [1, 2]})).column("n")
    with pytest.raises(InputError, match="several columns of one name"):
        inputs.rows(pa.table([[1], [2]], names=["a", "a"]))
    with pytest.raises(InputError, match="is a query that has not run") as caught:
        inputs.rows(polars.LazyFrame({"a": [1]}))
    assert "Give df.collect()." == caught.value.hint
    with pytest.raises(InputError, match="has no dtypes of pyarrow"):
        inputs.rows(polars_frame()).with_columns(NEW, dtype_backend="pyarrow")
