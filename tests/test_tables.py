"""Is a frame's text short, and faithful about what it leaves out?"""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest

from claude_magic.prompts import grids, tables
from claude_magic.prompts.tables import MOST, MOST_ASKED, cut

IRIS = pd.DataFrame(
    {
        "length": [5.1, 4.9, None],
        "name": ["setosa", "virginica", "setosa"],
        "day": pd.to_datetime(["2026-01-01", "2026-01-03", None]),
        "ok": [True, False, True],
    }
)


def frame_text(df, spec=""):
    """Return the text of a frame, or None."""
    made = tables.frame_text(grids.of(df), spec)
    return made and made.text


def test_a_frame_is_its_size_its_columns_and_its_rows():
    expected = """\
3 rows × 4 columns
- length: float64; 1 missing; min 4.9, mean 5, max 5.1
- name: str; 2 distinct: setosa, virginica
- day: datetime64[us]; 1 missing; 2026-01-01 00:00:00 to 2026-01-03 00:00:00
- ok: bool; 2 distinct: True, False
All rows as CSV:
,length,name,day,ok
0,5.1,setosa,2026-01-01,True
1,4.9,virginica,2026-01-03,False
2,,setosa,,True"""
    assert expected == frame_text(IRIS)


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("head 1", ",length,name,day,ok\n0,5.1,setosa,2026-01-01,True"),
        ("tail 1", ",length,name,day,ok\n2,,setosa,,True"),
        ("tail 9", IRIS.to_csv().rstrip()),
        ("csv", IRIS.to_csv().rstrip()),
        ("schema", "\n".join((frame_text(IRIS) or "").splitlines()[:5])),
        ("head -1", None),
        ("heads", None),
    ],
)
def test_a_part_of_a_frame(spec, expected):
    assert expected == frame_text(IRIS, spec)


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame(np.zeros((1000, 300))),
        pd.DataFrame({"a": ["x" * 10_000] * 50}),
        pd.DataFrame({f"a long name of a column {n}" * 20: [1] for n in range(39)}),
        pd.DataFrame({"a": [list(range(10_000))] * 3}),
    ],
    ids=["wide", "long texts", "long names", "objects"],
)
def test_a_large_frame_is_bounded_and_says_so(frame):
    found = frame_text(frame) or ""
    assert MOST + 60 >= len(found)
    assert f"{len(frame):,} rows × {len(frame.columns):,} columns" == found.splitlines()[0]
    assert " left out" in found


def test_a_long_csv_ends_in_whole_rows_and_a_count():
    frame = pd.DataFrame({"a": range(100_000)})
    found = frame_text(frame, "csv") or ""
    *rows, note = found.splitlines()
    assert MOST_ASKED >= len("\n".join(rows))
    assert frame.iloc[: len(rows) - 1].to_csv().splitlines() == rows
    assert f"[… {100_000 - len(rows) + 1:,} of 100,000 rows left out]" == note


def test_what_is_asked_for_is_not_shortened():
    frame = pd.DataFrame({f"c{n}": ["x" * 500] for n in range(50)})
    assert frame.to_csv().rstrip() == frame_text(frame, "csv") == frame_text(frame, "head 1")


def test_columns_named_like_secrets_are_left_out_and_named():
    found = frame_text(pd.DataFrame({"user": ["a"], "Password": ["hunter2"], "key": ["k1"]})) or ""
    assert "hunter2" not in found
    assert "[… column Password left out: named like a secret]" in found
    assert "k1" in found


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame(),
        pd.DataFrame({"a": []}),
        pd.DataFrame({"a": [None, None]}),
        pd.DataFrame([[1, 2]], columns=["a", "a"]),
        pd.DataFrame({"a": [{"k": 1}, [2]]}),
        pd.DataFrame({"a": pd.array([1, None], dtype="Int64"), "b": pd.Categorical(["x", None])}),
        pd.DataFrame({"a": [1]}, index=pd.MultiIndex.from_tuples([("x", 1)])),
        pd.DataFrame({("a", 1): [1 + 2j]}, index=pd.to_datetime(["2026-01-01"])),
        pd.DataFrame({"a": [float("inf"), -float("inf")], "b": pd.to_timedelta([1, 2])}),
    ],
)
def test_any_frame_has_a_text(frame):
    assert f"{len(frame)} rows × {len(frame.columns)} columns" == (frame_text(frame) or "").splitlines()[0]


def test_an_index_that_means_something_is_described():
    frame = pd.DataFrame({"a": [1, 2]}, index=pd.to_datetime(["2026-01-01", "2026-02-01"]))
    assert "- the index: datetime64[us]; 2026-01-01 00:00:00 to 2026-02-01 00:00:00" in (
        frame_text(frame) or ""
    )


def test_a_cut_says_how_much_is_missing():
    assert ("ab", "ab[… 3 characters left out]") == (cut("ab", 2), cut("abcde", 2))


@pytest.mark.parametrize("spec", ["csv", "tail 50000"])
def test_a_csv_is_cut_between_rows_also_where_a_cell_has_lines(spec):
    frame = pd.DataFrame({"a": ['two\nlines, "quoted"'] * 50_000})
    made = tables.frame_text(grids.of(frame), spec)
    rows = pd.read_csv(io.StringIO(made.text.rpartition("\n")[0]), index_col=0)
    assert frame.iloc[: len(rows)].to_csv() == rows.to_csv()
    of = " of the last 50,000" if spec != "csv" else ""
    assert (f"first {len(rows):,}{of} rows sent",) == made.partly
