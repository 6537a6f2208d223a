"""Is a line as it was recorded?

A line carries a checksum of what was asked, what was answered and when. It finds accidents and casual edits;
it holds no secret, so whoever reads this file can make one. Sealed with a teacher's secret it is an HMAC
(https://www.rfc-editor.org/rfc/rfc2104), which only those who hold the secret can make.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Any, NamedTuple

from claude_magic import wire
from claude_magic.protocol import canonical

if TYPE_CHECKING:
    from collections.abc import Mapping

    from claude_magic.keys import Secret

SEALED = ("key", "recorded", "request", "response")
PLAIN, KEYED = "sha256:", "hmac:"
CHANGED = "it was changed"
DIGITS = 32  # hexadecimal digits of a checksum without a secret


class Edited(NamedTuple):
    """A line that is not as it was recorded; `line` counts from 1."""

    line: int
    key: str
    why: str


def check(line: Mapping[str, Any], secret: Secret | None) -> str:
    """Return the checksum of a line, sealed with the secret where there is one."""
    data = canonical.sorted_json([line.get(name) for name in SEALED])
    if secret is None:
        return PLAIN + hashlib.sha256(data).hexdigest()[:DIGITS]
    return KEYED + hmac.new(secret.reveal().encode(), data, hashlib.sha256).hexdigest()


def edited(number: int, data: bytes, secret: Secret | None) -> Edited | None:
    """Return what is wrong with a line of a file, or None."""
    try:
        line = wire.decode_plain(data)
        why, key = fault(line, secret), str(line.get("key", ""))
    except (ValueError, AttributeError):
        why, key = "it cannot be read", ""
    return Edited(number, key, why) if why else None


def fault(line: dict[str, Any], secret: Secret | None) -> str:
    """Return what is wrong with a line, or ""."""
    found = str(line.get("check", ""))
    if secret is None and found.startswith(KEYED):
        return "it is sealed with a secret that was not given"
    if secret is not None and not found.startswith(KEYED):
        return "it is not sealed with the secret"
    return "" if hmac.compare_digest(found.encode(), check(line, secret).encode()) else CHANGED
