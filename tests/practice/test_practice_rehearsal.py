"""Does a rehearsed history fill the reports, for the official SDK too, and say that it is practice?"""

from __future__ import annotations

import datetime as dt
from datetime import UTC, datetime
from decimal import Decimal

import anthropic
import pytest

from claude_magic.errors import InputError
from claude_magic.practice.reports import rehearsal, sums
from claude_magic.protocol import catalog
from tests.practice.asked import (
    COST,
    DANA,
    NOW,
    USAGE,
    Asked,
    total,
)


@pytest.fixture(scope="module")
def rehearsed():
    asked = Asked()
    asked.key("dana", DANA)
    rehearsal.rehearse(asked.app, 30)
    return asked


# rehearsed history


def test_a_rehearsal_says_that_it_is_practice_and_fills_the_reports(rehearsed):
    words = {"starting_at": "2026-10-25T00:00:00Z", "limit": 1000}
    for name in ("workspace_id", "api_key_id"):
        found = {row["group"][name] for row in rehearsed.rows(USAGE, group_by=[name], **words)} - {None}
        assert len(found) > 1
        assert all("practice" in one for one in found), found
    for name in ("model", "service_tier", "product", "actor_type", "inference_geo"):
        assert 1 < len(rehearsed.rows(COST, group_by=[name], **words)), name
    assert "[practice]" in rehearsal.rehearse(Asked().app, 1)


def test_a_rehearsal_is_busier_on_weekdays_and_ends_now(rehearsed):
    words = {
        "time_bucket_width": "1d",
        "starting_at": "2026-10-25T00:00:00Z",
        "order_by": "time",
        "limit": 31,
    }
    found = rehearsed.rows(USAGE, ending_at="2026-11-20T00:00:00Z", **words)
    requests = {
        datetime.fromisoformat(row["starting_at"]).weekday(): row["usage"]["requests"] for row in found
    }
    assert max(requests[day] for day in (5, 6)) < min(requests[day] for day in range(5))
    assert max(used.at for used in rehearsed.app.used) < NOW.timestamp()


def test_a_rehearsal_uses_only_models_that_were_there_and_have_a_price(rehearsed):
    for used in rehearsed.app.used:
        day = datetime.fromtimestamp(used.at, UTC).date()
        assert str(catalog.find(used.model).released) <= day.isoformat()
        assert sums.priced(used), used


def test_rehearsing_again_replaces_what_was_made_up_and_keeps_what_was_asked():
    api = Asked()
    rehearsal.rehearse(api.app, 3)
    first = list(api.app.used)
    api.message("Hello")
    rehearsal.rehearse(api.app, 5)
    assert len(first) < len(api.app.used)
    rehearsal.rehearse(api.app, 3)
    assert first == api.app.used[:-1]


def test_the_same_days_are_rehearsed_the_same():
    short, long = Asked(), Asked()
    rehearsal.rehearse(short.app, 2)
    rehearsal.rehearse(long.app, 4)
    assert short.app.used == long.app.used[-len(short.app.used) :]


@pytest.mark.parametrize("days", [0, -1, 366])
def test_a_rehearsal_is_of_some_days(days):
    with pytest.raises(InputError, match="rehearse"):
        rehearsal.rehearse(Asked().app, days)


# the official SDK


@pytest.fixture(scope="module")
def analytics(rehearsed):
    with rehearsed.sdk() as sdk:
        yield sdk.beta.organization.analytics


def test_the_official_sdk_reads_usage_over_three_pages(rehearsed, analytics):
    words = {"group_by": ["model", "api_key_id", "actor"], "time_bucket_width": "1d"}
    start, end = datetime(2026, 11, 10, tzinfo=UTC), datetime(2026, 11, 20, tzinfo=UTC)
    page = analytics.usage.list(starting_at=start, ending_at=end, limit=30, **words)
    pages = [page]
    while page.has_next_page():
        page = page.get_next_page()
        pages.append(page)
    assert len(pages) >= 3
    assert NOW == pages[0].data_refreshed_at
    found = [row for page in pages for row in page.data]
    assert sum(start.timestamp() <= u.at < end.timestamp() for u in rehearsed.app.used) == sum(
        row.usage.requests for row in found
    )
    assert {"user_actor", "api_actor"} == {row.group.actor.type for row in found if row.group.actor}


def test_the_official_sdk_reads_cost_over_three_pages(rehearsed, analytics):
    start, end = datetime(2026, 11, 10, tzinfo=UTC), datetime(2026, 11, 20, tzinfo=UTC)
    by = ["model", "workspace_id", "product", "cost_type", "token_type"]
    page = analytics.cost.list(starting_at=start, ending_at=end, group_by=by, api_key_ids=["", "x"])
    assert {"claude_console"} == {row.group.product for row in page}
    page = analytics.cost.list(starting_at=start, ending_at=end, limit=4, group_by=by)
    assert page.get_next_page().get_next_page().data
    used = [u for u in rehearsed.app.used if start.timestamp() <= u.at < end.timestamp()]
    assert total(used) == sum(Decimal(row.cost.amount) for row in page)


@pytest.mark.parametrize("name", ["usage_report", "cost_report"])
def test_the_official_sdk_reads_the_enterprise_buckets_over_three_pages(analytics, name):
    start = datetime(2026, 11, 10, tzinfo=UTC)
    page = getattr(analytics, name).list(starting_at=start, limit=4, group_by=["model", "product"])
    assert page.get_next_page().get_next_page().data
    found = list(page)
    assert 11 == len(found)
    assert all(bucket.results for bucket in found)


@pytest.mark.parametrize("name", ["user_usage_report", "user_cost_report"])
def test_the_official_sdk_reads_the_enterprise_users_over_three_pages(analytics, name):
    start, end = datetime(2026, 11, 10, tzinfo=UTC), datetime(2026, 11, 20, tzinfo=UTC)
    words = {"bucket_width": "1d", "group_by": ["model"]}
    page = getattr(analytics, name).list(starting_at=start, ending_at=end, limit=4, **words)
    assert page.get_next_page().get_next_page().data
    assert DANA in {row.actor.user_id for row in page}


@pytest.mark.parametrize(
    "name", ["users", "skills", "connectors", "plugins", "artifacts", "apps.chat.projects"]
)
def test_the_official_sdk_reads_the_empty_engagement_lists(analytics, name):
    found = analytics
    for part in name.split("."):
        found = getattr(found, part)
    assert [] == list(found.list(date=dt.date(2026, 11, 1)))
    assert [] == list(analytics.summaries.list(starting_date=dt.date(2026, 11, 1)))


def test_the_official_sdk_is_told_what_is_wrong(analytics):
    with pytest.raises(anthropic.BadRequestError, match="starting_at"):
        analytics.usage.list(starting_at=datetime(2025, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize("days", ["60", 1.5, None])
def test_days_that_are_no_whole_number_are_one_clear_error(days):
    with pytest.raises(InputError, match="Cannot rehearse"):
        Asked().app.rehearse(days=days)
