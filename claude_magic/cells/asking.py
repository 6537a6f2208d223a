"""How does a cell's question reach Claude, and its answer the screen, a name and the next cell?"""

from __future__ import annotations

import contextlib
import functools
import re
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any

from claude_magic import settings
from claude_magic.cells import meaning
from claude_magic.errors import AnswerError, ClaudeError, InputError, Stopped, printable
from claude_magic.grammar.cell import Ask
from claude_magic.looks import watched
from claude_magic.money.dryrun import dry_run
from claude_magic.prompts import citing, prompt
from claude_magic.prompts.references import ONE
from claude_magic.protocol import catalog
from claude_magic.repair import failing
from claude_magic.show import display, made, nextcell, requestview, showing, sidebyside, toolcalls, typed
from claude_magic.talk import chat, compare, current, history
from claude_magic.talk.answer import Answer
from claude_magic.talk.thread import Thread, threads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import pandas as pd

    from claude_magic.prompts.prompt import Rendered

ASKED_FOR = {  # what a format adds to the question, as the model does not know where its answer goes
    "json": "Answer with JSON only.",
    "df": "Answer with a JSON array of objects, one for each row, and nothing else.",
    "code": "Write the answer as one fenced code block.",
    "html": "Answer with HTML only, in one fenced code block.",
}
# fmt: off
KEYWORDS = (
    "model", "max_tokens", "effort", "think", "system", "skills", "tools", "max_steps", "approve", "returns",
    "choices", "citations", "history_tokens", "compact", "cache", "replay", "params",
)
# fmt: on
"""The fields of `Ask` that are keywords of `chat.ask` too."""
GOING_ON = ("model", "max_tokens", "effort", "think", "params", "cache", "replay", "max_steps", "max_cost")
"""The fields of `Ask` that are keywords of `chat.go_on` too."""
VALUES: dict[str, Callable[[Answer], Any]] = {"json": Answer.json, "df": Answer.df}  # what -o NAME binds


def ask(
    shell: Any, asked: Ask, *, rendered: Rendered | None = None, text: Callable[[Answer], str] = str
) -> Answer | pd.DataFrame:
    """Ask what a cell or line asks, show it, bind it; raises ClaudeError, or Stopped when interrupted.

    `rendered` is asked in the place of the prompt, and `text` gives what of the answer is shown at rest.
    """
    with _conversation(asked) as thread:
        code = bool(asked.skills or (thread and thread.skills))
        rendered = rendered or render(shell, asked.prompt, asked, code=code)
        rendered = rendered._replace(hints=[*rendered.hints, *unread(asked.system, visible(shell))])
        blocks = [*rendered.blocks, *_form(asked)]
        given: dict[str, Any] = {"thread": thread, **keywords(asked, visible(shell))}
        if asked.dry_run:
            return _dry_run(rendered, blocks, given, asked)
        if asked.compare:
            return _compared(shell, asked, rendered, blocks, given)
        turn = _Turn(shell, asked, rendered, thread.name if thread else "", text)
        return turn.run(lambda **how: chat.ask(blocks, **given, max_cost=asked.max_cost, **how))


