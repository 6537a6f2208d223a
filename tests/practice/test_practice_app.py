"""How would the service answer, with no service?"""

from __future__ import annotations

import functools
import inspect
import json
import random
import threading

import pytest

from claude_magic import practice
from claude_magic.errors import ConfigError, InputError
from claude_magic.practice import Limits, shared
from claude_magic.protocol import catalog

TEXT = "The pilot costs 40 euros. Boats over 12 metres need a pilot. Fishing is forbidden."
WEATHER = {
    "name": "get_weather",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
}


def error(response):
    return json.loads(response.body)


def test_the_same_requests_in_the_same_order_give_the_same_bytes(make_api):
    def run():
        api = make_api()
        asked = [
            api.post(TEXT, stream=n % 2 == 0, tools=[WEATHER], thinking={"type": "adaptive"})
            for n in range(4)
        ]
        return [(r.headers, list(r.parts())) for r in asked]

    assert run() == run()


@pytest.mark.parametrize(
    "headers", [{"authorization": None, "x_api_key": "sk-ant-api03-x"}, {}, {"x_api_key": "no"}]
)
def test_either_way_to_give_a_key_suffices(api, headers):
    assert 200 == api.post(headers=headers).status


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        ({"authorization": None}, "x-api-key header is required"),
        ({"authorization": None, "x_api_key": "hunter2"}, "invalid x-api-key"),
        ({"authorization": "Bearer hunter2"}, "Invalid bearer token"),
        ({"authorization": "Basic practice"}, "Invalid bearer token"),
    ],
)
def test_a_key_that_is_missing_or_of_a_wrong_shape_is_refused(api, headers, message):
    response = api.post(headers=headers)
    told = f"{message}: the practice server takes a key that begins with practice or sk-ant-"
    assert (401, "authentication_error", told) == (response.status, *error(response)["error"].values())
    assert "hunter2" not in repr(response.headers)
    assert "anthropic-workspace-id" not in response.headers


@pytest.mark.parametrize("version", [None, "2027-01-01", ""])
def test_a_version_is_required_and_known(api, version):
    assert (400, "anthropic-version: ") == (
        api.post(headers={"anthropic_version": version}).status,
        api.refused(headers={"anthropic_version": version})[1][:19],
    )


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/"), ("GET", "/v1/messages"), ("GET", "/v1/complete"), ("GET", "/v1/models/a/b")],
)
def test_everything_else_is_not_found(api, method, path):
    response = api.send(method, path)
    assert (404, "not_found_error") == (response.status, error(response)["error"]["type"])


def test_a_beta_query_is_ignored(api):
    assert 200 == api.send("GET", "/v1/models", query=[("beta", "true")]).status


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'"x"', b"\xff", b"[" * 100_000, b'{"a":' * 5000 + b"1" + b"}" * 5000]
)
def test_a_body_that_is_no_object_of_json_is_refused(api, body):
    assert 400 == api.send("POST", "/v1/messages", body).status


SHORT = {"type": "text", "text": "b"}
SOUND = {
    "model": "claude-haiku-5-5",
    "max_tokens": 100,
    "messages": [
        {"role": "user", "content": [
            {"type": "text", "text": "hi", "cache_control": {"type": "ephemeral"}},
            {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "a"}]}},
            {"type": "search_result", "source": "s", "title": "", "content": [SHORT]},
        ]},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "b", "input": {}}]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "a", "content": [{"type": "text", "text": "x"}]},
        ]},
    ],
    "tools": [{"name": "b", "input_schema": {"type": "object", "properties": {
        "x": {"$ref": "#/$defs/y"}, "z": {"type": "array", "items": {"enum": [1, "b"]}}},
        "$defs": {"y": {"anyOf": [{"type": "integer"}, {"type": ["string", "null"]}]}}}}],
    "system": [{"type": "text", "text": "s"}],
    "tool_choice": {"type": "any"},
    "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": {
        "type": "object", "properties": {"x": {"type": "number"}}, "additionalProperties": False}}},
    "stop_sequences": ["z"],
    "thinking": {"type": "adaptive"},
    "metadata": {"user_id": "u"},
}  # fmt: skip
JUNK = [
    None,
    True,
    -1,
    1.5,
    "",
    "x",
    [],
    {},
    [None],
    [[]],
    {"type": None},
    {"type": "text"},
    10**30,
    "\ud83d",
    {"$ref": "#"},
]


