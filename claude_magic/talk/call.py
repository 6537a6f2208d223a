"""What is known of a call under way, and what does it leave behind?

Whichever way a call ends, it leaves an Answer, as far as one arrived, and one ledger entry.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol

from claude_magic import ledger, wire
from claude_magic.errors import (
    Attempt,
    ConfigError,
    InputError,
    ReplayError,
    RequestTooLargeError,
    Stopped,
)
from claude_magic.protocol import catalog
from claude_magic.talk import replaying
from claude_magic.talk.answer import GAP, Answer
from claude_magic.talk.current import recorded, session_id, source_of

if TYPE_CHECKING:
    from claude_magic.api.client import Client
    from claude_magic.limits import Reservation
    from claude_magic.wire import Message


class Watch(Protocol):
    """What is told of an answer while it comes.

    Its `note(line)`, where it has one, hears of the model, and its `sourced(source)` that this is a replay.
    """

    def text(self, piece: str) -> None:
        """Take the next piece of the text."""

    def thinking(self, piece: str) -> None:
        """Take the next piece of the thinking."""

    def waiting(self, seconds: float, why: str) -> None:
        """Hear of a wait before the call is sent again, with the seconds left."""


@dataclass
class Call:
    """A call under way, and what is known of it so far; times are seconds of the monotonic clock."""

    body: dict[str, Any]
    client: Client
    source: str
    turn: int
    started: float
    first: float | None = None
    message: Message | None = None
    error: BaseException | None = None
    reservation: Reservation | None = None
    begun: bool = False
    outcome: str = "ok"
    attempts: tuple[Attempt, ...] = ()
    request_id: str | None = None
    go_on: str = ""  # what to type for the rest of an answer that is cut or stopped
    spoken: bool = False  # there was text, and since then
    gap: bool = False  # something else
    cited: list[Any] = field(default_factory=list)  # by the text that is coming

    def run(self, watch: Watch | None, *, stream: bool) -> None:
        """Send the call and pass on what arrives."""
        self.begun = True
        if watch is not None and self.source == "replay" and (told := getattr(watch, "sourced", None)):
            told(self.source)
        if stream:
            self._stream(watch)
        else:
            self.message = self.client.messages.create(**self.body)
            self.request_id = self.message.request_id
            for block in self.message.get("content") or ():
                self._begin(block, watch)
                if isinstance(block, dict):
                    self._pass_on({**block, "type": f"{block.get('type')}_delta"}, watch)
                    self.cited = list(block.get("citations") or ())
                    self._cite(watch)
        if self.message is not None and self.message.get("stop_reason") == "refusal":
            self.outcome = "refused"

    def _stream(self, watch: Watch | None) -> None:
        with self.client.messages.stream(**self.body) as stream:
            try:
                for event in stream.raw():
                    if event.get("type") == "content_block_start":
                        self._begin(event.get("content_block"), watch)
                    elif event.get("type") == "content_block_delta":
                        self._pass_on(event.get("delta"), watch)
                    elif event.get("type") == "content_block_stop":
                        self._cite(watch)
            finally:
                self.message = stream.message
                self.attempts, self.request_id = stream.attempts, stream.request_id
        self.message = stream.get_final_message()

    def _begin(self, block: Any, watch: Watch | None) -> None:
        """Set texts apart that something stood between, as `answer.said` does."""
        if not isinstance(block, dict) or block.get("type") != "text":
            self.gap = self.spoken
            return
        if self.gap:
            self._pass_on({"type": "text_delta", "text": GAP}, watch)
        self.gap = False

    def _cite(self, watch: Watch | None) -> None:
        """Say at the end of a text what it cites."""
        if self.cited and (cited := getattr(watch, "cited", None)):
            cited(self.cited)
        self.cited = []

    def _pass_on(self, delta: Any, watch: Watch | None) -> None:
        kind = delta.get("type") if isinstance(delta, dict) else None
        if kind == "citations_delta":
            self.cited.append(delta.get("citation"))
        if kind not in ("text_delta", "thinking_delta"):
            return
        name = kind.removesuffix("_delta")
        piece = delta.get(name)
        if not isinstance(piece, str) or not piece:
            return
        self.spoken = self.spoken or name == "text"
        if self.first is None:
            self.first = time.monotonic()
        if watch is not None:
            (watch.text if name == "text" else watch.thinking)(piece)

    def fail(self, error: BaseException) -> None:
        """Note what went wrong; an interrupt becomes Stopped, with what arrived."""
        self.message = self.message or getattr(error, "partial", None)
        self.attempts = getattr(error, "attempts", ()) or self.attempts
        self.request_id = getattr(error, "request_id", None) or self.request_id
        stopped = isinstance(error, KeyboardInterrupt)
        self.outcome = "stopped" if stopped else "error"
        self.error = (
            Stopped(_stopped_words(self.message, self.go_on), partial=self.message) if stopped else error
        )

    @property
    def unsent(self) -> bool:
        """Whether the call never left this process, so that there is nothing to record."""
        local = isinstance(self.error, InputError | ConfigError | RequestTooLargeError)
        missed = isinstance(self.error, ReplayError)
        return not self.begun or missed or (local and self.message is None and not self.attempts)

    def answer(self) -> Answer | None:
        """Return what arrived as an Answer, also given to the error as `.answer`; None where nothing did."""
        if self.message is None:
            return None
        message = self.message
        if self.error is not None:
            message = wire.Message({**message, "usage": self._usage()})
        made = Answer(
            message,
            cost=self._cost(),
            source=source_of(self.client, self.message),
            seconds=time.monotonic() - self.started,
            ttft=None if self.first is None else self.first - self.started,
            turn=self.turn,
            stop_reason=None if self.error is None else self.outcome,
            request_id=self.request_id,
            go_on=self.go_on,
        )
        if self.error is not None:
            self.error.answer = made  # type: ignore[attr-defined] # any exception may carry it
        return made

    def entry(self, answer: Answer | None, thread: str, cell: str | None) -> ledger.Entry:
        """Return the ledger's line; of a call that broke off the output is an estimate of what arrived."""
        usage, source = self._usage(), answer.source if answer else self.source
        fresh, out, read = (
            n if isinstance(n := usage.get(name), int) else 0
            for name in ("input_tokens", "output_tokens", "cache_read_input_tokens")
        )
        written = usage.cache_writes
        return ledger.Entry(
            time=datetime.now(UTC),
            session=session_id(),
            notebook=os.environ.get("JPY_SESSION_NAME"),
            cell=cell,
            thread=thread,
            model=answer.model if answer else str(self.body["model"]),
            input_tokens=fresh,
            output_tokens=out,
            cache_read_tokens=read,
            cache_write_5m_tokens=written[0],
            cache_write_1h_tokens=written[1],
            cost_usd=Decimal(0) if source == "replay" else answer.cost if answer else self._cost(),
            latency_s=answer.seconds if answer else time.monotonic() - self.started,
            ttft_s=answer.ttft if answer else None,
            outcome=self.outcome,
            stop_reason=self.message.get("stop_reason") if self.message else None,
            error_type=None if self.error is None else _kind(self.error),
            request_id=self.request_id,
            attempts=max(1, len(self.attempts)),
            source=source,
        )

    def _usage(self) -> wire.Usage:
        usage = wire.Usage((self.message and self.message.get("usage")) or {})
        if self.error is not None and self.message is not None:
            said = self.message.text + self.message.thinking
            words = catalog.estimate_tokens(said, str(self.body["model"]))
            counted = usage.get("output_tokens")
            usage["output_tokens"] = max(counted, words) if isinstance(counted, int) else words
        return usage

    def _cost(self) -> Decimal | None:
        if self.message is None:
            unbilled = self.attempts and not any(a.possibly_billed for a in self.attempts)
            return Decimal(0) if unbilled else None
        message = wire.Message({**self.message, "usage": self._usage()})
        return catalog.message_cost(message, at=replaying.day(recorded(self.client, self.message)))


def _kind(error: BaseException) -> str:
    return str(getattr(error, "type", None) or type(error).__name__)


def _stopped_words(message: Message | None, go_on: str) -> str:
    return f"Stopped; type {go_on} to go on" if go_on and message and message.text.strip() else "Stopped"
