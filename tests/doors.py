"""How does one test ask through both clients?

A door is a client over an App or an address. Its methods are the same for the synchronous and asynchronous
client, so that a test is written once and run twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx2

from claude_magic.api.client import AsyncClient, Client
from claude_magic.app import App, Request, Response
from claude_magic.pool import AppTransport
from claude_magic.wire import Message, Record, encode

KEY = "sk-ant-api03-" + "not-a-real-key-" * 3 + "wxyz"
ASK: dict[str, Any] = {
    "model": "claude-haiku-5-5",
    "max_tokens": 100,
    "messages": [{"role": "user", "content": "Hello"}],
}


def answer(text: str = "Hello back", **fields: Any) -> dict[str, Any]:
    """Return a message as the service sends it."""
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-haiku-5-5",
        "content": [{"type": "text", "text": text}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 8, "output_tokens": 3},
        **fields,
    }


def events(*texts: str, stop: bool = True) -> bytes:
    """Return a whole stream as the service sends it, one delta for each text."""
    start = answer(content=[], stop_reason=None)
    block = {"type": "text", "text": ""}
    frames: list[dict[str, Any]] = [
        {"type": "message_start", "message": start},
        {"type": "content_block_start", "index": 0, "content_block": block},
    ]
    frames += [
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": t}} for t in texts
    ]
    if stop:
        frames += [
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 3}},
            {"type": "message_stop"},
        ]
    return b"".join(b"event: %s\ndata: %s\n\n" % (f["type"].encode(), encode(f)) for f in frames)


def json(value: Any, status: int = 200, **headers: str) -> Response:
    """Answer JSON; in header names write _ for -."""
    named = {k.replace("_", "-"): v for k, v in headers.items()}
    return Response(
        status, {"content-type": "application/json", "request-id": "req_1", **named}, encode(value)
    )


def error(status: int, kind: str = "api_error", code: str | None = None, **headers: str) -> Response:
    """Answer an error in the service's form."""
    details = {"details": {"error_code": code}} if code else {}
    body = {
        "type": "error",
        "error": {"type": kind, "message": f"told {status}", **details},
        "request_id": "req_1",
    }
    return json(body, status, **headers)


def stream(*parts: bytes | float | Exception, **headers: str) -> Response:
    """Answer a stream made of these parts."""
    return Response(200, {"content-type": "text/event-stream", "request-id": "req_1", **headers}, parts)


class Asked:
    """An App that answers from a list, the last answer again and again, and keeps what it was asked."""

    def __init__(self, *answers: Response | Callable[[Request], Response]) -> None:
        self.answers, self.requests = list(answers), list[Request]()

    def __call__(self, request: Request) -> Response:
        self.requests.append(request)
        given = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return given if isinstance(given, Response) else given(request)


class Door:
    """The synchronous client."""

    kind = "sync"

    def __init__(self, to: App | str, **options: Any) -> None:
        if isinstance(to, str):
            options["base_url"] = to
        else:
            options.setdefault("base_url", "https://api.example")
            options["http_client"] = self._http(AppTransport(to))
        self.waits: list[tuple[float, str]] = []
        self.client = self._client(**{"api_key": KEY, "on_wait": self._wait, **options})

    def _wait(self, seconds: float, why: str) -> None:
        self.waits.append((seconds, why))

    def _http(self, transport: AppTransport) -> Any:
        return httpx2.Client(transport=transport)

    def _client(self, **options: Any) -> Any:
        return Client(**options)

    def create(self, **changes: Any) -> Message:
        return self.client.messages.create(**{**ASK, **changes})

    def count(self, **changes: Any) -> Record:
        ask = {k: v for k, v in ASK.items() if k != "max_tokens"}
        return self.client.messages.count_tokens(**{**ask, **changes})

    def wire(self, **changes: Any) -> list[dict[str, Any]]:
        return list(self.client.messages.stream(**{**ASK, **changes}).raw())

    def derived(self, **changes: Any) -> list[Record]:
        with self.client.messages.stream(**{**ASK, **changes}) as s:
            return list(s)

    def texts(self, **changes: Any) -> tuple[list[str], Message]:
        with self.client.messages.stream(**{**ASK, **changes}) as s:
            return list(s.text_stream), s.get_final_message()

    def raw_create(self, **changes: Any) -> list[Record]:
        return list(self.client.messages.create(**{**ASK, **changes}, stream=True))

    def models(self, **query: Any) -> list[Record]:
        return list(self.client.models.list(**query))

    def model(self, name: str) -> Record:
        return self.client.models.retrieve(name)


class AsyncDoor(Door):
    """The asynchronous client, each call in a loop of its own."""

    kind = "async"

    def _http(self, transport: AppTransport) -> Any:
        return httpx2.AsyncClient(transport=transport)

    def _client(self, **options: Any) -> Any:
        return AsyncClient(**options)

    def create(self, **changes: Any) -> Message:
        async def run() -> Message:
            return await self.client.messages.create(**{**ASK, **changes})

        return asyncio.run(run())

    def count(self, **changes: Any) -> Record:
        async def run() -> Record:
            ask = {k: v for k, v in ASK.items() if k != "max_tokens"}
            return await self.client.messages.count_tokens(**{**ask, **changes})

        return asyncio.run(run())

    def wire(self, **changes: Any) -> list[dict[str, Any]]:
        async def run() -> list[dict[str, Any]]:
            return [e async for e in self.client.messages.stream(**{**ASK, **changes}).raw()]

        return asyncio.run(run())

    def derived(self, **changes: Any) -> list[Record]:
        async def run() -> list[Record]:
            async with self.client.messages.stream(**{**ASK, **changes}) as s:
                return [e async for e in s]

        return asyncio.run(run())

    def texts(self, **changes: Any) -> tuple[list[str], Message]:
        async def run() -> tuple[list[str], Message]:
            async with self.client.messages.stream(**{**ASK, **changes}) as s:
                return [t async for t in s.text_stream], await s.get_final_message()

        return asyncio.run(run())

    def raw_create(self, **changes: Any) -> list[Record]:
        async def run() -> list[Record]:
            return [e async for e in await self.client.messages.create(**{**ASK, **changes}, stream=True)]

        return asyncio.run(run())

    def models(self, **query: Any) -> list[Record]:
        async def run() -> list[Record]:
            return [m async for m in self.client.models.list(**query)]

        return asyncio.run(run())

    def model(self, name: str) -> Record:
        async def run() -> Record:
            return await self.client.models.retrieve(name)

        return asyncio.run(run())


DOORS = (Door, AsyncDoor)
