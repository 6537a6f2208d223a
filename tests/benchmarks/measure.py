"""How is a cost measured, and how is it shown?"""

from __future__ import annotations

import gc
import os
import subprocess
import tempfile
import time
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence


class Row(NamedTuple):
    """One line of the table; `target` is a ratio to the column `against`, or an amount where that is ""."""

    what: str
    unit: str
    ours: float
    bare: float | None = None
    sdk: float | None = None
    against: str = ""
    target: float | None = None

    @property
    def ratio(self) -> float:
        """Ours over what the target is against; ours itself where that is nothing."""
        return self.ours / getattr(self, self.against) if self.against else self.ours


def cheapest(ways: dict[str, Callable[[], object]], *, rounds: int, events: int = 1) -> dict[str, float]:
    """Return the least CPU of each way, in microseconds an event; the ways take turns, so noise meets all."""
    least = dict.fromkeys(ways, float("inf"))
    for _ in range(rounds):
        for name, way in ways.items():
            gc.collect()
            begun = time.process_time()
            way()
            least[name] = min(least[name], (time.process_time() - begun) * 1e6 / events)
    return least


def child_cpu(command: Sequence[str]) -> float:
    """Return the CPU of a command, in milliseconds."""
    process = subprocess.Popen(command, env=environment())
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return (used.ru_utime + used.ru_stime) * 1e3


def environment(**more: str) -> dict[str, str]:
    """Return an environment for a child: no keys, and bytecode that is written once and then read.

    The first child compiles what it imports, as on the day of installing; it is the later ones that count.
    """
    ours = ("ANTHROPIC_", "CLAUDE_MAGIC_", "PYTHONDONTWRITEBYTECODE")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return kept | {"PYTHONPYCACHEPREFIX": _bytecode().name} | more


@cache
def _bytecode() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory()


def table(rows: Iterable[Row]) -> str:
    """Return the rows as a Markdown table."""
    lines = [
        "| what | unit | ours | bare httpx2 | official SDK | ratio | target | met |",
        "|---|---|--:|--:|--:|--:|--:|---|",
    ]
    for row in rows:
        goal = (
            ""
            if row.target is None
            else f"≤ {row.target:g}" + (f"× {row.against}" if row.against else f" {row.unit}")
        )
        ratio = f"{row.ratio:.3f}× {row.against}" if row.against else ""
        met = "" if row.target is None else "yes" if row.ratio <= row.target else "**no**"
        cells = (row.what, row.unit, _number(row.ours), _number(row.bare), _number(row.sdk), ratio, goal, met)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}" if value < 1000 else f"{value:,.0f}"
