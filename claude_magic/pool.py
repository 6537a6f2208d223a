"""Which httpx2 client carries a call?

One for each process (or event loop) and kind of address, made on first use, with one TLS context; or one
whose network is an App in this process.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
import time
import weakref
from functools import cache
from typing import TYPE_CHECKING, Any

import httpx2

from claude_magic.app import App, Request
from claude_magic.errors import ConfigError
from claude_magic.keys import PRACTICE_URL

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Generator, Iterator

_lock = threading.Lock()
_shared: dict[Any, httpx2.Client] = {}
_ashared: weakref.WeakKeyDictionary[Any, dict[Any, Any]] = weakref.WeakKeyDictionary()
_before_fork: list[Any] = []
HTTP, ASYNC_HTTP = httpx2.Client, httpx2.AsyncClient  # what a caller may bring of its own
_LIMITS = httpx2.Limits(max_connections=1000, max_keepalive_connections=100)
_SURROUNDINGS = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")


def shared(base_url: str) -> httpx2.Client:
    """Return the process's client for an address: one pool and TLS context, made on first use."""
    kind = _kind(base_url)
    with _lock:
        if kind not in _shared:
            _shared[kind] = httpx2.Client(**_parts(kind))
        return _shared[kind]


def private(base_url: str) -> httpx2.Client:
    """Return a client with connections of its own, for whoever has to end them; close it when done."""
    return httpx2.Client(**_parts(_kind(base_url)))


async def ashared(base_url: str) -> httpx2.AsyncClient:
    """Return the running event loop's client for an address; `asyncio.run` closes it as it ends."""
    kind, mine = _kind(base_url), _ashared.setdefault(asyncio.get_running_loop(), {})
    if kind not in mine:
        holder = _held(kind)
        mine[kind] = await anext(holder), holder
    return mine[kind][0]  # type: ignore[no-any-return]


async def _held(kind: tuple[str | None, ...]) -> AsyncIterator[httpx2.AsyncClient]:
    # a loop that ends closes its open generators: the one place where it says that it ends
    async with httpx2.AsyncClient(**_parts(kind)) as client:
        yield client


def _kind(base_url: str) -> tuple[str | None, ...]:
    """Return what a client is kept by: a proxy or certificate file set later must count (R3)."""
    ask = os.environ.get
    return (base_url.partition(":")[0], *(ask(name) or ask(name.lower()) for name in _SURROUNDINGS))


def _parts(kind: tuple[str | None, ...]) -> dict[str, Any]:
    if kind[0] == PRACTICE_URL.rstrip(":"):
        from claude_magic import practice

        return {"transport": AppTransport(practice.shared())}
    return {"limits": _LIMITS, "verify": _tls(*kind[-2:]) if kind[0] == "https" else False}


def tls() -> ssl.SSLContext:
    """Return the TLS context of the certificates that are trusted now: the one that `shared` uses."""
    return _tls(*_kind("https:")[-2:])


@cache
def _tls(_file: str | None, _folder: str | None) -> ssl.SSLContext:
    try:
        return httpx2.create_ssl_context()
    except OSError as error:
        text = f"The file of trusted certificates cannot be read: {error.strerror or error}"
        raise ConfigError(text, hint="Check SSL_CERT_FILE and SSL_CERT_DIR.") from None


def _forget() -> None:
    """Leave the parent's sockets alone in a forked child: neither use nor close them."""
    global _lock
    _lock = threading.Lock()
    _before_fork.extend((dict(_shared), dict(_ashared)))
    _shared.clear()
    _ashared.clear()


@atexit.register
def _close() -> None:
    for client in _shared.values():
        client.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


class AppTransport(httpx2.BaseTransport, httpx2.AsyncBaseTransport):
    """An httpx2 transport, sync and async, that asks an App in this process."""

    def __init__(self, app: App) -> None:
        self.app = app

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Answer a request of a synchronous client."""
        return self._answer(request, request.read())

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Answer a request of an asynchronous client."""
        return self._answer(request, await request.aread())

    def _answer(self, request: httpx2.Request, body: bytes) -> httpx2.Response:
        query = tuple(request.url.params.multi_items())
        headers = {name.lower(): value for name, value in request.headers.items()}
        response = self.app(Request(request.method, request.url.path, query, headers, body))
        return httpx2.Response(response.status, headers=response.headers, stream=_Parts(response.parts()))


class _Parts(httpx2.SyncByteStream, httpx2.AsyncByteStream):
    """An App's body on its way: bytes are sent, a number is a pause, an exception breaks the connection."""

    def __init__(self, parts: Generator[bytes | float | Exception]) -> None:
        self.parts = parts

    def _unbroken(self) -> Iterator[bytes | float]:
        for part in self.parts:
            if isinstance(part, Exception):
                raise httpx2.ReadError(str(part))
            yield part

    def __iter__(self) -> Iterator[bytes]:
        for part in self._unbroken():
            if isinstance(part, bytes):
                yield part
            else:
                time.sleep(part)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for part in self._unbroken():
            if isinstance(part, bytes):
                yield part
            else:
                await asyncio.sleep(part)

    def close(self) -> None:
        """Tell the App's generator that the reader has gone."""
        self.parts.close()

    async def aclose(self) -> None:
        """Tell the App's generator that the reader has gone."""
        self.close()
