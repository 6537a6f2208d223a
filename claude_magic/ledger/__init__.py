"""What was spent, on what, by whom?

One row a call, in SQLite (`sqlite.py`) or, on a file system of another machine, in append-only files
(`files.py`); never a prompt or an answer. A call's worst case is reserved before it is sent and counts as
spent until it is settled; if its kernel ends first it goes on counting, as a row with the outcome "lost".
Whatever becomes of the disk, `settle` and `record` do not raise: they warn once and keep rows in memory until
it works again.
"""

from __future__ import annotations

import contextlib
import functools
import os
import sqlite3
import threading
import uuid
import warnings
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING, Any

from claude_magic.errors import BudgetError
from claude_magic.ledger import place
from claude_magic.ledger.database import stores
from claude_magic.ledger.files import Files
from claude_magic.ledger.sqlite import COLUMNS, Sqlite, full
from claude_magic.limits import BUCKETS, Budgets, Counted, Reservation, check
from claude_magic.protocol.catalog import EXACT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

Table = tuple[list[str], list[tuple[Any, ...]]]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_FAILURES = (sqlite3.Error, OSError)
_ZERO = Decimal(0)
watchers: list[Callable[[], None]] = []
"""Told, in whatever thread it is, that a call of this process came into the books; they must be quick."""


class LedgerWarning(UserWarning):
    """The ledger cannot be written; calls are kept in memory until it can."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One call. Tokens by class as in `usage`; `cost_usd` None reads "price unknown"; times in seconds.

    `outcome` is "ok", "error", "stopped", "refused", "lost"; `source` "live", "batch", "practice", "replay".
    """

    time: datetime
    session: str = ""
    notebook: str | None = None
    cell: str | None = None
    thread: str | None = None
    model: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_5m_tokens: int | None = None
    cache_write_1h_tokens: int | None = None
    cost_usd: Decimal | None = None
    latency_s: float | None = None
    ttft_s: float | None = None
    outcome: str = "ok"
    stop_reason: str | None = None
    error_type: str | None = None
    request_id: str | None = None
    attempts: int = 1
    source: str = "live"


_FIELDS = [f.name for f in fields(Entry)]


