"""What was answered already, and which runs were there?

One SQLite file (`store.py`) holds the answers by the canonical key of their request, the runs with the keys
of their rows, and the batches (`registry.py`). An answer that was paid for is found again by every later run
that asks the same; a failure is not. Practice answers never stand for live ones.
"""

from __future__ import annotations

import functools
import os
import re
import warnings
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from claude_magic import __version__, schema, wire
from claude_magic.errors import InputError, nearest
from claude_magic.ledger import place
from claude_magic.limits import BUCKETS
from claude_magic.rows.kept import keylist
from claude_magic.rows.kept.claims import Turns
from claude_magic.rows.kept.keeping import JournalWarning, Keeping
from claude_magic.rows.kept.registry import Registry, now
from claude_magic.rows.kept.store import RUNS
from claude_magic.rows.outcome import PAID, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from claude_magic.rows.asked.plan import Plan
    from claude_magic.rows.kept.registry import Part

MANY = 500  # keys in one SELECT
UNASKED = "unasked:"  # and the name of a run: the key under which it is kept why rows could not be asked
_COST = Outcome._fields.index("cost_usd")
_LIGHT = ", ".join("NULL" if name == "message" else name for name in Outcome._fields)
_WHOLE = ", ".join(Outcome._fields)
_KEYS = "keylists.keys FROM runs JOIN keylists ON digest = runs.keys"
_WORD = re.compile(r"[a-z0-9]+")


class Run(NamedTuple):
    """One call of map or batch. `rows` is how many there were; `output` a JSON schema as text.

    `template` and `output` are None where nothing but usage was to be kept. `started_at` is in microseconds
    since 1970, UTC; `owner` marks the process that runs it; `state` is as written: see `state_now`.
    """

    name: str = ""
    mode: str = "live"
    started_at: int = 0
    model: str = ""
    template: str | None = None
    output: str | None = None
    rows: int = 0
    prefix: str = "claude_"
    source: str = "live"
    notebook: str | None = None
    version: str = ""
    state: str = "running"
    owner: str = ""

    @property
    def bucket(self) -> str:
        """Which answers serve it: "live" or "practice"."""
        return _bucket(self.source)

    @property
    def shape(self) -> schema.Shape | None:
        """What its answers are to be, None for texts."""
        return schema.shape(wire.decode_plain(self.output.encode())) if self.output else None

    @property
    def state_now(self) -> str:
        """Return "running", "ended" or "broken off"; a run in batches goes on when its kernel ends."""
        gone = self.state == "running" and self.mode != "batch" and place.is_gone(self.owner)
        return "broken off" if gone else self.state


def run_of(made: Plan, name: str | None, source: str, *, mode: str = "live", rows: int | None = None) -> Run:
    """Return what is written down of a call that asks what a plan says, of some of its rows or all.

    Raises InputError for a name that is no text.
    """
    if not isinstance(name, str | None):
        raise InputError(f"name={name!r} is no name of a run", hint='Give a text: name="topics".')
    return Run(
        name or "",
        mode,
        model=made.model,
        template=made.template,
        output=wire.encode(made.shape.schema).decode() if made.shape else None,
        rows=len(made) if rows is None else rows,
        prefix=made.prefix,
        source=source,
        notebook=os.environ.get("JPY_SESSION_NAME"),
    )


def _bucket(source: str) -> str:
    return BUCKETS.get(source, source)


def _way(run: Run) -> tuple[Any, ...]:
    return run.mode, run.bucket, run.rows, run.prefix


