"""How does a policy run on a socket, sync and async?

Two short loops drive `policy.exchange` over httpx2. Whatever httpx2 raises leaves here as a ClaudeError. The
key is read when the header is made and stays in no frame, and text from a server is cleaned of it.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import httpx2

from claude_magic.errors import APIConnectionError, APIResponseError, ClaudeError, Stopped
from claude_magic.faults import explain, timed_out
from claude_magic.keys import Secret, reveal
from claude_magic.policy import Call, Fault, Reply, Send, Sleep, exchange

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from claude_magic.body import Body

CONNECT = 10.0  # seconds to reach a host
MOST_ERROR = 64 * 2**20  # bytes of an answer that is no success
PIECE = 256 * 2**10  # bytes of a request handed over at a time


@dataclass(slots=True, frozen=True)
class Route:
    """Where calls go, and what proves who sends them: one origin, its credential, and what never to show.

    `admin` is the organization's own key, for its calls alone.
    """

    base_url: str
    credential: Secret | None = None
    admin: Secret | None = None
    hidden: tuple[Secret, ...] = field(default=(), repr=False)

    def holds(self, data: bytes) -> bool:
        """Say whether bytes from the server repeat a secret."""
        return any(secret.reveal().encode() in data for secret in self.hidden)

    def clean(self, data: bytes) -> bytes:
        """Return bytes from the server with every secret replaced by its label (K2)."""
        for secret in self.hidden:
            word = secret.reveal().encode()
            if word in data:
                data = data.replace(word, str(secret).encode())
        return data


def drive(
    call: Call, http: httpx2.Client, route: Route, on_wait: Callable[[float, str], None] | None = None
) -> Reply:
    """Run one call on a synchronous client; raises ClaudeError, or Stopped when interrupted."""
    started, steps = time.monotonic(), exchange(call)
    try:
        step = next(steps)
        while True:
            if isinstance(step, Send):
                step = steps.send(_send(step, http, route, started))
            else:
                for pause in _ticks(step, on_wait):
                    time.sleep(pause)
                step = steps.send(None)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]
    except KeyboardInterrupt:
        raise Stopped from None


async def adrive(
    call: Call, http: httpx2.AsyncClient, route: Route, on_wait: Callable[[float, str], None] | None = None
) -> Reply:
    """Run one call on an asynchronous client; raises ClaudeError, or Stopped when interrupted."""
    started, steps = time.monotonic(), exchange(call)
    try:
        step = next(steps)
        while True:
            if isinstance(step, Send):
                step = steps.send(await _asend(step, http, route, started))
            else:
                for pause in _ticks(step, on_wait):
                    await asyncio.sleep(pause)
                step = steps.send(None)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]
    except KeyboardInterrupt:
        raise Stopped from None


def _ticks(step: Sleep, on_wait: Callable[[float, str], None] | None) -> Iterator[float]:
    """Cut a wait into pauses of at most a second, telling before each how long is left."""
    until, left = time.monotonic() + step.seconds, step.seconds
    while left > 0:
        if on_wait is not None:
            on_wait(left, step.why)
        yield min(left, 1.0) if on_wait is not None else left
        left = until - time.monotonic()


def _send(step: Send, http: httpx2.Client, route: Route, started: float) -> Reply | Fault:
    body = _Upload(step.call.upload or step.call.request.body)
    try:
        response = http.send(
            _request(step, route, body, started), stream=True, auth=_NO_AUTH, follow_redirects=False
        )
        download = Download(response, step.call, route, started)
        if step.call.stream and response.is_success:
            return _reply(response, route, started, open=download)
        return _reply(response, route, started, body=route.clean(b"".join(download.chunks())))
    except Exception as error:
        return _fault(error, body, step.call, route, started)


async def _asend(step: Send, http: httpx2.AsyncClient, route: Route, started: float) -> Reply | Fault:
    body = _Upload(step.call.upload or step.call.request.body)
    try:
        response = await http.send(
            _request(step, route, body, started), stream=True, auth=_NO_AUTH, follow_redirects=False
        )
        download = Download(response, step.call, route, started)
        if step.call.stream and response.is_success:
            return _reply(response, route, started, open=download)
        whole = b"".join([chunk async for chunk in download.achunks()])
        return _reply(response, route, started, body=route.clean(whole))
    except Exception as error:
        return _fault(error, body, step.call, route, started)


class _Upload(httpx2.SyncByteStream, httpx2.AsyncByteStream):
    """A request body that knows whether it was handed over whole: it is asked on only after a full write.

    In pieces, as an event loop takes what it is given and tells only with the next that the last was lost.
    """

    def __init__(self, data: bytes | Body) -> None:
        self.data, self.sent = data, not len(data)

    def __iter__(self) -> Iterator[bytes]:
        if isinstance(self.data, bytes):
            for at in range(0, len(self.data), PIECE):
                yield self.data[at : at + PIECE]
        else:
            yield from self.data
        self.sent = True

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self:
            yield piece


_NO_AUTH = httpx2.Auth()  # a plain pass: neither a netrc file nor an address may add a credential


@lru_cache(256)
def _url(text: str) -> httpx2.URL:
    return httpx2.URL(text)


def _host(route: Route) -> str:
    return _url(route.base_url).host or "the practice server"


def _request(step: Send, route: Route, body: _Upload, started: float) -> httpx2.Request:
    call, ask = step.call, step.call.request
    query = "?" + urlencode(ask.query, quote_via=quote, safe="") if ask.query else ""
    url = _url(route.base_url + ask.path + query)
    headers = [("Host", url.netloc.decode()), *((name, reveal(value)) for name, value in ask.headers.items())]
    if len(body.data) or ask.method != "GET":
        headers.append(("Content-Length", str(len(body.data))))
    if route.credential is not None and not any(name.lower() in _CREDENTIALS for name in ask.headers):
        headers.append(("Authorization", "Bearer " + route.credential.reveal()))
    return httpx2.Request(
        ask.method, url, headers=headers, stream=body, extensions={"timeout": _timeout(call, started)}
    )


_CREDENTIALS = frozenset({"authorization", "x-api-key"})


def _timeout(call: Call, started: float) -> dict[str, float | None]:
    if hasattr(call.timeout, "as_dict"):  # an httpx2.Timeout, or one of httpx as older examples have it
        return dict(call.timeout.as_dict())
    silence: float | None = None if call.timeout is None else float(call.timeout)
    if call.total_timeout is not None:
        left = max(0.001, started + call.total_timeout - time.monotonic())
        silence = left if silence is None else min(silence, left)
    connect = CONNECT if silence is None else min(CONNECT, silence)
    return {"connect": connect, "read": silence, "write": silence, "pool": silence}


def _reply(
    response: httpx2.Response,
    route: Route,
    started: float,
    *,
    body: bytes = b"",
    open: Download | None = None,
) -> Reply:
    headers = {name: _text(route.clean(value)) for name, value in _pairs(response)}
    return Reply(response.status_code, headers, body, open, time.time(), time.monotonic() - started)


def _pairs(response: httpx2.Response) -> Iterator[tuple[str, bytes]]:
    return ((_text(name).lower(), value) for name, value in response.headers.raw)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


class Download:
    """A response body being read: bounded in bytes and time, its failures told in our own words."""

    def __init__(self, response: httpx2.Response, call: Call, route: Route, started: float) -> None:
        self.response, self.call, self.route = response, call, route
        self.check = partial(_check, call, started, response.status_code)
        self.size, self.closed, self.packed = 0, False, "content-encoding" in response.headers
        if self.packed:
            response.stream = _Packed(response.stream, self.check)

    def chunks(self) -> Iterator[bytes]:
        """Yield the body as it arrives, unpacked; raises ClaudeError."""
        source = self.response.iter_bytes() if self.packed else self.response.stream
        try:
            for chunk in source:  # type: ignore[union-attr]
                self.size += len(chunk)
                self.check(self.size)
                yield chunk
        except Exception as error:
            raise self._told(error) from None
        else:
            self._ended()
        finally:
            self.response.close()

    async def achunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it arrives, unpacked; raises ClaudeError."""
        source = self.response.aiter_bytes() if self.packed else self.response.stream
        try:
            async with aclosing(aiter(source)) as pieces:  # type: ignore[arg-type,type-var]
                async for chunk in pieces:
                    self.size += len(chunk)
                    self.check(self.size)
                    yield chunk
        except Exception as error:
            raise self._told(error) from None
        else:
            self._ended()
        finally:
            await self.response.aclose()

    def close(self) -> None:
        """Close the connection unless the body was read to its end."""
        self.closed = True
        self.response.close()

    async def aclose(self) -> None:
        """Close the connection unless the body was read to its end."""
        self.closed = True
        await self.response.aclose()

    def _ended(self) -> None:
        if self.closed:  # by its reader: what looks like an end is none
            raise self._told(httpx2.StreamClosed())

    def _told(self, error: Exception) -> ClaudeError:
        if self.closed:
            return APIConnectionError(
                "The answer was closed before it was read to its end", hint="Read it inside the with block."
            )
        return explain(error, _host(self.route), self.call.timeout).error


