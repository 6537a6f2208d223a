"""Does somebody watch an output grow?"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


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


def cell_number(shell: Any) -> str:
    """Return the number of the cell that is running, as In[…] shows it."""
    return str(max(shell.execution_count - 1, 1))


def cell() -> str | None:
    """Return the number of the cell that is running, None where there are no cells."""
    shell = _shell()
    return None if shell is None else cell_number(shell)


def _in_widget(request: Mapping[str, Any]) -> bool:
    """Return whether an Output widget takes this cell's output: it shows displays and drops their updates."""
    widgets = getattr(sys.modules.get("ipywidgets.widgets.widget"), "_instances", {})
    name = request.get("header", {}).get("msg_id")
    return any(getattr(w, "msg_id", None) == name for w in list(widgets.values()))


def _shell() -> Any:
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython and hasattr(ipython, "get_ipython") else None
