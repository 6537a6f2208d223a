"""How is a value shown, live and at rest?

What a model wrote is never trusted: in a cell that was just run, JupyterLab runs the scripts of text/html
and text/markdown. So every bundle is the text itself as text/plain and HTML made by `markup`, nothing else.
"""

from __future__ import annotations

import time
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Self

from claude_magic.errors import printable
from claude_magic.looks import parts as looks
from claude_magic.looks.markup import answer_html
from claude_magic.looks.parts import BOX, LINE
from claude_magic.looks.watched import mode
from claude_magic.prompts.citing import Notes
from claude_magic.show import toolcalls
from claude_magic.show.live import Live, Terminal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType

    from claude_magic.prompts.citing import Note
    from claude_magic.tools.toolbox import Ran

__all__ = ["BOX", "LINE", "View", "mode"]

METADATA = (  # what may be kept with an output; nothing a prompt or a key could be in
    "model", "usage", "cost", "request_id", "source", "stop_reason", "seconds", "turn", "thread", "outcome",
)  # fmt: skip


class View:
    """One answer on its way to a reader: feed it as a `Watch`, then end it once.

    As a context manager it ends as failed when the block leaves it without an end.
    """

    requested: Callable[[dict[str, Any]], None] | None = None
    """What is told of each request before it is sent."""

    def __init__(self, *, format: str = "markdown", badge: str | None = None, quiet: bool = False) -> None:
        self.mode = mode()
        self.format, self.badge, self.quiet = format, badge, quiet
        self._ended, self._said, self._blank = False, [""], ""
        self._cited = Notes()
        self._live = Live(badge) if self.mode == "live" else None
        self._terminal = Terminal() if self.mode == "terminal" else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, _: object, __: TracebackType | None) -> None:
        if not self._ended:
            self.failed()

    def text(self, piece: str) -> None:
        """Show the next piece of the answer."""
        self._said.append(piece)
        words = (self._blank + piece).rstrip()  # what is cited has its number before the blank
        self._blank = (self._blank + piece)[len(words) :]
        self._show(words)

    def cited(self, citations: Sequence[Any]) -> None:
        """Show the numbers of the passages that the words so far rest on."""
        self._show(self._cited.marks(citations))

    def thinking(self, piece: str) -> None:
        """Show the next piece of the model's thinking."""
        if self._live:
            self._live.news.put(("thinking", piece))

    def calling(self, name: str, arguments: dict[str, Any]) -> None:
        """Show a call of a tool before it is approved and run."""
        self._call(f"→ {toolcalls.line(name, arguments)}")

    def called(self, ran: Ran) -> None:
        """Show what became of it."""
        self._call(f"← {toolcalls.told(ran)}")

    def waiting(self, seconds: float, why: str) -> None:
        """Show that the call goes on in `seconds`, counting down, and why."""
        if self._live:
            self._live.news.put(("waiting", (time.monotonic() + seconds, why)))
        elif self._terminal:
            self._terminal.wait(seconds, why)

    def finish(
        self,
        text: str,
        *,
        readout: str = "",
        metadata: Mapping[str, Any] | None = None,
        thinking: str = "",
        calls: Sequence[Ran] = (),
        notes: Sequence[Note] = (),
    ) -> None:
        """Show the whole answer at rest, with the calls of tools before it and the passages it cites."""
        self._end(text, readout, metadata, thinking=thinking, calls=calls, notes=notes)

    def stopped(
        self,
        text: str,
        readout: str = "",
        metadata: Mapping[str, Any] | None = None,
        calls: Sequence[Ran] = (),
    ) -> None:
        """Show what had arrived when the reader stopped it."""
        self._end(text, readout, metadata, note="[stopped]", calls=calls)

    def failed(
        self,
        text: str | None = None,
        readout: str = "",
        metadata: Mapping[str, Any] | None = None,
        calls: Sequence[Ran] = (),
    ) -> None:
        """Show what had arrived (None: all that was fed) when the call failed; nothing when nothing had."""
        text = "".join(self._said) if text is None else text
        self._end(text, readout, metadata, note="[broken off]" if text else "", calls=calls)

    def _show(self, words: str) -> None:
        if words and self._live:
            self._live.news.put(("text", words))
        elif words and self._terminal:
            self._terminal.write(words)

    def _call(self, line: str) -> None:
        if self._live:
            self._live.news.put(("call", line))
        elif self._terminal:
            self._terminal.line(line)

    def _end(
        self,
        text: str,
        readout: str,
        metadata: Mapping[str, Any] | None,
        *,
        note: str = "",
        notes: Sequence[Note] = (),
        **folded: Any,
    ) -> None:
        if self._ended:
            return
        self._ended = True
        line = "" if self.quiet else readout
        if self._terminal:
            last = " · ".join(p for p in (note, line or (self.badge if text else "")) if p)
            self._terminal.end(text, [*map(str, notes), *([last] if last else [])])
            return
        shown = text or note or line or any(folded.values())
        bundle = self._bundle(text, line, note, notes, **folded) if shown else {}
        facts = {"claude_magic": kept(metadata)} if metadata and bundle else {}
        if self._live:
            self._live.end(bundle, facts)
        elif bundle:
            looks.display(bundle, facts)

    def _bundle(
        self,
        text: str,
        readout: str,
        note: str,
        notes: Sequence[Note],
        thinking: str = "",
        calls: Sequence[Ran] = (),
    ) -> dict[str, str]:
        parts = [
            looks.thoughts(thinking),
            toolcalls.html(calls),
            answer_html(text, self.format) if text else "",
            looks.notes(notes),
            looks.line(readout, self.badge, note),
        ]
        page = "".join(parts)
        said = f"{text.rstrip()}\n" if notes else text
        plain = "\n".join(p for p in (said, *map(str, notes), note) if p)
        return {
            "text/plain": printable(plain or readout),
            "text/html": f'{BOX} role="status" aria-live="polite"{looks.reach(page)}>{page}</div>',
        }


def kept(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts that may be kept with an output."""
    return {
        k: str(v) if isinstance(v, Decimal) else v for k in METADATA if (v := metadata.get(k)) is not None
    }
