"""Which cell failed last, and how?

IPython says after each cell what came of it; `%run` shows an error without saying so, but leaves it in `sys`.
Cells of our own magics do not count, nor do interrupts.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeGuard

from claude_magic.errors import ClaudeError
from claude_magic.repair import tracebacks

if TYPE_CHECKING:
    from claude_magic.repair.tracebacks import CellOf, Place

OURS = re.compile(r"\s*(?:[^\W\d]\w*\s*=\s*)?%%?claude\b")
NAME = "Err"
"""What stands for the last error in a prompt."""
THIS, OTHER = "this cell", "another cell"
"""What the cell that failed is called in what is sent, and one that it called.

Their numbers are other ones when the notebook runs again, and a recorded answer would not be found.
"""


@dataclass
class Failure:
    """An error of a cell: `cell` is its source as written and `number` its In[…], or None."""

    error: BaseException
    cell: str
    number: int | None
    cell_of: CellOf

    @property
    def type(self) -> str:
        """The class of the error, such as "KeyError"."""
        return tracebacks.kind(self.error)

    @property
    def message(self) -> str:
        """What the error says."""
        return tracebacks.message(self.error)

    @property
    def traceback(self) -> str:
        """The traceback in short, without cell numbers, the paths of this machine shortened."""
        known = {self.number: THIS} if self.number else {}

        def called(number: int) -> str:
            others = sum(name != THIS for name in known.values())
            return known.setdefault(number, f"{OTHER} {others + 1}" if others else OTHER)

        for path in self.paths:  # the innermost of the others is the first
            if number := self.cell_of(path):
                called(number)
        return tracebacks.told(self.error, self.cell_of, called)

    @property
    def name(self) -> str:
        """What the failed cell is called."""
        return f"In[{self.number}]" if self.number else "the cell"

    @property
    def places(self) -> list[Place]:
        """The frames of the traceback, the innermost last."""
        return tracebacks.places(self.error, self.cell_of)

    @property
    def paths(self) -> list[str]:
        """The files that the error is in, the innermost first."""
        syntax = [self.error.filename or ""] if isinstance(self.error, SyntaxError) else []
        return [*syntax, *(place.path for place in reversed(self.places))]

    def __repr__(self) -> str:
        return f"{self.traceback}\n\n{THIS}:\n{self.cell}"


class Watcher:
    """What is known of the cells of one shell."""

    def __init__(self, shell: Any) -> None:
        self.cell_of = tracebacks.cells_of(shell)
        self.history = shell.history_manager
        self.seen = _left()
        self.last = self._before(self.seen)

    def ran(self, result: Any) -> None:
        """Take in what came of a cell; for IPython's event `post_run_cell`."""
        source = result.info.raw_cell or ""
        number = result.execution_count if result.info.store_history else None
        error, shown = result.error_before_exec or result.error_in_exec, _left()
        if error is None and shown is not self.seen:
            error = shown
        self.seen = shown
        last = self.last
        if number and last and last.number is None and last.error is shown:
            self.last = self._failure(last.error, source, number)  # a cell within this one failed
        elif _counts(error) and not OURS.match(source):
            self.last = self._failure(error, source, number)

    def _failure(self, error: BaseException, source: str, number: int | None) -> Failure:
        """Return a failure with the numbers of its cells, as they are now: to run a cell again changes its.

        What seems to be a later cell ran within this one, such as that of %%capture.
        """
        found = {name: self.cell_of(name) for name in set(tracebacks.files(error))}
        cells = {name: min(n, number or n) for name, n in found.items() if n}
        return Failure(error, source, number, cells.get)

    def _before(self, error: BaseException | None) -> Failure | None:
        """Return the failure that was there before anybody watched."""
        if not _counts(error):
            return None
        number = next((n for name in tracebacks.files(error) if (n := self.cell_of(name))), None)
        cells = self.history.input_hist_raw
        return self._failure(error, cells[number], number) if number and number < len(cells) else None


_watchers: dict[Any, Watcher] = {}


def install(shell: Any) -> None:
    """Watch a shell's cells from now on; installing twice changes nothing."""
    if shell not in _watchers:
        _watchers[shell] = watcher = Watcher(shell)
        shell.events.register("post_run_cell", watcher.ran)


def uninstall(shell: Any) -> None:
    """Stop watching."""
    if watcher := _watchers.pop(shell, None):
        shell.events.unregister("post_run_cell", watcher.ran)


def last(shell: Any) -> Failure | None:
    """Return the last error of a shell's cells, or None."""
    watcher = _watchers.get(shell)
    return watcher.last if watcher else None


def named(shell: Any) -> dict[str, Any]:
    """Return the last error under its name for prompts; nothing where there is none."""
    failure = last(shell)
    return {NAME: failure} if failure else {}


def _left() -> BaseException | None:
    """Return the error that was shown last: https://docs.python.org/3/library/sys.html#sys.last_value."""
    return getattr(sys, "last_value", None)


def _counts(error: BaseException | None) -> TypeGuard[BaseException]:
    return error is not None and not isinstance(error, ClaudeError | KeyboardInterrupt | SystemExit)
