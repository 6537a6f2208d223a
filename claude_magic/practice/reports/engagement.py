"""Who worked with what in the organization's apps?

Nobody: this server has no apps, so each of these lists is empty. What is asked is checked all the same.
https://platform.claude.com/docs/en/manage-claude/analytics-api
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from claude_magic.practice import pages
from claude_magic.practice.moments import day_of
from claude_magic.practice.refusal import refuse
from claude_magic.practice.reports import reportquery
from claude_magic.practice.reports.reportquery import FIRST

if TYPE_CHECKING:
    from claude_magic.app import Response
    from claude_magic.practice import Answers, Exchange, Practice

NAME = "organization.analytics."
MOST_DAYS, MOST_FILTERS = 366, 100
LISTS = {  # the list -> what it can be filtered by, what it can be grouped by
    "apps.chat.projects": ("project_id rbac_group_id user_id", "rbac_group_id user_id"),
    "artifacts": ("artifact_type is_shared product rbac_group_id user_id", "product rbac_group_id user_id"),
    "connectors": ("connector_name product rbac_group_id user_id", "product rbac_group_id user_id"),
    "plugins": ("plugin_name product rbac_group_id user_id", "product rbac_group_id user_id"),
    "skills": ("product rbac_group_id share_status skill_name user_id", "product rbac_group_id user_id"),
    "summaries": ("rbac_group_id", ""),
    "users": ("project_id rbac_group_id user_id", "rbac_group_id"),
}


def answer(practice: Practice, exchange: Exchange) -> Response:
    """Answer one of LISTS; raises Refusal."""
    name = exchange.row.name.removeprefix(NAME).removesuffix(".list")
    filters, groups = (words.split() for words in LISTS[name])
    _check_days(exchange)
    asked = reportquery.groups(exchange, groups)
    given = exchange.many("filter")
    for one in given:
        dimension, _, value = one.partition(":")
        if dimension not in filters or not value:
            refuse("filter", f"{one!r} is not dimension:value with one of {', '.join(filters)}")
    if len(given) > MOST_FILTERS:
        refuse("filter", f"at most {MOST_FILTERS} entries")
    by_group = asked or any(one.startswith("rbac_group_id:") for one in given)
    if name == "users" and by_group and any(one.startswith("project_id:") for one in given):
        refuse("filter", "project_id cannot be combined with group_by[] or an rbac_group_id filter")
    reportquery.choice(exchange, "order", ("asc", "desc"))
    return practice.json(pages.page([], exchange))


def _check_days(exchange: Exchange) -> None:
    """Refuse days that are not there: one, or a range of at most 366, yesterday the last."""
    one, start, end = (reportquery.day(exchange, name) for name in ("date", "starting_date", "ending_date"))
    first = one or start
    if first is None or (one and start):
        names = [name for name in ("date", "starting_date") if name in exchange.row.params]
        refuse(names[0], "give either date or starting_date" if len(names) > 1 else "Field required")
    name = "date" if one else "starting_date"
    yesterday = day_of(exchange.now) - timedelta(days=1)
    if first < FIRST:
        refuse(name, f"must be no earlier than {FIRST}")
    if first > yesterday:
        refuse(name, f"the latest available day is {yesterday}")
    if end and start is None:
        refuse("ending_date", "is only valid with starting_date")
    if start and end and not start < end <= yesterday + timedelta(days=1):
        refuse("ending_date", "must be after starting_date and at most today")
    if start and end and (end - start).days > MOST_DAYS:
        refuse("ending_date", f"must be at most {MOST_DAYS} days after starting_date")


ANSWERS: Answers = {f"{NAME}{name}.list": answer for name in LISTS}
