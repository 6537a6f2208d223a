"""How does a batch of messages go its way?"""

from __future__ import annotations

import json
import random
from collections import Counter

import anthropic
import pytest

from claude_magic.practice import Limits
from claude_magic.practice.stored.shelves import objects
from tests.practice.conftest import read, refused

MODEL = "claude-haiku-5-5"
PATH = "/v1/messages/batches"
TEXT = "The pilot costs 40 euros. Boats over 12 metres need a pilot."
DAY = 86_400.0
VERSIONS = ("2026-10-21", "2023-06-01")
COUNTS = dict.fromkeys(("processing", "succeeded", "errored", "canceled", "expired"), 0)


def item(custom_id, text=TEXT, **params):
    asked = {"model": MODEL, "max_tokens": 100, "messages": [{"role": "user", "content": text}]}
    return {"custom_id": custom_id, "params": {k: v for k, v in (asked | params).items() if v is not ...}}


def items(number, text=TEXT):
    return [item(f"row-{n}", f"{text} Row {n}.") for n in range(number)]


def made(api, requests, **headers):
    response = api.send("POST", PATH, {"requests": requests}, **headers)
    assert response.status == 200, read(response)
    return read(response)


def look(api, batch, **headers):
    return read(api.send("GET", f"{PATH}/{batch['id']}", **headers))


def lines(api, batch):
    response = api.send("GET", f"{PATH}/{batch['id']}/results")
    data = b"".join(response.parts())
    assert response.status == 200, data
    return [json.loads(line) for line in data.splitlines()]


def outcomes(api, batch):
    """The result of each request, by its custom_id."""
    return {line["custom_id"]: line["result"] for line in lines(api, batch)}


def ended(api, requests, *, after=60.0, **headers):
    """A batch, and the time after it has ended."""
    batch = made(api, requests, **headers)
    api.now += after
    return look(api, batch)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_new_batch_has_the_services_fields(api, version):
    assert {
        "id": "msgbatch_practice_000001_11a82fd2",
        "type": "message_batch",
        "processing_status": "in_progress",
        "request_counts": COUNTS | {"processing": 2},
        "created_at": "1970-01-12T13:46:40Z",
        "expires_at": "1970-01-13T13:46:40Z",
        "ended_at": None,
        "cancel_initiated_at": None,
        "archived_at": None,
        "results_url": None,
    } == made(api, items(2), anthropic_version=version)


def test_it_ends_after_a_second_in_the_queue_and_a_millisecond_for_each_request(api):
    batch = made(api, items(3))
    api.now += 1.0029
    assert COUNTS | {"processing": 3} == look(api, batch)["request_counts"]
    api.now += 0.0002
    found = look(api, batch)
    assert ("ended", COUNTS | {"succeeded": 3}) == (found["processing_status"], found["request_counts"])
    assert "1970-01-12T13:46:41.003Z" == found["ended_at"]
    assert f"{PATH}/{batch['id']}/results" == found["results_url"]


def test_the_address_of_the_results_is_on_the_host_that_was_asked(api):
    batch = ended(api, items(1))
    url = f"http://127.0.0.1:8484{PATH}/{batch['id']}/results"
    assert url == look(api, batch, host="127.0.0.1:8484")["results_url"]


def test_a_result_is_the_message_that_the_same_request_gets_alone_but_for_its_tier(api, make_api):
    (result,) = outcomes(api, ended(api, [item("a")])).values()
    alone = make_api().message(TEXT, max_tokens=100)
    assert ("standard", "batch") == (
        alone["usage"].pop("service_tier"),
        result["message"]["usage"].pop("service_tier"),
    )
    assert {"type": "succeeded", "message": alone} == result


