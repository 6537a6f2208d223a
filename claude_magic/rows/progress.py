"""How is a map under way shown, and what is said of it at the end?

One line. While it goes on it has a bar and a Stop button where a notebook is watched, or is written over and
over in a terminal; at rest it says what was answered, spent, and how long it took. Nothing goes to a log.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from claude_magic.looks import parts as looks
from claude_magic.looks.readout import dollars, duration, replayed
from claude_magic.protocol.catalog import added
from claude_magic.rows.bar import Bar, drawn
from claude_magic.rows.outcome import PAID

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from claude_magic.rows.outcome import Outcome
    from claude_magic.rows.tally import Tally

PATIENCE_S = 0.3  # until there is anything to look at
EVERY_S = 0.2  # between two drawings


class Sums:
    """What came of the rows so far; `cost` is what was paid in this run, None where a price is not known."""

    def __init__(self, rows: int, reused: int = 0) -> None:
        self.rows, self.reused = rows, reused
        self.ok = self.failed = self.not_sent = self.answers = 0
        self.input_tokens = self.output_tokens = 0
        self.cost: Decimal | None = Decimal(0)
        self.why = ""  # some are not sent
        self._facts: dict[tuple[Any, ...], dict[str, Any]] = {}

    @property
    def done(self) -> int:
        """Rows that have an outcome."""
        return self.ok + self.failed + self.not_sent

    def rows_are(self, status: str, times: int = 1) -> None:
        """Count rows that came out so."""
        if status == "ok":
            self.ok += times
        elif status == "not_sent":
            self.not_sent += times
        else:
            self.failed += times

    def add(self, outcome: Outcome, times: int = 1) -> None:
        """Count the outcome of a request that was made in this run, for so many rows."""
        self.rows_are(outcome.status, times)
        if outcome.status == "not_sent" and outcome.error_type:
            self.why = self.why or outcome.error or ""
        self.answers += outcome.status != "not_sent"
        read = (outcome.cache_read_tokens, outcome.cache_write_5m_tokens, outcome.cache_write_1h_tokens)
        self.input_tokens += sum(count or 0 for count in (outcome.input_tokens, *read))
        self.output_tokens += outcome.output_tokens or 0
        if outcome.status in PAID:
            self._keep(outcome)
            if self.cost is not None:
                self.cost = None if outcome.cost_usd is None else self.cost + outcome.cost_usd

    def _keep(self, one: Outcome) -> None:
        """Add an answer to the facts of its source and model; those without a price stand apart."""
        key = (one.source, one.model, one.cost_usd is None)
        new = {"answers": 0, "usage": Counter[str](), "cost": Decimal(0)}
        facts = self._facts.setdefault(key, {"model": one.model, "source": one.source, **new})
        written = (one.cache_write_5m_tokens or 0) + (one.cache_write_1h_tokens or 0)
        facts["usage"].update(
            input_tokens=one.input_tokens or 0,
            output_tokens=one.output_tokens or 0,
            cache_read_input_tokens=one.cache_read_tokens or 0,
            cache_creation_input_tokens=written,
        )
        facts["answers"] += 1
        facts["cost"] = None if one.cost_usd is None else facts["cost"] + one.cost_usd

    @property
    def facts(self) -> dict[str, Any]:
        """What is kept with the output: figures as an answer's, for each source and model."""
        return {"rows": [*map(_kept, self._facts.values())]}

    def _money(self) -> str:
        """Return what was paid for; what was played was not."""
        costs: dict[bool, list[Decimal | None]] = {}
        for facts in self._facts.values():
            costs.setdefault(facts["source"] == "replay", []).append(facts["cost"])
        told = ((replayed if played else dollars)(added(costs[played])) for played in sorted(costs))
        return " · ".join(told) or dollars(self.cost)

    def told(self, seconds: float, note: str = "") -> str:
        """Return it as one line."""
        facts = (
            note,
            f"{self.rows:,} row{'s' * (self.rows != 1)}",
            f"{self.ok:,} ok",
            f"{self.failed:,} failed" if self.failed else "",
            f"{self.not_sent:,} not sent" + (f": {self.why}" if self.why else "") if self.not_sent else "",
            f"{self.rows - self.done:,} not reached" if self.done < self.rows else "",
            f"{self.reused:,} answered before" if self.reused else "",
            f"{self.input_tokens:,} in · {self.output_tokens:,} out · {self._money()}"
            if self.answers
            else "",
            duration(seconds),
        )
        return " · ".join(fact for fact in facts if fact)


