"""How large is a picture or a PDF, and how many tokens is that?

Only headers are read; nothing is decoded. https://docs.claude.com/en/docs/build-with-claude/vision
"""

from __future__ import annotations

import math
import re
from typing import NamedTuple

PATCH = 28  # pixels
TIERS = {"high": (2576, 4784), "standard": (1568, 1568)}
"""Image tier -> the longest edge in pixels and the most tokens."""
UNKNOWN_IMAGE_TOKENS = 1500  # an image by URL or file id is not looked at
PDF_PAGE_TOKENS = 2300
PAGE = re.compile(rb"/Type ?/Page(?!s)")
SIGNATURES = {
    "image/png": b"\x89PNG\r\n\x1a\n",
    "image/gif": b"GIF8",
    "image/jpeg": b"\xff\xd8\xff",
    "image/webp": b"RIFF",
    "application/pdf": b"%PDF-",
}


class Size(NamedTuple):
    """Width and height in pixels."""

    width: int
    height: int


def kind(data: bytes) -> str:
    """Return the MIME type of a picture or a PDF by its first bytes, or ""."""
    found = next((name for name, start in SIGNATURES.items() if data.startswith(start)), "")
    return "" if found == "image/webp" and data[8:12] != b"WEBP" else found


def size(data: bytes) -> Size | None:
    """Return an image's size from its header, or None."""
    reader = READERS.get(kind(data))
    try:
        return reader(data) if reader else None
    except (IndexError, ValueError):
        return None


def tokens(image: Size | None, tier: str | None) -> int:
    """Return what an image costs: a token per patch of 28 by 28 pixels, scaled down to the tier's limits."""
    if image is None or not all(image):
        return UNKNOWN_IMAGE_TOKENS
    return _patches(image, _scale(image, tier))


def fitted(image: Size, tier: str | None) -> Size:
    """Return the size that an image is scaled down to before a model of that tier sees it."""
    scale = _scale(image, tier)
    return Size(*(math.ceil(side * scale - 1e-6) for side in image)) if scale < 1 else image


def _scale(image: Size, tier: str | None) -> float:
    edge, most = TIERS[tier or "high"]
    scale = min(1.0, edge / max(image))
    while _patches(image, scale) > most:
        scale *= 0.99
    return scale


def pages(pdf: bytes) -> int:
    """Return a PDF's number of pages, as far as its uncompressed parts tell; at least 1."""
    return max(1, len(PAGE.findall(pdf)))


def _patches(image: Size, scale: float) -> int:
    return math.ceil(image.width * scale / PATCH) * math.ceil(image.height * scale / PATCH)


def _png(data: bytes) -> Size:
    return Size(_big(data[16:20]), _big(data[20:24]))


def _gif(data: bytes) -> Size:
    return Size(_little(data[6:8]), _little(data[8:10]))


def _jpeg(data: bytes) -> Size:
    at = 2
    while data[at] == 0xFF:
        if 0xC0 <= data[at + 1] <= 0xCF and data[at + 1] not in (0xC4, 0xC8, 0xCC):
            return Size(_big(data[at + 7 : at + 9]), _big(data[at + 5 : at + 7]))
        at += 2 + max(2, _big(data[at + 2 : at + 4]))
    raise ValueError


def _webp(data: bytes) -> Size:
    form = data[12:16]
    if form == b"VP8X":
        return Size(_little(data[24:27]) + 1, _little(data[27:30]) + 1)
    if form == b"VP8L":
        bits = _little(data[21:25])
        return Size((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
    return Size(_little(data[26:28]) & 0x3FFF, _little(data[28:30]) & 0x3FFF)


def _big(data: bytes) -> int:
    return int.from_bytes(data, "big")


def _little(data: bytes) -> int:
    return int.from_bytes(data, "little")


READERS = {"image/png": _png, "image/gif": _gif, "image/jpeg": _jpeg, "image/webp": _webp}
