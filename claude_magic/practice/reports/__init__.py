"""What was used and what did it cost, by row or by bucket?

The Usage and Cost Analytics API, and the reports of Claude Enterprise that it followed; the still older ones
are in `legacyreports`. Everything is summed from what was really asked of this server.
https://platform.claude.com/docs/en/manage-claude/usage-cost-analytics-api
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from claude_magic.practice import pages
from claude_magic.practice.refusal import refuse
from claude_magic.practice.reports import engagement, legacyreports, reportquery
from claude_magic.practice.reports.reportquery import DAY, HOUR, MOST_GROUPS, SPLITS, Period, stamp
from claude_magic.practice.reports.sums import Cost, Usage, add_up, sum_of
from claude_magic.practice.reports.usagelog import NOT_HERE, People, dimensions, kind_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from claude_magic.app import Response
    from claude_magic.practice import Answers, Exchange, Practice

    Kind = type[Usage | Cost]
    Key = tuple[Any, ...]
    Sums = dict[Key, Usage | Cost]
    Ranked = list[tuple[Key, Usage | Cost]]

GROUPS = f"""actor actor_type api_key_id context_window inference_geo model product service_tier speed
    workspace_id {NOT_HERE}"""
BUCKET_GROUPS = """claude_tag_category claude_tag_user_id context_window inference_geo model product
    rbac_group_id slack_channel_id speed"""
NAMES = {Usage: "usage", Cost: "cost"}
ORDERS = {
    Usage: ("total_tokens", "output_tokens", "requests", "uncached_input_tokens"),
    Cost: ("amount", "list_amount"),
}
"""What rows can be ordered by, the usual way first."""
BUCKETS = {DAY: (7, 31), HOUR: (24, 168), 60: (60, 256)}
MOST_IN_A_BUCKET = 100


def rows(practice: Practice, exchange: Exchange, kind: Kind) -> Response:
    """Answer analytics/usage and analytics/cost: a row for each combination with use; raises Refusal."""
    reportquery.needs_beta(exchange)
    within = reportquery.rows_period(exchange, "time_bucket_width")
    by, splits = _groups(exchange, kind, GROUPS, MOST_GROUPS)
    exclude = reportquery.flag(exchange, "exclude_deleted_users")
    if exclude and "actor" not in by:
        refuse("exclude_deleted_users", "needs group_by[]=actor")
    rank = _rank(exchange, (*ORDERS[kind], "time"))
    within = within.snapped(within.width) if within.width else _whole_hours(within)
    people = People(practice)

    def row(key: Key, total: Usage | Cost) -> list[dict[str, Any]]:
        group = _group(by, key, people, GROUPS)
        if exclude and (group["actor"] or {}).get("deleted"):
            return []
        time = _bounds(key[0], within)
        return [{**time, "group": {**group, **more}, NAMES[kind]: sums} for more, sums in total.rows(splits)]

    return _page(practice, exchange, rank(_sums(practice, exchange, kind, within, by)), row)


def user_rows(practice: Practice, exchange: Exchange, kind: Kind) -> Response:
    """Answer analytics/user_usage_report and user_cost_report: rows of users; raises Refusal."""
    within = reportquery.rows_period(exchange, "bucket_width")
    by, splits = _groups(exchange, kind, BUCKET_GROUPS)
    by = ["actor", *by]
    exclude = reportquery.flag(exchange, "exclude_deleted_users")
    rank = _rank(exchange, ORDERS[kind])
    within = within.snapped(within.width) if within.width else within
    people = People(practice)

    def row(key: Key, total: Usage | Cost) -> list[dict[str, Any]]:
        group = _group(by, key, people, f"actor {BUCKET_GROUPS}")
        if exclude and group["actor"]["deleted"]:
            return []
        time = _bounds(key[0], within) if within.width else {"starting_at": None, "ending_at": None}
        return [{**time, **group, **more, **sums} for more, sums in total.rows(splits)]

    found = _sums(practice, exchange, kind, within, by)
    users = {key: total for key, total in found.items() if kind_of(key[1]) == "user_actor"}
    return _page(practice, exchange, rank(users), row)


def buckets(practice: Practice, exchange: Exchange, kind: Kind) -> Response:
    """Answer analytics/usage_report and cost_report: buckets, the empty ones too; raises Refusal."""
    asked = reportquery.period(exchange, "bucket_width")
    by, splits = _groups(exchange, kind, BUCKET_GROUPS)
    starts, page = reportquery.buckets(exchange, asked.snapped(asked.width or DAY), BUCKETS)
    within, people = reportquery.span(starts, asked.width or DAY), People(practice)
    groups: dict[int, list[tuple[Key, Usage | Cost]]] = {start: [] for start in starts}
    for key, total in _by_measure(_sums(practice, exchange, kind, within, by), ORDERS[kind][0]):
        groups[key[0]].append((key, total))
    data = [
        {
            **_bounds(start, within),
            "results": [
                {**_group(by, key, people, BUCKET_GROUPS), **more, **_without_total(sums)}
                for key, total in found[:MOST_IN_A_BUCKET]
                for more, sums in total.rows(splits)
            ],
        }
        for start, found in groups.items()
    ]
    return practice.json({**page, "data": data, "data_refreshed_at": stamp(exchange.now)})


def _without_total(sums: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in sums.items() if name != "total_tokens"}


def _groups(
    exchange: Exchange, kind: Kind, allowed: str, most: int | None = None
) -> tuple[list[str], list[str]]:
    """Return what sums are grouped by, and what each of them is then split by; raises Refusal."""
    asked = reportquery.groups(exchange, [*allowed.split(), *(SPLITS if kind is Cost else ())], most)
    return [name for name in asked if name not in SPLITS], [name for name in asked if name in SPLITS]


def _sums(practice: Practice, exchange: Exchange, kind: Kind, within: Period, by: list[str]) -> Sums:
    known = dimensions(People(practice))
    used = reportquery.wanted(practice.used, exchange, within, known)
    found = add_up(used, [known[name] for name in by], sum_of(kind, practice), within.width)
    return {key: total for key, total in found.items() if total}


def _whole_hours(within: Period) -> Period:
    """Return the period without steps, which covers whole hours: both ends go down to the hour."""
    return Period(within.start // HOUR * HOUR, within.end // HOUR * HOUR)


def _rank(exchange: Exchange, orders: tuple[str, ...]) -> Callable[[Sums], Ranked]:
    """Return how the rows are put into order; raises Refusal."""
    name = reportquery.choice(exchange, "order_by", orders) or orders[0]
    down = reportquery.choice(exchange, "order", ("asc", "desc")) != "asc"
    if name == "time" and exchange.one("time_bucket_width"):
        return lambda found: sorted(_by_measure(found, orders[0]), key=lambda item: item[0][0], reverse=down)
    return lambda found: _by_measure(found, name, down=down)


def _by_measure(found: Sums, name: str, *, down: bool = True) -> Ranked:
    """Return sums in the order of a measure, equal ones by their keys."""
    items = sorted(found.items(), key=lambda item: str(item[0]))
    return sorted(items, key=lambda item: item[1].measure(name), reverse=down)


def _group(by: list[str], key: Key, people: People, names: str) -> dict[str, Any]:
    """Return all group keys of a row, null where the report is not grouped by them."""
    found: dict[str, Any] = dict.fromkeys(names.split()) | dict(zip(by, key[1:], strict=True))
    if "actor" in found:
        found["actor"] = people.show(found["actor"])
    return found


def _bounds(bucket: int, within: Period) -> dict[str, str]:
    start, end = (bucket, bucket + within.width) if within.width else (within.start, within.end)
    return {"starting_at": stamp(start), "ending_at": stamp(end)}


def _page(
    practice: Practice,
    exchange: Exchange,
    found: Ranked,
    row: Callable[[Key, Usage | Cost], list[dict[str, Any]]],
) -> Response:
    """Answer a page of rows; what a cost is split into, and who is left out, does not count for the limit."""
    items: list[Any] = found
    page = pages.page(items, exchange, data_refreshed_at=stamp(exchange.now))
    page["data"] = [one for key, total in page["data"] for one in row(key, total)]
    return practice.json(page)


NAME = "organization.analytics."
ANSWERS: Answers = {
    NAME + name + ".list": functools.partial(answer, kind=kind)
    for name, answer, kind in (
        ("usage", rows, Usage),
        ("cost", rows, Cost),
        ("usage_report", buckets, Usage),
        ("cost_report", buckets, Cost),
        ("user_usage_report", user_rows, Usage),
        ("user_cost_report", user_rows, Cost),
    )
}
ANSWERS |= legacyreports.ANSWERS | engagement.ANSWERS
