"""How are calls, reservations and totals kept in one SQLite file that several kernels write?

Totals are kept beside the rows, in the same transactions, so that a budget is checked exactly and without
adding up a day's calls.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar

from claude_magic.ledger import place
from claude_magic.ledger.database import Database
from claude_magic.limits import Budgets, Counted, Reservation, check
from claude_magic.protocol.catalog import EXACT

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Sequence

_CACHED = ("cache_read_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens")
TOKENS = ("input_tokens", "output_tokens", *_CACHED)
COLUMNS = {
    "time": "INTEGER NOT NULL",  # microseconds since 1970, UTC
    "day": "TEXT NOT NULL",  # the UTC day whose budget it counts for
    "session": "TEXT NOT NULL",
    **dict.fromkeys(("notebook", "cell", "thread", "model"), "TEXT"),
    **dict.fromkeys(TOKENS, "INTEGER"),
    "cost_usd": "TEXT",  # an exact decimal; NULL: price unknown
    "held_usd": "TEXT",  # the worst case, counted where the cost is not known
    **dict.fromkeys(("latency_s", "ttft_s"), "REAL"),
    "outcome": "TEXT NOT NULL",
    **dict.fromkeys(("stop_reason", "error_type", "request_id"), "TEXT"),
    "attempts": "INTEGER NOT NULL",
    "source": "TEXT NOT NULL",
    "call": "TEXT",  # the reservation it settled
}
Row = dict[str, Any]
_INSERT = f"INSERT INTO calls ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"  # noqa: S608
LOST_AFTER = 2 * 86_400_000_000
"""Microseconds after which a call counts as lost even where its process cannot be asked after."""
LOST = "lost"
"""The outcome of a call whose kernel ended before the answer was recorded: it counts at its worst case."""


def _first(db: sqlite3.Connection) -> None:
    columns = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
    db.execute(f"CREATE TABLE calls (id INTEGER PRIMARY KEY, {columns})")
    for name in ("time", "day", "session"):
        db.execute(f"CREATE INDEX calls_{name} ON calls ({name})")
    db.execute("CREATE UNIQUE INDEX calls_call ON calls (call)")
    db.execute(
        "CREATE TABLE reservations (id TEXT PRIMARY KEY, amount TEXT, session TEXT NOT NULL,"
        " day TEXT NOT NULL, bucket TEXT NOT NULL, source TEXT NOT NULL, time INTEGER NOT NULL,"
        " owner TEXT NOT NULL)"
    )
    db.execute(
        "CREATE TABLE totals (scope TEXT NOT NULL, name TEXT NOT NULL, bucket TEXT NOT NULL,"
        " spent TEXT NOT NULL, reserved TEXT NOT NULL, PRIMARY KEY (scope, name, bucket)) WITHOUT ROWID"
    )


MIGRATIONS: tuple[Callable[[sqlite3.Connection], None], ...] = (_first,)
"""Applied in order; `PRAGMA user_version` says how many a file has had. Never edit one: add one."""


class Sqlite(Database):
    """The ledger's tables, and what is done to them."""

    migrations: ClassVar = MIGRATIONS

    @staticmethod
    def ready(db: sqlite3.Connection) -> None:
        """Give a new connection `exact_sum`."""
        db.create_aggregate("exact_sum", 1, ExactSum)  # type: ignore[arg-type]

    def reserve(self, r: Reservation, budgets: Budgets, *, source: str, time: int) -> None:
        """Hold the worst case of a call if every budget has room for it; raises BudgetError if not."""
        with self.transaction() as db:
            refused = check(budgets, *_totals(db, r.session, r.day, r.bucket), r.amount)
            if refused:
                raise refused
            values = (r.id, _text(r.amount), *r[2:], source, time, place.mark())
            db.execute("INSERT INTO reservations VALUES (?,?,?,?,?,?,?,?)", values)
            _count(db, r, reserved=r.amount)

    def settle(self, r: Reservation, row: Row | None) -> None:
        """Put what a call cost in the place of its reservation, if it had one; no row: it cost nothing."""
        with self.transaction() as db:
            if db.execute("DELETE FROM reservations WHERE id = ?", (r.id,)).rowcount:
                _count(db, r, reserved=_minus(r.amount))
            elif db.execute("DELETE FROM calls WHERE call = ? AND outcome = ?", (r.id, LOST)).rowcount:
                _count(db, r, spent=_minus(r.amount))
            elif db.execute("SELECT 1 FROM calls WHERE call = ?", (r.id,)).fetchone():
                return
            if row is not None:
                _insert(db, r, row)

    def settle_many(
        self,
        r: Reservation,
        calls: Iterable[tuple[Reservation, Row]],
        after: Reservation | None,
        *,
        time: int,
    ) -> None:
        """Put calls in the place of a part of a reservation, which goes on as `after`; None ends it."""
        with self.transaction() as db:
            held = db.execute("SELECT amount FROM reservations WHERE id = ?", (r.id,)).fetchone()
            if held is not None and after is None:
                db.execute("DELETE FROM reservations WHERE id = ?", (r.id,))
            elif held is not None and after is not None:
                db.execute(
                    "UPDATE reservations SET amount = ?, time = ? WHERE id = ?",
                    (_text(after.amount), time, r.id),
                )
            if held is not None:
                _count(db, r, reserved=_minus(_decimal(held[0])))
                _count(db, r, reserved=after and after.amount)
            calls, spent = [*calls], dict[Reservation, Decimal]()
            db.executemany(_INSERT, [full(one, row) for one, row in calls])
            for one, row in calls:
                where, cost = one._replace(id="", amount=None), _decimal(row.get("cost_usd"))
                cost = one.amount if cost is None else cost
                spent[where] = EXACT.add(spent.get(where, Decimal(0)), cost or Decimal(0))
            for where, total in spent.items():
                _count(db, where, spent=total)

    def load(self, rows: Iterable[Sequence[Any]]) -> None:
        """Write many calls at once, as values in the order of COLUMNS, leaving the totals alone."""
        with self.transaction() as db:
            db.executemany(_INSERT, rows)

    def totals(self, session: str, day: str, bucket: str) -> tuple[Counted, Counted]:
        """Return what is spent and what is reserved, for the session and for the day."""
        with self.reading() as db:
            return _totals(db, session, day, bucket)

    def sweep(self, time: int) -> None:
        """Turn reservations of kernels that ended into rows with the outcome "lost", at their worst case."""
        with self.opened() as db:
            held = db.execute("SELECT id, owner, time FROM reservations").fetchall()
        gone = [name for name, owner, since in held if since < time - LOST_AFTER or place.is_gone(owner)]
        for name in gone:
            with self.transaction() as db:
                self._lose(db, name)

    def _lose(self, db: sqlite3.Connection, name: str) -> None:
        found = db.execute("SELECT * FROM reservations WHERE id = ?", (name,)).fetchone()
        if found is None:
            return
        *fields, source, time, _ = found
        r = Reservation(fields[0], _decimal(fields[1]), *fields[2:])
        db.execute("DELETE FROM reservations WHERE id = ?", (name,))
        _count(db, r, reserved=_minus(r.amount))
        _insert(db, r, {"time": time, "outcome": LOST, "attempts": 1, "source": source})

    def query(self, sql: str, values: Sequence[Any] = ()) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Return the column names and rows of a SELECT; `exact_sum` adds decimal texts."""
        with self.reading() as db:
            cursor = db.execute(sql, values)
            return [d[0] for d in cursor.description], cursor.fetchall()


class ExactSum:
    """The SQL aggregate `exact_sum(text)`: adds decimals exactly; NULL where there is none to add."""

    def __init__(self) -> None:
        self.total: Decimal | None = None

    def step(self, value: str | None) -> None:
        """Take one value."""
        if value is not None:
            self.total = EXACT.add(self.total or Decimal(0), Decimal(value))

    def finalize(self) -> str | None:
        """Return the sum as text."""
        return None if self.total is None else str(self.total)


def full(r: Reservation, row: Row) -> list[Any]:
    """Return a call's values in the order of COLUMNS, with those that its reservation knows."""
    whole = {**row, "day": r.day, "session": r.session, "held_usd": _text(r.amount), "call": r.id}
    return [whole.get(name) for name in COLUMNS]


