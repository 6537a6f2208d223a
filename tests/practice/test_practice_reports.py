"""Do the usage and cost reports add up what was asked, and refuse what the service refuses?"""

from __future__ import annotations

import datetime as dt
from datetime import UTC, datetime, timedelta
from decimal import Decimal, localcontext

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from claude_magic.practice import Used, reports
from claude_magic.practice.reports import sums
from claude_magic.protocol import catalog, endpoints
from tests.practice.asked import (
    BETA,
    COST,
    COURSE,
    DANA,
    HAIKU,
    NOW,
    OPUS,
    USAGE,
    Asked,
    at,
    cents,
    total,
    usage,
    written,
)
from tests.practice.conftest import read

ROWS = pytest.mark.parametrize("path", [USAGE, COST])


@pytest.fixture
def api():
    return Asked()


@pytest.fixture
def dana(api):
    """The id of an API key that acts as a person."""
    return api.key("dana", DANA)


# what is reported


@pytest.mark.parametrize("name", sorted(reports.ANSWERS))
def test_a_fresh_server_reports_nothing(api, name):
    row = endpoints.ENDPOINTS[name]
    days = (
        "starting_at" if "starting_at" in row.params else "date" if "date" in row.params else "starting_date"
    )
    day = "2026-11-01" if days != "starting_at" or "claude_code" in name else "2026-11-01T00:00:00Z"
    query = [(days, day)]
    response = api.send("GET", row.path, query=query, anthropic_beta=BETA)
    found = read(response)
    assert (200, None) == (response.status, found["next_page"] if len(found["data"]) < 7 else None)
    assert [] == [row for row in found["data"] if row.get("results", row)]


def test_every_report_of_the_table_is_answered():
    names = {name for name in endpoints.ENDPOINTS if name.startswith("organization.") and "report" in name}
    names |= {name for name in endpoints.ENDPOINTS if name.startswith("organization.analytics.")}
    assert names == set(reports.ANSWERS)


def test_what_was_asked_is_in_the_report(api):
    said = api.message("Hello")
    api.message("Hello again")
    tomorrow = (NOW + timedelta(days=1)).isoformat()
    row, *none = api.rows(USAGE, time_bucket_width="1d", ending_at=tomorrow)
    assert [] == none
    assert ("2026-11-20T00:00:00Z", "2026-11-21T00:00:00Z") == (row["starting_at"], row["ending_at"])
    assert 2 == row["usage"]["requests"]
    assert said["usage"]["input_tokens"] < row["usage"]["uncached_input_tokens"]
    assert cents(api.rows(COST, time_bucket_width="1d", ending_at=tomorrow)) == total(api.app.used)


def test_without_steps_a_report_is_one_row_of_whole_hours(api):
    api.used(NOW.timestamp() - 5).used(at(20, 11, 59))
    row, *none = api.rows(USAGE, starting_at="2026-11-18T09:45:00+01:00")
    assert [] == none
    assert ("2026-11-18T08:00:00Z", "2026-11-20T12:00:00Z") == (row["starting_at"], row["ending_at"])
    assert 1 == row["usage"]["requests"]


def test_the_sums_of_a_row_are_those_of_its_usage(api):
    api.used(use=usage(10, 20, **written(3, 4, 5), server_tool_use={"web_search_requests": 2}))
    api.used(use=usage(1, 2))
    (row,) = api.rows(USAGE)
    assert {
        "uncached_input_tokens": 11,
        "cache_read_input_tokens": 5,
        "cache_creation": {"ephemeral_5m_input_tokens": 3, "ephemeral_1h_input_tokens": 4},
        "output_tokens": 22,
        "total_tokens": 45,
        "requests": 2,
        "server_tool_use": {"web_search_requests": 2},
    } == row["usage"]


