"""How would the service answer, with no service?

`Practice` is an App (`claude_magic.app`): a callable from a Request to a Response. It checks a request as
the service does, answers from the prompt's own text, and says on everything that it is practice. It is
deterministic: the same requests in the same order give the same bytes.
"""

from __future__ import annotations

import functools
import os
import re
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from claude_magic import endpoints, wire
from claude_magic.app import Request, Response
from claude_magic.errors import ConfigError, InputError
from claude_magic.practice import answers, drills, listing, message, reading, rules, stream, tokens
from claude_magic.practice.quota import Limits, Quota
from claude_magic.practice.refusal import Refusal, refuse
from claude_magic.practice.script import load

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["Limits", "Practice", "shared"]

MB = 2**20
MOST_BODY = max(row.most for row in endpoints.ROWS)
KEY = re.compile(r"(?:sk-ant-|practice)[\x21-\x7e]*")
ORGANIZATION, WORKSPACE = "org_practice", "wrkspc_practice"


@dataclass(slots=True)
class Exchange:
    """A request on its way through the server, and what is known of it so far."""

    request: Request
    id: str
    now: float
    names: dict[str, str]
    pool: Quota | None = None

    def call(self, *, counting: bool = False) -> rules.Call:
        """Return the body as a call that has been checked; raises Refusal."""
        headers = self.request.headers
        if (encoding := headers.get("content-encoding", "identity")) != "identity":
            code = "request_body_encoding_unsupported"
            refuse("", f"The content-encoding {encoding!r} is not supported", error_code=code)
        try:
            body = wire.decode_plain(self.request.body)
        except ValueError as problem:
            refuse("", f"The request body is not valid JSON: {problem}")
        betas = frozenset(name.strip() for name in headers.get("anthropic-beta", "").split(",")) - {""}
        return rules.read(body, version=headers["anthropic-version"], betas=betas, counting=counting)


