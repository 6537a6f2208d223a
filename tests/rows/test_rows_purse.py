"""Is a budget never exceeded, and do many rows make few transactions? (M7)"""

from __future__ import annotations

import multiprocessing
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from types import ModuleType

import pytest

from claude_magic import settings
from claude_magic.errors import BudgetError
from claude_magic.ledger import Entry, Ledger
from claude_magic.ledger.files import Files
from claude_magic.ledger.sqlite import Sqlite
from claude_magic.rows.outcome import Outcome
from claude_magic.rows.pace.purse import Purse
from claude_magic.talk.current import session_id

pytestmark = pytest.mark.usefixtures("one_day")

CENT = Decimal("0.01")


def paid(cost: Decimal | None = CENT / 5, source: str = "live") -> Entry:
    return Entry(time=datetime.now(UTC), model="claude-haiku-5-5", cost_usd=cost, source=source)


@pytest.fixture
def books(tmp_path):
    made = Ledger(tmp_path / "ledger.sqlite")
    yield made
    made.close()


def reserved(books: Ledger) -> Decimal:
    now = datetime.now(UTC)
    return books._store.totals(session_id(), f"{now:%Y-%m-%d}", "live")[1].session


def test_m7_what_is_held_and_spent_never_exceeds_what_the_map_may_cost(books):
    purse, sent = Purse(max_cost="0.10", books=books), 0
    for n in range(100):
        if purse.take(n, CENT) is not None:
            break
        sent += 1
    assert sent == 10


def test_answers_that_cost_less_than_held_make_room(books):
    purse, sent = Purse(max_cost="0.10", books=books), 0
    for n in range(100):
        if purse.take(n, CENT) is not None:
            break
        sent += 1
        purse.settle(n, CENT, paid(CENT / 5))
    assert sent == 46  # of 0.2 cents each, as long as a whole cent is left
    assert purse.spent == Decimal("0.092")


def test_m7_a_session_budget_holds_for_maps_that_share_it(books):
    settings.use("session_budget", Decimal("0.10"))
    one, other, sent = Purse(books=books), Purse(books=books), 0
    for n in range(100):
        sent += (one if n % 2 else other).take(n, CENT, ahead=3) is None
    assert 7 <= sent <= 10  # a few may be held ahead by the other
    assert reserved(books) <= Decimal("0.10")


def test_a_cost_that_is_not_known_counts_at_its_worst(books):
    purse = Purse(max_cost="0.05", books=books)
    for n in range(5):
        assert purse.take(n, CENT) is None
        purse.settle(n, CENT, paid(None))
    assert isinstance(purse.take(5, CENT), BudgetError)
    purse.close()
    assert books.spent(session=session_id()) == Decimal("0.05")


def test_what_is_not_sent_is_not_spent(books):
    purse = Purse(max_cost="0.01", books=books)
    assert purse.take(1, CENT) is None
    purse.give(1, CENT)
    assert purse.take(2, CENT) is None
    purse.give(2, CENT)
    purse.close()
    assert (Decimal(0), Decimal(0), []) == (reserved(books), books.spent(), books.rows())


def test_a_price_that_is_not_known_is_refused_by_a_budget_and_goes_without_one(books):
    assert isinstance(Purse(max_cost="1", books=books).take(1, None), BudgetError)
    free = Purse(books=books)
    assert free.take(1, None) is None
    free.settle(1, None, paid(None))
    free.close()
    assert [None] == [entry.cost_usd for entry in books.rows()]


class Counted(Sqlite):
    """Counts its transactions."""

    count = 0

    def transaction(self):
        Counted.count += 1
        return super().transaction()


