"""How is a question carried out, in as many sends as it takes?

Whatever becomes of a send, its reservation is settled with one ledger entry. Where the service pauses a long
run of code, where Claude calls tools, and where an answer does not fit and is asked for once more, there are
several. What is said in between is in the thread at every moment.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from claude_magic import ledger, schema, wire
from claude_magic.errors import BadRequestError, NotFoundError, Stopped
from claude_magic.talk import caching, compose, current, forms, history, holding, making, replaying, uploads
from claude_magic.talk.call import Call
from claude_magic.talk.thread import threads
from claude_magic.tools import loop

if TYPE_CHECKING:
    from collections.abc import Sequence

    from claude_magic.api.client import Client
    from claude_magic.talk.answer import Answer
    from claude_magic.talk.call import Watch
    from claude_magic.talk.forms import Form
    from claude_magic.talk.question import Question
    from claude_magic.talk.thread import Thread
    from claude_magic.wire import Message

MOST_SENDS = 10  # of one turn, where the service pauses: each is up to ten rounds of code
LIMITS = (loop.MAX_STEPS, loop.MAX_SECONDS)


class How(NamedTuple):
    """How a question is carried out, whatever it asks; `talks` says whether others will follow it."""

    stream: bool = True
    max_cost: Any = None
    watch: Watch | None = None
    client: Client | None = None
    cell: str | None = None
    replay: str | None = None
    talks: bool = False

    def client_or_current(self) -> Client:
        """Return the client given, or the session's; raises ConfigError where there is no key."""
        if self.client is None:
            return current.client(self.replay)
        return replaying.replay(self.client, self.replay) if self.replay else self.client


