"""How is one question asked, paid for and remembered?

`ask` is the one place where a turn happens: settings, body, reservation, stream, ledger, thread, Answer.
Whatever becomes of a send, its reservation is settled with one ledger entry. Where the service pauses a long
run of code, the turn goes on by itself, with a send and an entry of its own each time.
"""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from claude_magic import compose, ledger, limits, making, settings, uploads, wire
from claude_magic.call import Call
from claude_magic.current import client, session_id, source_of
from claude_magic.errors import APIError, BadRequestError, BudgetError, NotFoundError, Stopped
from claude_magic.thread import Thread, threads

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from decimal import Decimal
    from pathlib import Path

    from claude_magic.answer import Answer
    from claude_magic.call import Watch
    from claude_magic.client import Client
    from claude_magic.ledger import Ledger
    from claude_magic.making import Skill

COUNT_MARGIN = 1.1  # the service calls its count of tokens an estimate
MOST_SENDS = 10  # of one turn, where the service pauses: each is up to ten rounds of code
CODE_HAS_NO_MOST = (
    "Code at the service may call the model again and again: ask without --skill in a new conversation, "
    "or lift the budget: %claude budget off."
)


class _How(NamedTuple):
    """How a turn is carried out, whatever it asks."""

    stream: bool
    max_cost: Any
    watch: Watch | None
    client: Client | None
    cell: str | None

    def client_or_current(self) -> Client:
        """Return the client given, or the session's; raises ConfigError where there is no key."""
        return self.client or client()


def ask(
    prompt: compose.Prompt,
    *,
    model: str | None = None,
    system: str | None = None,
    thread: Thread | str | None = None,
    max_tokens: int | None = None,
    effort: str | None = None,
    think: bool | None = None,
    attach: Sequence[str | Path | Mapping[str, Any]] = (),
    skills: Sequence[str] | str = (),
    params: Mapping[str, Any] | None = None,
    stream: bool = True,
    max_cost: Decimal | float | str | None = None,
    watch: Watch | None = None,
    client: Client | None = None,
    cell: str | None = None,
) -> Answer:
    """Ask Claude and return the Answer; without a `thread` the question stands alone.

    `skills` are names such as "xlsx", ids or names of your own; what they make is in the answer's `.files`.
    `attach` takes paths, and ids or metadata of uploaded files. `max_cost` is in USD. Raises ClaudeError, or
    Stopped when interrupted; the `.answer` of either has what arrived until then. A budget that the call
    could exceed is a BudgetError, and nothing is sent.
    """
    talk = threads.get(thread) if isinstance(thread, str) else thread or Thread()
    how = _How(stream, max_cost, watch, client, cell)
    wanted = making.skills(skills, how.client_or_current, talk.skills)
    user = talk.ask(compose.blocks(prompt, attach, code=bool(wanted)))
    given = {"model": model, "max_tokens": max_tokens, "effort": effort, "think": think, "params": params}
    body = compose.request(talk, user, system=system, room=making.room(wanted, talk.container), **given)
    return _Turn(talk, user, body, how, wanted).run()


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
    room = making.room(talk.skills, talk.container)
    body = compose.request(talk, user, model=model or talk.turns[-1].model or None, room=room, **given)
    return _Turn(talk, user, body, _How(stream, max_cost, watch, client, cell), talk.skills).run()


