"""How many requests may be sent now?

A Gate has no clock, no socket and no lock. Whoever sends asks it for a lease, and tells it what became of
each send; both are small tuples, so that one gate can serve the threads of one process or many machines.
What it knows of limits it has from answers: https://docs.claude.com/en/api/rate-limits
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from claude_magic.rows.pace.buckets import Bucket, Figures, Pace, figures
from claude_magic.rows.pace.window import Window

if TYPE_CHECKING:
    from collections.abc import Mapping

KINDS = ("requests", "input-tokens", "output-tokens")
MOST = 64  # requests under way at once, where nobody says how many
OUTPUT = 256  # tokens that an answer is taken to have before there was one
REMEMBERED = 100  # answers over which the mean output is taken
LONGEST = 60.0  # seconds of a pause that the service does not set
REFUSED, OVERLOADED = 429, frozenset({503, 529})
Levels = tuple[float | None, ...]


class Lease(NamedTuple):
    """So many sends may go now; where it is none, ask again after `wait` seconds (infinite: after an answer).

    The tokens are what is reserved for each send, `guess` what was asked for, `then` what was known of the
    limits.
    """

    number: int
    wait: float = 0.0
    at: float = 0.0
    input_tokens: float = 0.0
    output_tokens: float = 0.0
    guess: float = 0.0
    then: Levels = (None, None, None)


class Seen(NamedTuple):
    """What became of a send: the status (0: no answer), seconds, tokens that count, and what headers told."""

    status: int
    seconds: float = 0.0
    input_tokens: int = 0
    output_tokens: int = 0
    told: tuple[Figures | None, ...] = (None, None, None)
    retry_after: float | None = None


def told(headers: Mapping[str, str]) -> tuple[Figures | None, ...]:
    """Return what the headers of an answer say of each limit."""
    return tuple(figures(headers, kind) for kind in KINDS)


class Gate:
    """Lets requests go as fast as the limits allow; at most `most` are under way at once."""

    def __init__(self, most: int | None = None) -> None:
        self.window = Window(MOST if most is None else most)
        self.buckets = (Bucket(), Bucket(), Bucket(late=True))
        self.pace = Pace()
        self.in_flight = 0
        self._input, self._output, self._scale, self._answers = 0.0, float(OUTPUT), 1.0, 0
        self._until, self._why, self._refusals = 0.0, "", 0

    @property
    def limit(self) -> int:
        """How many requests may be under way at once, as of now."""
        return int(self.window.size)

    def paused(self, now: float) -> tuple[float, str]:
        """Return for how many seconds nothing is sent, and why; 0 and "" where that is not so."""
        left = self._until - now
        return (left, self._why) if left > 0 else (0.0, "")

    def lease(
        self, now: float, number: int = 1, *, input_tokens: float = 0, most_output: float = math.inf
    ) -> Lease:
        """Return how many of `number` requests may be sent now, and reserve for each what it will take.

        `input_tokens` is a guess for each, which is corrected by how the last ones were; `most_output` is its
        `max_tokens`.
        """
        amounts = (1.0, input_tokens * self._scale, min(self._output, most_output))
        granted, wait = 0, 0.0
        while granted < number and not (wait := self._wait(amounts, now)):
            granted += 1
            self.in_flight += 1
            self.pace.take(now)
            for bucket, amount in zip(self.buckets, amounts, strict=True):
                bucket.take(amount, now)
        if not granted:
            return Lease(0, wait)
        return Lease(
            granted, 0.0, now, *amounts[1:], input_tokens, tuple(bucket.mark(now) for bucket in self.buckets)
        )

    def seconds(self, number: int, now: float) -> float:
        """Return how long it takes by the limits until so many more requests are sent."""
        amounts = zip((1.0, self._input, self._output), self.buckets, strict=True)
        found = [bucket.seconds(number * amount, now) for amount, bucket in amounts]
        return max(*found, number / self.pace.rate(now))

    def back(self, lease: Lease) -> None:
        """Give one send of a lease back that was not used."""
        self.in_flight -= 1
        for bucket, reserved in zip(self.buckets, _reserved(lease), strict=True):
            bucket.settle(reserved, 0.0)

    def tell(self, now: float, lease: Lease, seen: Seen) -> None:
        """Take in what became of one send of a lease."""
        self.in_flight -= 1
        refused = seen.status == REFUSED
        used: tuple[float, ...] = _reserved(lease)  # unless it is known better
        if seen.status:
            used = (0.0 if refused else 1.0, seen.input_tokens, seen.output_tokens)
        parts = zip(self.buckets, _reserved(lease), used, seen.told, lease.then, strict=True)
        for bucket, reserved, amount, figure, then in parts:
            bucket.settle(reserved, amount)
            if figure is not None:
                bucket.learn(figure, then, now)
        if 200 <= seen.status < 300:
            self._answered(lease, seen, now)
        elif refused:
            self._refuse(now, lease, seen)
        elif seen.status in OVERLOADED:
            self.window.overloaded(lease.at, now)
            self._pause(now + (seen.retry_after or 0.0), "overloaded")

    def _wait(self, amounts: tuple[float, ...], now: float) -> float:
        if self._until > now:
            return self._until - now
        if self.in_flight >= self.limit and (wait := self.window.wait(now)):
            return wait
        waits = (bucket.wait(amount, now) for bucket, amount in zip(self.buckets, amounts, strict=True))
        return max(self.pace.wait(now), *waits)

    def _answered(self, lease: Lease, seen: Seen, now: float) -> None:
        self._refusals = 0
        self._answers = min(self._answers + 1, REMEMBERED)
        self._input += (seen.input_tokens - self._input) / self._answers
        self._output += (seen.output_tokens - self._output) / self._answers
        if lease.guess:
            self._scale += (seen.input_tokens / lease.guess - self._scale) / self._answers
        self.window.answered(seen.seconds, seen.output_tokens, now)

    def _refuse(self, now: float, lease: Lease, seen: Seen) -> None:
        if lease.at >= self._until:  # else it was under way when the pause began
            self._refusals += 1
        wait = seen.retry_after or min(LONGEST, 2.0 ** (self._refusals - 1))
        self._pause(now + wait, "rate limit")
        self.window.steady()
        if not self._known(lease, seen):
            self.pace.refused(lease.at, now, self._until)

    def _known(self, lease: Lease, seen: Seen) -> bool:
        """Say whether a limit that headers tell of was reached."""
        amounts = zip(seen.told, _reserved(lease), self.buckets, strict=True)
        return any(f is not None and f.remaining <= amount + b.grain for f, amount, b in amounts)

    def _pause(self, until: float, why: str) -> None:
        if until > self._until:
            self._until, self._why = until, why


def _reserved(lease: Lease) -> tuple[float, float, float]:
    return 1.0, lease.input_tokens, lease.output_tokens
