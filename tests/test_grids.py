"""Is a frame the same frame, whichever library made it?

narwhals reads pandas too, so that the way of other libraries is tested with a frame of its; what is in the
real polars, pyarrow and duckdb is tested where they are installed.
"""

from __future__ import annotations

import datetime

import narwhals.stable.v2 as nw
import pandas as pd
import pytest

from claude_magic import errors
from claude_magic.prompts import grids
from claude_magic.prompts.tables import frame_text
from claude_magic.prompts.values import show

COLUMNS = {
    "length": [5.1, None, 4.9],
    "name": ["setosa", "virginica", None],
    "day": [datetime.date(2026, 1, 1), None, datetime.date(2026, 1, 3)],
    "many": [3, 1, 2],
    "Password": ["hunter2", "b", "c"],
}
ABOUT = """\
3 rows × 5 columns
[… column Password left out: named like a secret]
- length: Float64; 1 missing; min 4.9, mean 5, max 5.1
- name: String; 1 missing; 2 distinct: setosa, virginica
- day: Date; 1 missing; 2026-01-01 to 2026-01-03
- many: Int64; min 1, mean 2, max 3"""
ROWS = """\
length,name,day,many
5.1,setosa,2026-01-01,3
,virginica,,1
4.9,,2026-01-03,2"""


def by_narwhals(columns):
    return grids.Narwhal(nw.from_native(pd.DataFrame(columns), eager_only=True))


def test_narwhals_shows_a_frame_as_pandas_does_but_for_the_index():
    columns = {"a": [1.5, 2.5], "b": ["x", "y"], "ok": [False, True]}
    ours, theirs = grids.of(pd.DataFrame(columns)), by_narwhals(columns)
    assert ours.names == theirs.names
    assert ours.rows == theirs.rows
    assert [ours.plain(n) for n in range(3)] == [theirs.plain(n) for n in range(3)]
    assert [about.partition("; ")[2] for _, about in ours.about()] == [
        about.partition("; ")[2] for _, about in theirs.about()
    ]
    assert "a,b,ok\n1.5,x,False\n2.5,y,True" == theirs.csv(50)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [("head 1", "a\n0"), ("tail 2", "a\n8\n9"), ("tail 99", "a\n" + "\n".join(map(str, range(10))))],
)
def test_a_part_of_a_frame_by_narwhals(spec, expected):
    assert expected == frame_text(by_narwhals({"a": range(10)}), spec).text


def test_a_column_whose_values_cannot_be_counted_has_no_summary():
    assert [("x", "Object")] == by_narwhals({"x": [{"a": 1}, [2]]}).about()


# -- the libraries themselves ------------------------------------------------------------------------------


def polars_frame():
    return pytest.importorskip("polars").DataFrame(COLUMNS)


def arrow_table():
    return pytest.importorskip("pyarrow").table(COLUMNS)


def duck_relation():
    return pytest.importorskip("duckdb").sql(
        """SELECT * FROM (VALUES
            (5.1::DOUBLE, 'setosa', DATE '2026-01-01', 3::BIGINT, 'hunter2'),
            (NULL, 'virginica', NULL, 1, 'b'),
            (4.9, NULL, DATE '2026-01-03', 2, 'c')
        ) AS t(length, name, day, many, Password)"""
    )


each_library = pytest.mark.parametrize(
    ("made", "what"),
    [
        (polars_frame, "polars DataFrame"),
        (arrow_table, "pyarrow Table"),
        (duck_relation, "duckdb DuckDBPyRelation"),
    ],
    ids=["polars", "pyarrow", "duckdb"],
)


@each_library
def test_a_frame_of_another_library_has_the_same_picture(made, what):
    shown = show(made(), "df")
    assert f"{ABOUT}\nAll rows as CSV:\n{ROWS}" == shown.text
    assert f"{what} 3×5, Password held back as named like a secret" == shown.what


@each_library
@pytest.mark.parametrize(("spec", "rows"), [("head 2", (1, 3)), ("tail 1", (3, 4)), ("csv", (1, 4))])
def test_parts_of_a_frame_of_another_library(made, what, spec, rows):
    head, *lines = ROWS.splitlines()
    expected = [head, *lines[rows[0] - 1 : rows[1] - 1]]
    assert expected == show(made(), "df", spec).text.splitlines()[:-1]  # the last one is about the secret


def test_a_query_of_polars_is_run_for_its_first_rows_only():
    polars = pytest.importorskip("polars")
    shown = show(polars.LazyFrame({"a": range(100)}), "df")
    assert "polars LazyFrame ?×1" == shown.what
    assert "1 columns; a query, so that its rows are not counted" == shown.text.splitlines()[0]
    assert "First 10 rows as CSV:" in shown.text
    assert show(polars.LazyFrame({"a": [1]}), "df", "csv") is None


def test_a_query_that_fails_is_an_error_of_ours():
    polars = pytest.importorskip("polars")
    with pytest.raises(errors.InputError, match=r"\{q\} cannot be shown: FileNotFoundError"):
        show(polars.scan_csv("/nowhere/a.csv"), "q")


def test_the_other_kinds_of_pyarrow_and_polars_are_columns_and_tables():
    pa = pytest.importorskip("pyarrow")
    assert "pyarrow Int64Array of 2" == show(pa.array([1, 2]), "a").what
    assert "pyarrow RecordBatch 2×1" == show(pa.RecordBatch.from_pydict({"a": [1, 2]}), "a").what
    assert "a,a.1\n1,2" == show(pa.table([[1], [2]], names=["a", "a"]), "t", "csv").text
    polars = pytest.importorskip("polars")
    assert "polars Series of 2" == show(polars.Series("n", [1, 2]), "s").what
