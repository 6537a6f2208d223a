"""Do the older usage and cost reports add up the same, in buckets, and the engagement lists stay empty?"""

from __future__ import annotations

import datetime as dt
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from claude_magic.protocol import catalog
from tests.practice.asked import (
    COURSE,
    DANA,
    FAST,
    HAIKU,
    OPUS,
    Asked,
    at,
    total,
    usage,
    written,
)


@pytest.fixture
def api():
    return Asked()


@pytest.fixture
def dana(api):
    """The id of an API key that acts as a person."""
    return api.key("dana", DANA)


# the legacy reports


def test_a_legacy_report_has_its_empty_buckets_too(api):
    api.used(at(18))
    found = api.report(
        "usage_report/messages", starting_at="2026-11-17T05:00:00Z", ending_at="2026-11-20T00:00:00Z"
    )
    assert ["17", "18", "19"] == [bucket["starting_at"][8:10] for bucket in found["data"]]
    assert [0, 1, 0] == [len(bucket["results"]) for bucket in found["data"]]
    assert (False, None) == (found["has_more"], found["next_page"])
    (row,) = found["data"][1]["results"]
    assert (1000, 200) == (row["uncached_input_tokens"], row["output_tokens"])
    assert {None} == {row[name] for name in ["account_id", "api_key_id", "model", "speed", "workspace_id"]}


@pytest.mark.parametrize(("width", "usual", "most"), [("1d", 7, 31), ("1h", 24, 168), ("1m", 60, 1440)])
def test_the_limit_of_a_legacy_report_counts_buckets(api, width, usual, most):
    start = "2026-10-01T00:00:00Z"
    words = {"starting_at": start, "bucket_width": width}
    first = api.report("usage_report/messages", **words)
    assert (usual, True) == (len(first["data"]), first["has_more"])
    assert most == len(api.rows("usage_report/messages", limit=most, **words))
    assert f"from 1 to {most}" in api.why("usage_report/messages", limit=most + 1, **words)
    second = api.report("usage_report/messages", page=first["next_page"], **words)
    assert first["data"][-1]["ending_at"] == second["data"][0]["starting_at"]


def test_a_legacy_report_is_grouped_and_filtered(api, dana):
    api.used(key=dana, model=OPUS).used(workspace=COURSE).used()
    groups = ["account_id", "workspace_id", "inference_geo"]
    words = {"starting_at": "2026-11-18T00:00:00Z", "group_by": groups}
    found = [
        tuple(row[name] for name in groups)
        for row in api.rows("usage_report/messages", **words)[0]["results"]
    ]
    nowhere = "not_available"
    assert {(DANA, None, nowhere), (None, COURSE, nowhere), (None, None, nowhere)} == set(found)
    assert [0] == [len(b["results"]) for b in api.rows("usage_report/messages", models=["x"], **words)[:1]]
    assert 1 == len(api.rows("usage_report/messages", account_ids=[DANA], **words)[0]["results"])


def test_a_legacy_report_tells_the_speed_with_its_beta_header_only(api):
    for words in ({"group_by": ["speed"]}, {"speeds": ["fast"]}):
        assert FAST in api.why("usage_report/messages", **words)
        assert 200 == api.report("usage_report/messages", beta=FAST, **words)["status"]


def test_a_legacy_cost_is_described(api):
    api.used(model=OPUS, use=usage(10, 20, service_tier="batch", inference_geo="us"))
    api.used(use=usage(1, 0, server_tool_use={"web_search_requests": 1}))
    api.used(model=OPUS, use=usage(1, 0, server_tool_use={"web_search_requests": 2}))
    words = {"starting_at": "2026-11-18T00:00:00Z", "limit": 1}
    (bucket,) = api.rows("cost_report", group_by=["description", "workspace_id"], **words)
    found = {row["description"]: row for row in bucket["results"]}
    assert [
        "Claude Haiku 5.5 Usage - Input Tokens",
        "Claude Opus 5.5 Usage - Input Tokens",
        "Claude Opus 5.5 Usage - Input Tokens (Batch, US)",
        "Claude Opus 5.5 Usage - Output Tokens (Batch, US)",
        "Web Search Usage",
    ] == sorted(found)
    assert len(found) == len(bucket["results"])
    assert {
        "amount": "3",
        "currency": "USD",
        "cost_type": "web_search",
        "model": None,
        "token_type": None,
    } == {
        name: found["Web Search Usage"][name]
        for name in ("amount", "currency", "cost_type", "model", "token_type")
    }
    (whole,) = api.rows("cost_report", **words)
    (row,) = whole["results"]
    assert (
        total(api.app.used) == Decimal(row["amount"]) == sum(Decimal(r["amount"]) for r in bucket["results"])
    )
    assert {None} == {row[name] for name in ("description", "model", "cost_type", "service_tier")}


