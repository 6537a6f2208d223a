"""How does a frame become a file that code at the service reads?

All of its rows, as CSV; columns named like a secret are left out, and it is said that they are.
"""

from __future__ import annotations

import atexit
import hashlib
import re
import shutil
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any

from claude_magic.prompts import grids, media, private, tables
from claude_magic.protocol import body

NAMELESS = "data"


def part(frame: Any, name: str) -> tuple[media.Part, bool]:
    """Return a frame as a block that waits for its upload, and whether something was left out.

    Raises InputError for a key in it, and for more than a file may have.
    """
    grid, partly = tables.whole(grids.of(frame))
    stem = re.sub(r"\W+", "_", name).strip("_") or NAMELESS
    path = _written(_csv(grid, stem), f"{stem}.csv")
    made = media.from_path(path, code=True)
    rows = "" if grid.rows is None else f"all {grid.rows:,} rows as "
    return made._replace(what=", ".join([f"{rows}{made.what}", *partly])), bool(partly)


def _csv(grid: tables.Grid, stem: str) -> bytes:
    if isinstance(grid, grids.Pandas):
        data = b"".join(body.part(grid.df, f"{stem}.csv").content.pieces())
        return private.without_addresses(data.decode()).encode() if b" at 0x" in data else data
    return f"{grid.csv(media.MOST_FILE)}\n".encode()


def _written(data: bytes, name: str) -> Path:
    """Return a file of this session with the data, the same one for the same."""
    path = _folder() / hashlib.sha256(data).hexdigest()[:16] / name
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
    return path


@lru_cache(maxsize=1)
def _folder() -> Path:
    """Return a folder that only this account can read, and that goes with this process."""
    found = tempfile.mkdtemp(prefix="claude_magic-")
    atexit.register(shutil.rmtree, found, ignore_errors=True)
    return Path(found)
