"""How is the ledger kept where SQLite must not be: on a file system of another machine?

Each process appends lines to files of its own, so nothing is locked and a line that was cut off spoils no
other. A budget is kept without a lock too: a reservation is announced first, then everyone's files are read,
and it goes only if all that is announced fits. Two that announce at once may both step back; each tries again
after a moment of its own. A file's name begins with its UTC day and a digest of its session: few are read.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import hashlib
import os
import random
import threading
import time as clock
import uuid
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from claude_magic.ledger import place
from claude_magic.ledger.database import stores
from claude_magic.ledger.sqlite import LOST, Row, Sqlite, full
from claude_magic.limits import Budgets, Counted, Reservation, check
from claude_magic.protocol.catalog import EXACT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

Fact = dict[str, Any]
Key = tuple[str, str, str]
"""The session, day and bucket that an amount counts for."""
TRIES = 5
"""How often a reservation is announced when only what others hold, for the moment perhaps, is in its way."""


class _Held(NamedTuple):
    """A reservation as announced."""

    r: Reservation
    source: str
    time: int
    owner: str


@dataclass
class _File:
    """What one file has said so far."""

    offset: int = 0
    held: dict[str, _Held] = field(default_factory=dict)
    over: set[str] = field(default_factory=set)
    spent: dict[Key, Decimal] = field(default_factory=dict)


class Files:
    """The ledger as a folder of append-only files, one writer each."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.forked()
        stores.add(self)

    def forked(self) -> None:
        """Start files of this process's own."""
        self._name, self._lock = uuid.uuid4().hex, threading.RLock()
        self._known: dict[str, _File] = {}

    def reserve(self, r: Reservation, budgets: Budgets, *, source: str, time: int) -> None:
        """Hold the worst case of a call if every budget has room for it; raises BudgetError if not."""
        held = {"held": [[*r], source, time, place.mark()]}
        for left in reversed(range(TRIES)):
            with self._lock:
                self._write(r, held)
                if budgets == Budgets():
                    return
                self._renew()
                spent, reserved = self._figures(r.session, r.day, r.bucket, r.id)
                refused = check(budgets, spent, reserved, r.amount)
                if refused is None:
                    return
                self._write(r, {"over": r.id})
            if not left or check(budgets, spent, Counted(), r.amount):
                raise refused
            clock.sleep(random.uniform(0.001, 0.02))  # noqa: S311 - not for secrets

    def settle(self, r: Reservation, row: Row | None) -> None:
        """Put what a call cost in the place of its reservation, if it had one; no row: it cost nothing."""
        with self._lock:
            self._write(r, {"over": r.id} if row is None else {"row": [[*r], row]})

    def settle_many(
        self,
        r: Reservation,
        calls: Iterable[tuple[Reservation, Row]],
        after: Reservation | None,
        *,
        time: int,
    ) -> None:
        """Put calls in the place of a part of a reservation, which goes on as `after`; None ends it."""
        held = {"over": r.id} if after is None else {"held": [[*after], r.bucket, time, place.mark()]}
        with self._lock:
            self._write(r, *({"row": [[*one], row]} for one, row in calls), held)

    def totals(self, session: str, day: str, bucket: str) -> tuple[Counted, Counted]:
        """Return what is spent and what is reserved, for the session and for the day."""
        with self._lock:
            return self._figures(session, day, bucket, "")

    def sweep(self, time: int) -> None:
        """Do nothing: the calls of kernels that ended are told apart when the files are read."""

    def query(self, sql: str, values: Sequence[Any] = ()) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Return the column names and rows of a SELECT over the calls, as `Sqlite.query` does."""
        files, rows = [], {}
        for path in self._paths("*"):
            files.append(_File())
            for r, row in _follow(files[-1], path.read_bytes()):
                rows[r.id] = full(r, row)
        lost = [full(h.r, _lost(h)) for h in _open(files) if place.is_gone(h.owner)]
        table = Sqlite(":memory:")
        table.load([*rows.values(), *lost])
        return table.query(sql, values)

    def _paths(self, pattern: str) -> list[Path]:
        return sorted(self.folder.glob(f"{pattern}.jsonl"))

    def _figures(self, session: str, day: str, bucket: str, mine: str) -> tuple[Counted, Counted]:
        """Return what is spent and what is held, but for the reservation `mine`."""
        files = self._read(session, day)
        spent = [(key, amount) for f in files for key, amount in f.spent.items()]
        held = [(h.r[2:], h.r.amount or Decimal(0)) for h in _open(files) if h.r.id != mine]
        return _counted(spent, session, day, bucket), _counted(held, session, day, bucket)

    def _read(self, session: str, day: str) -> list[_File]:
        """Return the state of every file that can hold calls of the session or of the day."""
        paths = {*self._paths(f"{day}-*"), *self._paths(f"*-{_digest(session)}-*")}
        for path in paths:
            known = self._known.setdefault(path.name, _File())
            with path.open("rb") as file:  # opening asks the server what is new; a stat may be seconds old
                file.seek(known.offset)
                for _ in _follow(known, file.read()):
                    pass
        return [self._known[path.name] for path in paths]

    def _renew(self) -> None:
        """Change the folder, so that a network client asks the server anew which files are in it."""
        passing = self.folder / f"{uuid.uuid4().hex}.new"
        passing.touch()
        passing.unlink()

    def _write(self, r: Reservation, *facts: Fact) -> None:
        """Append lines, on the server before this returns; raises OSError."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self.folder / f"{r.day}-{_digest(r.session)}-{self._name}.jsonl"
        # the first newline ends a line that was cut off before
        line = b"\n%b\n" % b"\n".join(map(msgspec.json.encode, facts))
        file = os.open(path, os.O_APPEND | os.O_CREAT | os.O_WRONLY, 0o600)
        try:
            if os.write(file, line) < len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
            os.fsync(file)
        finally:
            os.close(file)