@pytest.mark.parametrize(
    ("path", "params", "why"),
    [
        ("usage_report/messages", {"starting_at": None}, "Field required"),
        ("usage_report/messages", {"starting_at": "2026-11-01T00:00:00"}, "with its zone"),
        ("usage_report/messages", {"ending_at": "2026-10-01T00:00:00Z"}, "must be after"),
        ("usage_report/messages", {"group_by": ["product"]}, "'product' is none of"),
        ("usage_report/messages", {"bucket_width": "1w"}, "one of 1d, 1h, 1m"),
        ("usage_report/messages", {"context_window": ["1-2"]}, "is none of"),
        ("cost_report", {"bucket_width": "1h"}, "one of 1d"),
        ("cost_report", {"group_by": ["model"]}, "'model' is none of"),
        ("cost_report", {"limit": 32}, "from 1 to 31"),
        ("usage_report/claude_code", {"starting_at": None}, "Field required"),
        ("usage_report/claude_code", {"starting_at": "2026-11-01T00:00:00Z"}, "YYYY-MM-DD"),
    ],
)
def test_a_legacy_report_refuses(api, path, params, why):
    assert why in api.why(path, **params)


def test_a_day_of_claude_code_is_told_by_who_used_it(api, dana):
    plain = api.key("plain")
    for key, model, day in (
        (dana, OPUS, 18),
        (dana, HAIKU, 18),
        (plain, "claude-nothing-9", 18),
        (dana, OPUS, 19),
    ):
        api.used(at(day), model, usage(10, 20, **written(3, 4, 5)), "claude_code", key)
    api.used(product="messages_api", key=dana)
    by_key, by_user = api.rows("usage_report/claude_code", starting_at="2026-11-18")
    assert {"type": "user_actor", "email_address": "dana@example.org"} == by_user["actor"]
    assert {"type": "api_actor", "api_key_name": "plain"} == by_key["actor"]
    assert [HAIKU, OPUS] == [one["model"] for one in by_user["model_breakdown"]]
    (unknown,) = by_key["model_breakdown"]
    assert {"input": 10, "output": 20, "cache_read": 5, "cache_creation": 7} == unknown["tokens"]
    assert {"amount": None, "currency": "USD"} == unknown["estimated_cost"]
    cost = catalog.cost(usage(10, 20, **written(3, 4, 5)), OPUS, at=dt.date(2026, 11, 18))
    assert float(cost * 100) == by_user["model_breakdown"][1]["estimated_cost"]["amount"]


# the reports of Claude Enterprise


def test_an_enterprise_report_is_in_buckets_the_empty_ones_too(api):
    api.used(at(18), OPUS).used(at(18)).used(at(17))
    words = {"starting_at": "2026-11-16T00:00:00Z", "group_by": ["model"]}
    found = api.report("analytics/usage_report", beta=None, **words)
    assert [0, 1, 2, 0, 0] == [len(bucket["results"]) for bucket in found["data"]]
    assert (False, "2026-11-20T12:30:00Z") == (found["has_more"], found["data_refreshed_at"])
    costs = api.rows("analytics/cost_report", beta=None, **words)
    assert [OPUS, HAIKU] == [row["model"] for row in costs[2]["results"]]