def _insert(db: sqlite3.Connection, r: Reservation, row: Row) -> None:
    db.execute(_INSERT, full(r, row))
    cost = _decimal(row.get("cost_usd"))
    _count(db, r, spent=cost if cost is not None else r.amount)


def _count(
    db: sqlite3.Connection, r: Reservation, *, spent: Decimal | None = None, reserved: Decimal | None = None
) -> None:
    """Add to the totals of a reservation's session and day."""
    more = [amount or Decimal(0) for amount in (spent, reserved)]
    for scope, name in (("session", r.session), ("day", r.day)):
        new = map(str, map(EXACT.add, map(Decimal, _total(db, scope, name, r.bucket)), more))
        db.execute("INSERT OR REPLACE INTO totals VALUES (?,?,?,?,?)", (scope, name, r.bucket, *new))


def _total(db: sqlite3.Connection, scope: str, name: str, bucket: str) -> tuple[str, str]:
    sql = "SELECT spent, reserved FROM totals WHERE scope = ? AND name = ? AND bucket = ?"
    return db.execute(sql, (scope, name, bucket)).fetchone() or ("0", "0")


def _totals(db: sqlite3.Connection, session: str, day: str, bucket: str) -> tuple[Counted, Counted]:
    both = [_total(db, "session", session, bucket), _total(db, "day", day, bucket)]
    spent, reserved = ([Decimal(t[n]) for t in both] for n in (0, 1))
    return Counted(*spent), Counted(*reserved)


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else str(amount)


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _minus(amount: Decimal | None) -> Decimal | None:
    return None if amount is None else EXACT.minus(amount)