def test_all_twenty_group_keys_are_there_and_null_unless_asked_for(api):
    api.used()
    (row,) = api.rows(USAGE)
    assert (20, {None}) == (len(row["group"]), set(row["group"].values()))
    (row,) = api.rows(COST, group_by=["model"])
    assert (22, HAIKU) == (len(row["group"]), row["group"].pop("model"))
    assert {None} == set(row["group"].values())


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("api_key_id", [None, "apikey_practice_other"]),
        ("context_window", ["0-200k", "200k-1M"]),
        ("inference_geo", [None, "us"]),
        ("model", [HAIKU, OPUS]),
        ("product", ["claude_code", "messages_api"]),
        ("service_tier", ["batch", "standard"]),
        ("speed", ["fast", "standard"]),
        ("workspace_id", ["wrkspc_practice", COURSE]),
        ("session_id", [None]),
        ("rbac_group_id", [None]),
    ],
)
def test_rows_are_split_by_a_group(api, name, expected):
    api.used(key="apikey_practice_other", model=OPUS, use=usage(inference_geo="us", service_tier="batch"))
    api.used(workspace=COURSE, use=usage(fresh=200_001, speed="fast"), product="claude_code")
    found = api.rows(USAGE, group_by=[name])
    assert expected == sorted((row["group"][name] for row in found), key=str)


def test_an_actor_is_the_user_behind_a_key_else_the_key_else_nobody(api, dana):
    plain = api.key("plain")
    api.used(key=dana).used(key=plain).used()
    found = api.rows(USAGE, group_by=["actor", "actor_type", "api_key_id"], order="asc")
    groups = {
        row["group"]["api_key_id"]: (row["group"]["actor"], row["group"]["actor_type"]) for row in found
    }
    user = {"type": "user_actor", "user_id": DANA, "name": "Practice Dana"}
    user |= {"email_address": "dana@example.org", "deleted": False}
    assert {
        dana: (user, "user_actor"),
        plain: ({"type": "api_actor", "api_key_id": plain}, "api_actor"),
        None: (None, None),
    } == groups


def test_a_user_who_left_is_deleted_and_can_be_left_out(api, dana):
    api.used(key=dana).used()
    assert 200 == api.send("DELETE", f"/v1/organizations/users/{DANA}").status
    actors = [row["group"]["actor"] for row in api.rows(USAGE, group_by=["actor"])]
    assert [True] == [actor["deleted"] for actor in actors if actor]
    kept = api.rows(USAGE, group_by=["actor"], exclude_deleted_users="true")
    assert [None] == [row["group"]["actor"] for row in kept]
    assert [] == api.rows("analytics/user_usage_report", exclude_deleted_users="true")


# what may be asked


@ROWS
def test_the_beta_header_is_needed(api, path):
    assert BETA in api.why(path, beta=None)


@ROWS
@pytest.mark.parametrize(
    ("params", "why"),
    [
        ({"starting_at": None}, "starting_at: Field required"),
        ({"starting_at": "2026-11-01T00:00:00"}, "with its zone"),
        ({"starting_at": "2026-11-01"}, "with its zone"),
        ({"starting_at": "9999-12-31T23:59:59Z"}, "with its zone"),
        ({"starting_at": "yesterday"}, "with its zone"),
        ({"starting_at": "2025-12-31T23:59:59Z"}, "no earlier than 2026-01-01"),
        ({"starting_at": "2026-11-20T12:31:00Z"}, "must not be in the future"),
        ({"ending_at": "2026-11-01T00:00:00Z"}, "must be after starting_at"),
        ({"ending_at": "2026-12-02T00:00:01Z"}, "at most 31 days"),
        ({"time_bucket_width": "1d"}, "required when time_bucket_width is set"),
        ({"time_bucket_width": "2d", "ending_at": "2026-11-02T00:00:00Z"}, "one of 1d, 1h, 1m"),
        ({"time_bucket_width": "1m", "ending_at": "2026-11-02T00:00:01Z"}, "at most 24 hours"),
        ({"group_by": ["colour"]}, "'colour' is none of"),
        ({"group_by": ["model", "speed", "product", "actor", "agent_id", "session_id"]}, "at most 5"),
        ({"group_by": ["claude_tag_user_id", "rbac_group_id"]}, "cannot be combined"),
        ({"group_by": ["claude_tag_user_id"], "rbac_group_ids": ["rbac_group_1"]}, "cannot be combined"),
        ({"exclude_deleted_users": "true"}, "needs group_by[]=actor"),
        ({"exclude_deleted_users": "maybe"}, "one of true, false"),
        ({"order": "up"}, "one of desc, asc"),
        ({"order_by": "colour"}, "order_by: Input should be one of"),
        ({"limit": 0}, "from 1 to 1000"),
        ({"limit": 1001}, "from 1 to 1000"),
        ({"products": ["claude_fax"]}, "'claude_fax' is none of"),
        ({"speeds": ["slow"]}, "'slow' is none of"),
        ({"page": "page_x"}, "cursor does not belong"),
    ],
)
def test_a_report_in_rows_refuses(api, path, params, why):
    if params.get("order"):
        why = "Input should be one of"
    assert why in api.why(path, **params)


