"""How are many requests carried out at once?

One thread, the caller's, decides and keeps books; a Crew sends. A Gate says when the next may go, a Purse
whether it is paid for, `verdict` what an error means. An outcome is in the journal before it is yielded (M1),
and before another request takes its place, so that no more is ever lost than may be under way (M2).
"""

from __future__ import annotations

import math
import random
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any

from claude_magic.errors import APIError, Attempt, BudgetError, ClaudeError, Stopped
from claude_magic.rows import outcome
from claude_magic.rows.outcome import Outcome
from claude_magic.rows.pace.crew import Crew
from claude_magic.rows.pace.gate import Gate, Seen
from claude_magic.rows.pace.interrupts import Interrupts
from claude_magic.rows.pace.purse import STOPPED, Purse
from claude_magic.rows.pace.queue import Queue
from claude_magic.rows.pace.verdict import Streak, judge
from claude_magic.rows.tally import Sums, Tally
from claude_magic.talk import current

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from claude_magic.api.client import Client
    from claude_magic.rows.outcome import Ask
    from claude_magic.rows.pace.crew import Done, Job

GRACE = 5.0  # seconds that answers under way have to arrive after an interrupt
LOOK = 0.2  # seconds between looks for what no queue tells: a pause, an interrupt on Windows
LAST_WORDS = 0.3  # seconds that calls which are cut have to say so
LINGER, LONGEST_LINGER, FEW = 0.005, 0.05, 8
"""For more answers is waited such a share of a latency, seconds at most, where as many are under way."""
FLUSH = 1.0  # seconds between two groups of ledger lines
GROUP = 500  # rows that are not sent are told in groups
LOST = "It was stopped while it was under way, and may be on the bill"
CANCELLED = "The map was cancelled before this row was sent"


class Control:
    """Pauses, goes on with and cancels a map from another thread; `ended` hears at the end how far it is."""

    def __init__(self, ended: Callable[[Tally], object] | None = None) -> None:
        self.ended = ended
        self._go, self._cancelled = threading.Event(), threading.Event()
        self._go.set()

    def pause(self) -> None:
        """Send nothing until `resume`; what is under way arrives."""
        self._go.clear()

    def resume(self) -> None:
        """Go on sending."""
        self._go.set()

    def cancel(self) -> None:
        """Send nothing more: what is under way has a few seconds to arrive, the rest comes back not sent."""
        self._cancelled.set()

    @property
    def paused(self) -> bool:
        """Whether nothing is sent for now."""
        return not self._go.is_set()

    @property
    def cancelled(self) -> bool:
        """Whether nothing is sent any more."""
        return self._cancelled.is_set()


def carry(
    asks: Iterable[Ask],
    client: Client,
    *,
    journal: Any,
    run: str | None = None,
    gate: Gate | None = None,
    purse: Purse | None = None,
    concurrency: int | None = None,
    max_attempts: int = 6,
    fits: Callable[[str], str] | None = None,
    watch: Callable[[Tally], object] | None = None,
    control: Control | None = None,
    total: int | None = None,
    cached: int = 0,
    crew: Crew | None = None,
) -> Iterator[Outcome]:
    """Send requests, and yield the outcome of each once it is in the journal, in the order they end.

    A row that fails is an outcome with an error. What concerns all rows is raised after what arrived is
    yielded: a key that is not taken, a spend limit, an unknown model. When the budget ends the rest is
    "not_sent". An interrupt, or closing the iterator early, stops sending at once and leaves answers under
    way GRACE seconds; then Stopped is raised. `total` and `cached` are for `watch`, which is told of each
    step and slows down by itself. Asks are drawn as they are sent.
    """
    source = current.source_of(client)
    engine = _Engine(
        Queue(asks, client),
        crew or Crew(client, fits),
        gate or Gate(concurrency),
        purse or Purse(source=source),
        journal,
    )
    engine.run, engine.source, engine.most = run, source, max_attempts
    engine.sums = Sums(total, cached)
    engine.watch, engine.control = watch, control or engine.control
    return engine.outcomes()