def keywords(asked: Ask, names: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a cell says of the call itself, as keywords of `chat.ask`; raises InputError.

    Names of tools and types mean what is in `names`, the notebook's.
    """
    given = {name: value for name in KEYWORDS if (value := getattr(asked, name)) not in (None, [], {})}
    return meaning.meant(given, names)


def go_on(shell: Any, thread: Thread, asked: Ask | None = None) -> Answer:
    """Go on with the unfinished answer of a conversation, as `ask` does with a question."""
    asked = asked or Ask("")
    given = {name: value for name in GOING_ON if (value := getattr(asked, name)) not in (None, {})}
    turn = _Turn(shell, asked, prompt.Rendered([], "", [], {}), thread.name)
    return turn.run(lambda **how: chat.go_on(thread, **given, **how))


def render(shell: Any, text: str, asked: Ask | None = None, *, code: bool = False) -> Rendered:
    """Return a text as content blocks, with the notebook's values in it; raises InputError.

    `code` says that there is code that can read any file.
    """
    names = visible(shell)
    if asked is None:
        return prompt.render(text, names)
    return prompt.render(
        text,
        names,
        raw=asked.raw,
        attach=asked.attach,
        inputs=[asked.inp] if asked.inp else [],
        code=code,
        citations=bool(asked.citations),
        tier=_tier(asked),
    )


def unread(system: str | None, names: Mapping[str, Any]) -> list[str]:
    """Return a note where a system prompt names variables: only a question has values."""
    named = [ref for ref in ONE.findall(system or "") if re.split(r"[.\[:]", ref)[0] in names]
    written = ", ".join(f"{{{ref}}}" for ref in dict.fromkeys(named))
    return [f"Sent as written: {written} (in a system prompt; values go into a question)"] if named else []


def _tier(asked: Ask) -> str | None:
    """Return how large pictures may be for the model that is asked."""
    model = catalog.find(settings.model(asked.params.get("model") or asked.model).value)
    return model.image_tier if model else None


def visible(shell: Any) -> dict[str, Any]:
    """Return the notebook's variables a prompt may name: not what IPython put there, but for In and Out."""
    hidden, names = shell.user_ns_hidden, shell.user_ns
    return failing.named(shell) | {
        k: v for k, v in names.items() if k in ("In", "Out", "_") or k not in hidden or hidden[k] is not v
    }


@dataclass
class _Turn:
    """One question of a cell, from the call to what the reader has of it."""

    shell: Any
    asked: Ask
    rendered: Rendered
    thread: str
    text: Callable[[Answer], str] = str

    def run(self, call: Callable[..., Answer]) -> Answer:
        """Make the call, show and bind its answer; what broke off stays on screen and in `_claude`."""
        client = current.client(self.asked.replay)  # raises, when there is no key, before anything is shown
        asked, format = self.asked, _format(self.asked)
        stream = asked.stream and bool(settings.option("stream").value)
        go = functools.partial(call, client=client, stream=stream, cell=watched.cell_number(self.shell))
        if asked.quiet:
            answer = self._kept(go, None)
            value = _value(answer, format)
        else:
            for hint in self.rendered.hints:
                showing.note(hint)
            with showing.Watch(format=format, badge=showing.badge(current.source_of(client))) as view:
                if asked.show_request:
                    view.requested = requestview.Viewer(self.rendered)
                answer = self._kept(go, view)
                value = self._finish(view, answer, format)
        answer.shown_in = self.shell.execution_count
        if asked.out:
            if isinstance(self.shell.user_ns.get(asked.out), ModuleType):
                showing.note(
                    f"{asked.out} was a module and is the answer now; import it again to have it back"
                )
            self.shell.user_ns[asked.out] = value
        if format == "code" and (told := nextcell.put(self.shell, answer)) and not asked.quiet:
            showing.note(told)
        return answer

    def _kept(self, go: Callable[..., Answer], view: display.View | None) -> Answer:
        """Return the answer, in `_claude` already; on a failure, what had arrived is there, and on screen."""
        try:
            answer = go(watch=view)
        except BaseException as error:
            partial = getattr(error, "answer", None)
            if isinstance(partial, Answer):
                self.shell.user_ns["_claude"] = partial
                if isinstance(error, ClaudeError) and error.hint:
                    error.hint = error.hint.replace("error.partial", "_claude")
                partial.shown_in = self.shell.execution_count
                if view is not None:
                    view.badge = showing.mark(partial)
                    whole = view.finish if isinstance(error, AnswerError) else view.failed
                    end = view.stopped if isinstance(error, Stopped) else whole
                    facts: dict[str, Any] = {"metadata": self.facts(partial), "calls": toolcalls.of(partial)}
                    end(str(partial), readout=self._line(partial), **facts)
                    made.show(partial)
            raise
        self.shell.user_ns["_claude"] = answer
        return answer

    def _finish(self, view: display.View, answer: Answer, format: str) -> Any:
        """Show the answer at rest and return its value; a frame is shown as one."""
        view.badge = showing.mark(answer)  # a practice server on a port says so only in its answer
        readout, metadata = self._line(answer), self.facts(answer)
        end = functools.partial(
            view.finish,
            readout=readout,
            metadata=metadata,
            thinking=answer.thinking,
            calls=toolcalls.of(answer),
        )
        try:
            value = _value(answer, format)
        except InputError:
            end(str(answer))
            raise
        look = typed.look(answer, format)
        view.format = look.format
        shown = "" if look.frame is not None else look.text if answer.read else self.text(answer)
        shown, notes = citing.numbered(answer, shown, look.format)
        end(shown, notes=notes)
        if look.frame is not None:
            showing.frame(look.frame)
        made.show(answer)
        for told in (*showing.tools_asked(answer), answer.hint):
            if told:
                showing.note(told)
        return value

    @property
    def sent(self) -> str:
        """What of the notebook was sent, in words."""
        used = ", ".join(f"{name} ({what})" for name, what in self.rendered.used.items())
        return f"with {used}" if used else ""

    def _line(self, answer: Answer) -> str:
        """Return the line under an answer: what of the notebook was sent, and the figures."""
        parts = [self.sent, made.skills(answer), showing.line(answer)]
        return printable(" · ".join(part for part in parts if part))

    def facts(self, answer: Answer) -> dict[str, Any]:
        """Return what is kept with the output: names and figures, neither prompt nor key."""
        names = ("model", "cost", "request_id", "source", "stop_reason", "seconds", "turn")
        facts = {name: getattr(answer, name) for name in names}
        return {**facts, "usage": answer.usage.to_dict(), "thread": self.thread}


def _format(asked: Ask) -> str:
    return str(settings.option("format", asked.format).value)


def _form(asked: Ask) -> list[dict[str, Any]]:
    """Return what a format adds to the question; a type or labels say it themselves."""
    words = ASKED_FOR.get("" if asked.returns or asked.choices else _format(asked))
    return [{"type": "text", "text": words}] if words else []


def _value(answer: Answer, format: str) -> Any:
    read = VALUES.get(format)
    return read(answer) if read else answer.value if answer.read else answer


@contextlib.contextmanager
def _conversation(asked: Ask) -> Iterator[Thread | None]:
    """Give the conversation a question belongs to; with --new its old turns come back if no turn was made."""
    if asked.no_history:
        yield None
        return
    thread = threads.get(asked.thread)
    before = {**vars(thread), "turns": [*thread.turns]}
    if asked.new:
        thread.reset()
    try:
        yield thread
    finally:
        if asked.new and not thread.turns:
            vars(thread).update(before)


def _compared(
    shell: Any, asked: Ask, rendered: Rendered, blocks: list[dict[str, Any]], given: Mapping[str, Any]
) -> pd.DataFrame:
    turn, format = _Turn(shell, asked, rendered, ""), _format(asked)
    told = sidebyside.Told(functools.partial(showing.line, turn=False), showing.mark, turn.facts)
    by_value = format in VALUES or asked.returns or asked.choices
    return sidebyside.ask(
        shell,
        asked,
        functools.partial(
            compare.compare,
            chat.ask,
            blocks,
            **given,
            max_cost=asked.max_cost,
            cell=watched.cell_number(shell),
        ),
        told,
        format=format,
        value=functools.partial(_value, format=format) if by_value else None,
        note=showing.note,
        before=rendered.hints,
        used=turn.sent,
        requested=requestview.Viewer(rendered) if asked.show_request else None,
    )


def _dry_run(
    rendered: Rendered, blocks: list[dict[str, Any]], given: Mapping[str, Any], asked: Ask
) -> pd.DataFrame:
    found, thread = dry_run(blocks, compare=asked.compare, **given), given["thread"]
    if asked.show_request:
        requestview.Viewer(rendered)(found.body)
    if not asked.quiet:
        for name, what in () if asked.show_request else rendered.used.items():
            showing.note(f"{{{name}}}: {what}")
        notes = (*rendered.hints, *(history.notes(thread, found.body) if thread else ()))
        for told in (*notes, *found.refused(asked.max_cost)):
            showing.note(told)
    return found.to_frame()
