"""What was answered last time?

A transport around another that plays recorded answers and records new ones. A played answer has the header
`x-claude-magic-replay`; no other answer gets through with it.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Literal, get_args

import httpx2

from claude_magic import pool, wire
from claude_magic.app import Request, Response
from claude_magic.cassette import clean, closest, lines
from claude_magic.errors import ClaudeError, InputError, ReplayError
from claude_magic.keys import hide
from claude_magic.pool import AppTransport
from claude_magic.protocol import canonical
from claude_magic.protocol.endpoints import match

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from claude_magic.cassette.tape import Cassette

_log = logging.getLogger("claude_magic")
Mode = Literal["auto", "only", "refresh", "off"]
MODES: tuple[Mode, ...] = get_args(Mode)
LARGEST = 64 * 2**20  # bytes of an answer that is recorded
ONCE = frozenset(
    (
        *("messages.create", "messages.count_tokens", "messages.batches.create"),
        *("completions.create", "chat.completions.create"),
    )
)
"""Calls whose first answer stands, however often they are made: what they ask for costs, or does not change.

What others answer changes with time (a list, a batch on its way), so each further call is recorded anew.
"""
MISSED = "Use --replay auto to ask and record it (needs a key), or make the request as it was recorded."


def transport(inner: Any, cassette: Cassette, mode: str = "auto", *, hint: str = MISSED) -> Transport:
    """Return a transport that plays what a cassette holds, around one that can ask.

    `inner` is an httpx2 transport or client, an address that the process's own client asks, or None where
    nothing is to be asked. Modes: "auto" plays what is recorded, else asks and records; "only" raises
    ReplayError (with the `hint`) where nothing is recorded; "refresh" asks and records anew; "off" asks.
    Raises InputError for another mode.
    """
    if mode not in MODES:
        raise InputError(f"There is no replay mode {mode!r}", hint=f"Choose from {', '.join(MODES)}.")
    through = _Through(inner) if isinstance(inner, str | httpx2.Client | httpx2.AsyncClient) else inner
    return Transport(through, cassette, mode, hint)


def of(http: Any) -> Transport | None:
    """Return the cassette's transport that an httpx2 client asks through, or None."""
    found = getattr(http, "_transport", None)
    return found if isinstance(found, Transport) else None


class Transport(httpx2.BaseTransport, httpx2.AsyncBaseTransport):
    """Plays and records, sync and async."""

    def __init__(self, inner: Any, cassette: Cassette, mode: Mode, hint: str = MISSED) -> None:
        self.inner, self.cassette, self.mode, self.hint = inner, cassette, mode, hint

    def holds(self, request: Request) -> bool:
        """Say whether the answer to a request is recorded; its headers are those that would be sent."""
        asked = clean.request(canonical.asked(request), clean.secrets(request.headers))
        return clean.is_kept(asked) and _spelled(asked, self.cassette).key in self.cassette

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Answer a request of a synchronous client; raises ReplayError."""
        if self.mode == "off":
            return _unmarked(self.inner.handle_request(request))
        exchange = _Exchange(self.cassette, request, request.read())
        played = exchange.play(self.mode, self.hint)
        if played is not None:
            return AppTransport(lambda _: played).handle_request(request)
        return exchange.record(_unmarked(self.inner.handle_request(request)), self.mode)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Answer a request of an asynchronous client; raises ReplayError."""
        if self.mode == "off":
            return _unmarked(await self.inner.handle_async_request(request))
        exchange = _Exchange(self.cassette, request, await request.aread())
        played = exchange.play(self.mode, self.hint)
        if played is not None:
            return await AppTransport(lambda _: played).handle_async_request(request)
        return exchange.record(_unmarked(await self.inner.handle_async_request(request)), self.mode)

    def close(self) -> None:
        """Close the inner transport."""
        if self.inner is not None:
            self.inner.close()

    async def aclose(self) -> None:
        """Close the inner transport."""
        if self.inner is not None:
            await self.inner.aclose()


