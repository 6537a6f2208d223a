"""How does a test upload something to a practice server?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.practice.conftest import Api, whole

if TYPE_CHECKING:
    from claude_magic.app import Response

CODE = {"type": "code_execution_20260521", "name": "code_execution"}
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x64\0\0\0\x64"  # a header that says 100 by 100 pixels


def part(name: str, data: bytes | str, filename: str | None = None, kind: str | None = None) -> bytes:
    """Return a part of a form, without its boundary."""
    named = f'; filename="{filename}"' if filename is not None else ""
    lines = [f'Content-Disposition: form-data; name="{name}"{named}']
    lines += [f"Content-Type: {kind}"] if kind else []
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + (data.encode() if isinstance(data, str) else data)


def form(*parts: bytes) -> tuple[bytes, str]:
    """Return the body of a form, and its content type."""
    body = b"".join(b"--edge\r\n" + part + b"\r\n" for part in parts) + b"--edge--\r\n"
    return body, "multipart/form-data; boundary=edge"


class Service(Api):
    """A practice server, and the shortest way to upload to it."""

    def get(self, path: str, *query: tuple[str, str], **headers: str) -> Any:
        return read(self.send("GET", path, query=query, **headers))

    def form(self, path: str, *parts: bytes, **headers: str) -> Any:
        body, kind = form(*parts)
        return read(self.send("POST", path, body, **{"content_type": kind, **headers}))

    def upload(
        self, name: str = "a.txt", data: bytes | str = "Hello", kind: str | None = None, **more: Any
    ) -> Any:
        texts = [part(key, str(value)) for key, value in more.items()]
        return self.form("/v1/files", part("file", data, name, kind), *texts)

    def say(self, *content: Any, **params: Any) -> Any:
        turn = {"role": "user", "content": list(content)}
        asked = {"model": "claude-haiku-5-5", "max_tokens": 1024, "messages": [turn], **params}
        return read(self.send("POST", "/v1/messages", asked))


def read(response: Response) -> Any:
    """Return the JSON of an answer; of a refusal its status, its code and its message."""
    found = json.loads(whole(response))
    if response.status == 200:
        return found
    error = found["error"]
    return response.status, (error.get("details") or {}).get("error_code"), error["message"]
