"""Does the meter say what was spent, when it was spent?"""

from __future__ import annotations

import gc
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from claude_magic import ledger, settings
from claude_magic.talk import current
from claude_magic.ui import styles
from claude_magic.ui.meter import CostMeter, cost
from tests.ui.conftest import drawn

pytestmark = pytest.mark.usefixtures("one_day")


def entry(usd="0.01", source="practice", session=None, **more):
    cost_usd = None if usd is None else Decimal(usd)
    tokens = {"input_tokens": 100, "cache_read_tokens": 20, "output_tokens": 30}
    return ledger.Entry(
        time=datetime.now(UTC), session=session or current.session_id(), model="m", cost_usd=cost_usd,
        source=source, **tokens, **more,
    )  # fmt: skip


@pytest.fixture
def meter(screen):
    made = CostMeter()
    made.paper.show()
    return made


def test_a_call_is_on_the_meter_as_soon_as_it_is_in_the_books(meter, screen):
    assert "since the last cell began: $0.00 · 0 in · 0 out · 0 calls" in screen.text
    ledger.shared().record(entry())
    drawn(meter.paper)
    line = "$0.01 · 120 in · 30 out · 1 call"
    assert [
        f"since the last cell began: {line}",
        f"this notebook: {line}",
        f"today (UTC): {line}",
    ] == screen.text.splitlines()[:3]


def test_a_cell_begins_at_nothing_and_a_notebook_goes_on(meter, shell, screen):
    shell.run("%claude practice:long@100 What is a median?")
    drawn(meter.paper)
    first = [s.calls for s in meter.spent()]
    shell.run("1 + 1")
    drawn(meter.paper)
    assert ([1, 1, 1], [0, 1, 1]) == (first, [s.calls for s in meter.spent()])
    assert "since the last cell began: $0.00" in screen.text


def test_today_has_other_notebooks_too_and_practice_is_apart(meter):
    books = ledger.shared()
    books.record(entry(session="another"))
    books.record(entry(source="live", usd="5"))
    assert [0, 0, 1] == [s.calls for s in meter.spent()]
    settings.use("practice", False)
    assert [Decimal(5)] * 3 == [s.usd for s in meter.spent()]


def test_m10_a_cost_that_is_not_known_is_said_and_not_nothing(meter, screen):
    ledger.shared().record(entry(usd=None))
    drawn(meter.paper)
    assert "since the last cell began: price unknown" in screen.text
    ledger.shared().record(entry(usd="0"))
    drawn(meter.paper)
    assert "this notebook: price unknown · 240 in · 60 out · 2 calls, 1 with price unknown\n" in screen.text
    ledger.shared().record(entry())
    drawn(meter.paper)
    assert "this notebook: $0.01 · 360 in · 90 out · 3 calls, 1 with price unknown\n" in screen.text


@pytest.mark.parametrize(
    ("spent", "colour", "share"), [("0.5", "good", "50%"), ("0.8", "amber", "80%"), ("0.95", "red", "95%")]
)
def test_a_budget_turns_amber_and_red_and_says_so_in_words(meter, screen, spent, colour, share):
    settings.use("session_budget", "1")
    ledger.shared().record(entry(usd=spent))
    drawn(meter.paper)
    assert f"of $1.00 ({share})" in screen.text
    assert [colour] == [name for name in ("good", "amber", "red") if styles.COLOURS[name] in screen.html]


def test_what_is_left_of_a_budget_never_reads_as_more_than_there_is(meter, screen):
    settings.use("session_budget", "0.01")
    ledger.shared().record(entry(usd="0.00001"))
    drawn(meter.paper)
    assert "$0.00001 of $0.01 (0%), $0.0099 left" in screen.text


def test_a_meter_that_nobody_has_is_told_nothing_more(screen):
    gc.collect()  # those of other tests
    before = len(ledger.watchers)
    meter = CostMeter()
    assert before + 1 == len(ledger.watchers)
    del meter
    gc.collect()
    assert before == len(ledger.watchers)


def test_a_watcher_that_fails_spoils_no_books(screen):
    def fail():
        raise RuntimeError

    ledger.watchers.append(fail)
    try:
        ledger.shared().record(entry())
    finally:
        ledger.watchers.remove(fail)
    assert 1 == len(ledger.shared().rows())


def test_there_is_one_meter_a_notebook(screen):
    assert cost() is cost()
