"""How does a short request go out and its answer come in, with as little as possible around it?

A Line is one kept HTTP/1.1 connection for one thread that asks again and again. It takes a fraction of the
CPU of httpx2, which can do much more: proxies, pools, streams. What goes wrong is told as for any other call.
https://www.rfc-editor.org/rfc/rfc9112
"""

from __future__ import annotations

import contextlib
import re
import select
import socket
import time
import zlib
from typing import TYPE_CHECKING, NamedTuple
from urllib.request import getproxies, proxy_bypass

import httpx2

from claude_magic import pool
from claude_magic.errors import APIResponseError
from claude_magic.faults import explain
from claude_magic.keys import reveal
from claude_magic.policy import Fault, Reply, exchange
from claude_magic.transport import CONNECT, GZIP_OR_DEFLATE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from claude_magic.policy import Call
    from claude_magic.transport import Route

IDLE = 5.0  # seconds after which a connection is not trusted any more, as in httpx2
MOST_HEAD = 100 * 2**10  # bytes
PIECE = 64 * 2**10  # bytes read at a time
NO_BODY = frozenset({204, 304})
_STATUS = re.compile(rb"HTTP/1\.([01]) (\d{3})(?: .*)?")
_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")


class Answer(NamedTuple):
    """An HTTP answer, its body not unpacked."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


def leads_to(base_url: str) -> bool:
    """Say whether an address can be reached directly, by http or https and through no proxy."""
    url = httpx2.URL(base_url)
    proxies = getproxies()
    proxied = {url.scheme, "all"} & proxies.keys() and not proxy_bypass(url.host)
    return url.scheme in ("http", "https") and bool(url.host) and not proxied


class Line:
    """A connection to the host of an address, made when it is needed; `cut` ends it from another thread."""

    def __init__(self, base_url: str) -> None:
        self.url = httpx2.URL(base_url)
        self.is_cut = False
        self._tls = pool.tls() if self.url.scheme == "https" else None
        self._socket: socket.socket | None = None
        self._rest = b""
        self._used = 0.0

    def cut(self) -> None:
        """End what is under way; nothing is sent after."""
        self.is_cut = True
        if (open_ := self._socket) is not None:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(open_, socket.SHUT_RDWR)  # an SSLSocket's own would forget its TLS

    def close(self) -> None:
        """Close the connection."""
        open_, self._socket, self._rest = self._socket, None, b""
        if open_ is not None:
            with contextlib.suppress(OSError):
                open_.close()

    def ask(
        self, head: bytes, body: bytes, *, connect: float | None, silence: float | None, most: int
    ) -> Answer:
        """Send a request and read its answer; times in seconds, `most` bytes. Raises httpx2's errors.

        ConnectError, ConnectTimeout and WriteError: it did not arrive whole.
        """
        try:
            open_ = self._connected(connect)
            open_.settimeout(silence)
            self._check()
            try:
                open_.sendall(head + body)
            except OSError as error:
                raise httpx2.WriteError(str(error)) from error
            answer, keep = self._answer(most)
        except BaseException as error:
            self.close()
            self._check()
            if isinstance(error, OSError):
                kind = httpx2.ReadTimeout if isinstance(error, TimeoutError) else httpx2.ReadError
                raise kind(str(error)) from error
            raise
        self._used = time.monotonic()
        if not keep:
            self.close()
        return answer

    def _check(self) -> None:
        if self.is_cut:
            raise KeyboardInterrupt

    def _connected(self, seconds: float | None) -> socket.socket:
        if self._socket is not None:
            idle = time.monotonic() - self._used
            if idle < IDLE and not _readable(self._socket):
                return self._socket
            self.close()  # the other side closed it, or may do so
        self._check()
        host, port = self.url.host, self.url.port or (443 if self._tls else 80)
        try:
            made = socket.create_connection((host, port), seconds)
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is not None:
                made = self._tls.wrap_socket(made, server_hostname=host)
        except TimeoutError as error:
            raise httpx2.ConnectTimeout(str(error)) from error
        except OSError as error:
            raise httpx2.ConnectError(str(error)) from error
        self._socket = made
        return made

    def _answer(self, most: int) -> tuple[Answer, bool]:
        """Return the answer, and whether the connection can be used again."""
        while True:
            old, status, headers = _head(self._until(b"\r\n\r\n", MOST_HEAD))
            if status >= 200:
                break
        said = dict(headers)
        keep = not old and b"close" not in said.get(b"connection", b"").lower()
        if status in NO_BODY:
            return Answer(status, headers, b""), keep
        if b"transfer-encoding" in said:
            if said[b"transfer-encoding"].lower() != b"chunked":
                raise httpx2.RemoteProtocolError("the answer's encoding is not known")
            return Answer(status, headers, b"".join(self._chunks(most))), keep
        if b"content-length" not in said:
            return Answer(status, headers, self._to_the_end(most)), False
        size = _number(said[b"content-length"], 10)
        if size > most:
            raise _too_long(most)
        return Answer(status, headers, self._exactly(size)), keep

    def _chunks(self, most: int) -> Iterator[bytes]:
        left = most
        while size := _number(self._until(b"\r\n", MOST_HEAD).partition(b";")[0].strip(), 16):
            left -= size
            if left < 0:
                raise _too_long(most)
            yield self._exactly(size)
            self._exactly(2)
        while self._until(b"\r\n", MOST_HEAD):
            pass

    def _until(self, end: bytes, most: int) -> bytes:
        at = self._rest.find(end)
        while at < 0:
            if len(self._rest) > most:
                raise httpx2.RemoteProtocolError("the answer's head is too long")
            self._rest += self._more()
            at = self._rest.find(end)
        found, self._rest = self._rest[:at], self._rest[at + len(end) :]
        return found

    def _exactly(self, size: int) -> bytes:
        if len(self._rest) >= size:
            found, self._rest = self._rest[:size], self._rest[size:]
            return found
        pieces, left = [self._rest], size - len(self._rest)
        self._rest = b""
        while left > 0:
            pieces.append(self._more())
            left -= len(pieces[-1])
        whole = b"".join(pieces)
        self._rest = whole[size:]
        return whole[:size]

    def _to_the_end(self, most: int) -> bytes:
        while piece := self._socket.recv(PIECE) if self._socket else b"":
            self._rest += piece
            if len(self._rest) > most:
                raise _too_long(most)
        return self._rest

    def _more(self) -> bytes:
        piece = self._socket.recv(PIECE) if self._socket else b""
        if not piece:
            raise httpx2.RemoteProtocolError("the connection ended before the answer did")
        return piece


def _head(data: bytes) -> tuple[bool, int, list[tuple[bytes, bytes]]]:
    """Return whether it is HTTP/1.0, the status, and the headers with names in lower case."""
    first, *lines = data.split(b"\r\n")
    status = _STATUS.fullmatch(first)
    if status is None:
        raise httpx2.RemoteProtocolError("the answer is not in HTTP")
    headers = []
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or not _NAME.fullmatch(name):
            raise httpx2.RemoteProtocolError("the answer has a header that HTTP does not allow")
        headers.append((name.lower(), value.strip(b" \t")))
    return status[1] == b"0", int(status[2]), headers


def _number(text: bytes, base: int) -> int:
    digits = b"0123456789abcdefABCDEF"[: 10 if base == 10 else 22]
    if not text or text.strip(digits):
        raise httpx2.RemoteProtocolError("the answer's length is no number")
    return int(text, base)


def _readable(open_: socket.socket) -> bool:
    """Say whether a connection that waits for nothing has something to say: as a rule that it is closed."""
    if not hasattr(select, "poll"):  # Windows
        return bool(select.select([open_], (), (), 0)[0])
    looking = select.poll()
    looking.register(open_, select.POLLIN)
    return bool(looking.poll(0))


def _too_long(most: int) -> APIResponseError:
    text = f"The answer is larger than {most / 2**20:.0f} MB"
    return APIResponseError(text, hint="Pass max_bytes=… to the client to allow more.")


# ---- a call over a line ------------------------------------------------------------------------------------


def carry(line: Line, call: Call, route: Route) -> Reply:
    """Send a call once and return its reply; raises ClaudeError as any other call does."""
    steps = exchange(call)
    next(steps)
    try:
        steps.send(_sent(line, call, route))
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]
    raise AssertionError("a call over a line is sent once")


def _sent(line: Line, call: Call, route: Route) -> Reply | Fault:
    started, silence = time.monotonic(), float(call.timeout)
    try:
        found = line.ask(
            _asked(line, call),
            call.request.body,
            connect=min(CONNECT, silence),
            silence=silence,
            most=call.most,
        )
        body = _unpacked(found, call.most)
    except Exception as error:
        told, elapsed = explain(error, line.url.host, call.timeout), time.monotonic() - started
        return Fault(told.error, told.unsent or isinstance(error, httpx2.WriteError), elapsed, told.final)
    headers = {_text(name): _text(route.clean(value)) for name, value in found.headers}
    elapsed = time.monotonic() - started
    return Reply(found.status, headers, route.clean(body), at=time.time(), elapsed=elapsed)


def _asked(line: Line, call: Call) -> bytes:
    """Return the head of a request; the key is read here, and kept nowhere (K1)."""
    ask = call.request
    path = line.url.raw_path.decode().rstrip("/") + ask.path
    lines = [f"{ask.method} {path} HTTP/1.1", f"Host: {line.url.netloc.decode()}"]
    lines += [f"{name}: {reveal(value)}" for name, value in ask.headers.items()]
    return "\r\n".join([*lines, f"Content-Length: {len(ask.body)}", "\r\n"]).encode()


def _unpacked(found: Answer, most: int) -> bytes:
    packing = dict(found.headers).get(b"content-encoding", b"identity").lower()
    if packing == b"identity":
        return found.body
    unpacking = zlib.decompressobj(GZIP_OR_DEFLATE)
    whole = unpacking.decompress(found.body, most)
    if unpacking.unconsumed_tail:
        raise _too_long(most)
    return whole


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
