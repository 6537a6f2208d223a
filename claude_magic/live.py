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
from claude_magic.looks import BOX, DIM, LINE, STOP, WORDS, display, line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


MOST_CALLS = 8  # of the newest calls of tools that are shown while it goes on


class Live:
    """Draws what arrives from a thread of its own, so that a pause never holds back the last words.

    Whoever feeds it only puts on a queue (no lock that an interrupt could leave taken). The thread draws at
    once after a pause, else when `interval` has passed, and once a second for the clock; it is gone before
    the end is shown. There are two outputs: the first has the Stop button and becomes the answer, the second
    grows and becomes nothing.
    """

    FIRST, EMPTY, TICK = 0.05, 0.4, 1.0  # seconds: from first words to first drawing; until "waiting"; clock

    def __init__(self, badge: str | None) -> None:
        import IPython.display  # noqa: F401 - here and not in the thread

        self.badge, self.started = badge, time.monotonic()
        self.news: SimpleQueue[tuple[str, Any]] = SimpleQueue()
        self.said: list[str] = []
        self.thought: list[str] = []
        self.calls: list[str] = []
        self.length, self.wait = 0, (0.0, "")
        self.drawn = 0.0
        self.answer = f"claude-magic-{os.urandom(8).hex()}"
        self.grows = f"{self.answer}-live"
        run = copy_context().run  # ipykernel finds the cell by context variables
        self.thread = threading.Thread(target=run, args=(self._run,), name="claude-magic live", daemon=True)
        self.thread.start()

    @property
    def interval(self) -> float:
        """Seconds between two drawings: 10 a second, fewer as the text grows."""
        return max(0.1, self.length / 100_000)

    def _run(self) -> None:
        due = self.started + self.EMPTY
        while True:
            left = due - time.monotonic()
            if left <= 0:
                self._draw()
                due = self.drawn + self.TICK
                continue
            with contextlib.suppress(Empty):
                kind, what = self.news.get(timeout=left)
                if kind == "end":
                    return
                self._take(kind, what)
                due = min(due, self.drawn + self.interval if self.drawn else time.monotonic() + self.FIRST)

    def _take(self, kind: str, what: Any) -> None:
        if kind == "waiting":
            self.wait = what
            return
        {"text": self.said, "thinking": self.thought, "call": self.calls}[kind].append(what)
        self.length, self.wait = self.length + len(what) * (kind != "call"), (0.0, "")

    def _draw(self) -> None:
        first, self.drawn = not self.drawn, time.monotonic()
        if first:
            display({"text/plain": "", "text/html": STOP}, {}, self.answer)
        said, thought = printable("".join(self.said)), printable("".join(self.thought))
        display(
            {"text/plain": said, "text/html": self._html(said, thought)}, {}, self.grows, update=not first
        )

    def _html(self, said: str, thought: str) -> str:
        tail = "" if said else thought[-600:]
        parts = [f'<pre style="{WORDS};{DIM}">{html.escape(tail)}</pre>'] if tail else []
        parts += [f'<div style="{LINE}">{html.escape(call)}</div>' for call in self.calls[-MOST_CALLS:]]
        parts += [f'<pre style="{WORDS}">{html.escape(said)}</pre>'] if said else []
        return f'{BOX} aria-busy="true">{"".join(parts)}{line(self._meter(), self.badge)}</div>'

    def _meter(self) -> str:
        now, (until, why) = time.monotonic(), self.wait
        if why:
            return f"{why}; going on in {max(0, until - now):.0f} s"
        tokens = (
            f"~{self.length // 4:,} tokens" if self.length else "waiting for the answer"
        )  # 4 characters each
        return f"{now - self.started:.0f} s · {tokens}"

    def end(self, bundle: Mapping[str, str], metadata: Mapping[str, Any]) -> None:
        """Stop drawing, then show `bundle` in place of all that was shown live."""
        self.news.put(("end", None))
        self.thread.join()
        if self.drawn:
            display(bundle, metadata, self.answer, update=True)
            display({}, {}, self.grows, update=True)
        elif bundle:
            display(bundle, metadata)


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
