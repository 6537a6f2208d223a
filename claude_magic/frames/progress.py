"""How far is a long piece of work, for whoever watches?

One line, which goes again: on a terminal's stderr, or as an output of a cell that was run by hand.
"""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, TypeVar

from claude_magic.looks import watched

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

T = TypeVar("T")
PATIENCE_S = 1.0


def counted(items: Sequence[T], what: str, *, show: bool = True) -> Generator[T]:
    """Yield the items; after a second a line such as "usage: 3 of 12 ranges" says how many are done."""
    write, since = (_writer() if show else None), time.monotonic()
    written = False
    try:
        for done, item in enumerate(items):
            if write and time.monotonic() - since > PATIENCE_S:
                write(f"{what}: {done} of {len(items)} ranges")
                written = True
            yield item
    finally:
        if write and written:
            write("")


def _writer() -> Callable[[str], None] | None:
    """Return what shows a line in place of the one before, or None where nobody watches."""
    mode = watched.mode()
    if mode == "terminal":
        return Line() if sys.stderr.isatty() else None
    return _Output() if mode == "live" else None


class Line:
    """A line of a terminal's stderr, written over and over."""

    def __init__(self) -> None:
        self._long = 0

    def __call__(self, text: str) -> None:
        """Show a text in place of the one before; "" leaves the line empty."""
        sys.stderr.write(f"\r{text:{self._long}}" + ("" if text else "\r"))
        sys.stderr.flush()
        self._long = len(text)


class _Output:
    """An output of the running cell; at the end it is empty."""

    def __init__(self) -> None:
        self._id = f"claude-magic-{os.urandom(8).hex()}"
        self._there = False

    def __call__(self, text: str) -> None:
        from IPython.display import display

        bundle = {"text/plain": text} if text else {}
        display(bundle, raw=True, display_id=self._id, update=self._there)  # type: ignore[no-untyped-call]
        self._there = True
