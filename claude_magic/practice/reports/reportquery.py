"""What does a report ask for, and may it: which time, in which steps, of what, split by what?

https://platform.claude.com/docs/en/manage-claude/usage-cost-analytics-api
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from claude_magic.practice import pages
from claude_magic.practice.refusal import refuse

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from claude_magic.practice import Exchange, Used
    from claude_magic.practice.reports.usagelog import Dimension

HOUR, DAY = 3600, 86400
WIDTHS = {"1d": DAY, "1h": HOUR, "1m": 60}
FIRST = date(2026, 1, 1)
"""Nothing is reported from before."""
MOST_DAYS, OLDEST_DAYS = 31, 365
MOST_GROUPS = 5
SPLITS = ("cost_type", "token_type")
"""What a cost can be split by beyond the groups; these do not count towards a limit."""

ACTORS = "api_actor federated_actor service_account_actor user_actor"
CONTEXTS = "0-200k 200k-1M"
GEOS = "global not_available us"
PRODUCTS = """chat chat_cowork_unified claude_code claude_console claude_design claude_in_chrome claude_tag
    cowork managed_agents_api message_batches_api messages_api office_agent"""
SLACK = "dm engaged monitoring proactive scheduled"
SPEEDS = "fast standard"
TIERS = "batch flex flex_discount priority priority_on_demand standard"

FILTERS = {  # parameter -> the dimension it looks at, and the only values it takes
    "account_ids": ("account_id", ""),
    "actor_ids": ("actor", ""),
    "actor_types": ("actor_type", ACTORS),
    "agent_ids": ("agent_id", ""),
    "api_key_ids": ("api_key_id", ""),
    "claude_tag_categories": ("claude_tag_category", SLACK),
    "claude_tag_user_ids": ("claude_tag_user_id", ""),
    "context_window": ("context_window", CONTEXTS),
    "context_windows": ("context_window", CONTEXTS),
    "deployment_ids": ("deployment_id", ""),
    "environment_ids": ("environment_id", ""),
    "inference_geos": ("inference_geo", GEOS),
    "models": ("model", ""),
    "organization_ids": ("organization_id", ""),
    "products": ("product", PRODUCTS + " claude-tag"),
    "rbac_group_ids": ("rbac_group_id", ""),
    "service_account_ids": ("service_account_id", ""),
    "service_tiers": ("service_tier", TIERS),
    "session_ids": ("session_id", ""),
    "slack_channel_ids": ("slack_channel_id", ""),
    "speeds": ("speed", SPEEDS),
    "user_ids": ("actor", ""),
    "user_profile_ids": ("user_profile_id", ""),
    "workspace_ids": ("workspace_id", ""),
}


class Period(NamedTuple):
    """A time in epoch seconds, from `start` up to but not including `end`, in steps of `width` seconds."""

    start: float
    end: float
    width: int | None = None

    def snapped(self, to: int) -> Period:
        """Return the period in whole steps: the one that `start` is in up to the one that `end` is in."""
        return Period(self.start // to * to, -(-self.end // to) * to, to)


def period(exchange: Exchange, name: str) -> Period:
    """Return the time that a report of the Analytics API asks for, `name` being its width parameter."""
    start, end, width = moment(exchange, "starting_at"), moment(exchange, "ending_at"), step(exchange, name)
    if start is None:
        refuse("starting_at", "Field required")
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
    if found.width == WIDTHS["1m"] and found.end - found.start > DAY:
        refuse("ending_at", f"with {name}=1m the range may span at most 24 hours")
    return found


def legacy_period(exchange: Exchange) -> Period:
    """Return the time that a legacy report asks for: whole days, hours or minutes, none after now."""
    start, end = moment(exchange, "starting_at"), moment(exchange, "ending_at")
    if start is None:
        refuse("starting_at", "Field required")
    if end is not None and end <= start:
        refuse("ending_at", "must be after starting_at")
    width = step(exchange, "bucket_width") or DAY
    return Period(start, min(exchange.now, end or exchange.now)).snapped(width)


def moment(exchange: Exchange, name: str) -> float | None:
    """Return a time of the query in epoch seconds; raises Refusal where it has no time zone."""
    text = exchange.one(name)
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None or not 2000 <= found.year < 3000:
        refuse(name, "Input should be an RFC 3339 time with its zone, such as 2026-11-01T00:00:00Z")
    return found.timestamp()


def day(exchange: Exchange, name: str) -> date | None:
    """Return a day of the query; raises Refusal."""
    text = exchange.one(name)
    if not text:
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError:
        refuse(name, "Input should be a UTC date, YYYY-MM-DD")


def today(exchange: Exchange) -> date:
    """Return the day it is in UTC."""
    return datetime.fromtimestamp(exchange.now, UTC).date()


def step(exchange: Exchange, name: str) -> int | None:
    """Return the width of the steps in seconds."""
    text = choice(exchange, name, WIDTHS)
    return WIDTHS[text] if text else None


def choice(exchange: Exchange, name: str, allowed: Collection[str]) -> str | None:
    """Return a parameter that takes one of a few words; raises Refusal."""
    text = exchange.one(name)
    if text is not None and text not in allowed:
        refuse(name, f"Input should be one of {', '.join(allowed)}")
    return text


def flag(exchange: Exchange, name: str) -> bool:
    """Return a parameter that is true or false; raises Refusal."""
    return choice(exchange, name, ("true", "false")) == "true"


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
    filters = [
        (known[FILTERS[name][0]], values)
        for name in exchange.row.params
        if name in FILTERS and (values := _values(exchange, name))
    ]
    return [
        one
        for one in used
        if within.start <= one.at < within.end and all(value(one) in values for value, values in filters)
    ]


def _values(exchange: Exchange, name: str) -> set[str | None]:
    given, allowed = exchange.many(name), FILTERS[name][1].split()
    for value in given:
        if allowed and value not in allowed:
            refuse(name, f"{value!r} is none of {', '.join(allowed)}")
    found: set[str | None] = set(given)
    if name == "api_key_ids" and "" in found:  # an empty entry is usage without a key
        found.add(None)
    if name == "inference_geos" and "not_available" in found:
        found.add(None)
    return found


def needs_beta(exchange: Exchange) -> None:
    """Refuse a call of the beta API without its header."""
    missing = [name for name in exchange.row.betas if name not in exchange.betas]
    if missing:
        refuse("anthropic-beta", f"this endpoint is in beta: send {missing[0]} in this header")


def stamp(at: float) -> str:
    """Return a time as the API writes it."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ}"


def buckets(
    exchange: Exchange, within: Period, limits: Mapping[int, tuple[int, int]]
) -> tuple[list[int], dict[str, Any]]:
    """Return where the buckets of a page begin, and the page without its data.

    `limits` has how many buckets a page has by default and at most, by their width. Raises Refusal.
    """
    width = within.width or DAY
    usual, most = limits[width]
    paged = replace(exchange, row=exchange.row._replace(usual=usual, most_items=most))
    starts: Sequence[Any] = range(int(within.start), int(within.end), width)
    found = pages.page(starts, paged)
    return found.pop("data"), found


def midnight(of: date) -> float:
    """Return when a UTC day begins."""
    return datetime(of.year, of.month, of.day, tzinfo=UTC).timestamp()


def span(starts: Sequence[int], width: int) -> Period:
    """Return the time that buckets of a width (seconds) take."""
    return Period(starts[0], starts[-1] + width, width) if starts else Period(0, 0, width)
