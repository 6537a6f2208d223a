"""How far is a map that went in batches, and what did it cost until now?

Told from what is written down: nothing is asked of the service here.
"""

from __future__ import annotations

from collections import Counter
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING

from claude_magic.protocol.catalog import EXACT, added
from claude_magic.rows.batch import settling
from claude_magic.rows.batch.collecting import CANCELING
from claude_magic.rows.batch.jobview import COUNTS, KINDS, Status, when
from claude_magic.rows.kept.registry import UNDER_WAY
from claude_magic.rows.outcome import PAID, Outcome

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from datetime import datetime

    from claude_magic.rows.batch.desk import Desk
    from claude_magic.rows.kept.journal import Run
    from claude_magic.rows.kept.registry import Part

NOT_ENDED = "Its batch has not ended"
IN_NONE = "No batch was made of it; the same claude_magic.batch(…) again asks it"


def parts_of(desk: Desk, run: Run) -> list[Part]:
    """Return the parts that bring the answers of a run, those of other runs that ask the same among them."""
    found: dict[tuple[str, int], Part] = {}
    for job in desk.batches.jobs():
        if job.run == run.name and job.created_at >= run.started_at:
            found |= {(part.job, part.number): part for part in desk.batches.parts(job.name)}
            for other, number in (job.about or {}).get("others") or ():
                if number < len(parts := desk.batches.parts(other)):
                    found[other, number] = parts[number]
    return [*found.values()]


def status(
    desk: Desk,
    run: Run,
    parts: Sequence[Part],
    keys: Collection[str] = (),
    answered: set[str] | None = None,
) -> Status:
    """Return how far a run is; with its keys also how many of its requests are in no batch.

    `answered` are those of them that are known to have an answer; others that have one are added.
    """
    counts = _counts(desk, run, parts)
    ended = [part.ended_at for part in parts if part.ended_at]
    spent, expected, most = money(desk, parts)
    before, unsent = _apart(desk, run, parts, keys, set() if answered is None else answered)
    state = state_of(desk, parts) if parts or not unsent else "not_sent"
    return Status(
        run.name,
        state,
        run.rows,
        **{name: counts[name] for name in COUNTS},
        before=before,
        not_sent=unsent,
        cost_usd=spent,
        expected_usd=expected,
        most_usd=most,
        created_at=when(min((part.created_at for part in parts if part.created_at), default=None)),
        expires_at=expires_at(parts),
        ended_at=when(max(ended)) if ended and state == "ended" else None,
        ids=ids_of(parts),
        notes=tuple(dict.fromkeys(part.error for part in parts if part.error)),
        source=run.source,
    )


def _counts(desk: Desk, run: Run, parts: Sequence[Part]) -> Counter[str]:
    """Return the counts of all parts; what a later one asks again is counted there alone."""
    counts, later = Counter[str](), set[str]()
    for part in reversed(parts):
        if part.state == "failed":
            continue
        asked = {*desk.batches.custom_ids(part)}
        if later & asked:
            known = desk.journal.statuses(asked - later, run.bucket).values()
            counts.update(KINDS.get(status, status) for status in known)
        else:
            counts.update(part.counts or {"processing": part.size})
        later |= asked
    return counts


def _apart(
    desk: Desk, run: Run, parts: Sequence[Part], keys: Collection[str], answered: set[str]
) -> tuple[int, int]:
    """Return how many requests were answered before, and how many are in no batch that was made."""
    asked = {key for part in parts if part.state != "failed" for key in desk.batches.custom_ids(part)}
    left = {*keys} - {""} - asked
    known = desk.journal.statuses(left - answered, run.bucket)
    answered.update(key for key, status in known.items() if status in PAID)
    return len(left & answered), len(left - answered)


def ids_of(parts: Iterable[Part]) -> tuple[str, ...]:
    """Return the ids of batches at the service."""
    return tuple(part.batch_id for part in parts if part.batch_id)


def expires_at(parts: Iterable[Part]) -> datetime | None:
    """Return when the last of them expires (UTC)."""
    return when(max((part.expires_at for part in parts if part.expires_at), default=None))


def state_of(desk: Desk, parts: Sequence[Part]) -> str:
    """Return one of `jobview.STATES`."""
    unsure = [part for part in parts if settling.is_doubtful(desk, part)]
    if any(not settling.is_untold(part) for part in unsure):
        return "in_doubt"
    if any(part.state in ("intended", "sent") and part not in unsure for part in parts):
        return "sending"
    if going := [part for part in parts if part.state in ("made", "ended")]:
        return "canceling" if any(part.error == CANCELING for part in going) else "in_progress"
    if unsure:
        return "orphan"
    return "not_sent" if parts and all(part.state == "failed" for part in parts) else "ended"


def money(desk: Desk, parts: Sequence[Part]) -> tuple[Decimal | None, Decimal | None, Decimal | None]:
    """Return USD paid for what has ended, what all may come to by that, and the most; None: not known."""
    held = [(part, desk.held(part)) for part in parts if part.state != "failed"]
    paid = desk.paid([reservation.id for _, reservation in held if reservation])
    spent: list[Decimal | None] = []
    most: list[Decimal | None] = []
    done = left = 0
    for part, reservation in held:
        if part.state == "stored":
            spent.append(paid.get(reservation.id) if reservation else Decimal(0))
            done += part.size
        else:
            most.append(reservation.amount if reservation else None)
            left += part.size
    sofar = added(spent)
    each = _each(desk, parts)
    with localcontext(EXACT):
        if done and sofar is not None:
            each = sofar / done
    expected = None if each is None or sofar is None or not left else sofar + each * left
    return sofar, expected, added([sofar, *most])


def _each(desk: Desk, parts: Sequence[Part]) -> Decimal | None:
    """Return what one request was expected to cost in USD when it was written down; None: not known."""
    said = (desk.about(part).get("each_usd") for part in parts)
    return next((Decimal(amount) for amount in said if amount), None)


def because(desk: Desk, run: Run, parts: Iterable[Part], keys: Iterable[str]) -> dict[str, Outcome]:
    """Return the outcomes of requests that have no answer: why is what became of their part, if any."""
    none = Outcome("", "not_sent", error=IN_NONE, attempts=0, source=run.source)
    found = {key: none._replace(key=key) for key in keys if key}
    for part in parts:
        if part.state in UNDER_WAY:
            made = Outcome("", "missing", error=part.error or NOT_ENDED, source=run.source)
        elif part.state == "failed":
            made = Outcome("", "not_sent", error=part.error, attempts=0, source=run.source)
        else:
            made = Outcome("", "missing", error=part.error, source=run.source)
        found |= {key: made._replace(key=key) for key in desk.batches.custom_ids(part)}
    return found
