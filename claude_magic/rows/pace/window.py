"""How many requests may be under way at once?

A few until the first answer; then soon many more, as a refusal would have come sooner than that answer. Once
a round of answers takes longer for what it answers, fewer; else one more a round. Pure; `most` is a ceiling.
"""

from __future__ import annotations

import math

START, FEWEST = 4, 1
EARLY, STEP = 40, 0.005  # before the first answer one more goes every few milliseconds, up to so many
MORE, DOUBLES = 8, 0.05
"""With each answer so many more go, and twice as many after so many seconds without a refusal."""
ROUND = 16  # answers, at least, that are looked at together
WORSE = 2.0  # times the time an answer took at best
FORGET = 1.003  # by what the best time rises with each round, as services change
BASE = 50  # tokens: what an answer takes before its first one, as output
CUT, SLOWER = 0.5, 0.8


class Window:
    """A number of requests that grows and shrinks by what their answers take."""

    def __init__(self, most: int = 64, start: int = START) -> None:
        self.most = max(1, most)
        self.size = float(min(start, self.most))
        self.full = False  # whether it is what kept a request back
        self._grown = -math.inf  # when it last grew by itself
        self._known = False  # whether there was an answer
        self._steady = False
        self._best = math.inf
        self._sum = self._count = self._cut_at = 0.0

    def wait(self, now: float) -> float:
        """Return when it will have grown by itself, in seconds; infinite where only answers make room."""
        self.full = True
        if self._steady or self.size >= (self.most if self._known else min(EARLY, self.most)):
            return math.inf
        if self._grown == -math.inf:
            self._grown = now
        due = self._grown + (DOUBLES if self._known else STEP)
        if now < due:
            return due - now
        if self._known:
            self.size = min(self.most, self.size * 2)
        else:  # as many as were due, for whoever looks late
            self.size = min(EARLY, self.most, self.size + max(1.0, (now - self._grown) // STEP))
        self._grown = now
        return 0.0

    def answered(self, seconds: float, output_tokens: int, now: float) -> None:
        """Take in how long an answer took, for how much."""
        if not self._steady and self.full:
            self.size = min(self.most, self.size + MORE)
        if not self._known:
            self._known, self._grown = True, now
        self._sum += seconds / (BASE + output_tokens)
        self._count += 1
        first = self._best == math.inf  # the answers to those that went while there were few
        if self._count >= (ROUND if first else max(ROUND, self.size)):
            self._round(self._sum / self._count)

    def overloaded(self, sent: float, now: float) -> None:
        """Halve at most once for all that is under way."""
        self._steady = True
        if sent >= self._cut_at:
            self.size, self._cut_at = max(FEWEST, self.size * CUT), now

    def steady(self) -> None:
        """Grow by no more than one a round from now on."""
        self._steady = True

    def _round(self, mean: float) -> None:
        self._sum = self._count = 0
        self._best = min(mean, self._best * FORGET)
        if mean > WORSE * self._best:
            self._steady = True
            self.size = max(FEWEST, self.size * SLOWER)
        elif self.full and self._steady:
            self.size = min(self.most, self.size + 1)
        self.full = False
