"""Is every row of the table a method of both clients that says what it is and does what it says?"""

from __future__ import annotations

import inspect
import pickle
from typing import Any

import pytest

from claude_magic.api.client import Client
from claude_magic.api.feeds import AsyncFeed, Feed
from claude_magic.api.pages import AsyncPage, Page
from claude_magic.api.spaces import Space
from claude_magic.app import Request, Response
from claude_magic.errors import (
    APIConnectionError,
    APIError,
    AuthenticationError,
    ClaudeError,
    ConfigError,
    InputError,
    InternalServerError,
)
from claude_magic.policy import Call, Fault, Sleep, exchange
from claude_magic.protocol.endpoints import ENDPOINTS, Endpoint, Param
from claude_magic.wire import Record
from tests.doors import ASK, KEY, Asked, Door, answer, error, events, json
from tests.loopback import HEAD, request_of, serving
from tests.ways import both, go, items

ADMIN = "sk-ant-admin01-" + "not-a-real-key-" * 3 + "abcd"
EVENTS = {"content-type": "text/event-stream", "request-id": "req_1"}


def echo(request: Request) -> Response:
    """Answer what was asked, in the form that the call is answered in."""
    if request.path.endswith("/stream"):
        return Response(200, EVENTS, b'data: {"path": "%s"}\n\n' % request.path.encode())
    if request.path.endswith(("/content", "/results")):
        return Response(200, {"request-id": "req_1"}, b'{"path": "%s"}\n' % request.path.encode())
    message = answer() if request.path == "/v1/messages" else {}
    return json({**message, "path": request.path, "method": request.method, "data": []})


# What can be seen


def test_dir_shows_every_part_and_call(client: Client):
    assert {"beta", "files", "messages", "models", "organization", "request", "skills"} <= set(dir(client))
    assert {"list", "upload", "download", "delete", "retrieve_metadata"} <= set(dir(client.files))
    assert {"workspaces", "users", "analytics", "retrieve"} <= set(dir(client.organization))


def test_a_part_shows_what_is_in_it(client: Client):
    assert "<client.models: list, retrieve>" == repr(client.models)
    assert repr(client.beta).startswith("<client.beta: agents, ")


@pytest.mark.parametrize(
    ("ask", "told"),
    [
        (lambda c: c.file, "The API has no file; did you mean files?"),
        (lambda c: c.files.lst, "The API has no files.lst; did you mean list?"),
        (lambda c: c.files.retrieve, "The API has no files.retrieve; did you mean retrieve_metadata?"),
        (lambda c: c.models.zzz, "The API has no models.zzz; there are list, retrieve"),
        (
            lambda c: c.messages.with_raw_response,
            "The API has no messages.with_raw_response: every answer has its status and headers in .response",
        ),
    ],
)
def test_a_name_that_is_none_names_the_nearest(client: Client, ask, told):
    with pytest.raises(AttributeError) as caught:
        ask(client)
    assert told == str(caught.value)
    assert not hasattr(client.files, "_repr_html_")


def test_a_method_has_the_rows_signature_and_documentation(client: Client):
    method = client.organization.workspaces.members.update
    takes = "workspace_id: 'str', user_id: 'str', *, workspace_role: 'str', **options: 'Any'"
    assert f"({takes}) -> 'WorkspaceMember'" == str(inspect.signature(method))
    assert "client.organization.workspaces.members.update" == method.__qualname__
    assert "POST /v1/organizations/workspaces/{workspace_id}/members/{user_id}" in method.__doc__
    assert ENDPOINTS["organization.workspaces.members.update"].doc in method.__doc__


@pytest.mark.parametrize("row", ENDPOINTS.values(), ids=lambda row: row.name)
def test_every_row_is_a_method_with_one_documentation(client: Client, row):
    method = _method(client, row)
    assert inspect.getdoc(method)
    assert "**" in str(inspect.signature(method))
    assert row.doc.startswith("https://platform.claude.com/docs/en/")


def test_a_part_is_made_once_and_the_beta_part_is_the_same(client: Client):
    assert client.files is client.files
    assert type(client.files) is type(client.beta.files)
    assert client.agents.list.__doc__ == client.beta.agents.list.__doc__
    assert isinstance(client.beta, Space)


