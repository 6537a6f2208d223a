"""How are the answers of several models shown side by side?

In columns that become rows where the page is narrow. While the answers come, the columns show their ends, in
an output of its own beside one that has the Stop button; it is drawn by the thread that waits, a few times a
second. What is shown at rest is safe HTML, as of any answer, and the texts one after the other.
"""

from __future__ import annotations

import html
import importlib
import os
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from claude_magic import limits
from claude_magic.errors import ClaudeError, printable
from claude_magic.looks import parts as looks
from claude_magic.looks.markup import answer_html
from claude_magic.looks.readout import replayed
from claude_magic.protocol.catalog import added
from claude_magic.show import display, typed
from claude_magic.show.alone import Outputs
from claude_magic.show.live import MESSAGE, Live, Pace
from claude_magic.talk.compare import frame, models_of, told

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pandas as pd

    from claude_magic.grammar.cell import Ask
    from claude_magic.talk.answer import Answer
    from claude_magic.talk.compare import Row

GRID = "display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,260px),1fr));gap:14px 22px"
COLUMN = "min-width:0;overflow:auto;overflow-wrap:break-word;border-top:2px solid var(--jp-border-color1)"
HEAD = "font-weight:600;margin:4px 0 6px"
FAILED = "color:var(--jp-error-color1,#c62828)"
TAIL = 1_500  # characters of an answer that are shown while it comes


class Told(NamedTuple):
    """What is said of each answer: the line under it, its badge, and the facts kept with the output."""

    line: Callable[[Answer], str]
    badge: Callable[[Answer], str | None]
    facts: Callable[[Answer], Mapping[str, Any]]


def ask(
    shell: Any,
    asked: Ask,
    call: Callable[..., list[Row]],
    words: Told,
    *,
    format: str,
    value: Callable[[Answer], Any] | None,
    note: Callable[[str], None],
    before: Sequence[str],
    used: str,
    requested: Callable[[dict[str, Any]], None] | None = None,
) -> pd.DataFrame:
    """Ask several models, show their answers, bind and return them as a DataFrame; raises as `compare` does.

    Of what stopped or failed as a whole, too, what arrived is shown and bound. `before` are lines to show
    first, `used` says what of the notebook was sent, and `requested` is told the first model's request.
    """
    view = None if asked.quiet else View(models_of(asked.compare), words, format=format, note=note)
    if view is not None:
        view.requested = requested
        for line in before:
            note(line)
    failed: BaseException | None = None
    # loaded while the models answer, and where no interrupt hits it: it takes a second (M8)
    threading.Thread(target=importlib.import_module, args=("pandas",), daemon=True).start()
    try:
        rows = call(wanted=asked.compare, watch=view, stream=asked.stream)
    except BaseException as error:
        rows, failed = getattr(error, "rows", []), error
        if not any(row.answer for row in rows):
            if view:
                view.clear()
            raise
    if view:
        view.finish(rows, used)
    found = frame(rows, value)
    _show_once(shell, found)
    if asked.out:
        shell.user_ns[asked.out] = found
    if failed is not None:
        raise failed from None
    return found


def _show_once(shell: Any, found: pd.DataFrame) -> None:
    """Have the cell whose output shows the answers already not show the frame below them."""
    shown_in = shell.execution_count

    def display_nothing_there() -> None:
        if shell.execution_count != shown_in:
            raise NotImplementedError

    object.__setattr__(found, "_ipython_display_", display_nothing_there)


