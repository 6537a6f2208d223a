"""Where is what comes down written, and when is it there?

Under its name only once it is whole, and nowhere but in the folder that was asked for.
"""

from __future__ import annotations

import os
import secrets
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Self

from claude_magic.errors import InputError, telling

NAME = 240  # bytes of a file's name, of the 255 that file systems have
RESERVED = frozenset({"CON", "PRN", "AUX", "NUL", *(f"{n}{i}" for n in ("COM", "LPT") for i in range(1, 10))})


class Unfinished:
    """A file beside the one that is wanted: it takes its place when whole, and goes when not.

    With `free` its name gets a number where it is taken. `missing` bytes of `size` are still to be written.
    """

    def __init__(self, path: str | os.PathLike[str], *, free: bool = False, size: int = 0) -> None:
        self.path, self.free, self.missing = Path(path).expanduser(), free, size

    def write(self, data: bytes) -> None:
        """Write bytes; raises InputError."""
        with _writing(self.path):
            self.missing -= self.file.write(data)

    def __enter__(self) -> Self:
        with _writing(self.path):
            if self.path.is_dir():
                raise InputError(f"{self.path} is a folder", hint="Give the path of a file.")
            self.beside = self.path.with_name(f".{secrets.token_hex(8)}.part")
            self.file = self.beside.open("xb")
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        try:
            with _writing(self.path) if kind is None else suppress(OSError):
                self.file.close()
                if kind is None:
                    self._settle()
        finally:
            with suppress(OSError):
                self.beside.unlink()

    def _settle(self) -> None:
        wanted, n = self.path, 1
        while self.free:
            try:
                self.path.open("xb").close()  # a name is free where it can be taken: others look for one too
                self.free = False
            except FileExistsError:
                n += 1
                self.path = wanted.with_name(f"{wanted.stem} ({n}){wanted.suffix}")
        self.beside.replace(self.path)


def _writing(path: str | os.PathLike[str]) -> AbstractContextManager[None]:
    return telling(f"{path} cannot be written", "Choose another folder or name.")


def place(to: str | os.PathLike[str], filename: str, size: int = 0) -> Unfinished:
    """Return the file to write: `to` itself, or a free name in it where it is a folder; raises InputError.

    Only the last part of a server's name counts, so that nothing is written outside the folder, and no file
    there is written over. A path that ends in "/" is made a folder.
    """
    with _writing(to):
        path = Path(to).expanduser()
        if str(to).endswith(("/", os.sep)):
            path.mkdir(parents=True, exist_ok=True)
        within = path.is_dir()
    return Unfinished(path / _plain(filename) if within else path, free=within, size=size)


def _plain(filename: str) -> str:
    """Return a name that means a plain visible file on every system."""
    last = filename.replace("\\", "/").rpartition("/")[2]
    name = "".join(c for c in last if c.isprintable() and c not in '<>:"|?*').strip(". ") or "download"
    if name.partition(".")[0].upper() in RESERVED:
        name = f"_{name}"
    ending = Path(name).suffix
    suffix = ending if len(ending) <= 21 else ""
    room = NAME - len(suffix.encode())
    return name.removesuffix(suffix).encode()[:room].decode(errors="ignore") + suffix
