"""In what order are a call's sends, waits and refusals?

`exchange` is a generator: it yields the `Call` to send and `Sleep`, is answered with a `Reply` or a `Fault`,
and returns the reply that counts or raises. It knows no socket and no clock, so it serves sync and async
alike and is tested with neither.
Rules: https://docs.claude.com/en/api/errors, https://docs.claude.com/en/api/rate-limits.
"""

from __future__ import annotations

import math
import random
from contextlib import suppress
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from claude_magic.app import Request, Response
from claude_magic.errors import APIResponseError, APIStatusError, Attempt, ClaudeError, from_response

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from claude_magic.protocol.body import Body

LONGEST_WAIT = 60.0  # seconds; a longer retry-after is told, not slept
SPENT = frozenset({"enforced_spend_limit_reached", "contract_spend_limit_reached"})
HEALING = frozenset({408, 409, 429})
REASONS = {429: "rate limit", 529: "overloaded"}  # of a wait; else the error's own words
REFUSED = frozenset({503, 529})  # of the server's failures those where nothing was begun


@dataclass(slots=True, frozen=True)
class Call:
    """One call of the API, before it is sent.

    `free`: asking twice costs nothing. `once`: asking twice may make a second thing, and this is the hint
    where its fate is unknown. `retry_unknown`: repeat such a call even then.
    `upload` is sent in place of the request's bytes; `refused` is the hint where the key is not taken.
    `timeout` (seconds of silence), `total_timeout` (seconds, waits included), `most` (bytes of answer).
    """

    request: Request
    upload: Body | None = field(default=None, repr=False)
    stream: bool = False
    free: bool = False
    once: str = ""
    max_retries: int = 2
    retry_unknown: bool = False
    timeout: Any = 600.0
    total_timeout: float | None = None
    most: int = 64 * 2**20
    refused: str = ""


@dataclass(slots=True)
class Reply:
    """An HTTP answer.

    `open` is how it comes in, `at` the epoch seconds it came, `elapsed` the seconds since the call began;
    `hint` says what to do where it is not the API's.
    """

    status: int
    headers: dict[str, str]
    body: bytes = b""
    open: Any = field(default=None, repr=False)
    at: float = 0.0
    elapsed: float = 0.0
    attempts: tuple[Attempt, ...] = ()
    hint: str = "Set base_url (ANTHROPIC_BASE_URL) to the address of the API; %claude status shows it."

    @property
    def response(self) -> Response:
        """The HTTP answer without its body, as what came in it shows it."""
        return Response(self.status, self.headers)

    @property
    def facts(self) -> dict[str, Any]:
        """What an error knows that came of this answer."""
        name = self.headers.get("request-id")
        return {"request_id": name, "response": self.response, "attempts": self.attempts}

    def unusable(self, text: str) -> APIResponseError:
        """Return the error for an answer that is not the API's."""
        return APIResponseError(text, hint=self.hint, status=self.status, **self.facts)


class Fault(NamedTuple):
    """No answer: the error to raise, and why it may be repeated or not.

    `unsent`: the request certainly did not arrive whole. `final`: a repeat cannot help.
    """

    error: ClaudeError
    unsent: bool = False
    elapsed: float = 0.0
    final: bool = False


class Sleep(NamedTuple):
    """Wait `seconds`, for the reason `why`."""

    seconds: float
    why: str


def exchange(call: Call, *, rand: Callable[[], float] = random.random) -> Generator[Call | Sleep, Any, Reply]:
    """Carry one call through its sends and waits; at most `1 + max_retries` sends (M3).

    Returns the first successful Reply; raises the ClaudeError of the last attempt, with `.attempts`.
    """
    attempts: list[Attempt] = []
    while True:
        outcome: Reply | Fault = yield call
        attempts.append(_attempt(len(attempts) + 1, outcome, call))
        if isinstance(outcome, Reply) and 200 <= outcome.status < 300:
            outcome.attempts, outcome.hint = tuple(attempts), call.once or outcome.hint
            return outcome
        error = _error(outcome)
        if call.refused and error.status in (401, 403):
            error.hint = call.refused
        elif call.once and _in_doubt(outcome):
            error.hint = call.once
        error.attempts = tuple(attempts)
        wait = _wait(outcome, error, call, rand)
        if wait is None:
            raise error
        yield Sleep(wait, REASONS.get(error.status or 0, error.message))


def _attempt(number: int, outcome: Reply | Fault, call: Call) -> Attempt:
    if isinstance(outcome, Reply):
        billed = outcome.status == 504 or 200 <= outcome.status < 300
        return Attempt(number, str(outcome.status), billed and not call.free)
    return Attempt(number, type(outcome.error).__name__, not outcome.unsent and not call.free)


def _error(outcome: Reply | Fault) -> ClaudeError:
    if isinstance(outcome, Fault):
        return outcome.error
    if outcome.status < 400:
        return outcome.unusable(f"The server answered {outcome.status}, which this client does not follow")
    wait = retry_after(outcome.headers, outcome.at)
    return from_response(outcome.status, outcome.body, retry_after=wait, **outcome.facts)


def _wait(outcome: Reply | Fault, error: ClaudeError, call: Call, rand: Callable[[], float]) -> float | None:
    """Return how long to wait before the next send, in seconds, or None when there is to be none."""
    retries = len(error.attempts) - 1
    if retries >= call.max_retries or not _may_repeat(outcome, error, call):
        return None
    wait = error.retry_after or min(0.5 * 2**retries, 8.0) * (1 - 0.25 * rand())
    if wait > LONGEST_WAIT:
        minutes = wait / 60
        spoken = f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.1f} h"
        error.hint = f"Wait {spoken}, then run the cell again."
        return None
    return None if call.total_timeout is not None and outcome.elapsed + wait >= call.total_timeout else wait


def _may_repeat(outcome: Reply | Fault, error: ClaudeError, call: Call) -> bool:
    """Say whether a repeat can help and can neither pay nor make anything twice unasked (M4)."""
    if isinstance(outcome, Fault):
        return not outcome.final and (outcome.unsent or call.retry_unknown or (call.free and not call.once))
    if not isinstance(error, APIStatusError) or error.error_code in SPENT:
        return False
    if call.once and not call.retry_unknown and _in_doubt(outcome):
        return False
    told = outcome.headers.get("x-should-retry")
    if told in ("true", "false"):
        return told == "true"
    return outcome.status in HEALING or outcome.status >= 500


def _in_doubt(outcome: Reply | Fault) -> bool:
    """Say whether what was asked may have been done although no answer says so."""
    if isinstance(outcome, Reply):
        return outcome.status >= 500 and outcome.status not in REFUSED
    return not outcome.unsent


def retry_after(headers: Mapping[str, str], at: float) -> float | None:
    """Return the wait a server asks for, in seconds by its own clock (S6), or None.

    `retry-after-ms` comes first, then `retry-after` as seconds or as an HTTP date.
    """
    told = headers.get("retry-after")
    until, now = _read(_moment, told), _read(_moment, headers.get("date"), at)
    waits = (_read(float, headers.get("retry-after-ms")) / 1000, _read(float, told), until - now)
    return next((wait for wait in waits if 0 < wait < 4_294_967), None)


def _read(kind: Callable[[str], float], text: Any, usual: float = math.nan) -> float:
    with suppress(ValueError, OverflowError, TypeError, IndexError):
        return kind(text)
    return usual


def _moment(text: str) -> float:
    return parsedate_to_datetime(text).timestamp()
