"""What went wrong, and what should the reader type next?

ClaudeError                     every failure of this package; nothing else leaves it
├── InputError                  what was typed or passed cannot be used; nothing was sent
├── ConfigError                 a key, address or setting is missing or unusable; nothing was sent
├── BudgetError                 the call could cost more than a budget allows; nothing was sent
├── ReplayError                 a replay has no recorded answer for the call; nothing was sent
├── AnswerError                 an answer does not have the form asked for; see `.text`
└── APIError                    something happened on the way to, at, or from the service
    ├── APIConnectionError      no answer arrived
    │   └── APITimeoutError     the time allowed ran out
    ├── APIResponseError        an answer arrived that is not the API's: redirect, not JSON, too large
    ├── StreamError             a stream broke, ended early or reported an error; see `.partial`
    └── APIStatusError          the service said no, with a status
        ├── BadRequestError 400, AuthenticationError 401, PaymentRequiredError 402,
        │   PermissionDeniedError 403, NotFoundError 404, RequestTimeoutError 408, ConflictError 409,
        │   RequestTooLargeError 413, UnprocessableEntityError 422, RateLimitError 429
        └── InternalServerError 5xx
            └── OverloadedError 529

Class names and statuses follow https://docs.claude.com/en/api/errors and the official SDK.
"""

from __future__ import annotations

import json
import re
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from claude_magic.app import Response
    from claude_magic.wire import Message

T = TypeVar("T")


class Attempt(NamedTuple):
    """One send of a call: what became of it, and whether it may be on the bill."""

    number: int
    outcome: str
    possibly_billed: bool


class ClaudeError(Exception):
    """A failure with everything needed to act on it: its `message` is one sentence, `hint` what to type next.

    The other attributes are what is known of the call; each may be given as a keyword.
    """

    status: int | None = None  # of HTTP
    type: str | None = None  # the API's own word, as the next
    error_code: str | None = None
    request_id: str | None = None
    retry_after: float | None = None  # seconds
    partial: Message | None = None  # the message so far, where a stream broke
    attempts: tuple[Attempt, ...] = ()  # one for each send
    body: Any = None  # the decoded answer
    answer: Any = None  # what a question had been answered so far
    response: Response | None = None  # the HTTP answer: `.status`, `.headers`
    _hint = ""

    def __init__(self, message: str, *, hint: str = "", **facts: Any) -> None:
        super().__init__(message)
        self.message, self.hint = message, hint
        vars(self).update(facts)

    @property
    def hint(self) -> str:
        """What to type next; a note too, so that a plain traceback shows it."""
        return self._hint

    @hint.setter
    def hint(self, text: str) -> None:
        others = [note for note in getattr(self, "__notes__", ()) if note != _arrow(self._hint)]
        self._hint, self.__notes__ = text, others
        if text:
            self.add_note(_arrow(text))

    @property
    def status_code(self) -> int | None:
        """The HTTP status, under the official SDK's name."""
        return self.status

    def __str__(self) -> str:
        facts = " ".join(str(f) for f in (self.status, self.error_code or self.type) if f)
        request = f"request {self.request_id}" if self.request_id else ""
        where = ", ".join(f for f in (facts, request) if f)
        return printable(f"{self.message} ({where})" if where else self.message)

    def lines(self) -> list[str]:
        """Return the two lines a reader needs: what happened, and what to type next."""
        return [f"{type(self).__name__}: {self}", *([_arrow(self.hint)] if self.hint else [])]

    def _render_traceback_(self) -> list[str]:
        """Return what IPython shows for a traceback: one text, as some modes join several without a space."""
        return ["\n".join(self.lines())]


def _arrow(hint: str) -> str:
    return f"→ {printable(hint)}"


class InputError(ClaudeError):
    """What was typed or passed cannot be used; nothing was sent."""


class ConfigError(ClaudeError):
    """A key, address or setting is missing or unusable; nothing was sent."""


class BudgetError(ClaudeError):
    """The call could cost more than a budget allows; nothing was sent."""


class AnswerError(ClaudeError):
    """An answer does not have the form asked for: `.text` is the answer, `.schema` what was asked for."""

    text = ""
    schema: Any = None


class ReplayError(ClaudeError):
    """A replay has no recorded answer for the call; nothing was sent."""


class APIError(ClaudeError):
    """Something happened on the way to, at, or from the service."""


class APIConnectionError(APIError):
    """No answer arrived."""


class APITimeoutError(APIConnectionError):
    """The time allowed ran out."""


class APIResponseError(APIError):
    """An answer arrived that is not the API's: a redirect, not JSON, too large."""


class StreamError(APIError):
    """A stream broke, ended early or reported an error; `.partial` has what arrived."""


STATUS: dict[int, type[APIStatusError]] = {}


class APIStatusError(APIError):
    """The service said no, with a status."""

    def __init_subclass__(cls, status: int = 0) -> None:
        if status:
            STATUS[status] = cls


class BadRequestError(APIStatusError, status=400):
    """400: malformed, unsupported, or a spend limit of the organisation's own."""


class AuthenticationError(APIStatusError, status=401):
    """401: the key is wrong, revoked or expired."""


class PaymentRequiredError(APIStatusError, status=402):
    """402: a payment problem."""


class PermissionDeniedError(APIStatusError, status=403):
    """403: the key lacks access."""


class NotFoundError(APIStatusError, status=404):
    """404: the path, id or model is unknown."""


class RequestTimeoutError(APIStatusError, status=408):
    """408: the service waited too long for the request."""


