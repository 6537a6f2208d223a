"""What has been spent since the last cell began, in this notebook, and today?

The ledger says when a call came into the books, and IPython when a cell ended; nothing asks in between.
"""

from __future__ import annotations

import functools
import os
from datetime import UTC, datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from claude_magic import ledger, limits, settings
from claude_magic.cells.reports import BUDGETS
from claude_magic.ledger.sqlite import TOKENS
from claude_magic.talk import current
from claude_magic.ui import controls, hooks, styles
from claude_magic.ui.paper import Paper, Sheet

if TYPE_CHECKING:
    from collections.abc import Iterator

SUMS = (
    f"count(*), sum({' + '.join(f'coalesce({name}, 0)' for name in TOKENS if name != 'output_tokens')}), "
    "sum(coalesce(output_tokens, 0)), exact_sum(cost_usd), sum(cost_usd IS NULL)"
)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Spent(NamedTuple):
    """What calls of one scope took; `unknown` counts those whose price is not known."""

    scope: str
    calls: int = 0
    input: int = 0
    output: int = 0
    usd: Decimal = Decimal(0)
    unknown: int = 0

    @property
    def cost(self) -> str:
        """The cost in words."""
        if self.unknown and not self.usd:
            return "price unknown"
        return limits.usd(self.usd)

    @property
    def tokens(self) -> str:
        """The tokens in words, and which calls have no price."""
        calls = f"{self.calls:,} call{'s' * (self.calls != 1)}"
        some = f", {self.unknown:,} with price unknown" if 0 < self.unknown < self.calls else ""
        return f"{self.input:,} in · {self.output:,} out · {calls}{some}"


class Limit(NamedTuple):
    """A budget, and what is spent of it."""

    covers: str
    most: Decimal
    spent: Decimal

    @property
    def share(self) -> float:
        """How much of it is spent, from 0."""
        return float(self.spent / self.most) if self.most else 1.0

    @property
    def words(self) -> str:
        """The budget in words."""
        left = limits.usd(max(self.most - self.spent, Decimal(0)), ROUND_DOWN)
        much = f"{limits.usd(self.spent)} of {limits.usd(self.most)}"
        return f"Budget of {self.covers}: {much} ({self.share:.0%}), {left} left"


class CostMeter(controls.Panel):
    """Tokens and cost since the last cell began, of this notebook and today, while the kernel lives.

    It says what was spent with Claude, or in practice mode what practice would have cost.
    """

    def __init__(self) -> None:
        self.cell_began = datetime.now(UTC)
        self.paper = Paper(self._sheet)
        hooks.on_cell("pre_run_cell", self._begins)
        hooks.on_cell("post_run_cell", self.paper.soon)
        hooks.on_call(self.paper.soon)

    def spent(self) -> list[Spent]:
        """Return what all calls took since the last cell began, since the kernel started, and today (UTC)."""
        session, bucket = current.session_id(), _bucket()
        began = (self.cell_began - EPOCH) // timedelta(microseconds=1)
        today = f"{datetime.now(UTC):%Y-%m-%d}"
        return [
            _sum("since the last cell began", "session = ? AND time >= ?", (session, began), bucket),
            _sum("this notebook", "session = ?", (session,), bucket),
            _sum("today (UTC)", "day = ?", (today,), bucket),
        ]

    def _begins(self) -> None:
        self.cell_began = datetime.now(UTC)

    def _sheet(self) -> Sheet:
        spent, budgets, bucket = self.spent(), list(_budgets()), _bucket()
        cards = "".join(styles.figure(s.scope, s.cost, s.tokens) for s in spent)
        lines = "".join(
            f'<div style="margin-top:8px">{styles.text(b.words)}'
            f"{styles.bar(b.share, styles.filled(b.share))}</div>"
            for b in budgets
        )
        mark = "" if bucket == "live" else bucket
        page = f"{styles.cards(cards)}{lines}{styles.badge(mark)}"
        plain = [f"{s.scope}: {s.cost} · {s.tokens}" for s in spent]
        plain += [b.words for b in budgets] + ([mark] if mark else [])
        return Sheet(styles.box(page, label="Cost"), "\n".join(plain))


@functools.lru_cache(maxsize=1)
def _shared(_pid: int) -> CostMeter:
    return CostMeter()


def cost() -> CostMeter:
    """Return the meter of this notebook's tokens and cost; where a cell shows it, it stays up to date."""
    return _shared(os.getpid())


def _bucket() -> str:
    return "practice" if settings.practice().value else "live"


def _sum(scope: str, where: str, values: tuple[Any, ...], bucket: str) -> Spent:
    names = [name for name, of in limits.BUCKETS.items() if of == bucket]
    marks = ", ".join("?" * len(names))
    sql = f"SELECT {SUMS} FROM calls WHERE {where} AND source IN ({marks})"  # noqa: S608 - our own words
    calls, sent, written, usd, unknown = ledger.shared().query(sql, [*values, *names])[1][0]
    return Spent(scope, calls, sent or 0, written or 0, Decimal(usd or 0), unknown or 0)


def _budgets() -> Iterator[Limit]:
    """Yield the budgets that are set for more than one call; an unknown cost counts at its worst case."""
    books, source = ledger.shared(), _bucket()
    given: dict[str, dict[str, Any]] = {
        "session": {"session": current.session_id()},
        "day": {"day": datetime.now(UTC).date()},
    }
    for word, scope in given.items():
        name, covers = BUDGETS[word]
        most = settings.option(name).value
        if most is not None:
            yield Limit(covers, most, books.spent(**scope, source=source))
