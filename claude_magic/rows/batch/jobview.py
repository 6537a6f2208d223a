"""How is a batch shown, at rest and while somebody waits for it?"""

from __future__ import annotations

import html
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from claude_magic.looks import parts as looks
from claude_magic.looks.readout import dollars
from claude_magic.rows.bar import Bar, drawn

if TYPE_CHECKING:
    from decimal import Decimal

COUNTS = ("processing", "succeeded", "errored", "canceled", "expired")
"""As the service counts requests: https://platform.claude.com/docs/en/api/messages/batches."""
KINDS = dict.fromkeys(("ok", "truncated", "refused", "invalid"), "succeeded") | {"error": "errored"}
"""What the service counts a status as, where it is another word."""
UNSEEN = "unseen"
STATES = {
    # a state, and what it means
    UNSEEN: "not looked at yet, type .status()",
    "sending": "it is being sent",
    "in_doubt": "whether it was made is not known yet",
    "in_progress": "in progress",
    "canceling": "being canceled",
    "ended": "ended",
    "orphan": "whether it was made cannot be told any more",
    "not_sent": "not sent",
}
PRACTICE = "practice"
OPEN = (UNSEEN, "sending", "in_doubt", "in_progress", "canceling")
"""States from which it goes on by itself."""


class Status(NamedTuple):
    """How far a batch is. Counts are of requests, as the service counts them; rows may share one.

    `before` requests had an answer already, `not_sent` are of batches that were not made. `cost_usd` is what
    was paid for what has ended, None where a price is not known; `expected_usd` what all of it may come to by
    the answers so far, `most_usd` the most it can. `notes` say what is odd. Times are UTC.
    """

    name: str
    state: str
    rows: int
    processing: int = 0
    succeeded: int = 0
    errored: int = 0
    canceled: int = 0
    expired: int = 0
    before: int = 0
    not_sent: int = 0
    cost_usd: Decimal | None = None
    expected_usd: Decimal | None = None
    most_usd: Decimal | None = None
    created_at: datetime | None = None
    expires_at: datetime | None = None
    ended_at: datetime | None = None
    ids: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    source: str = "batch"

    @property
    def is_open(self) -> bool:
        """Whether it goes on by itself."""
        return self.state in OPEN

    @property
    def requests(self) -> int:
        """How many requests are in batches."""
        return sum(getattr(self, name) for name in COUNTS)

    @property
    def share(self) -> float:
        """How much of it is done, from 0 to 1."""
        return 1 - self.processing / self.requests if self.requests else 1.0

    def __str__(self) -> str:
        counts = (f"{getattr(self, name):,} {name}" for name in COUNTS if getattr(self, name))
        facts = (
            STATES[self.state],
            f"{self.rows:,} row{'s' * (self.rows != 1)}" if self.state != UNSEEN else "",
            *counts,
            f"{self.before:,} answered before" if self.before else "",
            f"{self.not_sent:,} not sent" if self.not_sent else "",
            *self._money(),
            self._time(),
            PRACTICE if self.source == PRACTICE else "",
        )
        return " · ".join(filter(None, facts))

    def _money(self) -> tuple[str, ...]:
        paid = dollars(self.cost_usd) if self.succeeded or not self.is_open else ""
        if not self.is_open:
            return (paid if self.requests else "",)
        if self.expected_usd is not None:
            return (paid, f"about {dollars(self.expected_usd)} in all")
        return (paid, f"at most {dollars(self.most_usd)}" if self.most_usd is not None else "")

    def _time(self) -> str:
        if not self.is_open or self.expires_at is None:
            return f"ended {self.ended_at:%Y-%m-%d %H:%M} UTC" if self.ended_at else ""
        return f"expires {self.expires_at:%Y-%m-%d %H:%M} UTC"

    def __repr__(self) -> str:
        return f"<Status {self.name}: {self}>"

    def _repr_html_(self) -> str:
        return page(self)


def page(now: Status, *, bar: bool = True) -> str:
    """Return a status as HTML: its name, a bar while it goes on, its figures, and what is odd."""
    label = f"Batch {now.name}: requests that have ended"
    shown = drawn(now.share, label) if now.is_open and now.requests and bar else ""
    notes = "".join(f'<div style="{looks.LINE}">{html.escape(note)}</div>' for note in now.notes)
    badge = PRACTICE if now.source == PRACTICE else None
    line = looks.line(str(now).removesuffix(f" · {PRACTICE}"), badge)
    return f"{looks.BOX}><b>{html.escape(now.name)}</b>{shown}{line}{notes}</div>"


class Watch:
    """Shows whoever watches how far a batch is, with a button that ends the waiting; then what came of it."""

    def __init__(self, *, show: bool = True) -> None:
        self._bar = Bar("Stop waiting; the batch goes on", show=show)
        self._now: Status | None = None

    def __call__(self, now: Status) -> None:
        """Show how far it is."""
        self._now = now
        if now.is_open:
            self._bar.draw(now.share, f"{now.name}: {now}", page(now))

    def end(self) -> bool:
        """Put how far it is now in the place of what was shown, and return whether anybody sees it."""
        now = self._now
        return now is not None and self._bar.end(f"{now.name}: {now}", page(now, bar=False))


def when(micros: int | None) -> datetime | None:
    """Return a moment of microseconds since 1970."""
    return None if micros is None else datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)
