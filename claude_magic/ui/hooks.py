"""How does a panel hear of what happens elsewhere?

IPython tells of cells, the ledger of calls. Neither keeps a panel alive that nobody has any more.
"""

from __future__ import annotations

import contextlib
import weakref
from typing import TYPE_CHECKING, Any

from claude_magic import ledger

if TYPE_CHECKING:
    from collections.abc import Callable


def on_cell(event: str, method: Callable[[], None]) -> None:
    """Call a method at each "pre_run_cell" or "post_run_cell", while its object lives."""
    from IPython.core.getipython import get_ipython

    shell = get_ipython()
    if shell is None:
        return
    told = _weak(method, lambda: shell.events.unregister(event, hear))

    def hear(*_: Any) -> None:
        told()

    shell.events.register(event, hear)


def on_call(method: Callable[[], None]) -> None:
    """Call a method, in whatever thread it is, when a call came into the books, while its object lives."""
    told = _weak(method, lambda: ledger.watchers.remove(told))
    ledger.watchers.append(told)


def _weak(method: Callable[[], None], gone: Callable[[], object]) -> Callable[[], None]:
    """Return what calls a bound method while its object lives; `gone` is called when that has ended."""

    def end(_: object) -> None:
        with contextlib.suppress(ValueError):
            gone()

    found = weakref.WeakMethod(method, end)

    def told() -> None:
        if (alive := found()) is not None:
            alive()

    return told
