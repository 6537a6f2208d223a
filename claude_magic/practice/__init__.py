"""How would the service answer, with no service?

`Practice` is an App (`claude_magic.app`): a callable from a Request to a Response. It checks a request as
the service does, answers from the prompt's own text, and says on everything that it is practice. It is
deterministic: the same requests in the same order give the same bytes.
"""

from __future__ import annotations

import functools
import os
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from claude_magic import wire
from claude_magic.app import Request, Response
from claude_magic.errors import ConfigError, InputError
from claude_magic.practice import credentials, drills, organization, reports, stored
from claude_magic.practice.agents import errands, memories, sessions
from claude_magic.practice.messages import (
    answers,
    batches,
    batchrun,
    chat,
    completions,
    listing,
    message,
    reading,
    rules,
    stream,
    tokens,
)
from claude_magic.practice.organization import administration, people, plugins, rate_limits, workspaces
from claude_magic.practice.quota import Limits, Quota
from claude_magic.practice.refusal import Refusal, refuse
from claude_magic.practice.reports import rehearsal
from claude_magic.practice.script import load
from claude_magic.practice.storage import containers, files, skills
from claude_magic.protocol import endpoints

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Answers = dict[str, Callable[["Practice", "Exchange"], Response]]
    Owner = tuple[str | None, str | None]

__all__ = ["Limits", "Practice", "shared"]

T = TypeVar("T")
MB = 2**20
NO_VERSION = "header is required, such as 2026-10-21 (OpenAI's clients reach /v1/chat/completions alone)"
MOST_BODY = max(row.most for row in endpoints.ENDPOINTS.values())


class Used(NamedTuple):
    """One answer that the service would have charged for: when (epoch seconds), by whom, and its usage."""

    at: float
    model: str
    usage: dict[str, Any]
    product: str = "messages_api"
    api_key_id: str | None = None
    workspace_id: str | None = None