# What is sent


@both
def test_path_parameters_come_by_place_by_name_or_mixed_in_the_official_sdks_way(door: type[Door]):
    asked = Asked(echo)
    ways = [
        lambda c: c.organization.workspaces.members.retrieve("w", "u"),
        lambda c: c.organization.workspaces.members.retrieve("u", workspace_id="w"),
        lambda c: c.organization.workspaces.members.retrieve("w", user_id="u"),
        lambda c: c.organization.workspaces.members.retrieve(user_id="u", workspace_id="w"),
    ]
    for way in ways:
        assert "/v1/organizations/workspaces/w/members/u" == go(door(asked), way).path


@both
def test_what_the_api_gave_stands_for_its_id(door: type[Door]):
    batch = Record({"id": "msgbatch_1", "type": "message_batch"})
    made = door(Asked(echo))
    assert "/v1/messages/batches/msgbatch_1" == go(made, lambda c: c.messages.batches.retrieve(batch)).path
    with pytest.raises(InputError, match="needs model_id"):
        go(made, lambda c: c.models.retrieve({"type": "model"}))


@pytest.mark.parametrize(
    ("ask", "told"),
    [
        (lambda c: c.models.retrieve(), "models.retrieve needs model_id"),
        (lambda c: c.models.retrieve(None), "models.retrieve needs model_id"),
        (lambda c: c.models.retrieve("a", "b"), "models.retrieve takes model_id by place"),
        (lambda c: c.models.list(5), "models.list takes keywords only"),
        (lambda c: c.organization.workspaces.members.retrieve("u"), "retrieve needs user_id"),
        (lambda c: c.models.retrieve("a", model_id="b"), "takes model_id by place"),
    ],
)
def test_a_call_with_too_few_or_too_many_names_is_one_clear_error(ask, told):
    asked = Asked(echo)
    with pytest.raises(InputError, match=told):
        go(Door(asked), ask)
    assert [] == asked.requests


@both
@pytest.mark.parametrize("version", ["2026-10-21", "2023-06-01"])
def test_every_row_is_asked_for_and_answered_through_both_clients(door: type[Door], version):
    asked = Asked(echo)
    made = door(asked, admin_key=ADMIN, anthropic_version=version)
    for row in ENDPOINTS.values():
        names = {name: f"{name}-1" for name in row.names}
        given: dict[str, Any] = {p.name: _value(p) for p in row.params.values() if p.needed}
        found = go(made, lambda c, row=row, given=given, names=names: _method(c, row)(**names, **given))
        request = asked.requests[-1]
        assert (row.method, row.path.format(**names)) == (request.method, request.path), row.name
        assert version == request.headers["anthropic-version"]
        assert ",".join(row.betas) == request.headers.get("anthropic-beta", "")
        assert isinstance(found, _kind(row, door.kind)), row.name
        assert (200, "req_1") == (found.response.status, found.request_id), row.name


def _method(client: Any, row: Endpoint) -> Any:
    for word in row.name.split("."):
        client = getattr(client, word)
    return client


def _value(param: Param) -> Any:
    if param.name == "requests":
        return [{"custom_id": "a", "params": {}}]
    one = {"int": 5, "file": b"x", "dict": {}, "any": {}, "bool": True}.get(param.type, "x")
    return [one] if param.many else one


def _kind(row: Endpoint, kind: str) -> type:
    if row.kind in ("binary", "jsonl") or (row.kind, row.method) == ("sse", "GET"):
        return Feed if kind == "sync" else AsyncFeed
    return (Page if kind == "sync" else AsyncPage) if row.paging else Record


@both
def test_a_null_answer_is_none(door: type[Door]):
    assert go(door(Asked(json(None))), lambda c: c.environments.work.poll("env_1")) is None


@both
def test_an_answer_without_content_is_none(door: type[Door]):
    assert go(door(Asked(Response(204, {}))), lambda c: c.request("DELETE", "/v1/of_tomorrow/x")) is None


