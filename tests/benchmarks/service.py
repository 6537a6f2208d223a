"""What do the tools that are compared talk to? A simulated service, in a process of its own.

`python -m tests.benchmarks.service` prints its port and serves until its input ends. It answers with the town
that a prompt names, so that an answer at the wrong row is seen, and counts what it was asked. How it behaves
is told it by `POST /control`, which also forgets all counts; `GET /control` gives them.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import re
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.benchmarks.samples import MESSAGE

if TYPE_CHECKING:
    from collections.abc import Iterator

PROMPT = "How many people live in town {town}?"
ANSWER = "About {town} hundred people live there."
TOWN = re.compile(rb"town (\d+)\?")
LIMIT = "anthropic-ratelimit-{}-limit: {}\r\nanthropic-ratelimit-{}-remaining: {}\r\n"
FREE = "".join(LIMIT.format(kind, 10**8, kind, 10**8) for kind in ("input-tokens", "output-tokens"))
LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
PATHS = re.compile(r"/v1/messages(/batches(/\w+(/results)?)?)?$")
REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 429: "Too Many Requests"}


class Ways(NamedTuple):
    """How the service behaves: `latency` in seconds, a limit of requests, rows that it refuses.

    `lost` batches are made and not answered.
    """

    latency: float = 0.0
    per_second: int = 0
    bad: tuple[int, ...] = ()
    lost: int = 0


class Counts(NamedTuple):
    """What the service was asked: which row was answered how often, and what else."""

    paid: dict[int, int]
    refused: int  # for the limit
    batches: int

    @property
    def rows(self) -> int:
        """How many answers are on the bill."""
        return sum(self.paid.values())

    @property
    def twice(self) -> int:
        """How many of them are for a row that was paid before."""
        return self.rows - len(self.paid)


class Remote:
    """The service as seen by who runs the comparison."""

    def __init__(self, port: int) -> None:
        self.port, self.url = port, f"http://127.0.0.1:{port}"

    def behave(self, **ways: Any) -> None:
        """Behave so from now on, and forget all counts."""
        self._control("POST", json.dumps(ways))

    def counts(self) -> Counts:
        """Return what was asked since."""
        told = json.loads(self._control("GET"))
        return Counts({int(town): n for town, n in told["paid"].items()}, told["refused"], told["batches"])

    def _control(self, method: str, body: str = "") -> bytes:
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)) as connection:
            connection.request(method, "/control", body)
            return connection.getresponse().read()


@contextlib.contextmanager
def running() -> Iterator[Remote]:
    """Start the service in a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.service"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Remote(int(process.stdout.readline()))
        process.stdin.close()


