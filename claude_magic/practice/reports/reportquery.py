"""What does a report ask for, and may it: which time, in which steps, of what, split by what?

https://platform.claude.com/docs/en/manage-claude/usage-cost-analytics-api
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from claude_magic.practice import pages
from claude_magic.practice.moments import DAY, HOUR, MINUTE, midnight, seconds
from claude_magic.practice.refusal import refuse

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from claude_magic.practice import Exchange, Used
    from claude_magic.practice.reports.usagelog import Dimension

WIDTHS = {"1d": DAY, "1h": HOUR, "1m": MINUTE}
FIRST = date(2026, 1, 1)
"""Nothing is reported from before."""
MOST_DAYS, OLDEST_DAYS = 31, 365
MOST_GROUPS = 5
SPLITS = ("cost_type", "token_type")
"""What a cost can be split by beyond the groups; these do not count towards a limit."""
WORDS = {
    # dimension -> the only values that a filter takes
    "actor_type": "api_actor federated_actor service_account_actor user_actor",
    "claude_tag_category": "dm engaged monitoring proactive scheduled",
    "context_window": "0-200k 200k-1M",
    "inference_geo": "global not_available us",
    "product": """chat chat_cowork_unified claude-tag claude_code claude_console claude_design
        claude_in_chrome claude_tag cowork managed_agents_api message_batches_api messages_api
        office_agent""",
    "service_tier": "batch flex flex_discount priority priority_on_demand standard",
    "speed": "fast standard",
}
FILTERS = {"actor_ids": "actor", "user_ids": "actor", "claude_tag_categories": "claude_tag_category"}
"""Filters whose dimension is not their name in the singular."""
NONE = {"api_key_id": "", "inference_geo": "not_available"}
"""What a filter calls usage that has no such thing."""


class Period(NamedTuple):
    """A time in epoch seconds, from `start` up to but not including `end`, in steps of `width` seconds."""

    start: float
    end: float
    width: int | None = None

    def snapped(self, to: int) -> Period:
        """Return the period in whole steps: the one that `start` is in up to the one that `end` is in."""
        return Period(self.start // to * to, -(-self.end // to) * to, to)


def _asked(exchange: Exchange, name: str) -> tuple[float, float | None, int | None]:
    """Return start, end and width of a query in seconds, `name` being its width parameter."""
    texts = [exchange.one("starting_at"), exchange.one("ending_at")]
    if not texts[0]:
        refuse("starting_at", "Field required")
    width = choice(exchange, name, WIDTHS)
    end = seconds(texts[1], "ending_at") if texts[1] else None
    return seconds(texts[0], "starting_at"), end, WIDTHS[width] if width else None


def period(exchange: Exchange, name: str) -> Period:
    """Return the time that a report of the Analytics API asks for, `name` being its width parameter."""
    start, end, width = _asked(exchange, name)
    if start < max(midnight(FIRST), exchange.now - OLDEST_DAYS * DAY):
        refuse("starting_at", f"must be within the last {OLDEST_DAYS} days and no earlier than {FIRST}")
    if end is None:
        end = min(exchange.now, start + MOST_DAYS * DAY)
    if end <= start:
        refuse("ending_at", "must be after starting_at, and starting_at must not be in the future")
    if end - start > MOST_DAYS * DAY:
        refuse("ending_at", f"the range may span at most {MOST_DAYS} days")
    return Period(start, end, width)


def rows_period(exchange: Exchange, name: str) -> Period:
    """Return the time of a report in rows, where steps need an end and minutes are for a day."""
    found = period(exchange, name)
    if found.width and not exchange.one("ending_at"):
        refuse("ending_at", f"is required when {name} is set")
    if found.width == MINUTE and found.end - found.start > DAY:
        refuse("ending_at", f"with {name}=1m the range may span at most 24 hours")
    return found


def legacy_period(exchange: Exchange) -> Period:
    """Return the time that a legacy report asks for: none after now."""
    start, end, width = _asked(exchange, "bucket_width")
    if end is not None and end <= start:
        refuse("ending_at", "must be after starting_at")
    return Period(start, min(exchange.now, end or exchange.now), width)


def day(exchange: Exchange, name: str) -> date | None:
    """Return a day of the query; raises Refusal."""
    text = exchange.one(name)
    if not text:
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError:
        refuse(name, "Input should be a UTC date, YYYY-MM-DD")


def choice(exchange: Exchange, name: str, allowed: Collection[str]) -> str | None:
    """Return a parameter that takes one of a few words; raises Refusal."""
    text = exchange.one(name)
    if text is not None and text not in allowed:
        refuse(name, f"Input should be one of {', '.join(allowed)}")
    return text


def groups(exchange: Exchange, allowed: Sequence[str], most: int | None = None) -> list[str]:
    """Return what a report is to be split by, each once, in the order asked; raises Refusal."""
    asked = list(dict.fromkeys(exchange.many("group_by")))
    for name in asked:
        if name not in allowed:
            refuse("group_by", f"{name!r} is none of {', '.join(allowed)}")
    if most and len([name for name in asked if name not in SPLITS]) > most:
        refuse("group_by", f"at most {most} dimensions can be given")
    if "claude_tag_user_id" in asked and ("rbac_group_id" in asked or exchange.many("rbac_group_ids")):
        refuse("group_by", "claude_tag_user_id cannot be combined with RBAC groups")
    return asked


def wanted(
    used: Sequence[Used], exchange: Exchange, within: Period, known: Mapping[str, Dimension]
) -> list[Used]:
    """Return what was used in a time and passes every filter of the query; raises Refusal."""
    names = {name: FILTERS.get(name, name.removesuffix("s")) for name in exchange.row.params}
    filters = [
        (known[dimension], values)
        for name, dimension in names.items()
        if dimension in known and (values := _values(exchange, name, dimension))
    ]
    return [
        one
        for one in used
        if within.start <= one.at < within.end and all(value(one) in values for value, values in filters)
    ]


def _values(exchange: Exchange, name: str, dimension: str) -> set[str | None]:
    given, allowed = exchange.many(name), WORDS.get(dimension, "").split()
    for value in given:
        if allowed and value not in allowed:
            refuse(name, f"{value!r} is none of {', '.join(allowed)}")
    return {*given} | ({None} if NONE.get(dimension) in given else set())


def buckets(
    exchange: Exchange, asked: Period, limits: Mapping[int, tuple[int, int]]
) -> tuple[list[int], Period, dict[str, Any]]:
    """Return where the buckets of a page begin, the time that they take, and the page without its data.

    `limits` has how many buckets a page has by default and at most, by their width. Raises Refusal.
    """
    width = asked.width or DAY
    usual, most = limits[width]
    within = asked.snapped(width)
    paged = replace(exchange, row=exchange.row._replace(usual=usual, most_items=most))
    whole: Sequence[Any] = range(int(within.start), int(within.end), width)
    page = pages.page(whole, paged)
    starts = page.pop("data")
    return starts, Period(starts[0], starts[-1] + width, width) if starts else Period(0, 0, width), page
