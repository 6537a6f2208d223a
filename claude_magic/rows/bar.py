"""How is long work shown while somebody waits for it, and what stands in its place at the end?

A bar and a Stop button where a notebook is watched, tqdm's bar in a terminal; at the end one line. Nothing
goes to a log.
"""

from __future__ import annotations

import html
import os
import sys
from typing import TYPE_CHECKING, Any

from claude_magic.looks import parts as looks
from claude_magic.looks import watched

if TYPE_CHECKING:
    from collections.abc import Mapping

STYLE = "width:100%;max-width:32em;accent-color:var(--jp-brand-color1,#1976d2);margin:4px 0 0"


def drawn(share: float, label: str) -> str:
    """Return a bar as HTML, filled to a share from 0 to 1; `label` is for screen readers."""
    return (
        f'<progress aria-label="{html.escape(label)}" max="1" value="{share:.4f}" style="{STYLE}"></progress>'
    )


class Bar:
    """What is seen of work under way; `stop` stands on the button that interrupts it."""

    def __init__(self, stop: str, *, show: bool = True) -> None:
        self._stop, self._drawn = stop, False
        self._mode = watched.mode() if show else "off"
        self._line = _line() if self._mode == "terminal" and sys.stderr.isatty() else None
        self._handle = f"claude-magic-{os.urandom(8).hex()}"

    @property
    def is_seen(self) -> bool:
        """Whether somebody sees it while it goes on."""
        return self._line is not None or self._mode == "live"

    def draw(self, share: float, words: str, page: str) -> None:
        """Show how far it is: a share from 0 to 1, in words, and as HTML."""
        if self._line is not None:
            self._line.n = share
            self._line.set_description_str(words)
        elif self._mode == "live":
            if not self._drawn:  # in an output of its own: a button that is redrawn cannot be pressed
                looks.display({"text/plain": "", "text/html": looks.stop(self._stop)}, {}, self._handle)
            bundle = {"text/plain": words, "text/html": page}
            looks.display(bundle, {}, f"{self._handle}-live", update=self._drawn)
            self._drawn = True

    def note(self, words: str, page: str) -> None:
        """Show a line that stays."""
        if self._mode in ("live", "static"):
            looks.display({"text/plain": words, "text/html": page}, {})
        elif self._line is not None:
            self._line.write(words, file=sys.stderr)

    def end(self, words: str, page: str, kept: Mapping[str, Any] | None = None) -> bool:
        """Show what came of it in place of what was shown, and return whether anybody sees it.

        `kept` are figures that are saved with the notebook, never a prompt or a key.
        """
        if self._line is not None:
            self._line.close()
            self._line.write(words, file=sys.stderr)
        elif self._mode in ("live", "static"):
            bundle = {"text/plain": words, "text/html": page}
            facts = {} if kept is None else {"claude_magic": kept}
            looks.display(bundle, facts, self._handle, update=self._drawn)
            if self._drawn:
                looks.display({}, {}, f"{self._handle}-live", update=True)
        return self.is_seen or self._mode == "static"


def _line() -> Any:
    """Return tqdm's bar for a terminal, which shows nothing until it is drawn, and is gone when closed."""
    from tqdm.std import tqdm

    form = "{percentage:3.0f}%|{bar:20}| {desc}"
    return tqdm(total=1, bar_format=form, leave=False, dynamic_ncols=True, file=sys.stderr, delay=1e-9)
