"""Which request is sent next, and which are left?

First those that are to be sent again and whose time has come, then new ones, drawn as they are needed.
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from typing import TYPE_CHECKING

from claude_magic import limits, wire
from claude_magic.rows.pace.crew import Job
from claude_magic.talk import replaying

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from claude_magic.api.client import Client
    from claude_magic.rows.outcome import Ask

BYTES = 4  # of a request, to a token


class Queue:
    """The requests that are not under way: those that wait for another send, some in hand, and new ones."""

    def __init__(self, asks: Iterable[Ask], client: Client) -> None:
        self._asks, self._client = iter(asks), client
        self._again: list[tuple[float, int, Job]] = []
        self._hand: deque[Job] = deque()
        self._replayed = replaying.is_replayed(client)
        self.drawn = 0
        self.whole = False  # whether all are drawn

    def next(self, now: float) -> Job | None:
        """Return the next request that may be sent, or None where there is none for now."""
        if self._again and self._again[0][0] <= now:
            return heapq.heappop(self._again)[2]
        return self._hand.popleft() if self._hand else self._new()

    def back(self, job: Job) -> None:
        """Take a request back that could not be sent yet."""
        self._hand.appendleft(job)

    def again(self, job: Job, due: float) -> None:
        """Take a request that is to be sent again when it is due."""
        heapq.heappush(self._again, (due, job.number, job))

    def due(self, now: float) -> float:
        """Return the seconds until the next one that is to be sent again; infinite where there is none."""
        return self._again[0][0] - now if self._again else math.inf

    def __len__(self) -> int:
        """Count those that are drawn and wait."""
        return len(self._again) + len(self._hand)

    @property
    def holds(self) -> bool:
        """Whether something is held for one of those that wait."""
        return any(job.held for _, _, job in self._again)

    def left(self) -> Iterator[Job]:
        """Yield those that are drawn and wait."""
        yield from self._hand
        yield from (job for _, _, job in self._again)

    def rest(self) -> Iterator[Job]:
        """Yield all that is left, drawing it."""
        while (job := self.next(math.inf)) is not None:
            yield job

    def _new(self) -> Job | None:
        ask = None if self.whole else next(self._asks, None)
        if ask is None:
            self.whole = True
            return None
        self.drawn += 1
        size = len(wire.encode(ask.body))
        playing = replaying.certain(self._client, ask.body) if self._replayed else None
        return Job(self.drawn, ask, limits.worst_case_of(ask.body), size / BYTES, playing)
