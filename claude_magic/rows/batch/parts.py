"""How are many requests cut into batches that the service takes?

Requests are looked at one by one and none is kept: cutting gives names, sizes and digests. They are made
again when a part is sent, and have to come out the same.
"""

from __future__ import annotations

import hashlib
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from claude_magic import limits
from claude_magic.api.resources import MOST_REQUESTS
from claude_magic.errors import InputError
from claude_magic.protocol.body import encoded
from claude_magic.protocol.catalog import EXACT, added
from claude_magic.protocol.endpoints import ENDPOINTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from claude_magic.rows.outcome import Ask

HEAD, BETWEEN, TAIL = b'{"requests":[', b",", b"]}"
MOST_BYTES = ENDPOINTS["messages.batches.create"].most
BATCH_PRICE = Decimal("0.5")
"""Of the price of every token: https://platform.claude.com/docs/en/build-with-claude/batch-processing."""


class Load(NamedTuple):
    """The requests of one batch by their keys, in the order in which they are sent.

    `sha256` and `size` (bytes) are of the body of the call that makes the batch; `most_usd` is what all its
    answers can cost, None where that has no bound.
    """

    keys: tuple[str, ...]
    sha256: str
    size: int
    most_usd: Decimal | None


class _Cutting:
    """A part while requests are added to it."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.digest, self.size = hashlib.sha256(HEAD), len(HEAD + TAIL)
        self.most: Decimal | None = Decimal(0)

    def add(self, ask: Ask, data: bytes) -> None:
        worst = limits.worst_case_of(ask.body)
        self.most = added((self.most, None if worst is None else EXACT.multiply(worst, BATCH_PRICE)))
        self.size += len(data) + bool(self.keys)
        self.digest.update(BETWEEN + data if self.keys else data)
        self.keys.append(ask.key)

    def done(self) -> Load:
        self.digest.update(TAIL)
        return Load(tuple(self.keys), self.digest.hexdigest(), self.size, self.most)


def cut(
    asks: Iterable[Ask], *, most_requests: int = MOST_REQUESTS, most_bytes: int = MOST_BYTES
) -> Iterator[Load]:
    """Yield the parts that requests fall into; the same requests always fall into the same ones.

    Raises InputError for a request that no batch has room for, or whose key is there twice (M11).
    """
    cutting, seen = _Cutting(), set[str]()
    for ask in asks:
        data = encoded(request(ask), f"Request {ask.key!r}")
        if ask.key in seen:
            raise InputError(f"The key {ask.key!r} is there twice", hint="Give each request its own.")
        if len(HEAD + data + TAIL) > most_bytes:
            text = f"A request is {len(data) / 2**20:.1f} MB, and a batch takes {most_bytes / 2**20:.0f} MB"
            raise InputError(text, hint="Send less with each row: fewer or smaller files.")
        full = len(cutting.keys) == most_requests or cutting.size + len(BETWEEN + data) > most_bytes
        if cutting.keys and full:
            yield cutting.done()
            cutting = _Cutting()
        seen.add(ask.key)
        cutting.add(ask, data)
    if cutting.keys:
        yield cutting.done()


def requests(asks: Iterable[Ask], part: Load) -> Iterator[dict[str, Any]]:
    """Yield the requests of a load as they are sent; raises InputError where they are no longer the same."""
    digest, between = hashlib.sha256(HEAD), b""
    for ask in asks:
        made = request(ask)
        digest.update(between + encoded(made))
        between = BETWEEN
        yield made
    digest.update(TAIL)
    if digest.hexdigest() != part.sha256:
        raise InputError(
            "The requests of the rows have changed since they were counted; nothing was sent",
            hint="Make the prompts of values that stay as they are, and run the cell again.",
        )


def request(ask: Ask) -> dict[str, Any]:
    """Return a request as an item of a batch, its body as it would be sent alone."""
    return {"custom_id": ask.key, "params": ask.body}
