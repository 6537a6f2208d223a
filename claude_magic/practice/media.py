"""Which images and PDFs does the service take?"""

from __future__ import annotations

import base64
import binascii
from typing import Any

from claude_magic.practice.refusal import refuse
from claude_magic.sizes import SIGNATURES

MOST_SIDE = 8000  # pixels
MOST_BASE64 = 10 * 2**20  # bytes


def raw(source: dict[str, Any], where: str = "source") -> bytes:
    """Return a base64 source's bytes; refuse a wrong encoding, kind or amount."""
    data, kind = source["data"], source["media_type"]
    if len(data) > MOST_BASE64 and kind.startswith("image/"):
        refuse(f"{where}.base64", f"image exceeds 10 MB maximum: {len(data)} bytes > {MOST_BASE64} bytes")
    try:
        found = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        refuse(f"{where}.base64.data", "Invalid base64 data")
    if not found.startswith(SIGNATURES[kind]):
        refuse(f"{where}.base64.data", f"The data does not look like {kind}")
    return found