class _Engine:
    """A map under way."""

    run: str | None = None
    source = "live"
    most = 6  # attempts
    watch: Callable[[Tally], object] | None = None

    def __init__(self, queue: Queue, crew: Crew, gate: Gate, purse: Purse, journal: Any) -> None:
        self.queue, self.crew, self.gate, self.purse, self.journal = queue, crew, gate, purse, journal
        self.control, self.interrupts = Control(), Interrupts(crew.wake)
        self.out: dict[int, Job] = {}
        self.fresh: list[Outcome] = []  # not in the journal yet
        self.kept: deque[Outcome] = deque()  # there, and not yielded yet
        self.sums = Sums()
        self.over = self._closed = False
        self.failure: BaseException | None = None  # raised at the end
        self.unsent: tuple[str, str] | None = None  # why the rest is not sent
        self.deadline = math.inf  # for what is under way
        self._wait = 0.0  # seconds until something may be sent
        self._mean = 0.0  # latency, seconds
        self._flushed = time.monotonic()
        self._streak = Streak()

    def outcomes(self) -> Iterator[Outcome]:
        """Yield the outcomes; raises what concerns all rows."""
        try:
            while not self.over:
                with self.interrupts:
                    self._step()
                    if self.over:
                        self._end()
                if self.watch is not None:
                    self.watch(self._told())
                yield from self._kept()
        except KeyboardInterrupt:  # while somebody was told of it
            self.interrupts.hear()
        finally:
            with self.interrupts:
                self._end()
        yield from self._kept()
        if isinstance(self.failure, Stopped):
            raise Stopped(self._words())
        if self.failure is not None:
            raise self.failure

    def _kept(self) -> Iterator[Outcome]:
        """Yield what is in the journal and was not yielded."""
        while self.kept:
            yield self.kept.popleft()

    def _step(self) -> None:
        """Send what may be sent, wait for what arrives, and write it down."""
        self._hear()
        if self.control.cancelled and not self._ending:
            self._stop(unsent=("cancelled", CANCELLED), seconds=GRACE)
        self._dispatch()
        if not self.out and (self._ending or (self.queue.whole and not len(self.queue))):
            self._rest()
        else:
            linger = min(LINGER * self._mean, LONGEST_LINGER) if len(self.out) >= FEW else 0.0
            for done in self.crew.take(self._patience(), linger):
                self._take(done)
        self._hear()
        if self.out and time.monotonic() >= self.deadline:
            self._abandon()
        self._write()

    def _hear(self) -> None:
        """Stop at an interrupt, whatever ends it already; the second one ends it at once."""
        if self.interrupts.heard:
            self._stop(failure=Stopped(), seconds=0.0 if self.interrupts.again else GRACE)

    # ---- sending -------------------------------------------------------------------------------------------

    def _dispatch(self) -> None:
        self._wait = math.inf
        while not self._ending and not self.interrupts.heard and not self.control.paused:
            now = time.monotonic()
            job = self.queue.next(now)
            if job is None:
                return
            job.lease = self.gate.lease(now, input_tokens=job.guess, most_output=job.most_output)
            if not job.lease.number:
                self._wait = job.lease.wait
                self.queue.back(job)
                if not self._mean:  # there is nothing else to do until the first answer
                    self.crew.grow(min(self.gate.window.most, self.sums.total or FEW), FEW)
                return
            if refused := self._unpaid(job):
                self.gate.back(job.lease)
                self.queue.back(job)
                if not self.out and not self.queue.holds:  # else some may cost less than was held for it
                    self._stop(unsent=("budget", refused.message))
                return
            job.began = job.began or now
            self.out[job.number] = job
            self.crew.grow(len(self.out))
            self.crew.send(job)

    def _unpaid(self, job: Job) -> BudgetError | None:
        """Hold the worst case of a send, unless that is done; return why that cannot be."""
        if job.held or job.playing is not None:
            return None
        refused = self.purse.take(job.number, job.worst, self.gate.limit)
        job.held = refused is None
        return refused

    def _patience(self) -> float:
        now = time.monotonic()
        return max(0.0, min(LOOK, self._wait, self.queue.due(now), self.deadline - now))

    # ---- what arrives --------------------------------------------------------------------------------------

    def _take(self, done: Done) -> None:
        job = done.job
        if self.out.pop(job.number, None) is None:  # it was given up
            return
        if done.outcome is None:
            self._failed(job, done)
            return
        self.fresh.append(done.outcome)
        self.gate.tell(time.monotonic(), job.lease, done.seen)
        self._streak.answered()
        self._mean += (done.seen.seconds - self._mean) * (0.1 if self._mean else 1.0)
        self._settle(job, done.outcome, billed=True)

    def _failed(self, job: Job, done: Done) -> None:
        error = done.error
        if not isinstance(error, ClaudeError):
            if not isinstance(error, KeyboardInterrupt):
                self._stop(failure=error)
            self._lose(job)
            return
        sends = error.attempts or (
            (Attempt(1, type(error).__name__, True),) if isinstance(error, APIError) else ()
        )
        billed = any(send.possibly_billed for send in sends)
        if sends:
            self.gate.tell(time.monotonic(), job.lease, done.seen)
        else:
            self.gate.back(job.lease)
        limited = error.status == 429
        job.refusals, job.used = job.refusals + limited, job.used + (bool(sends) and not limited)
        job.attempts += [send._replace(number=len(job.attempts) + n) for n, send in enumerate(sends, 1)]
        error.attempts = tuple(job.attempts)
        verdict = judge(error, job.used, self.most, job.refusals, random.random())  # noqa: S311 - spreads waits
        made = outcome.failed(
            job.ask.key, error, source=self.source, latency_s=time.monotonic() - job.began
        )._replace(model=job.ask.body.get("model"))
        if verdict.again and not self._ending:
            if billed:
                self._settle(job, made, billed=True)
            self.queue.again(job, time.monotonic() + verdict.wait)
            return
        self._settle(job, made, billed=billed)
        self._streak.failed(error)
        if verdict.stop or self._streak.is_broken:
            self._stop(failure=error)
        elif self._streak.are_alike and not self.sums.cached:
            why = f"All rows before this one were refused: {error.message}"
            self._stop(unsent=(error.type or "", why))
        if not verdict.stop:
            self.fresh.append(made)

    def _settle(self, job: Job, made: Outcome, *, billed: bool) -> None:
        """Write down what a send has cost; of one that never went nothing is written."""
        if made.attempts:
            entry = self.purse.entry(made, billed=billed)
            if job.held:
                self.purse.settle(job.number, job.worst, entry)
            else:
                self.purse.note(entry)
        elif job.held:
            self.purse.give(job.number, job.worst)
        job.held = False

    def _lose(self, job: Job) -> None:
        """Give up a request that is under way: what it costs is not known."""
        attempts = len(job.attempts) + 1
        self.gate.tell(time.monotonic(), job.lease, Seen(0))
        model, seconds = job.ask.body.get("model"), time.monotonic() - job.began
        made = Outcome(job.ask.key, "error", error_type=STOPPED, error=LOST, model=model, attempts=attempts)
        made = made._replace(source=self.source, latency_s=seconds)
        self._settle(job, made, billed=True)
        if self.failure is None:
            self.fresh.append(made)

    # ---- the end -------------------------------------------------------------------------------------------

    @property
    def _ending(self) -> bool:
        return self.failure is not None or self.unsent is not None

    def _stop(
        self,
        *,
        failure: BaseException | None = None,
        unsent: tuple[str, str] | None = None,
        seconds: float = math.inf,
    ) -> None:
        """Send nothing more; what is under way has so many seconds."""
        self.failure, self.unsent = self.failure or failure, self.unsent or unsent
        self.deadline = min(self.deadline, time.monotonic() + seconds)

    def _rest(self) -> None:
        """End, or say of some of the rows that are left that they are not sent."""
        if self.failure is not None or self.unsent is None:
            self.over = True
            return
        for job in self.queue.rest():
            kind, why = self.unsent
            if job.held:
                self.purse.give(job.number, job.worst)
            attempts = len(job.attempts)
            made = Outcome(job.ask.key, "not_sent", error_type=kind, error=why, attempts=attempts)
            self.fresh.append(made._replace(source=self.source))
            if len(self.fresh) >= GROUP:
                return
        self.over = True

    def _abandon(self) -> None:
        """Cut what is under way, and give up what says nothing even then."""
        self.crew.cut()
        until = time.monotonic() + LAST_WORDS
        while self.out and (left := until - time.monotonic()) > 0:
            for done in self.crew.take(left):
                self._take(done)
        for number in [*self.out]:
            self._lose(self.out.pop(number))

    def _end(self) -> None:
        """Keep the books of a map that ended, or that was left in the middle; done again, do nothing."""
        if self._closed:
            return
        self._closed = True
        try:
            if not self.over:
                self.interrupts.heard = True  # one more ends it at once
                self._hear()
                while self.out and time.monotonic() < self.deadline:
                    for done in self.crew.take(self._patience()):
                        self._take(done)
                    self._write()
                    self._hear()
                self._abandon()
            self._write()
            for job in self.queue.left():
                if job.held:
                    self.purse.give(job.number, job.worst)
            self.purse.close()
        finally:
            self.crew.end()

    # ---- books ---------------------------------------------------------------------------------------------

    def _write(self) -> None:
        """Write what is fresh to the journal."""
        if self.fresh:
            self.journal.write(self.fresh, self.run)
            fresh, self.fresh = self.fresh, []
            self.kept.extend(fresh)
            self.sums.add(fresh)
        if time.monotonic() - self._flushed > FLUSH:
            self.purse.flush()
            self._flushed = time.monotonic()

    def _told(self) -> Tally:
        at = time.monotonic()
        paused, why = self.gate.paused(at)
        why = "paused" if self.control.paused else why
        now = Tally(in_flight=len(self.out), limit=self.gate.limit, paused=paused, why=why)
        now = self.sums.tally(now._replace(spent=self.purse.spent, source=self.source), self.queue.drawn)
        return now._replace(least=self.gate.seconds(now.waiting, at))

    def _words(self) -> str:
        known, total = self.sums.ok + self.sums.failed, self.sums.total
        some = f"{known:,} of {total:,} rows are" if total else f"{known:,} rows are"
        return f"Stopped: {some} answered and kept; run the cell again to go on"