class _Turn:
    """One question and its answer, in as many sends as the service's pauses make of it."""

    def __init__(
        self,
        thread: Thread,
        user: dict[str, Any] | None,
        body: dict[str, Any],
        how: _How,
        skills: Sequence[Skill],
    ) -> None:
        self.thread, self.user, self.body, self.how, self.skills = thread, user, body, how, list(skills)
        self.messages, self.client = body["messages"], how.client_or_current()
        self.number, self.go_on = len(thread) + 1, threads.continue_words(thread)
        self.answer: Answer | None = None

    def run(self) -> Answer:
        """Send until the service has said all; raises as `ask` does."""
        asked, watch = self.client, self.how.watch
        if watch is not None:
            asked = asked.with_options(on_wait=watch.waiting)
            self._tell(compose.notes(self.body))
        threads.asked = self.thread
        for n in range(MOST_SENDS):
            call = Call(self.body, asked, source_of(asked), self.number, time.monotonic(), go_on=self.go_on)
            if before := self.answer:
                call.spoken, call.gap = True, before.message["content"][-1].get("type") != "text"
            self._send(call, first=not n)
            if call.error is not None:
                self._doubt(call.error)
                raise call.error from None
            answer = cast("Answer", self.answer)
            if answer.stop_reason != "pause_turn":
                break
            self.body = self._carried_on(answer)
        return self._with_files(answer)

    def _send(self, call: Call, *, first: bool) -> None:
        """Carry a call out, and keep books and thread whatever becomes of it."""
        books = ledger.shared()
        try:
            _reserve(books, call, self.how)
            if first:
                self._upload()
            call.run(self.how.watch, stream=self.how.stream)
        except BaseException as error:
            call.error = error
        with _to_the_end() as late:
            if call.error is not None:
                call.fail(call.error)
            part = call.answer()
            _settle(books, call, None if call.unsent else call.entry(part, self.thread.name, self.how.cell))
            if part is not None:
                self._keep(part)
        if late and call.error is None:
            call.error = Stopped()
        if call.error is not None and self.answer is not None:
            call.error.answer = self.answer  # type: ignore[attr-defined] # any exception may carry it

    def _upload(self) -> None:
        """Put the ids of files into the body in the place of what waits for them."""
        messages, lines = uploads.sent(self.messages, self.client)
        if self.user is not None and self.messages[-1:] == [self.user]:
            self.user = messages[-1]
        self.body["messages"] = self.messages = messages
        self._tell(lines)

    def _keep(self, part: Answer) -> None:
        """Take a part of the answer into the thread, where nothing or a paused turn is before it."""
        before, thread = self.answer, self.thread
        self.answer = answer = part if before is None else before.and_then(part)
        if before is None:
            thread.add(self.user, answer.message, answer.stop_reason)
        elif part.stop_reason not in ("stopped", "error") or part.strip():
            thread.grow(answer.message, answer.stop_reason)
        thread.last, thread.skills = answer, self.skills
        if container := answer.message.get("container"):
            thread.container = wire.plain(container)

    def _carried_on(self, answer: Answer) -> dict[str, Any]:
        """Return the body that goes on after a pause: with all that was answered, in the same container."""
        said = {"role": "assistant", "content": wire.plain(answer.message["content"])}
        body = {**self.body, "messages": [*self.messages, said]}
        if container := answer.message.get("container"):
            asked = self.body.get("container")
            body["container"] = {**(asked if isinstance(asked, dict) else {}), "id": container["id"]}
        return body

    def _doubt(self, error: BaseException) -> None:
        """Have the next question look again for files and a container that the service does not find."""
        if isinstance(error, NotFoundError | BadRequestError):
            uploads.forget()
            if self.thread.container and "container" in error.message.lower():
                self.thread.container = None
                error.hint = "Run the cell again: it gets a new container, without the files of the old one."

    def _with_files(self, answer: Answer) -> Answer:
        """Say of each file that was made what the service knows."""
        if answer.files:
            try:
                answer.files = making.files(answer.message, self.client)
            except KeyboardInterrupt:
                stopped = Stopped()
                stopped.answer = answer
                raise stopped from None
        return answer

    def _tell(self, lines: Sequence[str]) -> None:
        if note := getattr(self.how.watch, "note", None):
            for line in lines:
                note(line)


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
    except BudgetError as error:
        closer = None if worst is None else _closer(call)
        if worst is None and call.body.get("container"):
            error.hint = CODE_HAS_NO_MOST
        if closer is None or worst is None or closer >= worst:
            raise
        _hold(books, call, closer, budgets)


def _hold(books: Ledger, call: Call, most: Decimal | None, budgets: limits.Budgets) -> None:
    with _to_the_end() as late:
        call.reservation = books.reserve(most, budgets, session=session_id(), source=call.source)
    if late:
        raise KeyboardInterrupt


def _closer(call: Call) -> Decimal | None:
    body = {**call.body, "messages": uploads.unsent(call.body["messages"])}
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
