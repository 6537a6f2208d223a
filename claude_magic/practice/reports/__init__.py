"""What was used and what did it cost, by row or by bucket?

The Usage and Cost Analytics API, the reports of Claude Enterprise that it followed, and the first usage
report; the other old ones are in `legacyreports`. Everything is summed from what was really asked of this
server. https://platform.claude.com/docs/en/manage-claude/usage-cost-analytics-api
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, NamedTuple

from claude_magic.practice import pages
from claude_magic.practice.moments import HOUR, moment
from claude_magic.practice.refusal import refuse
from claude_magic.practice.reports import engagement, legacyreports, reportquery
from claude_magic.practice.reports.legacyreports import MINUTES, bounds, bucketed
from claude_magic.practice.reports.reportquery import MOST_GROUPS, SPLITS, Period
from claude_magic.practice.reports.sums import Cost, Usage, ranked, summed
from claude_magic.practice.reports.usagelog import NOT_HERE, People, dimensions, kind_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from claude_magic.app import Response
    from claude_magic.practice import Answers, Exchange, Practice
    from claude_magic.practice.reports.sums import Key, Kind, Sums

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
MOST_IN_A_BUCKET = 100


class Rows(NamedTuple):
    """How a report in rows differs: its group keys, its width parameter, whether it is of users only."""

    groups: str
    width: str
    users: bool


EVERY, USERS = Rows(GROUPS, "time_bucket_width", False), Rows(f"actor {BUCKET_GROUPS}", "bucket_width", True)


def rows(practice: Practice, exchange: Exchange, kind: Kind, form: Rows) -> Response:
    """Answer a report in rows: one for each combination with use; raises Refusal."""
    within = reportquery.rows_period(exchange, form.width)
    by, splits = _groups(exchange, kind, form.groups, None if form.users else MOST_GROUPS)
    by = list(dict.fromkeys(["actor", *by])) if form.users else by
    exclude = reportquery.choice(exchange, "exclude_deleted_users", ("true", "false")) == "true"
    if exclude and "actor" not in by:
        refuse("exclude_deleted_users", "needs group_by[]=actor")
    rank = _rank(exchange, ORDERS[kind] if form.users else (*ORDERS[kind], "time"))
    if within.width:
        within = within.snapped(within.width)
    elif not form.users:  # whole hours
        within = Period(within.start // HOUR * HOUR, within.end // HOUR * HOUR)
    people = People(practice)

    def row(key: Key, total: Usage | Cost) -> list[dict[str, Any]]:
        group = _group(by, key, people, form.groups)
        if exclude and (group["actor"] or {}).get("deleted"):
            return []
        if form.users:
            time = bounds(key[0], within) if within.width else {"starting_at": None, "ending_at": None}
            return [{**time, **group, **more, **told} for more, told in total.rows(splits)]
        time = bounds(key[0], within)
        return [{**time, "group": {**group, **more}, NAMES[kind]: told} for more, told in total.rows(splits)]

    found = summed(practice, exchange, kind, within, by, dimensions(people))
    if form.users:
        found = {key: total for key, total in found.items() if kind_of(key[1]) == "user_actor"}
    # what a cost is split into, and who is left out, does not count for the limit
    items: list[Any] = rank(found)
    page = pages.page(items, exchange, data_refreshed_at=moment(exchange.now))
    page["data"] = [one for key, total in page["data"] for one in row(key, total)]
    return practice.json(page)


def buckets(practice: Practice, exchange: Exchange, kind: Kind) -> Response:
    """Answer analytics/usage_report and cost_report: buckets, the empty ones too; raises Refusal."""
    asked = reportquery.period(exchange, "bucket_width")
    by, splits = _groups(exchange, kind, BUCKET_GROUPS)
    people = People(practice)
    page, found = bucketed(practice, exchange, asked, MINUTES, kind, by, dimensions(people))
    for bucket, totals in found:
        for key, total in totals[:MOST_IN_A_BUCKET]:
            group = _group(by, key, people, BUCKET_GROUPS)
            for more, told in total.rows(splits):
                told.pop("total_tokens", None)
                bucket["results"].append({**group, **more, **told})
    return practice.json({**page, "data_refreshed_at": moment(exchange.now)})


def _groups(
    exchange: Exchange, kind: Kind, allowed: str, most: int | None = None
) -> tuple[list[str], list[str]]:
    """Return what sums are grouped by, and what each of them is then split by; raises Refusal."""
    asked = reportquery.groups(exchange, [*allowed.split(), *(SPLITS if kind is Cost else ())], most)
    return [name for name in asked if name not in SPLITS], [name for name in asked if name in SPLITS]


def _rank(exchange: Exchange, orders: tuple[str, ...]) -> Callable[[Sums], Ranked]:
    """Return how the rows are put into order; raises Refusal."""
    name = reportquery.choice(exchange, "order_by", orders) or orders[0]
    down = reportquery.choice(exchange, "order", ("asc", "desc")) != "asc"
    if name == "time" and exchange.one("time_bucket_width"):
        return lambda found: sorted(ranked(found, orders[0]), key=lambda item: item[0][0], reverse=down)
    return lambda found: ranked(found, name, down=down)


def _group(by: list[str], key: Key, people: People, names: str) -> dict[str, Any]:
    """Return all group keys of a row, null where the report is not grouped by them."""
    found: dict[str, Any] = dict.fromkeys(names.split()) | dict(zip(by, key[1:], strict=True))
    if "actor" in found:
        found["actor"] = people.show(found["actor"])
    return found


NAME = "organization.analytics."
ANSWERS: Answers = {
    f"{NAME}usage.list": functools.partial(rows, kind=Usage, form=EVERY),
    f"{NAME}cost.list": functools.partial(rows, kind=Cost, form=EVERY),
    f"{NAME}user_usage_report.list": functools.partial(rows, kind=Usage, form=USERS),
    f"{NAME}user_cost_report.list": functools.partial(rows, kind=Cost, form=USERS),
    f"{NAME}usage_report.list": functools.partial(buckets, kind=Usage),
    f"{NAME}cost_report.list": functools.partial(buckets, kind=Cost),
    **legacyreports.ANSWERS,
    **engagement.ANSWERS,
}
