"""Does a call send, wait and refuse in the promised order, with no socket and no clock?"""

from __future__ import annotations

from typing import Any

import pytest

from claude_magic.app import Request
from claude_magic.errors import (
    APIConnectionError,
    APIResponseError,
    APITimeoutError,
    BadRequestError,
    ClaudeError,
    OverloadedError,
    RateLimitError,
)
from claude_magic.policy import Call, Fault, Reply, Sleep, exchange, retry_after
from tests.doors import error

OK = Reply(200, {}, b"{}")
LOST = Fault(APITimeoutError("silent"), unsent=False)
UNSENT = Fault(APIConnectionError("refused"), unsent=True)


def call(**changes: Any) -> Call:
    return Call(Request("POST", "/v1/messages"), **changes)


def reply(status: int, code: str | None = None, **headers: str) -> Reply:
    made = error(status, code=code, **headers)
    assert isinstance(made.body, bytes)
    return Reply(status, made.headers, made.body, at=1_000_000.0)


def play(made: Call, *outcomes: Reply | Fault) -> tuple[list[Any], Reply | ClaudeError]:
    """Return the steps a call took over these outcomes (a wait as its seconds), and how it ended."""
    steps: list[Any] = []
    waiting = list(outcomes)
    running = exchange(made, rand=lambda: 0.0)
    step: Call | Sleep = next(running)
    try:
        while True:
            steps.append("send" if isinstance(step, Call) else step.seconds)
            step = running.send(waiting.pop(0) if isinstance(step, Call) else None)
    except StopIteration as end:
        result: Reply | ClaudeError = end.value
    except ClaudeError as failure:
        result = failure
    assert waiting == []
    return steps, result


def test_a_good_answer_needs_one_send() -> None:
    assert (["send"], OK) == play(call(), OK)


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 504, 529])
def test_m3_a_failure_that_may_heal_is_sent_twice_more_and_then_raised(status: int) -> None:
    steps, end = play(call(), *[reply(status)] * 3)
    assert ["send", 0.5, "send", 1.0, "send"] == steps
    assert isinstance(end, ClaudeError)
    assert (status, 3) == (end.status, len(end.attempts))


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 413, 418, 422])
def test_m4_nothing_follows_an_error_that_cannot_heal(status: int) -> None:
    steps, end = play(call(), reply(status))
    assert (["send"], status) == (steps, getattr(end, "status", None))


@pytest.mark.parametrize("code", ["enforced_spend_limit_reached", "contract_spend_limit_reached"])
def test_m4_nothing_follows_a_spend_limit_even_when_told_to_retry(code: str) -> None:
    steps, end = play(call(), reply(429, code, x_should_retry="true"))
    assert ["send"] == steps
    assert isinstance(end, RateLimitError)
    assert "limit" in end.hint


def test_m4_a_paid_call_of_unknown_fate_is_not_repeated() -> None:
    steps, end = play(call(), LOST)
    assert ["send"] == steps
    assert isinstance(end, APITimeoutError)
    assert [True] == [a.possibly_billed for a in end.attempts]


def test_m4_a_call_of_unknown_fate_is_repeated_where_it_is_free() -> None:
    assert (["send", 0.5, "send"], OK) == play(call(free=True), LOST, OK)


def test_m4_a_call_of_unknown_fate_is_repeated_where_asked_and_counted_as_possibly_billed() -> None:
    steps, end = play(call(retry_unknown=True), LOST, OK)
    assert ["send", 0.5, "send"] == steps
    assert isinstance(end, Reply)
    assert [True, True] == [a.possibly_billed for a in end.attempts]


def test_a_request_that_did_not_leave_whole_is_repeated_and_not_billed() -> None:
    steps, end = play(call(), UNSENT, UNSENT, UNSENT)
    assert ["send", 0.5, "send", 1.0, "send"] == steps
    assert isinstance(end, APIConnectionError)
    assert [False] * 3 == [a.possibly_billed for a in end.attempts]


def test_a_fault_that_is_final_is_not_repeated() -> None:
    assert ["send"] == play(call(), UNSENT._replace(final=True))[0]


def test_the_server_decides_by_x_should_retry() -> None:
    assert ["send"] == play(call(), reply(500, x_should_retry="false"))[0]
    assert ["send", 0.5, "send"] == play(call(), reply(404, x_should_retry="true"), OK)[0]


def test_a_redirect_is_told_and_not_followed() -> None:
    steps, end = play(call(), Reply(307, {"location": "https://elsewhere.example"}))
    assert ["send"] == steps
    assert isinstance(end, APIResponseError)


def test_max_retries_of_none_means_one_send() -> None:
    assert ["send"] == play(call(max_retries=0), reply(529))[0]


def test_backoff_grows_to_eight_seconds_and_jitter_only_shortens_it() -> None:
    waits = play(call(max_retries=6), *[reply(529)] * 7)[0][1::2]
    assert [0.5, 1.0, 2.0, 4.0, 8.0, 8.0] == waits
    jittered = exchange(call(), rand=lambda: 1.0)
    next(jittered)
    assert Sleep(0.375, "overloaded") == jittered.send(reply(529))


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after": "Wed, 25 Nov 2026 10:00:30 GMT", "date": "Wed, 25 Nov 2026 10:00:00 GMT"}, 30.0),
        ({"retry-after": "Mon, 12 Jan 1970 13:46:50 GMT"}, 10.0),  # no date header: the reader's clock
        ({"retry-after": "Wed, 25 Nov 2026 10:00:00 GMT", "date": "Wed, 25 Nov 2026 11:00:00 GMT"}, None),
        ({"retry-after": "0"}, None),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "soon"}, None),
        ({}, None),
    ],
)
def test_s6_the_wait_asked_for_is_read_by_the_servers_clock(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert seconds == retry_after(headers, at=1_000_000.0)


def test_s6_a_wait_of_a_minute_is_slept_and_a_longer_one_is_told() -> None:
    assert ["send", 60.0, "send"] == play(call(), reply(429, retry_after="60"), OK)[0]
    steps, end = play(call(), reply(429, retry_after="7200"))
    assert ["send"] == steps
    assert isinstance(end, RateLimitError)
    assert (7200.0, "Wait 2.0 h, then run the cell again.") == (end.retry_after, end.hint)


def test_a_wait_that_would_pass_the_total_limit_is_not_begun() -> None:
    late = reply(529)
    late.elapsed = 9.8
    assert ["send"] == play(call(total_timeout=10), late)[0]
    late.elapsed = 1.0
    assert ["send", 0.5, "send"] == play(call(total_timeout=10), late, OK)[0]


def test_the_reason_of_a_wait_is_told() -> None:
    running = exchange(call())
    next(running)
    step = running.send(reply(429))
    assert isinstance(step, Sleep)
    assert "rate limit" == step.why


def test_the_error_is_the_last_attempts() -> None:
    _, end = play(call(), reply(529), reply(400))
    assert isinstance(end, BadRequestError)
    assert ["529", "400"] == [a.outcome for a in end.attempts]
    _, end = play(call(max_retries=1), reply(429), reply(529))
    assert isinstance(end, OverloadedError)
