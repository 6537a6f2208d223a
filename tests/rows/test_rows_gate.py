"""Do rows go as fast as the limits allow, and hardly ever faster? A virtual clock, services of all kinds."""

from __future__ import annotations

import pickle

import pytest

from claude_magic.rows.pace.buckets import Bucket, Figures, Pace, figures
from claude_magic.rows.pace.gate import Gate, Lease, Seen, told
from claude_magic.rows.pace.window import Window
from tests.rows.simulated import Service, run

ROUGH = {"guess": lambda n: n / 2}


def heavy(r):
    """Return an answer's tokens: most are short, some are very long."""
    return min(1000, int(r.lognormvariate(4.5, 1)))


LIMITED = {
    "50 requests a minute": (Service(rpm=50), 300, {}),
    "200 requests a minute": (Service(rpm=200), 1200, {}),
    "1,000 requests a minute": (Service(rpm=1000), 4000, {}),
    "4,000 requests a minute": (Service(rpm=4000), 10_000, {}),
    "requests, told as they come": (Service(rpm=1000, early=True), 4000, {}),
    "slow answers": (Service(rpm=500, early=True, latency=lambda out, busy: 5 + out / 50), 3000, {}),
    "input tokens": (Service(itpm=100_000), 1500, {}),
    "input tokens, guessed half": (Service(itpm=100_000), 1500, ROUGH),
    "input tokens, told as they come": (Service(itpm=50_000, early=True), 800, {"seed": 3}),
    "output tokens": (Service(otpm=40_000), 2400, {}),
    "output tokens of very unlike answers": (Service(otpm=16_000), 800, {"outputs": heavy}),
    "all three": (Service(rpm=300, itpm=120_000, otpm=40_000), 1500, {"outputs": heavy}),
    "a limit that falls": (Service(rpm=1000, changes={100.0: {"rpm": 300}}), 4000, {}),
    "a limit that rises": (Service(rpm=300, changes={100.0: {"rpm": 1500}}), 4000, {}),
}


@pytest.mark.parametrize(("service", "rows", "how"), LIMITED.values(), ids=LIMITED)
def test_all_rows_are_good_under_one_percent_is_refused_and_95_percent_of_the_limit_is_used(
    service, rows, how
):
    found = run(service, Gate(), rows, **how)
    assert rows == found.good
    assert found.refused < 0.01 * found.sends
    assert found.share >= 0.95


@pytest.mark.parametrize(("rpm", "other"), [(1000, 8.0), (60, 0.5)])
def test_what_another_client_leaves_of_a_shared_limit_is_used(rpm, other):
    service = Service(rpm=rpm, other=other)
    found = run(service, Gate(), rpm * 3)
    assert found.refused < 0.01 * found.sends
    assert found.share >= 0.95 * (1 - other * 60 / rpm)


HIDDEN = {
    "10 a second": (Service(hidden=lambda now: 10), 5000, 10.0),
    "3 a second": (Service(hidden=lambda now: 3), 2000, 3.0),
    "20 a second, no headers": (Service(silent=True, hidden=lambda now: 20), 8000, 20.0),
}


@pytest.mark.parametrize(("service", "rows", "rate"), HIDDEN.values(), ids=HIDDEN)
def test_a_limit_that_no_header_tells_of_is_found_and_kept_to(service, rows, rate):
    found = run(service, Gate(), rows)
    assert rows == found.good
    assert found.refused < 0.01 * found.sends
    assert found.good / found.seconds > 0.9 * rate


def test_a_limit_on_acceleration_is_followed_as_it_rises():
    found = run(Service(rpm=4000, hidden=lambda now: 10 + now / 5), Gate(), 12_000)
    assert found.good == 12_000
    assert found.refused < 0.01 * found.sends
    assert found.seconds < 400  # what the hidden limit allows takes 300 s


def test_nothing_against_it_64_are_soon_under_way():
    found = run(Service(latency=lambda out, busy: 0.25), Gate(64), 1000)
    assert (1000, 0, 64) == (found.good, found.refused, found.most)
    assert found.seconds <= 1.1 * 1000 / 64 * 0.25


def test_concurrency_is_a_ceiling():
    assert run(Service(), Gate(3), 100).most == 3


def test_an_overloaded_service_gets_fewer_at_once():
    gate = Gate()
    found = run(Service(overloaded=lambda busy: busy >= 20), gate, 3000)
    assert found.good == 3000
    assert found.overloaded < 0.02 * found.sends
    assert gate.limit < 30


def test_a_service_that_gets_slower_with_each_request_gets_fewer_at_once():
    def mean(most):
        return run(Service(latency=lambda out, busy: 0.25 * max(1, busy / 8)), Gate(most), 3000).seconds

    gate = Gate()
    run(Service(latency=lambda out, busy: 0.25 * max(1, busy / 8)), gate, 3000)
    assert gate.limit < 40
    assert mean(64) < 1.1 * mean(8)


