"""How does one talk with Claude without typing magics?

The conversation is an output, which stays; below it grows the answer that is coming, and the controls ask.
A question is asked in a thread of its own, so that Stop, and every other button, is heard meanwhile.
"""

from __future__ import annotations

import threading
from contextvars import copy_context
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, NamedTuple

from claude_magic import settings
from claude_magic.errors import ClaudeError, InputError, Stopped, printable
from claude_magic.looks import markup
from claude_magic.show import showing
from claude_magic.talk import current, stopping
from claude_magic.talk.answer import HINTS
from claude_magic.talk.chat import Chat, ask
from claude_magic.ui import controls, styles
from claude_magic.ui.desk import Desk
from claude_magic.ui.growing import NOBODY, Growing, asked
from claude_magic.ui.paper import Paper, Sheet, is_watched

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from claude_magic.talk.answer import Answer
    from claude_magic.talk.thread import Thread, Turn

WAIT_S = 5.0  # for a stopped answer to end
STOPPED = "Stopped."
TICK_S = 1.0  # between two drawings of the clock


ENDS = {
    # why an answer stopped before its end -> what is said below it
    "max_tokens": "The answer is cut at max_tokens; ask for the rest, or for a shorter one.",
    "model_context_window_exceeded": "The context window is full; press New to begin afresh.",
    "pause_turn": "The service paused; ask it to go on.",
    "max_steps": "The limit of steps is reached; ask it to go on.",
    "max_seconds": "The time for calls of tools is over; ask it to go on.",
    "refusal": HINTS["refusal"],
    "stopped": "[stopped]",
    "error": "[broken off]",
}


class Said(NamedTuple):
    """A question and its answer, as they are shown; `turn` is None where the conversation has them not."""

    question: str
    attached: str
    html: str
    text: str
    turn: Turn | None


