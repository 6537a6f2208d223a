"""What does a failed send mean: for its row, for all rows, or for the next send?

https://docs.claude.com/en/api/errors; promises M3, M4 and S6.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from claude_magic.errors import (
    APIConnectionError,
    APIResponseError,
    APIStatusError,
    ConfigError,
    ReplayError,
    StreamError,
)
from claude_magic.policy import HEALING, LONGEST_WAIT, SPENT

if TYPE_CHECKING:
    from claude_magic.errors import ClaudeError

FOR_ALL = frozenset({401, 402, 403})
ON_HOLD = "organization_on_hold"
LIMITED = re.compile(r"you have reached your specified .*usage limits", re.IGNORECASE)
UNKNOWN_MODEL = re.compile(r"model\b", re.IGNORECASE)
MOST_REFUSALS = 30  # of one row by rate limits, each after a pause
BROKEN = 10  # rows in a row that no answer came for: the next ones need not be tried
ALIKE = 20  # rows refused in the same words, where none was answered: the next ones would be too


class Verdict(NamedTuple):
    """What follows: `again` after `wait` seconds; or `stop`: no row can go."""

    again: bool = False
    wait: float = 0.0
    stop: bool = False


STOP, FAILED = Verdict(stop=True), Verdict()


class Streak:
    """What came of one row after the other: do the next ones need to be tried?"""

    def __init__(self) -> None:
        self._lost = self._failed = 0
        self._words: set[str] = set()  # of all refusals; "" is for what is none, or for the row's own part

    def answered(self) -> None:
        """Hear that a row was answered."""
        self._lost = 0
        self._words.add("")

    def failed(self, error: ClaudeError) -> None:
        """Hear why a row was not."""
        self._lost = self._lost + 1 if isinstance(error, APIConnectionError | APIResponseError) else 0
        self._failed += 1
        shared = error.type == "invalid_request_error" and not error.message.startswith("messages")
        if len(self._words) < 2:
            self._words.add(error.message if shared else "")

    @property
    def is_broken(self) -> bool:
        """Whether no answer comes any more."""
        return self._lost >= BROKEN

    @property
    def are_alike(self) -> bool:
        """Whether all rows so far were refused in the same words, for what is not theirs alone."""
        return self._failed >= ALIKE and len(self._words) == 1 and "" not in self._words


def judge(error: ClaudeError, used: int, most: int, refusals: int, rand: float = 0.0) -> Verdict:
    """Return what follows from an error of a row that has used so many of its attempts.

    `refusals` is how often a rate limit refused it; `rand` (0 to 1) spreads the waits.
    """
    if isinstance(error, ConfigError | ReplayError) or _concerns_all(error):
        return STOP
    if (error.retry_after or 0.0) > LONGEST_WAIT:
        minutes = (error.retry_after or 0.0) / 60
        error.hint = f"Wait {minutes:.0f} min, then run the cell again: it goes on where it stopped."
        return STOP
    if error.status == 429 and refusals < MOST_REFUSALS and _told(error) is not False:
        return Verdict(again=True)
    if used >= most or not _heals(error):
        return FAILED
    wait = error.retry_after or min(0.5 * 2 ** (used - 1), 8.0) * (1 - 0.25 * rand)
    return Verdict(again=True, wait=wait)


def _concerns_all(error: ClaudeError) -> bool:
    if not isinstance(error, APIStatusError):
        return False
    if error.status in FOR_ALL or error.error_code in SPENT or error.error_code == ON_HOLD:
        return True
    unknown = error.status == 404 and UNKNOWN_MODEL.match(error.message)
    return bool(unknown or (error.status == 400 and LIMITED.search(error.message)))


def _heals(error: ClaudeError) -> bool:
    if not isinstance(error, APIStatusError):
        return isinstance(error, APIConnectionError | StreamError)
    told, status = _told(error), error.status or 0
    return status in HEALING - {429} or status >= 500 if told is None else told


def _told(error: Any) -> bool | None:
    """Return whether the service says that the same may be asked again; None where it does not say."""
    headers = error.response.headers if error.response is not None else {}
    return {"true": True, "false": False}.get(headers.get("x-should-retry", ""))
