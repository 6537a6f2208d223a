"""May the next send be paid?

The worst case of each send is held before it goes (M7): in the allowance of the map, and in the ledger for
the budgets of the session and the day. The ledger is asked for many sends at a time, and told of many answers
at a time, so that 100,000 rows are a few thousand transactions. Use it from one thread.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from claude_magic import ledger
from claude_magic.errors import BudgetError
from claude_magic.ledger import Entry
from claude_magic.protocol.catalog import EXACT
from claude_magic.talk import holding
from claude_magic.talk.current import session_id

if TYPE_CHECKING:
    from claude_magic.ledger import Ledger
    from claude_magic.limits import Reservation
    from claude_magic.rows.outcome import Outcome

MANY = 256  # calls that are written at a time, at most
AHEAD = 64  # sends that are held for at a time, at most
NOTHING = Decimal(0)
STOPPED = "stopped"
OUTCOMES = {"ok": "ok", "truncated": "ok", "invalid": "ok", "refused": "refused"}
"""The ledger's word for what became of a row; others are "error"."""


class Purse:
    """What a map may spend: `max_cost` (USD, or an Allowance) together with the budgets in force.

    `source` is "live" or "practice", `cell` the number of the notebook's cell. `spent` is in USD; None: a
    price is not known.
    """

    def __init__(
        self,
        *,
        source: str = "live",
        max_cost: Any = None,
        cell: str | None = None,
        books: Ledger | None = None,
    ) -> None:
        self.source, self.cell = source, cell
        self.spent: Decimal | None = NOTHING
        self._allowed, self._books = holding.allowance(max_cost), books or ledger.shared()
        self._leases: list[Reservation] = []
        self._room = self._out = NOTHING  # held for no send yet, and for those under way
        self._unknown = 0  # sends under way whose price is not known
        self._ended: list[tuple[Decimal | None, Entry]] = []

    def take(self, name: int, worst: Decimal | None, ahead: int = 1) -> BudgetError | None:
        """Hold the worst case of a send, or return why it may not go.

        `worst` None: the price is not known, which a budget refuses. `ahead` is how many more are to follow.
        """
        try:
            self._allowed.hold(name, worst)
        except BudgetError as error:
            return error
        try:
            if worst is None:
                self._reserve(None)
            elif worst > self._room:
                self._more(worst, ahead)
        except BudgetError as error:
            self._allowed.settle(name, NOTHING)
            return error
        self._move(worst, -1)
        return None

    def give(self, name: int, worst: Decimal | None) -> None:
        """Take back what was held for a send that did not go."""
        self._allowed.settle(name, NOTHING)
        self._move(worst, 1)

    def settle(self, name: int, worst: Decimal | None, entry: Entry) -> None:
        """Note what became of a send; it is in the ledger after `flush`."""
        self._allowed.settle(name, entry.cost_usd)
        self._out = EXACT.subtract(self._out, worst or NOTHING)
        self._unknown -= worst is None
        self._ended.append((worst, entry))
        cost = worst if entry.cost_usd is None else entry.cost_usd
        self.spent = None if cost is None or self.spent is None else EXACT.add(self.spent, cost)
        if len(self._ended) >= MANY:
            self.flush()

    def note(self, entry: Entry) -> None:
        """Note a call that nothing was held for: it was played."""
        self._ended.append((None, entry))

    def flush(self) -> None:
        """Write what became of sends, and hold no more than is needed for those to come."""
        self._write(EXACT.add(self._out, self._room))

    def close(self) -> None:
        """Write what is not written, and hold nothing any more for sends to come."""
        self._room = NOTHING
        self._write(self._out)

    def entry(self, outcome: Outcome, *, billed: bool = True) -> Entry:
        """Return the ledger's line for an outcome; one that was not `billed` cost nothing."""
        stopped = outcome.error_type == STOPPED
        cost = outcome.cost_usd if outcome.message or billed else NOTHING
        return Entry(
            time=datetime.now(UTC),
            session=session_id(),
            notebook=os.environ.get("JPY_SESSION_NAME"),
            cell=self.cell,
            model=outcome.model,
            input_tokens=outcome.input_tokens,
            output_tokens=outcome.output_tokens,
            cache_read_tokens=outcome.cache_read_tokens,
            cache_write_5m_tokens=outcome.cache_write_5m_tokens,
            cache_write_1h_tokens=outcome.cache_write_1h_tokens,
            cost_usd=NOTHING if outcome.source == "replay" else cost,
            latency_s=outcome.latency_s,
            outcome=STOPPED if stopped else OUTCOMES.get(outcome.status, "error"),
            stop_reason=outcome.stop_reason,
            error_type=outcome.error_type,
            request_id=outcome.request_id,
            attempts=max(1, outcome.attempts),
            source=outcome.source,
        )

    def _more(self, worst: Decimal, ahead: int) -> None:
        """Make room for many sends, or for one; raises BudgetError."""
        refused: BudgetError | None = None
        for number in dict.fromkeys((min(max(ahead, 1), AHEAD), 1)):
            try:
                self._reserve(EXACT.subtract(EXACT.multiply(worst, Decimal(number)), self._room))
            except BudgetError as error:
                refused = error
                self.flush()  # what was answered costs less than was held for it
            else:
                return
        if refused is not None:
            raise refused

    def _move(self, worst: Decimal | None, sign: int) -> None:
        """Take a send's worst case out of what is held for none yet, or put it back there."""
        amount = EXACT.multiply(worst or NOTHING, Decimal(sign))
        self._room, self._out = EXACT.add(self._room, amount), EXACT.subtract(self._out, amount)
        self._unknown -= sign * (worst is None)

    def _reserve(self, amount: Decimal | None) -> None:
        if amount is None and any(lease.amount is None for lease in self._leases):
            return
        lease = self._books.reserve(amount, holding.budgets(), session=session_id(), source=self.source)
        self._leases.append(lease)
        self._room = EXACT.add(self._room, amount or NOTHING)

    def _write(self, left: Decimal) -> None:
        calls, self._ended = self._ended, []
        kept: list[Reservation] = []
        for lease in reversed(self._leases):
            hold = min(lease.amount or NOTHING, left)
            left = EXACT.subtract(left, hold)
            unknown = lease.amount is None and self._unknown
            after = lease if unknown else lease._replace(amount=hold) if hold else None
            if calls or after != lease:
                self._books.settle_many(lease, calls, after)
                calls = []
            kept += [after] if after else []
        self._leases = kept[::-1]
        for _, entry in calls:  # nothing was held: what was played costs nothing
            self._books.record(entry)
