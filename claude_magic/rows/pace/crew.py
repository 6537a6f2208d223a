"""Who sends the requests of rows, and how do they all stop at once?

Daemon threads, as many as are needed, each with a connection of its own. Each takes a job, sends it once and
says what became of it; what follows from that is not for them to say.
"""

from __future__ import annotations

import contextvars
import threading
import time
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, NamedTuple

from claude_magic.api.parameters import NOTED
from claude_magic.errors import Attempt, ClaudeError
from claude_magic.rows import outcome
from claude_magic.rows.pace.gate import Lease, Seen, told
from claude_magic.rows.pace.sender import Sender, is_direct
from claude_magic.talk import current, replaying

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal

    from claude_magic.api.client import Client
    from claude_magic.rows.outcome import Ask, Outcome
    from claude_magic.wire import Message

PATIENCE = 0.5  # seconds for threads to end


@dataclass(slots=True)
class Job:
    """A row's request on its way: what it can cost, and what became of each of its sends so far."""

    number: int
    ask: Ask
    worst: Decimal | None
    guess: float  # of its input tokens
    playing: Client | None = None  # plays the recorded answer, so that nothing is sent
    lease: Lease = field(default_factory=lambda: Lease(0))
    held: bool = False  # whether its worst case is
    began: float = 0.0
    used: int = 0  # of the attempts it has
    refusals: int = 0
    attempts: list[Attempt] = field(default_factory=list)

    @property
    def most_output(self) -> float:
        """The most output tokens it can have."""
        most = self.ask.body.get("max_tokens")
        return most if isinstance(most, int) else float("inf")


class Done(NamedTuple):
    """What became of one send: an outcome, or an error; `seen` is for the gate."""

    job: Job
    outcome: Outcome | None
    error: BaseException | None
    seen: Seen


class Crew:
    """Threads that send jobs; `take` gives what became of them."""

    def __init__(self, client: Client, fits: Callable[[str], str] | None) -> None:
        self.client, self.fits = client.with_options(max_retries=0), fits and _safely(fits)
        self._source = current.source_of(client)
        self._direct = is_direct(self.client)
        self._played = replaying.is_replayed(client)
        self.is_cut = False
        self._todo: SimpleQueue[Job | None] = SimpleQueue()
        self._done: SimpleQueue[Done | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._senders: list[Sender] = []

    def grow(self, number: int, most: int | None = None) -> None:
        """Have so many threads at least, starting `most` now."""
        for n in range(len(self._threads), number)[:most]:
            context, name = contextvars.copy_context(), f"claude-magic rows {n}"
            context.run(NOTED.set, True)
            thread = threading.Thread(target=context.run, args=(self._work,), name=name, daemon=True)
            self._threads.append(thread)
            self._threads[-1].start()

    def send(self, job: Job) -> None:
        """Send a job as soon as a thread has time for it."""
        self._todo.put(job)

    def take(self, seconds: float, linger: float = 0.0) -> list[Done]:
        """Return what became of jobs, waiting for the first, and `linger` seconds for those that follow."""
        found: list[Done] = []
        try:
            first = self._done.get(timeout=seconds) if seconds > 0 else self._done.get_nowait()
            while True:
                if first is not None:
                    found.append(first)
                if linger and self._done.empty():
                    time.sleep(linger)
                    linger = 0.0
                first = self._done.get_nowait()
        except Empty:
            return found

    def wake(self) -> None:
        """Have `take` return; may be called by a signal handler."""
        self._done.put(None)

    def cut(self) -> None:
        """Stop all that is under way, and send nothing more."""
        self.is_cut = True
        for sender in [*self._senders]:
            sender.cut()

    def end(self) -> None:
        """Have the threads end; those that hang are left behind, where they send nothing more."""
        for _ in self._threads:
            self._todo.put(None)
        until = time.monotonic() + PATIENCE
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    def _work(self) -> None:
        with Sender(self.client, over_line=self._direct) as sender:
            self._senders.append(sender)
            while (job := self._todo.get()) is not None:
                self._done.put(self._carry(job, sender))

    def _from(self, client: Client, message: Message) -> str:
        """Return the source of an answer; where none is played, the server alone says that it is another."""
        signed = message.response and message.response.headers.get("anthropic-organization-id")
        doubtful = self._played or signed == current.PRACTICE_ORGANIZATION
        return current.source_of(client, message) if doubtful else self._source

    def _carry(self, job: Job, sender: Sender) -> Done:
        began, playing = time.monotonic(), job.playing
        try:
            if self.is_cut:
                raise KeyboardInterrupt  # noqa: TRY301 - as where it is cut later
            message = playing.messages.create(**job.ask.body) if playing else sender.create(job.ask.body)
            now = time.monotonic()
            made = outcome.answered(
                job.ask.key,
                message,
                source=self._from(playing or self.client, message),
                fits=self.fits,
                attempts=len(job.attempts) + 1,
                latency_s=now - job.began,
                request_id=message.request_id,
            )
            return Done(job, made, None, _seen(message, made, now - began))
        except BaseException as error:  # an interrupt too: another thread says what follows
            status = getattr(error, "status", None) or 0
            response = error.response if isinstance(error, ClaudeError) else None
            limits = told(response.headers) if response else (None, None, None)
            wait = getattr(error, "retry_after", None)
            seconds = time.monotonic() - began
            return Done(job, None, error, Seen(status, seconds, told=limits, retry_after=wait))


def _safely(fits: Callable[[str], str]) -> Callable[[str], str]:
    """Return a check that raises nothing: the answer is paid for, and must be kept."""

    def checked(text: str) -> str:
        try:
            return fits(text)
        except Exception as error:
            return f"It could not be checked: {type(error).__name__}: {error}"

    return checked


def _seen(message: Message, made: Outcome, seconds: float) -> Seen:
    """Return what an answer tells the gate; what was played tells nothing of limits."""
    if made.source == "replay":
        return Seen(200, seconds)
    counted = (made.input_tokens, made.cache_write_5m_tokens, made.cache_write_1h_tokens)  # not what is read
    inputs, outputs = sum(count or 0 for count in counted), made.output_tokens or 0
    headers = message.response.headers if message.response else {}
    return Seen(200, seconds, inputs, outputs, told(headers))
