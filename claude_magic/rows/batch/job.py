"""How does a map go in batches, and how is it found again?

What was answered or is under way is not asked again, by whatever call; a batch made by one kernel is taken up
by another, on any day. https://platform.claude.com/docs/en/build-with-claude/batch-processing
"""

from __future__ import annotations

import inspect
from dataclasses import replace
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING, Any

from claude_magic.api.client import Client
from claude_magic.errors import InputError, nearest
from claude_magic.grammar.keywords import checked
from claude_magic.keys import PRACTICE_URL
from claude_magic.protocol.catalog import EXACT
from claude_magic.rows.asked import inputs
from claude_magic.rows.asked.plan import plan
from claude_magic.rows.batch import collecting, settling, standing, strangers
from claude_magic.rows.batch.batchjob import BatchJob
from claude_magic.rows.batch.desk import Desk
from claude_magic.rows.batch.parts import BATCH_PRICE
from claude_magic.rows.kept import journal
from claude_magic.rows.kept.journal import run_of
from claude_magic.rows.kept.registry import UNDER_WAY
from claude_magic.talk import fitting, holding

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from claude_magic.rows.asked.plan import Plan
    from claude_magic.rows.asked.prompts import Prompt
    from claude_magic.rows.batch.strangers import Stranger
    from claude_magic.rows.kept.journal import Run
    from claude_magic.rows.outcome import Outcome

BATCH_ID = "msgbatch_"


def _batch(
    data: Any,
    prompt: Prompt,
    *,
    name: str | None = None,
    resume: bool = True,
    max_cost: Decimal | float | str | None = None,
    store: str | Path | bool | None = None,
    dtype_backend: str | None = None,
    client: Client | None = None,
    **asked: Any,
) -> BatchJob:
    """Send the prompt of each row in batches, at half the price and within a day; return a BatchJob at once.

    Arguments are as for `map`. Rows that have an answer, or are in a batch under way, are not asked again:
    the same call takes up the same job. `max_cost` (USD) and budgets must have room for the worst case of all
    rows. `name` is what `attach` finds the job by, from any kernel.

    Raises InputError and BudgetError before anything is sent, and the ClaudeError for which no batch was
    made. Where it is not known whether one was, a BatchWarning says so, and no second one is made.
    """
    fitting.check({"client": client})
    how = {"dtype_backend": dtype_backend, "details": asked.get("details", False)}
    more: dict[str, Any] = {"client": client, "store": store, **how}
    return submit(plan(data, prompt, **asked), name=name, resume=resume, max_cost=max_cost, **more)


def _signature() -> inspect.Signature:
    """Return the signature of `batch`: what `plan` takes, then its own."""
    own, planned = inspect.signature(_batch), inspect.signature(plan).parameters
    first, rest = [*planned.values()], [*own.parameters.values()][2:-1]
    return own.replace(parameters=[*(p for p in first if p.name != "version"), *rest])


_batch.__signature__ = _signature()  # type: ignore[attr-defined] # what Shift-Tab shows
_batch.__name__ = _batch.__qualname__ = "batch"
batch = checked(_batch)
KEYWORDS = frozenset(inspect.signature(_batch).parameters) - {"data", "prompt"}
"""The keywords of `batch`."""


def submit(
    made: Plan,
    *,
    name: str | None = None,
    resume: bool = True,
    max_cost: Any = None,
    store: str | Path | bool | None = None,
    client: Client | None = None,
    desk: Desk | None = None,
    **how: Any,
) -> BatchJob:
    """Send what a plan asks in batches; see `batch`. `how` is what a BatchJob is shown with."""
    made.rows.check_dtypes(how.get("dtype_backend"))
    desk = desk or Desk(journal.shared(store), client)
    wanted = list(made.first)
    before = desk.journal.find(wanted, desk.bucket) if resume else {}
    left = [key for key in wanted if key not in before]
    new = run_of(made, name, desk.source, mode="batch")
    for part in desk.batches.waiting(name) if name else ():
        settling.revisit(desk, part)
    same = desk.journal.same(new, made.keys) if resume else None
    new = same._replace(state="running") if same else new
    run = desk.journal.begin(new, made.keys, made.unfit)
    job = BatchJob(desk, run, made.keys, plan=made, max_cost=holding.allowance(max_cost).limit, **how)
    if left:
        job.post(left, anew=not resume, each_usd=_each(before.values()))
    else:
        desk.journal.end(run.name)
    return job


def _each(before: Iterable[Outcome]) -> str | None:
    """Return what a request costs in a batch, in USD, by those of its kind that were answered before."""
    half = [
        one.cost_usd * (1 if one.service_tier == "batch" else BATCH_PRICE)
        for one in before
        if one.cost_usd is not None
    ]
    with localcontext(EXACT):
        return str(sum(half, Decimal(0)) / len(half)) if half else None


@checked
def attach(
    name: str,
    data: Any = None,
    *,
    store: str | Path | bool | None = None,
    client: Client | None = None,
    dtype_backend: str | None = None,
    details: bool = False,
) -> BatchJob | Stranger:
    """Return a job by its name, or by the id of one of its batches, from any kernel on any day.

    `data` are its rows, to put the answers beside: without them a frame has the answers alone, in the order
    of the rows. The id of a batch that was made elsewhere gives its results by `custom_id`.

    Raises InputError for a name that no job has, rows that are not as many, and where practice would be asked
    for what was made with a key, or the service for what was made in practice.
    """
    how: dict[str, Any] = {"dtype_backend": dtype_backend, "details": details}
    return attached(Desk(journal.shared(store), client), name, data, **how)


def attached(desk: Desk, name: str, data: Any = None, **how: Any) -> BatchJob | Stranger:
    """Return what a name or an id is at a desk; see `attach`."""
    part = desk.batches.of_batch(name)
    owner = desk.batches.job(part.job if part else name)
    runs = {run.name: run for run in desk.journal.runs() if run.mode == "batch"}
    run = runs.get(owner.run if owner else name)
    if run is None and str(name).startswith(BATCH_ID):
        return strangers.Stranger(desk, name)
    if run is None:
        near = nearest(name, runs)
        hint = f'Did you mean "{near}"? ' if near else ""
        raise InputError(f'There is no batch job "{name}"', hint=f"{hint}claude_magic.batches() lists them.")
    desk = _there(desk, run)
    keys = desk.journal.keys(run.name)
    rows = None if data is None else inputs.rows(data)
    if rows is not None and len(rows) != len(keys):
        raise InputError(
            f"{run.name} has {len(keys):,} rows, and the data has {len(rows):,}",
            hint="Give the data that it was made of, in the same order.",
        )
    job = BatchJob(desk, run, keys, rows=rows, **how)
    collecting.warn(desk, job.parts())
    return job


def _there(desk: Desk, run: Run) -> Desk:
    """Return the desk at which the batches of a run are known: practice, or the service with a key.

    Raises InputError where that is another one than the one given, and there is something left to ask.
    """
    going = any(part.state in UNDER_WAY for part in standing.parts_of(desk, run))
    if not going or {run.bucket, desk.bucket} != {"live", "practice"}:
        return desk
    if run.bucket == "live":
        off = "without a practice client" if desk.given else "after %claude practice off"
        raise InputError(f"{run.name} was made with a key, not in practice", hint=f"{_again(run)} {off}.")
    if desk.given:
        raise InputError(f"{run.name} was made in practice, not with a key", hint=f"{_again(run)} alone.")
    return replace(desk, given=Client(base_url=PRACTICE_URL))


def _again(run: Run) -> str:
    return f'Type claude_magic.attach("{run.name}")'
