"""Which kernel asks for a row, where several run the same map?

The one that claims it first. The others leave the row to it, and take it over if that process ends.
"""

from __future__ import annotations

import time
from itertools import islice
from typing import TYPE_CHECKING

from claude_magic.ledger import place
from claude_magic.rows.outcome import PAID

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    from claude_magic.ledger.database import Database
    from claude_magic.rows.kept.keeping import Keeping

FEW = 32  # keys claimed at once: at most so many wait for a kernel that is slow
STALE = 900_000_000
"""Microseconds after which a claim counts for nothing, whoever holds it."""


class Turns:
    """The keys that this process is to ask for, claimed a few at a time as they are drawn.

    `left` are those that are `busy` in a batch, or that another process is asking for, or has just got an
    answer to: look for them in the journal, and make turns of what is missing. Where the disk takes no claim
    every key is this process's.
    """

    def __init__(
        self, disk: Keeping, keys: Iterable[str], bucket: str, busy: Callable[[set[str]], Collection[str]]
    ) -> None:
        self.left: list[str] = []
        self._disk, self._keys, self._bucket, self._busy = disk, iter(keys), bucket, busy

    def __iter__(self) -> Iterator[str]:
        while few := [*islice(self._keys, FEW)]:
            mine = self._disk.claim(few, self._bucket)
            mine.difference_update(self._busy(mine))
            self.left += [key for key in few if key not in mine]
            yield from (key for key in few if key in mine)


def claim(database: Database, keys: Sequence[str], bucket: str) -> set[str]:
    """Claim keys that have no answer and return those that this process may ask for; raises sqlite3.Error."""
    me, now = place.mark(), time.time_ns() // 1000
    marks = ", ".join("?" * len(keys))
    with database.transaction() as db:
        held = db.execute(
            "SELECT key, owner FROM claims WHERE bucket = ? AND owner != ? AND time > ?"  # noqa: S608
            f" AND key IN ({marks})",
            (bucket, me, now - STALE, *keys),
        ).fetchall()
        gone = {owner for owner in {owner for _, owner in held} if place.is_gone(owner)}
        answered = db.execute(
            f"SELECT key FROM answers WHERE bucket = ? AND message IS NOT NULL AND key IN ({marks})"  # noqa: S608
            f" AND status IN ({', '.join('?' * len(PAID))})",
            (bucket, *keys, *PAID),
        ).fetchall()
        mine = {*keys} - {key for key, owner in held if owner not in gone} - {key for (key,) in answered}
        db.executemany(
            "INSERT OR REPLACE INTO claims VALUES (?, ?, ?, ?)", [(key, bucket, me, now) for key in mine]
        )
    return mine
