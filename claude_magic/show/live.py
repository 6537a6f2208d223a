"""How does an answer grow before a reader's eyes?

In a notebook by drawing what has come, in a terminal by printing it.
"""

from __future__ import annotations

import contextlib
import html
import os
import sys
import threading
import time
from contextvars import copy_context
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from claude_magic.errors import printable
from claude_magic.looks.markup import ready
from claude_magic.looks.parts import BOX, COUNTS, DIM, LINE, TAG, WORDS, stop
from claude_magic.show.alone import Outputs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


MOST_CALLS = 8  # of the newest calls of tools that are shown while it goes on
GROWS = 2_000  # characters in an output from which a text goes on in the next one
MESSAGE = 750  # bytes of a message that shows something, without what is shown


class Pace:
    """When to draw again: soon at first, later so that what is sent for it grows less than the time.

    Ten times a second a 40 s answer would be sent many times over: a megabyte for 16 kB.
    """

    LEAST, MOST = 0.1, 2.0  # seconds from a drawing to the next
    BYTES = 8_000  # that may be sent within the first second, four times as much within eight, and so on

    def __init__(self) -> None:
        self.started, self.drawn = time.monotonic(), 0.0
        self.sent = 0

    @property
    def due(self) -> float:
        """When the next drawing may be, in seconds of the monotonic clock."""
        paid = self.started + (max(0, self.sent) / self.BYTES) ** 1.5
        return float(min(max(paid, self.drawn + self.LEAST), self.drawn + self.MOST))


class Live:
    """Draws what arrives from a thread of its own, so that a pause never holds back the last words.

    Whoever feeds it only puts on a queue (no lock that an interrupt could leave taken). The thread draws at
    once after a pause, else when its pace allows, and once a second for the clock; it is gone before the end
    is shown. The first output has the Stop button and becomes the answer. The second grows; when it is long,
    it is left as it is and the text goes on in a third, and so on. These become nothing at the end.
    """

    FIRST, EMPTY, TICK = 0.05, 0.4, 1.0  # seconds: from first words to first drawing; until "waiting"; clock

    def __init__(self, badge: str | None) -> None:
        # here and not in the thread; Pygments' packages fail when two threads import them at once
        import pygments.formatters
        import pygments.lexers  # noqa: F401

        self.badge, self.pace, self.outputs = badge, Pace(), Outputs()
        self.news: SimpleQueue[tuple[str, Any]] = SimpleQueue()
        self.said: list[str] = []  # in the output that grows
        self.thought: list[str] = []
        self.calls: list[str] = []
        self.length, self.first, self.spoken, self.wait = 0, 0.0, False, (0.0, "")
        self.answer = f"claude-magic-{os.urandom(8).hex()}"
        self.shown: list[str] = []  # the handles of the outputs after the first
        self.full = True  # the last of them
        run = copy_context().run  # ipykernel finds the cell by context variables
        self.thread = threading.Thread(target=run, args=(self._run,), name="claude-magic live", daemon=True)
        self.thread.start()

    @property
    def drawn(self) -> float:
        """When it was drawn last, 0 for never."""
        return self.pace.drawn

    def _run(self) -> None:
        due = self.pace.started + self.EMPTY
        while True:
            left = due - time.monotonic()
            if left <= 0:
                first = not self.drawn
                self._draw()
                if first:
                    ready()  # while the reader waits for words, not for the end
                due = max(self.pace.due, self.drawn + self.TICK)
                continue
            with contextlib.suppress(Empty):
                kind, what = self.news.get(timeout=left)
                if kind == "end":
                    return
                self._take(kind, what)
                due = min(due, self.pace.due if self.drawn else time.monotonic() + self.FIRST)

    def _take(self, kind: str, what: Any) -> None:
        if kind == "waiting":
            self.wait = what
            return
        {"text": self.said, "thinking": self.thought, "call": self.calls}[kind].append(what)
        self.wait, self.spoken = (0.0, ""), self.spoken or kind == "text"
        if kind != "call":
            self.length, self.first = self.length + len(what), self.first or time.monotonic()

    def _draw(self) -> None:
        if not self.drawn:
            self.outputs.show({"text/html": stop("Stop this answer")}, {}, self.answer)
        self.pace.drawn, said = time.monotonic(), "".join(self.said)
        if len(said) > GROWS:
            end = said.rfind("\n") + 1 or said.rfind(" ") + 1 or len(said)
            self._show(self._parts(said[:end]))
            self.pace.sent -= end  # that had to be sent
            self.full, said = True, said[end:]
            self.calls.clear()
        self.said[:] = [said]
        self._show(f"{self._parts(said)}{self._meter()}")

    def _show(self, parts: str) -> None:
        """Show parts in the output that grows, or in a new one where that is full."""
        update = not self.full
        if self.full:
            self.shown.append(f"{self.answer}-{len(self.shown)}")
            self.full = False
        page = f'{BOX} aria-busy="true">{parts}</div>'
        self.outputs.show({"text/html": page}, {}, self.shown[-1], update)
        self.pace.sent += MESSAGE + len(page)

    def _parts(self, said: str) -> str:
        tail = "" if self.spoken else printable("".join(self.thought)[-600:])
        parts = [f'<pre style="{WORDS};{DIM}">\n{html.escape(tail, quote=False)}</pre>'] if tail else []
        parts += [f'<div style="{LINE}">{html.escape(call)}</div>' for call in self.calls[-MOST_CALLS:]]
        words = html.escape(printable(said), quote=False)
        return "".join([*parts, f'<pre style="{WORDS}">\n{words}</pre>' if said else ""])

    def _meter(self) -> str:
        """Return the line below, which has little but its text: it is sent with each drawing."""
        tag = f'<span style="{TAG}">{html.escape(self.badge)}</span>' if self.badge else ""
        return f'<div style="{COUNTS}">{html.escape(self._counts())} {tag}</div>'

    def _counts(self) -> str:
        now, (until, why) = time.monotonic(), self.wait
        if why:
            return printable(f"{why}; going on in {max(0, until - now):.0f} s")
        seconds = f"{now - self.pace.started:.0f} s"
        if not self.length:
            return f"{seconds} · waiting for the answer"
        tokens, spent = self.length // 4, now - self.first  # 4 characters each
        rate = f" · {tokens / spent:,.0f} tokens/s" if spent >= 0.5 and tokens else ""
        return f"{seconds}{'' if self.spoken else ' · thinking'} · ~{tokens:,} tokens{rate}"

    def end(self, bundle: Mapping[str, str], metadata: Mapping[str, Any]) -> None:
        """Stop drawing, then show `bundle` in place of all that was shown live."""
        self.news.put(("end", None))
        self.thread.join()
        if self.drawn and not self.outputs.clear(wait=bool(bundle)):
            self.outputs.show(bundle, metadata, self.answer, update=True)
            for handle in self.shown:
                self.outputs.show({}, {}, handle, update=True)
        elif bundle:
            self.outputs.show(bundle, metadata)


