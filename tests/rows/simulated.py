"""How does a test get a service with rate limits, whose minutes take no time?

A Service keeps token buckets as the API does, tells of them in headers or not, and may have limits that
change, a limit that no header tells of, and another client that takes its share. `run` sends rows through a
Gate.
"""

from __future__ import annotations

import heapq
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from claude_magic.practice.quota import Bucket
from claude_magic.rows.pace.gate import Gate, Seen, told

QUICK = 0.05  # seconds that a refusal takes
KINDS = ("requests", "input-tokens", "output-tokens")


@dataclass
class Service:
    """`rpm`, `itpm`, `otpm`: what a minute allows. `latency(outputs, under way)` is in seconds.

    `hidden(now)` is what a second allows and no header tells of; `other` the requests a second of another
    client; `changes` are new limits by time; `early`: headers tell what was so as the request came.
    """

    rpm: int = 100_000
    itpm: int = 100_000_000
    otpm: int = 100_000_000
    latency: Callable[[int, int], float] = lambda outputs, busy: 0.5 + outputs / 200
    hidden: Callable[[float], float] | None = None
    other: float = 0.0
    changes: dict[float, dict[str, int]] = field(default_factory=dict)
    early: bool = False
    silent: bool = False  # no headers at all
    overloaded: Callable[[int], bool] = lambda busy: False
    busy: int = 0
    used: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0])
    recent: deque[float] = field(default_factory=deque)
    _other_at: float = 0.0
    _since: float = 0.0
    _allowed: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0])

    def __post_init__(self) -> None:
        self.buckets = [Bucket(n, 0.0) for n in (self.rpm, self.itpm, self.otpm)]

    def allowed(self, now: float) -> list[float]:
        """Return what the limits allowed until now, what they began with left out."""
        self.tick(now)
        return [
            a + b.limit * (now - self._since) / 60 for a, b in zip(self._allowed, self.buckets, strict=True)
        ]

    def tick(self, now: float) -> None:
        if any(at <= now for at in self.changes):
            self._allowed, self._since = (
                [
                    a + b.limit * (now - self._since) / 60
                    for a, b in zip(self._allowed, self.buckets, strict=True)
                ],
                now,
            )
        for at in [at for at in self.changes if at <= now]:
            for name, limit in self.changes.pop(at).items():
                old = self.buckets[("rpm", "itpm", "otpm").index(name)]
                left = old.left(now)
                new = self.buckets[("rpm", "itpm", "otpm").index(name)] = Bucket(limit, now)
                new.take(limit - min(limit, left), now)
        while self.other and self._other_at <= now:
            if not self.buckets[0].wait(1, self._other_at):
                self.buckets[0].take(1, self._other_at)
            self._other_at += 1 / self.other

    def admit(self, now: float, inputs: int) -> tuple[int, float]:
        """Return the status, and what retry-after says."""
        self.tick(now)
        if self.overloaded(self.busy):
            return 529, 0.0
        waits = [b.wait(n, now) for b, n in zip(self.buckets, (1, inputs, 1), strict=True)]
        if max(waits):
            return 429, float(-(-max(waits) // 1))
        if self.hidden is not None:
            while self.recent and self.recent[0] <= now - 1:
                self.recent.popleft()
            if len(self.recent) >= self.hidden(now):
                return 429, 1.0
            self.recent.append(now)
        self.buckets[0].take(1, now)
        self.buckets[1].take(inputs, now)
        self.used[0] += 1
        self.used[1] += inputs
        self.busy += 1
        return 200, 0.0

    def answer(self, now: float, outputs: int) -> None:
        self.tick(now)
        self.busy -= 1
        self.buckets[2].take(outputs, now)
        self.used[2] += outputs

    def headers(self, now: float) -> dict[str, str]:
        if self.silent:
            return {}
        found = {}
        for kind, bucket in zip(KINDS, self.buckets, strict=True):
            left = bucket.left(now)
            shown = max(0, int(left if kind == "requests" else round(left, -3)))
            found[f"anthropic-ratelimit-{kind}-limit"] = str(bucket.limit)
            found[f"anthropic-ratelimit-{kind}-remaining"] = str(shown)
        return found


@dataclass
class Result:
    seconds: float = 0.0
    sends: int = 0
    refused: int = 0
    good: int = 0
    most: int = 0
    used: list[float] = field(default_factory=list)
    allowed: list[float] = field(default_factory=list)
    overloaded: int = 0

    @property
    def share(self) -> float:
        """The share of the tightest limit that was used, what it began with left out."""
        return max(u / a for u, a in zip(self.used, self.allowed, strict=True))


def run(
    service: Service,
    gate: Gate,
    rows: int,
    *,
    inputs: Callable[[random.Random], int] = lambda r: r.randint(200, 600),
    outputs: Callable[[random.Random], int] = lambda r: r.randint(20, 180),
    guess: Callable[[int], float] = lambda n: n * 1.0,
    seed: int = 1,
) -> Result:
    r, got, now, order = random.Random(seed), Result(), 0.0, 0
    waiting = deque((inputs(r), outputs(r)) for _ in range(rows))
    events: list[tuple[float, int, str, tuple]] = []
    measured: list[float] | None = None
    wake = -1.0

    def later(at: float, kind: str, *what) -> None:
        nonlocal order
        order += 1
        heapq.heappush(events, (at, order, kind, what))

    later(0.0, "wake")
    while events:
        now, _, kind, what = heapq.heappop(events)
        if measured is None and now >= 60:
            measured, before = list(service.used), service.allowed(now)
        if kind == "answer":
            row, lease, status, retry, headers = what
            if status == 200:
                service.answer(now, row[1])
                got.good += 1
            else:
                got.refused += status == 429
                got.overloaded += status == 529
                waiting.appendleft(row)
            told_now = headers if service.early or status != 200 else service.headers(now)
            tokens = row if status == 200 else (0, 0)
            gate.tell(now, lease, Seen(status, now - lease.at, *tokens, told(told_now), retry or None))
        while waiting:
            lease = gate.lease(now, input_tokens=guess(waiting[0][0]), most_output=1024)
            if not lease.number:
                if lease.wait < 1e9 and not now < wake <= now + lease.wait + 2e-6:
                    wake = now + lease.wait + 1e-6
                    later(wake, "wake")
                break
            row = waiting.popleft()
            got.sends += 1
            got.most = max(got.most, gate.in_flight)
            status, retry = service.admit(now, row[0])
            took = service.latency(row[1], service.busy) if status == 200 else QUICK
            later(now + took, "answer", row, lease, status, retry, service.headers(now))
        if not waiting and measured is not None and not got.used:  # what follows is the end, not the limit
            got.used = [u - m for u, m in zip(service.used, measured, strict=True)]
            got.allowed = [a - b for a, b in zip(service.allowed(now), before, strict=True)]
    got.seconds = now
    return got