def test_a_429_pauses_all_for_as_long_as_the_service_says():
    gate = Gate()
    lease = gate.lease(0.0)
    gate.tell(0.1, lease, Seen(429, retry_after=7.0))
    assert (7.0, "rate limit") == (gate.paused(0.1)[0], gate.paused(0.1)[1])
    assert Lease(0, 5.0) == gate.lease(2.1)
    assert gate.lease(7.2).number == 1


def test_without_a_retry_after_pauses_grow():
    gate, now, pauses = Gate(), 0.0, []
    for _ in range(4):
        lease = gate.lease(now)
        gate.tell(now, lease, Seen(429))
        pauses.append(gate.paused(now)[0])
        now += pauses[-1] + 1.0
    assert [1.0, 2.0, 4.0, 8.0] == pauses


def test_leases_of_several_sends_are_small_messages_that_travel():
    gate = Gate()
    lease = gate.lease(0.0, 10, input_tokens=300)
    assert (4, 4) == (lease.number, gate.in_flight)
    lease = pickle.loads(pickle.dumps(lease))
    for _ in range(3):
        gate.tell(1.0, lease, pickle.loads(pickle.dumps(Seen(200, 1.0, 300, 20))))
    gate.back(lease)
    assert (0, [0.0, 0.0, 0.0]) == (gate.in_flight, [b.reserved for b in gate.buckets])


def test_a_request_larger_than_the_limit_goes_when_the_bucket_is_full():
    bucket = Bucket()
    bucket.learn(Figures(1000, 400), None, 0.0)
    assert bucket.wait(5000, 0.0) == pytest.approx(36.0)
    assert bucket.wait(5000, 36.1) == 0.0


def test_a_limit_of_one_request_a_minute_does_not_wait_for_ever():
    bucket = Bucket()
    bucket.learn(Figures(1, 0), None, 0.0)
    assert bucket.wait(1, 0.0) == pytest.approx(60.0)


def test_what_the_limits_hold_back_takes_as_long_as_they_say():
    gate = Gate()
    assert 0.0 == gate.seconds(10_000, 0.0)
    limits = (Figures(1000, 364), Figures(60_000, 60_000), None)
    gate.tell(0.0, gate.lease(0.0), Seen(200, 1.0, 100, 10, told=limits))
    assert (0.0, pytest.approx(15.0)) == (gate.seconds(364, 0.0), gate.seconds(614, 0.0))
    assert (4000 * 100 - 60_000) / 1000 == gate.seconds(4000, 0.0)


def test_old_news_is_no_news():
    bucket = Bucket()
    bucket.learn(Figures(1000, 900), None, 0.0)
    then = bucket.mark(0.0)
    for _ in range(100):
        bucket.take(1, 0.0)
    bucket.learn(Figures(1000, 900), then, 0.1)  # as it was when that request was sent
    assert bucket.level == pytest.approx(800, abs=3)


@pytest.mark.parametrize("remaining", [(20, 0), (1000, 19)])
def test_what_is_left_of_requests_is_not_taken_to_be_rounded(remaining):
    bucket = Bucket()
    for left in remaining:
        bucket.learn(Figures(1200, left), None, 0.0)
    assert bucket.wait(1, 0.0) < 1.0


def test_what_others_take_is_learned():
    bucket, left = Bucket(), 1000.0
    for second in range(60):
        left = min(1000.0, left) - 5  # of the 16.7 that a second brings
        bucket.learn(Figures(1000, int(left)), bucket.mark(float(second)), float(second))
        left += 1000 / 60
    assert bucket.drain < 17
    assert bucket.level <= 1000


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"anthropic-ratelimit-requests-limit": "50"},
        {"anthropic-ratelimit-requests-limit": "x", "anthropic-ratelimit-requests-remaining": "5"},
        {"anthropic-ratelimit-requests-limit": "0", "anthropic-ratelimit-requests-remaining": "0"},
        {"anthropic-ratelimit-requests-limit": "50", "anthropic-ratelimit-requests-remaining": "-5"},
    ],
)
def test_headers_that_say_nothing_usable_tell_of_no_limit(headers):
    assert figures(headers, "requests") is None


def test_headers_tell_of_three_limits():
    headers = {
        f"anthropic-ratelimit-{kind}-{what}": str(n)
        for kind in ("requests", "input-tokens", "output-tokens")
        for what, n in (("limit", 1000), ("remaining", 7))
    }
    assert (Figures(1000, 7),) * 3 == told(headers)


def test_a_pace_begins_below_the_refusal_comes_back_and_is_lifted():
    pace = Pace()
    for n in range(50):
        pace.take(n / 10)
    pace.refused(4.9, 5.0, 6.0)
    assert 8.0 < pace.rate(6.0) < 9.0
    assert pace.rate(36.0) == pytest.approx(9.8)
    assert pace.rate(200.0) == float("inf")


def test_a_window_begins_with_four():
    window = Window()
    assert 4 == window.size
    assert 0 < window.wait(0.0) < 0.1
