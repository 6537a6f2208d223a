"""How is a value shown, live and at rest?

What a model wrote is never trusted: in a cell that was just run, JupyterLab runs the scripts of text/html
and text/markdown. So every bundle is the text itself as text/plain and HTML made by `markup`, nothing else.
"""

from __future__ import annotations

import contextlib
import html
import os
import sys
import threading
import time
from contextvars import copy_context
from decimal import ROUND_HALF_UP, Decimal
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Self

from claude_magic.errors import printable
from claude_magic.markup import PRE, answer_html

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

__all__ = ["View", "answer_html", "mode", "readout"]

METADATA = (  # what may be kept with an output; nothing a prompt or a key could be in
    "model", "usage", "cost", "request_id", "source", "stop_reason", "seconds", "turn", "thread", "outcome",
)  # fmt: skip

QUIET = "color:var(--jp-ui-font-color2,#767676);font:12px/1.5 var(--jp-ui-font-family,system-ui,sans-serif)"
LINE = f"{QUIET};margin-top:6px;overflow-wrap:anywhere;word-break:normal;font-variant-numeric:tabular-nums"
PILL = (
    "border:1px solid var(--jp-warn-color1,#b26a00);color:var(--jp-ui-font-color1,inherit);border-radius:8px;"
    "padding:0 7px;font-size:11px;white-space:nowrap"
)
BUTTON = (
    "font:12px var(--jp-ui-font-family,system-ui,sans-serif);color:var(--jp-ui-font-color1,#222);"
    "background:var(--jp-layout-color2,#eee);border:1px solid var(--jp-border-color1,#bbb);border-radius:3px;"
    "padding:2px 10px;margin:2px 0;cursor:pointer"
)
WORDS = f"{PRE};font-family:var(--jp-content-font-family,system-ui,sans-serif)"
DIM = "color:var(--jp-ui-font-color2,#767676);max-height:9em;overflow:hidden"

# contain: whatever the content asks for, nothing is painted outside this box; what is wider scrolls in it.
# mathjax_ignore: a "$0.01" here and a "$" there are not a formula.
BOX = '<div class="claude-magic mathjax_ignore tex2jax_ignore" style="contain:content;overflow:auto"'

# An output of its own, never redrawn while it is there: a press of 150 ms on a button that is redrawn at
# 10 Hz is lost, and so is the focus.
STOP = (
    f'{BOX}><button type="button" data-commandlinker-command="notebook:interrupt-kernel" '
    f'data-commandlinker-args="{{}}" aria-label="Stop this answer" style="{BUTTON}" '
    'title="Interrupt the kernel, as ■ in the toolbar does">■ Stop</button></div>'
)


def mode() -> str:
    """Return "live" when someone watches the output grow, "static" when nobody does, or "terminal".

    The execute request's `allow_stdin` tells: nbclient, nbconvert, papermill and nbval run cells without it.
    `CLAUDE_MAGIC_DISPLAY` (live, static) overrides it.
    """
    shell = _shell()
    if shell is None:
        return "terminal"
    if (asked := os.environ.get("CLAUDE_MAGIC_DISPLAY", "").strip().lower()) in {"live", "static"}:
        return asked
    if type(shell.display_pub).__name__ == "CapturingDisplayPublisher":
        return "static"
    if (kernel := getattr(shell, "kernel", None)) is None:
        return "terminal"
    request = kernel.get_parent() or {}
    watched = request.get("content", {}).get("allow_stdin") and not _in_widget(request)
    return "live" if watched else "static"


def _in_widget(request: Mapping[str, Any]) -> bool:
    """Return whether an Output widget takes this cell's output: it shows displays and drops their updates."""
    widgets = getattr(sys.modules.get("ipywidgets.widgets.widget"), "_instances", {})
    name = request.get("header", {}).get("msg_id")
    return any(getattr(w, "msg_id", None) == name for w in list(widgets.values()))