def test_a_year_back_is_as_far_as_it_goes(api):
    api.now = datetime(2027, 6, 1, tzinfo=UTC).timestamp()
    assert "last 365 days" in api.why(USAGE, starting_at="2026-05-31T00:00:00Z")
    assert [] == api.rows(USAGE, starting_at="2026-06-01T00:00:00Z")


def test_cost_and_token_type_do_not_count_among_five_groups(api):
    five = ["model", "speed", "product", "actor", "agent_id"]
    assert [] == api.rows(COST, group_by=[*five, "cost_type", "token_type"])
    assert "none of" in api.why(USAGE, group_by=["cost_type"])


@pytest.mark.parametrize(
    ("name", "values", "requests"),
    [
        ("models", [OPUS], 1),
        ("models", [OPUS, HAIKU], 3),
        ("models", ["claude-nothing"], 0),
        ("api_key_ids", ["apikey_practice_other"], 1),
        ("api_key_ids", [""], 1),
        ("api_key_ids", ["", "apikey_practice_other"], 2),
        ("actor_ids", [DANA], 1),
        ("actor_types", ["api_actor"], 1),
        ("actor_types", ["user_actor", "api_actor"], 2),
        ("products", ["message_batches_api"], 1),
        ("service_tiers", ["batch"], 1),
        ("inference_geos", ["us"], 1),
        ("inference_geos", ["not_available"], 2),
        ("context_windows", ["200k-1M"], 1),
        ("speeds", ["fast"], 1),
        ("workspace_ids", [COURSE], 1),
        ("workspace_ids", ["wrkspc_practice"], 2),
        ("session_ids", ["sesn_1"], 0),
        ("organization_ids", ["org_other"], 0),
        ("rbac_group_ids", ["rbac_group_1"], 0),
        ("claude_tag_categories", ["dm"], 0),
    ],
)
def test_a_filter_keeps_what_it_names(api, dana, name, values, requests):
    api.used(key="apikey_practice_other", model=OPUS, use=usage(inference_geo="us"))
    api.used(key=dana, workspace=COURSE, use=usage(fresh=200_001, speed="fast"))
    api.used(product="message_batches_api", use=usage(service_tier="batch"))
    found = api.rows(USAGE, **{name: values})
    assert requests == sum(row["usage"]["requests"] for row in found)


def test_rows_come_by_tokens_the_most_first_unless_told_otherwise(api):
    api.used(model=HAIKU, use=usage(10, 1)).used(model=HAIKU, use=usage(10, 1)).used(
        model=OPUS, use=usage(5, 90)
    )
    ordered = {
        (): [OPUS, HAIKU],
        (("order", "asc"),): [HAIKU, OPUS],
        (("order_by", "uncached_input_tokens"),): [HAIKU, OPUS],
        (("order_by", "requests"),): [HAIKU, OPUS],
        (("order_by", "output_tokens"), ("order", "asc")): [HAIKU, OPUS],
        (("order_by", "time"),): [OPUS, HAIKU],
    }
    found = {
        words: [row["group"]["model"] for row in api.rows(USAGE, group_by=["model"], **dict(words))]
        for words in ordered
    }
    assert ordered == found


