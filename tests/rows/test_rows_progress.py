"""Is a map under way shown to whoever watches, and to nobody else?"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import termios
from decimal import Decimal
from types import SimpleNamespace

import pytest

from claude_magic.looks import parts as looks
from claude_magic.rows import bar, progress
from claude_magic.rows.outcome import Outcome
from claude_magic.rows.progress import Meter, Often, Sums, state

TALLY = {
    "total": 100,
    "done": 20,
    "in_flight": 8,
    "spent": Decimal("0.01"),
    "rate": 4.0,
    "paused": 0.0,
    "why": "",
    "least": 0.0,
}


def tally(**changes):
    return SimpleNamespace(**{**TALLY, **changes})


def sums(rows=100, ok=18, failed=2):
    made = Sums(rows)
    made.rows_are("ok", ok)
    made.rows_are("error", failed)
    return made


@pytest.fixture
def now(monkeypatch):
    """Set the clock of meters: `now.at = 2.0`."""
    clock = SimpleNamespace(at=0.0)
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock.at)
    return clock


@pytest.fixture
def shown(monkeypatch):
    """What was displayed: (bundle, handle, whether it took the place of another)."""
    seen = []
    monkeypatch.setattr(
        looks,
        "display",
        lambda bundle, _facts, handle="", update=False: seen.append((bundle, handle, update)),
    )
    return seen


def watching(monkeypatch, mode):
    monkeypatch.setattr(bar.watched, "mode", lambda: mode)


def test_how_far_it_is_says_what_was_answered_spent_and_is_left():
    words = (
        "20 of 100 rows · 18 ok · 2 failed · 8 under way · 72 waiting · $0.01 spent, about $0.05 in all"
        " · about 20.0 s left"
    )
    assert (0.2, words) == state(sums(), tally())


def test_a_pause_says_why_and_how_long_and_an_unknown_price_is_no_zero():
    assert "paused for 7 s: rate limit" in state(sums(), tally(paused=7.4, why="rate limit")).words
    assert "price unknown spent" in state(sums(), tally(spent=None)).words
    assert "in all" not in state(sums(), tally(spent=None)).words


def test_the_time_left_is_what_the_limits_say_where_that_is_more():
    assert state(sums(), tally(rate=40.0, least=38.0)).words.endswith("about 38.0 s left")
    assert state(sums(), tally(rate=1.0, least=38.0)).words.endswith("about 1 min 20 s left")


def test_nothing_is_known_of_all_before_the_first_answer():
    words = state(sums(ok=0, failed=0), tally(done=0, spent=Decimal(0), rate=0.0)).words
    assert "0 of 100 rows · 0 ok · 8 under way · 92 waiting · $0.00 spent" == words


def test_the_sums_count_rows_by_how_often_they_share_an_answer_and_money_once():
    made = Sums(5, 0)
    one = Outcome("k", "ok", input_tokens=10, output_tokens=2, cache_read_tokens=5, cost_usd=Decimal("0.001"))
    made.add(one, times=3)
    made.add(Outcome("l", "error"))
    assert "5 rows · 3 ok · 1 failed · 1 not reached · 15 in · 2 out · $0.001 · 2.0 s" == made.told(2.0)


def test_m10_one_answer_without_a_price_makes_the_sum_unknown():
    made = Sums(2)
    made.add(Outcome("k", "ok", cost_usd=Decimal("0.001")))
    made.add(Outcome("l", "ok", cost_usd=None))
    assert "price unknown" in made.told(1)


def test_m9_what_was_played_is_told_as_replayed_and_not_as_paid():
    made = Sums(2)
    made.add(Outcome("k", "ok", cost_usd=Decimal("0.001"), source="replay"))
    assert "0 in · 0 out · replayed, $0.001 when recorded · 1.0 s" in made.told(1)
    made.add(Outcome("l", "ok", cost_usd=Decimal("0.02")))
    assert "0 in · 0 out · $0.02 · replayed, $0.001 when recorded · 1.0 s" in made.told(1)
    assert [("replay", "0.001"), ("live", "0.02")] == [(f["source"], f["cost"]) for f in made.facts["rows"]]


def test_where_nothing_was_sent_no_tokens_are_told():
    made = Sums(2)
    made.add(Outcome("k", "not_sent", attempts=0), times=2)
    assert "2 rows · 0 ok · 2 not sent · 0.01 s" == made.told(0)


def test_the_sums_say_why_some_are_not_sent():
    made = Sums(3)
    for kind, why in ((None, "It is under way elsewhere"), ("budget", "It could cost $1"), ("budget", "$2")):
        made.add(Outcome("k", "not_sent", error_type=kind, error=why, attempts=0))
    assert "3 rows · 0 ok · 3 not sent: It could cost $1 · 0.01 s" == made.told(0)


def test_a_function_is_told_five_times_a_second_and_of_the_last_always(now):
    told = []
    often = Often(told.append)
    for now.at in [n / 8 for n in range(8)]:
        often(now.at)
    often.last()
    often.last()
    assert [0.0, 0.25, 0.5, 0.75, 0.875] == told


def test_rows_answered_before_cost_nothing_now():
    made = Sums(2, reused=2)
    made.rows_are("ok", 2)
    assert "2 rows · 2 ok · 2 answered before · 0.01 s" == made.told(0)


def test_a_watched_notebook_gets_a_bar_at_most_five_times_a_second_and_one_line_in_the_end(
    monkeypatch, now, shown
):
    watching(monkeypatch, "live")
    meter = Meter(sums(), "practice")
    for now.at in [n / 100 for n in range(101)]:
        meter(tally())
    stop, *drawn = shown
    assert "notebook:interrupt-kernel" in stop[0]["text/html"]
    assert 4 == len(drawn)
    assert [False, True, True, True] == [update for _, _, update in drawn]
    assert re.search(
        '<progress aria-label="Rows answered: 20 of 100 rows" max="1" value="0.2000"',
        drawn[0][0]["text/html"],
    )
    assert ">practice</span>" in drawn[0][0]["text/html"]
    del shown[:]
    meter.end()
    (line, first, anew), (gone, second, too) = shown
    assert ({}, True, True) == (gone, anew, too)
    assert (stop[1], drawn[0][1]) == (first, second)
    assert "100 rows · 18 ok · 2 failed · 80 not reached · 1.0 s · practice" == line["text/plain"]
    assert "button" not in line["text/html"]
    assert "<progress" not in line["text/html"]


def test_what_is_to_be_known_before_stays(monkeypatch, now, shown):
    watching(monkeypatch, "live")
    Meter(sums(), "live").note("the model is <deprecated>")
    ((bundle, handle, _),) = shown
    assert ("the model is <deprecated>", "") == (bundle["text/plain"], handle)
    assert "&lt;deprecated&gt;" in bundle["text/html"]


def test_what_is_over_at_once_is_one_line_and_no_bar(monkeypatch, now, shown):
    watching(monkeypatch, "live")
    meter = Meter(sums(), "live")
    meter(tally())
    meter.end(more="all rows: about $0.01")
    ((bundle, _, update),) = shown
    assert not update
    assert bundle["text/plain"].endswith("0.01 s · all rows: about $0.01")


def test_where_nobody_watches_there_is_the_last_line_alone(monkeypatch, now, shown):
    watching(monkeypatch, "static")
    meter = Meter(sums(), "live")
    now.at = 9
    meter(tally())
    meter.end("[stopped]")
    assert ["[stopped] · 100 rows · 18 ok · 2 failed · 80 not reached · 9.0 s"] == [
        bundle["text/plain"] for bundle, _, _ in shown
    ]


def test_a_terminal_has_a_line_that_is_written_over(monkeypatch, now, shown):
    watching(monkeypatch, "terminal")
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 60, 0, 0))
    monkeypatch.setattr("sys.stderr", stderr := os.fdopen(theirs, "w", encoding="utf-8"))

    def said(words: str) -> str:
        """Read until these words have come: what was written may come in pieces."""
        seen = ""
        while words not in seen and select.select([ours], [], [], 60)[0]:
            seen += os.read(ours, 100_000).decode()
        return seen

    meter = Meter(sums(), "practice")
    now.at = 1
    meter(tally())
    drawn = f"\r 20%|████{' ' * 16}| 20 of 100 rows · 18 ok · 2 faile"
    assert drawn == said(drawn)
    meter.note("A note.")
    assert "A note." in [line.strip() for line in said("A note.\r\n").splitlines()]
    meter.end()
    last = "\r100 rows · 18 ok · 2 failed · 80 not reached · 1.0 s · practice\r\n"
    assert said(last).endswith(last)
    assert shown == []
    stderr.close()
    os.close(ours)


def test_a_log_gets_nothing(monkeypatch, now, shown, capsys):
    watching(monkeypatch, "terminal")
    meter = Meter(sums(), "live")
    now.at = 9
    meter(tally())
    meter.end()
    assert ([], ("", "")) == (shown, capsys.readouterr())


def test_nothing_is_shown_where_nothing_is_asked_for(monkeypatch, now, shown):
    watching(monkeypatch, "live")
    meter = Meter(sums(), "live", show=False)
    now.at = 9
    meter(tally())
    meter.end()
    assert shown == []