class Sending:
    """One question and its answer, and the thread they go into."""

    def __init__(self, thread: Thread, question: Question, how: How) -> None:
        self.thread, self.question, self.how = thread, question, how
        self.body, self.messages = question.body, list(question.body["messages"])
        asks = [] if question.user is None else [question.user]
        self.lead = asks if self.messages[-1:] != asks else []  # in front of the messages of this turn
        self.first = len(self.messages) - (not self.lead and bool(asks))  # of them
        self.client = self.uploader = how.client_or_current()  # the one that others will ask with too
        self.before, self.go_on = len(thread), threads.continue_words(thread)
        self.answer: Answer | None = None
        self.allowed = holding.allowance(how.max_cost)

    def run(self) -> Answer:
        """Send until all is said, and read the answer; raises as `chat.ask` does."""
        if self.how.watch is not None:
            self.client = self.client.with_options(on_wait=self.how.watch.waiting)
        self._tell([*self.question.notes, *history.notes(self.thread, self.body)])
        threads.asked = self.thread
        if self.question.toolbox and hasattr(self.how.watch, "called"):
            self.question.toolbox.watch = cast("Any", self.how.watch)
        answer = self._to_its_end()
        if self.question.form:
            answer = self._as_asked(answer, self.question.form)
        return self._with_files(answer)

    def _to_its_end(self) -> Answer:
        """Send, and send the results of tools, until an answer asks for none."""
        toolbox, ended = self.question.toolbox, ""
        most = self.question.max_steps if toolbox else MOST_SENDS
        try:
            for step in loop.steps(self._ask, self.messages, toolbox, max_steps=most):
                ended = step.ended
                if self.answer is not None and toolbox:
                    self.answer.calls = list(toolbox.calls)
        except BaseException as error:
            raise self._broken_off(error) from None
        answer = cast("Answer", self.answer)
        if ended in LIMITS and answer.stop_reason != "pause_turn":
            self._ended(ended)
        return answer

    def _broken_off(self, error: BaseException) -> BaseException:
        """Return the error with what was answered before it; in the thread the turn is not at its end."""
        toolbox, answer = self.question.toolbox, self.answer
        if answer is None:
            return error
        if toolbox:
            answer.calls = list(toolbox.calls)
        if isinstance(error, KeyboardInterrupt) and not isinstance(error, Stopped):
            error = Stopped(f"Stopped; type {self.go_on} to go on" if self.go_on else "Stopped")
        if answer.stop_reason not in ("pause_turn", "stopped", "error"):
            self._ended("stopped" if isinstance(error, KeyboardInterrupt) else "error")
        error.answer = answer  # type: ignore[attr-defined] # any exception may carry it
        return error

    def _ended(self, reason: str) -> None:
        cast("Answer", self.answer).stop_reason = reason
        if len(self.thread) > self.before:
            self.thread.end(self.messages, reason)

    def _as_asked(self, answer: Answer, form: Form) -> Answer:
        """Return an answer with its value, asked for once more where it does not fit; raises AnswerError."""
        try:
            return self._read(answer, form)
        except ValueError as error:
            why = error
        said = {"type": "text", "text": schema.describe(form.shape, why, answer.message.text)}
        self._tell([f"The answer did not fit and is asked for once more: {form.unfit(answer, why).message}"])
        self.messages.append({"role": "user", "content": [said]})
        if self.body.get("tools"):
            self.body = {**self.body, "tool_choice": {"type": "none"}}
        self.answer = None
        try:
            self._ask(self.messages)
        except BaseException as error:
            if getattr(error, "answer", None) is None:
                error.answer = answer  # type: ignore[attr-defined]
            raise
        mended = answer.and_then(cast("Answer", self.answer), text=str(self.answer))
        self.answer = self.thread.last = mended
        try:
            return self._read(mended, form)
        except ValueError as error:
            raise form.unfit(mended, error) from None

    def _read(self, answer: Answer, form: Form) -> Answer:
        if answer.stop_reason in forms.UNCHECKED:
            raise form.unfit(answer)
        self.answer = answer.as_read(form.read(answer))
        if self.thread.last is answer:
            self.thread.last = self.answer
        return self.answer

    # ---- one send ------------------------------------------------------------------------------------------

    def _ask(self, messages: list[dict[str, Any]]) -> Message:
        """Send the messages so far, and return what is answered to them."""
        body = self._marked(messages)
        asked, number = self.client, self.before + 1
        call = Call(body, asked, current.source_of(asked), number, time.monotonic(), go_on=self.go_on)
        if before := self.answer:
            paused = before.message.get("stop_reason") == "pause_turn"
            call.spoken = True
            call.gap = not paused or before.message["content"][-1].get("type") != "text"
        self._send(call)
        if call.error is not None:
            self._doubt(call.error)
            raise call.error from None
        return cast("Message", call.message)

    def _send(self, call: Call) -> None:
        """Carry a call out, and keep books and thread whatever becomes of it."""
        books = ledger.shared()
        try:
            holding.reserve(books, call, self.allowed)
            if self.answer is None:
                self._upload(call)
            if requested := getattr(self.how.watch, "requested", None):
                requested(call.body)
            call.run(self.how.watch, stream=self.how.stream)
        except BaseException as error:
            call.error = error
        with holding.to_the_end() as late:
            if call.error is not None:
                call.fail(call.error)
            part = call.answer()
            entry = None if call.unsent else call.entry(part, self.thread.name, self.how.cell)
            holding.settle(books, call, self.allowed, entry)
            if part is not None:
                self._keep(part)
        if late and call.error is None:
            call.error = Stopped()
        if call.error is not None and self.answer is not None:
            call.error.answer = self.answer  # type: ignore[attr-defined] # any exception may carry it

    def _upload(self, call: Call) -> None:
        """Put the ids of files into the messages in the place of what waits for them."""
        messages, lines = uploads.sent(self.messages, self.uploader)
        if messages != self.messages:
            self.messages[:], call.body = messages, self._marked(messages)
        self._tell(lines)

    def _marked(self, messages: list[dict[str, Any]]) -> dict[str, Any]:
        """Return the body that sends these messages: in the container of those before, with cache marks."""
        body = {**self.body, "messages": list(messages)}
        if container := self.answer and self.answer.message.get("container"):
            asked = self.body.get("container")
            body["container"] = {**(asked if isinstance(asked, dict) else {}), "id": container["id"]}
        calls = bool(self.question.toolbox and self.question.toolbox.names)
        talks = self.how.talks
        return caching.marked(body, self.question.cache, compose.estimate, talks=talks, calls=calls)

    def _keep(self, part: Answer) -> None:
        """Take a part of the answer into the thread, where nothing or a part is before it."""
        thread, before = self.thread, self.answer
        self.answer = answer = part if before is None else before.and_then(part)
        paused = self.messages[-1:] and self.messages[-1]["role"] == "assistant"
        if not (paused and part.stop_reason in ("stopped", "error") and not part.strip()):
            own = [*self.lead, *self.messages[self.first :]]
            form = self.question.form.shape.name if self.question.form else ""
            thread.keep(self.before, own, part.message, part.stop_reason, body=self.question.body, form=form)
        thread.last, thread.skills, thread.kit = answer, self.question.skills, self.question.kit
        if container := answer.message.get("container"):
            thread.container = wire.plain(container)
        self._tell([line] if (line := history.told(part.message)) else [])

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
                answer.files = making.files(answer.whole, self.client)
            except KeyboardInterrupt:
                stopped = Stopped()
                stopped.answer = answer
                raise stopped from None
        return answer

    def _tell(self, lines: Sequence[str]) -> None:
        if note := getattr(self.how.watch, "note", None):
            for line in lines:
                note(line)
