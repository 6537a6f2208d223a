"""Is a list read to its end, in each of the API's ways of paging, and no further than it is asked for?"""

from __future__ import annotations

import asyncio
import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from claude_magic.api.pages import Page
from claude_magic.app import Request, Response
from claude_magic.errors import APIResponseError, BadRequestError, InputError
from tests.doors import Asked, AsyncDoor, Door, error, json
from tests.ways import both, go, items

ITEMS = [{"id": f"x_{n}", "scope": {"type": "session", "id": f"s_{n}"}} for n in range(5)]


def by_id(request: Request) -> Response:
    """Page as users and models do: `after_id`, `before_id`, `has_more`."""
    asked = dict(request.query)
    ids, limit = [item["id"] for item in ITEMS], int(asked.get("limit", 2))
    if before := asked.get("before_id"):
        end = ids.index(before)
        found, more = ITEMS[max(0, end - limit) : end], end > limit
    else:
        start = ids.index(asked["after_id"]) + 1 if "after_id" in asked else 0
        found, more = ITEMS[start : start + limit], start + limit < len(ITEMS)
    ends = {"first_id": found[0]["id"], "last_id": found[-1]["id"]} if found else {}
    return json({"data": found, "has_more": more, **ends})


def by_page(request: Request, **more: Any) -> Response:
    """Page as files do: `page`, `next_page`."""
    asked = dict(request.query)
    start, limit = int(asked.get("page", "page_0")[5:]), int(asked.get("limit", 2))
    following = f"page_{start + limit}" if start + limit < len(ITEMS) else None
    return json({"data": ITEMS[start : start + limit], "next_page": following, **more})


def by_report(request: Request) -> Response:
    """Page as reports do: `has_more` too."""
    return by_page(request, has_more=dict(request.query).get("page") != "page_4", data_refreshed_at="now")


def both_ways(request: Request) -> Response:
    """Page as sessions do: `prev_page` too."""
    return by_page(request, prev_page="page_0")


STYLES: dict[str, tuple[Callable[[Request], Response], Callable[..., Any]]] = {
    "id": (by_id, lambda c: c.organization.users.list),
    "page": (by_page, lambda c: c.files.list),
    "pages": (both_ways, lambda c: c.sessions.list),
    "report": (by_report, lambda c: c.organization.analytics.usage.list),
    "legacy report": (by_report, lambda c: c.organization.cost_report.list),
}
every_style = pytest.mark.parametrize(("app", "which"), STYLES.values(), ids=STYLES)
NAMES = [item["id"] for item in ITEMS]


def names(found: Any) -> Any:
    return [item.id for item in found]


@both
@every_style
def test_iterating_goes_on_to_the_end_of_the_list(door: type[Door], app, which):
    asked = Asked(app)
    found = go(door(asked), lambda c: which(c)(limit=2), items)
    assert ITEMS == found
    assert NAMES == names(found)
    assert "s_4" == found[4].scope.id
    assert [(200, "req_1")] * 5 == [(item.response.status, item.request_id) for item in found]
    assert 3 == len(asked.requests)
    assert ["2"] * 3 == [dict(request.query)["limit"] for request in asked.requests]


@both
@every_style
def test_a_page_alone_is_the_answer_as_it_came_with_its_headers(door: type[Door], app, which):
    asked = Asked(app)
    page = go(door(asked), lambda c: which(c)(limit=2))
    assert "x_0" == page.data[0].id == page["data"][0]["id"]
    assert page.has_next_page()
    assert (200, "req_1") == (page.response.status, page.request_id)
    assert 1 == len(asked.requests)
    following = go(door(asked), lambda c: which(c)(limit=2), lambda page: page.get_next_page())
    assert ["x_2", "x_3"] == names(following.data)
    assert 200 == following.response.status


@both
@every_style
def test_a_list_becomes_a_frame_with_a_row_for_each_item(door: type[Door], app, which):
    frame = go(door(Asked(app)), lambda c: which(c)(), lambda page: page.to_frame())
    assert ["id", "scope.type", "scope.id"] == list(frame.columns)
    assert NAMES == list(frame["id"])


def test_an_async_list_is_read_without_awaiting_its_first_page():
    async def run() -> None:
        client = AsyncDoor(Asked(by_page)).client
        assert NAMES == [item.id async for item in client.files.list()]
        assert 5 == len(await client.files.list().to_frame())
        assert [2, 2, 1] == [len(page.data) async for page in client.files.list().iter_pages()]

    asyncio.run(run())


def test_an_async_page_says_that_it_is_read_with_async_for():
    page = go(AsyncDoor(Asked(by_page)), lambda c: c.files.list())
    for found in (page, AsyncDoor(Asked(by_page)).client.files.list()):
        with pytest.raises(InputError, match="read with async for"):
            list(found)
    assert 2 == len(dict(page)["data"])


@both
def test_a_list_is_read_backwards_from_a_place(door: type[Door]):
    asked = Asked(by_id)
    found = go(door(asked), lambda c: c.models.list(before_id="x_4", limit=2), items)
    assert ["x_2", "x_3", "x_0", "x_1"] == names(found)
    assert ["x_4", "x_2"] == [dict(request.query)["before_id"] for request in asked.requests]


@both
def test_a_place_that_is_none_is_no_place(door: type[Door]):
    assert NAMES == names(go(door(Asked(by_id)), lambda c: c.models.list(before_id=None), items))


