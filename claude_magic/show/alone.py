"""Has a cell shown anything but this answer?

If not, all that it shows can be taken away at once, and nothing empty stays in the saved notebook. So what a
kernel sends is counted by the cell that it belongs to.
"""

from __future__ import annotations

import functools
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

from claude_magic.looks import parts as looks

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MAKES = frozenset(["display_data", "execute_result", "stream", "error"])
"""The messages that make an output: https://jupyter-client.readthedocs.io/en/stable/messaging.html"""
KEPT = 100  # cells whose outputs are counted


class Outputs:
    """The outputs of one answer in a cell."""

    def __init__(self) -> None:
        self.request, self.made = _request(), 0

    def show(
        self, bundle: Mapping[str, str], metadata: Mapping[str, Any], handle: str = "", update: bool = False
    ) -> None:
        """Show a bundle as `looks.display` does."""
        self.made += not update
        looks.display(bundle, metadata, handle, update)

    def clear(self, *, wait: bool) -> bool:
        """Take the cell's outputs away, with `wait` when the next one comes; False where others are there."""
        for stream in (sys.stdout, sys.stderr):
            stream.flush()  # or what was printed is not counted yet
        if not self.made or self.made != _made.get(self.request):
            return False
        from IPython.display import clear_output

        clear_output(wait=wait)  # type: ignore[no-untyped-call]
        return True


_made: Counter[str] = Counter()
"""How many outputs the cells have, by the requests that run them; not of a cell that was running before."""
_running: set[str] = set()


def install(ip: Any) -> None:
    """Count from now on; installing twice changes nothing."""
    session = getattr(ip.display_pub, "session", None)
    if session is not None and not hasattr(session.msg, "counts"):
        _running.add(_request())
        session.msg = _counted(session.msg)


def uninstall(ip: Any) -> None:
    """Count no more."""
    session = getattr(ip.display_pub, "session", None)
    if session is not None and hasattr(session.msg, "counts"):
        del session.msg  # the class's own method shows again
        _made.clear()


def _counted(msg: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(msg)
    def make(msg_type: str, content: Any = None, parent: Any = None, *rest: Any, **more: Any) -> Any:
        if msg_type in MAKES and parent:
            name = parent.get("header", parent).get("msg_id")
            if name not in _running:
                _made[name] += 1
                if len(_made) > KEPT:
                    _made.pop(next(iter(_made)))
        return msg(msg_type, content, parent, *rest, **more)

    make.counts = True  # type: ignore[attr-defined]
    return make


def _request() -> str:
    """Return the id of the request that runs the cell, "" where there is no kernel."""
    ipython = sys.modules.get("IPython")
    kernel = getattr(ipython.get_ipython() if ipython else None, "kernel", None)
    request = (kernel.get_parent() or {}) if kernel else {}
    return str(request.get("header", {}).get("msg_id", ""))
