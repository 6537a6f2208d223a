"""How are the keys of a run or a batch kept, once for all that have the same?"""

from __future__ import annotations

import hashlib
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def pack(keys: Sequence[str]) -> tuple[str, bytes]:
    """Return the digest of a list of keys, and the bytes that hold it."""
    text = "".join([f"{key}\n" for key in keys]).encode()
    return hashlib.sha256(text).hexdigest(), zlib.compress(text, 1)


def unpack(data: bytes) -> list[str]:
    """Return the keys that were packed, in order."""
    return zlib.decompress(data).decode().split("\n")[:-1]