@pytest.mark.parametrize(("width", "usual", "most"), [("1d", 7, 31), ("1h", 24, 168), ("1m", 60, 256)])
def test_the_limit_of_an_enterprise_report_counts_buckets(api, width, usual, most):
    words = {"bucket_width": width, "starting_at": "2026-10-21T00:00:00Z"}
    assert usual == len(api.rows("analytics/usage_report", **words))
    assert f"from 1 to {most}" in api.why("analytics/cost_report", limit=most + 1, **words)


def test_a_bucket_has_its_hundred_biggest_groups(api):
    for n in range(101):
        api.used(model=f"claude-practice-{n}", use=usage(n + 1, 0))
    (bucket,) = api.rows(
        "analytics/usage_report", starting_at="2026-11-18T00:00:00Z", limit=1, group_by=["model"]
    )
    assert (100, 101, 2) == (
        len(bucket["results"]),
        bucket["results"][0]["uncached_input_tokens"],
        bucket["results"][-1]["uncached_input_tokens"],
    )


def test_user_reports_have_a_row_for_each_user_and_nothing_of_keys(api, dana):
    api.used(key=dana).used(at(17), OPUS, key=dana).used(key=api.key("plain")).used()
    (row,) = api.rows("analytics/user_usage_report", beta=None)
    assert (DANA, 2, 2400) == (row["actor"]["user_id"], row["requests"], row["total_tokens"])
    assert (None, None) == (row["starting_at"], row["ending_at"])
    words = {"bucket_width": "1d", "ending_at": "2026-11-20T00:00:00Z"}
    found = api.rows("analytics/user_cost_report", **words)
    assert ["17", "18"] == [row["starting_at"][8:10] for row in found]
    assert [] == api.rows("analytics/user_usage_report", user_ids=["user_other"])
    assert "is required" in api.why("analytics/user_usage_report", bucket_width="1d")


# what nobody did


@pytest.mark.parametrize(
    ("path", "params", "why"),
    [
        ("users", {}, "give either date or starting_date"),
        ("users", {"date": "2026-11-01", "starting_date": "2026-11-01"}, "give either date or starting_date"),
        ("users", {"date": "01.11.2026"}, "YYYY-MM-DD"),
        ("users", {"date": "2025-12-31"}, "no earlier than 2026-01-01"),
        ("users", {"date": "2026-11-20"}, "the latest available day is 2026-11-19"),
        ("users", {"date": "2026-11-01", "ending_date": "2026-11-02"}, "only valid with starting_date"),
        (
            "users",
            {"starting_date": "2026-11-01", "ending_date": "2026-11-01"},
            "must be after starting_date",
        ),
        ("users", {"starting_date": "2026-11-01", "ending_date": "2026-11-21"}, "at most today"),
        ("users", {"date": "2026-11-01", "group_by": ["user_id"]}, "'user_id' is none of"),
        ("users", {"date": "2026-11-01", "filter": ["colour:red"]}, "is not dimension:value"),
        ("users", {"date": "2026-11-01", "filter": ["user_id"]}, "is not dimension:value"),
        ("users", {"date": "2026-11-01", "filter": ["user_id:u"] * 101}, "at most 100"),
        (
            "users",
            {"date": "2026-11-01", "filter": ["project_id:p", "rbac_group_id:g"]},
            "cannot be combined",
        ),
        ("users", {"date": "2026-11-01", "order": "up"}, "one of asc, desc"),
        ("users", {"date": "2026-11-01", "limit": 1001}, "from 1 to 1000"),
        ("artifacts", {}, "date: Field required"),
        ("summaries", {}, "starting_date: Field required"),
        ("summaries", {"starting_date": "2026-11-01", "filter": ["user_id:u"]}, "is not dimension:value"),
    ],
)
def test_the_engagement_lists_refuse(api, path, params, why):
    assert why in api.why(f"analytics/{path}", **{"starting_at": None, **params})


def test_a_range_of_engagement_has_at_most_366_days(api):
    api.now = datetime(2027, 6, 1, tzinfo=UTC).timestamp()
    words = {"starting_at": None, "starting_date": "2026-05-30"}
    assert "at most 366 days" in api.why("analytics/skills", ending_date="2027-06-01", **words)
    assert [] == api.rows("analytics/skills", ending_date="2027-05-31", **words)
