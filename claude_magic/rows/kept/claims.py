"""Who asks for a row, where several kernels or threads run the same map?

Whoever claims it first. The others leave the row to it, and take it over if that map or its process ends.
"""

from __future__ import annotations

import time
from itertools import count, islice
from typing import TYPE_CHECKING, Self
from weakref import WeakValueDictionary

from claude_magic.ledger import place
from claude_magic.rows.outcome import PAID

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    from claude_magic.ledger.database import Database
    from claude_magic.rows.kept.keeping import Keeping

FEW = 32  # keys claimed at once: at most so many wait for a kernel that is slow
STALE = 900_000_000
"""Microseconds after which a claim counts for nothing, whoever holds it."""
_numbers = count(1)


class Turns:
    """The keys that one map is to ask for, claimed a few at a time as they are drawn.

    `left` are those that are `busy` in a batch, or that another map is asking for, or has just got an answer
    to: look for them in the journal, and make turns of what is missing. At the end of a `with` block others
    may claim what has no answer. Where the disk takes no claim every key is this map's.
    """

    def __init__(
        self, disk: Keeping, keys: Iterable[str], bucket: str, busy: Callable[[set[str]], Collection[str]]
    ) -> None:
        self.left: list[str] = []
        self._owner = f"{place.mark()}#{next(_numbers)}"
        _asking[self._owner] = self
        self._disk, self._keys, self._bucket, self._busy = disk, iter(keys), bucket, busy

    def __iter__(self) -> Iterator[str]:
        while few := [*islice(self._keys, FEW)]:
            mine = self._disk.claim(few, self._bucket, self._owner)
            mine.difference_update(self._busy(mine))
            self.left += [key for key in few if key not in mine]
            yield from (key for key in few if key in mine)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if _asking.pop(self._owner, None):
            self._disk.change(("unclaim all", [(self._owner,)]))


_asking: WeakValueDictionary[str, Turns] = WeakValueDictionary()
"""The turns of this process that may still claim."""


def claim(database: Database, keys: Sequence[str], bucket: str, me: str) -> set[str]:
    """Claim keys that have no answer and return those that `me` may ask for; raises sqlite3.Error."""
    now = time.time_ns() // 1000
    marks = ", ".join("?" * len(keys))
    with database.transaction() as db:
        held = db.execute(
            "SELECT key, owner FROM claims WHERE bucket = ? AND owner != ? AND time > ?"  # noqa: S608
            f" AND key IN ({marks})",
            (bucket, me, now - STALE, *keys),
        ).fetchall()
        gone = {owner for owner in {owner for _, owner in held} if _is_over(owner)}
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


def _is_over(owner: str) -> bool:
    """Say whether turns are known to have ended, with their process or before it."""
    process = owner.partition("#")[0]
    return place.is_gone(process) or (process == place.mark() and owner not in _asking)
