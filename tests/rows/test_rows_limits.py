"""Do rows keep to the practice server's own limits, and use them? Its clock is a virtual one."""

from __future__ import annotations

import heapq

import pytest

from claude_magic import wire
from claude_magic.app import Request
from claude_magic.practice import Limits, Practice
from claude_magic.rows.pace.gate import Gate, Seen, told

HEADERS = {"authorization": "Bearer practice-key", "anthropic-version": "2026-10-21"}
START = 1_790_000_000.0
LATENCY, REFUSAL = 1.0, 0.05  # seconds


def body(n: int) -> bytes:
    text = f"Row {n}: " + "say what a mean is, and what it is not. " * (1 + n % 7)
    message = {"role": "user", "content": text}
    return wire.encode({"model": "claude-haiku-5-5", "max_tokens": 200, "messages": [message]})


def minutes(limits: Limits, rows: int, minutes: float) -> tuple[int, int, int, dict[str, float]]:
    """Send rows for minutes; return sends, refusals, good rows, and what was used after the first minute."""
    now = 0.0
    app = Practice(limits=limits, clock=lambda: START + now)
    gate, events, number = Gate(), [(0.0, 0, None)], 0
    waiting = [body(n) for n in reversed(range(rows))]
    sends, refused, good, wake = 0, 0, 0, -1.0
    used = dict.fromkeys(("requests", "input_tokens", "output_tokens"), 0.0)
    while events and now < minutes * 60:
        now, _, arrived = heapq.heappop(events)
        if arrived is not None:
            data, lease, response = arrived
            headers, ok = response.headers, response.status == 200
            usage = wire.decode(b"".join(response.parts()))["usage"] if ok else {}
            tokens = usage.get("input_tokens", 0), usage.get("output_tokens", 0)
            wait = float(headers.get("retry-after", 0)) or None
            gate.tell(now, lease, Seen(response.status, now - lease.at, *tokens, told(headers), wait))
            good, refused = good + ok, refused + (response.status == 429)
            if not ok:
                waiting.append(data)
            elif lease.at >= 60:
                for name, amount in zip(used, (1, *tokens), strict=True):
                    used[name] += amount
        while waiting:
            lease = gate.lease(now, input_tokens=len(waiting[-1]) / 4, most_output=200)
            number += 1
            if not lease.number:
                if lease.wait < 60 and not now < wake <= now + lease.wait + 2e-6:
                    wake = now + lease.wait + 1e-6
                    heapq.heappush(events, (wake, number, None))
                break
            data = waiting.pop()
            response = app(Request("POST", "/v1/messages", (), HEADERS, data))
            sends += 1
            took = LATENCY if response.status == 200 else REFUSAL
            heapq.heappush(events, (now + took, number, (data, lease, response)))
    return sends, refused, good, used


@pytest.mark.parametrize(
    ("limits", "tightest"),
    [
        (Limits(requests=50), "requests"),
        (Limits(requests=300), "requests"),
        (Limits(input_tokens=12_000), "input_tokens"),
        (Limits(output_tokens=6_000), "output_tokens"),
    ],
    ids=["50 requests", "300 requests", "input", "output"],
)
def test_under_one_percent_is_refused_and_95_percent_of_the_limit_is_used(limits, tightest):
    sends, refused, good, used = minutes(limits, 3000, 5)
    assert refused < 0.01 * sends
    assert sends - refused - good <= 64  # those under way as time is over
    assert used[tightest] / (getattr(limits, tightest) * 4) >= 0.95
