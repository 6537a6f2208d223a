"""How does the practice server run on a port?

Tornado carries the App: pauses are asyncio's, a slow reader holds only its own stream back, and a reader
who leaves ends it. No access log is kept.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import signal
import socket
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote

from tornado import httpserver, httputil, iostream, web

from claude_magic import practice
from claude_magic.app import App, Request, Response
from claude_magic.errors import ConfigError
from claude_magic.keys import PRACTICE_KEY, is_loopback
from claude_magic.practice import drills

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

MB = 2**20
MOST_PORT = 65_535
MOST_BODY = practice.MOST_BODY + MB  # the App says 413 itself; far larger ones are not read
HERE = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - what to ask, not where to listen
OUTSIDE = {socket.AF_INET: "192.0.2.1", socket.AF_INET6: "2001:db8::1"}  # of nobody: RFC 5737, RFC 3849
HOP_BY_HOP = ("connection", "transfer-encoding", "content-length")


class Handler(web.RequestHandler):
    """Hands every request to the App."""

    def initialize(self, app: App) -> None:
        """Take the App, and keep a form from tornado, which would read it too and stops at 100 parts."""
        self.app, self.form = app, self.request.headers.pop("Content-Type", None)

    async def handle(self) -> None:
        """Answer one request."""
        if self.form:
            self.request.headers["Content-Type"] = self.form
        response = self.app(_request(self.request))
        self.clear()
        self.clear_header("Content-Type")
        self.set_status(response.status)
        for name, value in response.headers.items():
            if name.lower() not in HOP_BY_HOP:
                self.set_header(name, value)
        try:
            await self._send(response)
        except (iostream.StreamClosedError, ConnectionError):
            self._cut()

    get = post = put = patch = delete = head = options = handle

    async def _send(self, response: Response) -> None:
        if isinstance(response.body, bytes):
            self.finish(response.body)
            return
        for part in response.parts():
            if isinstance(part, Exception):
                raise ConnectionResetError from part
            if isinstance(part, float | int):
                await self._pause(part)
            else:
                self.write(part)
                await self.flush()
        self.finish()

    async def _pause(self, seconds: float) -> None:
        """Wait, but no longer than the reader stays."""
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._left.wait(), seconds)
            raise iostream.StreamClosedError

    def prepare(self) -> None:
        """Get ready to learn that the reader has left."""
        self._left = asyncio.Event()

    def on_connection_close(self) -> None:
        """Learn that the reader has left."""
        self._left.set()

    def _cut(self) -> None:
        """Break the connection without the end that HTTP asks for."""
        if stream := getattr(self.request.connection, "stream", None):
            stream.close()

    def compute_etag(self) -> None:
        """Send no ETag: the service sends none."""

    def log_exception(self, *_: Any) -> None:
        """Keep headers, and the key in them, out of logs."""

    def write_error(self, status_code: int, **_: Any) -> None:
        """Answer a failure of our own as the API would."""
        error = {"type": "api_error", "message": f"practice server: status {status_code}"}
        self.finish(json.dumps({"type": "error", "error": error, "request_id": None}))


def _request(asked: httputil.HTTPServerRequest) -> Request:
    headers = {name.lower(): ",".join(asked.headers.get_list(name)) for name in asked.headers}
    query = tuple(parse_qsl(asked.query, keep_blank_values=True))
    return Request(asked.method or "GET", unquote(asked.path), query, headers, asked.body)


def listen(app: App, port: int, *, host: str = "127.0.0.1") -> tuple[httpserver.HTTPServer, str]:
    """Start to serve an App in the running loop; return the server and its URL. Port 0 takes a free one."""
    if not 0 <= port <= MOST_PORT:
        raise ConfigError(
            f"{port} is no port", hint=f"Choose one from 1 to {MOST_PORT}, such as --port 8484."
        )
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.create_server((host, port), family=family, backlog=1024)
    except OSError as problem:
        raise _unusable(port, host, problem) from None
    application = web.Application([(".*", Handler, {"app": app})], log_function=lambda _: None)
    server = httpserver.HTTPServer(application, max_buffer_size=MOST_BODY, max_body_size=MOST_BODY)
    listening.setblocking(False)
    server.add_sockets([listening])
    return server, _url(HERE.get(host, host), listening.getsockname()[1])


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _unusable(port: int, host: str, problem: OSError) -> ConfigError:
    if problem.errno == errno.EADDRINUSE:
        return ConfigError(f"Port {port} is in use", hint=f"Choose another, such as --port {port + 1}.")
    if problem.errno == errno.EACCES:
        hint = "Choose one above 1023, such as --port 8484."
        return ConfigError(f"Port {port} needs more rights", hint=hint)
    hint = "Leave --host out: 127.0.0.1 is the default."
    return ConfigError(f"{host} is no address of this machine", hint=hint)


USE = """Practice server: {url}   (Ctrl-C ends it; nothing is sent on from this machine){others}

  in a notebook   %env ANTHROPIC_BASE_URL={url}
                  %env ANTHROPIC_API_KEY={key}
  in Python       Client(base_url="{url}", api_key="{key}")
  with curl       curl {url}/v1/messages -H "x-api-key: {key}" -H "anthropic-version: 2026-10-21" \\
                    -d '{{"model": "claude-haiku-5-5", "max_tokens": 99,
                        "messages": [{{"role": "user", "content": "What is new?"}}]}}'

Faults on request: a prompt with one of these in it gets that fault.
practice:429x2 gets it twice, then an answer; practice:429@5 says to wait 5 seconds.

{drills}
"""


def serve(
    port: int,
    *,
    host: str = "127.0.0.1",
    speed: float | None = None,
    script: Path | str | None = None,
    ready: Callable[[str], None] | None = None,
) -> None:
    """Run the practice server until Ctrl-C; `speed` is tokens a second, `ready` is called with the URL.

    Raises ConfigError for a port or host that cannot be used, InputError for a lesson that cannot.
    """
    app = practice.Practice(speed, script)
    asyncio.run(_serve(app, port, host, ready))


async def _serve(app: App, port: int, host: str, ready: Callable[[str], None] | None) -> None:
    server, url = listen(app, port, host=host)
    stop = asyncio.Event()
    # not on Windows, nor outside the main thread
    with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
    if ready:
        ready(url)
    else:
        _tell(url, host)
    try:
        await stop.wait()
    finally:
        server.stop()
        await server.close_all_connections()


def _tell(url: str, host: str) -> None:
    others = "" if is_loopback(HERE.get(host, host)) and host not in HERE else _others(url, host)
    said = USE.format(url=url, key=PRACTICE_KEY, drills=drills.HELP, others=others)
    print(said, flush=True)  # noqa: T201 - a person starts it for this


def _others(url: str, host: str) -> str:
    """Say that others can reach the server, and where."""
    port = int(url.rpartition(":")[2])
    found = _address(socket.AF_INET6 if ":" in host else socket.AF_INET) if host in HERE else host
    at = f" at {_url(found, port)}" if found else ""
    return (
        f"\nOthers on this network can reach it too{at}; claude_magic there needs CLAUDE_MAGIC_ALLOW_HTTP=1."
    )


def _address(family: socket.AddressFamily) -> str | None:
    """Return this machine's address on its network, or None; a datagram socket's connect sends nothing."""
    with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as way:
        way.connect((OUTSIDE[family], 9))
        return str(way.getsockname()[0])
    return None