class ChatPanel:
    """A conversation with its controls; `chat` is the Chat behind it, `last` the newest Answer.

    >>> panel = ui.chat(system="Answer in French.")
    >>> panel.send("What is an index?")
    """

    def __init__(self, thread: Thread | str | None = None, **given: Any) -> None:
        if given.get("compare"):
            hint = 'Type claude_magic.ask("…", compare=[…]), which returns a table.'
            raise InputError("A chat panel asks one model", hint=hint)
        self.chat = Chat(thread, **given)
        if self.chat.given.get("approve") is True:
            self.chat.given["approve"] = self._approve
        self.said = [_said(turn) for turn in self.chat.thread.turns]
        self.error = ""
        self.paper, self.draft = Paper(self._conversation), Paper(self._draft)
        self._growing: Growing | None = None
        self._thread: threading.Thread | None = None
        self._desk: Desk | None = None

    @property
    def last(self) -> Answer | None:
        """The newest Answer."""
        return self.chat.last

    @property
    def model(self) -> str:
        """The model that is asked."""
        return str(settings.model(self.chat.given.get("model")).value)

    @property
    def busy(self) -> bool:
        """Whether an answer is coming."""
        return self._growing is not None

    @property
    def asking(self) -> bool:
        """Whether a tool waits for a press of Run it or Refuse."""
        growing = self._growing  # another thread takes it away
        return bool(growing and growing.asked)

    def send(self, question: str, attach: Sequence[str | Path] = (), *, wait: bool | None = None) -> None:
        """Ask; `wait` for the answer, by default where nobody watches it come.

        What goes wrong is shown, and in `.error`. Raises InputError while another answer is coming.
        """
        if self.busy:
            raise InputError("An answer is still coming", hint="Stop it first: .stop(), or .wait() for it.")
        names = ", ".join(PurePath(path).name for path in attach)
        self.error, self._growing = "", Growing(question, names, self._news)
        call = (self._carry_out, self._growing, attach)
        self._thread = threading.Thread(target=copy_context().run, args=call, daemon=True)
        self._changed()
        self._thread.start()
        if wait or (wait is None and not is_watched()):
            self.wait()

    def wait(self, timeout: float | None = None) -> None:
        """Wait until the answer is there, at most for `timeout` seconds; an interrupt stops it."""
        if self._thread is None:
            return
        try:
            self._thread.join(timeout)
        except KeyboardInterrupt:
            self.stop()
            self._thread.join(WAIT_S)
            raise Stopped from None

    def stop(self) -> None:
        """End the answer that is coming; what arrived is kept."""
        if (growing := self._growing) is not None:
            growing.stop()
            self.draft.soon()

    def reply(self, *, yes: bool) -> None:
        """Say whether the tool that waits may run."""
        if (growing := self._growing) is not None:
            growing.reply(yes=yes)

    def undo(self) -> None:
        """Take back the last question and its answer."""
        self.error = ""
        self._follow()
        try:
            if not self.said or self.said[-1].turn is not None:
                self.chat.undo()
            del self.said[-1:]
        except ClaudeError as error:
            self.error = _words(error)
        self._changed()

    def clear(self) -> None:
        """Begin the conversation anew."""
        self.chat.thread.reset()
        self.said.clear()
        self.error = ""
        self._changed()

    # ---- in a thread ---------------------------------------------------------------------------------------

    def _carry_out(self, growing: Growing, attach: Sequence[str | Path]) -> None:
        turns = len(self.chat)
        try:
            self._keep(growing, self._answer(growing, attach), turns)
        except (ClaudeError, KeyboardInterrupt) as error:
            self.error = STOPPED if isinstance(error, KeyboardInterrupt) else _words(error)
            part: Answer | None = getattr(error, "answer", None)
            if part is not None and len(self.chat) > turns:
                self._keep(growing, part, turns, "stopped" if self.error == STOPPED else "error")
            elif self._desk:
                self._desk.put_back(growing.question)
        except Exception as error:  # nobody would hear of it
            self.error = f"{type(error).__name__}: {error}"
        finally:
            self._growing = None
            self._changed()

    def _answer(self, growing: Growing, attach: Sequence[str | Path]) -> Answer:
        client = self.chat.client or current.client(self.chat.given.get("replay"))
        growing.badge = showing.badge(current.source_of(client))
        given = {**self.chat.given, **({"attach": [*attach]} if attach else {})}
        with stopping.stoppable(client) as (own, growing.cutter):
            if growing.stopped:
                raise Stopped
            return ask(growing.question, thread=self.chat.thread, client=own, watch=growing, **given)

    def _keep(self, growing: Growing, answer: Answer, turns: int, reason: str = "") -> None:
        found, note = showing.bundle(answer), ENDS.get(reason or answer.stop_reason or "", "")
        page, words = found["text/html"] + styles.quiet(note), f"{found['text/plain']}\n{note}".rstrip()
        turn = self.chat.thread.turns[-1] if len(self.chat) > turns else None
        self.said.append(Said(growing.question, growing.attached, page, words, turn))

    def _approve(self, name: str, arguments: dict[str, Any]) -> bool | str:
        growing = self._growing
        return NOBODY if growing is None or self._desk is None else growing.approve(name, arguments)

    def _follow(self) -> None:
        """Show the turns of the conversation, to which other cells may have added, or taken from it."""
        kept = {id(one.turn): one for one in self.said if one.turn is not None}
        turns = self.chat.thread.turns
        if [*kept] != [id(turn) for turn in turns]:
            self.said = [kept.get(id(turn)) or _said(turn) for turn in turns]

    def _news(self) -> None:
        if self._desk:
            self._desk.follow()
        self.draft.soon()

    def _changed(self) -> None:
        self._follow()
        if self._desk:
            self._desk.follow()
        self.paper.now()
        self.draft.now()

    # ---- what is shown -------------------------------------------------------------------------------------

    def _ipython_display_(self) -> None:
        if not self.busy:
            self._follow()
        self.paper.show()
        if is_watched():
            self._desk = self._desk or Desk(self)
            self.draft.show()
            controls.shown(self._desk.panel)

    def __repr__(self) -> str:
        return self._conversation().text

    def _conversation(self) -> Sheet:
        if not self.said:
            line = f"A conversation with {self.model}.{'' if self.busy else ' Nothing is asked yet.'}"
            return Sheet(styles.box(styles.quiet(line), label="Conversation"), line)
        parts = (f"{asked(said.question, said.attached)}{said.html}" for said in self.said)
        texts = (f"You: {said.question}\n\n{said.text}" for said in self.said)
        return Sheet(styles.box("".join(parts), label="Conversation"), "\n\n".join(texts))

    def _draft(self) -> Sheet:
        if (growing := self._growing) is not None:
            self.draft.soon(TICK_S)
            return growing.sheet()
        words = printable(self.error)
        return Sheet(styles.box(f'<div role="alert">{styles.text(words)}</div>') if words else "", words)


def chat(thread: Thread | str | None = None, **given: Any) -> ChatPanel:
    """Return a chat panel; `thread` is a conversation or its name, `given` as for `claude_magic.Chat`."""
    return ChatPanel(thread, **given)


def _said(turn: Turn) -> Said:
    """Return a turn that was asked elsewhere."""
    note = ENDS.get(turn.stop_reason or "", "")
    page = markup.answer_html(turn.answer, "markdown") + styles.quiet(note)
    return Said(turn.question, "", page, f"{turn.answer}\n{note}".rstrip(), turn)


def _words(error: ClaudeError) -> str:
    return f"{error.message}. {error.hint or ''}".strip()