@both
def test_only_the_pages_that_are_read_are_asked_for(door: type[Door]):
    asked = Asked(by_page)

    def first(page: Any) -> Any:
        if door.kind == "sync":
            return next(iter(page))
        return anext(aiter(page))

    assert "x_0" == go(door(asked), lambda c: c.files.list(), first).id
    assert 1 == len(asked.requests)


EMPTY = {
    "no items": {"data": [], "next_page": None},
    "no items of a list by id": {"data": [], "has_more": False, "first_id": None, "last_id": None},
    "no items, but more": {"data": [], "has_more": True},
    "no data": {"has_more": True},
    "data that is null": {"data": None, "next_page": None},
    "a cursor after the end": {"data": [], "has_more": False, "next_page": "page_9"},
}


@both
@pytest.mark.parametrize("body", EMPTY.values(), ids=EMPTY)
def test_an_empty_page_is_the_end(door: type[Door], body):
    asked = Asked(json(body))
    assert [] == go(door(asked), lambda c: c.files.list(), items)
    assert go(door(asked), lambda c: c.files.list(), lambda page: page.to_frame()).empty


@both
def test_an_empty_page_before_the_last_is_passed_over(door: type[Door]):
    pages = [{"data": [], "next_page": "page_1"}, {"data": ITEMS, "next_page": None}]
    assert NAMES == names(go(door(Asked(*map(json, pages))), lambda c: c.files.list(), items))


SAME = {
    "a cursor": {"data": ITEMS[:1], "next_page": "page_1"},
    "an id": {"data": ITEMS[:1], "has_more": True, "last_id": "x_0"},
    "an id that only the item has": {"data": ITEMS[:1], "has_more": True},
}


@both
@pytest.mark.parametrize("body", SAME.values(), ids=SAME)
def test_a_server_that_names_the_same_page_for_ever_is_one_clear_error(door: type[Door], body):
    asked = Asked(json(body))
    with pytest.raises(APIResponseError, match="The list has no end") as caught:
        go(door(asked), lambda c: c.files.list(), items)
    assert "req_1" == caught.value.request_id
    assert 2 == len(asked.requests)


@both
@pytest.mark.parametrize("ask", [lambda c: c.files.list(), lambda c: c.models.list()], ids=["page", "id"])
def test_a_server_whose_pages_go_round_in_a_circle_is_one_clear_error(door: type[Door], ask):
    def circle(request: Request) -> Response:
        asked = dict(request.query)
        here = asked.get("page") or asked.get("after_id") or "a"
        then = {"a": "b", "b": "c", "c": "b"}[here]
        following = (
            {"next_page": then} if request.path == "/v1/files" else {"has_more": True, "last_id": then}
        )
        return json({"data": [{"id": then}], **following})

    asked = Asked(circle)
    with pytest.raises(APIResponseError, match="The list has no end"):
        go(door(asked), ask, items)
    assert 3 == len(asked.requests)


def test_a_page_may_be_asked_for_again():
    page = Door(Asked(by_page)).client.files.list(limit=2)
    assert [["x_2", "x_3"]] * 2 == [[item.id for item in page.get_next_page().records()] for _ in range(2)]
    assert NAMES == [item.id for item in page]


MISSHAPEN = ({"data": 5}, {"data": {"id": "x"}}, {"data": "abc"}, {"data": [1, None, []], "has_more": True})


@both
@pytest.mark.parametrize("body", MISSHAPEN, ids=str)
def test_s5_a_page_of_another_form_is_one_clear_error(door: type[Door], body):
    with pytest.raises(APIResponseError) as caught:
        go(door(Asked(json(body))), lambda c: c.models.list(), items)
    assert "req_1" == caught.value.request_id


@both
def test_a_failure_in_the_middle_comes_after_what_was_read(door: type[Door]):
    asked = Asked(json({"data": ITEMS[:2], "next_page": "page_2"}), error(400))
    read = []

    def keep(page: Any) -> Any:
        if door.kind == "sync":
            return [read.append(item.id) for item in page]

        async def run() -> None:
            async for item in page:
                read.append(item.id)

        return run()

    with pytest.raises(BadRequestError):
        go(door(asked), lambda c: c.files.list(), keep)
    assert ["x_0", "x_1"] == read


@both
def test_parameters_and_options_go_along_with_every_page_even_such_as_are_read_once(door: type[Door]):
    asked = Asked(by_page)
    ids = (f"file_{n}" for n in range(2))
    go(door(asked), lambda c: c.files.list(ids=ids, workspace_id="wrkspc_1"), items)
    for request in asked.requests:
        assert ["file_0", "file_1"] == [value for name, value in request.query if name == "ids[]"]
        assert "wrkspc_1" == request.headers["anthropic-workspace-id"]


def test_a_copied_page_says_that_it_cannot_go_on():
    page = go(Door(Asked(by_page)), lambda c: c.files.list())
    for made in (pickle.loads(pickle.dumps(page)), copy.copy(page)):
        assert page == made
        assert isinstance(made, Page)
        with pytest.raises(InputError, match="A copy of a page"):
            list(made)


@both
def test_an_answer_that_is_no_page_is_one_clear_error(door: type[Door]):
    with pytest.raises(APIResponseError, match="not the API's JSON"):
        go(door(Asked(json([1, 2]))), lambda c: c.files.list(), items)
