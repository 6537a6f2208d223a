"""Which tables hold the answers, runs and batches of rows, and how are they changed?

Every change is one of CHANGES with values, several in one transaction. Moments are microseconds since 1970,
UTC; money is an exact decimal as text.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, ClassVar

from claude_magic.ledger.database import BUSY_SECONDS, Database
from claude_magic.rows.kept import claims
from claude_magic.rows.outcome import PAID, Outcome

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Iterator, Sequence

    Change = tuple[str, Sequence[Sequence[Any]]]

ANSWERS = ("bucket", "run", "time", *Outcome._fields)
RUNS = (
    *("name", "mode", "started_at", "model", "template", "output", "rows", "prefix", "source", "notebook"),
    *("version", "state", "owner"),
)
JOBS = ("name", "run", "bucket", "created_at", "about")
PARTS = (
    *("job", "number", "sha256", "keys", "size", "state", "owner", "batch_id", "created_at", "expires_at"),
    *("ended_at", "counts", "results", "error"),
)
_KINDS = {
    **dict.fromkeys(("time", "rows", "number", "size", "attempts", "created_at", "started_at"), "INTEGER"),
    **dict.fromkeys(("expires_at", "ended_at", *(f for f in Outcome._fields if "tokens" in f)), "INTEGER"),
    "latency_s": "REAL",
    "message": "BLOB",
}
_PAID = ", ".join(f"'{status}'" for status in sorted(PAID))


def _columns(names: Iterable[str]) -> str:
    return ", ".join(f"{name} {_KINDS.get(name, 'TEXT')}" for name in names)


def _first(db: sqlite3.Connection) -> None:
    db.execute(f"CREATE TABLE answers (id INTEGER PRIMARY KEY, {_columns(ANSWERS)})")
    db.execute("CREATE UNIQUE INDEX answers_key ON answers (key, bucket, run)")
    db.execute(f"CREATE TABLE runs ({_columns(RUNS)}, keys TEXT, sums TEXT, PRIMARY KEY (name))")
    db.execute("CREATE TABLE keylists (digest TEXT PRIMARY KEY, keys BLOB)")  # one for all that ask the same
    db.execute(
        "CREATE TABLE claims (key TEXT, bucket TEXT, owner TEXT, time INTEGER, PRIMARY KEY (key, bucket))"
        " WITHOUT ROWID"
    )
    db.execute(f"CREATE TABLE jobs ({_columns(JOBS)}, PRIMARY KEY (name))")
    db.execute(f"CREATE TABLE parts ({_columns(PARTS)}, PRIMARY KEY (job, number))")


def _insert(table: str, names: Sequence[str], more: str = "") -> str:
    marks = ", ".join("?" * len(names))
    return f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks}) {more}"  # noqa: S608


def _anew(names: Iterable[str]) -> str:
    return ", ".join(f"{name} = excluded.{name}" for name in names)


CHANGES = {
    "answer": _insert(  # what was paid for is replaced by what was paid for alone, a text by a text
        "answers",
        ANSWERS,
        f"ON CONFLICT (key, bucket, run) DO UPDATE SET {_anew(ANSWERS)} WHERE answers.status NOT IN ({_PAID})"
        f" OR excluded.status IN ({_PAID}) AND (excluded.message IS NOT NULL OR answers.message IS NULL)",
    ),
    "run": _insert(
        "runs", [*RUNS, "keys"], f"ON CONFLICT (name) DO UPDATE SET sums = NULL, {_anew([*RUNS, 'keys'])}"
    ),
    "new run": _insert("runs", [*RUNS, "keys"], "ON CONFLICT DO NOTHING"),
    "state": "UPDATE runs SET state = ? WHERE name = ?",
    "sums": "UPDATE runs SET sums = ? WHERE name = ?",
    "keylist": _insert("keylists", ("digest", "keys"), "ON CONFLICT DO NOTHING"),
    "forget run": "DELETE FROM runs WHERE name = ?",
    "forget answer": "DELETE FROM answers WHERE key = ? AND (bucket = ? OR run = ?)",
    "forget keylists": "DELETE FROM keylists WHERE digest NOT IN (SELECT keys FROM runs)"
    " AND digest NOT IN (SELECT keys FROM parts)",
    "unclaim": "DELETE FROM claims WHERE key = ? AND bucket = ?",
    "unclaim all": "DELETE FROM claims WHERE owner = ?",
    "job": _insert("jobs", JOBS, "ON CONFLICT DO NOTHING"),
    "part": _insert("parts", PARTS, "ON CONFLICT DO NOTHING"),
    # a part is changed only from the state in which it was read: two kernels cannot both take it further
    "part again": f"UPDATE parts SET {', '.join(f'{name} = ?' for name in PARTS)}"  # noqa: S608
    " WHERE job = ? AND number = ? AND state = ?",
    "forget job": "DELETE FROM jobs WHERE name = ?",
    "forget parts": "DELETE FROM parts WHERE job = ?",
}
"""What can be done to the tables: the statement of each change."""
TABLES = {
    "answer": ("answers", ANSWERS),
    "run": ("runs", (*RUNS, "keys")),
    "keylist": ("keylists", ("digest", "keys")),
    "job": ("jobs", JOBS),
    "part": ("parts", PARTS),
}
"""The changes by which each table could be written anew, and what they take."""

MIGRATIONS: tuple[Callable[[sqlite3.Connection], None], ...] = (_first,)
"""Applied in order; `PRAGMA user_version` says how many a file has had. Never edit one: add one."""


class Store(Database):
    """The tables, and their changes."""

    migrations: ClassVar = MIGRATIONS
    busy_s = BUSY_SECONDS  # how long a change waits for a lock

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Yield the connection within a transaction that is written where the block ends without an error."""
        with self.opened() as db:
            db.execute(f"PRAGMA busy_timeout = {self.busy_s * 1000:.0f}")
            with super().transaction():
                yield db

    def change(self, *changes: Change, sure: bool = False) -> int:
        """Make changes in one transaction and return how many rows the last one met; raises sqlite3.Error.

        They are there after the process is killed; when `sure` also after the machine loses power, and what
        they delete is overwritten.
        """
        with self.opened() as db:
            db.execute(f"PRAGMA synchronous = {'FULL' if sure else 'NORMAL'}")
            db.execute(f"PRAGMA secure_delete = {'ON' if sure else 'OFF'}")
            with self.transaction():
                met = [db.executemany(CHANGES[name], values).rowcount for name, values in changes]
        return met[-1] if met else 0

    def renew(self) -> None:
        """Do nothing: what others write is there at once."""

    def claim(self, keys: Sequence[str], bucket: str, owner: str) -> set[str]:
        """Return those of some keys that an owner may ask for; raises sqlite3.Error."""
        return claims.claim(self, keys, bucket, owner)

    def shrink(self) -> None:
        """Empty the log of changes, and give back the room if half of it is free; raises sqlite3.Error."""
        with self.opened() as db:
            free, pages = (
                db.execute(f"PRAGMA {of}").fetchone()[0] for of in ("freelist_count", "page_count")
            )
            if 2 * free > pages:
                db.execute("VACUUM")
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def select(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a SELECT; raises sqlite3.Error."""
        with self.reading() as db:
            return db.execute(sql, values).fetchall()
