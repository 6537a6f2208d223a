"""What if the disk does not take what must not be lost?

Then it is kept in memory, where reading finds it, and every further write tries again, without waiting long
for a lock that somebody else holds. A write that is cut off by an interrupt is tried again too: each change
may be made twice.
"""

from __future__ import annotations

import contextlib
import functools
import os
import sqlite3
import threading
import warnings
from typing import TYPE_CHECKING, Any

from claude_magic.errors import ConfigError
from claude_magic.ledger import place
from claude_magic.ledger.database import BUSY_SECONDS, stores
from claude_magic.rows.kept.appended import Appended
from claude_magic.rows.kept.store import Store

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from claude_magic.rows.kept.store import Change

AGAIN_S = 0.1  # seconds that a further write waits for a lock
FAILURES = (sqlite3.Error, OSError)
UNFIT = (sqlite3.InterfaceError, sqlite3.ProgrammingError, ValueError, OverflowError, TypeError)
"""What a value raises that no column takes: half a character, a number too large, an object for a text."""


class JournalWarning(UserWarning):
    """What the journal cannot do: answers are not on disk, or their texts were not kept."""


class Keeping:
    """The tables at a path, and what of them is not on disk yet."""

    def __init__(self, path: Path) -> None:
        self.path, self._warned = path, False
        self.forked()
        stores.add(self)

    def forked(self) -> None:
        """Leave the parent's unsaved changes to the parent."""
        self._lock = threading.RLock()
        self._kept: list[tuple[Sequence[Change], bool]] = []
        self._spare: Store | None = None
        self.claimed = False

    @functools.cached_property
    def _store(self) -> Store | Appended:
        forced = os.environ.get("CLAUDE_MAGIC_LEDGER")
        if forced == "files" or (forced != "sqlite" and place.is_network(self.path.parent)):
            return Appended(self.path.with_suffix(".d"))
        return Store(self.path)

    def change(self, *changes: Change, sure: bool = False, last: bool = False) -> int:
        """Make changes in one transaction, on disk or else in memory; return how many rows it met last.

        After the `last` ones nothing may be written for long: it waits for a lock as if it were the first.
        """
        with self._lock:
            self._kept.append((changes, sure))
            try:
                return self._written(last)
            except UNFIT:
                self._kept[-1] = ([(name, [*map(_plain, rows)]) for name, rows in changes], sure)
                return self._written(last)

    def _written(self, last: bool) -> int:
        """Write all there is on disk, or the last of it in memory; return how many rows it met last."""
        try:
            return self.flush(patient=last)
        except UNFIT:
            raise
        except FAILURES as why:
            self._spare = self._spare or Store(":memory:")
            self._warn(why)
            return self._spare.change(*self._kept[-1][0])

    def sure(self, *changes: Change) -> int:
        """Make changes that survive a loss of power, and overwrite what they delete; raises ConfigError."""
        try:
            with self._lock:
                self.flush(patient=True)
                return self._store.change(*changes, sure=True)
        except FAILURES as why:
            raise ConfigError(
                f"The journal {self.path} cannot be written: {why}",
                hint="Make room, or give another folder in CLAUDE_MAGIC_DATA_DIR.",
            ) from why

    def select(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a SELECT; those that are in memory alone come last."""
        try:
            found = self._store.select(sql, values)
        except FAILURES as why:
            self._warn(why)
            found = []
        spare = self._spare
        return [*found, *spare.select(sql, values)] if spare else found

    def renew(self) -> None:
        """Write what could not be written before, and read what others wrote; it raises nothing."""
        for step in (self.flush, self._store.renew):
            try:
                step()
            except FAILURES as why:
                self._warn(why)

    def flush(self, *, patient: bool = False) -> int:
        """Write what could not be written before; raises what the disk says."""
        met = 0
        with self._lock:
            self._store.busy_s = AGAIN_S if self._warned and not patient else BUSY_SECONDS
            while self._kept:
                changes, sure = self._kept[0]
                met = self._store.change(*changes, sure=sure)
                del self._kept[0]
                self._warned = False
            self._spare = None
        return met

    def shrink(self) -> None:
        """Give back the room of what was deleted, where that can be done now."""
        with contextlib.suppress(*FAILURES):
            self._store.shrink()

    def claim(self, keys: Sequence[str], bucket: str, owner: str) -> set[str]:
        """Return those of some keys that an owner may ask for (see `claims.py`)."""
        self.claimed = True
        try:
            return self._store.claim(keys, bucket, owner)
        except FAILURES:
            return {*keys}

    def close(self) -> None:
        """Close the file; the next use opens it again."""
        self._store.close()

    def _warn(self, why: Exception) -> None:
        if self._warned:
            return
        self._warned = True
        with contextlib.suppress(JournalWarning):  # under -W error too, a paid answer is not lost
            warnings.warn(
                f"The journal {self.path} does not work ({why}); until it does, answers are in the memory of "
                "this kernel alone. store= takes another file",
                JournalWarning,
                stacklevel=4,
            )


def _plain(row: Sequence[Any]) -> list[Any]:
    """Return values as ones that every column takes."""
    return [
        value
        if value is None or type(value) in (bytes, float) or (type(value) is int and abs(value) < 2**63)
        else str(value).encode("utf-8", "replace").decode()
        for value in row
    ]
