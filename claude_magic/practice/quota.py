"""How much may still be asked this minute?

Token buckets that fill all the time, one set per model line, as the service keeps them:
https://docs.claude.com/en/api/rate-limits
"""

from __future__ import annotations

import math
from typing import NamedTuple

from claude_magic.practice.moments import MINUTE, moment
from claude_magic.practice.refusal import Refusal

MINUTELY = ("requests", "input_tokens", "output_tokens")
REFUSED = (
    "This request would exceed your organization's rate limit of {limit:,} {what} per minute "
    "(practice server). See https://docs.claude.com/en/api/rate-limits"
)


class Limits(NamedTuple):
    """What a minute allows, per model line, and how many batch requests may wait; the lowest tier's."""

    requests: int = 1_000
    input_tokens: int = 2_000_000
    output_tokens: int = 400_000
    queued: int = 200_000


class Bucket:
    """An amount that fills up to `limit` at `limit` a minute."""

    __slots__ = ("_left", "_since", "limit")

    def __init__(self, limit: int, now: float) -> None:
        self.limit = max(1, limit)
        self._left, self._since = float(self.limit), now

    def left(self, now: float) -> float:
        """Return what is left; below zero after an answer that took more than there was."""
        self._left = min(self.limit, self._left + max(0.0, now - self._since) * self.limit / MINUTE)
        self._since = now
        return self._left

    def take(self, amount: float, now: float) -> None:
        """Take an amount, even more than there is."""
        self._left = self.left(now) - amount

    def wait(self, amount: float, now: float) -> float:
        """Return the seconds until the amount is there; for more than the limit, until the bucket is full."""
        return max(0.0, (min(amount, self.limit) - self.left(now)) * MINUTE / self.limit)


class Quota:
    """The buckets of one pool."""

    def __init__(self, limits: Limits, now: float) -> None:
        self._buckets = {name: Bucket(getattr(limits, name), now) for name in MINUTELY}

    def admit(self, now: float, *, input_tokens: int = 0) -> None:
        """Take a request and its input; raise Refusal (429 with retry-after) when they do not fit."""
        for name, amount in (("requests", 1), ("input_tokens", input_tokens), ("output_tokens", 1)):
            bucket = self._buckets[name]
            if wait := bucket.wait(amount, now):
                message = REFUSED.format(limit=bucket.limit, what=name.replace("_", " "))
                raise Refusal(429, message, headers={"retry-after": str(math.ceil(wait))})
        self._buckets["requests"].take(1, now)
        self._buckets["input_tokens"].take(input_tokens, now)

    def spend(self, output_tokens: int, now: float) -> None:
        """Take what was answered."""
        self._buckets["output_tokens"].take(output_tokens, now)

    def headers(self, now: float) -> dict[str, str]:
        """Return the 12 rate-limit headers; `tokens-*` is input and output together."""
        rows = {name: (b.limit, b.left(now), b.wait(b.limit, now)) for name, b in self._buckets.items()}
        limits, lefts, waits = zip(rows["input_tokens"], rows["output_tokens"], strict=True)
        rows["tokens"] = (int(sum(limits)), sum(lefts), max(waits))
        found: dict[str, str] = {}
        for name, (limit, left, wait) in rows.items():
            prefix = f"anthropic-ratelimit-{name.replace('_', '-')}"
            shown = max(0, int(left if name == "requests" else round(left, -3)))
            found |= {f"{prefix}-limit": str(limit), f"{prefix}-remaining": str(shown)}
            found[f"{prefix}-reset"] = moment(math.ceil(now + wait))
        return found
