"""How do these tests talk to the practice App, with no client in between?"""

from __future__ import annotations

import json
from typing import Any

import anthropic
import httpx2
import pytest

from claude_magic.app import Request, Response
from claude_magic.pool import AppTransport
from claude_magic.practice import Practice

HEADERS = {"authorization": "Bearer practice", "anthropic-version": "2026-10-21"}


class Api:
    """A Practice server and the shortest way to ask it."""

    def __init__(self, **options: Any) -> None:
        self.now = 1_000_000.0
        self.app = Practice(**{"clock": lambda: self.now, **options})

    def send(self, method: str, path: str, body: Any = None, *, query=(), **headers: str | None) -> Response:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {k: v for k, v in {**HEADERS, **given}.items() if v is not None}
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        return self.app(Request(method, path, tuple(query), sent, data))

    def post(
        self, content: Any = "Hello", path: str = "/v1/messages", headers=None, **params: Any
    ) -> Response:
        body = {
            "model": "claude-haiku-5-5",
            "max_tokens": 1024,
            "messages": [{"role": "user", "content": content}],
        }
        body = {k: v for k, v in (body | params).items() if v is not ...}
        return self.send("POST", path, body, **(headers or {}))

    def message(self, content: Any = "Hello", **params: Any) -> dict[str, Any]:
        """The answer's Message; a refusal is a failed test."""
        response = self.post(content, **params)
        message = read(response)
        assert response.status == 200, message
        return message

    def say(self, content: Any, **params: Any) -> str:
        return "".join(b["text"] for b in self.message(content, **params)["content"] if b["type"] == "text")

    def refused(self, content: Any = "Hello", **params: Any) -> tuple[int, str]:
        """The status and message of a refusal."""
        response = self.post(content, **params)
        return response.status, read(response).get("error", {}).get("message")

    def count(self, content: Any = "Hello", **params: Any) -> int:
        params = {"max_tokens": ..., "path": "/v1/messages/count_tokens", **params}
        return read(self.post(content, **params))["input_tokens"]

    def events(self, content: Any = "Hello", **params: Any) -> list[dict[str, Any]]:
        return parse(whole(self.post(content, stream=True, **params)))

    def sdk(self) -> anthropic.Anthropic:
        """The official SDK, which takes no answer that is not as it knows it."""
        return anthropic.Anthropic(
            api_key="practice",
            base_url="https://api.example",
            http_client=httpx2.Client(transport=AppTransport(self.app)),
            max_retries=0,
            _strict_response_validation=True,
        )


def pairs(params: dict[str, Any]) -> list[tuple[str, str]]:
    """The query of parameters: each item of a list goes out by itself, None not at all."""
    return [
        (f"{name}[]" if isinstance(value, list) else name, str(one))
        for name, value in params.items()
        for one in (value if isinstance(value, list) else [value])
        if one is not None
    ]


def whole(response: Response) -> bytes:
    """A body, however it comes."""
    return b"".join(part for part in response.parts() if isinstance(part, bytes))


def read(response: Response) -> Any:
    return json.loads(whole(response))


def refused(response: Response) -> tuple[int, str]:
    """The status and message of a refusal."""
    return response.status, read(response)["error"]["message"]


def parse(data: bytes) -> list[dict[str, Any]]:
    """The events of a stream; each must be exactly two lines and a blank one."""
    frames = data.decode().removesuffix("\n\n").split("\n\n")
    found = []
    for frame in frames:
        first, second = frame.split("\n")
        event = json.loads(second.removeprefix("data: "))
        assert first == f"event: {event['type']}"
        found.append(event)
    return found


@pytest.fixture
def api() -> Api:
    """A server of this test's own, its clock standing still."""
    return Api()


@pytest.fixture
def make_api() -> type[Api]:
    """Make a server with options: `make_api(speed=80)`."""
    return Api