@both
def test_headers_with_a_name_of_their_own_are_sent_as_headers(door: type[Door]):
    asked = Asked(echo)
    go(
        door(asked),
        lambda c: c.environments.work.poll("env_1", anthropic_worker_id="w1", workspace_id="wrkspc_1"),
    )
    headers = asked.requests[0].headers
    assert ("w1", "wrkspc_1") == (headers["anthropic-worker-id"], headers["anthropic-workspace-id"])
    assert () == asked.requests[0].query
    go(door(asked, admin_key=ADMIN), lambda c: c.organization.api_keys.list(workspace_id="wrkspc_1"))
    assert (("workspace_id", "wrkspc_1"),) == asked.requests[1].query
    assert "anthropic-workspace-id" not in asked.requests[1].headers


# Any call by verb and path


@both
def test_a_request_by_path_is_the_rows_own_method(door: type[Door]):
    asked = Asked(echo)
    page = go(door(asked), lambda c: c.request("get", "/v1/models?limit=5&lifecycle[]=a&lifecycle[]=b"))
    assert isinstance(page, Page | AsyncPage)
    assert (("limit", "5"), ("lifecycle[]", "a"), ("lifecycle[]", "b")) == asked.requests[0].query
    feed = go(door(asked), lambda c: c.request("GET", "/v1/files/a%2Fb/content"))
    assert isinstance(feed, Feed | AsyncFeed)
    go(door(asked), lambda c: c.request("POST", "/v1/sessions/s/events?x=1", events=[]))
    assert (("x", "1"),) == asked.requests[2].query
    assert b'{"events":[]}' == asked.requests[2].body
    assert "managed-agents-2026-04-01" == asked.requests[2].headers["anthropic-beta"]


@both
def test_a_request_by_path_does_all_that_the_method_does(door: type[Door]):
    made = door(Asked(lambda _: Response(200, EVENTS, events("Hel", "lo"))))
    told = go(made, lambda c: c.request("POST", "/v1/messages", **ASK, stream=True), items)
    assert "message_stop" == told[-1].type
    assert told == go(made, lambda c: c.request("POST", "/v1/messages", {**ASK, "stream": True}), items)
    with pytest.raises(InputError, match="fields must be a dict"):
        go(made, lambda c: c.request("POST", "/v1/messages", [ASK]))
    with pytest.raises(InputError, match="custom_id"):
        go(made, lambda c: c.request("POST", "/v1/messages/batches", requests=[{"params": {}}]))


@both
def test_a_range_in_a_path_is_a_range(door: type[Door]):
    asked = Asked(echo)
    go(
        door(asked),
        lambda c: c.request("GET", "/v1/sessions?created_at[gte]=a&created_at%5Blt%5D=b", limit=2),
        items,
    )
    assert (("created_at[gte]", "a"), ("created_at[lt]", "b"), ("limit", "2")) == asked.requests[0].query


@both
def test_a_path_that_the_table_does_not_know_is_asked_for_all_the_same(door: type[Door], tmp_path):
    asked = Asked(echo)
    found = go(door(asked), lambda c: c.request("GET", "/v1/of tomorrow/{x}", ids=["a"], deep={"b": 1}))
    assert "/v1/of tomorrow/{x}" == found.path
    assert (("ids[]", "a"), ("deep[b]", "1")) == asked.requests[0].query
    go(door(asked), lambda c: c.request("PUT", "/v1/of_tomorrow?a=1", b=2))
    assert ("PUT", (("a", "1"),), b'{"b":2}') == (
        asked.requests[1].method,
        asked.requests[1].query,
        asked.requests[1].body,
    )
    (tmp_path / "a.csv").write_bytes(b"1,2")
    go(door(asked), lambda c: c.request("POST", "/v1/of_tomorrow", file=tmp_path / "a.csv", name="x"))
    assert asked.requests[2].headers["content-type"].startswith("multipart/form-data")
    assert b'filename="a.csv"' in asked.requests[2].body


ESCAPES = ["v1/models", "https://evil.example/v1", "//evil.example", "/v1/../x", "/v1/%2e%2e/x", "/v1//x"]
ESCAPES += ["/v1/a%2f..%2fb", "/v1/a%5c..", "/v1/a\n", "/v1/models/", "/", "", "/v1/%00"]


