"""How far is a map?"""

from __future__ import annotations

import time
from collections import deque
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from claude_magic.rows.outcome import Outcome

SPAN = 10.0  # seconds over which rows are counted for the rate


class Tally(NamedTuple):
    """How far it is. `total` counts the requests of this run without those `cached`; `spent` is in USD.

    `rate` is in rows a second, `limit` how many may be under way now, `paused` the seconds until something is
    sent again (0: it is not paused) and `why` the reason; `least` are the seconds that those which wait take
    by the limits that answers told of.
    """

    total: int = 0
    cached: int = 0
    done: int = 0
    ok: int = 0
    failed: int = 0
    in_flight: int = 0
    waiting: int = 0
    not_sent: int = 0
    spent: Decimal | None = Decimal(0)
    rate: float = 0.0
    limit: int = 0
    paused: float = 0.0
    why: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    source: str = "live"
    least: float = 0.0


class Sums:
    """What came of requests so far. `total` is how many there are; None: as many as are drawn."""

    def __init__(self, total: int | None = None, cached: int = 0) -> None:
        self.total, self.cached = total, cached
        self.ok = self.failed = self.not_sent = 0
        self.input_tokens = self.output_tokens = 0
        self._ended: deque[tuple[float, int]] = deque()
        self._lately, self._began = 0, time.monotonic()

    def add(self, outcomes: Sequence[Outcome]) -> None:
        """Count outcomes."""
        for one in outcomes:
            self.ok += one.status == "ok"
            self.not_sent += one.status == "not_sent"
            self.failed += one.status not in ("ok", "not_sent")
            self.input_tokens += one.input_tokens or 0
            self.output_tokens += one.output_tokens or 0
        now = time.monotonic()
        self._ended.append((now, len(outcomes)))
        self._lately += len(outcomes)
        while now - self._ended[0][0] > SPAN:
            self._lately -= self._ended.popleft()[1]

    def tally(self, now: Tally, drawn: int) -> Tally:
        """Return a tally with what is counted here."""
        done = self.ok + self.failed + self.not_sent
        total = max(self.total or 0, drawn)
        if now.why == "paused":  # what was answered before says nothing of how fast it goes after
            self._ended.clear()
            self._lately, self._began = 0, time.monotonic()
        seconds = min(SPAN, time.monotonic() - self._began)
        return now._replace(
            total=total,
            cached=self.cached,
            done=done,
            ok=self.ok,
            failed=self.failed,
            waiting=total - done - now.in_flight,
            not_sent=self.not_sent,
            rate=self._lately / seconds if seconds else 0.0,
            input_tokens=self.input_tokens,
            output_tokens=self.output_tokens,
        )