@pytest.mark.parametrize("number", [2, 3, 1_201])
def test_results_come_as_json_lines_in_pieces_in_another_order_than_the_requests(api, number):
    batch = ended(api, items(number))
    response = api.send("GET", f"{PATH}/{batch['id']}/results")
    pieces = list(response.parts())
    ids = [json.loads(line)["custom_id"] for line in b"".join(pieces).splitlines()]
    asked = [f"row-{n}" for n in range(number)]
    assert ("application/x-jsonl", -(-number // 500)) == (response.headers["content-type"], len(pieces))
    assert sorted(asked) == sorted(ids)
    assert ids not in (asked, asked[::-1] if number > 2 else None)


@pytest.mark.parametrize(
    ("params", "kind", "message"),
    [
        ({"model": "claude-nothing"}, "not_found_error", "model: claude-nothing"),
        ({"max_tokens": ...}, "invalid_request_error", "max_tokens: Field required"),
        ({"max_tokens": 0}, "invalid_request_error", "max_tokens: 0 is not supported in a batch"),
        ({"max_tokens": 10**6}, "invalid_request_error", "max_tokens: 1000000 > "),
        ({"messages": []}, "invalid_request_error", "messages: at least one message is required"),
        ({"messages": [{"role": "user", "content": ""}]}, "invalid_request_error", "messages.0.content: "),
        ({"temperature": 0.5}, "invalid_request_error", "temperature: Extra inputs are not permitted"),
        ({"speed": "fast"}, "invalid_request_error", "speed: not supported in a batch"),
        ({"fallbacks": "default"}, "invalid_request_error", "fallbacks: not supported in a batch"),
        ({"stop_sequences": 7}, "invalid_request_error", "stop_sequences: Input should be a valid list"),
    ],
    ids=str,
)
def test_params_that_are_wrong_give_an_errored_result_and_no_refusal(api, params, kind, message):
    batch = ended(api, [item("sound"), item("wrong", **params)])
    result = outcomes(api, batch)["wrong"]
    assert COUNTS | {"succeeded": 1, "errored": 1} == batch["request_counts"]
    assert ("errored", "error", kind) == (
        result["type"],
        result["error"]["type"],
        result["error"]["error"]["type"],
    )
    assert message == result["error"]["error"]["message"][: len(message)]
    assert result["error"]["request_id"].startswith("req_practice_")


def test_params_are_read_by_the_version_the_batch_was_made_under(api):
    asked = [item("a", model="claude-haiku-4-5", temperature=0.5)]
    old = ended(api, asked, anthropic_version="2023-06-01")
    new = ended(api, asked)
    assert ("succeeded", "errored") == (outcomes(api, old)["a"]["type"], outcomes(api, new)["a"]["type"])


def test_a_beta_allows_longer_answers_in_a_batch_only(api):
    asked = [item("a", model="claude-opus-4-6", max_tokens=300_000)]
    beta = {"anthropic_beta": "output-300k-2026-03-24"}
    allowed, without = ended(api, asked, **beta), ended(api, asked)
    assert ("succeeded", "errored") == (
        outcomes(api, allowed)["a"]["type"],
        outcomes(api, without)["a"]["type"],
    )
    assert 400 == api.post(model="claude-opus-4-6", max_tokens=300_000, headers=beta).status


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "requests: Object missing required field `requests`"),
        ({"requests": 1}, "requests: Expected `array`, got `int`"),
        ({"requests": []}, "requests: Expected `array` of length >= 1"),
        ({"requests": [item("a")], "two\nlines": 1}, "requests: Object contains unknown field `two\nlines`"),
        ({"requests": [1]}, "requests.0: Expected `object`, got `int`"),
        ({"requests": [item("a"), {"custom_id": "b"}]}, "requests.1: Object missing required field `params`"),
        ({"requests": [item("a") | {"more": 1}]}, "requests.0: Object contains unknown field `more`"),
        ({"requests": [item(7)]}, "requests.0.custom_id: Expected `str`, got `int`"),
        ({"requests": [item("a"), item("b c")]}, "requests.1.custom_id: String should match pattern"),
        ({"requests": [item("")]}, "requests.0.custom_id: String should match pattern"),
        ({"requests": [item("a\n")]}, "requests.0.custom_id: String should match pattern"),
        ({"requests": [item("x" * 65)]}, "requests.0.custom_id: String should match pattern"),
        (
            {"requests": [item("a"), item("b"), item("a")]},
            "requests.2.custom_id: 'a' is already that of requests.0",
        ),
        (
            {"requests": [{"custom_id": "a", "params": [1]}]},
            "requests.0.params: Input should be a valid dictionary",
        ),
        ({"requests": [item("a", stream=True)]}, "requests.0.params.stream: a batch cannot be streamed"),
        (b"{", "The request body is not valid JSON"),
        (b"[]", "The request body must be a JSON object"),
        (b"", "requests: Object missing required field `requests`"),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
def test_a_body_that_is_no_list_of_requests_is_refused_at_once(api, body, message):
    status, told = refused(api.send("POST", PATH, body))
    assert (400, message) == (status, told[: len(message)])
    assert [] == read(api.send("GET", PATH))["data"]


def test_more_than_100_000_requests_are_refused_and_more_than_32_megabytes_are_not(api):
    most = b'{"requests":[' + b",".join(b'{"custom_id":"%d","params":{}}' % n for n in range(100_001)) + b"]}"
    assert (400, "requests: Expected `array` of length <= 100000") == refused(api.send("POST", PATH, most))
    large = json.dumps({"requests": [item("a")]}).encode() + b" " * (33 * 2**20)
    assert 200 == api.send("POST", PATH, large).status


def test_halves_of_characters_in_a_request_are_mended_as_in_a_message(api):
    batch = ended(
        api, json.loads(json.dumps(items(2)).replace("pilot", "pil\\\\ud83dt").replace("\\\\", "\\"))
    )
    assert COUNTS | {"succeeded": 2} == batch["request_counts"]
    assert "pil\ufffdt costs" in json.dumps(lines(api, batch), ensure_ascii=False)


def test_a_batch_that_is_canceled_keeps_what_has_ended_and_cancels_the_rest(api):
    batch = made(api, items(10))
    api.now += 1.0045
    canceling = read(api.send("POST", f"{PATH}/{batch['id']}/cancel"))
    assert ("canceling", COUNTS | {"processing": 10}, None) == (
        canceling["processing_status"],
        canceling["request_counts"],
        canceling["results_url"],
    )
    assert "1970-01-12T13:46:41.004Z" == canceling["cancel_initiated_at"]
    api.now += 0.5
    assert canceling == read(api.send("POST", f"{PATH}/{batch['id']}/cancel"))
    api.now += 0.5
    found = look(api, batch)
    assert ("ended", COUNTS | {"succeeded": 4, "canceled": 6}) == (
        found["processing_status"],
        found["request_counts"],
    )
    assert "1970-01-12T13:46:42.004Z" == found["ended_at"]
    results = outcomes(api, batch)
    assert ["succeeded"] * 4 + ["canceled"] * 6 == [results[f"row-{n}"]["type"] for n in range(10)]
    assert {"type": "canceled"} == results["row-9"]


def test_a_batch_that_has_ended_cannot_be_canceled(api):
    batch = ended(api, items(1))
    assert (400, f"{batch['id']} has ended: only a batch that is in progress can be canceled") == refused(
        api.send("POST", f"{PATH}/{batch['id']}/cancel")
    )


def test_a_batch_can_be_deleted_once_it_has_ended(api):
    batch = made(api, items(1))
    address = f"{PATH}/{batch['id']}"
    assert 400 == api.send("DELETE", address).status
    api.send("POST", f"{address}/cancel")
    assert 400 == api.send("DELETE", address).status
    api.now += 1
    assert {"id": batch["id"], "type": "message_batch_deleted"} == read(api.send("DELETE", address))
    for method, path in (("GET", ""), ("GET", "/results"), ("POST", "/cancel"), ("DELETE", "")):
        assert (404, f"Message batch '{batch['id']}' not found") == refused(api.send(method, address + path))
    assert [] == read(api.send("GET", PATH))["data"]


def test_results_are_there_from_the_end_of_a_batch_until_29_days_after_its_making(api):
    batch = made(api, items(1))
    address = f"{PATH}/{batch['id']}/results"
    assert 404 == api.send("GET", address).status
    api.now += 29 * DAY - 1
    assert (1, None) == (len(lines(api, batch)), look(api, batch)["archived_at"])
    api.now += 1
    found = look(api, batch)
    assert ("1970-02-10T13:46:40Z", None) == (found["archived_at"], found["results_url"])
    assert COUNTS | {"succeeded": 1} == found["request_counts"]
    assert 404 == api.send("GET", address).status


def test_a_silent_request_comes_late_and_a_slow_one_expires_after_a_day(api):
    batch = made(api, [item("quick"), item("late", "practice:silence@90"), item("slow", "practice:slow")])
    api.now += DAY - 1
    assert "in_progress" == look(api, batch)["processing_status"]
    api.now += 1
    found = look(api, batch)
    assert COUNTS | {"succeeded": 2, "expired": 1} == found["request_counts"]
    assert found["expires_at"] == found["ended_at"]
    assert {"type": "expired"} == outcomes(api, batch)["slow"]
    late = [used.at for used in api.app.used]
    assert [1_000_001.001, 1_000_091.002] == sorted(round(at, 3) for at in late)


@pytest.mark.parametrize(
    ("drill", "kind"),
    [
        ("429", "rate_limit_error"),
        ("500", "api_error"),
        ("529x1", "overloaded_error"),
        ("error-mid-stream", "overloaded_error"),
    ],
)
def test_a_drill_that_refuses_gives_an_errored_result(api, drill, kind):
    batch = ended(api, [item("a", f"practice:{drill} {TEXT}"), item("b", f"practice:refuse {TEXT}")])
    results = outcomes(api, batch)
    assert (kind, "refusal") == (
        results["a"]["error"]["error"]["type"],
        results["b"]["message"]["stop_reason"],
    )
    assert COUNTS | {"succeeded": 1, "errored": 1} == batch["request_counts"]


def test_a_lessons_error_gives_an_errored_result(make_api, tmp_path):
    (tmp_path / "lesson.toml").write_text('[[answer]]\ncontains = "Row 1"\nerror = 500\n')
    batch = ended(make_api(script=tmp_path / "lesson.toml"), items(3))
    assert COUNTS | {"succeeded": 2, "errored": 1} == batch["request_counts"]


def test_what_succeeded_is_charged_for_once_at_the_time_it_ended(api):
    batch = made(api, [*items(3), item("wrong", max_tokens=0), item("slow", "practice:slow")])
    assert [] == api.app.used
    api.now += 10
    api.send("POST", f"{PATH}/{batch['id']}/cancel")
    api.now += 1
    first = [*api.app.used]
    lines(api, batch)
    lines(api, batch)
    assert first == api.app.used
    told = [r["message"]["usage"] for r in outcomes(api, batch).values() if r["type"] == "succeeded"]
    assert sorted(u["input_tokens"] for u in told) == sorted(used.usage["input_tokens"] for used in first)
    assert [1_000_001.001, 1_000_001.002, 1_000_001.003] == sorted(round(used.at, 3) for used in first)
    assert {("message_batches_api", MODEL, "batch")} == {
        (used.product, used.model, used.usage["service_tier"]) for used in first
    }


def test_a_batch_that_is_deleted_unread_is_charged_for_and_a_reader_may_read_on(api):
    batch = ended(api, items(600))
    parts = api.send("GET", f"{PATH}/{batch['id']}/results").parts()
    first = next(parts)
    api.send("DELETE", f"{PATH}/{batch['id']}")
    assert 600 == len(api.app.used)
    assert 600 == len((first + b"".join(parts)).splitlines())
    assert 600 == len(api.app.used)


def test_batches_have_limits_of_their_own_on_requests_and_on_the_queue(make_api):
    api = make_api(limits=Limits(requests=2, queued=5))
    made(api, items(3))
    response = api.send("POST", PATH, {"requests": items(3)})
    assert (429, "2") == (response.status, response.headers["retry-after"])
    assert "limit of 5 batch requests in the queue" in refused(response)[1]
    assert 429 == api.send("GET", PATH).status
    assert 200 == api.post().status
    api.now += 60
    made(api, items(3))


def test_the_list_has_the_newest_first_and_pages_both_ways(api):
    ids = [made(api, items(1))["id"] for _ in range(5)][::-1]
    page = read(api.send("GET", PATH, query=[("limit", "2")]))
    assert (ids[:2], True, ids[0], ids[1]) == (
        [batch["id"] for batch in page["data"]],
        page["has_more"],
        page["first_id"],
        page["last_id"],
    )
    back = read(api.send("GET", PATH, query=[("limit", "2"), ("before_id", ids[4])]))
    assert ids[2:4] == [batch["id"] for batch in back["data"]]
    assert look(api, page["data"][0]) == page["data"][0]


def test_a_workspace_has_batches_of_its_own(api):
    spaces = objects(api.app, "organization.workspaces").values()
    other = next(s["id"] for s in spaces if not s["archived_at"] and s["id"] != "wrkspc_practice")
    batch = made(api, items(1), anthropic_workspace_id=other)
    assert [] == read(api.send("GET", PATH))["data"]
    assert 404 == api.send("GET", f"{PATH}/{batch['id']}").status
    assert [batch] == read(api.send("GET", PATH, anthropic_workspace_id=other))["data"]
    api.now += 5
    assert [other] == [used.workspace_id for used in api.app.used]
    assert 404 == api.send("POST", PATH, {"requests": items(1)}, anthropic_workspace_id="wrkspc_no").status


def test_counts_that_are_told_before_the_answers_are_made_come_true(api):
    dice, junk = random.Random(7), [None, 0, -1, 1.5, "", "x", [], {}, "claude-opus-4-6", 10**7, "user", True]

    def spoiled(value, odds=0.04):
        if dice.random() < odds:
            return dice.choice(junk)
        if isinstance(value, dict):
            return {k: spoiled(v) for k, v in value.items() if dice.random() > odds / 2}
        return [spoiled(v) for v in value] if isinstance(value, list) else value

    params = {
        "model": MODEL,
        "max_tokens": 100,
        "system": "Be brief.",
        "messages": [{"role": role, "content": "Hi"} for role in ("user", "assistant", "user")],
    }
    asked = [{"custom_id": f"{n}", "params": spoiled(params, odds=0)} for n in range(600)]
    batch = ended(api, asked)
    told = Counter(result["type"] for result in outcomes(api, batch).values())
    assert {"succeeded", "errored"} == set(told)
    assert batch["request_counts"] == COUNTS | told


def test_of_20_000_requests_only_those_that_are_read_are_answered(api):
    batch = ended(api, items(20_000))
    assert COUNTS | {"succeeded": 20_000} == batch["request_counts"]
    first = next(api.send("GET", f"{PATH}/{batch['id']}/results").parts())
    assert 500 == len(first.splitlines())
    assert "msg_practice_000501" == api.message()["id"]


def test_the_same_batches_give_the_same_bytes(make_api):
    def run():
        api = make_api()
        batch = ended(
            api, [*items(5), item("a", "practice:429"), item("b", cache_control={"type": "ephemeral"})]
        )
        return batch, list(api.send("GET", f"{PATH}/{batch['id']}/results").parts())

    assert run() == run()


def test_the_official_sdk_drives_the_whole_life_of_a_batch(api):
    with api.sdk() as sdk:
        batches = sdk.messages.batches
        new = [batches.create(requests=[item("good"), item("bad", max_tokens=0)]) for _ in range(5)]
        assert ["in_progress"] * 5 == [batch.processing_status for batch in new]
        with pytest.raises(anthropic.AnthropicError, match="results_url"):
            batches.results(new[0].id)
        assert "canceling" == batches.cancel(new[1].id).processing_status
        api.now += 5
        found = batches.retrieve(new[0].id)
        assert ("ended", 1, 1) == (
            found.processing_status,
            found.request_counts.succeeded,
            found.request_counts.errored,
        )
        results = {line.custom_id: line.result for line in batches.results(found.id)}
        assert "[practice]" in results["good"].message.content[0].text
        assert "invalid_request_error" == results["bad"].error.error.type
        assert {"canceled"} == {line.result.type for line in batches.results(new[1].id)}
        page = batches.list(limit=2)
        assert [2, 2, 1] == [len(p.data) for p in page.iter_pages()]
        assert [batch.id for batch in reversed(new)] == [batch.id for batch in page]
        with pytest.raises(anthropic.BadRequestError, match="has ended"):
            batches.cancel(found.id)
        assert "message_batch_deleted" == batches.delete(found.id).type
        with pytest.raises(anthropic.NotFoundError):
            batches.retrieve(found.id)
