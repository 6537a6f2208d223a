"""How is the journal kept where SQLite must not be: on a file system of another machine?

Each process appends records of its changes to a file of its own, so nothing is locked and a record that was
cut off spoils no other. All files are read into tables of this process's own, in the order of their times.
"""

from __future__ import annotations

import contextlib
import errno
import heapq
import os
import struct
import threading
import time
import uuid
import zlib
from itertools import islice
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import msgspec

from claude_magic.ledger import place
from claude_magic.ledger.database import BUSY_SECONDS, stores
from claude_magic.rows.kept.store import TABLES, Store

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from claude_magic.rows.kept.store import Change

    Record = tuple[int, str, list[Change]]

_HEAD = struct.Struct("<II")  # length and CRC-32 of what follows
MANY = 1_000  # records, or rows of one, that are written into the tables at once
PLAIN = frozenset((type(None), str, bytes, int, float))
FILES = 50  # of which those of ended processes are made one
LOCKED_S = 60.0  # seconds after which a lock counts for nothing


class Appended:
    """The tables as a folder of append-only files, one writer each. It does all that a `Store` does."""

    busy_s = BUSY_SECONDS  # how long a change waits for a lock

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.forked()
        stores.add(self)

    def forked(self) -> None:
        """Start a file and tables of this process's own."""
        self._own, self._lock = self.folder / f"{uuid.uuid4().hex}.rows", threading.RLock()
        self._tables = Store("")
        self._ends: dict[Path, int] = {}
        self._owners: dict[Path, str] = {}

    def change(self, *changes: Change, sure: bool = False) -> int:
        """Make changes and return how many rows the last one met; raises OSError.

        They are on the server when it returns. When `sure` no other process changes anything meanwhile.
        Raises TypeError for a value that no column takes: it must not come into a file.
        """
        if not all(PLAIN.issuperset(map(type, row)) for _, rows in changes for row in rows):
            raise TypeError("no column takes such a value")
        with self._lock, self._alone() if sure else contextlib.nullcontext():
            if sure:
                self._take(self._files())
            self._append(self._own, changes)
            return self._take([self._own])

    def select(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Return the rows of a SELECT over what was read so far; raises sqlite3.Error."""
        return self._tables.select(sql, values)

    def renew(self) -> None:
        """Read what was written since; raises OSError."""
        with self._lock:
            found = self._files()
            self._take(found)
            if len(found) > FILES and any(map(place.is_gone, self._owners.values())):
                with contextlib.suppress(OSError):
                    self.shrink()

    def claim(self, keys: Sequence[str], bucket: str, owner: str) -> set[str]:
        """Return those of some keys that no other thread asks for; without locks no process is kept from it.

        Raises sqlite3.Error.
        """
        return self._tables.claim(keys, bucket, owner)

    def shrink(self) -> None:
        """Write the tables anew in one file, and remove those of this and of ended processes.

        Raises OSError. What another process that still runs has written stays in its file.
        """
        with self._lock, self._alone():
            self._take(self._files())
            old = [path for path, owner in self._owners.items() if path == self._own or place.is_gone(owner)]
            new, self._own = self.folder / f"{uuid.uuid4().hex}.new", self.folder / f"{uuid.uuid4().hex}.rows"
            new.touch(0o600)
            for name, (table, columns) in TABLES.items():
                named, last = ", ".join(columns), 0
                sql = f"SELECT rowid, {named} FROM {table} WHERE rowid > ? ORDER BY rowid LIMIT ?"  # noqa: S608
                while rows := self.select(sql, (last, MANY)):
                    last = rows[-1][0]
                    self._append(new, [(name, [row[1:] for row in rows])])
            new.replace(self.folder / f"{uuid.uuid4().hex}.rows")
            for path in old:
                path.unlink(missing_ok=True)
                del self._owners[path], self._ends[path]

    def close(self) -> None:
        """Do nothing: no file is open between two calls."""

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob("*.rows"))

    def _take(self, paths: Sequence[Path]) -> int:
        """Take in the records that are new in some files; return how many rows the last change met."""
        met = 0
        records = heapq.merge(*map(self._records, paths), key=itemgetter(0))
        try:
            while some := [*islice(records, MANY)]:
                met = self._tables.change(*(change for _, _, changes in some for change in changes))
        except BaseException:
            self._tables, self._ends = Store(""), {}  # all is read again
            raise
        return met

    def _records(self, path: Path) -> Iterator[Record]:
        """Yield the whole records of a file that were not read yet."""
        with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
            file.seek(self._ends.get(path, 0))
            while len(head := file.read(_HEAD.size)) == _HEAD.size:
                length, check = _HEAD.unpack(head)
                data = file.read(length)
                if len(data) < length or zlib.crc32(data) != check:
                    return
                record: Record = msgspec.msgpack.decode(data)
                self._owners[path], self._ends[path] = record[1], file.tell()
                yield record

    def _append(self, path: Path, changes: Sequence[Change]) -> None:
        """Append a record, on the server when this returns; raises OSError."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        data = msgspec.msgpack.encode((time.time_ns(), place.mark(), changes))
        whole = _HEAD.pack(len(data), zlib.crc32(data)) + data
        file = os.open(path, os.O_APPEND | os.O_CREAT | os.O_WRONLY, 0o600)
        try:
            before, written = os.fstat(file).st_size, 0
            try:
                written = os.write(file, whole)
                os.fsync(file)
            finally:
                if written < len(whole):
                    os.ftruncate(file, before)  # or what comes after it could not be read
            if written < len(whole):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        finally:
            os.close(file)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the folder's lock: a file that only one process can make; raises TimeoutError."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock, end = self.folder / "lock", time.monotonic() + self.busy_s
        while True:
            with contextlib.suppress(FileExistsError):
                os.close(os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
                break
            with contextlib.suppress(FileNotFoundError):
                owner = lock.read_text()  # "" for a moment
                if (owner and place.is_gone(owner)) or time.time() - lock.stat().st_mtime > LOCKED_S:
                    lock.unlink()
            if time.monotonic() > end:
                raise TimeoutError(errno.ETIMEDOUT, "another process has locked it", str(lock))
            time.sleep(0.01)
        try:
            lock.write_text(place.mark())
            yield
        finally:
            lock.unlink(missing_ok=True)
