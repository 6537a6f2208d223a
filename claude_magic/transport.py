"""How does a policy run on a socket, sync and async?

`carry` goes through the sends and waits of a call; what it yields was done by `Blocking`, or is to be awaited
where it is `Awaiting`. Whatever httpx2 raises leaves here as a ClaudeError. The key is read when the header
is made and stays in no frame, and text from a server is cleaned of it.
"""

from __future__ import annotations

import asyncio
import functools
import time
import zlib
from contextlib import aclosing, closing, contextmanager, suppress
from dataclasses import dataclass, field
from operator import methodcaller
from typing import TYPE_CHECKING, Any, ParamSpec, Self, TypeVar
from urllib.parse import quote, urlencode

import httpx2

from claude_magic import pool
from claude_magic.errors import APIConnectionError, APIResponseError, APITimeoutError, ClaudeError, Stopped
from claude_magic.faults import LATE, explain
from claude_magic.keys import Secret, reveal
from claude_magic.policy import Call, Fault, Reply, Sleep, exchange
from claude_magic.protocol.body import PIECE, Body, held

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator, Iterable, Iterator

    from claude_magic.wire import Message

    OnWait = Callable[[float, str], None] | None

P = ParamSpec("P")
T = TypeVar("T")
CONNECT = 10.0  # seconds to reach a host
MOST_ERROR = 4 * 2**20  # bytes of an answer that is no success

GZIP_OR_DEFLATE = 47  # zlib is to look which of the two it is: https://docs.python.org/3/library/zlib.html


@dataclass(slots=True, frozen=True)
class Route:
    """Where calls go, and what proves who sends them: one origin, its credential, and what never to show.

    `admin` is the organization's own key, for its calls alone.
    """

    base_url: str
    credential: Secret | None = None
    admin: Secret | None = None
    hidden: tuple[Secret, ...] = field(default=(), repr=False)

    def clean(self, data: bytes) -> bytes:
        """Return bytes from the server, every secret in them replaced by its label (K2)."""
        for secret in self.hidden:
            word = secret.reveal().encode()
            if word in data:
                data = data.replace(word, str(secret).encode())
        return data


class Whole:
    """What takes an answer apart, where it is to stay whole: bytes go in, items come out; holds no socket."""

    done = False  # whether all has come, whatever becomes of the connection
    message: Message | None = None  # what to show of it when it is interrupted

    def begin(self) -> None:
        """Raise ClaudeError where the answer is of another kind."""

    def take(self, chunk: bytes) -> Iterable[Any]:
        """Return the items that these bytes complete."""
        return (chunk,)

    def end(self) -> Iterable[Any]:
        """Return what the end completes; raises StreamError where the end is too early."""
        return ()

    def blame(self, error: ClaudeError) -> ClaudeError:
        """Return the error with what is known of the answer."""
        return error


class Blocking:
    """Does what a call needs on the thread that asks."""

    sleep, close = staticmethod(time.sleep), methodcaller("close")

    @staticmethod
    def run(steps: Generator[Any, Any, T]) -> T:
        """Go through steps that yield values; raises Stopped when interrupted."""
        value = None
        try:
            while True:
                value = steps.send(value)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        except KeyboardInterrupt as error:
            raise (error if isinstance(error, Stopped) else Stopped()) from None

    @staticmethod
    def http(base_url: str) -> httpx2.Client:
        """Return the client for an address."""
        return pool.shared(base_url)

    @staticmethod
    def items(download: Download, whole: Whole) -> Iterator[Any]:
        """Return the items of an answer, begun: from here on, dropping them closes the connection."""
        found = _items(download, whole)
        next(found)
        return found

    @staticmethod
    def each(items: Any, take: Callable[[Any], object]) -> None:
        """Give every item away; the connection is closed after."""
        with closing(items):
            for item in items:
                take(item)


class Awaiting:
    """Does what a call needs on an event loop: as `Blocking`, but awaited."""

    http, sleep, close = staticmethod(pool.ashared), staticmethod(asyncio.sleep), methodcaller("aclose")

    @staticmethod
    async def run(steps: Generator[Any, Any, T]) -> T:
        """Go through steps that yield awaitables; what these raise is raised in the steps."""
        go: Callable[[], Any] = functools.partial(next, steps)
        while True:
            try:
                waiting = go()
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]
            try:
                go = functools.partial(steps.send, await waiting)
            except BaseException as error:
                go = functools.partial(steps.throw, error)

    @staticmethod
    def items(download: Download, whole: Whole) -> AsyncIterator[Any]:
        """Return the items of an answer, begun: from here on, dropping them closes the connection."""
        found = _aitems(download, whole)
        with suppress(StopIteration):  # its first step waits for nothing
            found.asend(None).send(None)
        return found

    @staticmethod
    async def each(items: Any, take: Callable[[Any], object]) -> None:
        """Give every item away; the connection is closed after."""
        async with aclosing(items):
            async for item in items:
                take(item)


