"""How does the API write a moment, and which does it read?

RFC 3339, all of it in UTC.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from claude_magic.practice.refusal import refuse

MINUTE, HOUR, DAY = 60, 3_600, 86_400  # seconds
EPOCH = datetime.fromtimestamp(0, UTC)
AFTER = 3000  # a year that no moment of the API reaches


def moment(seconds: float) -> str:
    """Return a time (seconds since 1970) as the API writes it, with milliseconds where it has any."""
    exact = "seconds" if seconds == int(seconds) else "milliseconds"
    return (EPOCH + timedelta(seconds=seconds)).isoformat(timespec=exact).replace("+00:00", "Z")


def seconds(text: str, where: str) -> float:
    """Return a time of the API in seconds since 1970; raises Refusal where it has no time zone."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None or found.year >= AFTER:
        refuse(where, "Input should be an RFC 3339 time with its zone, such as 2026-11-01T00:00:00Z")
    return found.timestamp()


def day_of(seconds: float) -> date:
    """Return the day in UTC of a time (seconds since 1970)."""
    return (EPOCH + timedelta(seconds=seconds)).date()


def midnight(day: date) -> float:
    """Return when a day begins in UTC, in seconds since 1970."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()
