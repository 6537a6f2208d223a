"""Does each parameter go where the row says, and is one that could do harm stopped?"""

from __future__ import annotations

import contextlib
import warnings
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest

from claude_magic.api import parameters
from claude_magic.errors import APIResponseError, InputError
from claude_magic.protocol.endpoints import ENDPOINTS
from tests import ways
from tests.doors import ASK, Asked, Door, answer, json
from tests.ways import both, go

NEW, BEFORE = "2026-10-21", "2023-06-01"
MOMENT = datetime(2026, 11, 1, tzinfo=UTC)
TOLD = "2026-11-01T00:00:00+00:00"


def query(name: str, **params: Any) -> list[tuple[str, str]]:
    return parameters.sort(ENDPOINTS[name], params, NEW).query


def test_lists_ranges_booleans_and_moments_go_into_the_query_as_the_api_reads_them():
    wanted = [
        ("statuses[]", "running"),
        ("statuses[]", ""),
        ("created_at[gte]", TOLD),
        ("created_at[lt]", "2026-11-02"),
        ("include_archived", "false"),
        ("limit", "5"),
    ]
    sorted_ = query(
        "sessions.list",
        statuses=("running", None),
        created_at_gte=MOMENT,
        created_at={"lt": date(2026, 11, 2)},
        include_archived=False,
        limit=5,
        page=None,
    )
    assert wanted == sorted_


def test_one_value_for_a_list_is_a_list_of_it():
    assert [("ids[]", "file_1")] == query("files.list", ids="file_1")
    assert [("ids[]", "a"), ("ids[]", "b")] == query("files.list", ids=(i for i in "ab"))
    assert [] == query("files.list", ids=None)


@both
def test_halves_of_characters_in_a_query_are_replaced_as_in_a_body(door: type[Door]):
    asked = Asked(json({"data": []}))
    go(door(asked), lambda c: c.files.list(scope_id="a\ud800", ids=["\udc00"]))
    assert {("scope_id", "a\ufffd"), ("ids[]", "\ufffd")} == set(asked.requests[0].query)


def test_extra_query_may_nest():
    wanted = [("a[b]", "1"), ("a[c][]", "x"), ("a[{d}]", "y")]
    assert wanted == list(parameters.pairs({"a": {"b": 1, "c": ["x"], "{d}": "y", "e": None}}))


def test_a_call_with_a_body_may_have_a_query_too():
    found = parameters.sort(ENDPOINTS["memory_stores.memories.create"], {"view": "full", "path": "/a"}, NEW)
    assert ([("view", "full")], {"path": "/a"}) == (found.query, found.fields)


def test_a_moment_in_a_body_is_written_with_its_zone():
    moment = MOMENT.astimezone(timezone(timedelta(hours=2)))
    row = ENDPOINTS["user_profiles.create"]
    found = parameters.sort(row, {"external_user_onboarded_at": moment}, NEW)
    assert {"external_user_onboarded_at": "2026-11-01T02:00:00+02:00"} == found.fields


NAIVE = datetime(2026, 11, 1)  # noqa: DTZ001 - the point


@both
@pytest.mark.parametrize(
    "ask",
    [
        lambda c: c.organization.analytics.usage.list(starting_at=NAIVE),
        lambda c: c.sessions.list(created_at_gte=NAIVE),
        lambda c: c.sessions.list(created_at={"lt": NAIVE}),
        lambda c: c.user_profiles.create(external_user_onboarded_at=NAIVE),
        lambda c: c.models.list(extra_query={"since": NAIVE}),
    ],
    ids=["a report", "a bound", "a range", "a body", "an extra"],
)
def test_a_moment_without_a_time_zone_is_refused_before_it_is_sent(door: type[Door], ask):
    asked = Asked(json({}))
    with pytest.raises(InputError, match="a moment without a time zone: 2026-11-01") as caught:
        go(door(asked), ask)
    assert "tzinfo=UTC" in caught.value.hint
    assert [] == asked.requests


def test_an_unknown_name_is_sent_on_with_one_note_that_names_the_nearest():
    with pytest.warns(UserWarning, match=r"files\.list is not known to take 'limits'.*did you mean limit\?"):
        assert [("limits", "5")] == query("files.list", limits=5)
    with pytest.warns(UserWarning, match="is not known to take 'of_tomorrow'; it is sent as it is$"):
        found = parameters.sort(ENDPOINTS["agents.create"], {"of_tomorrow": [1]}, NEW)
    assert {"of_tomorrow": [1]} == found.fields


@both
def test_what_the_row_knows_is_sent_without_a_note(door: type[Door]):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        go(door(Asked(json({"data": []}))), lambda c: c.models.list(limit=5, lifecycle=["active"]))


@both
def test_sampling_is_known_under_the_version_before_this_one_only(door: type[Door]):
    asked = Asked(json(answer()))
    go(door(asked, anthropic_version=BEFORE), lambda c: c.messages.create(**ASK, temperature=0.5))
    with pytest.warns(UserWarning, match="'temperature'"):
        go(door(asked), lambda c: c.messages.create(**ASK, temperature=0.5))
    assert [BEFORE, NEW] == [request.headers["anthropic-version"] for request in asked.requests]
    assert asked.requests[0].body == asked.requests[1].body


LEADS_OUT = [
    "",
    ".",
    "..",
    "../users",
    "a/../../b",
    "a//b",
    "a\\..\\b",
    "/etc",
    "a/",
    "a\nb",
    "a\0",
    "\u202e",
]


@pytest.mark.parametrize("name", LEADS_OUT, ids=repr)
def test_a_path_parameter_that_would_leave_its_place_is_refused(name):
    with pytest.raises(InputError, match="file_id cannot be"):
        parameters.path(ENDPOINTS["files.delete"], {"file_id": name})


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("file_1", "file_1"),
        ("a/b", "a%2Fb"),
        ("a?b#c", "a%3Fb%23c"),
        ("..;x", "..%3Bx"),
        ("%2e%2e", "%252e%252e"),
        ("{file_id}", "%7Bfile_id%7D"),
        ("ü b", "%C3%BC%20b"),
        (5, "5"),
    ],
)
def test_any_other_path_parameter_stays_one_segment(name, wanted):
    assert f"/v1/files/{wanted}" == parameters.path(ENDPOINTS["files.delete"], {"file_id": name})


def test_the_parameter_that_is_the_body_is_the_body():
    row = ENDPOINTS["organization.claude_tag.bundles.targets.create"]
    assert {"type": "x", "id": "y"} == parameters.sort(row, {"target": {"type": "x", "id": "y"}}, NEW).fields


ASKS: dict[str, Any] = {
    "a list": lambda c: c.files.list(of_tomorrow=1),
    "a message": lambda c: c.messages.create(**ASK, of_tomorrow=1),
    "a slow message": lambda c: c.messages.create(**{**ASK, "max_tokens": 100_000}, of_tomorrow=1),
    "a form": lambda c: c.skills.create([b"x"], of_tomorrow=1),
    "a download": lambda c: c.files.download("file_1", of_tomorrow=1),
    "a path": lambda c: c.request("GET", "/v1/models", of_tomorrow=1),
}


@both
@pytest.mark.parametrize("ask", ASKS.values(), ids=ASKS)
def test_a_note_points_at_the_line_that_asked_or_awaits(door: type[Door], ask):
    with pytest.warns(UserWarning, match="of_tomorrow") as told, contextlib.suppress(APIResponseError):
        go(door(Asked(json({**answer(), "data": []}))), ask)
    assert told[0].filename in (__file__, ways.__file__)
    assert door.kind == "async" or __file__ == told[0].filename
