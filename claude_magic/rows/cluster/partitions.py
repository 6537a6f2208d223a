"""How does a Dask frame go through a map, and come back as one?

Its partitions are persisted, and pass through this process one after the other: the plan and the journal are
here. What was answered of a partition goes back to the cluster as soon as it is whole, so that no more than
a few are held; the frame that is returned joins both when it is computed. Nothing that is computed later, or
again because a worker was lost, sends a request.
"""

from __future__ import annotations

import contextlib
import pickle
import time
import uuid
import zlib
from collections import Counter
from typing import TYPE_CHECKING, Any

import dask.dataframe as dd
import numpy as np
import pandas as pd
from distributed import futures_of

from claude_magic.errors import ClaudeError, InputError
from claude_magic.rows.asked.inputs import VALUE, Pandas
from claude_magic.rows.asked.plan import plan
from claude_magic.rows.cluster.workers import Far
from claude_magic.rows.columns import table
from claude_magic.rows.going import NEXT_LOOK_S, OTHERS
from claude_magic.rows.kept import journal as journals
from claude_magic.rows.kept import keylist
from claude_magic.rows.outcome import PAID, Ask
from claude_magic.rows.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from claude_magic.rows.asked.plan import Plan
    from claude_magic.rows.kept.claims import Turns
    from claude_magic.rows.outcome import Outcome

ROWS = "the rows"  # the column of answers that says which rows they belong to
CHANGED = "The rows of a partition are others than those that were asked"
STEADY = "Write them to files first, so that they stay; what was answered is not paid for again."
WHOLE = "Leave it out, or give a pandas frame: df.compute()."


def mapped(
    data: Any, prompt: Any, how: Mapping[str, Any], said: Mapping[str, Any], reuse: Collection[str]
) -> Any:
    """Ask the prompt of each row of a Dask frame, and return a Dask frame: see `map`; raises as it does.

    All is asked and in the journal when it returns. Its partitions, index and divisions are those of `data`.
    """
    frame = data if isinstance(data, dd.DataFrame) else _framed(data)
    for name, given in (("sample", said["sample"]), ("dedupe=False", not said["dedupe"])):
        if given:
            raise InputError(f"{name} is not for a Dask frame, whose rows are never all here", hint=WHOLE)
    if isinstance(prompt, list | tuple) or isinstance(said["images"], list | tuple):
        hint = "Give the name of a column of the frame."
        raise InputError("A Dask frame takes no list with a value for each row", hint=hint)
    empty = frame._meta  # noqa: SLF001 - Dask's own name for a frame of its types without rows
    whole = plan(empty, prompt, **said)
    going = Parts(whole, how["engine"].persist(frame), lambda part: plan(part, prompt, **said), how, reuse)
    going.go()
    made = going.frame()
    if how["on_error"] == "raise" and going.first_failure:
        hint = "The others are kept: the same call asks only for these. The frame is in error.answer."
        error = ClaudeError(f"{going.sums.failed:,} rows failed; one is {going.first_failure}", hint=hint)
        error.answer = made
        raise error
    return made


def _framed(data: Any) -> Any:
    """Return a Dask Series as a frame; raises InputError for what else Dask has."""
    if isinstance(data, dd.Series):
        return data.to_frame(VALUE if data.name is None else data.name)
    raise InputError(f"A {type(data).__name__} of Dask has no rows", hint="Give a Dask DataFrame.")


class Part:
    """A partition whose answers are not all there."""

    def __init__(self, number: int, frame: pd.DataFrame, made: Plan) -> None:
        self.number, self.frame, self.plan = number, frame, made
        self.open, self.times = {*made.first}, Counter(made.keys)
        self.found: dict[str, Outcome] = {}
        self.before: set[str] = set()

    def take(self, outcome: Outcome) -> bool:
        """Take an outcome, and say whether it was the last."""
        self.found[outcome.key] = outcome
        self.open.discard(outcome.key)
        return not self.open

    def answers(self, how: Mapping[str, Any]) -> pd.DataFrame:
        """Return the columns of the answers, and which rows they belong to."""
        keys = self.plan.keys
        columns = table.table(
            self.plan,
            [self.found.get(key) for key in keys],
            prefix=self.plan.prefix,
            details=how["details"],
            cached=[n for n, key in enumerate(keys) if key in self.before],
        )
        bare = Pandas(self.frame[[]])
        made: pd.DataFrame = bare.with_columns(columns, dtype_backend=how["dtype_backend"])
        made[ROWS] = marks(self.frame)
        return made


