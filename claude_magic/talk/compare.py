"""What do several models say to one question, and what does each take?

Each model is asked in a thread of its own, at the same time, with its own reservation and ledger entry. None
is sent before the worst case of all of them is held: a budget that has no room for all refuses all. No
conversation keeps the answers, as none of them is the one that was given; what a conversation held before is
sent along.
"""

from __future__ import annotations

import contextvars
import copy
import threading
import time
from decimal import Decimal
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from claude_magic import limits, settings
from claude_magic.errors import BudgetError, ClaudeError, InputError, Stopped
from claude_magic.talk import compose, current, holding, stopping, uploads
from claude_magic.talk.thread import Thread, threads

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd

    from claude_magic.api.client import Client
    from claude_magic.cut import Cutter
    from claude_magic.talk.answer import Answer

GRACE = 0.8  # seconds that stopped calls have to keep what arrived
LOOK = 0.2  # seconds between looks for an interrupt, which a waiting thread on Windows does not see
MOST = 20  # models at once


class Row(NamedTuple):
    """What became of one model: its answer, as far as one came, and why there is no more."""

    model: str
    answer: Answer | None = None
    error: BaseException | None = None


class Progress(Protocol):
    """What is told of answers while they come; `n` is the place of the model."""

    def text(self, n: int, piece: str) -> None:
        """Take the next piece of a text."""

    def waiting(self, n: int, seconds: float, why: str) -> None:
        """Hear of a wait before a call is sent again."""

    def note(self, line: str) -> None:
        """Hear of a model."""

    def done(self, n: int, row: Row) -> None:
        """Take the end of an answer."""

    def tick(self) -> None:
        """Show what came; called all the while, in the thread that waits."""


def models_of(wanted: Sequence[str] | str) -> list[str]:
    """Return the ids of the models to compare, each once; raises InputError where there are too few.

    A list may have one alone; a text names two or more, as in a cell.
    """
    words = wanted.split(",") if isinstance(wanted, str) else [str(word) for word in wanted]
    found = list(dict.fromkeys(settings.model(word.strip()).value for word in words if word.strip()))
    least = 2 if isinstance(wanted, str) else 1
    if not least <= len(found) <= MOST:
        what = f"{len(found)} model{' is' if len(found) == 1 else 's are'} compared"
        raise InputError(f"{what}, where {least} to {MOST} can be", hint="Give --compare haiku,opus")
    return found


def compare(
    ask: Callable[..., Answer],
    prompt: Any,
    wanted: Sequence[str] | str,
    *,
    thread: Thread | str | None = None,
    attach: Sequence[Any] = (),
    client: Client | None = None,
    max_cost: Decimal | float | str | None = None,
    watch: Progress | None = None,
    **given: Any,
) -> list[Row]:
    """Ask every model with `ask`, which is `chat.ask`, and return what became of each, in the given order.

    `max_cost` is what all may cost together. Raises BudgetError, with nothing sent; the first model's error
    where no model answered; Stopped when interrupted. The `.rows` of an error are what arrived until then.
    """
    names = models_of(wanted)
    talk = threads.get(thread) if isinstance(thread, str) else thread or Thread()
    if given.pop("model", None):
        raise InputError("A model is named, and models to compare", hint="Leave out one of -m and --compare.")
    if given.get("tools"):
        raise InputError(
            "Models that are compared get no tools: each of them would run your functions",
            hint="Leave out --tool, or ask one model after the other.",
        )
    if settings.option("cache", given.get("cache")).value == "auto":
        given["cache"] = "off"  # no conversation goes on with these, so nobody would read what they write
    client, asked = client or current.client(given.get("replay")), threads.asked
    attach = compose.attached(attach)
    _upload(prompt, attach, client, watch, code=bool(given.get("skills") or talk.skills))
    together = _Together(holding.allowance(max_cost).limit, len(names))
    with stopping.stoppable(client) as (own, cutter):
        race = _Race(names, together, cutter, watch)
        given.update(attach=attach, client=own, max_cost=together)
        try:
            race.run(lambda name, ear: ask(prompt, **given, model=name, thread=_apart(talk), watch=ear))
        finally:
            threads.asked = asked
    return _judged(race)