class Journal:
    """The answers and runs of every kernel of this user. Use it from any thread; a fork may go on using it.

    `store` None or True is the usual place, a path that file, False the usual place for keys, usage and cost
    alone: the texts are then in this object's memory and nowhere else. `.batches` is the registry of batches.
    """

    def __init__(self, store: str | Path | bool | None = None) -> None:
        self.keeps = store is not False
        self.disk = Keeping(_path(store))
        self.batches = Registry(self.disk)
        self._texts: dict[tuple[str, str], Outcome] = {}

    @property
    def path(self) -> Path:
        """The SQLite file."""
        return self.disk.path

    def find(self, keys: Iterable[str], bucket: str) -> dict[str, Outcome]:
        """Return the newest paid answer of each key that has one, for the bucket "live" or "practice".

        Answers whose texts were not kept (`store=False`, in another kernel) are not among them, and a
        JournalWarning says how many rows will be paid for again.
        """
        found: dict[str, Outcome] = {}
        bare: set[str] = set()
        self.disk.renew()
        for chunk in _chunks(keys):
            for _, outcome in self._answers(chunk, bucket):
                if outcome.status in PAID:
                    if outcome.message is not None:
                        found[outcome.key] = outcome
                    else:
                        bare.add(outcome.key)
        if lost := bare.difference(found):
            warnings.warn(
                f"{len(lost):,} of these rows were paid for with store=False, which kept no text: "
                "they are asked, and paid for, again",
                JournalWarning,
                stacklevel=2,
            )
        return found

    def write(self, outcomes: Sequence[Outcome], run: str | None = None) -> None:
        """Write outcomes in one transaction; they are on disk when it returns. It raises nothing.

        Where the disk does not take them they are kept in memory, with one warning, until it does. A failure
        never takes the place of an answer, nor an answer without a text that of one with it.
        """
        if not self.keeps:
            self._texts |= {(o.bucket, o.key): o for o in outcomes if o.status in PAID and o.message}
            outcomes = [o._replace(message=None, error=None) for o in outcomes]
        at, name = now(), run or ""
        rows = [
            (o.bucket, name, at, *o[:_COST], _text(o.cost_usd), *o[_COST + 1 :]) for o in outcomes if o.key
        ]
        sums = [("sums", [(None, run)])] if run else []
        claims = [("unclaim", [(o.key, o.bucket) for o in outcomes])] if self.disk.claimed else []
        self.disk.change(("answer", rows), *sums, *claims)

    def turns(self, keys: Iterable[str], bucket: str) -> Turns:
        """Return those keys that a map is to ask for, where others may run the same; use it in a `with`."""
        busy = functools.partial(self.batches.under_way, bucket=bucket, known={})
        return Turns(self.disk, keys, bucket, busy)

    def begin(self, run: Run, keys: Sequence[str], unfit: Mapping[int, tuple[str, str]] | None = None) -> Run:
        """Write down that a run begins, with a key for each of its rows ("": it cannot be asked: `unfit`).

        Return it as written: with a name, made from its template, if it had none. A run of that name that is
        there already is this one from now on; raises InputError where that one asks something else, or live
        what this one asks in practice, in a batch whose answers are not here yet: nobody would look for them.
        """
        run = self._begun(run, keys)
        if unfit:
            rows: dict[tuple[str, str], list[int]] = {}
            for row, why in unfit.items():
                rows.setdefault(why, []).append(row)
            said = wire.encode([[*why, found] for why, found in rows.items()]).decode()
            self.write([Outcome(UNASKED + run.name, "error", error=said, source=run.source)], run.name)
        return run

    def _begun(self, run: Run, keys: Sequence[str]) -> Run:
        run = run._replace(
            started_at=run.started_at or now(),
            rows=run.rows or len(keys),
            version=run.version or __version__,
            owner=place.mark(),
        )
        if not self.keeps:
            run = run._replace(template=None, output=None)
        packed = keylist.pack(keys)
        if run.name:
            found = self.disk.select("SELECT mode, keys, source FROM runs WHERE name = ?", (run.name,))
            before = [known for *known, source in found if _bucket(source) in (run.bucket, "practice")]
            if before[-1:] != [[run.mode, packed[0]]] and (waiting := self.batches.waiting(run.name)):
                hint = f'Give another name, or fetch them first: claude_magic.attach("{run.name}").wait().'
                raise InputError(waits(run.name, waiting), hint=hint)
            stale = ("forget answer", [(UNASKED + run.name, None, run.name)])
            self.disk.change(("keylist", [packed]), stale, ("run", [(*run, packed[0])]))
            return run
        for name in self._names(run.template):
            run = run._replace(name=name)
            if self.disk.change(("keylist", [packed]), ("new run", [(*run, packed[0])]), sure=True):
                break
        return run

    def end(self, name: str, state: str = "ended") -> None:
        """Write down that a run has "ended", or was "broken off"."""
        self.disk.change(("state", [(state, name)]), last=True)

    def runs(self) -> list[Run]:
        """Return every run, oldest first."""
        self.disk.renew()
        rows = self.disk.select(f"SELECT {', '.join(RUNS)} FROM runs ORDER BY started_at, name")  # noqa: S608
        found = {row[0]: Run(*row) for row in rows}
        return sorted(found.values(), key=lambda run: run.started_at)

    def run(self, name: str) -> Run:
        """Return a run; raises InputError for a name that none has."""
        known = {run.name: run for run in self.runs()}
        if name in known:
            return known[name]
        near = nearest(name, known)
        meant = f'Did you mean "{near}"? ' if near else ""
        raise InputError(f'There is no run "{name}"', hint=f"{meant}claude_magic.runs() lists them.")

    def same(self, run: Run, keys: Sequence[str]) -> Run | None:
        """Return the newest run, of its name if it has one, that asked the very same in the same way."""
        runs, digest, alike = self.runs(), keylist.pack(keys)[0], _way(run)
        names = {name for (name,) in self.disk.select("SELECT name FROM runs WHERE keys = ?", (digest,))}
        if run.name:
            names &= {run.name}
        return next((one for one in reversed(runs) if one.name in names and _way(one) == alike), None)

    def keys(self, name: str) -> list[str]:
        """Return the key of each row of a run, in order; raises InputError for a name that none has."""
        self.run(name)
        found = self.disk.select(f"SELECT {_KEYS} WHERE name = ?", (name,))
        return keylist.unpack(found[-1][0]) if found else []

    def unfit(self, name: str) -> dict[int, tuple[str, str]]:
        """Return why rows of a run could not be asked, where that was kept: row -> (error_type, error)."""
        found = self.disk.select("SELECT error FROM answers WHERE key = ?", (UNASKED + name,))
        said = wire.decode(found[-1][0].encode()) if found and found[-1][0] else ()
        keys = self.keys(name)
        return {row: (kind, why) for kind, why, rows in said for row in rows if keys[row : row + 1] == [""]}

    def statuses(self, keys: Iterable[str], bucket: str) -> dict[str, str]:
        """Return the status of each key that has an outcome: of a paid answer, or else the newest."""
        found: dict[str, str] = {}
        for chunk in _chunks(keys):
            sql = f"SELECT key, status FROM answers WHERE key IN ({', '.join('?' * len(chunk))})"  # noqa: S608
            rows = self.disk.select(f"{sql} AND bucket = ? ORDER BY time", (*chunk, bucket))
            found |= dict(sorted(rows, key=lambda row: row[1] in PAID))
        return found

    def outcomes(self, name: str, *, texts: bool = True) -> Iterator[Outcome]:
        """Yield what became of each distinct request of a run, in the order of its rows.

        That is an answer that was paid for, by this run or else by another, before a failure; requests that
        nothing came of yet are not among them. Without `texts` no message is read.
        """
        return (outcome for _, outcome in self.origins(name, texts=texts))

    def origins(self, name: str, *, texts: bool = True) -> Iterator[tuple[str, Outcome]]:
        """Yield the outcomes of a run, each with the name of the run that got it."""
        bucket = self.run(name).bucket
        for chunk in _chunks(self.keys(name)):
            best: dict[str, tuple[tuple[bool, bool], str, Outcome]] = {}
            for owner, outcome in self._answers(chunk, bucket, name, _WHOLE if texts else _LIGHT):
                rank = (outcome.status in PAID, owner == name)
                if outcome.key not in best or rank >= best[outcome.key][0]:
                    best[outcome.key] = (rank, owner, outcome)
            yield from (best[key][1:] for key in chunk if key in best)

    def sums(self, name: str) -> str | None:
        """Return what `sum_up` wrote of a run, None where answers came since."""
        found = self.disk.select("SELECT sums FROM runs WHERE name = ?", (name,))
        return found[-1][0] if found else None

    def sum_up(self, name: str, sums: str) -> None:
        """Write down, as text, what came of a run, so that nobody need count again."""
        self.disk.change(("sums", [(sums, name)]))

    def forget(self, name: str) -> None:
        """Remove a run, and every answer that no other run has; raises InputError, ConfigError."""
        bucket, mine = self.run(name).bucket, {*self.keys(name)}
        got = "SELECT key FROM answers WHERE run = ? AND bucket = ?"  # of an earlier prompt of this name, too
        mine.update(key for (key,) in self.disk.select(got, (name, bucket)))
        sql = f"SELECT DISTINCT source, {_KEYS} WHERE name != ?"
        for source, packed in self.disk.select(sql, (name,)):
            if _bucket(source) == bucket:
                mine.difference_update(keylist.unpack(packed))
        for key in mine:
            self._texts.pop((bucket, key), None)
        gone = [(key, bucket, name) for key in mine]
        self.disk.sure(("forget run", [(name,)]), ("forget answer", gone), ("forget keylists", [()]))
        self.disk.shrink()

    def _answers(
        self, chunk: Sequence[str], bucket: str, own: str | None = None, columns: str = _WHOLE
    ) -> Iterator[tuple[str, Outcome]]:
        """Yield outcomes of up to MANY keys with the runs that got them, the newest last.

        They are those of a bucket, and of any other what the run `own` got itself: a replay, say.
        """
        sql = (
            f"SELECT run, {columns} FROM answers WHERE key IN ({', '.join('?' * len(chunk))})"  # noqa: S608
            " AND (bucket = ? OR run = ?) ORDER BY time"
        )
        for run, *row in self.disk.select(sql, (*chunk, bucket, own)):
            row[_COST] = None if row[_COST] is None else Decimal(row[_COST])
            outcome = Outcome(*row)
            yield run, self._texts.get((bucket, outcome.key), outcome) if self._texts else outcome

    def _names(self, template: str | None) -> Iterator[str]:
        """Yield names for a new run, those that are taken left out."""
        stem = "-".join(_WORD.findall((template or "").lower())[:3]) or "rows"
        taken = {run.name for run in self.runs()}
        number = 1
        while True:
            name = stem if number == 1 else f"{stem}-{number}"
            if name not in taken:
                yield name
            number += 1


def shared(store: str | Path | bool | None = None) -> Journal:
    """Return this process's journal for a `store`, in the data folder that is now set."""
    return _shared(_path(store), store is not False)


@functools.cache
def _shared(path: Path, keeps: bool) -> Journal:
    return Journal(path) if keeps else Journal(False)


def _path(store: str | Path | bool | None) -> Path:
    if isinstance(store, bool) or store is None:
        from claude_magic.keys import data_dir

        return data_dir() / "rows.sqlite"
    if not isinstance(store, str | os.PathLike):
        raise InputError(f"store={store!r} is no path", hint='Give store="project/rows.sqlite" or False.')
    return Path(store).expanduser()


def waits(name: str, parts: Sequence[Part]) -> str:
    """Say that a run waits for the answers of some parts."""
    return f'The run "{name}" waits for answers that are paid for: {parts[0].batch_id or parts[0].job}'


def _chunks(keys: Iterable[str]) -> Iterator[list[str]]:
    """Yield the distinct keys in lists that one SELECT can take."""
    distinct = iter(dict.fromkeys(key for key in keys if key))
    while chunk := [*islice(distinct, MANY)]:
        yield chunk


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else str(amount)
