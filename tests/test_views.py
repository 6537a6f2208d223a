"""Is a frame shown for reading, and is it exact all the same?"""

from __future__ import annotations

import copy
import pickle
from datetime import UTC, datetime
from decimal import Decimal

import pandas as pd
import pytest

from claude_magic.looks import views
from claude_magic.show import listings

TIMES = pd.Series([datetime(2026, 11, 18, tzinfo=UTC), datetime(2026, 11, 19, 9, 5, 7, 123456, tzinfo=UTC)])


def frame() -> pd.DataFrame:
    made = pd.DataFrame({"a": [1_234_567, 2], "b": ["x", "<b>"]})
    return views.shown(made, lambda found: [views.column("A", found["a"]), views.column("B", found["b"])])


def test_a_frame_that_is_shown_otherwise_is_a_frame_with_the_same_values():
    made = frame()
    assert isinstance(made, pd.DataFrame)
    assert made.equals(pd.DataFrame({"a": [1_234_567, 2], "b": ["x", "<b>"]}))
    assert "1,234,567" in repr(made)
    assert "1,234,567" in made._repr_html_()


@pytest.mark.parametrize(
    "change",
    [
        lambda f: f.head(1),
        lambda f: f[f.a > 1],
        lambda f: f.copy(),
        copy.copy,
        lambda f: pickle.loads(pickle.dumps(f)),
        lambda f: f.groupby("b").sum(),
    ],
)
def test_what_is_made_of_it_is_a_plain_frame(change):
    assert pd.DataFrame is type(change(frame()))


def test_a_frame_with_another_column_shows_all_of_them_as_pandas_does():
    made = frame()
    made["c"] = 3
    assert pd.DataFrame(made).to_string() == made.to_string() == repr(made)
    assert "<th>c</th>" in made._repr_html_()


def test_a_text_of_the_service_is_only_text():
    shown = frame()._repr_html_()
    assert "&lt;b&gt;" in shown
    assert "<b>" not in shown


def test_times_are_days_where_all_are_midnights_and_are_not_broken():
    assert ["2026-11-18 00:00", "2026-11-19 09:05"] == views.moments(TIMES)
    assert ["2026-11-18"] == views.moments(TIMES[:1])
    assert "white-space:nowrap" in views.page([views.column("day", TIMES[:1])])


@pytest.mark.parametrize(
    ("amounts", "expected"),
    [
        (["12.5", "1234.567"], ["12.50", "1,234.57"]),
        (["0.1427", "2.5"], ["0.14", "2.50"]),
        (["0.0035", "2.5"], ["0.0035", "2.5000"]),
        (["0", "0.00000004"], ["0.00000000", "0.00000004"]),
        (["0"], ["0.00"]),
    ],
)
def test_money_has_as_many_decimals_each_as_the_smallest_amount_needs(amounts, expected):
    assert expected == views.money("USD", pd.Series([*map(Decimal, amounts)], dtype="object")).cells


def test_a_sum_is_exact_and_is_not_there_where_a_part_is_unknown():
    amounts = pd.Series([Decimal("0.1"), Decimal("0.2")], dtype="object")
    assert "0.30" == views.money("USD", amounts, total=True).total
    for missing in (None, float("nan"), pd.NA):
        some = views.money("USD", pd.Series([Decimal(1), missing], dtype="object"), total=True)
        assert (["1.00", ""], "") == (some.cells, some.total)
    assert "3,000" == views.counts("n", pd.Series([1000, 2000], dtype="Int64"), total=True).total
    assert "" == views.counts("n", pd.Series([1000, None], dtype="Int64"), total=True).total


def test_of_many_rows_the_first_and_last_are_shown_and_it_is_said():
    made = views.page([views.column("n", pd.Series(range(1000)))])
    assert 62 == made.count("<tr>")  # with the head and the dots
    assert "1,000 rows, 60 of them shown" in made
    lines = views.text([views.column("n", pd.Series(range(1000)))]).split()
    assert (["n", "0", "1"], ["…", "970"]) == (lines[:3], lines[31:33])


def test_a_table_that_is_wider_than_its_place_is_scrolled_by_keyboard_too():
    assert 'tabindex="0" role="group" aria-label="Table">' in views.page([]).partition("<table")[0]


def test_nothing_is_said_to_be_nothing():
    empty = [views.column("n", pd.Series([], dtype="Int64"))]
    assert ("none" in views.page(empty), "(none)" in views.text(empty)) == (True, True)


# ---- usage and cost ----------------------------------------------------------------------------------------


def report(every="1d", **columns) -> pd.DataFrame:
    made = pd.DataFrame({"starting_at": TIMES.dt.normalize(), "ending_at": TIMES.dt.normalize(), **columns})
    made.attrs = {"every": every}
    return made


def heads(made: pd.DataFrame) -> list[str]:
    return [column.head for column in made._columns()]


def test_usage_has_short_heads_a_sum_and_no_column_that_is_zero():
    made = listings.report(
        report(
            model=["m", "n"],
            uncached_input_tokens=pd.array([1000, 2000], dtype="Int64"),
            **{"cache_creation.ephemeral_5m_input_tokens": pd.array([1, 0], dtype="Int64")},
            output_tokens=pd.array([0, 0], dtype="Int64"),
        )
    )
    assert ["day (UTC)", "model", "input", "cache write 5m"] == heads(made)
    assert ["sum", "3,000", "1"] == repr(made).splitlines()[-1].split()
    assert ["starting_at", "ending_at"] == [*made][:2]


def amounts(**more) -> pd.DataFrame:
    paid = [Decimal("0.0035"), Decimal(2)]
    return report(amount_usd=paid, list_amount_usd=paid, currency=["USD", "USD"], **more)


def test_cost_leaves_out_the_list_price_where_it_is_what_was_paid():
    assert ["day (UTC)", "USD"] == heads(listings.report(amounts()))
    dearer = amounts()
    dearer["list_amount_usd"] = [Decimal(1), Decimal(3)]
    assert ["day (UTC)", "USD", "list price USD"] == heads(listings.report(dearer))


def test_amounts_of_several_currencies_are_not_added():
    mixed = amounts().assign(currency=["USD", "EUR"])
    made = listings.report(mixed)
    assert ["day (UTC)", "USD", "currency"] == heads(made)
    assert "" == made._columns()[1].total


def test_a_report_over_the_whole_time_says_from_when_to_when():
    whole = report(None, amount_usd=[Decimal(1)] * 2, currency=["USD"] * 2)
    assert ["from (UTC)", "to (UTC)", "USD"] == heads(listings.report(whole))
