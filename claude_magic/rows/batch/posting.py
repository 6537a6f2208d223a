"""How does a batch come to be made once, and not twice?

What is to be asked is on disk before anything is sent. The call that makes a batch is not repeated where its
fate is unknown: the service's own list is looked at, now and later (`settling.py`), and no other batch is
made of those requests before that is settled (M5).
"""

from __future__ import annotations

import contextlib
import threading
import warnings
from typing import TYPE_CHECKING, Any

from claude_magic import limits
from claude_magic.errors import BudgetError, ClaudeError, Stopped
from claude_magic.protocol.catalog import added
from claude_magic.rows.batch import doubt, standing
from claude_magic.rows.batch.desk import BatchWarning
from claude_magic.rows.batch.parts import cut, requests
from claude_magic.rows.batch.settling import facts, give_up, in_doubt, revisit, sending
from claude_magic.talk import holding
from claude_magic.talk.current import session_id

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from decimal import Decimal

    from claude_magic.limits import Reservation
    from claude_magic.rows.asked.plan import Plan
    from claude_magic.rows.batch.desk import Desk
    from claude_magic.rows.batch.parts import Load
    from claude_magic.rows.kept.registry import Job, Part

_one_at_a_time = threading.Lock()  # claims tell kernels apart, not the threads of one


def post(
    desk: Desk, job: Job, plan: Plan, keys: Sequence[str], limit: Decimal | None, *, anew: bool = False
) -> None:
    """Make batches of a plan's requests with these keys, and write down which others bring the rest.

    They may cost at most `limit`, in USD. Those that another kernel is asking for are left to it; `anew` asks
    again what has an answer. Raises BudgetError before anything is sent, and the ClaudeError for which no
    batch was made; where that is not so of all of them a BatchWarning tells.
    """
    try:
        sending.append(job.name)
        failed = _posted(desk, job, plan, keys, limit, anew=anew)
    finally:
        if job.name in sending:
            sending.remove(job.name)
    if failed:
        _tell(desk, job, failed)


def _posted(
    desk: Desk, job: Job, plan: Plan, keys: Sequence[str], limit: Decimal | None, *, anew: bool
) -> ClaudeError | None:
    """Make the batches; return why not all were made, or why that is not known."""
    with _one_at_a_time:
        for part in desk.batches.all_parts():
            revisit(desk, part)
        with _claimed(desk, job, keys, anew=anew) as mine:
            busy = desk.batches.under_way(keys, job.bucket)
            asks = plan.asks(key for key in mine if key not in busy)
            loads = [*cut(asks, most_requests=desk.most_requests)]
            own = {(p.job, p.number) for p in standing.parts_of(desk, desk.journal.run(job.run))}
            others = {(p.job, p.number): None for p in busy.values() if (p.job, p.number) not in own}
            check(limit, [load.most_usd for load in loads])
            parts = _intend(desk, job, loads, [*others]) if loads or others else []
    if left := {*keys}.difference(mine, busy):
        _leave(desk, job, left)
    return _make_all(desk, plan, loads, parts) if loads else None


@contextlib.contextmanager
def _claimed(desk: Desk, job: Job, keys: Sequence[str], *, anew: bool) -> Iterator[list[str]]:
    """Yield those keys that nobody else is asking for; until they are written down, nobody takes them."""
    if anew:
        yield [*keys]
        return
    with desk.journal.turns(keys, job.bucket) as turns:
        yield [*turns]


def _leave(desk: Desk, job: Job, keys: Collection[str]) -> None:
    """Say that rows are left to whoever asks for them, but for those that have an answer by now."""
    if left := len(keys) - len(desk.journal.find(keys, job.bucket)):
        text = f"{job.run}: {left:,} rows are being asked by another kernel or thread, and are left to it"
        warnings.warn(text, BatchWarning, stacklevel=6)


