"""Which maps and batches were run, and what came of them?"""

from __future__ import annotations

import functools
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from claude_magic import wire
from claude_magic.errors import InputError
from claude_magic.looks import parts as looks
from claude_magic.looks.readout import dollars
from claude_magic.protocol.saving import Unfinished
from claude_magic.rows.columns.table import nothing, table, without
from claude_magic.rows.kept import journal as journals
from claude_magic.rows.progress import Sums

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Sequence

    import pandas as pd

    from claude_magic.rows.kept.journal import Journal, Run
    from claude_magic.rows.outcome import Outcome

COLUMNS = {
    "name": "string",
    "started": "datetime64[us, UTC]",
    "state": "string",
    "mode": "string",
    "model": "string",
    "rows": "Int64",
    "ok": "Int64",
    "failed": "Int64",
    "tokens": "Int64",
    "cost_usd": "Float64",
    "source": "string",
    "notebook": "string",
}
"""The columns of `runs()` and their dtypes; the first is the index."""
NAMED = 5  # errors shown with a run


def runs(store: str | Path | bool | None = None) -> pd.DataFrame:
    """Return every run, the newest first: what came of its rows, and what it cost by itself.

    `state` is "running", "ended" or "broken off"; `failed` are rows whose answer is not whole, not of the
    type asked for, or not there; tokens and `cost_usd` (USD) are of the answers that this run paid for,
    missing where a price is not known. `store` is as it was given to `map`.
    """
    import pandas as pd

    journal = journals.shared(store)
    rows = [_line(RunView(run, journal)) for run in reversed(journal.runs())]
    columns = zip(*rows, strict=True) if rows else [()] * len(COLUMNS)
    made = pd.DataFrame(dict(zip(COLUMNS, map(list, columns), strict=True)))
    made["started"] = pd.to_datetime(made["started"], unit="us", utc=True)
    return made.astype(COLUMNS).set_index("name")


def run(name: str, store: str | Path | bool | None = None) -> RunView:
    """Return a run by its name; raises InputError for a name that none has."""
    journal = journals.shared(store)
    return RunView(journal.run(name), journal)


