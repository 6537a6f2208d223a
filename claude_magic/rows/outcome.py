"""What became of a row's request?

An Outcome is a line of the journal, whether the answer came live or in a batch. It says what was answered and
what it cost; which columns that makes is for `table.py` to say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from claude_magic import wire
from claude_magic.limits import BUCKETS
from claude_magic.protocol import catalog

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from decimal import Decimal

    from claude_magic.errors import ClaudeError

PAID = frozenset({"ok", "truncated", "refused", "invalid"})
"""Statuses of an answer that was paid for: it is kept, and not asked for again unless that is wished."""
FAILED = frozenset({"error", "expired", "canceled", "missing", "not_sent"})
"""Statuses of a row that has no answer: the same call again asks for it."""
CUT = {
    # stop reason of an answer that is not whole -> the status of its row, and why
    "max_tokens": ("truncated", "It ended at max_tokens; allow more: max_tokens=…"),
    "model_context_window_exceeded": ("truncated", "It ended where the model's context window is full"),
    "pause_turn": ("truncated", "The service paused it before its end"),
    "tool_use": ("truncated", "It ended with a call of a tool, and none is run for a row"),
    "refusal": ("refused", "The request was declined"),
}


class Ask(NamedTuple):
    """A request to send: its key, which is a batch's `custom_id` too, and the body of a Messages call."""

    key: str
    body: dict[str, Any]


class Outcome(NamedTuple):
    """What became of one request.

    `message` is the API's message as JSON, None where there is none or where it is not kept. Tokens are of
    the answer's `usage`; `cost_usd` None reads "price unknown"; `latency_s` is in seconds from the first send
    on; `attempts` counts sends. `source` is "live", "batch", "practice" or "replay".
    """

    key: str
    status: str
    message: bytes | None = None
    error_type: str | None = None
    error: str | None = None
    stop_reason: str | None = None
    model: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_5m_tokens: int | None = None
    cache_write_1h_tokens: int | None = None
    cost_usd: Decimal | None = None
    service_tier: str | None = None
    attempts: int = 1
    latency_s: float | None = None
    request_id: str | None = None
    source: str = "live"

    @property
    def bucket(self) -> str:
        """Which answers may stand for which: "live" or "practice" (else the source itself)."""
        return BUCKETS.get(self.source, self.source)


def answered(
    key: str,
    message: Mapping[str, Any],
    *,
    source: str,
    fits: Callable[[str], str] | None = None,
    attempts: int = 1,
    latency_s: float | None = None,
    request_id: str | None = None,
) -> Outcome:
    """Return the outcome of a request that was answered; `fits` says why a text is not what was asked for."""
    made = message if isinstance(message, wire.Message) else wire.Message(wire.record(dict(message)))
    usage = wire.Usage(made.get("usage") or {})
    written = usage.cache_writes
    reason = made.get("stop_reason")
    status, why = CUT.get(str(reason), ("ok", ""))
    kind = reason if why else "invalid_answer"
    if status == "refused":
        why = _declined(made.get("stop_details")) or why
    if status == "ok" and fits is not None:
        why = fits(made.text)
        status = "invalid" if why else "ok"
    return Outcome(
        key,
        status,
        wire.encode(made),
        kind if why else None,
        why or None,
        reason,
        _word(made.get("model")),
        _count(usage.get("input_tokens")),
        _count(usage.get("output_tokens")),
        _count(usage.get("cache_read_input_tokens")),
        _count(written[0]),
        _count(written[1]),
        catalog.message_cost(made, batch=source == "batch" or None),
        _word(usage.get("service_tier")),
        attempts,
        latency_s,
        request_id or made.request_id,
        source,
    )


def _declined(details: Any) -> str:
    """Return what the service says of a refusal: its category, and why."""
    said = [details.get(name) for name in ("category", "explanation")] if isinstance(details, dict) else []
    return ": ".join(" ".join(one.split()) for one in said if isinstance(one, str) and one.strip())


def _count(value: Any) -> int | None:
    """Return a number of tokens, None for what is none: sums, limits and books are kept with it."""
    return value if type(value) is int and 0 <= value < 2**63 else None


def _word(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def failed(
    key: str,
    error: ClaudeError,
    *,
    source: str,
    status: str = "error",
    latency_s: float | None = None,
) -> Outcome:
    """Return the outcome of a request that was not answered, with the error's own words."""
    return Outcome(
        key,
        status,
        error_type=getattr(error, "type", None) or type(error).__name__,
        error=error.message,
        attempts=len(error.attempts),
        latency_s=latency_s,
        request_id=error.request_id,
        source=source,
    )