def check(limit: Decimal | None, amounts: Iterable[Decimal | None]) -> None:
    """Raise BudgetError where batches could cost more together than a limit, in USD."""
    most = added(amounts)
    if limit is not None and (most is None or most > limit):
        raise _explained(limits.too_much(limit, most, "The batch", "it"))


def _explained(error: BudgetError) -> BudgetError:
    error.hint += " A batch is charged as a whole when it ends; live rows are charged one by one."
    return error


def _intend(desk: Desk, job: Job, loads: Sequence[Load], others: Sequence[tuple[str, int]]) -> Sequence[Part]:
    """Hold the worst case of all parts (M7) and write down what is about to be sent.

    What is held counts as spent from the end of its kernel on, until whoever reads the results settles it.
    """
    held: list[Reservation] = []
    about: Mapping[str, Any] = job.about or {}
    how: dict[str, Any] = {"session": session_id(), "source": about["source"]}
    before = doubt.newest(desk.client) if loads else ()
    with holding.to_the_end() as late:
        try:
            for load in loads:
                reservation = desk.books.reserve(load.most_usd, holding.budgets(), **how)
                held.append(reservation)
            about = {**about, "held": [_written(r) for r in held], "before": before, "others": others}
            made = [(load.sha256, load.keys) for load in loads]
            parts = desk.batches.intend(job._replace(about=about), made)
        except BaseException as error:
            for reservation in held:
                desk.books.release(reservation)
            if isinstance(error, BudgetError):
                _explained(error)
            raise
    if late:
        raise KeyboardInterrupt
    return parts


def _written(r: Reservation) -> list[str | None]:
    return [r.id, None if r.amount is None else str(r.amount), r.session, r.day, r.bucket]


# ---- the call ----------------------------------------------------------------------------------------------


def _make_all(desk: Desk, plan: Plan, loads: Sequence[Load], parts: Sequence[Part]) -> ClaudeError | None:
    """Make batches one after the other; once one was not made, for whatever reason, no other is sent."""
    failed: ClaudeError | None = None
    why = "It was interrupted before that"
    try:
        for load, part in zip(loads, parts, strict=True):
            failed = failed or _make(desk, plan, load, part)
        why = failed.message if failed else ""
    finally:
        for part in desk.batches.parts(parts[0].job):
            if part.state == "intended":
                give_up(desk, part, why)
    return failed


def _make(desk: Desk, plan: Plan, load: Load, part: Part) -> ClaudeError | None:
    """Make one batch; return why it was not made, or why that is not known."""
    sent = desk.batches.change(part, state="sent", created_at=desk.now())
    if sent is None:  # by another kernel
        return None
    try:
        asked = requests(plan.asks(load.keys), load)
        create = desk.client.messages.batches.create
        made = facts(create(requests=asked, betas=[*plan.betas], retry_unknown=False))
    except ClaudeError as error:
        if not in_doubt(error):
            give_up(desk, sent, error.message)
        return error
    except KeyboardInterrupt:
        what = "Stopped while a batch was made; whether it was, and how far it is:"
        raise Stopped(f'{what} claude_magic.attach("{part.job}")') from None
    with holding.to_the_end() as late:
        desk.batches.change(sent, state="made", **made)
    if late:
        raise KeyboardInterrupt
    return None


def _tell(desk: Desk, job: Job, failed: ClaudeError) -> None:
    """Say what became of parts that were not all made; raises the error where none was."""
    parts = desk.batches.parts(job.name)
    parts = [revisit(desk, part) for part in parts]
    if all(part.state == "failed" for part in parts):
        raise failed
    doubtful = sum(part.state == "sent" for part in parts)
    lost = sum(part.state == "failed" for part in parts)
    told = [
        f"whether {doubtful} of {len(parts)} batches was made is not known yet, .wait() settles it"
        if doubtful
        else "",
        f"{lost} of {len(parts)} batches were not made, .retry() sends their rows" if lost else "",
    ]
    text = f"{job.run}: {'; '.join(filter(None, told))} ({failed.message})"
    warnings.warn(text, BatchWarning, stacklevel=4)