class Ledger:
    """The calls of every kernel of this user. Use it from any thread; a fork may go on using it."""

    def __init__(self, path: Path | None = None) -> None:
        self._path, self._warned, self._worked = path, False, False
        self.forked()
        stores.add(self)

    def forked(self) -> None:
        """Leave the parent's unsaved rows to the parent."""
        self._lock = threading.RLock()
        self._held: dict[str, Reservation] = {}
        self._kept: list[tuple[Reservation, dict[str, Any]]] = []

    @functools.cached_property
    def path(self) -> Path:
        """The SQLite file; its folder's file system decides whether it is one."""
        if self._path:
            return self._path
        from claude_magic.keys import data_dir

        return data_dir() / "ledger.sqlite"

    @functools.cached_property
    def _store(self) -> Sqlite | Files:
        forced = os.environ.get("CLAUDE_MAGIC_LEDGER")
        if forced == "files" or (forced != "sqlite" and place.is_network(self.path.parent)):
            return Files(self.path.with_suffix(".d"))
        return Sqlite(self.path)

    def reserve(
        self, amount: Decimal | None, budgets: Budgets, *, session: str, source: str = "live"
    ) -> Reservation:
        """Hold the worst case of a call; raises BudgetError when a budget has no room for it.

        Check and hold are one step for all threads and kernels. `amount` None: the price is not known, which
        a budget refuses. Live calls and batches count together, practice by itself.
        """
        now = datetime.now(UTC)
        r = Reservation(uuid.uuid4().hex, amount, session, f"{now:%Y-%m-%d}", BUCKETS.get(source, source))
        try:
            self._flush()
            self._store.reserve(r, budgets, source=source, time=_micros(now))
            self._worked = True
        except _FAILURES as e:
            self._reserve_here(r, budgets, e)
        return r

    def settle(self, reservation: Reservation, entry: Entry) -> None:
        """Record what became of a reserved call; its reservation ends in the same transaction."""
        self._keep(reservation, entry)

    def settle_many(
        self, lease: Reservation, calls: Sequence[tuple[Decimal | None, Entry]], after: Reservation | None
    ) -> None:
        """Record calls, each with its worst case, that one reservation was for, in one transaction.

        It goes on as `after`, the same one with what it holds from then on; None ends it.
        """
        name = uuid.uuid4().hex
        rows = [
            (_part(lease, f"{name}-{n}", worst, e), _row(e, lease.session))
            for n, (worst, e) in enumerate(calls)
        ]
        try:
            self._flush()
            self._store.settle_many(lease, rows, after, time=_micros(datetime.now(UTC)))
        except _FAILURES as e:
            with self._lock:
                self._kept += rows
            self._warn(e)
        if self._held.pop(lease.id, None) is not None and after is not None:
            self._held[lease.id] = after
        _tell()

    def record(self, entry: Entry) -> None:
        """Write a call that had no reservation."""
        day = f"{entry.time.astimezone(UTC):%Y-%m-%d}"
        bucket = BUCKETS.get(entry.source, entry.source)
        self._keep(Reservation(uuid.uuid4().hex, None, entry.session, day, bucket), entry)

    def release(self, reservation: Reservation) -> None:
        """End the reservation of a call that was not sent: nothing was spent."""
        if self._held.pop(reservation.id, None) is None:
            try:
                self._store.settle(reservation, None)
            except _FAILURES as e:
                self._warn(e)

    def spent(self, *, session: str | None = None, day: date | None = None, source: str = "live") -> Decimal:
        """Return USD spent by a session, on a UTC day, or ever; an unknown cost counts at its worst case.

        `source` "live" includes batches.
        """
        asked = {"session": session, "day": None if day is None else f"{day:%Y-%m-%d}"}
        given = {name: value for name, value in asked.items() if value is not None}
        names = [name for name, bucket in BUCKETS.items() if bucket == source] or [source]
        where = " AND ".join([*(f"{name} = ?" for name in given), f"source IN ({_marks(names)})"])
        sql = f"SELECT exact_sum(coalesce(cost_usd, held_usd)) FROM calls WHERE {where}"  # noqa: S608
        return Decimal(self.query(sql, [*given.values(), *names])[1][0][0] or 0)

    def rows(self, since: datetime | None = None, until: datetime | None = None) -> list[Entry]:
        """Return the calls from `since` to before `until`, oldest first."""
        names = ", ".join(f.name for f in fields(Entry))
        values = [_micros(since) if since else -(2**62), _micros(until) if until else 2**62]
        sql = f"SELECT {names} FROM calls WHERE time >= ? AND time < ? ORDER BY time, id"  # noqa: S608
        return [_entry(dict(zip(names.split(", "), row, strict=True))) for row in self.query(sql, values)[1]]

    def query(self, sql: str, values: Sequence[Any] = ()) -> Table:
        """Return the column names and rows of a SELECT over the table `calls` (see `sqlite.COLUMNS`).

        `exact_sum(text)` adds decimals exactly. Calls lost with their kernel or not yet on disk are in it.
        """
        try:
            self._flush()
            self._store.sweep(_micros(datetime.now(UTC)))
        except _FAILURES as e:
            self._warn(e)
        with self._lock:
            kept = [full(r, row) for r, row in self._kept]
        try:
            if not kept:
                return self._store.query(sql, values)
            saved = self._store.query(f"SELECT {', '.join(COLUMNS)} FROM calls")[1]  # noqa: S608
        except _FAILURES:
            saved = []
        table = Sqlite(":memory:")
        table.load([*saved, *kept])
        return table.query(sql, values)

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        if isinstance(self._store, Sqlite):
            self._store.close()

    def _keep(self, r: Reservation, entry: Entry) -> None:
        row = _row(entry, r.session)
        try:
            self._flush()
            self._store.settle(r, row)
        except _FAILURES as e:
            with self._lock:
                self._kept.append((r, row))
            self._warn(e)
        self._held.pop(r.id, None)
        _tell()

    def _flush(self) -> None:
        """Write the rows that could not be written before; raises what the disk says."""
        with self._lock:
            while self._kept:
                self._store.settle(*self._kept[0])
                del self._kept[0]
                self._warned = False

    def _reserve_here(self, r: Reservation, budgets: Budgets, why: Exception) -> None:
        """Reserve in memory while the disk does not work: a session is this process's own, a day is not."""
        with self._lock, localcontext(EXACT):
            saved = self._saved(r)
            if budgets.day is not None or (budgets.session is not None and saved is None):
                raise BudgetError(
                    f"The ledger that keeps the budget cannot be written: {why}",
                    hint="Make room, or give another folder in CLAUDE_MAGIC_DATA_DIR, or lift the budget: "
                    "%claude budget day off.",
                ) from why
            mine = (r.session, r.bucket)
            kept = [_counted(k, row) for k, row in self._kept if (k.session, k.bucket) == mine]
            held = [h.amount or _ZERO for h in self._held.values() if (h.session, h.bucket) == mine]
            spent = Counted(sum(kept, saved or _ZERO))
            refused = check(budgets, spent, Counted(sum(held, _ZERO)), r.amount)
            if refused:
                raise refused
            self._held[r.id] = r
        self._warn(why)

    def _saved(self, r: Reservation) -> Decimal | None:
        """Return what the disk says the session has spent and reserved; None where it worked and is gone."""
        try:
            spent, held = self._store.totals(r.session, r.day, r.bucket)
        except _FAILURES:
            return None if self._worked else _ZERO
        return spent.session + held.session

    def _warn(self, why: Exception) -> None:
        if self._warned:
            return
        self._warned = True
        with contextlib.suppress(LedgerWarning):  # under -W error too, a paid answer is still shown
            warnings.warn(
                f"The ledger {self.path} cannot be written ({why}); calls are kept in memory until it can",
                LedgerWarning,
                stacklevel=3,
            )


