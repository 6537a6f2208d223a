"""How does an endpoint row with parameters become a call, and its reply a value?

A `Caller` checks and encodes; `SyncCaller` and `AsyncCaller` run what it made. All that a namespace of the
client needs is here, so one set of methods serves both clients.
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, TypeVar

from claude_magic import __version__, settings, transport, wire
from claude_magic.api import parameters
from claude_magic.api.feeds import AsyncFeed, Feed
from claude_magic.api.pages import AsyncPage, AsyncPages, Page
from claude_magic.app import Request
from claude_magic.errors import HINTS, ConfigError, InputError, RequestTooLargeError
from claude_magic.keys import Secret, header_name, header_value
from claude_magic.policy import Call, Reply
from claude_magic.protocol.body import encoded
from claude_magic.protocol.endpoints import ENDPOINTS, MB, Endpoint
from claude_magic.transport import Awaiting, Blocking, followed

T = TypeVar("T")
R = TypeVar("R", bound=wire.Record)
DEFAULT_VERSION = "2026-10-21"
DEFAULT_TIMEOUT = 600.0  # seconds of silence
SLOW = 600 * 128_000 / 3600  # max_tokens that may take longer than ten minutes, as the official SDK counts
USER_AGENT = f"claude-magic/{__version__} Python/{platform.python_version()}"
PER_CALL = ("timeout", "total_timeout", "max_retries", "retry_unknown")
NO_ADMIN = "Set ANTHROPIC_ADMIN_KEY to an admin key (sk-ant-admin…), or type %claude login admin."
SHORT_HEADERS = {  # parameters that are headers of every call outside the organization's
    "user_profile_id": "anthropic-user-profile-id",
    "workspace_id": "anthropic-workspace-id",
    "anthropic_worker_id": "anthropic-worker-id",
}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e12


def _is_time(value: Any) -> bool:
    return value is None or hasattr(value, "as_dict") or _is_number(value)


# options: what each must be, an example, a check
USABLE: dict[str, tuple[str, Any, Callable[[Any], bool]]] = {
    **dict.fromkeys(("timeout", "total_timeout"), ("a number of seconds above 0", 60, _is_time)),
    "max_retries": ("a whole number", 2, lambda value: isinstance(value, int) and value >= 0),
    "max_bytes": ("a number of bytes above 0", 64 * MB, _is_number),
    "anthropic_version": ("text", DEFAULT_VERSION, lambda value: isinstance(value, str)),
}


@dataclass(frozen=True)
class Options:
    """How a client calls: times in seconds, sizes in bytes."""

    timeout: Any = DEFAULT_TIMEOUT
    total_timeout: float | None = None
    max_retries: int = 2
    retry_unknown: bool = False
    anthropic_version: str = DEFAULT_VERSION
    default_headers: Mapping[str, Any] = field(default_factory=dict, repr=False)
    max_bytes: int = 64 * MB
    on_wait: Callable[[float, str], None] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        for name, (kind, example, fits) in USABLE.items():
            value = getattr(self, name)
            if not fits(value):
                raise InputError(f"{name} must be {kind}, not {value!r}", hint=f"Give {name}={example!r}.")


class Caller:
    """Makes calls out of endpoint rows and parameters, and carries them through."""

    _way: ClassVar[Any]

    def __init__(self, route: transport.Route, options: Options, http: Any) -> None:
        self.route, self.options, self.http = route, options, http

    def call(self, row: Endpoint, params: Mapping[str, Any], /, *, stream: bool = False, **path: str) -> Call:
        """Return the Call of an endpoint; raises ClaudeError where it could not be sent.

        `stream` leaves the answer unread.
        """
        rest = dict(params)
        changes = {k: rest.pop(k) for k in PER_CALL if k in rest}
        options = replace(self.options, **changes) if changes else self.options
        headers = self._headers(row, rest)
        extra, more = (a_dict(name, rest.pop(name, None)) for name in ("extra_query", "extra_body"))
        found = parameters.sort(row, rest, options.anthropic_version)
        found.fields.update(more)
        upload = found.upload(row)
        has_body = found.fields or any(not param.query for param in row.params.values())
        data = encoded(found.fields) if has_body and not upload else b""
        check_size(row, upload.held if upload else len(data))
        if upload:
            headers["content-type"] = upload.kind
        query = (*found.query, *parameters.pairs(extra))
        request = Request(row.method, parameters.path(row, path), query, headers, data)
        how = {name: getattr(options, name) for name in PER_CALL}
        once, refused = _look(row) if row.once else "", NO_ADMIN if row.admin else ""
        most = sys.maxsize if stream and row.name != "messages.create" else options.max_bytes
        return Call(request, upload, stream, free=not row.paid, once=once, most=most, refused=refused, **how)

    def _headers(self, row: Endpoint, params: dict[str, Any]) -> dict[str, Any]:
        headers: dict[str, Any] = {
            "anthropic-version": self.options.anthropic_version,
            "accept": f"application/{'binary' if row.kind in ('binary', 'jsonl') else 'json'}",
            "user-agent": USER_AGENT,
        }
        if row.method != "GET":
            headers["content-type"] = "application/json"
        betas = [*betas_of(params.pop("betas", None)), *row.betas]
        for name in () if row.admin else SHORT_HEADERS.keys() & params.keys() - {*row.params, *row.names}:
            if (value := params.pop(name)) is not None:
                headers[SHORT_HEADERS[name]] = header_value(name, value)
        extra = a_dict("extra_headers", params.pop("extra_headers", None))
        for more in (self.options.default_headers, extra):
            headers.update({header_name(k): header_value(k, v) for k, v in more.items() if v is not None})
        betas += betas_of(headers.pop("anthropic-beta", None))
        if betas:
            headers["anthropic-beta"] = header_value("betas", ",".join(dict.fromkeys(betas)))
        key = (self.route.admin if row.admin else None) or self.route.credential
        if {"authorization", "x-api-key"} & headers.keys() or (key is None and row.name == "oauth.token"):
            return headers
        if key is None:
            hint = NO_ADMIN if row.admin else settings.no_key_hint(self.route.base_url)
            raise ConfigError("There is no API key", hint=hint)
        return {**headers, "authorization": Secret("Bearer " + key.reveal())}

    @followed
    def run(self, call: Call, shape: Callable[[Reply], T]) -> Generator[Any, Any, T]:
        """Carry a call through and return its answer in a shape (of an AsyncCaller: an awaitable of it)."""
        http = self.http or (yield self._way.http(self.route.base_url))
        return shape((yield from transport.carry(call, http, self.route, self.options.on_wait, self._way)))

    def slow(self, params: Mapping[str, Any]) -> bool:
        """Say whether an answer may take longer than ten minutes, so that it is to be streamed."""
        most = params.get("max_tokens")
        free = "timeout" not in params and self.options.timeout == DEFAULT_TIMEOUT
        return free and isinstance(most, int) and most > SLOW and not params.get("stream")


class SyncCaller(Caller):
    """Runs calls on the thread that asks.

    `feed` makes an answer readable that arrives in pieces, `page` makes a list go on, `pages` returns a list
    that `listed` is the type of: here its first page.
    """

    _way, feed, page, listed = Blocking, Feed, Page, Page
    pages = staticmethod(lambda fetch: fetch({}))


class AsyncCaller(Caller):
    """Runs calls on the running event loop; a list is there to await or to go through."""

    _way, feed, page, pages, listed = Awaiting, AsyncFeed, AsyncPage, AsyncPages, AsyncPages


def whole(reply: Reply) -> wire.Record | None:
    """Return an answer as a Record with its `.response`; None where it is the API's null or has no content.

    Raises APIResponseError where it is neither.
    """
    nothing = reply.status == 204 or reply.body.strip() == b"null"
    return None if nothing else shaped(reply, wire.record)


def shaped(reply: Reply, kind: Callable[[Any], R]) -> R:
    """Return an answer as a kind of Record with its `.response`; raises APIResponseError where it is none."""
    with suppress(ValueError, RecursionError):
        value = wire.decode_plain(reply.body)
        if isinstance(value, dict):
            return kind(value).answered(reply.response)
    said = reply.headers.get("content-type", "no content type")
    text = f"The server answered {reply.status} with something that is not the API's JSON ({said})"
    raise reply.unusable(text)


def _look(row: Endpoint) -> str:
    """Return what to do where it is not known whether a thing was made."""
    name = f"{row.name.rpartition('.')[0]}.list"
    where = f"client.{name}(…)" if name in ENDPOINTS else "what is there"
    return f"It may have been done: look at {where} before asking again."


def check_size(row: Endpoint, size: int, hint: str = HINTS[413]) -> None:
    """Raise RequestTooLargeError where a body of this many bytes is more than the call takes."""
    if size > row.most:
        text = f"The request is {size / MB:.1f} MB; {row.path} takes {row.most // MB} MB. Nothing was sent"
        raise RequestTooLargeError(text, hint=hint, status=413, type="request_too_large")


def a_dict(name: str, value: Any) -> dict[str, Any]:
    """Return what was given by a name, {} for None; raises InputError for what is no dict."""
    if not isinstance(value, Mapping | None):
        raise InputError(f"{name} must be a dict, not {type(value).__name__}", hint="Give a dict.")
    return dict(value or {})


def betas_of(names: Any) -> list[str]:
    """Return beta names, given as a list or with commas between."""
    if isinstance(names, str):
        return [name.strip() for name in names.split(",") if name.strip()]
    if not isinstance(names, Iterable | None):
        raise InputError(f"betas must be a list of names, not {names!r}", hint='Give betas=["name"].')
    return list(map(str, names or ()))