@dataclass(slots=True)
class Exchange:
    """A request on its way through the server, and what is known of it so far."""

    request: Request
    id: str
    now: float
    row: endpoints.Endpoint = endpoints.ENDPOINTS["messages.create"]
    names: dict[str, str] = field(default_factory=dict)
    pool: Quota | None = None

    @property
    def version(self) -> str:
        """Return the API's version that was asked for."""
        return self.request.headers["anthropic-version"]

    @property
    def betas(self) -> frozenset[str]:
        """Return the beta names that were sent."""
        sent = self.request.headers.get("anthropic-beta", "").split(",")
        return frozenset(name.strip() for name in sent) - {""}

    def one(self, name: str) -> str | None:
        """Return a query parameter, the last where there are several."""
        return dict(self.request.query).get(name)

    def many(self, name: str) -> list[str]:
        """Return the items of a list in the query: `name[]=a&name[]=b`."""
        return [value for key, value in self.request.query if key in (name, f"{name}[]")]

    def body(self) -> dict[str, Any]:
        """Return the JSON body, {} where there is none; raises Refusal."""
        encoding = self.request.headers.get("content-encoding", "identity")
        if encoding != "identity":
            code = "request_body_encoding_unsupported"
            refuse("", f"The content-encoding {encoding!r} is not supported", error_code=code)
        if not self.request.body:
            return {}
        try:
            found = wire.decode_plain(self.request.body)
        except ValueError as problem:
            refuse("", f"The request body is not valid JSON: {problem}")
        if not isinstance(found, dict):
            refuse("", "The request body must be a JSON object")
        return found

    def call(self, *, counting: bool = False) -> rules.Call:
        """Return the body as a call that has been checked; raises Refusal."""
        return rules.read(self.body(), version=self.version, betas=self.betas, counting=counting)


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
        self._kept: dict[type[Any], Any] = {}
        self._used: list[Used] = []
        self.lock = threading.RLock()

    def __repr__(self) -> str:
        pace = "at once" if self.speed is None else f"at {self.speed:g} tokens a second"
        return f"<Practice: answers {pace}; requests until now: {self._counts.get('req', 0):,}>"

    def __call__(self, request: Request) -> Response:
        """Answer a request; never raises."""
        with self.lock:
            exchange = Exchange(request, self.new_id("req"), self.clock())
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
                response.headers["anthropic-organization-id"] = organization.ORGANIZATION
                if not exchange.row.admin:
                    response.headers["anthropic-workspace-id"] = self._workspace(exchange)
            if exchange.row.name in chat.ANSWERS:
                chat.dress(response, exchange)
            return response

    def _workspace(self, exchange: Exchange) -> str:
        try:
            return organization.owner(self, exchange)[1] or organization.WORKSPACE
        except Refusal:
            return organization.WORKSPACE

    def _answer(self, exchange: Exchange) -> Response:
        request = exchange.request
        found = endpoints.match(request.method, request.path)
        if found is None:
            if request.path.startswith(chat.ROOM):  # whose refusals have another form
                exchange.row = endpoints.ENDPOINTS["chat.completions.create"]
            raise Refusal(404, f"Not Found: {request.method} {request.path}")
        row, exchange.names = found
        exchange.row = row
        if len(request.body) > row.most:
            raise Refusal(413, f"Request exceeds the maximum size of {row.most // MB} MB")
        credentials.check(exchange)
        version = request.headers.get("anthropic-version", "")
        if version not in rules.VERSIONS and row.name not in chat.ANSWERS:  # OpenAI's clients send none
            refuse("anthropic-version", f"{version!r} is not a valid version" if version else NO_VERSION)
        credentials.betas(exchange)
        if row.name in ANSWERS:
            return ANSWERS[row.name](self, exchange)
        return stored.answer(self, exchange, RULES.get(row.name))

    def of(self, kind: type[T]) -> T:
        """Return this server's own instance of a class that keeps state, made on first use."""
        if kind not in self._kept:
            self._kept[kind] = kind()
        return self._kept[kind]  # type: ignore[no-any-return]

    def rehearse(self, days: int = 60) -> str:
        """Make up `days` of the organization's use for its usage and cost reports, and say so.

        Nothing is asked, answered or paid. Rehearsing again replaces what was made up; what was really asked
        stays. Raises InputError for days outside 1 to 365.
        """
        with self.lock:
            return rehearsal.rehearse(self, days)

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

    @property
    def used(self) -> list[Used]:
        """Return what the service would have charged for until now, the batches that have ended included."""
        with self.lock:
            batchrun.bill(self)
            return self._used

    def charge(self, said: dict[str, Any], at: float, owner: Owner, product: str = "messages_api") -> None:
        """Note a message that the service would charge for; `at` is in epoch seconds."""
        self._used.append(Used(at, said["model"], said["usage"], product, *owner))

    def say(self, call: rules.Call, exchange: Exchange) -> tuple[dict[str, Any], answers.Draft]:
        """Return the message that answers a call, and the draft it was made from; raises Refusal."""
        call = containers.enter(self, call, exchange.now)
        found = reading.read(call)
        order = self.drills.due(found.prompt)
        if order and order.drill.status:
            raise drills.refusal(order)
        spoken = None if order else self.lesson.answer(found.prompt, call.model.id)
        window, asked = call.model.context_window, tokens.count(call)
        if window and asked > window:
            refuse("", f"prompt is too long: {asked} tokens > {window} maximum")
        if exchange.pool:
            exchange.pool.admit(exchange.now, input_tokens=asked)
        split = self.cache.split(call, exchange.now)
        made = answers.draft(call, found, order, spoken)
        said = message.build(call, made, split, self.new_id)
        if exchange.pool:
            exchange.pool.spend(said["usage"]["output_tokens"], exchange.now)
        return said, made

    def reply(self, call: rules.Call, exchange: Exchange) -> tuple[dict[str, Any], answers.Draft]:
        """Return what `say` does, within the model's limits and charged for; raises Refusal."""
        owner = organization.owner(self, exchange)
        self.pool(exchange, f"messages {call.model.line}")
        said, made = self.say(call, exchange)
        if made.way == "error" and not call.body.get("stream"):
            raise Refusal(529, "Overloaded")
        self.charge(said, exchange.now, owner)
        return said, made

    def create(self, exchange: Exchange) -> Response:
        """Answer POST /v1/messages."""
        call = exchange.call()
        said, made = self.reply(call, exchange)
        if call.body.get("stream"):
            return Response(200, {**stream.EVENTS}, stream.chunks(said, exchange.id, made, self.speed))
        return Response(200, {"content-type": "application/json"}, stream.whole(said, made, self.speed))

    def count_tokens(self, exchange: Exchange) -> Response:
        """Answer POST /v1/messages/count_tokens."""
        call = containers.enter(self, exchange.call(counting=True), exchange.now)
        self.pool(exchange, "count_tokens").admit(exchange.now)
        return self.json({"input_tokens": tokens.count(call)})


ANSWERS: Answers = {
    "messages.create": Practice.create,
    "messages.count_tokens": Practice.count_tokens,
    **batches.ANSWERS,
    **chat.ANSWERS,
    **completions.ANSWERS,
    **listing.ANSWERS,
    **reports.ANSWERS,
}
"""Rows of the endpoint table that have an answer of their own; the others are `stored.answer`'s."""
RULES = {
    **administration.RULES,
    **errands.RULES,
    **files.RULES,
    **memories.RULES,
    **people.RULES,
    **plugins.RULES,
    **rate_limits.RULES,
    **sessions.RULES,
    **skills.RULES,
    **workspaces.RULES,
}
"""What those do that a verb alone does not tell of."""


def shared() -> Practice:
    """Return the process's own practice server, which the address `practice:` leads to.

    `CLAUDE_MAGIC_PRACTICE_SPEED` (tokens a second) and `CLAUDE_MAGIC_PRACTICE_SCRIPT` (a lesson) set it up;
    raises ConfigError or InputError for what is unusable there.
    """
    return _shared()


@functools.lru_cache(maxsize=1)
def _shared() -> Practice:
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
    os.register_at_fork(after_in_child=_shared.cache_clear)
