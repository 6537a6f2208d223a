"""Does each call say on the wire what its arguments say, and is bad input stopped before it is sent?"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Iterator
from typing import Any

import httpx
import httpx2
import pytest

import claude_magic
from claude_magic import keys
from claude_magic.api.client import AsyncClient, Client
from claude_magic.errors import (
    AuthenticationError,
    ConfigError,
    InputError,
    NotFoundError,
    RateLimitError,
    RequestTooLargeError,
)
from claude_magic.protocol.endpoints import ENDPOINTS
from claude_magic.wire import Message, decode, encode, plain
from tests.doors import ASK, DOORS, KEY, Asked, AsyncDoor, Door, answer, error, json
from tests.loopback import HEAD, request_of, serving

both = pytest.mark.parametrize("door", DOORS, ids=lambda d: d.kind)


@both
def test_the_body_is_the_arguments_and_nothing_else(door: type[Door]) -> None:
    asked = Asked(json(answer()))
    with pytest.warns(UserWarning, match=r"messages\.create is not known to take 'of_tomorrow'"):
        door(asked).create(system="Be brief.", of_tomorrow={"x": 1}, cache_control=None)
    wanted = {**ASK, "system": "Be brief.", "of_tomorrow": {"x": 1}, "cache_control": None}
    assert wanted == plain(decode(asked.requests[0].body))
    assert ("POST", "/v1/messages", ()) == (
        asked.requests[0].method,
        asked.requests[0].path,
        asked.requests[0].query,
    )


@both
def test_options_of_a_call_travel_where_they_belong(door: type[Door]) -> None:
    asked = Asked(json(answer()))
    door(asked, default_headers={"X-Team": "blue", "X-Gone": "1"}).create(
        extra_headers={"X-One": "1", "x-gone": None, "X-Team": "red"},
        extra_query={"beta": True, "ids": ["a", "b"]},
        extra_body={"top_k": 3},
        betas=["one-2026-01-01", "two-2026-01-01"],
        user_profile_id="uprof_1",
        workspace_id="wrkspc_1",
        timeout=5,
        max_retries=0,
        retry_unknown=True,
        total_timeout=9,
    )
    sent = asked.requests[0]
    named = ("x-one", "x-team", "anthropic-beta", "anthropic-user-profile-id", "anthropic-workspace-id")
    assert ["1", "red", "one-2026-01-01,two-2026-01-01", "uprof_1", "wrkspc_1"] == [
        sent.headers[n] for n in named
    ]
    assert (("beta", "true"), ("ids[]", "a"), ("ids[]", "b")) == sent.query
    assert {**ASK, "top_k": 3} == plain(decode(sent.body))


def test_headers_that_are_no_dict_are_refused_by_their_name() -> None:
    for make in (Client, Client(base_url="practice:").with_options):
        with pytest.raises(InputError, match="default_headers must be a dict, not int"):
            make(default_headers=5)  # type: ignore[arg-type]


def test_custom_headers_of_the_environment_lose_against_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_CUSTOM_HEADERS", "X-One: env\nX-Two: env")
    asked = Asked(json(answer()))
    Door(asked, default_headers={"x-two": "argument"}).create()
    assert ("env", "argument") == (asked.requests[0].headers["x-one"], asked.requests[0].headers["x-two"])


def test_a_credential_header_of_the_callers_own_replaces_ours() -> None:
    asked = Asked(json(answer()))
    Door(asked, api_key=None, default_headers={"X-Api-Key": "of-a-gateway"}).create()
    assert "of-a-gateway" == asked.requests[0].headers["x-api-key"]
    assert "authorization" not in asked.requests[0].headers


@both
def test_the_older_version_can_be_chosen(door: type[Door]) -> None:
    asked = Asked(json(answer()))
    door(asked, anthropic_version="2023-06-01").create()
    assert "2023-06-01" == asked.requests[0].headers["anthropic-version"]


@both
def test_no_key_is_told_at_the_first_call_with_the_way_out(door: type[Door]) -> None:
    with pytest.raises(ConfigError) as caught:
        door(Asked(json(answer())), api_key=None).create()
    assert "%claude login" in caught.value.hint
    assert "%claude practice on" in caught.value.hint


def test_the_environment_names_key_token_and_address(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Asked(json(answer()))
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "token-of-the-environment")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "https://gate.example/x")
    Door(asked, api_key=None, base_url=None).create()
    assert "Bearer token-of-the-environment" == asked.requests[0].headers["authorization"]
    assert ("gate.example", "/x/v1/messages") == (asked.requests[0].headers["host"], asked.requests[0].path)


@both
def test_a_request_over_the_limit_is_not_sent(door: type[Door]) -> None:
    asked = Asked(json(answer()))
    with pytest.raises(RequestTooLargeError, match=r"33\.0 MB; /v1/messages takes 32 MB") as caught:
        door(asked).create(messages=[{"role": "user", "content": "x" * (33 * 2**20)}])
    assert (413, []) == (caught.value.status, asked.requests)


@both
def test_what_json_cannot_hold_is_told_and_not_sent(door: type[Door]) -> None:
    asked = Asked(json(answer()))
    with pytest.raises(InputError, match="JSON"):
        door(asked).create(metadata={"f": object()})
    assert [] == asked.requests


@both
@pytest.mark.parametrize("headers", [{"X-Bad\n": "1"}, {"X": "a\r\nInjected: 1"}, {"X": "café"}], ids=repr)
def test_a_header_that_http_does_not_allow_is_told_and_not_sent(
    door: type[Door], headers: dict[str, str]
) -> None:
    asked = Asked(json(answer()))
    with pytest.raises(InputError, match="header"):
        door(asked).create(extra_headers=headers)
    assert [] == asked.requests


@both
@pytest.mark.parametrize(
    "option",
    [
        {"extra_headers": "x: 1"},
        {"extra_body": 5},
        {"extra_query": "a=b"},
        {"betas": 5},
        {"betas": ["caf\u00e9"]},
        {"timeout": "soon"},
        {"timeout": -1},
        {"total_timeout": float("nan")},
        {"max_retries": None},
        {"user_profile_id": "a\nb"},
    ],
    ids=str,
)
def test_s5_an_unusable_option_of_a_call_is_named_and_nothing_is_sent(
    door: type[Door], option: dict[str, Any]
) -> None:
    asked = Asked(json(answer()))
    with pytest.raises(InputError, match=next(iter(option))) as caught:
        door(asked).create(**option)
    assert caught.value.hint
    assert [] == asked.requests


@both
@pytest.mark.parametrize(
    "option", [{"max_bytes": None}, {"max_bytes": -1}, {"anthropic_version": 5}, {"timeout": True}], ids=str
)
def test_s5_an_unusable_option_of_a_client_is_named_when_it_is_made(
    door: type[Door], option: dict[str, Any]
) -> None:
    asked = Asked(json(answer()))
    with pytest.raises(InputError, match=next(iter(option))):
        door(asked, **option)
    with pytest.raises(InputError, match=next(iter(option))):
        door(asked).client.with_options(**option)


@both
@pytest.mark.parametrize("timeout", [None, 5, httpx2.Timeout(5, read=9), httpx.Timeout(5, connect=2)])
def test_a_timeout_may_be_given_in_the_ways_of_the_official_sdk(door: type[Door], timeout: Any) -> None:
    assert "Hello back" == door(Asked(json(answer())), timeout=timeout).create().text


@both
def test_messages_may_come_from_an_iterator(door: type[Door]) -> None:
    asked = Asked(json(answer()))
    door(asked).create(messages=iter(ASK["messages"]))
    assert ASK["messages"] == decode(asked.requests[0].body).messages


@both
def test_count_tokens_and_retrieve_answer_records(door: type[Door]) -> None:
    assert 14 == door(Asked(json({"input_tokens": 14}))).count().input_tokens
    asked = Asked(json({"type": "model", "id": "claude-haiku-5-5"}))
    assert "claude-haiku-5-5" == door(asked).model("a/b").id


@both
def test_an_id_cannot_lead_to_another_path(door: type[Door]) -> None:
    seen: list[bytes] = []

    def handle(connection: socket.socket) -> None:
        seen.append(request_of(connection).partition(b" HTTP")[0])
        connection.sendall(HEAD + b"connection: close\r\n\r\n{}")

    with serving(handle) as url:
        for name in ("a/b", "a?b=c#d", "é%2f"):
            door(url).model(name)
    made = (b"a%2Fb", b"a%3Fb=c%23d", b"%C3%A9%252f")
    assert [b"GET /v1/models/" + name for name in made] == seen
    for name in ("../messages", "..", ".", "", "a/../b", "a\\..", "a\n"):
        with pytest.raises(InputError, match="model_id cannot be"):
            door(Asked(json({}))).model(name)


@both
def test_a_list_fetches_its_pages_as_they_are_reached(door: type[Door]) -> None:
    def page(first: int, more: bool) -> Any:
        data = [{"id": f"m{i}"} for i in range(first, first + 2)]
        return json({"data": data, "has_more": more, "last_id": data[-1]["id"]})

    asked = Asked(page(0, True), page(2, True), page(4, False))
    models = door(asked).models(limit=2, lifecycle=["active", "retired"])
    assert [f"m{i}" for i in range(6)] == [m.id for m in models]
    filters = (("limit", "2"), ("lifecycle[]", "active"), ("lifecycle[]", "retired"))
    assert [filters, (*filters, ("after_id", "m1")), (*filters, ("after_id", "m3"))] == [
        r.query for r in asked.requests
    ]


@both
def test_an_answer_knows_its_response(door: type[Door]) -> None:
    message = door(Asked(json(answer(), anthropic_organization_id="org"))).create()
    assert isinstance(message, Message)
    assert message.response is not None
    assert (200, "org", "req_1") == (
        message.response.status,
        message.response.headers["anthropic-organization-id"],
        message.request_id,
    )


@both
@pytest.mark.parametrize(
    ("status", "kind"), [(401, AuthenticationError), (404, NotFoundError), (429, RateLimitError)]
)
def test_a_status_raises_its_error_with_the_attempts(
    door: type[Door], status: int, kind: type[Exception]
) -> None:
    with pytest.raises(kind) as caught:
        door(Asked(error(status, retry_after_ms="1"))).create()
    assert (status, 3 if status == 429 else 1) == (caught.value.status, len(caught.value.attempts))  # type: ignore[attr-defined]


def test_an_httpx_client_of_another_kind_is_refused() -> None:
    for other in (httpx.Client(), httpx2.AsyncClient(), object()):
        with pytest.raises(InputError, match=r"httpx2\.Client"):
            Client(KEY, http_client=other)
    with pytest.raises(InputError, match=r"httpx2\.AsyncClient"):
        AsyncClient(KEY, http_client=httpx2.Client())


def test_k1_a_header_that_proves_who_asks_is_held_as_a_key_is(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    secrets = ["of-the-environment-0", "of-the-argument-01234", "of-the-call-012345678"]
    monkeypatch.setenv("ANTHROPIC_CUSTOM_HEADERS", f"X-Gate-Token: {secrets[0]}")
    asked = Asked(json(answer(f"They are {', '.join(secrets[:2])}")))
    d = Door(asked, default_headers={"x-api-key": secrets[1]})
    call = d.client._caller.call(
        ENDPOINTS["messages.create"], {**ASK, "extra_headers": {"cookie": secrets[2]}}
    )
    message = d.create(extra_headers={"cookie": secrets[2]})
    sent = asked.requests[0].headers
    assert secrets == [sent["x-gate-token"], sent["x-api-key"], sent["cookie"]]
    held = repr(
        [keys.custom_headers(), d.client._caller.options.default_headers, call.request.headers, message]
    )
    assert [] == [s for s in secrets if s in held + caplog.text]


def test_k1_no_debug_log_of_a_call_has_the_key(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    def handle(connection: socket.socket) -> None:
        request_of(connection)
        connection.sendall(HEAD + b"connection: close\r\n\r\n" + encode(answer()))

    with serving(handle) as url:
        Client(KEY, base_url=url).messages.create(**ASK)
    assert "send_request_headers" in caplog.text
    assert KEY not in caplog.text


def test_with_options_calls_differently_and_leaves_the_first_as_it_was() -> None:
    asked = Asked(error(529, retry_after_ms="1"), error(529, retry_after_ms="1"), json(answer()))
    first = Door(asked).client
    with pytest.raises(Exception, match="529"):
        first.with_options(max_retries=0).messages.create(**ASK)
    assert "Hello back" == first.messages.create(**ASK).text


def test_with_options_may_change_the_key_and_the_address_and_adds_headers() -> None:
    asked = Asked(json(answer()))
    first = Door(asked, default_headers={"x-one": "1"}).client
    first.with_options(default_headers={"x-two": "2"}).messages.create(**ASK)
    first.with_options(api_key="another-key-9876", base_url="https://gate.example/a").messages.create(**ASK)
    first.messages.create(**ASK)
    seen = [(r.path, r.headers["authorization"], r.headers.get("x-two")) for r in asked.requests]
    assert [
        ("/v1/messages", f"Bearer {KEY}", "2"),
        ("/a/v1/messages", "Bearer another-key-9876", None),
        ("/v1/messages", f"Bearer {KEY}", None),
    ] == seen
    assert {"1"} == {r.headers["x-one"] for r in asked.requests}


def test_async_calls_run_side_by_side_in_one_loop() -> None:
    client = AsyncDoor(Asked(json(answer()))).client

    async def many() -> list[str]:
        asks = [client.messages.create(**ASK) for _ in range(20)]
        return [m.text for m in await asyncio.gather(*asks)]

    assert ["Hello back"] * 20 == asyncio.run(many())


def test_an_async_list_can_be_awaited_for_its_first_page() -> None:
    asked = Asked(json({"data": [{"id": "m0"}], "has_more": True, "last_id": "m0"}))
    client = AsyncDoor(asked).client

    async def first() -> Any:
        return await client.models.list(limit=1)

    assert ["m0"] == [m.id for m in asyncio.run(first()).data]
    assert 1 == len(asked.requests)


def test_the_practice_address_needs_no_key_and_no_network(client: Client) -> None:
    message = client.messages.create(**ASK)
    assert "practice" in message.text.lower()
    assert message.usage.output_tokens > 0


def test_the_client_shows_its_address_and_the_end_of_its_key() -> None:
    with Client(KEY, base_url="https://api.example") as made:
        assert "<Client https://api.example <key …wxyz>>" == repr(made)


def test_iterating_a_page_stops_where_the_server_says_more_but_sends_nothing() -> None:
    pages: Iterator[Any] = iter([json({"data": [], "has_more": True, "last_id": None})])
    assert [] == Door(lambda _: next(pages)).models()


def test_without_a_key_a_server_on_this_machine_is_told_the_practice_key() -> None:
    hints = []
    for url in ("http://127.0.0.1:1", "https://api.anthropic.com"):
        with pytest.raises(ConfigError) as caught:
            Client(base_url=url).models.list()
        hints.append('api_key="practice-key"' in caught.value.hint)
    assert [True, False] == hints


@both
def test_an_error_has_the_answer_it_came_in_as_the_official_sdks_has(door):
    with pytest.raises(RateLimitError) as caught:
        door(Asked(error(429, retry_after="100"))).create()
    response = caught.value.response
    assert (429, 429, "100") == (response.status, response.status_code, response.headers["retry-after"])


def test_names_of_the_official_sdk_are_there():
    assert claude_magic.AnthropicError is claude_magic.ClaudeError
    client = Client(base_url="practice:")
    assert 5 == client.copy(timeout=5)._caller.options.timeout
    assert claude_magic.practice.shared() is claude_magic.practice.shared()