class RunView:
    """A run: what its rows were answered, with what error they failed, and how to be rid of it."""

    def __init__(self, run: Run, journal: Journal) -> None:
        self.about, self.journal = run, journal

    @property
    def name(self) -> str:
        """The name it goes by."""
        return self.about.name

    @property
    def state(self) -> str:
        """Say whether it is "running", has "ended", or was "broken off"."""
        return self.journal.run(self.name).state_now

    @property
    def _is_gone(self) -> bool:
        return all(run.name != self.name for run in self.journal.runs())

    @functools.cached_property
    def sums(self) -> Sums:
        """What came of its rows, counted anew where it changed."""
        return _sums(self.about, self.journal)

    def frame(self, *, details: bool = False) -> pd.DataFrame:
        """Return the answers as columns, a row for each row of the data, which themselves are not kept."""
        return self._frame([*self._outcomes().values()], details=details)

    def errors(self) -> pd.DataFrame:
        """Return the rows that are not "ok", by their number in the data, with all that is known of them."""
        bad = {n: one for n, one in self._outcomes().items() if one.status != "ok"}
        return self._frame([*bad.values()], details=True).set_axis([*bad])

    def retry(self, data: Any) -> Any:
        """Ask again for the rows of the same data that failed; return the whole frame, as map does."""
        from claude_magic.rows import mapping

        return mapping.again(self.about, data, self.journal)

    def forget(self) -> None:
        """Remove the run, and every answer that no other run has, from the disk.

        Raises InputError while it has a batch whose answers are not here yet.
        """
        batches = self.journal.batches
        if waiting := batches.waiting(self.name):
            hint = "Fetch them with claude_magic.attach(…).frame(), or cancel it first."
            raise InputError(journals.waits(self.name, waiting), hint=hint)
        jobs = [job for job in batches.jobs() if job.run == self.name]
        parts = [part for job in jobs for part in batches.parts(job.name)]
        for job in jobs:
            batches.forget(job.name)
        for part in parts:
            if part.results:
                Path(part.results).unlink(missing_ok=True)
        self.journal.forget(self.name)

    def export(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
        """Write a line of JSON for each distinct request, with the numbers of its rows, and return the path.

        The file is there when it is whole, for its owner alone; raises InputError where one is there already.
        """
        to = Path(path).expanduser()
        if to.exists() and not overwrite:
            raise InputError(f"{to} is there already", hint="Give overwrite=True, or another name.")
        with Unfinished(to) as file:
            file.beside.chmod(0o600)
            for line in self._lines():
                file.write(line)
        return to

    def _outcomes(self) -> dict[int, Outcome]:
        """Return what became of each row."""
        found = {outcome.key: outcome for outcome in self.journal.outcomes(self.name)}
        keys, unfit = self.journal.keys(self.name), self.journal.unfit(self.name)
        return {
            n: without("", "error", *unfit[n]) if n in unfit else found.get(key) or nothing(key)
            for n, key in enumerate(keys)
        }

    def _frame(self, outcomes: Sequence[Outcome], *, details: bool) -> pd.DataFrame:
        import pandas as pd

        columns = table(self.about.shape, outcomes, prefix=self.about.prefix, details=details)
        made = {column.name: pd.Series(column.values, dtype=column.dtype) for column in columns}
        return pd.DataFrame(made, index=pd.RangeIndex(len(outcomes)))

    def _lines(self) -> Iterator[bytes]:
        rows: dict[str, list[int]] = {}
        for n, key in enumerate(self.journal.keys(self.name)):
            rows.setdefault(key, []).append(n)
        for outcome in self.journal.outcomes(self.name):
            line: dict[str, Any] = {"run": self.name, "rows": rows[outcome.key], **outcome._asdict()}
            line["message"] = wire.decode(outcome.message) if outcome.message else None
            line["cost_usd"] = None if outcome.cost_usd is None else str(outcome.cost_usd)
            yield wire.encode(line) + b"\n"

    def __repr__(self) -> str:
        if self._is_gone:
            return f"Run {self.name}: forgotten"
        sums, run = self.sums, self.about
        cost = f" · {dollars(sums.cost)}" if sums.answers else ""
        counts = f"{sums.rows:,} rows · {sums.ok:,} ok · {sums.failed:,} failed{cost}"
        practice = " · practice" if run.bucket == "practice" else ""
        return f"Run {run.name}: {self.state} · {run.mode} · {run.model} · {counts}{practice}"

    def _repr_html_(self) -> str:
        badge = "practice" if self.about.bucket == "practice" else None
        parts = [looks.line(repr(self).removesuffix(" · practice"), badge)]
        if not self._is_gone and self.sums.failed:
            shown = self.errors().filter(regex="(status|error_type|error|key)$").head(NAMED)
            parts.append(looks.fold(f"The first of {self.sums.failed:,} failures", shown.to_html()))
        return f"{looks.BOX}>{''.join(parts)}</div>"


def _line(view: RunView) -> tuple[Any, ...]:
    run, sums = view.about, view.sums
    tokens = sums.input_tokens + sums.output_tokens
    cost = None if sums.cost is None else float(sums.cost)
    facts = (run.rows, sums.ok, sums.failed, tokens, cost, run.source, run.notebook)
    return (run.name, run.started_at, run.state_now, run.mode, run.model, *facts)


_KEPT = ("ok", "failed", "not_sent", "answers", "reused", "input_tokens", "output_tokens")


def _sums(run: Run, journal: Journal) -> Sums:
    """Return what came of a run's rows: as written, or counted, and written where the run is over."""
    sums = Sums(run.rows)
    if (known := journal.sums(run.name)) is not None:
        *counts, cost = wire.decode(known.encode())
        for name, value in zip(_KEPT, counts, strict=True):
            setattr(sums, name, value)
        sums.cost = None if cost is None else Decimal(cost)
        return sums
    times = Counter(journal.keys(run.name))
    sums.failed += times[""]
    for owner, outcome in journal.origins(run.name, texts=False):
        if owner == run.name:
            sums.add(outcome, times[outcome.key])
        else:
            sums.rows_are(outcome.status, times[outcome.key])
            sums.reused += times[outcome.key]
    if run.state_now != "running":
        cost = None if sums.cost is None else str(sums.cost)
        journal.sum_up(run.name, wire.encode([*(getattr(sums, name) for name in _KEPT), cost]).decode())
    return sums
