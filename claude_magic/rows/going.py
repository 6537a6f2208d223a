"""How is a plan carried out, and what came of each of its rows?

What was answered before comes from the journal, what is asked now from the engine; each outcome is on disk
before it is counted (M1).
"""

from __future__ import annotations

import contextlib
import time
import warnings
from collections import Counter
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from claude_magic.errors import ClaudeError, ConfigError, Stopped
from claude_magic.limits import Allowance
from claude_magic.looks import watched
from claude_magic.rows.batch import collecting
from claude_magic.rows.batch.desk import BatchWarning, Desk
from claude_magic.rows.columns.reading import fits, spoken
from claude_magic.rows.columns.table import table
from claude_magic.rows.kept.journal import run_of
from claude_magic.rows.outcome import FAILED, PAID, Outcome
from claude_magic.rows.pace.engine import carry
from claude_magic.rows.pace.gate import Gate
from claude_magic.rows.pace.purse import Purse
from claude_magic.rows.progress import Meter, Often, Sums
from claude_magic.rows.tally import Tally
from claude_magic.talk import current, holding

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from claude_magic.api.client import Client
    from claude_magic.rows.asked.plan import Plan
    from claude_magic.rows.columns.table import Column
    from claude_magic.rows.kept.journal import Journal

MANY = 5_000  # keys that the journal is asked for at once: it answers with the messages
OTHERS = "another kernel or thread is asking for them"
NEXT_LOOK_S = 0.5  # between two looks for that
IN_BATCH = (
    "{0} under way in a batch, and not asked here, which would be paid for too: type "
    'claude_magic.attach("{1}").wait(), then the same call again (or resume=False, which pays twice)'
)
_gates: WeakKeyDictionary[Client, dict[str, Gate]] = WeakKeyDictionary()
"""By client and model, how fast the last map went."""