def _shell() -> Any:
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython and hasattr(ipython, "get_ipython") else None


class View:
    """One answer on its way to a reader: feed it as a `Watch`, then end it once.

    As a context manager it ends as failed when the block leaves it without an end.
    """

    def __init__(self, *, format: str = "markdown", badge: str | None = None, quiet: bool = False) -> None:
        self.mode = mode()
        self.format, self.badge, self.quiet = format, badge, quiet
        self._ended, self._said = False, [""]
        self._live = _Live(badge) if self.mode == "live" else None
        self._terminal = _Terminal() if self.mode == "terminal" else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, _: object, __: TracebackType | None) -> None:
        if not self._ended:
            self.failed()

    def text(self, piece: str) -> None:
        """Show the next piece of the answer."""
        self._said.append(piece)
        if self._live:
            self._live.news.put(("text", piece))
        elif self._terminal:
            self._terminal.write(piece)

    def thinking(self, piece: str) -> None:
        """Show the next piece of the model's thinking."""
        if self._live:
            self._live.news.put(("thinking", piece))

    def waiting(self, seconds: float, why: str) -> None:
        """Show that the call goes on in `seconds`, counting down, and why."""
        if self._live:
            self._live.news.put(("waiting", (time.monotonic() + seconds, why)))
        elif self._terminal:
            self._terminal.wait(seconds, why)

    def finish(
        self, text: str, *, readout: str = "", metadata: Mapping[str, Any] | None = None, thinking: str = ""
    ) -> None:
        """Show the whole answer at rest."""
        self._end(text, readout, metadata, thinking)

    def stopped(self, text: str, readout: str = "", metadata: Mapping[str, Any] | None = None) -> None:
        """Show what had arrived when the reader stopped it."""
        self._end(text, readout, metadata, note="[stopped]")

    def failed(
        self, text: str | None = None, readout: str = "", metadata: Mapping[str, Any] | None = None
    ) -> None:
        """Show what had arrived (None: all that was fed) when the call failed; nothing when nothing had."""
        text = "".join(self._said) if text is None else text
        self._end(text, readout, metadata, note="[broken off]" if text else "")

    def _end(
        self, text: str, readout: str, metadata: Mapping[str, Any] | None, thinking: str = "", note: str = ""
    ) -> None:
        if self._ended:
            return
        self._ended = True
        line = "" if self.quiet else readout
        if self._terminal:
            self._terminal.end(text, " · ".join(p for p in (note, line or (self.badge if text else "")) if p))
            return
        bundle = self._bundle(text, line, thinking, note) if text or thinking or note or line else {}
        kept = {"claude_magic": _kept(metadata)} if metadata and bundle else {}
        if self._live:
            self._live.end(bundle, kept)
        elif bundle:
            _display(bundle, kept)

    def _bundle(self, text: str, readout: str, thinking: str, note: str) -> dict[str, str]:
        parts = [
            _thoughts(thinking),
            answer_html(text, self.format) if text else "",
            _line(readout, self.badge, note),
        ]
        return {
            "text/plain": printable("\n".join(p for p in (text, note) if p) or readout),
            "text/html": f'{BOX} role="status" aria-live="polite">{"".join(parts)}</div>',
        }


def _kept(metadata: Mapping[str, Any]) -> dict[str, Any]:
    return {
        k: str(v) if isinstance(v, Decimal) else v for k in METADATA if (v := metadata.get(k)) is not None
    }


def _line(text: str, badge: str | None, note: str = "") -> str:
    """Return the quiet line under an answer, the badge as a pill at its end."""
    facts = " · ".join(p for p in (note, text.removesuffix(f" · {badge}") if badge else text) if p)
    pill = f' <span style="{PILL}">{html.escape(badge)}</span>' if badge else ""
    return f'<div style="{LINE}">{html.escape(facts)}{pill}</div>' if facts or pill else ""


