"""Which images and PDFs does the service take?"""

from __future__ import annotations

import base64
from typing import Any

from claude_magic.practice.refusal import refuse
from claude_magic.prompts import sizes

MOST_SIDE = 8000  # pixels
MOST_BASE64 = 10 * 2**20  # bytes


def raw(source: dict[str, Any], where: str = "source") -> bytes:
    """Return a base64 source's bytes; refuse a wrong encoding, kind or amount."""
    data, kind = source["data"], source["media_type"]
    if len(data) > MOST_BASE64 and kind.startswith("image/"):
        refuse(f"{where}.base64", f"image exceeds 10 MB maximum: {len(data)} bytes > {MOST_BASE64} bytes")
    try:
        found = base64.b64decode(data, validate=True)
    except ValueError:
        refuse(f"{where}.base64.data", "Invalid base64 data")
    if not found.startswith(sizes.SIGNATURES[kind]):
        refuse(f"{where}.base64.data", f"The data does not look like {kind}")
    return found


def weigh(block: dict[str, Any], where: str) -> int:
    """Refuse a bad image or PDF; return how many images or pages it counts for."""
    source, is_image = block["source"], block["type"] == "image"
    if source["type"] != "base64":
        return int(is_image)
    wanted = [kind for kind in sizes.SIGNATURES if kind.startswith("image/") == is_image]
    if source["media_type"] not in wanted:
        refuse(f"{where}.source.base64.media_type", f"Input should be {' or '.join(map(repr, wanted))}")
    data = raw(source, f"{where}.source")
    if not is_image:
        return sizes.pages(data)
    if max(sizes.size(data) or (0,)) > MOST_SIDE:
        refuse(
            f"{where}.source.base64.data",
            f"At least one of the image dimensions exceed max allowed size: {MOST_SIDE} pixels",
            error_code="image_dimensions_too_large",
            max_side_length_pixels=MOST_SIDE,
            paths=[where],
        )
    return 1