def _counted(found: list[tuple[Key, Decimal]], session: str, day: str, bucket: str) -> Counted:
    of_session = [amount for key, amount in found if (key[0], key[2]) == (session, bucket)]
    of_day = [amount for key, amount in found if key[1:] == (day, bucket)]
    return Counted(*(functools.reduce(EXACT.add, amounts, Decimal(0)) for amounts in (of_session, of_day)))


def _follow(state: _File, data: bytes) -> Iterator[tuple[Reservation, Row]]:
    """Take in new bytes of a file up to the last whole line; yield its calls."""
    whole = data[: data.rfind(b"\n") + 1]
    state.offset += len(whole)
    for line in whole.split(b"\n"):
        with contextlib.suppress(msgspec.DecodeError, ValueError, TypeError, IndexError, ArithmeticError):
            if line:
                yield from _take(state, msgspec.json.decode(line))


def _take(state: _File, fact: Fact) -> Iterator[tuple[Reservation, Row]]:
    if "held" in fact:
        fields, source, time, owner = fact["held"]
        held = _Held(_reservation(fields), source, time, owner)
        state.held[held.r.id] = held
        state.over.discard(held.r.id)
    elif "row" in fact:
        r, row = _reservation(fact["row"][0]), fact["row"][1]
        cost = row.get("cost_usd")
        key, amount = r[2:], Decimal(cost) if cost is not None else r.amount or Decimal(0)
        if r.id not in state.over:
            state.spent[key] = EXACT.add(state.spent.get(key, Decimal(0)), amount)
        state.over.add(r.id)
        yield r, row
    elif "over" in fact:
        state.over.add(fact["over"])


def _open(files: list[_File]) -> list[_Held]:
    over = {name for f in files for name in f.over}
    return [held for f in files for name, held in f.held.items() if name not in over]


def _reservation(fields: list[Any]) -> Reservation:
    name, amount, *rest = fields
    return Reservation(name, None if amount is None else Decimal(amount), *rest)


def _lost(held: _Held) -> Row:
    return {"time": held.time, "outcome": LOST, "attempts": 1, "source": held.source}


def _digest(session: str) -> str:
    return hashlib.sha256(session.encode("utf-8", "surrogatepass")).hexdigest()[:12]
