"""How do two kernels take turns at one file, and how is it written anew so that no reader sees half of it?"""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE = 10.0  # seconds to wait for another kernel's turn to end
PAUSE = 0.002  # seconds


@contextlib.contextmanager
def alone(path: Path) -> Iterator[IO[bytes]]:
    """Open a file to read and append, alone until the block ends; raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        file = path.open("a+b")
        try:
            _lock(file)
            if _is_at(file, path):  # another kernel may have renamed a new one to here
                yield file
                return
        finally:
            file.close()


def replace(file: IO[bytes], path: Path, data: bytes) -> None:
    """Write an open file anew and rename it into its place, with the permissions it had; raises OSError."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "wb") as made:
            made.write(data)
            made.flush()
            os.fsync(made.fileno())
        Path(temporary).chmod(os.fstat(file.fileno()).st_mode & 0o7777)
        if fcntl is None:  # Windows renames onto no open file
            file.close()
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _is_at(file: IO[bytes], path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _lock(file: IO[bytes]) -> None:
    """Lock a file until it is closed, or go on without where the file system has no locks; raises OSError."""
    if fcntl is None:
        return
    until = time.monotonic() + PATIENCE
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                raise TimeoutError(errno.ETIMEDOUT, "another kernel does not let go of it") from None
            time.sleep(PAUSE)
        except OSError:
            return
        else:
            return
