"""How does a test upload something to a practice server, and how does the official SDK ask one?"""

from __future__ import annotations

import json
from typing import Any

import anthropic
import httpx2

from claude_magic.app import Request, Response
from claude_magic.pool import AppTransport
from claude_magic.practice import Practice

HEADERS = {"authorization": "Bearer practice", "anthropic-version": "2026-10-21"}
CODE = {"type": "code_execution_20260521", "name": "code_execution"}
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x64\0\0\0\x64"  # a header that says 100 by 100 pixels


def part(name: str, data: bytes | str, filename: str | None = None, kind: str | None = None) -> bytes:
    """Return a part of a form, without its boundary."""
    named = f'; filename="{filename}"' if filename is not None else ""
    lines = [f'Content-Disposition: form-data; name="{name}"{named}']
    lines += [f"Content-Type: {kind}"] if kind else []
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + (data.encode() if isinstance(data, str) else data)


class Service:
    """A practice server whose clock stands where `now` says (seconds since 1970)."""

    def __init__(self) -> None:
        self.now = 1_000_000.0
        self.app = Practice(clock=lambda: self.now)

    def send(self, method: str, path: str, body: bytes = b"", query: Any = (), **headers: str) -> Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.app(Request(method, path, tuple(query), {**HEADERS, **named}, body))

    def get(self, path: str, *query: tuple[str, str], **headers: str) -> Any:
        return read(self.send("GET", path, query=query, **headers))

    def form(self, path: str, *parts: bytes, **headers: str) -> Any:
        body = b"".join(b"--edge\r\n" + part + b"\r\n" for part in parts) + b"--edge--\r\n"
        headers = {"content_type": "multipart/form-data; boundary=edge", **headers}
        return read(self.send("POST", path, body, **headers))

    def upload(
        self, name: str = "a.txt", data: bytes | str = "Hello", kind: str | None = None, **more: Any
    ) -> Any:
        texts = [part(key, str(value)) for key, value in more.items()]
        return self.form("/v1/files", part("file", data, name, kind), *texts)

    def say(self, *content: Any, **params: Any) -> Any:
        turn = {"role": "user", "content": list(content)}
        asked = {"model": "claude-haiku-5-5", "max_tokens": 1024, "messages": [turn], **params}
        return read(self.send("POST", "/v1/messages", json.dumps(asked).encode()))

    def sdk(self) -> anthropic.Anthropic:
        http = httpx2.Client(transport=AppTransport(self.app))
        return anthropic.Anthropic(
            api_key="practice",
            base_url="https://api.example",
            http_client=http,
            max_retries=0,
            _strict_response_validation=True,
        )


def whole(response: Response) -> bytes:
    """Return a body, however it comes."""
    return b"".join(piece for piece in response.parts() if isinstance(piece, bytes))


def read(response: Response) -> Any:
    """Return the JSON of an answer; of a refusal its status, its code and its message."""
    found = json.loads(whole(response))
    if response.status == 200:
        return found
    error = found["error"]
    return response.status, (error.get("details") or {}).get("error_code"), error["message"]
