"""What is known of an answer of the chat panel while it is coming, and what stops it?"""

from __future__ import annotations

import time
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from claude_magic.errors import printable
from claude_magic.looks import parts as looks
from claude_magic.show import toolcalls
from claude_magic.talk import approving
from claude_magic.ui import styles
from claude_magic.ui.paper import Sheet

if TYPE_CHECKING:
    from collections.abc import Callable

    from claude_magic.cut import Cutter
    from claude_magic.tools.toolbox import Ran

MOST_LINES = 8  # of the newest lines about tools and waits
NOBODY = "nobody could be asked"


class Growing:
    """The answer that is coming: a `Watch` of its call; `news` is called when there is something to draw."""

    def __init__(self, question: str, attached: str, news: Callable[[], None]) -> None:
        self.question, self.attached, self.news = question, attached, news
        self.cutter: Cutter | None = None
        self.badge: str | None = None
        self.stopped, self.asked = False, ""
        self._said: list[str] = []
        self._told: list[str] = []
        self._replies: SimpleQueue[bool] = SimpleQueue()
        self._length, self._why = 0, ""
        self._began, self._first = time.monotonic(), 0.0

    def text(self, piece: str) -> None:
        """Take the next piece of the answer."""
        self._said.append(piece)
        self._grown(len(piece))

    def thinking(self, piece: str) -> None:
        """Take the next piece of the thinking, of which only the length is shown."""
        self._grown(len(piece))

    def waiting(self, seconds: float, why: str) -> None:
        """Hear that the call is sent again, when, and why."""
        self._grown(0, f"{why}; going on in {seconds:.0f} s")

    def sourced(self, source: str) -> None:
        """Say from the first word that it is a replay."""
        self.badge = source

    def note(self, line: str) -> None:
        """Take a small line."""
        self._told.append(line)
        self._grown(0)

    def calling(self, name: str, arguments: dict[str, Any]) -> None:
        """Show a call of a tool before it is run."""
        self.note(f"→ {toolcalls.line(name, arguments)}")

    def called(self, ran: Ran) -> None:
        """Show what became of it."""
        self.note(f"← {toolcalls.told(ran)}")

    def _grown(self, length: int, why: str = "") -> None:
        if self.cutter is not None:
            self.cutter.check()
        self._length, self._why = self._length + length, why
        self._first = self._first or (time.monotonic() if length else 0.0)
        self.news()

    def stop(self) -> None:
        """Have the call end at once; what arrived is kept."""
        self.stopped = True
        if self.cutter is not None:
            self.cutter.cut()
        self.reply(yes=False)

    def approve(self, name: str, arguments: dict[str, Any]) -> bool:
        """Show a call of a tool, and wait for a press of Run it or Refuse (O2)."""
        self.asked = approving.call(name, arguments)
        self.news()
        try:
            return self._replies.get() and not self.stopped
        finally:
            self.asked = ""
            self.news()

    def reply(self, *, yes: bool) -> None:
        """Answer what `approve` waits for."""
        self._replies.put(yes)

    @property
    def meter(self) -> str:
        """How long it takes, and how much came."""
        waits = "waiting for you" if self.asked else "waiting for the answer"
        tokens, spent = self._length // 4, time.monotonic() - self._first  # 4 characters each
        rate = f" · {tokens / spent:,.0f} tokens/s" if spent >= 0.5 and tokens else ""
        came = f"~{tokens:,} tokens{rate}" if self._length and not self.asked else waits
        thinking = "thinking" if self._length and not self._said and not self.asked else ""
        why = "stopping" if self.stopped else self._why
        facts = (why, f"{time.monotonic() - self._began:.0f} s", came, thinking)
        return " · ".join(fact for fact in facts if fact)

    def sheet(self) -> Sheet:
        """Return it as it is now."""
        said = printable("".join(self._said))
        parts = [asked(self.question, self.attached)]
        parts += [looks.line(line, None) for line in self._told[-MOST_LINES:]]
        parts += [f'<pre style="{looks.WORDS}">{styles.text(said)}</pre>'] if said else []
        parts += [f"<b>Shall this run?</b>{looks.source(self.asked)}"] if self.asked else []
        page = styles.box("".join([*parts, looks.line(self.meter, self.badge)]))
        return Sheet(f'<div aria-busy="true">{page}</div>', said)


ASKED = (
    "background-color:#f2f2f2;background-color:var(--jp-layout-color2,#f2f2f2);border-radius:6px;"
    "padding:6px 10px;margin:10px 0 6px"
)
SMALL = "font-size:12px"  # in the colour of the text: grey would be too faint on that background


def asked(question: str, attached: str) -> str:
    """Return a question as it stands in a conversation, with the names of what went along."""
    small = f'<div style="{SMALL}">with {styles.text(attached)}</div>' if attached else ""
    return (
        f'<div style="{ASKED}"><div style="{SMALL}">You</div>'
        f'<div style="white-space:pre-wrap;overflow-wrap:anywhere">{styles.text(question)}</div>{small}</div>'
    )