@pytest.mark.parametrize("path", ESCAPES, ids=repr)
def test_a_path_that_would_escape_is_refused(path):
    asked = Asked(echo)
    with pytest.raises(InputError, match="is no call of the API"):
        go(Door(asked), lambda c: c.request("GET", path))
    with pytest.raises(InputError, match="is no call of the API"):
        go(Door(asked), lambda c: c.request("G ET", "/v1/models"))
    assert [] == asked.requests


def test_a_fragment_stays_in_the_path():
    seen: list[bytes] = []

    def handle(connection: Any) -> None:
        seen.append(request_of(connection).split(b" HTTP/")[0])
        connection.sendall(HEAD + b"content-length: 2\r\n\r\n{}")

    with serving(handle) as url:
        go(Door(url), lambda c: c.request("GET", "/v1/of_tomorrow/a#b"))
    assert [b"GET /v1/of_tomorrow/a%23b"] == seen


# Two keys


@both
def test_k2_the_admin_key_goes_to_the_organizations_calls_alone(door: type[Door]):
    asked = Asked(echo)
    made = door(asked, admin_key=ADMIN)
    for ask in (
        lambda c: c.organization.users.list(),
        lambda c: c.request("GET", "/v1/organizations/of_tomorrow"),
        lambda c: c.compliance.groups.list(),
        lambda c: c.models.list(),
        lambda c: c.messages.create(**ASK),
        lambda c: c.request("GET", "/v1/of_tomorrow"),
    ):
        go(made, ask)
    wanted = [f"Bearer {ADMIN}"] * 3 + [f"Bearer {KEY}"] * 3
    assert wanted == [request.headers["authorization"] for request in asked.requests]


@both
def test_k2_the_admin_key_is_cleaned_from_answers_and_shown_nowhere(door: type[Door]):
    made = door(Asked(json({"data": [{"id": ADMIN}], "has_more": False})), admin_key=ADMIN)
    found = go(made, lambda c: c.organization.users.list(), items)
    assert ADMIN not in str(found)
    assert "<key …abcd>" == found[0].id
    assert ADMIN not in repr(made.client) + str(vars(made.client))
    refusal = json({"error": {"message": f"no {ADMIN}"}}, 401)
    with pytest.raises(AuthenticationError) as caught:
        go(door(Asked(refusal), admin_key=ADMIN), lambda c: c.organization.users.list())
    assert ADMIN not in str(caught.value) + str(caught.value.body)


@both
def test_without_an_admin_key_a_refusal_says_how_to_give_one(door: type[Door]):
    with pytest.raises(ClaudeError) as caught:
        go(door(Asked(error(403, "permission_error"))), lambda c: c.organization.users.list())
    assert "ANTHROPIC_ADMIN_KEY" in caught.value.hint


@both
def test_where_another_key_is_given_as_the_admin_key_a_refusal_says_which_it_must_be(door: type[Door]):
    made = door(Asked(error(401, "authentication_error")), admin_key=KEY)
    with pytest.raises(AuthenticationError) as caught:
        go(made, lambda c: c.organization.users.list())
    assert "sk-ant-admin" in caught.value.hint


def test_with_an_admin_key_alone_only_the_organizations_calls_are_made():
    asked = Asked(echo)
    made = Door(asked, api_key=None, admin_key=ADMIN)
    assert [] == go(made, lambda c: c.organization.users.list(), items)
    with pytest.raises(ConfigError, match="There is no API key"):
        go(made, lambda c: c.models.list())
    assert 1 == len(asked.requests)


# What is repeated


def lost(times: int) -> tuple[list[str], Any]:
    """Return a server that reads a request whole and closes without an answer, so many times."""
    seen: list[str] = []

    def handle(connection: Any) -> None:
        seen.append(request_of(connection).split(b" HTTP/")[0].decode())
        if len(seen) > times:
            connection.sendall(HEAD + b"content-length: 2\r\n\r\n{}")

    return seen, handle


