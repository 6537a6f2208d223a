"""How is one question asked, paid for and remembered?

`ask` is the one place where a turn happens: settings, body, reservation, stream, ledger, thread, Answer.
Whatever becomes of a call, its reservation is settled with one ledger entry.
"""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from claude_magic import compose, ledger, limits, settings, wire
from claude_magic.call import Call
from claude_magic.current import client, session_id, source_of
from claude_magic.errors import APIError, BudgetError, Stopped
from claude_magic.thread import Thread, threads

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from decimal import Decimal
    from pathlib import Path

    from claude_magic.answer import Answer
    from claude_magic.call import Watch
    from claude_magic.client import Client
    from claude_magic.ledger import Ledger

COUNT_MARGIN = 1.1  # the service calls its count of tokens an estimate


class _How(NamedTuple):
    """How a turn is carried out, whatever it asks."""

    stream: bool
    max_cost: Any
    watch: Watch | None
    client: Client | None
    cell: str | None


def ask(
    prompt: compose.Prompt,
    *,
    model: str | None = None,
    system: str | None = None,
    thread: Thread | str | None = None,
    max_tokens: int | None = None,
    effort: str | None = None,
    think: bool | None = None,
    attach: Sequence[str | Path] = (),
    params: Mapping[str, Any] | None = None,
    stream: bool = True,
    max_cost: Decimal | float | str | None = None,
    watch: Watch | None = None,
    client: Client | None = None,
    cell: str | None = None,
) -> Answer:
    """Ask Claude and return the Answer; without a `thread` the question stands alone.

    `max_cost` is in USD. Raises ClaudeError, or Stopped when interrupted; the `.answer` of either has what
    arrived until then. A budget that the call could exceed is a BudgetError, and nothing is sent.
    """
    talk = threads.get(thread) if isinstance(thread, str) else thread or Thread()
    user = talk.ask(compose.blocks(prompt, attach))
    given = {"model": model, "max_tokens": max_tokens, "effort": effort, "think": think, "params": params}
    body = compose.request(talk, user, system=system, **given)
    return _turn(talk, user, body, _How(stream, max_cost, watch, client, cell))


def go_on(
    thread: Thread | str | None = None,
    *,
    model: str | None = None,
    stream: bool = True,
    max_cost: Decimal | float | str | None = None,
    watch: Watch | None = None,
    client: Client | None = None,
    cell: str | None = None,
    **given: Any,
) -> Answer:
    """Ask for the rest of an unfinished answer, by default of the same model; `given` is as for `ask`.

    Raises as `ask` does, and InputError where nothing is unfinished.
    """
    talk = thread if isinstance(thread, Thread) else threads.get(thread)
    user = talk.go_on()
    body = compose.request(talk, user, model=model or talk.turns[-1].model or None, **given)
    return _turn(talk, user, body, _How(stream, max_cost, watch, client, cell))


def _turn(thread: Thread, user: dict[str, Any] | None, body: dict[str, Any], how: _How) -> Answer:
    asked = how.client or client()
    if how.watch is not None:
        asked = asked.with_options(on_wait=how.watch.waiting)
        if note := getattr(how.watch, "note", None):
            for line in compose.notes(body):
                note(line)
    call = Call(body, asked, source_of(asked), len(thread) + 1, time.monotonic())
    call.go_on = threads.continue_words(thread)
    threads.asked = thread
    books = ledger.shared()
    try:
        _reserve(books, call, how)
        call.run(how.watch, stream=how.stream)
    except BaseException as error:
        call.error = error
    with _to_the_end() as late:
        if call.error is not None:
            call.fail(call.error)
        answer = call.answer()
        _settle(books, call, None if call.unsent else call.entry(answer, thread.name, how.cell))
        if answer is not None:
            thread.add(user, answer.message, answer.stop_reason)
            thread.last = answer
    if late and call.error is None:
        call.error = Stopped()
        call.error.answer = answer
    if call.error is not None:
        raise call.error from None
    return cast("Answer", answer)


@contextlib.contextmanager
def _to_the_end() -> Iterator[list[Any]]:
    """Hold interrupts back while books are kept, so that no paid answer is lost; yield those that came."""
    late: list[Any] = []
    if threading.current_thread() is not threading.main_thread():
        yield late
        return
    before = signal.signal(signal.SIGINT, lambda *told: late.append(told))
    try:
        yield late
    finally:
        signal.signal(signal.SIGINT, before or signal.default_int_handler)


def _reserve(books: Ledger, call: Call, how: _How) -> None:
    """Hold the worst case (M7); where a rough bound does not fit, have the service count before refusing."""
    budgets = limits.Budgets(
        settings.option("session_budget").value,
        settings.option("day_budget").value,
        settings.option("max_cost", how.max_cost).value,
    )
    worst = limits.worst_case_of(call.body)
    try:
        _hold(books, call, worst, budgets)
    except BudgetError:
        closer = None if worst is None else _closer(call)
        if closer is None or worst is None or closer >= worst:
            raise
        _hold(books, call, closer, budgets)


def _hold(books: Ledger, call: Call, most: Decimal | None, budgets: limits.Budgets) -> None:
    with _to_the_end() as late:
        call.reservation = books.reserve(most, budgets, session=session_id(), source=call.source)
    if late:
        raise KeyboardInterrupt


def _closer(call: Call) -> Decimal | None:
    body = call.body
    try:
        counted = call.client.messages.count_tokens(**compose.countable(body))["input_tokens"]
    except APIError:
        return None
    return limits.worst_case(
        body["model"],
        int(counted * COUNT_MARGIN) + 1,
        body["max_tokens"],
        fast=body.get("speed") == "fast",
        cache="1h" if b'"cache_control"' in wire.encode(body) else None,
        geo=body.get("inference_geo"),
    )


def _settle(books: Ledger, call: Call, entry: ledger.Entry | None) -> None:
    reservation = call.reservation
    if reservation is None:
        return  # it was refused
    if entry is not None and limits.BUCKETS.get(entry.source, entry.source) == reservation.bucket:
        books.settle(reservation, entry)
        return
    books.release(reservation)  # nothing was sent, or what seemed live turned out to be practice
    if entry is not None:
        books.record(entry)