def spoiled(value, dice, odds):
    """A copy with a part of it, here and there, left out or something else in its place."""
    if dice.random() < odds:
        return dice.choice(JUNK)
    if isinstance(value, dict):
        return {k: spoiled(v, dice, odds) for k, v in value.items() if dice.random() > odds / 2}
    return [spoiled(v, dice, odds) for v in value] if isinstance(value, list) else value


@pytest.mark.parametrize("odds", [0.0, 0.01, 0.05])
def test_no_body_makes_the_server_raise(api, odds):
    dice = random.Random(7)
    statuses = set()
    for _ in range(1500):
        response = api.send("POST", "/v1/messages", spoiled(SOUND, dice, odds))
        statuses.add(response.status)
        list(response.parts())
    assert ({200, 400} if odds else {200, 429}) <= statuses <= {200, 400, 404, 429}


def test_a_deep_schema_is_refused_not_fatal(api):
    schema = {}
    for _ in range(900):
        schema = {"type": "array", "items": schema}
    output = {"format": {"type": "json_schema", "schema": schema}}
    assert 400 == api.post(output_config=output).status


def test_an_encoded_body_is_refused_with_its_code(api):
    response = api.post(headers={"content_encoding": "br"})
    assert {"error_code": "request_body_encoding_unsupported"} == error(response)["error"]["details"]


def test_more_than_32_megabytes_are_too_large(api):
    assert 413 == api.send("POST", "/v1/messages", b" " * (32 * 2**20 + 1), authorization=None).status
    assert 400 == api.send("POST", "/v1/messages", b" " * (32 * 2**20)).status


def test_every_answer_carries_the_services_headers(api):
    for response in (
        api.post(TEXT),
        api.post(""),
        api.post(TEXT, stream=True),
        api.send("GET", "/v1/models"),
    ):
        assert response.headers["request-id"].startswith("req_")
        assert {"anthropic-organization-id", "anthropic-workspace-id", "content-type"} <= set(
            response.headers
        )
    assert 12 == sum(name.startswith("anthropic-ratelimit-") for name in api.post(TEXT).headers)


def test_an_error_names_the_request_in_body_and_header(api):
    response = api.post("")
    assert response.headers["request-id"] == error(response)["request_id"]


def test_request_limits_are_kept_and_told_and_filled_again(make_api):
    api = make_api(limits=Limits(requests=2))
    first = api.post().headers
    assert ("2", "1") == (
        first["anthropic-ratelimit-requests-limit"],
        first["anthropic-ratelimit-requests-remaining"],
    )
    assert "1970-01-12T13:47:10Z" == first["anthropic-ratelimit-requests-reset"]
    api.post()
    refused = api.post()
    assert (429, "rate_limit_error", "30") == (
        refused.status,
        error(refused)["error"]["type"],
        refused.headers["retry-after"],
    )
    api.now += 30
    assert 200 == api.post().status


def test_token_limits_count_what_was_asked_and_answered(make_api):
    assert (
        429
        == [(api := make_api(limits=Limits(input_tokens=1000))), api.post("x " * 800), api.post("x " * 800)][
            -1
        ].status
    )
    assert (
        429 == [(api := make_api(limits=Limits(output_tokens=20))), api.post(TEXT), api.post(TEXT)][-1].status
    )


def test_models_of_another_line_and_counting_have_limits_of_their_own(make_api):
    api = make_api(limits=Limits(requests=1))
    api.post()
    assert 429 == api.post(model="claude-haiku-4-5").status
    assert 200 == api.post(model="claude-opus-5").status
    assert 200 == api.post(path="/v1/messages/count_tokens", max_tokens=...).status


def test_usage_and_count_tokens_agree(api):
    asked = {"system": "Be brief.", "tools": [WEATHER]}
    assert api.count(TEXT, **asked) == api.message(TEXT, **asked)["usage"]["input_tokens"]


def test_the_newer_tokenizer_counts_more(api):
    new, old = api.count("word " * 1000), api.count("word " * 1000, model="claude-sonnet-4-5")
    assert 1.25 < new / old < 1.35