@pytest.mark.parametrize(("order", "days"), [("desc", [18, 18, 17]), ("asc", [17, 18, 18])])
def test_by_time_the_days_are_in_order_and_within_a_day_the_most_comes_first(api, order, days):
    api.used(at(17), OPUS).used(at(18), HAIKU).used(at(18), OPUS)
    words = {"group_by": ["model"], "time_bucket_width": "1d", "ending_at": "2026-11-20T00:00:00Z"}
    found = api.rows(COST, order_by="time", order=order, **words)
    assert days == [int(row["starting_at"][8:10]) for row in found]
    assert [OPUS, HAIKU] == [row["group"]["model"] for row in found if "-18T" in row["starting_at"]]


@pytest.mark.parametrize("width", ["1d", "1h", "1m"])
def test_a_row_of_a_step_has_the_bounds_of_the_step(api, width):
    api.used(at(18, 9, 41) + 17)
    (row,) = api.rows(
        USAGE, starting_at="2026-11-18T09:41:10Z", ending_at="2026-11-18T09:50:00Z", time_bucket_width=width
    )
    expected = {
        "1d": ("18T00:00", "19T00:00"),
        "1h": ("18T09:00", "18T10:00"),
        "1m": ("18T09:41", "18T09:42"),
    }
    assert expected[width] == (row["starting_at"][8:16], row["ending_at"][8:16])


# money


@pytest.mark.parametrize(
    ("model", "use"),
    [
        (HAIKU, usage(1234, 567)),
        (HAIKU, usage(100_001, 10)),
        (OPUS, usage(7, 9, inference_geo="us", **written(11, 13, 17))),
        (OPUS, usage(7, 9, speed="fast")),
        (OPUS, usage(7, 9, service_tier="batch", inference_geo="us")),
        (OPUS, usage(7, 9, server_tool_use={"web_search_requests": 3, "web_fetch_requests": 1})),
        (OPUS, usage(0, 0)),
        (OPUS, usage(7, 11, iterations=[{"type": "compaction", "input_tokens": 3, "output_tokens": 1}])),
    ],
)
def test_m10_an_amount_is_the_catalogues_cost_in_cents_as_a_text(api, model, use):
    api.used(model=model, use=use)
    cost = catalog.cost(use, model, at=dt.date(2026, 11, 18))
    (row,) = api.rows(COST)
    assert (str, cost * 100) == (type(row["cost"]["amount"]), Decimal(row["cost"]["amount"]))
    assert {"list_amount": row["cost"]["amount"], "currency": "USD", "requests": 1} == {
        name: row["cost"][name] for name in ("list_amount", "currency", "requests")
    }
    for split in (["cost_type"], ["cost_type", "token_type"]):
        assert cost * 100 == cents(api.rows(COST, group_by=split))


@pytest.mark.parametrize(("model", "tier"), [("claude-nothing-9", "standard"), (OPUS, "priority")])
def test_m10_what_has_no_known_price_has_no_cost_row_rather_than_zero(api, model, tier):
    api.used(model=model, use=usage(service_tier=tier))
    assert 1 == len(api.rows(USAGE))
    assert [] == api.rows(COST)
    assert [] == api.rows("cost_report", ending_at="2026-11-19T00:00:00Z", limit=31)[17]["results"]


def test_what_has_no_known_price_counts_neither_as_a_request_nor_for_the_limit(api):
    api.used(model="claude-nothing-9").used(model=OPUS)
    (row,) = api.rows(COST)
    assert 1 == row["cost"]["requests"]
    (row,) = api.rows(COST, group_by=["model"], order="asc", limit=1)
    assert OPUS == row["group"]["model"]


