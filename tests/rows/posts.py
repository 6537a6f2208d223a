"""What does a test of batches need: a service whose clock it turns, and that loses answers when told to?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import httpx2

from claude_magic import Client
from claude_magic.app import Request, Response
from claude_magic.pool import AppTransport
from claude_magic.practice import Practice
from claude_magic.protocol import catalog
from claude_magic.rows.asked.plan import Plan, plan
from claude_magic.rows.batch.batchjob import BatchJob
from claude_magic.rows.batch.desk import Desk
from claude_magic.rows.batch.job import attached, submit
from claude_magic.rows.kept.journal import Journal
from claude_magic.wire import decode
from tests.doors import KEY, error

CREATE, BATCHES = ("POST", "/v1/messages/batches"), "/v1/messages/batches"
MODEL = catalog.resolve("haiku")
DAY = 86_400.0
Way = Callable[[Request, Callable[[Request], Response]], Response]


def taken_and_lost(request: Request, answer: Callable[[Request], Response]) -> Response:
    """The service makes the batch, and the connection breaks before it says so."""
    answer(request)
    return Response(200, {"content-type": "application/json"}, [ConnectionResetError("gone")])


def lost_on_the_way(request: Request, answer: Callable[[Request], Response]) -> Response:
    """The request was sent whole and never came to the service."""
    return Response(200, {"content-type": "application/json"}, [ConnectionResetError("gone")])


def unreachable(request: Request, answer: Callable[[Request], Response]) -> Response:
    """There is no connection."""
    raise httpx2.ConnectError("no route")


def refused(request: Request, answer: Callable[[Request], Response]) -> Response:
    """The service has no room."""
    return error(413, "request_too_large")


def overloaded(request: Request, answer: Callable[[Request], Response]) -> Response:
    """The service has no time."""
    return error(529, "overloaded_error")


class Post:
    """A service with its clock, and kernels that use one journal.

    `ways` are what becomes of the next calls that make a batch, one after the other; then they go well.
    `most` requests go into one.
    """

    def __init__(self, *ways: Way, most: int = 100_000) -> None:
        self.clock = 1_800_000_000.0
        self.practice = Practice(clock=lambda: self.clock)
        self.ways, self.requests, self.most = list(ways), list[Request](), most
        self.down, self.workspace = False, ""
        self.slept: list[float] = []

    def __call__(self, request: Request) -> Response:
        self.requests.append(request)
        if self.down:
            raise httpx2.ConnectError("no route")
        if (request.method, request.path) == CREATE and self.ways:
            return self.ways.pop(0)(request, self.practice)
        found = self.practice(request)
        if self.workspace:
            found.headers["anthropic-workspace-id"] = self.workspace
            if request.path == BATCHES and request.method == "GET":
                found.body = b'{"data": [], "has_more": false}'
        return found

    def sleep(self, seconds: float) -> None:
        """Turn the clock instead of waiting."""
        self.slept.append(seconds)
        self.clock += seconds

    def client(self, **options: Any) -> Client:
        """A client of the service."""
        http = httpx2.Client(transport=AppTransport(self))
        how = {"api_key": KEY, "base_url": "https://api.example", "max_retries": 0, **options}
        return Client(http_client=http, **how)

    def desk(self, **options: Any) -> Desk:
        """What a kernel that has just been started knows: the journal, and the service."""
        return Desk(Journal(), self.client(**options), lambda: self.clock, self.sleep, self.most)

    def batch(
        self, data: Any, prompt: str = "Is this good? {text}", desk: Desk | None = None, **how: Any
    ) -> BatchJob:
        """Do what `claude_magic.batch` does."""
        names = ("name", "resume", "max_cost", "details", "dtype_backend")
        own = {name: how.pop(name) for name in names if name in how}
        return submit(self.plan(data, prompt, **how), desk=desk or self.desk(), **own)

    def attach(self, name: str, data: Any = None) -> Any:
        """Do what `claude_magic.attach` does."""
        return attached(self.desk(), name, data)

    @staticmethod
    def plan(data: Any, prompt: str = "Is this good? {text}", **how: Any) -> Plan:
        return plan(data, prompt, **{"model": MODEL, "max_tokens": 100, **how})

    @property
    def made(self) -> list[dict[str, Any]]:
        """The batches that the service has, the oldest first."""
        found = self.practice(self._request("GET", BATCHES))
        return decode(b"".join(found.parts()))["data"][::-1]

    @property
    def creations(self) -> list[bytes]:
        """The bodies of the calls that make a batch."""
        return [one.body for one in self.requests if (one.method, one.path) == CREATE]

    def keys(self) -> Iterator[str]:
        """The custom_ids of all requests that were sent, in order."""
        for body in self.creations:
            yield from (one["custom_id"] for one in decode(body)["requests"])

    def make(self, *texts: str) -> str:
        """Have somebody else make a batch; return its id."""
        items = [
            {"custom_id": f"theirs-{n}", "params": self.plan({"text": [text]}).body(0)}
            for n, text in enumerate(texts)
        ]
        return str(self.client().messages.batches.create(requests=items)["id"])

    @staticmethod
    def _request(method: str, path: str) -> Request:
        headers = {"authorization": "Bearer practice-key", "anthropic-version": "2026-10-21"}
        return Request(method, path, (), headers, b"")