class Terminal:
    """Prints text as it comes, with nothing in it that could move the cursor."""

    def __init__(self) -> None:
        self.last, self.why, self.spoken = "", "", False

    def write(self, text: str) -> None:
        """Print a piece of the answer at once, in what the terminal's encoding has."""
        self.spoken = True
        self._put(text)

    def _put(self, text: str) -> None:
        if self.why and sys.stdout.isatty():
            sys.stdout.write("\r\x1b[K")
        self.why = ""
        self.last = text or self.last
        encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
        sys.stdout.write(printable(text).encode(encoding, "backslashreplace").decode(encoding))
        sys.stdout.flush()

    def wait(self, seconds: float, why: str) -> None:
        """Print why nothing comes, counting down on the same line where there is a screen."""
        screen = sys.stdout.isatty()
        if screen or why != self.why:
            self.why = why
            line = printable(f"{why}; going on in {seconds:.0f} s")
            sys.stdout.write(f"\r{line}\x1b[K" if screen else f"{line}\n")
            sys.stdout.flush()

    def line(self, text: str) -> None:
        """Print a line of its own."""
        self._put("\n" * bool(self.last and not self.last.endswith("\n")))
        self._put(f"{text}\n")

    def end(self, text: str, lines: Sequence[str]) -> None:
        """Print what was not printed yet, then more lines."""
        if text and not self.spoken:
            self.write(text)
        self._put("\n" * bool(self.last and not self.last.endswith("\n")))
        for one in lines:
            self.line(one)