class Parts(Far):
    """A Dask frame under way. `first_failure` says why a row failed."""

    def __init__(
        self,
        whole: Plan,
        frame: Any,
        planned: Callable[[pd.DataFrame], Plan],
        how: Mapping[str, Any],
        reuse: Collection[str],
    ) -> None:
        super().__init__(whole, journals.shared(how["store"]), how, reuse=reuse)
        self.persisted, self._planned, self._dask = frame, planned, how["engine"]
        self._futures = sorted(futures_of(frame), key=lambda one: one.key[-1])
        self._lengths = self._dask.gather(self._dask.map(len, self._futures, pure=False))
        self.sums.rows = sum(self._lengths)
        self._keys = [keylist.pack([""] * n)[1] for n in self._lengths]
        self._answers_of: dict[int, Any] = {}
        self._waiting: dict[str, list[Part]] = {}  # by the key that they wait for
        self._left: list[str] = []
        self._claimed = contextlib.ExitStack()
        self._asked: set[str] = set()  # where what was answered before does not count
        self.first_failure = ""

    def frame(self) -> Any:
        """Return the Dask frame of all partitions with their answers."""
        how, whole = self.how, self.persisted
        none = Part(0, whole._meta, self.plan).answers(how)  # noqa: SLF001 - as above
        answers = dd.from_delayed(
            [self._answers_of[n] for n in range(len(self._lengths))],
            meta=none,
            divisions=whole.divisions,
            verify_meta=False,
        )
        meta = joined(whole._meta, none)  # noqa: SLF001
        return whole.map_partitions(joined, answers, meta=meta, align_dataframes=False)

    def _answers(self, watch: Any) -> Iterator[Outcome]:
        """Yield what is asked now, of one partition after the other; then what other kernels left."""
        try:
            wanted: Iterable[str] = self._drawn()
            while wanted:
                yield from self._carried(wanted, self.sums.rows - self.sums.done, watch)
                wanted = [] if self._cancelled else self._of_others(watch)
            for part in {id(part): part for parts in self._waiting.values() for part in parts}.values():
                self._end(part)  # it was cancelled: another kernel has what is missing
        finally:
            self._claimed.close()
            keys = [key for packed in self._keys for key in keylist.unpack(packed)]
            self.journal.begin(self.run._replace(rows=len(keys)), keys)

    def _of_others(self, watch: Any) -> list[str]:
        """Wait for what other kernels are asking, and return what is left for this one."""
        while self._left:
            keys, self._left = self._left, []
            turns = self._turns(self._unbatched(self._known(keys)))
            mine = [*turns]
            self._left = turns.left
            if mine or not self._left:
                return mine
            watch(Tally(len(self._left), waiting=len(self._left), why=OTHERS))
            time.sleep(NEXT_LOOK_S)
        return []

    def _drawn(self) -> Iterator[str]:
        """Yield the keys that are to be asked, of one partition after the other."""
        for number, future in enumerate(self._futures):
            frame = future.result()
            part = Part(number, frame, self._planned(frame))
            self._keys[number] = keylist.pack(part.plan.keys)[1]
            self.sums.rows_are("error", len(part.plan.unfit))
            new = [key for key in part.plan.first if key not in self._waiting]
            for key in part.plan.first:
                self._waiting.setdefault(key, []).append(part)
            if not part.open:
                self._end(part)
            new = self._known(new)
            new = self._unbatched(new) if self.reuse else new
            if self.reuse != PAID:
                self._asked.update(new)
                yield from new
                continue
            turns = self._turns(new)
            yield from turns
            self._left += turns.left

    def _turns(self, keys: Sequence[str]) -> Turns:
        """Return those keys that are not asked elsewhere; they stay claimed until the map ends."""
        return self._claimed.enter_context(self.journal.turns(keys, self.run.bucket))

    def _asks(self, keys: Iterable[str]) -> Iterator[Ask]:
        for key in keys:
            made = self._waiting[key][0].plan
            yield Ask(key, made.body(made.first[key]))

    def _known(self, keys: Sequence[str]) -> list[str]:
        """Take what the journal has of some requests, and return those that it has not."""
        statuses = self.reuse or PAID
        there = keys if self.reuse else [key for key in keys if key in self._asked]
        found = self.journal.find(there, self.run.bucket)
        known = [one for one in found.values() if one.status in statuses]
        for one in known:
            for part in self._waiting[one.key]:
                part.before.add(one.key)
            self.sums.reused += self._rows(one)
            self.sums.rows_are(one.status, self._rows(one))
            self._put(one)
        gone = {one.key for one in known}
        return [key for key in keys if key not in gone]

    def _rows(self, one: Outcome) -> int:
        """Count the rows, as far as they are here, that an outcome is for."""
        return sum(part.times[one.key] for part in self._waiting[one.key])

    def _take(self, outcome: Outcome) -> None:
        self.sums.add(outcome, self._rows(outcome))
        self._put(outcome)

    def _put(self, outcome: Outcome) -> None:
        if outcome.status not in PAID:
            self.first_failure = self.first_failure or outcome.error or outcome.status
        for part in self._waiting.pop(outcome.key):
            if part.take(outcome):
                self._end(part)

    def _end(self, part: Part) -> None:
        """Give the answers of a partition to the cluster, packed: it can make them anew."""
        if part.plan.unfit and not self.first_failure:
            self.first_failure = next(iter(part.plan.unfit.values()))[1]
        data = zlib.compress(pickle.dumps(part.answers(self.how)), 1)
        name = f"claude-magic-answers-{uuid.uuid4().hex}"
        self._answers_of[part.number] = self._dask.submit(unpacked, data, key=name, pure=False)

    def _kept(self) -> str:
        kept = f"{self.sums.ok:,} of {self.sums.rows:,} rows are answered and kept"
        return f"Stopped: {kept}; run the cell again to go on"


def unpacked(data: bytes) -> Any:
    """Return a partition's answers."""
    return pickle.loads(zlib.decompress(data))  # noqa: S301 - from the process that asks


def joined(frame: pd.DataFrame, answers: pd.DataFrame) -> pd.DataFrame:
    """Return a partition with its answers; raises InputError where it is not the one that was asked."""
    if len(frame) != len(answers) or not np.array_equal(marks(frame), answers[ROWS].to_numpy()):
        raise InputError(CHANGED, hint=STEADY)
    made = frame.copy()
    for name in answers:
        if name != ROWS:
            made[name] = answers[name].array
    return made


def marks(frame: pd.DataFrame) -> Any:
    """Return a number for each row, which says what is in it."""
    try:
        return pd.util.hash_pandas_object(frame).to_numpy()
    except TypeError:  # lists and the like
        return pd.util.hash_pandas_object(frame.astype("string")).to_numpy()
