"""What can be done with a map that went in batches?

Nothing of it is in this object alone: whatever it says is on disk or at the service, so that another kernel
finds it by its name on another day.
"""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal
from itertools import chain, count
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Self

from claude_magic.errors import InputError, NotFoundError, StreamError
from claude_magic.rows.asked import inputs
from claude_magic.rows.batch import collecting, posting, results, settling, standing
from claude_magic.rows.batch.waiting import Waiting
from claude_magic.rows.columns.arranging import columns
from claude_magic.rows.kept.registry import UNDER_WAY, Job

if TYPE_CHECKING:
    from collections.abc import Sequence

    from claude_magic.rows.asked.inputs import Rows
    from claude_magic.rows.asked.plan import Plan
    from claude_magic.rows.batch.desk import Desk
    from claude_magic.rows.batch.jobview import Status
    from claude_magic.rows.columns.table import Column
    from claude_magic.rows.kept.journal import Run
    from claude_magic.rows.kept.registry import Part
    from claude_magic.rows.outcome import Outcome

WORDS = {"errored": "error"}  # the service's word for a status, where ours is another one


class BatchJob(Waiting):
    """A map that went in batches: `.status()`, `.wait()`, `.frame()`, `.cancel()`, `.retry()`.

    It goes on when this kernel ends: `claude_magic.attach(name)` finds it again.
    """

    def __init__(
        self,
        desk: Desk,
        run: Run,
        keys: Sequence[str],
        *,
        plan: Plan | None = None,
        rows: Rows | None = None,
        details: bool = False,
        dtype_backend: str | None = None,
        max_cost: Decimal | None = None,
    ) -> None:
        self._desk, self._run, self._keys, self._plan = desk, run, keys, plan
        self._rows = plan.rows if plan is not None and rows is None else rows
        self._how: dict[str, Any] = {"prefix": plan.prefix if plan else run.prefix, "details": details}
        self._dtype_backend, self._max_cost = dtype_backend, max_cost
        self._answered = set[str]()  # of the requests that are in no batch

    @property
    def name(self) -> str:
        """What `claude_magic.attach` finds it by."""
        return self._run.name

    def parts(self) -> list[Part]:
        """Return the batches that bring its answers, as they are written down."""
        return standing.parts_of(self._desk, self._run)

    def _known(self) -> Status:
        return standing.status(self._desk, self._run, self.parts(), self._keys, self._answered)

    def status(self) -> Status:
        """Ask the service how far it is, and store the results of what has ended; raises ClaudeError."""
        unknown: NotFoundError | None = None
        for part in self.parts():
            try:
                collecting.refresh(self._desk, part)
            except NotFoundError as error:
                unknown = error
        if unknown is not None:
            raise unknown
        now = self._known()
        if not now.is_open and self._desk.journal.run(self.name).state == "running":
            self._desk.journal.end(self.name)
        return now

    def frame(self, partial: bool = False) -> Any:
        """Return the rows with their answers as columns; with `partial` also before all of it has ended.

        The frame is of the kind that was given. Raises InputError where it has not ended.
        """
        self._ended(partial=partial)
        rows = self._rows if self._rows is not None else _without_columns(len(self._keys))
        return rows.with_columns(self._columns(self.parts()), dtype_backend=self._dtype_backend)

    def _columns(self, parts: Sequence[Part]) -> list[Column]:
        """Return the columns of results that are stored; the journal has what these do not answer."""
        before = self._answered.difference(*map(self._desk.batches.custom_ids, parts))
        how: dict[str, Any] = {
            "others": lambda left: self._outcomes(parts) | self._desk.journal.find(left, self._run.bucket),
            "cached": {n for n, key in enumerate(self._keys) if key in before},
            "source": self._run.source,
            **self._how,
        }
        wanted: Any = self._plan
        if wanted is None:
            wanted = SimpleNamespace(shape=self._run.shape, unfit=self._desk.journal.unfit(self.name))
        try:
            return columns(results.stored(parts), self._keys, wanted, **how).columns
        except StreamError:  # a file that was harmed since
            return columns((), self._keys, wanted, **how).columns

    def cancel(self) -> Status:
        """Stop it: rows that have an answer by then keep it, the others are canceled. Raises ClaudeError."""
        parts = [settling.revisit(self._desk, part) for part in self.parts()]
        for part in parts:
            if settling.is_doubtful(self._desk, part):
                what = "Whether one of its batches was made is not known, and another's may not be canceled"
                raise InputError(what, hint=f"{part.error or 'Type .status()'}; .wait() settles it.")
        for part in parts:
            if part.state == "made":
                self._desk.client.messages.batches.cancel(part.batch_id)
        return self.status()

    def retry(self, statuses: Sequence[str] = ("errored", "expired")) -> Self:
        """Ask the rows that came out so once more, in a new batch; rows with an answer are not asked again.

        `statuses` are also "canceled", "not_sent" (in no batch that was made) and "missing" (not in the
        results, or of a batch that is not there or of which that is not known). Raises ClaudeError.
        """
        if self._plan is None:
            return super().retry(statuses)  # type: ignore[no-any-return] # it raises
        wanted = {WORDS.get(status, status) for status in statuses}
        with suppress(NotFoundError):
            self.status()
        found = self._outcomes(self.parts())
        keys = [key for key in self._plan.first if (one := found.get(key)) and one.status in wanted]
        for part in self.parts() if "missing" in wanted else ():
            if settling.is_doubtful(self._desk, part) or part.error == collecting.UNKNOWN:
                collecting.lost(self._desk, part, "Its rows were asked once more")
        self._desk.journal.begin(self._run._replace(state="running"), self._keys, self._plan.unfit)
        self.post(keys)
        return self

    def _outcomes(self, parts: Sequence[Part]) -> dict[str, Outcome]:
        """Return what came of the requests, without their texts."""
        why = standing.because(self._desk, self._run, parts, self._keys)
        return why | {one.key: one for one in self._desk.journal.outcomes(self.name, texts=False)}

    def post(self, keys: Sequence[str], *, anew: bool = False, each_usd: str | None = None) -> None:
        """Make batches of those requests, where there are any; see `posting.post`."""
        if self._plan is None or not keys:
            return
        try:
            self._post(self._plan, keys, anew=anew, each_usd=each_usd)
        except BaseException:
            if not any(part.state in UNDER_WAY for part in self.parts()):
                self._desk.journal.end(self.name, "broken off")
            raise

    def _post(self, plan: Plan, keys: Sequence[str], *, anew: bool, each_usd: str | None) -> None:
        taken = {job.name for job in self._desk.batches.jobs()}
        names = chain([self.name], (f"{self.name}/{number}" for number in count(2)))
        name = next(name for name in names if name not in taken)
        about = {"source": self._run.source, "each_usd": each_usd}
        job = Job(name, self.name, self._run.bucket, about=about)
        posting.post(self._desk, job, plan, keys, self._left(), anew=anew)

    def _left(self) -> Decimal | None:
        """Return what its further batches may cost: all of them together no more than was allowed."""
        if self._max_cost is None:
            return None
        own = [part for part in self.parts() if f"{part.job}/".startswith(f"{self.name}/")]
        most = standing.money(self._desk, own)[2]
        return max(self._max_cost - (most or 0), Decimal(0))


def _without_columns(count: int) -> Rows:
    import pandas as pd

    return inputs.rows(pd.DataFrame(index=pd.RangeIndex(count)))