class Held:
    """What a `with` block closes."""

    close: Any

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncHeld:
    """What an `async with` block closes."""

    close: Any

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def followed(method: Callable[P, Generator[Any, Any, T]]) -> Callable[P, T]:
    """Make a method of one that yields its steps: its object's `_way` goes through them, now or awaited."""
    said = method.__annotations__["return"]  # of the steps; its readers want what they return
    method.__annotations__["return"] = said.removeprefix("Generator[Any, Any, ").removesuffix("]")

    @functools.wraps(method)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        return args[0]._way.run(method(*args, **kwargs))  # type: ignore[attr-defined, no-any-return]  # noqa: SLF001

    return call


def gathered(way: Any, items: Any) -> Generator[Any, Any, list[Any]]:
    """Return all items as a list; the connection is closed after."""
    found: list[Any] = []
    yield way.each(items, found.append)
    return found


def _items(download: Download, whole: Whole) -> Generator[Any]:
    """Yield once when begun, then the items; holds no reader, so that a dropped one is closed at once."""
    try:
        with download.told(whole):
            yield None
            whole.begin()
            for raw in download.response.stream:  # type: ignore[union-attr]
                yield from download.take(raw, whole)
            yield from download.end(whole)
    finally:
        download.left().close()


async def _aitems(download: Download, whole: Whole) -> AsyncGenerator[Any]:
    try:
        with download.told(whole):
            yield None
            whole.begin()
            async with aclosing(aiter(download.response.stream)) as arriving:  # type: ignore[arg-type,type-var]
                async for raw in arriving:
                    for item in download.take(raw, whole):
                        yield item
            for item in download.end(whole):
                yield item
    finally:
        await download.left().aclose()


def carry(call: Call, http: Any, route: Route, on_wait: OnWait, way: Any) -> Generator[Any, Any, Reply]:
    """Carry a call through its sends and waits, which `way` does; raises ClaudeError."""
    started, steps, outcome = time.monotonic(), exchange(call), None
    while True:
        try:
            step = steps.send(outcome)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
        if isinstance(step, Sleep):
            yield from _sleep(step, on_wait, way)
        else:
            outcome = yield from _send(step, http, route, started, way)


def _sleep(step: Sleep, on_wait: OnWait, way: Any) -> Generator[Any, Any, None]:
    """Wait in pauses of at most a second, telling before each how long is left."""
    until, left = time.monotonic() + step.seconds, step.seconds
    while left > 0:
        if on_wait is not None:
            on_wait(left, step.why)
        yield way.sleep(min(left, 1.0) if on_wait is not None else left)
        left = until - time.monotonic()


def _send(call: Call, http: Any, route: Route, began: float, way: Any) -> Generator[Any, Any, Reply | Fault]:
    body = _Upload(call.upload or call.request.body)
    try:
        request = _request(call, route, body, began)
        response = yield http.send(request, stream=True, auth=_NO_AUTH, follow_redirects=False)
        headers = {_text(k).lower(): _text(route.clean(v)) for k, v in response.headers.raw}
        reply = Reply(response.status_code, headers, at=time.time(), elapsed=time.monotonic() - began)
        reply.open = Download(response, call, route, began)
        if not (call.stream and response.is_success):
            pieces = yield from gathered(way, way.items(reply.open, Whole()))
            reply.body = route.clean(b"".join(pieces))
    except Exception as error:
        fault = explain(error, _host(route), call.timeout)
        return fault._replace(unsent=fault.unsent or not body.sent, elapsed=time.monotonic() - began)
    return reply


class _Upload(httpx2.SyncByteStream, httpx2.AsyncByteStream):
    """A request body that knows whether it was handed over whole: it is asked on only after a full write.

    In pieces, as an event loop takes what it is given and tells only with the next that the last was lost.
    """

    def __init__(self, data: bytes | Body) -> None:
        self.data, self.sent = data, not len(data)

    def __iter__(self) -> Iterator[bytes]:
        yield from held(self.data).pieces() if isinstance(self.data, bytes) else self.data
        self.sent = True

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self:
            yield piece


