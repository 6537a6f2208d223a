"""How is one SQLite file shared by threads, forks and kernels?

One connection a process, behind a lock that is held for the fraction of a millisecond a transaction takes; it
is opened at first use, again after a fork, and when the file was removed. https://www.sqlite.org/wal.html
"""

from __future__ import annotations

import contextlib
import os
import random
import sqlite3
import threading
import time
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Step = Callable[[sqlite3.Connection], None]

BUSY_SECONDS = 10.0


class Database:
    """One SQLite file, readable by its owner alone.

    For the path ":memory:" it is in memory, for "" in a file that nobody else has and that goes with it.
    """

    migrations: ClassVar[Sequence[Step]] = ()
    """Applied in order; `PRAGMA user_version` says how many a file has had. Never edit one: add one."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path) if path not in ("", ":memory:") else None
        self._name = str(path)
        self._db: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._lock = threading.RLock()
        stores.add(self)

    @staticmethod
    def ready(db: sqlite3.Connection) -> None:
        """Give each new connection what queries need."""

    def close(self) -> None:
        """Close the connection; the next use opens it again."""
        with self._lock:
            if self._db is not None:
                self._db.close()
            self._db = None

    def __del__(self) -> None:
        with contextlib.suppress(Exception):
            self.close()

    def forked(self) -> None:
        """Leave the parent's connection alone: it must be neither used nor closed in a child."""
        _inherited.append(self._db)
        self._db, self._lock = None, threading.RLock()

    @contextlib.contextmanager
    def opened(self) -> Iterator[sqlite3.Connection]:
        """Yield the connection, for this thread alone."""
        with self._lock:
            if self._db is not None and self.path and _identity(self.path) != self._file:
                self.close()  # the file was removed or replaced
            if self._db is None:
                self._db = _connect(self.path, self._name, self)
                self._file = _identity(self.path) if self.path else None
            yield self._db

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Yield a connection to read with, also where the file or its folder may not be written."""
        with contextlib.ExitStack() as stack:
            try:
                db = stack.enter_context(self.opened())
            except sqlite3.OperationalError:
                if self.path is None or not self.path.is_file():
                    raise
                uri = f"{self.path.absolute().as_uri()}?mode=ro&immutable=1"
                db = stack.enter_context(contextlib.closing(sqlite3.connect(uri, uri=True)))
                self.ready(db)
            yield db

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Yield the connection within a transaction that is written where the block ends without an error."""
        with self.opened() as db, _rolled_back(db):
            db.execute("BEGIN IMMEDIATE")
            yield db
            db.execute("COMMIT")


stores: weakref.WeakSet[Any] = weakref.WeakSet()
"""Every store of this process, to be told of a fork by its `forked()`."""
_inherited: list[Any] = []


def _forked() -> None:
    for store in [*stores]:
        store.forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


def _connect(path: Path | None, name: str, of: Database) -> sqlite3.Connection:
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):  # never open a database file that may be in use: locks go
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    db = sqlite3.connect(name, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        _prepare(db, of.migrations)
    except BaseException:
        db.close()
        raise
    of.ready(db)
    return db


def _prepare(db: sqlite3.Connection, migrations: Sequence[Step]) -> None:
    """Bring a connection to WAL and the newest schema, while other kernels may be doing the same.

    SQLite does not wait by itself for the switch to WAL: https://www.sqlite.org/wal.html (section 9).
    """
    end = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = NORMAL")
            return _migrate(db, migrations)
        except sqlite3.OperationalError as e:
            db.rollback()
            if e.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
        time.sleep(random.uniform(0.001, 0.02))  # noqa: S311 - not for secrets


@contextlib.contextmanager
def _rolled_back(db: sqlite3.Connection) -> Iterator[None]:
    """Leave no transaction open, wherever an interrupt comes, and start with none that one left."""
    try:
        if db.in_transaction:
            db.execute("ROLLBACK")
        yield
    finally:
        if db.in_transaction:
            db.execute("ROLLBACK")


def _migrate(db: sqlite3.Connection, migrations: Sequence[Step]) -> None:
    if _version(db) == len(migrations):
        return
    with _rolled_back(db):
        db.execute("BEGIN IMMEDIATE")
        version = _version(db)  # another kernel may have been first
        if version > len(migrations):
            raise sqlite3.DatabaseError("it was written by a newer claude_magic")
        for step in migrations[version:]:
            step(db)
        db.execute(f"PRAGMA user_version = {len(migrations)}")
        db.execute("COMMIT")


def _version(db: sqlite3.Connection) -> int:
    return int(db.execute("PRAGMA user_version").fetchone()[0])


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