def table(ask: Callable[..., Answer], prompt: Any, wanted: Sequence[str] | str, **given: Any) -> pd.DataFrame:
    """Return what `compare` returns as a DataFrame; raises as it does, with the `.frame` so far."""
    typed = given.get("returns") is not None or given.get("choices") is not None
    value = (lambda answer: answer.value) if typed else None
    try:
        return frame(compare(ask, prompt, wanted, **given), value)
    except BaseException as error:
        if rows := getattr(error, "rows", None):
            error.frame = frame(rows, value)  # type: ignore[attr-defined] # any exception may carry it
        raise


def frame(rows: Sequence[Row], value: Callable[[Answer], Any] | None = None) -> pd.DataFrame:
    """Return a row for each model: the Answer, seconds, tokens, USD, and the error where there was one.

    `value` makes a column of that name from an Answer; where it raises, that is the row's error.
    """
    import pandas as pd

    found = [_facts(row, value) for row in rows]
    made = pd.DataFrame(found, columns=[*COLUMNS[:2], *(["value"] if value else []), *COLUMNS[2:]])
    for name in ("answer", "error", *(["value"] if value else [])):
        made[name] = pd.Series([facts[name] for facts in found], dtype="object", index=made.index)
    return made.astype(TYPES)


COLUMNS = (
    "model", "answer", "seconds", "ttft", "input_tokens", "output_tokens", "cost_usd", "stop_reason",
    "request_id", "source", "error",
)  # fmt: skip
TYPES = {
    "seconds": "float64", "ttft": "float64", "input_tokens": "Int64", "output_tokens": "Int64",
    "cost_usd": "float64",
}  # fmt: skip


def _facts(row: Row, value: Callable[[Answer], Any] | None) -> dict[str, Any]:
    answer, error = row.answer, row.error
    facts: dict[str, Any] = {"model": row.model, "answer": answer, "value": None, "error": None}
    if answer is not None:
        usage = answer.usage
        facts |= {
            name: getattr(answer, name) for name in ("seconds", "ttft", "stop_reason", "request_id", "source")
        }
        facts |= {"input_tokens": usage.total_input_tokens, "output_tokens": usage.get("output_tokens")}
        facts["cost_usd"] = None if answer.cost is None else float(answer.cost)
        if value is not None and error is None:
            try:
                facts["value"] = value(answer)
            except ClaudeError as failed:
                error = failed
    if error is not None:
        facts["error"] = told(error)
        facts["request_id"] = facts.get("request_id") or getattr(error, "request_id", None)
    return facts


def told(error: BaseException) -> str:
    """Return an error as one line."""
    return f"{type(error).__name__}: {error}" if isinstance(error, ClaudeError) else str(error)


class _Together(limits.Allowance):
    """What all models may cost together; none is ready before the worst case of every one is held."""

    closely = True  # else whether the second fits would depend on how roughly the first is held

    def __init__(self, limit: Decimal | None, number: int) -> None:
        super().__init__(limit)
        self._number, self._there = number, set[threading.Thread]()
        self._change = threading.Condition()
        self._refused: BaseException | None = None
        self.wanted: dict[int, Decimal | None] = {}

    def hold(self, name: int, amount: Decimal | None) -> None:
        """Hold as one alone does, and keep in mind what was asked for."""
        with self._change:
            self.wanted[name] = amount
        super().hold(name, amount)

    def arrive(self, refused: BaseException | None = None) -> None:
        """Say that this thread holds what it may take, or takes nothing any more."""
        with self._change:
            if refused is not None and not self.open:
                self._refused = refused
            self._there.add(threading.current_thread())
            self._change.notify_all()

    @property
    def open(self) -> bool:
        """Whether every model may be sent."""
        return self._refused is None and len(self._there) >= self._number

    def refusal(self, row: Row, number: int) -> BaseException:
        """Return why none of the models was asked: what they could cost, or one that does not fit."""
        made: Any = copy.copy(row.error)
        if number == 1:
            return made  # type: ignore[no-any-return]
        amounts = list(self.wanted.values())
        total = sum((a for a in amounts if a is not None), start=Decimal(0))
        if self.limit is not None and None not in amounts and total > self.limit:
            return limits.too_much(self.limit, total, f"The {number} models together", "them")
        made.message = f"{row.model}: {made.message}; none of the {number} models was asked"
        return made  # type: ignore[no-any-return]

    def ready(self) -> None:
        """Wait for the other models; raises why they are not sent."""
        self.arrive()
        with self._change:
            self._change.wait_for(lambda: self.open or self._refused is not None)
            if self._refused is not None:
                raise self._refused


