"""What does a notebook show of an answer, around its text and where it is a cell's value?"""

from __future__ import annotations

import html
import sys
from typing import TYPE_CHECKING

from claude_magic.errors import printable
from claude_magic.looks import markup
from claude_magic.looks import parts as looks
from claude_magic.looks.readout import readout
from claude_magic.prompts import citing
from claude_magic.show import display, made, toolcalls, typed
from claude_magic.talk import replaying
from claude_magic.talk.answer import Answer

if TYPE_CHECKING:
    import pandas as pd


LONG, MANY = 2.0, 50  # seconds and tokens from which on tokens a second are said


def badge(source: str) -> str | None:
    """Return the badge of a source, None for Claude itself."""
    return None if source == "live" else source


def mark(answer: Answer) -> str | None:
    """Return the badge of an answer, None for Claude's own."""
    return badge(replaying.label(answer))


def bundle(answer: Answer) -> dict[str, str]:
    """Return what a cell shows whose value is an answer."""
    tools = [printable(told) for told in tools_asked(answer)]
    lines = "".join(looks.line(told, None) for told in tools) + looks.line(line(answer), mark(answer))
    files, look = made.bundle(answer), typed.look(answer)
    text, notes = citing.numbered(answer, look.text, look.format)
    body = markup.answer_html(text, look.format) if look.frame is None else look.frame.to_html(max_rows=60)
    after = looks.notes(notes) + lines + files.get("text/html", "")
    shown = toolcalls.html(toolcalls.of(answer)) + body + after
    text = text if look.frame is None else look.frame.to_string(max_rows=60)
    told = (printable(text), *map(str, notes), *tools, files.get("text/plain", ""))
    plain = "\n".join(part for part in told if part)
    return {"text/plain": plain, "text/html": f"{looks.BOX}{looks.reach(shown)}>{shown}</div>"}


Answer.show = bundle


def frame(found: pd.DataFrame) -> None:
    """Show a table of what a model wrote, by pandas' settings, without escapes and formulas (O1, O4)."""
    page = found._repr_html_() or found.to_html(max_rows=60)  # type: ignore[operator] # pandas' own way
    page = page.replace("<th></th>", "<td></td>")  # its corner, which heads nothing
    looks.display({"text/plain": printable(repr(found)), "text/html": f"{looks.BOX}>{page}</div>"}, {})


def tools_asked(answer: Answer) -> list[str]:
    """Return a line for each tool that an answer asks for."""
    return [
        f"asked for the tool {toolcalls.line(str(call.get('name')), call.get('input'))}"
        for call in answer.message.tool_calls
    ]


def line(answer: Answer, *, turn: bool = True) -> str:
    """Return the line under an answer."""
    return readout(
        seconds=answer.seconds or 0.0,
        usage=answer.usage,
        cost=answer.cost,
        model=answer.model,
        turn=answer.turn if turn else None,
        source=replaying.label(answer),
        saved=answer.cache_saved,
        rate=_rate(answer),
    )


def _rate(answer: Answer) -> float:
    """Return the tokens a second from the first one on; 0 for an answer that was too short to tell."""
    tokens, spent = answer.usage.get("output_tokens") or 0, (answer.seconds or 0.0) - (answer.ttft or 0.0)
    told = answer.ttft is not None and not answer.calls and "replay" not in replaying.label(answer)
    return tokens / spent if told and spent >= LONG and tokens >= MANY else 0.0


class Watch(display.View):
    """A view that also shows what is to be known before an answer comes."""

    def note(self, text: str) -> None:
        """Show a small line."""
        note(text)

    def sourced(self, source: str) -> None:
        """Say from the first word that it is a replay."""
        self.badge = source
        if self._live:
            self._live.badge = source


def note(text: str) -> None:
    """Show a small line under or before an answer."""
    text = printable(text)
    if display.mode() == "terminal":
        sys.stdout.write(f"{text}\n")
    else:
        page = f'<div class="claude-magic" style="{looks.LINE}">{html.escape(text)}</div>'
        looks.display({"text/plain": text, "text/html": page}, {})
