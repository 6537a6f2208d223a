"""How does a test get a service on a port, whose answers are told apart and counted?"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from typing import Any

from claude_magic import wire
from claude_magic.app import App, Request, Response
from claude_magic.cassette import lines
from claude_magic.practice.server import listen
from tests.doors import KEY, answer, error, json, stream


class Service:
    """A service that takes one key, and numbers its answers: what is asked again is answered otherwise."""

    def __init__(self) -> None:
        self.requests: list[Request] = []

    def __call__(self, request: Request) -> Response:
        self.requests.append(request)
        if request.headers.get("authorization") != f"Bearer {KEY}":
            return error(401, "authentication_error")
        number = len(self.requests)
        if request.path == "/v1/files":
            return json({"id": f"file_{number}", "type": "file", "mime_type": "application/pdf"})
        if request.path == "/v1/messages/count_tokens":
            return json({"input_tokens": number})
        body = wire.decode_plain(request.body)
        told = answer(id=f"msg_{number}", **_said(body, number))
        if not body.get("stream"):
            return json(told)
        events = [
            b"event: %s\ndata: %s\n\n" % (e["type"].encode(), wire.encode(e)) for e in lines.spelled(told)
        ]
        return stream(*events)


def _said(body: dict[str, Any], number: int) -> dict[str, Any]:
    """Call the tool there is, else answer with a number, in the form that was asked for."""
    last = body["messages"][-1]["content"]
    done = isinstance(last, list) and any(b.get("type") == "tool_result" for b in last)
    if body.get("tools") and not done:
        call = {"type": "tool_use", "id": f"toolu_{number}", "name": body["tools"][0]["name"], "input": {}}
        return {"content": [call], "stop_reason": "tool_use"}
    text = f"Answer {number}"
    if (body.get("output_config") or {}).get("format"):
        text = wire.encode({"name": text}).decode()
    return {"content": [{"type": "text", "text": text}]}


@contextlib.contextmanager
def on_a_port(app: App) -> Iterator[str]:
    """Serve an App from a thread; yields the address."""
    ready, made = threading.Event(), []

    async def main() -> None:
        server, url = listen(app, 0)
        made[:] = [url, asyncio.get_running_loop(), asyncio.Event()]
        ready.set()
        await made[2].wait()
        server.stop()
        await server.close_all_connections()

    thread = threading.Thread(target=asyncio.run, args=(main(),))
    thread.start()
    assert ready.wait(60)
    try:
        yield made[0]
    finally:
        made[1].call_soon_threadsafe(made[2].set)
        thread.join()