class _Service:
    def __init__(self) -> None:
        self.behave({})

    def behave(self, ways: dict[str, Any]) -> None:
        self.ways = Ways(**ways)
        self.paid: Counter[int] = Counter()
        self.refused, self.left, self.since = 0, float(self.ways.per_second), time.monotonic()
        self.batches: dict[str, dict[str, Any]] = {}

    def answer(self, method: str, path: str, body: bytes) -> tuple[float, bytes]:
        """Return what is answered after how many seconds; nothing at all closes the connection."""
        if path == "/control":
            if method == "POST":
                self.behave(json.loads(body))
            counts = {"paid": self.paid, "refused": self.refused, "batches": len(self.batches)}
            return 0.0, _reply(200, counts)
        found = PATHS.match(path)
        if not found:
            return 0.0, _failed(404, "not_found_error", "There is nothing here")
        if found[1]:
            return 0.0, self._batch(method, path, body)
        return self._message(body)

    def _message(self, body: bytes) -> tuple[float, bytes]:
        if not self._admitted():
            self.refused += 1
            message = "This request would exceed the rate limit of your organization"
            return 0.0, _failed(429, "rate_limit_error", message, "retry-after: 1\r\n" + self._limits())
        limits, town = self._limits(), _town(body)
        if town in self.ways.bad:
            message = "messages: this town is not taken"
            return 0.0, _failed(400, "invalid_request_error", message, limits)
        if town is not None:  # else it is what a tool asks to learn the limits
            self.paid[town] += 1
        return self.ways.latency, _reply(200, _said(town), limits)

    def _admitted(self) -> bool:
        """Take a request from a bucket that holds a second's, and fills all the time."""
        rate = self.ways.per_second
        if not rate:
            return True
        now = time.monotonic()
        self.left, self.since = min(rate, self.left + (now - self.since) * rate), now
        if self.left < 1:
            return False
        self.left -= 1
        return True

    def _limits(self) -> str:
        minute = self.ways.per_second * 60 or 10**6
        left = int(self.left) if self.ways.per_second else minute
        return FREE + LIMIT.format("requests", minute, "requests", left)

    def _batch(self, method: str, path: str, body: bytes) -> bytes:
        _, _, rest = path.partition("/batches")
        name = rest.strip("/").partition("/")[0]
        if method == "POST" and not name:
            batch = self._make(json.loads(body)["requests"])
            if self.ways.lost:
                self.ways = self.ways._replace(lost=self.ways.lost - 1)
                return b""
            return _reply(200, batch["shown"])
        if not name:
            shown = [batch["shown"] for batch in reversed(self.batches.values())]
            return _reply(200, {"data": shown, "has_more": False, "first_id": None, "last_id": None})
        if name not in self.batches:
            return _failed(404, "not_found_error", "There is no such batch")
        batch = self.batches[name]
        return _raw(200, batch["lines"]) if rest.endswith("/results") else _reply(200, batch["shown"])

    def _make(self, requests: list[dict[str, Any]]) -> dict[str, Any]:
        name, now = f"msgbatch_{len(self.batches)}", datetime.now(UTC)
        lines = []
        for one in requests:
            said = _said(_town(json.dumps(one["params"]).encode()))
            lines.append({"custom_id": one["custom_id"], "result": {"type": "succeeded", "message": said}})
        counts = dict.fromkeys(("processing", "errored", "canceled", "expired"), 0)
        shown = {
            "id": name,
            "type": "message_batch",
            "processing_status": "ended",
            "request_counts": counts | {"succeeded": len(lines)},
            "created_at": now.isoformat(),
            "ended_at": now.isoformat(),
            "expires_at": (now + timedelta(days=1)).isoformat(),
            "archived_at": None,
            "cancel_initiated_at": None,
            "results_url": f"/v1/messages/batches/{name}/results",
        }
        found = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
        self.batches[name] = {"shown": shown, "lines": found}
        return self.batches[name]


class _Connection(asyncio.Protocol):
    """Takes one request after another."""

    def __init__(self, service: _Service) -> None:
        self.service, self.read = service, b""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.read += data
        head, end, rest = self.read.partition(b"\r\n\r\n")
        length = LENGTH.search(head)
        size = int(length[1]) if length else 0
        if not end or len(rest) < size:
            return
        self.read = rest[size:]
        method, target = head.decode("latin-1").split()[:2]
        seconds, answer = self.service.answer(method, target.partition("?")[0], rest[:size])
        if seconds:
            asyncio.get_running_loop().call_later(seconds, self.transport.write, answer)
        elif answer:
            self.transport.write(answer)
        else:
            self.transport.close()


def _town(body: bytes) -> int | None:
    found = TOWN.search(body)
    return int(found[1]) if found else None


def _said(town: int | None) -> dict[str, Any]:
    text = {"type": "text", "text": ANSWER.format(town=town)}
    return MESSAGE | {"content": [text], "stop_reason": "end_turn"}


def _failed(status: int, kind: str, message: str, headers: str = "") -> bytes:
    return _reply(status, {"type": "error", "error": {"type": kind, "message": message}}, headers)


def _reply(status: int, value: Any, headers: str = "") -> bytes:
    return _raw(status, json.dumps(value).encode(), headers)


def _raw(status: int, body: bytes, headers: str = "") -> bytes:
    lines = (f"HTTP/1.1 {status} {REASONS[status]}", "request-id: req_1", "content-type: application/json")
    head = "\r\n".join((*lines, f"{headers}content-length: {len(body)}", "", ""))
    return head.encode() + body


async def _serve() -> None:
    service = _Service()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(service), "127.0.0.1", 0, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(_serve())
