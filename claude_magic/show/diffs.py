"""What would change in a cell?

A unified diff, as text, in colours, and as HTML in which nothing of the code can be more than text.
"""

from __future__ import annotations

import difflib
import html
import sys
from typing import NamedTuple

from claude_magic.errors import printable
from claude_magic.looks import parts as looks
from claude_magic.looks.markup import PRE
from claude_magic.show import display

MOST_LINES = 1_500  # of a source; comparing more could take minutes
AROUND = 3  # lines that stay, shown around a change
GREEN, RED = "rgba(46,160,67,.20)", "rgba(248,81,73,.20)"
TERMINAL = {"+": "\x1b[32m", "-": "\x1b[31m", "@": "\x1b[36m"}
CODE = f"{PRE};font-family:var(--jp-code-font-family,monospace);font-size:var(--jp-code-font-size,13px)"
INK = "color:var(--jp-ui-font-color1,inherit);background:transparent;line-height:1.4"


class Diff(NamedTuple):
    """The lines of a unified diff, "---" and "+++" first; none where nothing changes."""

    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        """The diff as text, with controls made visible."""
        return printable("\n".join(self.lines))

    @property
    def html(self) -> str:
        """The diff as HTML: lines that come and go on green and red."""
        shown = "".join(_line(printable(line)) for line in self.lines[2:])
        return f'{looks.BOX}><pre style="{CODE};{INK}">{shown}</pre></div>'

    def show(self) -> None:
        """Show it, coloured."""
        if display.mode() != "terminal":
            looks.display({"text/plain": self.text, "text/html": self.html}, {})
            return
        colours = TERMINAL if sys.stdout.isatty() else {}
        for line in self.text.split("\n"):
            colour = colours.get(line[:1], "")
            sys.stdout.write(f"{colour}{line}{colour and chr(27) + '[0m'}\n")


def diff(before: str, after: str, name: str) -> Diff | None:
    """Return what changes from one source to another; None where they are too long to compare."""
    old, new = before.rstrip().split("\n"), after.rstrip().split("\n")
    if max(len(old), len(new)) > MOST_LINES:
        return None
    made = difflib.unified_diff(old, new, name, f"{name}, corrected", n=AROUND, lineterm="")
    return Diff(tuple(line.rstrip("\r") for line in made))


def _line(line: str) -> str:
    colour = {"+": GREEN, "-": RED}.get(line[:1], "transparent")
    dim = ";opacity:.6" if line.startswith("@@") else ""
    shown = html.escape(line) or " "
    return f'<span style="display:block;background:{colour}{dim}">{shown}</span>'
