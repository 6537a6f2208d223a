"""Do the charts of usage say what the ledger has, each with its frame?"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from claude_magic import ledger
from claude_magic.errors import InputError
from claude_magic.ui.dashboard import UsageDashboard, usage

NOW = datetime.now(UTC)


def record(
    days=0, usd="0.25", model="claude-haiku-5-5", notebook="/home/anna/lesson.ipynb", source="practice"
):
    cost_usd = None if usd is None else Decimal(usd)
    ledger.shared().record(
        ledger.Entry(time=NOW - timedelta(days=days), session="s", model=model, notebook=notebook,
                     input_tokens=100, output_tokens=50, cost_usd=cost_usd, source=source)
    )  # fmt: skip


@pytest.fixture
def books(screen):
    for days in (0, 0, 2):
        record(days)
    record(0, "0.5", "claude-opus-5-5", "/home/anna/other.ipynb")
    record(0, "9", source="live")


def test_each_chart_has_the_frame_behind_it(books, screen):
    board = usage()
    assert {"day", "model", "notebook"} == set(board.frames)
    assert [0.75, 0.5] == list(board.frames["model"].cost_usd)
    board._ipython_display_()
    assert 3 == screen.html.count("<details")
    assert 3 == screen.html.count('<table class="dataframe"')
    assert "claude_magic.usage(by=&quot;model&quot;, since=" in screen.html


def test_practice_never_adds_to_what_was_spent(books):
    board = UsageDashboard()
    assert "cost: $1.25" in repr(board)
    board._chosen("source", "Claude")
    assert "cost: $9.00" in repr(board)


def test_a_day_without_a_call_is_a_column_of_nothing(books):
    days = UsageDashboard()._days()
    assert [f"{NOW.date() - timedelta(days=n)}" for n in (2, 1, 0)] == [bar.name for bar in days]
    assert [0.25, 0.0, 1.0] == [bar.amount for bar in days]


def test_a_period_and_a_measure_are_chosen(books, screen):
    record(60)
    board = UsageDashboard("7 days")
    board._ipython_display_()
    assert "calls: 4" in screen.text
    board._chosen("period", "all")
    board._chosen("measure", "tokens")
    assert "calls: 5" in screen.text
    assert "By model: claude-haiku-5-5 600, claude-opus-5-5 150" in screen.text


def test_m10_a_price_that_is_not_known_is_said(books):
    record(usd=None, model="claude-secret-9")
    board = UsageDashboard()
    assert "cost: $1.25 and 1 call with price unknown" in repr(board)
    assert "claude-opus-5-5 $0.50, claude-secret-9 price unknown\n" in repr(board)


def test_where_no_price_is_known_at_all_that_is_said_once(screen):
    record(usd=None)
    assert "cost: price unknown\n" in repr(UsageDashboard())


def test_m10_a_call_that_cost_nothing_makes_no_price_known(screen):
    for usd in (None, "0", None):
        record(usd=usd)
    board = UsageDashboard()
    assert "cost: price unknown\n" in repr(board)
    assert ["price unknown"] * 3 == [
        bar.words for by in ("day", "model", "notebook") for bar in board._bars(by)
    ]
    record(usd="0.5")
    assert ["$0.50 + 2 price unknown"] == [bar.words for bar in UsageDashboard()._bars("model")]
    assert ["4"] == [bar.words for bar in UsageDashboard(measure="calls")._bars("model")]


def test_what_was_asked_live_and_in_batches_is_one_bar_and_one_day(screen):
    for source in ("live", "batch"):
        record(usd="0.5", source=source)
    board = UsageDashboard(source="Claude")
    bars = [(bar.name, bar.words) for by in ("model", "notebook") for bar in board._bars(by)]
    assert [("claude-haiku-5-5", "$1.00"), ("lesson.ipynb", "$1.00")] == bars
    assert ["$1.00"] == [bar.words for bar in board._days()]
    assert "calls: 2 1 model\n" in repr(board)


def test_a_model_keeps_its_whole_name_and_a_notebook_of_windows_has_no_folders(screen):
    record(model="anthropic/claude-haiku", notebook="C:\\anna\\lesson.ipynb")
    record(model="", notebook="")
    board = UsageDashboard(measure="calls")
    assert {"anthropic/claude-haiku", "not known"} == {bar.name for bar in board._bars("model")}
    assert {"lesson.ipynb", "not known"} == {bar.name for bar in board._bars("notebook")}


def test_without_styles_as_on_github_names_and_figures_stand_apart(books, screen):
    usage()._ipython_display_()
    words = re.sub("<[^>]*>", "", screen.html)
    assert "claude-haiku-5-5 $0.75" in words
    assert f"{NOW.date() - timedelta(days=2)} {NOW.date()}" in words


def test_calls_outside_any_notebook_stand_beside_those_of_one(books, screen):
    record(notebook=None)
    usage()._ipython_display_()
    assert "By notebook: lesson.ipynb $0.75, other.ipynb $0.50, not known $0.25" in screen.text
    assert re.search(r"<td[^>]*>not known</td>", screen.html)


def test_many_names_are_a_dozen_bars_and_the_rest(screen):
    for n in range(20):
        record(model=f"model-{n}", usd="1")
    bars = UsageDashboard()._bars("model")
    assert (13, "8 others", 8.0) == (len(bars), bars[-1].name, bars[-1].amount)


def test_charts_need_no_script_and_no_network_and_show_names_as_text(books, screen):
    record(model='<script>"x"</script>', notebook="<img src=x>.ipynb")
    usage()._ipython_display_()
    assert [] == re.findall(r"<(?:script|img|svg|link|style|iframe)\b|https?:|\bon\w+=", screen.html)
    assert "&lt;script&gt;" in screen.html


def test_a_notebook_is_named_without_its_folders(books, screen):
    usage()._ipython_display_()
    assert "lesson.ipynb" in screen.html
    assert "/home/anna" not in screen.html + screen.text


def test_an_empty_ledger_says_so(screen):
    usage()._ipython_display_()
    assert 3 == screen.html.count("No calls.")
    assert "cost: $0.00" in screen.text


@pytest.mark.parametrize("given", [{"period": "a week"}, {"source": "him"}, {"measure": "joy"}])
def test_an_unknown_word_is_told_with_those_that_are_known(screen, given):
    with pytest.raises(InputError) as error:
        usage(**given)
    assert "Write one of" in error.value.hint
