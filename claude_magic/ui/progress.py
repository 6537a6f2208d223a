"""How far is long work, in figures and a bar?

The same for a map and for a batch. What is not known is left out.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from claude_magic.looks.readout import dollars, duration
from claude_magic.ui import styles
from claude_magic.ui.paper import Sheet

if TYPE_CHECKING:
    from collections.abc import Iterator


class Progress(NamedTuple):
    """How far work is. Counts are of requests, which equal rows share; `left` is in seconds, `rate` a second.

    `cost` None reads "price unknown"; `expected` is what all of it may cost, None where that is not known.
    """

    name: str
    state: str
    total: int
    done: int = 0
    failed: int = 0
    waiting: int = 0
    under_way: int = 0
    not_sent: int = 0
    before: int = 0
    canceled: int = 0
    cost: Decimal | None = Decimal(0)
    expected: Decimal | None = None
    rate: float | None = None
    left: float | None = None
    note: str = ""
    badge: str = ""
    going: bool = True

    @property
    def share(self) -> float:
        """How much of it is done, from 0 to 1."""
        return self.done / self.total if self.total else float(not self.going)

    @property
    def text(self) -> str:
        """It all in one line."""
        facts = (f"{name} {value} {note}".rstrip() for name, value, note in self._figures())
        return " · ".join([self.name, self.state, *facts, *filter(None, (self.note, self.badge))])

    def _figures(self) -> Iterator[tuple[str, str, str]]:
        some = ((self.before, "answered before"), (self.canceled, "canceled"))
        of_them = ", ".join(f"{many:,} {what}" for many, what in some if many)
        yield "done", f"{self.done:,} of {self.total:,}", of_them
        yield "failed", f"{self.failed:,}", f"{self.not_sent:,} not sent" if self.not_sent else ""
        if self.going:
            yield "waiting", f"{self.waiting:,}", f"{self.under_way:,} under way" if self.under_way else ""
        expected = f"about {dollars(self.expected)} in all" if self.going and self.expected else ""
        yield "cost", dollars(self.cost), expected
        if self.going and self.rate:
            each = (self.rate, "a second") if self.rate >= 1 else (self.rate * 60, "a minute")
            yield "rate", f"{each[0]:.1f}", each[1]
        if self.going and self.left is not None:
            yield "time left", duration(self.left) if self.left >= 60 else f"{self.left:.0f} s", ""


def sheet(now: Progress) -> Sheet:
    """Return it as cards, with a bar in the colour of how it goes."""
    amber = now.failed or now.canceled
    colour = "red" if now.failed and not now.going else "amber" if amber else "plain"
    cards = "".join(styles.figure(*figure) for figure in now._figures())  # noqa: SLF001 - of this file
    head = f"<b>{styles.text(now.name)}</b> {styles.text(now.state)} {styles.badge(now.badge)}"
    page = (
        f'<div style="margin-bottom:4px">{head}</div>{styles.bar(now.share, colour)}'
        f"{styles.cards(cards, least=140)}{styles.quiet(now.note)}"
    )
    return Sheet(styles.box(page, label=now.name), now.text)