class Practice:
    """A server of the Claude API that needs no key, no network and no model.

    `speed` is tokens a second (None: at once), `script` a lesson (see `practice.script`), `limits` what a
    minute allows, `clock` the time in seconds since 1970. Raises InputError for an unusable speed or lesson.
    """

    def __init__(
        self,
        speed: float | None = None,
        script: Path | str | None = None,
        *,
        limits: Limits | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if speed is not None and not 0 < speed < float("inf"):
            raise InputError(f"The speed is {speed:g}", hint="Give tokens a second, such as --speed 80.")
        self.speed, self.lesson, self.limits, self.clock = speed, load(script), limits or Limits(), clock
        self.drills, self.cache = drills.Drills(), tokens.Cache()
        self._pools: dict[str, Quota] = {}
        self._counts: dict[str, int] = {}
        self._lock = threading.Lock()

    def __call__(self, request: Request) -> Response:
        """Answer a request; never raises."""
        with self._lock:
            exchange = Exchange(request, self.new_id("req"), self.clock(), {})
            try:
                response = self._answer(exchange)
            except Refusal as no:
                response = self.json(no.body(exchange.id), status=no.status)
                response.headers |= no.headers
            except RecursionError:
                body = Refusal(400, "The request body is nested too deeply").body(exchange.id)
                response = self.json(body, status=400)
            response.headers["request-id"] = exchange.id
            if exchange.pool:
                response.headers |= exchange.pool.headers(exchange.now)
            if response.status not in (401, 413):
                response.headers["anthropic-organization-id"] = ORGANIZATION
                response.headers["anthropic-workspace-id"] = WORKSPACE
            return response

    def _answer(self, exchange: Exchange) -> Response:
        request = exchange.request
        row, exchange.names = _route(request)
        if len(request.body) > row.most:
            raise Refusal(413, f"Request exceeds the maximum size of {row.most // MB} MB")
        _authenticate(request)
        version = request.headers.get("anthropic-version", "")
        if version not in rules.VERSIONS:
            refuse(
                "anthropic-version",
                f"{version!r} is not a valid version" if version else "header is required",
            )
        return ANSWERS[row.name](self, exchange)

    def new_id(self, prefix: str) -> str:
        """Return the next id of a kind: `msg_practice_000001`."""
        number = self._counts[prefix] = self._counts.get(prefix, 0) + 1
        return f"{prefix}_practice_{number:06}"

    def pool(self, exchange: Exchange, name: str) -> Quota:
        """Return the rate limits of a pool, which the answer's headers then tell of."""
        if name not in self._pools:
            self._pools[name] = Quota(self.limits, exchange.now)
        exchange.pool = self._pools[name]
        return exchange.pool

    def json(self, value: Any, *, status: int = 200) -> Response:
        """Return a JSON answer."""
        return Response(status, {"content-type": "application/json"}, wire.encode(value))

    def create(self, exchange: Exchange) -> Response:
        """Answer POST /v1/messages."""
        call = exchange.call()
        pool = self.pool(exchange, f"messages {call.model.line}")
        found = reading.read(call)
        order = self.drills.due(found.prompt)
        if order and order.drill.status:
            raise drills.refusal(order)
        spoken = None if order else self.lesson.answer(found.prompt, call.model.id)
        window, asked = call.model.context_window, tokens.count(call)
        if window and asked > window:
            refuse("", f"prompt is too long: {asked} tokens > {window} maximum")
        pool.admit(exchange.now, input_tokens=asked)
        split = self.cache.split(call, exchange.now)
        made = answers.draft(call, found, order, spoken)
        said = message.build(call, made, split, self.new_id)
        pool.spend(said["usage"]["output_tokens"], exchange.now)
        if call.body.get("stream"):
            headers = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache"}
            return Response(200, headers, stream.chunks(said, exchange.id, made, self.speed))
        if made.way == "error":
            raise Refusal(529, "Overloaded")
        return Response(200, {"content-type": "application/json"}, stream.whole(said, made, self.speed))

    def count_tokens(self, exchange: Exchange) -> Response:
        """Answer POST /v1/messages/count_tokens."""
        call = exchange.call(counting=True)
        self.pool(exchange, "count_tokens").admit(exchange.now)
        return self.json({"input_tokens": tokens.count(call)})

    def models(self, exchange: Exchange) -> Response:
        """Answer GET /v1/models."""
        self.pool(exchange, "other").admit(exchange.now)
        return self.json(listing.models(exchange.request.query))

    def model(self, exchange: Exchange) -> Response:
        """Answer GET /v1/models/{model_id}."""
        self.pool(exchange, "other").admit(exchange.now)
        return self.json(listing.model(exchange.names["model_id"]))


ANSWERS: dict[str, Callable[[Practice, Exchange], Response]] = {
    "messages.create": Practice.create,
    "messages.count_tokens": Practice.count_tokens,
    "models.list": Practice.models,
    "models.retrieve": Practice.model,
}
"""Rows of the endpoint table that are answered here."""


def _route(request: Request) -> tuple[endpoints.Endpoint, dict[str, str]]:
    for name in ANSWERS:
        row = endpoints.ENDPOINTS[name]
        path = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", row.path)
        if row.method == request.method and (match := re.fullmatch(f"{path}/?", request.path)):
            return row, match.groupdict()
    raise Refusal(404, f"Not Found: {request.method} {request.path}")


def _authenticate(request: Request) -> None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    key = request.headers.get("x-api-key", "")
    if scheme.casefold() == "bearer" and KEY.fullmatch(token.strip()):
        return
    if KEY.fullmatch(key):
        return
    fault = (
        "Invalid bearer token" if scheme else "invalid x-api-key" if key else "x-api-key header is required"
    )
    raise Refusal(401, f"{fault}: the practice server takes a key that begins with practice or sk-ant-")


@functools.lru_cache(maxsize=1)
def shared() -> Practice:
    """Return the process's own practice server, which the address `practice:` leads to.

    `CLAUDE_MAGIC_PRACTICE_SPEED` (tokens a second) and `CLAUDE_MAGIC_PRACTICE_SCRIPT` (a lesson) set it up;
    raises ConfigError or InputError for what is unusable there.
    """
    speed, script = (os.environ.get(f"CLAUDE_MAGIC_PRACTICE_{name}") or None for name in ("SPEED", "SCRIPT"))
    try:
        pace = float(speed) if speed else None
    except ValueError:
        pace = 0.0
    if pace is not None and not 0 < pace < float("inf"):
        hint = "Set it to tokens a second, such as 80, or unset it."
        raise ConfigError(f"CLAUDE_MAGIC_PRACTICE_SPEED is {speed!r}", hint=hint)
    return Practice(pace, script)


if hasattr(os, "register_at_fork"):  # a lock that another thread holds would stay held in the child
    os.register_at_fork(after_in_child=shared.cache_clear)
