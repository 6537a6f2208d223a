"""Where is written what a reader needs later?

In an output of its own, which is drawn anew in its place and saved as it was last: a widget is lost with its
kernel. Whoever has news says so from any thread; nothing asks.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from contextvars import copy_context
from typing import TYPE_CHECKING, NamedTuple

from claude_magic.errors import printable
from claude_magic.looks import parts as looks
from claude_magic.looks import watched

if TYPE_CHECKING:
    from collections.abc import Callable

SHARE = 20  # drawing takes a twentieth of the time at most


class Sheet(NamedTuple):
    """What a paper says, as HTML and as plain text."""

    html: str
    text: str


def audience() -> str:
    """Return who reads: "live", "static", "terminal" as `watched.mode`, or "page" for Voila's.

    https://voila.readthedocs.io/en/stable/customize.html (environment variables)
    """
    if os.environ.get("SERVER_SOFTWARE", "").startswith("voila"):
        return "page"
    return watched.mode()


def is_watched() -> bool:
    """Say whether somebody is there to see it change, and to press a button."""
    return audience() in ("live", "page")


def page() -> str:
    """Return what names the page whose cell runs or whose button was pressed; opened anew it is another.

    Outputs of cells that ran in another page do not change in this one. In Voila, which runs them itself,
    they are widgets, which do.
    """
    if audience() == "page":
        return ""
    from IPython.core.getipython import get_ipython

    kernel = getattr(get_ipython(), "kernel", None)
    request = (kernel.get_parent() or {}) if kernel else {}
    return str(request.get("header", {}).get("session", ""))


class Paper:
    """An output that `draw` fills, at most ten times a second, with the last news never held back."""

    INTERVAL = 0.1  # seconds

    def __init__(self, draw: Callable[[], Sheet]) -> None:
        self._draw = draw
        self._id = f"claude-magic-{os.urandom(8).hex()}"
        self._lock, self._news = threading.RLock(), threading.Lock()
        self._timer: threading.Timer | None = None
        self._due = 0.0  # when the timer rings
        self._widget: object = None
        self._last: Sheet | None = None
        self._free = 0.0  # when it may be drawn again, by the monotonic clock

    @property
    def text(self) -> str:
        """What it says now, as plain text."""
        return self._draw().text

    def show(self) -> None:
        """Show it as an output of the running cell; it may be shown in several."""
        mode = audience()
        with self._lock:
            sheet = self._draw()
            if mode == "terminal":
                sys.stdout.write(f"{printable(sheet.text)}\n")
            elif mode == "page":
                self._on_page(sheet)
            else:
                looks.display(_bundle(sheet), {}, self._id)
            self._last = sheet if mode in ("live", "page") else None  # nobody sees a static one change

    def soon(self, after: float = 0.0) -> None:
        """Draw it anew as soon as it may be, or `after` so many seconds; from any thread."""
        with self._news:
            due = max(self._free, time.monotonic() + after)
            if self._last is None or (self._timer is not None and self._due <= due):
                return
            if self._timer is not None:
                self._timer.cancel()
            run = copy_context().run  # ipykernel finds the cell by context variables
            self._timer = threading.Timer(max(0.0, due - time.monotonic()), run, (self._in_time,))
            self._timer.daemon, self._due = True, due
            self._timer.start()

    def now(self) -> None:
        """Draw it anew at once."""
        with self._lock:
            began = time.monotonic()
            if self._last is None:
                return
            sheet = self._draw()
            if sheet != self._last:
                self._put(sheet)
                self._last = sheet
            ended = time.monotonic()
            self._free = ended + max(self.INTERVAL, SHARE * (ended - began))

    def _in_time(self) -> None:
        with self._news:
            self._timer = None
        self.now()

    def _put(self, sheet: Sheet) -> None:
        if self._widget is not None:
            self._widget.value = sheet.html  # type: ignore[attr-defined]
        else:
            looks.display(_bundle(sheet), {}, self._id, update=True)

    def _on_page(self, sheet: Sheet) -> None:
        """Voila keeps no outputs that could change, and saves nothing."""
        import ipywidgets
        from IPython.display import display

        self._widget = self._widget or ipywidgets.HTML(sheet.html)
        display(self._widget)  # type: ignore[no-untyped-call]


def _bundle(sheet: Sheet) -> dict[str, str]:
    return {"text/plain": printable(sheet.text), "text/html": sheet.html}