class _Exchange:
    """One request, as it is looked up and recorded."""

    def __init__(self, cassette: Cassette, request: httpx2.Request, body: bytes) -> None:
        headers: dict[str, Any] = {name.lower(): hide(name, value) for name, value in request.headers.items()}
        path = request.url.raw_path.partition(b"?")[0].decode()
        whole = canonical.asked(
            Request(request.method, path, tuple(request.url.params.multi_items()), headers, body)
        )
        self.cassette, self.hidden = cassette, clean.secrets(headers)
        self.asked = clean.request(whole, self.hidden)
        self.key, self.kept = self.asked.key, clean.is_kept(self.asked)
        row = match(self.asked.method, self.asked.path)
        self.once = row is not None and row[0].name in ONCE
        self.stream = lines.is_message(self.asked) and _streams(body)

    def play(self, mode: Mode, hint: str) -> Response | None:
        """Return the recorded answer, or None where the service is to be asked; raises ReplayError."""
        if mode == "refresh" or (mode == "auto" and not self.kept):
            return None
        if self.kept:
            self.asked = _spelled(self.asked, self.cassette)
            self.key = self.asked.key
        line = self.cassette.take(self.key, repeat=self.once or mode == "only") if self.kept else None
        if line is None:
            if mode == "only":
                raise self._miss(hint)
            return None
        told = str(line.get("recorded", "")) + (lines.EDITED if self.cassette.is_edited(line) else "")
        try:
            return lines.answer(line["response"], asked=self.asked, stream=self.stream, recorded=told)
        except (ValueError, KeyError, TypeError, AttributeError):
            raise self._unplayable() from None

    def _unplayable(self) -> ReplayError:
        return ReplayError(
            f"The answer recorded in {self.cassette.path.name} for this request cannot be played",
            hint="Use --replay refresh to ask again and record it anew.",
        )

    def record(self, response: httpx2.Response, mode: Mode) -> httpx2.Response:
        """Return an answer that is recorded once it was read to its end."""
        if self.kept:
            status, headers = response.status_code, response.headers

            def heard(data: bytes, ended: bool) -> None:
                self._put(httpx2.Response(status, headers=headers, content=data), ended, mode)

            response.stream = _Tee(response.stream, heard)
        return response

    def _put(self, response: httpx2.Response, ended: bool, mode: Mode) -> None:
        headers = {name.lower(): value for name, value in response.headers.items()}
        held = lines.response(self.asked, response.status_code, headers, response.content, ended=ended)
        if held is None:
            return
        held = clean.response(held, self.hidden, message=lines.is_message(self.asked))
        renew = mode == "refresh"
        self.cassette.put(self.key, lines.request(self.asked), held, once=self.once, renew=renew)

    def _miss(self, hint: str) -> ReplayError:
        name, asked = self.cassette.path.name, lines.request(self.asked)
        call = f"{asked['method']} {asked['path']}"
        if not self.kept:
            return ReplayError(
                f"{call} is never recorded, as a secret is what it is about",
                hint="Use --replay off for this call; it needs a key.",
            )
        recorded = ((number, line["request"]) for number, line in self.cassette.each())
        found = closest.closest(asked, recorded)
        if found is None:
            more = "" if self.cassette.path.exists() else ": there is no such file"
            return ReplayError(f"No {call} is recorded in {name}{more}", hint=hint)
        if not found.differences:
            return self._unplayable()
        said, near = lines.prompt(asked.get("body")), lines.prompt(found.request.get("body"))
        where = f"line {found.number}" + (f" (“{near}”)" if near and near != said else "")
        if closest.has_other_turns(found.request, asked):
            hint = f"The turns before it are others: restart the kernel and run all cells. {hint}"
            if said and closest.has_same_question(found.request, asked):
                return ReplayError(
                    f"“{said}” is recorded in {name} after other turns, at line {found.number}", hint=hint
                )
        return ReplayError(
            f"{f'“{said}”' if said else 'This request'} is not recorded in {name}; the closest, {where}, "
            f"differs in {closest.told(found.differences, asked)}",
            hint=hint,
        )


def _spelled(asked: canonical.Asked, cassette: Cassette) -> canonical.Asked:
    """Return a request in the spelling that is recorded, else as it is."""
    return next((one for one in canonical.spellings(asked) if one.key in cassette), asked)


def _streams(body: bytes) -> bool:
    try:
        found = wire.decode_plain(body) if b'"stream"' in body else None
    except ValueError:
        return False
    return isinstance(found, dict) and found.get("stream") is True


def _unmarked(response: httpx2.Response) -> httpx2.Response:
    """Return an answer that does not say it was recorded."""
    response.headers.pop(lines.REPLAY, None)
    return response


class _Through(httpx2.BaseTransport, httpx2.AsyncBaseTransport):
    """Asks through a client, with its pool, proxies and certificates; it stays open.

    For an address it is the process's own, looked up each time: a fork or a new proxy changes it.
    """

    def __init__(self, to: Any) -> None:
        self.to = to

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        http = pool.shared(self.to) if isinstance(self.to, str) else self.to
        sent: httpx2.Response = http.send(request, stream=True, auth=_NO_AUTH, follow_redirects=False)
        return sent

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        http = await pool.ashared(self.to) if isinstance(self.to, str) else self.to
        sent: httpx2.Response = await http.send(request, stream=True, auth=_NO_AUTH, follow_redirects=False)
        return sent


_NO_AUTH = httpx2.Auth()  # a plain pass: neither a netrc file nor an address may add a credential


class _Tee(httpx2.SyncByteStream, httpx2.AsyncByteStream):
    """A body on its way to the reader; `heard` is told it once, when it ends or is closed."""

    def __init__(self, stream: Any, heard: Callable[[bytes, bool], None]) -> None:
        self.stream, self.heard = stream, heard
        self.data: bytearray | None = bytearray()

    def _keep(self, chunk: bytes) -> bytes:
        if self.data is not None:
            self.data += chunk
            if len(self.data) > LARGEST:
                self.data = None
        return chunk

    def _end(self, ended: bool) -> None:
        data, self.data = self.data, None
        if data is not None:
            try:
                self.heard(bytes(data), ended)
            # the reader has the answer, whatever becomes of its record
            except (httpx2.DecodingError, ClaudeError, ValueError, RecursionError) as error:
                _log.warning("An answer could not be recorded: %s", error)

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self.stream:
            yield self._keep(chunk)
        self._end(ended=True)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self.stream:
            yield self._keep(chunk)
        self._end(ended=True)

    def close(self) -> None:
        self._end(ended=False)
        self.stream.close()

    async def aclose(self) -> None:
        self._end(ended=False)
        await self.stream.aclose()