class _Race:
    """Threads that ask at the same time, and what became of each so far."""

    def __init__(self, names: list[str], together: _Together, cutter: Cutter, watch: Progress | None) -> None:
        self.rows = [Row(name) for name in names]
        self.together, self.cutter, self.watch = together, cutter, watch
        self.stopped = False
        self._ended: SimpleQueue[tuple[int, Row]] = SimpleQueue()

    def run(self, ask: Callable[[str, _Ear], Answer]) -> None:
        """Ask all, and wait until each has ended or the reader interrupts."""
        left = len(self.rows)
        try:
            for n, row in enumerate(self.rows):
                run = contextvars.copy_context().run
                name = f"claude-magic compare {row.model}"
                threading.Thread(target=run, args=(self._one, n, ask), name=name, daemon=True).start()
            while left:
                left -= self._take(LOOK)
                if self.watch is not None:
                    self.watch.tick()
        except BaseException as error:
            self._stop(left)
            if not isinstance(error, KeyboardInterrupt):
                raise

    def _one(self, n: int, ask: Callable[[str, _Ear], Answer]) -> None:
        name = self.rows[n].model
        try:
            row = Row(name, ask(name, _Ear(n, name, self.cutter, self.watch)))
        except BaseException as error:  # an interrupt too: it is told by the thread that waits
            row = Row(name, getattr(error, "answer", None), error)
        self.together.arrive(row.error if isinstance(row.error, BudgetError) else None)
        self._ended.put((n, row))

    def _take(self, seconds: float) -> int:
        """Keep the end of one model, if one comes in time; return how many came."""
        try:
            n, row = self._ended.get(timeout=seconds)
        except Empty:
            return 0
        self.rows[n] = row
        if self.watch is not None:
            self.watch.done(n, row)
        return 1

    def _stop(self, left: int) -> None:
        self.stopped = True
        self.cutter.cut()
        self.together.arrive(Stopped())
        until = time.monotonic() + GRACE
        while left and (seconds := until - time.monotonic()) > 0:
            left -= self._take(seconds)
        ended = [row.answer is not None or row.error is not None for row in self.rows]
        self.rows = [
            r if end else Row(r.model, None, Stopped()) for r, end in zip(self.rows, ended, strict=True)
        ]


class _Ear:
    """What one model's call is told to; it stops the call when the others stop."""

    def __init__(self, n: int, name: str, cutter: Cutter, watch: Progress | None) -> None:
        self.n, self.name, self.cutter, self.watch = n, name, cutter, watch
        self.requested = None if n else getattr(watch, "requested", None)  # one request stands for all

    def text(self, piece: str) -> None:
        self.cutter.check()
        if self.watch is not None:
            self.watch.text(self.n, piece)

    def thinking(self, _: str) -> None:
        self.cutter.check()

    def waiting(self, seconds: float, why: str) -> None:
        self.cutter.check()
        if self.watch is not None:
            self.watch.waiting(self.n, seconds, why)

    def note(self, line: str) -> None:
        self.cutter.check()
        if self.watch is not None:
            self.watch.note(line if self.name in line else f"{self.name}: {line}")


def _judged(race: _Race) -> list[Row]:
    """Return the rows; raises where the reader stopped, a budget refused all, or no model answered."""
    errors = [row.error for row in race.rows if row.error is not None]
    failed: BaseException | None = None
    if race.stopped:
        failed = Stopped()
    elif len(errors) == len(race.rows) and not any(row.answer for row in race.rows):
        refused = next((row for row in race.rows if isinstance(row.error, BudgetError)), None)
        failed = errors[0] if refused is None else race.together.refusal(refused, len(errors))
    if failed is not None:
        failed.rows = race.rows  # type: ignore[attr-defined] # any exception may carry it
        raise failed from None
    return race.rows


def _upload(
    prompt: Any, attach: Sequence[Any], client: Client, watch: Progress | None, *, code: bool
) -> None:
    """Upload large files before all models at once would."""
    blocks = compose.blocks(prompt, attach, code=code)
    _, lines = uploads.sent([{"role": "user", "content": blocks}], client)
    if watch is not None:
        for line in lines:
            watch.note(line)


def _apart(thread: Thread) -> Thread:
    """Return a conversation that has said the same so far, and keeps to itself what follows."""
    made = copy.copy(thread)
    made.turns, made.container, made.kit = list(thread.turns), None, None
    return made