class View:
    """Answers on their way to a reader; a `compare.Progress`, ended once by `finish`."""

    def __init__(
        self, models: Sequence[str], words: Told, *, format: str, note: Callable[[str], None]
    ) -> None:
        self.models, self.words, self.format, self.note_now = list(models), words, format, note
        self.mode, self.pace, self.outputs = display.mode(), Pace(), Outputs()
        self.said = ["" for _ in models]
        self.waits = ["" for _ in models]
        self.ends: list[Row | None] = [None for _ in models]
        self.notes: list[str] = []
        self._lock = threading.Lock()
        self.handle = f"claude-magic-{os.urandom(8).hex()}"
        self.requested: Callable[[dict[str, Any]], None] | None = None

    def text(self, n: int, piece: str) -> None:
        """Take the next piece of a text."""
        with self._lock:
            self.said[n] += piece
            self.waits[n] = ""

    def waiting(self, n: int, seconds: float, why: str) -> None:
        """Take why a call is not sent yet."""
        self.waits[n] = f"{why}; going on in {seconds:.0f} s"

    def note(self, line: str) -> None:
        """Take a line, which is shown by the thread that waits."""
        with self._lock:
            self.notes.append(line)

    def done(self, n: int, row: Row) -> None:
        """Take the end of an answer."""
        self.ends[n] = row
        if self.mode == "terminal" and len(self.models) > 1:
            _print(f"{row.model}: {told(row.error) if row.error else 'is there'}")

    def tick(self) -> None:
        """Show the notes, and how far the answers are."""
        self._tell()
        if self.mode == "live" and time.monotonic() > max(self.pace.due, self.pace.started + Live.EMPTY):
            self._draw()

    def _tell(self) -> None:
        with self._lock:
            notes, self.notes = self.notes, []
        for line in dict.fromkeys(notes):
            self.note_now(line)

    def _draw(self) -> None:
        first, self.pace.drawn = not self.pace.drawn, time.monotonic()
        if first:
            self.outputs.show({"text/html": looks.stop("Stop these answers")}, {}, self.handle)
        columns = "".join(self._coming(n) for n in range(len(self.models)))
        page = f'{looks.BOX} aria-busy="true"><div style="{GRID}">{columns}</div></div>'
        self.outputs.show({"text/html": page}, {}, f"{self.handle}-live", not first)
        self.pace.sent += MESSAGE + len(page)

    def _coming(self, n: int) -> str:
        said = printable(self.said[n])
        words = f"{'…' if len(said) > TAIL else ''}{said[-TAIL:]}"
        seconds = f"{time.monotonic() - self.pace.started:.0f} s"
        coming = self.waits[n] or (
            f"{seconds} · ~{len(said) // 4:,} tokens" if said else f"{seconds} · waiting"
        )
        row = self.ends[n]
        state = coming if row is None else "failed" if row.error else "done"
        return _column(self.models[n], f'<pre style="{looks.WORDS}">{html.escape(words)}</pre>', state)

    def finish(self, rows: Sequence[Row], used: str = "") -> None:
        """Show the answers at rest, as far as they came."""
        self._tell()
        bundle = self._bundle(rows, used)
        facts = [display.kept(self.words.facts(row.answer)) for row in rows if row.answer is not None]
        kept = {"claude_magic": {"compare": facts}} if facts else {}
        if self.mode == "terminal":
            _print(bundle["text/plain"])
        elif self.pace.drawn and not self.outputs.clear(wait=True):
            self.outputs.show(bundle, kept, self.handle, update=True)
            self.outputs.show({}, {}, f"{self.handle}-live", update=True)
        else:
            self.outputs.show(bundle, kept)

    def clear(self) -> None:
        """Take away what was shown, where no answer came."""
        self._tell()
        if self.pace.drawn and not self.outputs.clear(wait=False):
            for handle in (self.handle, f"{self.handle}-live"):
                self.outputs.show({}, {}, handle, update=True)

    def _bundle(self, rows: Sequence[Row], used: str) -> dict[str, str]:
        columns = "".join(self._at_rest(row) for row in rows)
        line = " · ".join(part for part in (used, _together(rows)) if part)
        foot = f'<div style="{looks.LINE}">{html.escape(printable(line))}</div>'
        plain = "\n\n".join([*(self._plain(row) for row in rows), printable(line)])
        page = f'{looks.BOX} role="status" aria-live="polite"><div style="{GRID}">{columns}</div>{foot}</div>'
        return {"text/plain": plain, "text/html": page}

    def _at_rest(self, row: Row) -> str:
        parts, line, badge = [], "", None
        if row.answer is not None:
            look = typed.look(row.answer, "json" if self.format == "df" else self.format)
            shown = str(row.answer) if look.frame is not None else look.text
            parts.append(answer_html(shown, "json" if look.frame is not None else look.format))
            line, badge = self.words.line(row.answer), self.words.badge(row.answer)
        if row.error is not None:
            parts.append(f'<div style="{FAILED}">{html.escape(printable(_why(row.error)))}</div>')
        return _column(row.model, "".join(parts), line, badge)

    def _plain(self, row: Row) -> str:
        parts = [f"── {row.model} ──"]
        if row.answer is not None:
            parts += [printable(str(row.answer)), printable(self.words.line(row.answer))]
        if row.error is not None:
            parts.append(printable(_why(row.error)))
        return "\n".join(parts)


def _column(model: str, inside: str, line: str, badge: str | None = None) -> str:
    head = f'<div style="{HEAD}">{html.escape(printable(model))}</div>'
    return f'<div style="{COLUMN}"{looks.reach(inside)}>{head}{inside}{looks.line(line, badge)}</div>'


def _why(error: BaseException) -> str:
    hint = error.hint if isinstance(error, ClaudeError) else ""
    return f"{told(error)} → {hint}" if hint else told(error)


def _together(rows: Sequence[Row]) -> str:
    """Return what all of them cost; what was played or practised was not paid, and its source says so."""
    answers = [row.answer for row in rows if row.answer is not None]
    played = [answer.cost for answer in answers if answer.source == "replay"]
    paid = [answer.cost for answer in answers if answer.source != "replay"]
    sources = sorted({answer.source for answer in answers} - {"live"})
    cost = added(paid)
    money = "price unknown" if cost is None else f"{limits.usd(cost)} together"
    told = [*([money] if paid else []), *([replayed(added(played))] if played else [])]
    return " · ".join([f"{len(answers)} of {len(rows)} models", *told, *sources]) if answers else ""


def _print(text: str) -> None:
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    sys.stdout.write(f"{text}\n".encode(encoding, "backslashreplace").decode(encoding))