def _kept(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return facts as JSON; what was paid has an id, by which a bill knows the copies of an output."""
    named = {"id": os.urandom(8).hex()} if facts["source"] == "live" else {}
    cost = {} if facts["cost"] is None else {"cost": str(facts["cost"])}
    return {**facts, "usage": dict(+facts["usage"]), **named, **cost}


class State(NamedTuple):
    """Where a map is: how much of it is done (0 to 1), and that in words."""

    share: float
    words: str


def state(sums: Sums, tally: Tally) -> State:
    """Say how far a map is, what is spent, what all of it may cost, and how long it still takes."""
    left = max(tally.total - tally.done, 0)
    whole = tally.spent * tally.total / tally.done if tally.spent and tally.done else None
    facts = (
        f"{sums.done:,} of {sums.rows:,} rows",
        f"{sums.ok:,} ok",
        f"{sums.failed:,} failed" if sums.failed else "",
        f"{tally.in_flight:,} under way",
        f"{max(left - tally.in_flight, 0):,} waiting",
        f"{dollars(tally.spent)} spent" + (f", about {dollars(whole)} in all" if whole and left else ""),
        f"about {duration(max(left / tally.rate, tally.least))} left" if left and tally.rate else "",
        f"paused for {tally.paused:.0f} s: {tally.why}" if tally.paused and tally.why else tally.why,
    )
    share = sums.done / sums.rows if sums.rows else 1.0
    return State(share, " · ".join(fact for fact in facts if fact))


class Often:
    """Tells a function of a map under way, five times a second at most."""

    def __init__(self, tell: Callable[[Tally], object]) -> None:
        self._tell, self._next = tell, 0.0
        self._kept: Tally | None = None  # not told of

    def __call__(self, tally: Tally) -> None:
        """Tell of it, or keep it where the last one was told a moment ago."""
        self._kept = tally
        if time.monotonic() >= self._next:
            self.last()
            self._next = time.monotonic() + EVERY_S

    def last(self) -> None:
        """Tell of what was kept."""
        if self._kept is not None:
            tally, self._kept = self._kept, None
            self._tell(tally)


class Meter:
    """Shows a map under way to whoever watches. It is told of a tally as often as there is news."""

    def __init__(self, sums: Sums, source: str, *, show: bool = True) -> None:
        self.sums, self.badge = sums, None if source == "live" else source
        self.began = time.monotonic()
        self._next = self.began + PATIENCE_S
        self._bar = Bar("Stop these rows", show=show)

    @property
    def seconds(self) -> float:
        """How long it has been going on."""
        return time.monotonic() - self.began

    def note(self, text: str) -> None:
        """Show a line that stays."""
        self._bar.note(text, f"{looks.BOX}>{looks.line(text, None)}</div>")

    def __call__(self, tally: Tally) -> None:
        """Draw how far it is, five times a second at most."""
        if time.monotonic() < self._next or not self._bar.is_seen:
            return
        now = state(self.sums, tally)
        bar = drawn(now.share, f"Rows answered: {now.words.partition(' · ')[0]}")
        page = f"{looks.BOX}>{bar}{looks.line(now.words, self.badge)}</div>"
        self._bar.draw(now.share, now.words, page)
        self._next = time.monotonic() + EVERY_S

    def end(self, note: str = "", more: str = "") -> None:
        """Show what came of it in place of what was shown, in one line; `note` goes before, `more` after."""
        words = " · ".join(filter(None, (self.sums.told(self.seconds, note), more)))
        page = f'{looks.BOX} role="status">{looks.line(words, self.badge)}</div>'
        self._bar.end(" · ".join(filter(None, (words, self.badge))), page, self.sums.facts)