class Going:
    """A plan under way: the outcome of each request by its key, for the rows that are to be answered.

    `reuse` are statuses of answers that are not asked for again. `how` has the keywords of `map`.
    """

    def __init__(
        self,
        plan: Plan,
        journal: Journal,
        how: Mapping[str, Any],
        *,
        reuse: Collection[str] = PAID,
        rows: Sequence[int] | None = None,
    ) -> None:
        self.plan, self.journal, self.how, self.reuse = plan, journal, how, reuse
        self.rows = range(len(plan)) if rows is None else rows
        self.outcomes: dict[str, Outcome] = {}  # without their messages,
        self.texts: dict[str, str] = {}  # of which this is what they say
        self.before: set[str] = set()  # keys of answers that were there already
        self.client, self.source = _asked(how["client"])
        self.allowed = Allowance(holding.allowance(how["max_cost"]).limit, "one map")
        keys = [plan.keys[n] for n in self.rows]
        run = run_of(plan, how["name"], self.source, rows=len(keys))
        same = None if run.name else journal.same(run, keys)
        self.run = journal.begin(run._replace(name=same.name) if same else run, keys)
        self._times = Counter(keys)
        self.sums = Sums(len(self.rows))
        self.sums.rows_are("error", self._times.pop("", 0))

    def go(self, more: Callable[[], str] = str) -> None:
        """Ask for what is not known yet, showing how far it is; at the end `more` adds to the line about it.

        Raises ClaudeError, or Stopped when interrupted: what was answered until then is kept.
        """
        show = self.how["progress"]
        meter = Meter(self.sums, self.source, show=show is True)
        for line in self.plan.notes:
            meter.note(line)
        told, note, state = (Often(show) if callable(show) else meter), "", "broken off"
        try:
            for outcome in self._answers(told):
                self._take(outcome)
            state = "ended"
        except KeyboardInterrupt as interrupt:
            note = "[stopped]"
            raise Stopped(self._kept()) from interrupt
        except ClaudeError:
            note = "[broken off]"
            raise
        finally:
            with holding.to_the_end() as late:
                self.journal.end(self.run.name, state)
                meter.end(note, more())
            if isinstance(told, Often):
                told.last()
            if (control := self.how["control"]) and control.ended:
                control.ended(self._tally())
        if late:
            raise Stopped(self._kept())

    def _answers(self, watch: Any) -> Iterator[Outcome]:
        """Take what was answered before, by other kernels and threads too, and yield what is asked now."""
        wanted = list(self._times)
        if self.reuse:
            wanted = self._known(wanted)
        while wanted := self._unbatched(wanted) if self.reuse else wanted:
            if self.reuse != PAID:
                yield from self._carried(wanted, len(wanted), watch)
                return
            with self.journal.turns(wanted, self.run.bucket) as turns:
                yield from self._carried(turns, len(wanted), watch)
            wanted = [] if self._cancelled else self._known(turns.left)
            if wanted:
                watch(Tally(len(wanted), waiting=len(wanted), why=OTHERS))
                time.sleep(NEXT_LOOK_S)

    def _unbatched(self, keys: list[str]) -> list[str]:
        """Take what batches have brought by now, and return the requests that are under way in none (M9)."""
        if not (busy := self.journal.batches.under_way(keys, self.run.bucket)):
            return keys
        desk = Desk(self.journal, self.client)
        for part in {(part.job, part.number): part for part in busy.values()}.values():
            with contextlib.suppress(ClaudeError):
                collecting.refresh(desk, part)
        keys = self._known(keys)
        busy = self.journal.batches.under_way(keys, self.run.bucket)
        for key, part in busy.items():
            why = IN_BATCH.format("It is", part.job)
            self._take(Outcome(key, "not_sent", error=why, attempts=0, source=self.source))
        if busy:
            told = IN_BATCH.format(f"{len(busy):,} of the requests are", part.job)
            warnings.warn(told, BatchWarning, stacklevel=5)
        return [key for key in keys if key not in busy]

    @property
    def _cancelled(self) -> bool:
        control = self.how["control"]
        return control is not None and control.cancelled

    def _carried(self, keys: Iterable[str], total: int, watch: Any) -> Iterator[Outcome]:
        how = self.how
        client = self.client or current.client()  # raises where there is no key
        if self.plan.betas:
            client = client.with_options(default_headers={"anthropic-beta": ",".join(self.plan.betas)})
        gates = _gates.setdefault(self.client or client, {})
        gate = gates[self.plan.model] = Gate(how["concurrency"])
        return carry(
            self.plan.asks(keys),
            client,
            journal=self.journal,
            run=self.run.name,
            gate=gate,
            purse=Purse(source=self.source, max_cost=self.allowed, cell=watched.cell()),
            max_attempts=how["max_attempts"],
            fits=fits(self.plan.shape),
            watch=watch,
            control=how["control"],
            total=total,
            cached=len(self.before),
        )

    def _known(self, keys: Sequence[str]) -> list[str]:
        """Take what the journal has of some requests, and return those that it has not."""
        for start in range(0, len(keys), MANY):
            for key, outcome in self.journal.find(keys[start : start + MANY], self.run.bucket).items():
                if outcome.status in self.reuse:
                    self._keep(outcome)
                    self.before.add(key)
                    self.sums.rows_are(outcome.status, self._times[key])
                    self.sums.reused += self._times[key]
        return [key for key in keys if key not in self.before]

    def _take(self, outcome: Outcome) -> None:
        self._keep(outcome)
        self.sums.add(outcome, self._times[outcome.key])

    def _keep(self, outcome: Outcome) -> None:
        if outcome.message is not None:
            self.texts[outcome.key] = spoken(outcome.message)
        self.outcomes[outcome.key] = outcome._replace(message=None)

    def _tally(self) -> Tally:
        """Return how far it came, counted in requests."""
        here = Counter(one.status for key, one in self.outcomes.items() if key not in self.before)
        done, ok, off = here.total(), here["ok"], here["not_sent"]
        left, cached = len(self._times) - len(self.before), len(self.before)
        now = Tally(left, cached, done, ok, done - ok - off, not_sent=off)
        return now._replace(spent=self.sums.cost, source=self.source)

    def _kept(self) -> str:
        kept = sum(self._times[key] for key, one in self.outcomes.items() if one.status in PAID)
        return (
            f"Stopped: {kept:,} of {len(self.rows):,} rows are answered and kept; run the cell again to go on"
        )

    def columns(self, *, details: bool = False) -> list[Column]:
        """Return the columns that the outcomes make, a value for each row of the plan."""
        keys = self.plan.keys
        cached = [n for n in self.rows if keys[n] in self.before]
        return table(
            self.plan,
            [self.outcomes.get(key) for key in keys],
            prefix=self.plan.prefix,
            details=details,
            cached=cached,
            texts=[self.texts.get(key) for key in keys],
        )

    def failure(self) -> ClaudeError | None:
        """Return an error for the first row that has no answer, None where all have one."""
        bad = [n for n in self.rows if n in self.plan.unfit or self._status(n) in FAILED]
        if not bad:
            return None
        one = self.outcomes.get(self.plan.keys[bad[0]])
        why = (
            self.plan.unfit[bad[0]][1]
            if bad[0] in self.plan.unfit
            else (one and one.error) or self._status(bad[0])
        )
        return ClaudeError(
            f"{len(bad):,} of {len(self.rows):,} rows failed; the first is row {bad[0]}: {why}",
            hint="The others are kept: the same call asks only for these. The frame is in error.answer.",
        )

    def _status(self, row: int) -> str:
        one = self.outcomes.get(self.plan.keys[row])
        return one.status if one else "missing"


def gate_of(client: Client | None, model: str) -> Gate | None:
    """Return what the last map that asked a client (the session's) for a model has seen of its limits."""
    asked, _ = _asked(client)
    return _gates.get(asked, {}).get(model) if asked else None


def _asked(client: Client | None) -> tuple[Client | None, str]:
    """Return whom to ask, None without a key, and the source of the answers."""
    try:
        found = client or current.client()
    except ConfigError:
        return None, "live"
    return found, current.source_of(found)
