"""May this call of a tool be made?

The reader is asked where somebody can answer: at a terminal, or in a cell that somebody runs. The name and
every argument are shown before (O2).
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from claude_magic.errors import printable

if TYPE_CHECKING:
    from collections.abc import Callable

YES, NO = ("y", "yes"), ("", "n", "no")


def asker() -> Callable[[str, dict[str, Any]], bool | str] | None:
    """Return what asks the reader, or None where nobody can be asked."""
    return by_input if _somebody_is_there() else None


def by_input(name: str, arguments: dict[str, Any]) -> bool | str:
    """Ask whether a function may be called; what is typed in place of y or n is the reason why not."""
    try:
        said = input(f"{call(name, arguments)}\nRun it? y, or n, or why not: ").strip()
    except (EOFError, NotImplementedError):  # IPython's StdinNotImplementedError is one
        return "nobody could be asked"
    if said.lower() in YES:
        return True
    return False if said.lower() in NO else said


def call(name: str, arguments: dict[str, Any]) -> str:
    """Return a call as Python writes it; long or many-lined arguments stand on lines of their own."""
    given = [f"{key}={value!r}" for key, value in arguments.items()]
    line = f"{name}({', '.join(given)})"
    if len(line) <= 80:
        return printable(line)
    rows = [f"    {key}={_lines(value)}," for key, value in arguments.items()]
    return printable("\n".join([f"{name}(", *rows, ")"]))


def _lines(value: Any) -> str:
    """Return a value as it is read best: a text of several lines as those lines, in them nothing unseen."""
    if isinstance(value, str) and "\n" in value:
        whole = value.replace("\\", r"\\").replace('"""', r"\"\"\"")
        seen = (c if c == "\n" or c.isprintable() else c.encode("unicode_escape").decode() for c in whole)
        return '"""' + "".join(seen).replace("\n", "\n        ") + '"""'
    return repr(value)


def _somebody_is_there() -> bool:
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython and hasattr(ipython, "get_ipython") else None
    kernel = getattr(shell, "kernel", None)
    if kernel is not None:
        request = kernel.get_parent() or {}
        return bool(request.get("content", {}).get("allow_stdin"))
    return sys.stdin is not None and not sys.stdin.closed and sys.stdin.isatty()