def test_two_thousand_rows_are_two_thousand_lines_and_few_transactions(books, tmp_path):
    books.__dict__["_store"] = Counted(tmp_path / "ledger.sqlite")
    Counted.count = 0
    purse = Purse(max_cost="100", books=books)
    for n in range(2000):
        assert purse.take(n, CENT, ahead=64) is None
        purse.settle(n, CENT, paid())
    purse.close()
    assert Counted.count < 100
    assert (2000, Decimal(0)) == (len(books.rows()), reserved(books))
    assert books.spent() == 2000 * CENT / 5
    books._store.close()


@pytest.mark.parametrize("kind", [Sqlite, Files])
def test_part_of_a_reservation_is_settled_and_the_rest_goes_on(kind, tmp_path):
    books = Ledger(tmp_path / "ledger.sqlite")
    books.__dict__["_store"] = kind(tmp_path / ("ledger.sqlite" if kind is Sqlite else "ledger.d"))
    purse = Purse(books=books)
    for n in range(4):
        assert purse.take(n, CENT, ahead=4) is None
    purse.settle(0, CENT, paid())
    purse.settle(1, CENT, paid(None))
    purse.flush()
    assert (2 * CENT, CENT / 5 + CENT) == (reserved(books), books.spent())
    purse.give(2, CENT)
    purse.give(3, CENT)
    purse.close()
    assert (Decimal(0), 2) == (reserved(books), len(books.rows()))
    if kind is Sqlite:
        books.close()


def test_rows_of_practice_and_replay_do_not_count_for_the_live_budget(books):
    purse = Purse(books=books)
    assert purse.take(1, CENT) is None
    purse.settle(1, CENT, paid(CENT, "practice"))
    purse.note(paid(Decimal(0), "replay"))
    purse.close()
    assert (Decimal(0), CENT) == (books.spent(), books.spent(source="practice"))
    assert ["practice", "replay"] == [entry.source for entry in books.rows()]


def test_an_outcome_becomes_a_line_with_the_cell(books, monkeypatch):
    monkeypatch.setenv("JPY_SESSION_NAME", "lesson.ipynb")
    made = Outcome("k", "refused", b"{}", stop_reason="refusal", model="m", cost_usd=CENT, attempts=2)
    entry = Purse(cell="7", books=books).entry(made)
    assert ("refused", CENT, 2, "7", "lesson.ipynb") == (
        entry.outcome,
        entry.cost_usd,
        entry.attempts,
        entry.cell,
        entry.notebook,
    )


def test_a_failure_that_was_not_billed_costs_nothing_and_one_that_may_be_is_not_known(books):
    failed, purse = Outcome("k", "error", error_type="api_error"), Purse(books=books)
    assert (Decimal(0), None) == (
        purse.entry(failed, billed=False).cost_usd,
        purse.entry(failed).cost_usd,
    )


def _spend(path: Path, done) -> None:
    books = Ledger(path)
    purse, sent = Purse(books=books), 0
    for n in range(200):
        if purse.take(n, CENT, ahead=4) is not None:
            break
        sent += 1
        purse.settle(n, CENT, paid(CENT))
    purse.close()
    books.close()
    done.send(sent)


def test_m7_a_day_budget_holds_for_two_processes(tmp_path, monkeypatch):
    monkeypatch.setenv("CLAUDE_MAGIC_DAY_BUDGET", "0.50")
    monkeypatch.setitem(sys.modules, "__main__", ModuleType("__main__"))  # a shell may have put its own there
    spawn = multiprocessing.get_context("spawn")
    pipes = [spawn.Pipe(duplex=False) for _ in range(2)]  # a queue would want /dev/shm
    both = [spawn.Process(target=_spend, args=(tmp_path / "ledger.sqlite", there)) for _, there in pipes]
    for one in both:
        one.start()
    sent = [here.recv() for here, _ in pipes if here.poll(120)]
    for one in both:
        one.join(120)
    books = Ledger(tmp_path / "ledger.sqlite")
    assert 40 <= sum(sent) <= 50  # a few may be held ahead by the other
    assert sum(sent) * CENT == books.spent()
    books.close()