_NO_AUTH = httpx2.Auth()  # a plain pass: neither a netrc file nor an address may add a credential
_url = functools.lru_cache(256)(httpx2.URL)


def _host(route: Route) -> str:
    return _url(route.base_url).host or "the practice server"


def _request(call: Call, route: Route, body: _Upload, started: float) -> httpx2.Request:
    ask = call.request
    query = "?" + urlencode(ask.query, quote_via=quote, safe="") if ask.query else ""
    url = _url(route.base_url + ask.path + query)
    headers = [("Host", url.netloc.decode()), *((name, reveal(value)) for name, value in ask.headers.items())]
    if len(body.data) or ask.method != "GET":
        headers.append(("Content-Length", str(len(body.data))))

    how = {"timeout": _timeout(call, started)}
    return httpx2.Request(ask.method, url, headers=headers, stream=body, extensions=how)


def _timeout(call: Call, started: float) -> dict[str, float | None]:
    if hasattr(call.timeout, "as_dict"):  # an httpx2.Timeout, or one of httpx as older examples have it
        return dict(call.timeout.as_dict())
    limits = [] if call.timeout is None else [float(call.timeout)]
    if call.total_timeout is not None:
        limits.append(max(0.001, started + call.total_timeout - time.monotonic()))
    silence = min(limits, default=None)
    return {"connect": min([CONNECT, *limits]), "read": silence, "write": silence, "pool": silence}


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


class Download:
    """A response body being read: bounded in bytes and time, unpacked, its failures told in our own words."""

    def __init__(self, response: httpx2.Response, call: Call, route: Route, started: float) -> None:
        self.response, self.call, self.route, self.started = response, call, route, started
        self.arrived = self.unpacked = 0  # bytes
        self.closed = False  # by us: a response that came whole says so from its start
        self.most = call.most if response.is_success else min(call.most, MOST_ERROR)
        packing = response.headers.get("content-encoding", "").lower()
        self.packed = None if packing in ("", "identity") else zlib.decompressobj(GZIP_OR_DEFLATE)

    def take(self, raw: bytes, whole: Whole) -> Iterable[Any]:
        """Return what `whole` makes of bytes of the wire; raises ClaudeError for too many, or too late."""
        self.arrived += len(raw)
        self._check(self.arrived)
        return self._unpacked(self.packed, raw, whole) if self.packed else whole.take(raw)

    def _unpacked(self, packed: Any, raw: bytes, whole: Whole) -> Iterator[Any]:
        while not packed.eof:
            piece = packed.decompress(raw, PIECE)
            self.unpacked += len(piece)
            self._check(self.unpacked)
            yield from whole.take(piece)
            raw = packed.unconsumed_tail
            if not raw and len(piece) < PIECE:
                return

    def end(self, whole: Whole) -> Iterable[Any]:
        """Return what `whole` makes of the end; raises APIConnectionError where it is too early."""
        if self.closed or (self.packed and not self.packed.eof):
            raise httpx2.RemoteProtocolError("The end is too early")
        return whole.end()

    def left(self) -> httpx2.Response:
        """Return the response, to be closed now: it is read no further."""
        self.closed = True
        return self.response

    @contextmanager
    def told(self, whole: Whole) -> Iterator[None]:
        """Tell what goes wrong while it is read, unless all has come; raises ClaudeError and Stopped."""
        try:
            yield
        except KeyboardInterrupt:
            raise Stopped(partial=whole.message) from None
        except Exception as error:
            if whole.done:
                return
            told = explain(error, _host(self.route), self.call.timeout).error
            if self.closed:  # by its reader: what looks like an end is none
                text = "The answer was closed before it was read to its end"
                told = APIConnectionError(text, hint="Read it inside the with block.")
            raise whole.blame(told) from None

    def _check(self, size: int) -> None:
        limit = self.call.total_timeout
        if size > self.most:
            text, status = f"The answer is larger than {self.most / 2**20:.0f} MB", self.response.status_code
            raise APIResponseError(text, hint="Pass max_bytes=… to the client to allow more.", status=status)
        if limit is not None and time.monotonic() - self.started > limit:
            raise APITimeoutError(f"The answer was not complete after {limit:g} s", hint=LATE)