def shared() -> Ledger:
    """Return this process's ledger, in the data folder that is now set."""
    from claude_magic.keys import data_dir

    return _shared(data_dir(), os.environ.get("CLAUDE_MAGIC_LEDGER"))


@functools.lru_cache(maxsize=2)
def _shared(folder: Path, _kind: str | None) -> Ledger:
    return Ledger(folder / "ledger.sqlite")


def _marks(values: Sequence[Any]) -> str:
    return ", ".join("?" * len(values))


def _micros(when: datetime) -> int:
    return (when.astimezone(UTC) - _EPOCH) // _MICROSECOND


def _tell() -> None:
    for told in [*watchers]:
        with contextlib.suppress(Exception):  # a paid answer is in the books whatever a watcher does
            told()


def _part(lease: Reservation, name: str, worst: Decimal | None, entry: Entry) -> Reservation:
    bucket = BUCKETS.get(entry.source, entry.source)
    return Reservation(name, worst, lease.session, lease.day, bucket)


def _counted(r: Reservation, row: dict[str, Any]) -> Decimal:
    return Decimal(row["cost_usd"]) if row["cost_usd"] is not None else r.amount or _ZERO


def _row(entry: Entry, session: str) -> dict[str, Any]:
    row = {name: getattr(entry, name) for name in _FIELDS}
    row["time"], row["session"] = _micros(entry.time), session
    row["cost_usd"] = None if entry.cost_usd is None else str(entry.cost_usd)
    return row


def _entry(row: dict[str, Any]) -> Entry:
    cost = row["cost_usd"]
    row |= {"time": _EPOCH + row["time"] * _MICROSECOND, "cost_usd": None if cost is None else Decimal(cost)}
    return Entry(**row)