def test_models_are_listed_newest_first_and_paged(api):
    whole = json.loads(api.send("GET", "/v1/models", query=[("limit", "1000")]).body)
    seen, after = [], []
    while True:
        page = json.loads(api.send("GET", "/v1/models", query=[("limit", "7"), *after]).body)
        seen += page["data"]
        after = [("after_id", page["last_id"])]
        if not page["has_more"]:
            break
    assert whole["data"] == seen
    assert sorted((m["created_at"] for m in seen), reverse=True) == [m["created_at"] for m in seen]
    assert {"active", "deprecated"} == {m["lifecycle"] for m in seen}
    before = json.loads(
        api.send("GET", "/v1/models", query=[("limit", "2"), ("before_id", seen[5]["id"])]).body
    )
    assert (seen[3:5], True) == (before["data"], before["has_more"])


def test_retired_models_are_listed_when_asked_for(api):
    page = json.loads(api.send("GET", "/v1/models", query=[("lifecycle[]", "retired")]).body)
    assert {"retired"} == {m["lifecycle"] for m in page["data"]}


@pytest.mark.parametrize(
    "query", [("limit", "0"), ("limit", "1001"), ("limit", "x"), ("after_id", "x"), ("lifecycle[]", "x")]
)
def test_a_wrong_page_is_refused(api, query):
    assert 400 == api.send("GET", "/v1/models", query=[query]).status


def test_a_model_is_found_by_alias_and_told_by_id(api):
    found = json.loads(api.send("GET", "/v1/models/claude-sonnet-4-5").body)
    assert ("claude-sonnet-4-5-20250929", 64_000) == (found["id"], found["max_tokens"])
    assert 404 == api.send("GET", "/v1/models/claude-3-opus-20240229").status
    assert 404 == api.send("GET", "/v1/models/sonnet").status


def test_capabilities_are_those_of_the_catalogue(api):
    found = {
        m["id"]: m for m in json.loads(api.send("GET", "/v1/models", query=[("limit", "99")]).body)["data"]
    }
    assert len(found) == sum(m.status != "retired" for m in catalog.all_models())
    effort = found["claude-opus-4-5-20251101"]["capabilities"]["effort"]
    assert ({"supported": True}, {"supported": False}) == (effort["high"], effort["max"])


def test_a_hundred_threads_get_ids_of_their_own(api):
    ids = []
    threads = [threading.Thread(target=lambda: ids.append(api.message()["id"])) for _ in range(100)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert 100 == len(set(ids))


@pytest.fixture
def none_yet(monkeypatch):
    """A process whose own practice server is not made yet; the real one is back at the end."""
    monkeypatch.setattr(practice, "_shared", functools.cache(practice._shared.__wrapped__))


@pytest.mark.usefixtures("none_yet")
@pytest.mark.parametrize("speed", ["fast", "0", "-1", "inf", "nan"])
def test_an_unusable_speed_in_the_environment_is_told(monkeypatch, speed):
    monkeypatch.setenv("CLAUDE_MAGIC_PRACTICE_SPEED", speed)
    with pytest.raises(ConfigError, match="CLAUDE_MAGIC_PRACTICE_SPEED"):
        shared()


@pytest.mark.usefixtures("none_yet")
def test_the_shared_server_is_one_and_set_up_by_the_environment(monkeypatch):
    monkeypatch.setenv("CLAUDE_MAGIC_PRACTICE_SPEED", "80")
    assert (80.0, True) == (shared().speed, shared() is shared())


@pytest.mark.parametrize("speed", [0, -5, float("nan")])
def test_an_unusable_speed_is_told(make_api, speed):
    with pytest.raises(InputError, match="speed"):
        make_api(speed=speed)


def test_a_lesson_that_is_not_there_is_told(make_api, tmp_path):
    with pytest.raises(InputError, match="cannot be read"):
        make_api(script=tmp_path / "none.toml")


def test_the_server_says_how_fast_it_is_and_what_it_was_asked(api):
    assert "<Practice: answers at once; requests until now: 0>" == repr(api.app)
    api.message()
    api.app.speed = 80
    assert "<Practice: answers at 80 tokens a second; requests until now: 1>" == repr(api.app)
    assert "lru_cache" not in (inspect.getdoc(type(shared)) or "")
    assert inspect.isfunction(shared)