def test_a_cost_splits_by_cost_type_and_token_type(api):
    api.used(model=OPUS, use=usage(10, 20, **written(30, 40, 50), server_tool_use={"web_search_requests": 1}))

    def types(*split):
        found = api.rows(COST, group_by=list(split))
        assert {None} == {row["cost"]["requests"] for row in found}
        return {(row["group"]["cost_type"], row["group"]["token_type"]) for row in found}

    each = {("tokens", kind) for kind in sums.TOKEN_TYPES}
    assert {("tokens", None), ("web_search", None)} == types("cost_type")
    assert each == types("token_type")
    assert each | {("web_search", None)} == types("cost_type", "token_type")


def test_a_token_type_costs_its_tokens_at_its_price(api):
    api.used(model=OPUS, use=usage(1_000_000, 0, service_tier="batch", **written(0, 0, 1_000_000)))
    price = catalog.price(OPUS, at=dt.date(2026, 11, 18))
    found = {
        row["group"]["token_type"]: row["cost"]["amount"] for row in api.rows(COST, group_by=["token_type"])
    }
    expected = {"uncached_input_tokens": price.input * 50, "cache_read_input_tokens": price.cache_read * 50}
    assert expected == {name: Decimal(amount) for name, amount in found.items()}


def test_amounts_are_exact_whatever_a_notebook_has_done_to_decimals(api):
    for n in range(3):
        api.used(model=OPUS, use=usage(123_456_789 + n, 987_654_321))
    words = {"starting_at": "2026-11-18T00:00:00Z", "limit": 1}
    with localcontext(prec=2):
        (row,), (bucket,) = api.rows(COST), api.rows("cost_report", **words)
    assert total(api.app.used) == Decimal(row["cost"]["amount"]) == Decimal(bucket["results"][0]["amount"])


def test_what_a_cost_is_split_into_does_not_count_for_the_limit(api):
    api.used(model=OPUS).used(model=HAIKU)
    found = api.report(COST, group_by=["model", "token_type"], limit=1)
    assert [OPUS] * 2 == [row["group"]["model"] for row in found["data"]]
    assert (True, str) == (found["has_more"], type(found["next_page"]))


MODELS = [HAIKU, OPUS, "claude-sonnet-5-5", "claude-nothing-9"]
COUNT = st.integers(0, 10**7)
ONE = st.builds(
    lambda model, hours, fresh, output, cache, more, key, workspace: Used(
        at(1) + hours * 3600,
        model,
        usage(fresh, output, **written(*cache), **more),
        "messages_api",
        key,
        workspace,
    ),
    st.sampled_from(MODELS),
    st.integers(0, 300),
    COUNT,
    COUNT,
    st.tuples(COUNT, COUNT, COUNT),
    st.fixed_dictionaries(
        {"service_tier": st.sampled_from(["standard", "batch"])},
        optional={
            "speed": st.sampled_from(["fast", "standard"]),
            "inference_geo": st.sampled_from(["us", "global"]),
            "server_tool_use": st.fixed_dictionaries({"web_search_requests": st.integers(0, 5)}),
        },
    ),
    st.sampled_from([None, "apikey_practice_other", "apikey_practice_000001"]),
    st.sampled_from([None, COURSE]),
)


@settings(deadline=None, max_examples=50)
@given(
    st.lists(ONE, max_size=12),
    st.lists(
        st.sampled_from(sorted({*reports.GROUPS.split()} - {"claude_tag_user_id"})), max_size=5, unique=True
    ),
    st.sampled_from([None, "1d", "1h"]),
    st.sampled_from([[], ["cost_type"], ["cost_type", "token_type"]]),
)
def test_grouping_and_steps_lose_nothing_and_add_nothing(used, groups, width, split):
    api = Asked()
    api.app.used.extend(used)
    words = {"ending_at": "2026-11-20T00:00:00Z", "time_bucket_width": width, "limit": 1000}
    counts = [sums.tokens(u.usage) for u in used]
    found = api.rows(USAGE, group_by=groups, **words)
    assert sum(map(sum, counts)) == sum(row["usage"]["total_tokens"] for row in found)
    assert len(used) == sum(row["usage"]["requests"] for row in found)
    known = [u for u in used if sums.priced(u)]
    assert total(known) == cents(api.rows(COST, group_by=[*groups, *split], **words))