ONCE: dict[str, Any] = {
    "files.list(": lambda c, **options: c.files.upload(b"x", **options),
    "messages.batches.list(": lambda c, **options: c.messages.batches.create(requests=[], **options),
    "organization.invites.list(": lambda c, **options: c.organization.invites.create(
        email="a@b.example", role="user", **options
    ),
    "what is there": lambda c, **options: c.request("POST", "/v1/of_tomorrow", **options),
}
every_once = pytest.mark.parametrize(("where", "ask"), ONCE.items(), ids=ONCE)


@both
@every_once
def test_m5_what_would_be_made_twice_is_not_repeated_when_its_fate_is_unknown(door: type[Door], where, ask):
    seen, handle = lost(1)
    with serving(handle) as url, pytest.raises(APIConnectionError) as caught:
        go(door(url, admin_key=ADMIN), ask)
    assert 1 == len(seen)
    assert "It may have been done: look at" in caught.value.hint
    assert where in caught.value.hint


@both
@every_once
@pytest.mark.parametrize("status", [500, 502, 504, 524])
def test_m5_what_would_be_made_twice_is_not_repeated_when_a_gateway_lost_its_answer(
    door: type[Door], where, ask, status
):
    asked = Asked(error(status), json({}))
    with pytest.raises(InternalServerError) as caught:
        go(door(asked), ask)
    assert 1 == len(asked.requests)
    assert "It may have been done: look at" in caught.value.hint
    assert where in caught.value.hint


@both
@every_once
def test_m5_an_answer_that_cannot_be_read_says_how_to_look_too(door: type[Door], where, ask):
    half = HEAD + b"content-length: 100\r\n\r\n{"
    packed = HEAD + b"content-encoding: gzip\r\ncontent-length: 3\r\n\r\nabc"
    page = HEAD + b"content-length: 6\r\n\r\n<html>"
    for given in (half, packed, page):
        seen: list[bytes] = []

        def handle(connection: Any, given: bytes = given, seen: list[bytes] = seen) -> None:
            seen.append(request_of(connection))
            connection.sendall(given)

        with serving(handle) as url, pytest.raises(APIError) as caught:
            go(door(url, admin_key=ADMIN), ask)
        assert 1 == len(seen)
        assert where in caught.value.hint


@both
@every_once
def test_what_would_be_made_twice_is_repeated_when_the_service_itself_refused_it(
    door: type[Door], where, ask
):
    for status in (429, 503, 529):
        asked = Asked(error(status, retry_after="0.001"), json({}))
        go(door(asked), ask)
        assert 2 == len(asked.requests)


LOST, UNSENT = Fault(APIConnectionError("lost")), Fault(APIConnectionError("refused"), unsent=True)


@pytest.mark.parametrize("name", ["files.upload", "messages.batches.create", "messages.create"])
def test_m4_what_was_certainly_not_sent_is_repeated_and_what_was_lost_only_when_asked_for(name):
    steps = exchange(called(name))
    assert isinstance(next(steps), Call)
    assert isinstance(steps.send(UNSENT), Sleep)
    assert isinstance(next(steps), Call)
    with pytest.raises(APIConnectionError, match="lost"):
        steps.send(LOST)
    steps = exchange(called(name, retry_unknown=True))
    assert isinstance(next(steps), Call)
    assert isinstance(steps.send(LOST), Sleep)


@pytest.mark.parametrize("name", ["models.list", "agents.archive", "messages.count_tokens", "files.delete"])
def test_what_can_be_asked_twice_is_repeated(name):
    steps = exchange(called(name))
    assert isinstance(next(steps), Call)
    assert isinstance(steps.send(LOST), Sleep)


def called(name: str, **options: Any) -> Call:
    row = ENDPOINTS[name]
    return Call(Request(row.method, row.path), free=not row.paid, once="look" if row.once else "", **options)


# What comes back


def test_what_came_back_can_be_pickled():
    made = Door(Asked(echo))
    for ask in (
        lambda c: c.files.delete("file_1"),
        lambda c: c.messages.create(**ASK),
        lambda c: c.models.list(),
    ):
        found = go(made, ask)
        assert found == pickle.loads(pickle.dumps(found))
