"""How does a cell's question reach Claude, and its answer the screen, a name and the next cell?"""

from __future__ import annotations

import contextlib
import functools
import html
import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from claude_magic import chat, current, display, made, prompt, settings
from claude_magic.answer import Answer
from claude_magic.cell import Ask
from claude_magic.dryrun import DryRun, dry_run
from claude_magic.errors import InputError, Stopped, printable
from claude_magic.thread import Thread, threads
from claude_magic.words import short

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from claude_magic.prompt import Rendered

HINT = f'<div class="claude-magic" style="{display.LINE}">{{}}</div>'

ASKED_FOR = {  # what a format adds to the question, as the model does not know where its answer goes
    "json": "Answer with JSON only.",
    "df": "Answer with a JSON array of objects, one for each row, and nothing else.",
    "code": "Write the answer as one fenced code block.",
    "html": "Answer with HTML only, in one fenced code block.",
}
VALUES: dict[str, Callable[[Answer], Any]] = {"json": Answer.json, "df": Answer.df}  # what -o NAME binds


def ask(shell: Any, asked: Ask) -> Answer | DryRun:
    """Ask what a cell or line asks, show it, bind it; raises ClaudeError, or Stopped when interrupted."""
    with _conversation(asked) as thread:
        code = bool(asked.skills or (thread and thread.skills))
        rendered = render(shell, asked.prompt, asked, code=code)
        blocks = [*rendered.blocks, *_form(_format(asked))]
        given: dict[str, Any] = {
            "thread": thread,
            "model": asked.model,
            "system": asked.system,
            "max_tokens": asked.max_tokens,
            "effort": asked.effort,
            "think": asked.think,
            "skills": asked.skills,
            "params": asked.param,
        }
        if asked.dry_run:
            return _dry_run(rendered, blocks, given, quiet=asked.quiet)
        turn = _Turn(shell, asked, rendered, thread.name if thread else "")
        return turn.run(lambda **how: chat.ask(blocks, **given, max_cost=asked.max_cost, **how))


def go_on(shell: Any, thread: Thread) -> Answer:
    """Go on with the unfinished answer of a conversation, as `ask` does with a question."""
    turn = _Turn(shell, Ask(""), prompt.Rendered([], "", [], {}), thread.name)
    return turn.run(lambda **how: chat.go_on(thread, **how))


def render(shell: Any, text: str, asked: Ask | None = None, *, code: bool = False) -> Rendered:
    """Return a text as content blocks, with the notebook's values in it; raises InputError.

    `code` says that there is code that can read any file.
    """
    names = visible(shell)
    if asked is None:
        return prompt.render(text, names)
    inputs = [asked.inp] if asked.inp else []
    return prompt.render(text, names, raw=asked.raw, attach=asked.attach, inputs=inputs, code=code)


def visible(shell: Any) -> dict[str, Any]:
    """Return the notebook's variables a prompt may name: not what IPython put there, but for In and Out."""
    hidden, names = shell.user_ns_hidden, shell.user_ns
    return {
        k: v for k, v in names.items() if k in ("In", "Out", "_") or k not in hidden or hidden[k] is not v
    }


def cell_number(shell: Any) -> str:
    """Return the number of the cell that is running, as In[…] shows it."""
    return str(max(shell.execution_count - 1, 1))


