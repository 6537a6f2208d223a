"""Whom does the work on batches ask, and where does it write?"""

from __future__ import annotations

import functools
import time
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from claude_magic import ledger
from claude_magic.api.resources import MOST_REQUESTS
from claude_magic.errors import ClaudeError, ConfigError
from claude_magic.keys import DEFAULT_BASE_URL, PRACTICE_URL
from claude_magic.limits import BUCKETS, Reservation
from claude_magic.talk import current

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from claude_magic.api.client import Client
    from claude_magic.ledger import Ledger
    from claude_magic.rows.kept.journal import Journal
    from claude_magic.rows.kept.registry import Part, Registry


class BatchWarning(UserWarning):
    """What is odd about a batch, or about to be lost."""


@dataclass(frozen=True)
class Desk:
    """A journal with its batches, the ledger, and the client (the session's own where none is given).

    `clock` gives epoch seconds, `sleep` waits for so many; `most_requests` go into one batch.
    """

    journal: Journal
    given: Client | None = None
    clock: Callable[[], float] = time.time
    sleep: Callable[[float], Any] = time.sleep
    most_requests: int = MOST_REQUESTS

    @functools.cached_property
    def client(self) -> Client:
        """The client; raises ConfigError where there is none."""
        return self.given or current.client()

    @property
    def batches(self) -> Registry:
        """What is written down of batches."""
        return self.journal.batches

    @property
    def books(self) -> Ledger:
        """What was spent."""
        return ledger.shared()

    @functools.cached_property
    def source(self) -> str:
        """What answers are called here: "batch" or "practice", which a server may say only when asked."""
        try:
            found = current.source_of(self.client)
            if found == "live" and self.client.base_url != DEFAULT_BASE_URL:
                found = current.source_of(self.client, self.client.messages.batches.list(limit=1))
        except ClaudeError:  # no key, or no way to the service: what is written down was asked of it
            return "batch"
        return "batch" if found == "live" else found

    @property
    def is_in_here(self) -> bool:
        """Whether the practice server in this process is asked."""
        try:
            return self.client.base_url == PRACTICE_URL
        except ConfigError:
            return False

    @property
    def bucket(self) -> str:
        """Which answers count here, "live" or "practice"."""
        return BUCKETS.get(self.source, self.source)

    def paid(self, calls: Sequence[str]) -> dict[str, Decimal | None]:
        """Return what calls have cost in USD by the ids of their reservations, None where it is not known."""
        sql = f"SELECT call, cost_usd FROM calls WHERE call IN ({', '.join('?' * len(calls))})"  # noqa: S608
        found = self.books.query(sql, calls)[1] if calls else ()
        return {call: None if cost is None else Decimal(cost) for call, cost in found}

    def held(self, part: Part) -> Reservation | None:
        """Return what is held for a part, as it was written down; its number is its place in the job."""
        written = self.about(part).get("held") or ()
        if len(written) <= part.number:
            return None
        name, amount, *rest = written[part.number]
        return Reservation(name, None if amount is None else Decimal(amount), *rest)

    def about(self, part: Part) -> Mapping[str, Any]:
        """Return what was written down of a part's job."""
        job = self.batches.job(part.job)
        return (job.about if job else None) or {}

    def now(self) -> int:
        """Return the moment: microseconds since 1970, UTC."""
        return int(self.clock() * 1_000_000)