def _thoughts(thinking: str) -> str:
    if not thinking:
        return ""
    body = f'<pre style="{WORDS};{QUIET}">{html.escape(printable(thinking))}</pre>'
    return f'<details style="margin-bottom:6px"><summary style="{QUIET}">Thinking</summary>{body}</details>'


def _display(
    bundle: Mapping[str, str], metadata: Mapping[str, Any], handle: str = "", update: bool = False
) -> None:
    from IPython.display import display

    named: dict[str, Any] = {"display_id": handle} if handle else {}
    if update:
        named["update"] = True
    display(dict(bundle), raw=True, metadata=dict(metadata), **named)  # type: ignore[no-untyped-call]


class _Live:
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
        (self.said if kind == "text" else self.thought).append(what)
        self.length, self.wait = self.length + len(what), (0.0, "")

    def _draw(self) -> None:
        first, self.drawn = not self.drawn, time.monotonic()
        if first:
            _display({"text/plain": "", "text/html": STOP}, {}, self.answer)
        said, thought = printable("".join(self.said)), printable("".join(self.thought))
        _display(
            {"text/plain": said, "text/html": self._html(said, thought)}, {}, self.grows, update=not first
        )

    def _html(self, said: str, thought: str) -> str:
        tail = "" if said else thought[-600:]
        parts = [f'<pre style="{WORDS};{DIM}">{html.escape(tail)}</pre>'] if tail else []
        parts += [f'<pre style="{WORDS}">{html.escape(said)}</pre>'] if said else []
        return f'{BOX} aria-busy="true">{"".join(parts)}{_line(self._meter(), self.badge)}</div>'

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
            _display(bundle, metadata, self.answer, update=True)
            _display({}, {}, self.grows, update=True)
        elif bundle:
            _display(bundle, metadata)


class _Terminal:
    """Prints text as it comes, with nothing in it that could move the cursor."""

    def __init__(self) -> None:
        self.last, self.why = "", ""

    def write(self, text: str) -> None:
        """Print text at once, in what the terminal's encoding has."""
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

    def end(self, text: str, line: str) -> None:
        """Print what was not printed yet, then the readout line."""
        if not self.last:
            self.write(text)
        if self.last and not self.last.endswith("\n"):
            self.write("\n")
        if line:
            self.write(f"{line}\n")


def readout(
    *,
    seconds: float,
    usage: Mapping[str, Any] | None,
    cost: Decimal | None,
    model: str,
    turn: int | None = None,
    source: str = "live",
) -> str:
    """Return the line under an answer: time, tokens, cost in USD, model, turn, and any source but live."""
    used = usage or {}
    cached = used.get("cache_read_input_tokens") or 0
    sent = (used.get("input_tokens") or 0) + cached + (used.get("cache_creation_input_tokens") or 0)
    facts = [
        _duration(seconds),
        f"{sent:,} in ({cached:,} cached)" if cached else f"{sent:,} in",
        f"{used.get('output_tokens') or 0:,} out",
        _dollars(cost),
        model,
        f"turn {turn}" if turn else "",
        "" if source == "live" else source,
    ]
    return " · ".join(f for f in facts if f)


def _duration(seconds: float) -> str:
    if seconds >= 60:
        return f"{seconds // 60:.0f} min {seconds % 60:.0f} s"
    return f"{seconds:.1f} s" if seconds >= 0.1 else f"{max(seconds, 0.01):.2f} s"


def _dollars(cost: Decimal | None) -> str:
    """Return USD with cents, below 10 cents with two significant digits; what is not known is not 0."""
    if cost is None:
        return "price unknown"
    places = 2 if not cost or cost >= Decimal("0.1") else 1 - cost.adjusted()
    amount = f"{cost.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP):,f}"
    whole, _, part = amount.partition(".")
    return f"${whole}.{part.rstrip('0').ljust(2, '0')}"
