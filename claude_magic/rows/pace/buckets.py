"""How much is left of what a minute allows, as far as answers tell?

A Bucket is a limit that headers tell of; a Pace stands for one that none does. Both are pure: `now` is in
seconds of a clock that never goes back. https://docs.claude.com/en/api/rate-limits
"""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

MINUTE = 60.0
SPAN = 5.0  # seconds over which sends are counted
MANY = 2048  # sends remembered for that
BURST = 0.05  # seconds by which a send may be early
DIP, LIFTED = 0.15, 4.0  # how far below the last refusal a pace begins, and at which multiple of it it ends
PLATEAU, SENDS = 30.0, 150.0  # it is back there after so many seconds, and no fewer sends
DRAIN, MOST_DRAIN = 0.05, 0.95
"""What share of a correction is taken for what others use a second, and of a limit for all they can use."""
LEAST = 0.7  # of a pace that is refused: the next one is no less than that
MARGIN = 0.01  # of a limit that is left alone: what is known of the rest is never quite exact
ROUNDED = 1000  # what is left of tokens is told in thousands


class Figures(NamedTuple):
    """What one answer says of one limit."""

    limit: int
    remaining: int


def figures(headers: Mapping[str, str], kind: str) -> Figures | None:
    """Return what headers say of the limit of a kind, such as "input-tokens"; None where they do not."""
    try:
        names = (f"anthropic-ratelimit-{kind}-limit", f"anthropic-ratelimit-{kind}-remaining")
        found = Figures(*(int(headers[name]) for name in names))
    except (KeyError, ValueError):
        return None
    return found if found.limit > 0 and found.remaining >= 0 else None


class Bucket:
    """An amount that fills up all the time, as the service keeps it; without a limit until one is told.

    What a send will take is reserved, and settled at its answer. `late`: the service counts it only then.
    `level` is what may still be reserved.
    """

    def __init__(self, *, late: bool = False) -> None:
        self.late, self.limit = late, 0
        self.level = self.reserved = self._at = self._shift = 0.0
        self.drain = 0.0  # what others take a second, as far as corrections tell
        self.grain = 1.0  # how far what is told may be from what is so

    def take(self, amount: float, now: float) -> None:
        """Reserve an amount, even more than there is."""
        self._fill(now)
        self.level -= amount
        self.reserved += amount

    def settle(self, reserved: float, used: float) -> None:
        """Put what was used in the place of what was reserved."""
        self.reserved -= reserved
        self.level += reserved - used

    def wait(self, amount: float, now: float) -> float:
        """Return the seconds until an amount can be reserved; for more than ever fits, until it is full.

        It is infinite where only the answers under way can make room.
        """
        if not self.limit:
            return 0.0
        self._fill(now)
        need = min(amount + self.grain + MARGIN * self.limit, self.limit)
        if need > self._full:
            return math.inf
        return max(0.0, need - self.level) / self._rate

    def seconds(self, amount: float, now: float) -> float:
        """Return how long it takes until an amount has gone through, however much that is."""
        if not self.limit:
            return 0.0
        self._fill(now)
        return max(0.0, amount - self.level) / self._rate

    def mark(self, now: float) -> float | None:
        """Return what to give `learn` with the answer to a request that is sent now."""
        return self._seen(now) - self._shift if self.limit else None

    def learn(self, told: Figures, then: float | None, now: float) -> None:
        """Take in what an answer tells; `then` is the `mark` of when its request was sent.

        It was so at some moment between the two, so only what differs from both is news: a client that shares
        the limit, or an estimate that was wrong. Nothing left may also mean less than nothing.
        """
        new = not self.limit
        self.limit = told.limit
        if told.remaining % ROUNDED:
            self.grain = 1.0
        elif told.remaining and told.limit > ROUNDED:  # nothing left says nothing of that
            self.grain = ROUNDED / 2
        if new:
            self._at, self.level = now, told.remaining - self.reserved
            return
        here, left = self._seen(now), told.remaining
        before = here if then is None else then + self._shift  # as it would be told with what is known since
        shift = 0.0
        if min(here, before) > left + self.grain:
            shift = left - min(here, before)
        elif max(here, before) < left - self.grain and left and then is not None:
            shift = left - self.grain - max(here, before)
        self.level += shift
        self._shift += shift
        self.drain = min(max(0.0, self.drain - DRAIN * shift), MOST_DRAIN * self.limit / MINUTE)

    def _seen(self, now: float) -> float:
        """Return what the service should say is left, if it counts as this does."""
        self._fill(now)
        return self.level + (self.reserved if self.late else 0.0)

    @property
    def _full(self) -> float:
        return self.limit - (self.reserved if self.late else 0.0)

    @property
    def _rate(self) -> float:
        return self.limit / MINUTE - self.drain

    def _fill(self, now: float) -> None:
        if self.limit:
            self.level = min(self._full, self.level + max(0.0, now - self._at) * self._rate)
        self._at = now


class Pace:
    """How many sends a second go through where no header tells of a limit that refuses them.

    After a refusal it begins below what went through, comes back to it slowly, and goes beyond it faster and
    faster, until it is refused again or lifted.
    """

    def __init__(self) -> None:
        self._sent: deque[float] = deque(maxlen=MANY)
        self._top: float | None = None  # sends a second at the last refusal
        self._count = self._begun = self._since = self._until = self._next = 0.0
        self._before = math.inf

    def rate(self, now: float) -> float:
        """Return the sends a second that go now; infinite where nothing is known against any number."""
        if self._top is None:
            return math.inf
        plateau = max(PLATEAU, SENDS / self._top)
        grown = 1 + DIP * ((now - self._until) / plateau - 1) ** 3
        if grown > LIFTED:
            self._top = None
            return math.inf
        return self._top * max(grown, 1 - DIP)

    def wait(self, now: float) -> float:
        """Return the seconds until the next send."""
        return 0.0 if self.rate(now) == math.inf else max(0.0, self._next - now)

    def take(self, now: float) -> None:
        """Count a send."""
        self._sent.append(now)
        if (rate := self.rate(now)) < math.inf:
            self._next = max(self._next, now - BURST) + 1 / rate

    def refused(self, sent: float, now: float, until: float) -> None:
        """Hear that a send was refused without a reason; nothing is sent before `until`."""
        if not self._count or sent > self._begun:  # not one of those that were under way at the last one
            self._before, self._count = self.rate(now), 0
            self._begun, self._since = now, self._until
        self._count += 1
        recent = [at for at in self._sent if max(self._since, now - SPAN) <= at <= self._begun]
        seconds = max(1.0, self._begun - recent[0]) if recent else 1.0
        through = max(1.0, len(recent) - self._count) / seconds
        least = LEAST * self._before if self._before < math.inf else 0.0
        told = 1 / max(until - now, 0.001)  # the service says itself when one may go
        self._top = max(least, told, min(self._before, through))
        self._until = until