class ConflictError(APIStatusError, status=409):
    """409: the state changed in between."""


class RequestTooLargeError(APIStatusError, status=413):
    """413: the request is larger than the endpoint takes."""


class UnprocessableEntityError(APIStatusError, status=422):
    """422: understood, but not possible."""


class RateLimitError(APIStatusError, status=429):
    """429: a rate or spend limit."""


class InternalServerError(APIStatusError):
    """5xx: the service failed."""


class OverloadedError(InternalServerError, status=529):
    """529: the service is overloaded."""


class Stopped(KeyboardInterrupt):
    """The reader interrupted a call: a KeyboardInterrupt, so Run All stops, with a one-line traceback."""

    answer: Any = None

    def __init__(self, message: str = "Stopped", *, partial: Message | None = None) -> None:
        super().__init__(message)
        self.partial = partial

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


GONE = "A conversation that holds one that is gone starts anew: --new."
HINTS: dict[int | str, str] = {
    # by error.details.error_code, then by status: https://docs.claude.com/en/api/errors
    "enforced_spend_limit_reached": "Your usage tier's monthly limit is reached; raise it in the Console.",
    "contract_spend_limit_reached": "The contract's spend limit is reached; ask whoever holds the contract.",
    "ramp_limit_exceeded": "Traffic grew too fast; wait, then send more slowly.",
    "image_dimensions_too_large": "Scale the image down and run the cell again.",
    "file_expired": f"The file is gone; upload it again. {GONE}",
    "organization_on_hold": "The organisation is on hold; see the message for how to appeal.",
    400: "Change what the message names and run the cell again.",
    401: "Type %claude login to enter a key, or %claude practice on to go on without one.",
    402: "Check the payment details in the Console.",
    403: "This key may not do that; use another with %claude login.",
    404: "Check the id, and the address in use: %claude status shows it.",
    408: "Run the cell again.",
    409: "Look at the present state, then run the cell again.",
    413: "Send less: attach fewer or smaller files.",
    429: "Wait a little, then run the cell again.",
    500: "The service failed, not your request; run the cell again in a minute.",
    529: "The service is overloaded; run the cell again in a minute.",
}
FITTING: tuple[tuple[int, str, str], ...] = (
    # by status and what the message begins with or names, before the table above
    (404, r"model:", "Type %claude models to see the models and check the id."),
    (404, r"file\b|.*\bfile_\w", f"Type %claude files to see the files and check the id. {GONE}"),
    (404, r"skill\b|.*\bskill_\w", "Type %claude skills to see the skills and check the id."),
    (404, r"(message )?batch\b|.*\bmsgbatch_\w", "Type %claude batches to see the batches and check the id."),
    (404, r"container\b", "Begin anew, in a new container: --new."),
    (404, r"(user|workspace|invite|api.?key)\b", "Type %claude help admin: its lists have the ids."),
    (403, r".*\bskill\b.*\bAnthropic", "Only skills of your own can be changed or fetched: %claude skills."),
    (400, r".*\bnot downloadable", "Only files that code made can be fetched: %claude files shows which."),
)


def from_response(status: int, body: bytes, **facts: Any) -> APIStatusError:
    """Return the error for an HTTP answer whose status is not a success; `facts` are attributes to add."""
    decoded: Any = body.decode("utf-8", "replace")
    with suppress(ValueError, RecursionError):
        decoded = json.loads(body)
    error = _at(decoded, "error", dict)
    code = _at(_at(error, "details", dict), "error_code", str)
    facts["request_id"] = facts.get("request_id") or _at(decoded, "request_id", str)
    plain = decoded[:300] if isinstance(decoded, str) else ""
    line = " ".join((_at(error, "message", str) or plain).split())
    message = (line if len(line) <= 600 else f"{line[:600]}…") or f"The server answered {status}"
    kind = STATUS.get(status) or (InternalServerError if status >= 500 else APIStatusError)
    hint, told = _hint_for(status, code, message), _at(error, "type", str)
    return kind(message, hint=hint, status=status, type=told, error_code=code, body=decoded, **facts)


def _at(value: Any, name: str, kind: type[T]) -> T | None:
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, kind) else None


def _hint_for(status: int, code: str | None, message: str) -> str:
    if message.startswith("practice drill"):
        return "The prompt asked for this fault; take practice:… out of it to get an answer."
    fits = (h for s, pattern, h in FITTING if s == status and re.match(pattern, message, re.IGNORECASE))
    return HINTS.get(code or "") or next(fits, "") or HINTS.get(status, HINTS[500 if status >= 500 else 400])


@contextmanager
def telling(what: str, hint: str) -> Iterator[None]:
    """Tell as an InputError what a file system or a caller's own object raises: `what` failed, and why."""
    try:
        yield
    except (OSError, ValueError, RuntimeError, TypeError) as error:
        raise InputError(f"{what}: {getattr(error, 'strerror', None) or error}", hint=hint) from None


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word most like `word`, for "did you mean"; None when nothing is close."""
    import difflib

    close = difflib.get_close_matches(str(word).lower()[:60], list(known), n=1, cutoff=0.65)
    return close[0] if close else None


def printable(text: str) -> str:
    """Return text with control characters, such as terminal escapes, made visible; tab and newline stay."""
    return text.translate(_VISIBLE)


_LOW = {c: chr(0x2400 + c) for c in range(32) if c not in (9, 10)}
_VISIBLE = {**_LOW, 127: "␡", **{c: f"\\x{c:02x}" for c in range(0x80, 0xA0)}}