@dataclass
class _Turn:
    """One question of a cell, from the call to what the reader has of it."""

    shell: Any
    asked: Ask
    rendered: Rendered
    thread: str

    def run(self, call: Callable[..., Answer]) -> Answer:
        """Make the call, show and bind its answer; what broke off stays on screen and in `_claude`."""
        client = current.client()  # raises, when there is no key, before anything is shown
        asked, format = self.asked, _format(self.asked)
        stream = asked.stream and bool(settings.option("stream").value)
        go = functools.partial(call, client=client, stream=stream, cell=cell_number(self.shell))
        if asked.quiet:
            answer = self._kept(go, None)
            value = _value(answer, format)
        else:
            for hint in self.rendered.hints:
                note(hint)
            with Watch(format=format, badge=_badge(current.source_of(client))) as view:
                answer = self._kept(go, view)
                value = self._finish(view, answer, format)
        answer.shown_in = self.shell.execution_count
        if asked.out:
            self.shell.user_ns[asked.out] = value
        if format == "code" and answer.code:
            self.shell.set_next_input(answer.code)  # the reader sees it, and decides whether it runs
        return answer

    def _kept(self, go: Callable[..., Answer], view: display.View | None) -> Answer:
        """Return the answer, in `_claude` already; on a failure, what had arrived is there, and on screen."""
        try:
            answer = go(watch=view)
        except BaseException as error:
            partial = getattr(error, "answer", None)
            if isinstance(partial, Answer):
                self.shell.user_ns["_claude"] = partial
                partial.shown_in = self.shell.execution_count
                if view is not None:
                    view.badge = _badge(partial.source)
                    end = view.stopped if isinstance(error, Stopped) else view.failed
                    end(str(partial), self._line(partial), self._facts(partial))
                    made.show(partial)
            raise
        self.shell.user_ns["_claude"] = answer
        return answer

    def _finish(self, view: display.View, answer: Answer, format: str) -> Any:
        """Show the answer at rest and return its value; a frame is shown as one."""
        view.badge = _badge(answer.source)  # a practice server on a port says so only in its answer
        readout, metadata = self._line(answer), self._facts(answer)
        end = functools.partial(view.finish, readout=readout, metadata=metadata, thinking=answer.thinking)
        try:
            value = _value(answer, format)
        except InputError:
            end(str(answer))
            raise
        end("" if format == "df" else str(answer))
        if format == "df":
            from IPython.display import display as show_value

            show_value(value)  # type: ignore[no-untyped-call]
        made.show(answer)
        for told in (*tools_asked(answer), answer.hint):
            if told:
                note(told)
        return value

    def _line(self, answer: Answer) -> str:
        """Return the line under an answer: what of the notebook was sent, and the figures."""
        sent = ", ".join(f"{name} ({what})" for name, what in self.rendered.used.items())
        parts = [f"with {sent}" if sent else "", made.skills(answer), line(answer)]
        return printable(" · ".join(part for part in parts if part))

    def _facts(self, answer: Answer) -> dict[str, Any]:
        """Return what is kept with the output: names and figures, neither prompt nor key."""
        names = ("model", "cost", "request_id", "source", "stop_reason", "seconds", "turn")
        facts = {name: getattr(answer, name) for name in names}
        return {**facts, "usage": answer.usage.to_dict(), "thread": self.thread}


def _format(asked: Ask) -> str:
    return str(settings.option("format", asked.format).value)


def _form(format: str) -> list[dict[str, Any]]:
    words = ASKED_FOR.get(format)
    return [{"type": "text", "text": words}] if words else []


def _badge(source: str) -> str | None:
    return None if source == "live" else source


def _value(answer: Answer, format: str) -> Any:
    read = VALUES.get(format)
    return read(answer) if read else answer


def bundle(answer: Answer) -> dict[str, str]:
    """Return what a cell shows whose value is an answer."""
    tools = [printable(told) for told in tools_asked(answer)]
    lines = "".join(HINT.format(html.escape(told)) for told in (*tools, line(answer)))
    files = made.bundle(answer)
    shown = display.answer_html(str(answer), "markdown") + lines + files.get("text/html", "")
    told = (printable(str(answer)), *tools, files.get("text/plain", ""))
    plain = "\n".join(part for part in told if part)
    return {"text/plain": plain, "text/html": f"{display.BOX}>{shown}</div>"}


Answer.show = bundle


def tools_asked(answer: Answer) -> list[str]:
    """Return a line for each tool that an answer asks for."""
    return [
        f"asked for the tool {call.get('name')}({_given(call.get('input'))})"
        for call in answer.message.tool_calls
    ]


def _given(values: Any) -> str:
    if not isinstance(values, dict):
        return ""
    told = ", ".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in values.items())
    return short(told, 200)


def line(answer: Answer) -> str:
    """Return the line under an answer."""
    return display.readout(
        seconds=answer.seconds or 0.0,
        usage=answer.usage,
        cost=answer.cost,
        model=answer.model,
        turn=answer.turn,
        source=answer.source,
    )


class Watch(display.View):
    """A view that also shows what is to be known before an answer comes."""

    def note(self, text: str) -> None:
        """Show a small line."""
        note(text)


def note(text: str) -> None:
    """Show a small line under or before an answer."""
    text = printable(text)
    if display.mode() == "terminal":
        sys.stdout.write(f"{text}\n")
    else:
        from IPython.display import display as show_bundle

        show_bundle({"text/plain": text, "text/html": HINT.format(html.escape(text))}, raw=True)  # type: ignore[no-untyped-call]


@contextlib.contextmanager
def _conversation(asked: Ask) -> Iterator[Thread | None]:
    """Give the conversation a question belongs to; with --new its old turns come back if no turn was made."""
    if asked.no_history:
        yield None
        return
    thread = threads.get(asked.thread)
    old, last = list(thread.turns), (thread.last, thread.skills, thread.container)
    if asked.new:
        thread.reset()
    try:
        yield thread
    finally:
        if asked.new and not thread.turns:
            thread.turns[:] = old
            thread.last, thread.skills, thread.container = last


def _dry_run(
    rendered: Rendered, blocks: list[dict[str, Any]], given: Mapping[str, Any], *, quiet: bool
) -> DryRun:
    found = dry_run(blocks, **given)
    if not quiet:
        for name, what in rendered.used.items():
            note(f"{{{name}}}: {what}")
        for hint in rendered.hints:
            note(hint)
    return found
