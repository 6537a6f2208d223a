"""Which time does a report cover, and in which pieces is it asked for?

Times are UTC; a span holds its start and not its end.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from claude_magic.errors import InputError
from claude_magic.grammar.words import short

if TYPE_CHECKING:
    from collections.abc import Iterator

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
WIDTHS = {"1d": DAY, "1h": HOUR, "1m": MINUTE}
UNITS = {"w": 7 * DAY, "d": DAY, "h": HOUR, "m": MINUTE}
BACK = re.compile(r"(\d{1,6}) ?([wdhm])")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FORMS = 'a day ("2026-11-01"), a time with its zone ("2026-11-01T09:00Z")'
HOW = f'Give {FORMS} or, to start so long ago, "7d" or "24h".'


class Span(NamedTuple):
    """A time: from `start` up to but not including `end`."""

    start: datetime
    end: datetime


def read(start: Any, end: Any, now: datetime) -> Span:
    """Return the time from `start` to `end` or, where that is None or still to come, to `now`.

    A time back such as "7d" is as many whole days (hours, minutes) before the one that `end` is in. Raises
    InputError for what is no time, has no zone, is empty, or has not begun.
    """
    until = now if end is None else _moment("end", end)
    back = _back(start)
    since = _moment("start", start) if back is None else _before(until, back)
    if since >= now:
        raise InputError(
            f"The report would start in the future, at {text(since)}: it is {text(now)}",
            hint='Give an earlier start, such as "7d" for the last week.',
        )
    if until <= since:
        raise InputError(
            f"The report would end at {text(until)}, which is not after its start, {text(since)}",
            hint="Give an end after the start; leave it out for a report up to now.",
        )
    return Span(since, min(until, now))


def pieces(span: Span, width: timedelta, longest: timedelta) -> Iterator[Span]:
    """Yield parts of a span that are no longer than `longest`, cut between buckets of a width."""
    start, cut = span.start, floor(span.start, width) + longest
    while cut < span.end:
        yield Span(start, cut)
        start, cut = cut, cut + longest
    yield Span(start, span.end)


def floor(at: datetime, width: timedelta) -> datetime:
    """Return where the bucket of a width begins that a time is in."""
    return at - (at - EPOCH) % width


def text(at: datetime) -> str:
    """Return a time as the API takes it."""
    return at.isoformat().replace("+00:00", "Z")


def _back(start: Any) -> timedelta | None:
    if isinstance(start, str) and (found := BACK.fullmatch(start.strip())):
        return int(found[1]) * UNITS[found[2]]
    return start if isinstance(start, timedelta) else None


def _before(until: datetime, back: timedelta) -> datetime:
    unit = next((unit for unit in WIDTHS.values() if not back % unit), timedelta(seconds=1))
    try:
        return floor(until, unit) - back
    except OverflowError:
        raise InputError(f"{back} is too long ago", hint=HOW) from None


def _moment(name: str, given: Any) -> datetime:
    """Return what was given as a time in UTC; raises InputError."""
    try:
        found = _parsed(given.strip()) if isinstance(given, str) else given
        if isinstance(found, datetime):
            if found.utcoffset() is None:
                raise _zoneless(name, found)
            found = found.astimezone(UTC)  # and no pandas Timestamp any more:
            return datetime.combine(found.date(), found.time(), UTC)
        if isinstance(found, date):
            return datetime(found.year, found.month, found.day, tzinfo=UTC)
    except (ValueError, OverflowError):
        pass
    raise InputError(f"{name} is neither a day nor a time: {short(repr(given))}", hint=HOW)


def _parsed(given: str) -> date:
    try:
        return date.fromisoformat(given)
    except ValueError:
        return datetime.fromisoformat(given)


def _zoneless(name: str, found: datetime) -> InputError:
    shown = found.isoformat()
    return InputError(
        f"{name} is a time without a zone: {shown}",
        hint=f'Write "{shown}Z" or datetime(…, tzinfo=UTC), or "{shown[:10]}" for UTC days.',
    )