def _check(call: Call, started: float, status: int, size: int) -> None:
    """Raise ClaudeError where an answer of this many bytes, or its time until now, is more than allowed."""
    most = call.most if 200 <= status < 300 else min(call.most, MOST_ERROR)
    if size > most:
        raise APIResponseError(
            f"The answer is larger than {most / 2**20:.0f} MB",
            hint="Pass max_bytes=… to the client to allow more.",
            status=status,
        )
    if call.total_timeout is not None and time.monotonic() - started > call.total_timeout:
        raise timed_out(f"The answer was not complete after {call.total_timeout:g} s")


class _Packed(httpx2.SyncByteStream, httpx2.AsyncByteStream):
    """A packed body on its way to be unpacked: checked as it comes, for it may unpack to nothing."""

    def __init__(self, stream: Any, check: Callable[[int], None]) -> None:
        self.stream, self.check, self.size = stream, check, 0

    def _counted(self, chunk: bytes) -> bytes:
        self.size += len(chunk)
        self.check(self.size)
        return chunk

    def __iter__(self) -> Iterator[bytes]:
        return map(self._counted, self.stream)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self.stream:
            yield self._counted(chunk)

    def close(self) -> None:
        self.stream.close()

    async def aclose(self) -> None:
        await self.stream.aclose()


def _fault(error: Exception, body: _Upload, call: Call, route: Route, started: float) -> Fault:
    told = explain(error, _host(route), call.timeout)
    return Fault(told.error, told.unsent or not body.sent, time.monotonic() - started, told.final)
