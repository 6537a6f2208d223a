"""What has become of a batch, and what does it bring in?

When a batch is first seen to have ended its results go to disk, from there into the journal, and what they
cost takes the place of what was held for it: once, whoever looks, from whatever kernel, however often (M6).
"""

from __future__ import annotations

import warnings
from datetime import UTC, datetime
from decimal import Decimal
from itertools import islice
from typing import TYPE_CHECKING, Any

from claude_magic.errors import NotFoundError, StreamError
from claude_magic.ledger import Entry
from claude_magic.protocol.catalog import EXACT
from claude_magic.rows.batch import results, settling
from claude_magic.rows.batch.desk import BatchWarning
from claude_magic.rows.columns import reading
from claude_magic.rows.columns.lines import fetched
from claude_magic.rows.outcome import PAID

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from claude_magic.rows.batch.desk import Desk
    from claude_magic.rows.kept.journal import Run
    from claude_magic.rows.kept.registry import Part
    from claude_magic.rows.outcome import Outcome

MANY = 1_000  # outcomes in one transaction
DAY = 86_400_000_000  # microseconds
KEPT = 29 * DAY
"""How long the service keeps results, from the making of a batch on."""
NEAR = 3 * DAY
CANCELING = "It is being canceled"
UNKNOWN = "The service does not know it: it was deleted, or the key in use is of another workspace"
GONE = "Its results are no longer at the service, which keeps them for 29 days, and were not stored before"
TOKENS = (
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
)


def refresh(desk: Desk, part: Part) -> Part:
    """Look what has become of a part, and take in its results where it has ended; raises ClaudeError."""
    part = settling.revisit(desk, part)
    if part.state == "made":
        part = _look(desk, part)
    return store(desk, part) if part.state == "ended" else part


def _look(desk: Desk, part: Part) -> Part:
    """Ask how far a batch is."""
    try:
        batch = desk.client.messages.batches.retrieve(part.batch_id)
    except NotFoundError as error:
        return _unknown(desk, part, error)
    status = batch.get("processing_status")
    new = settling.facts(batch) | {"error": CANCELING if status == "canceling" else None}
    if status != "ended" and all(getattr(part, name) == value for name, value in new.items()):
        return part
    state = "ended" if status == "ended" else "made"
    return desk.batches.change(part, state=state, **new) or settling.again(desk, part)


def store(desk: Desk, part: Part) -> Part:
    """Take in the results of a batch that has ended; raises ClaudeError where they cannot be read."""
    run, source = _run(desk, part), desk.about(part).get("source", "batch")
    path = results.place(str(part.batch_id)) if desk.journal.keeps else None
    odd, sums = results.Strange([], [], []), _Sums()
    try:
        wanted = desk.batches.custom_ids(part)
        chunks = _chunks(desk, str(part.batch_id), path, anew=source == "practice")
        read = results.read(chunks, wanted, odd, source=source, fits=reading.fits(run.shape))
        while few := [*islice(read, MANY)]:
            desk.journal.write(few, run.name)
            sums.add(few)
    except NotFoundError as error:
        return _unknown(desk, part, error)
    except StreamError:
        if path is not None:
            path.unlink(missing_ok=True)
        raise
    if told := str(odd):
        warnings.warn(f"The results of {part.batch_id} are odd: {told}", BatchWarning, stacklevel=2)
    _pay(desk, part, sums.entry(run, part, source))
    stored = {"results": None if path is None else str(path), "error": told or None}
    return desk.batches.change(part, state="stored", **stored) or settling.again(desk, part)


def _run(desk: Desk, part: Part) -> Run:
    job = desk.batches.job(part.job)
    return desk.journal.run(job.run if job else part.job)


def _chunks(desk: Desk, batch_id: str, path: Path | None, *, anew: bool) -> Iterable[bytes]:
    """Return the bytes of results, from their file, which is fetched where it is not there.

    `anew` it is fetched all the same: a practice server may have given the id to another batch before.
    """
    if path is None:
        return fetched(desk.client, batch_id)
    return results.kept(path if path.is_file() and not anew else results.fetch(desk.client, batch_id))


def _unknown(desk: Desk, part: Part, error: NotFoundError) -> Part:
    """Write down that the service does not know a batch; raises the error, unless its days are over."""
    if desk.now() > (part.created_at or 0) + KEPT:
        return lost(desk, part, GONE)
    desk.batches.change(part, error=UNKNOWN)
    error.hint = 'Use the key that it was made with; or ask its rows once more: .retry(("missing",)).'
    raise error


def lost(desk: Desk, part: Part, why: str) -> Part:
    """Write down that results will not come any more; what they cost is not known, and counts as held."""
    sums = _Sums()
    sums.cost = None
    _pay(desk, part, sums.entry(_run(desk, part), part, desk.about(part).get("source", "batch")))
    return desk.batches.change(part, state="stored", error=why) or settling.again(desk, part)


def _pay(desk: Desk, part: Part, entry: Entry) -> None:
    """Put what a part cost in the place of what was held for it: done again, it changes nothing."""
    if reservation := desk.held(part):
        desk.books.settle(reservation, entry)


class _Sums:
    """What the answers of a part took; the cost is None as soon as one is not known."""

    def __init__(self) -> None:
        self.tokens = dict.fromkeys(TOKENS, 0)
        self.cost: Decimal | None = Decimal(0)
        self.paid = 0

    def add(self, outcomes: Sequence[Outcome]) -> None:
        for one in outcomes:
            if one.status in PAID:
                self.paid += 1
                for name in TOKENS:
                    self.tokens[name] += getattr(one, name) or 0
                both = self.cost is not None and one.cost_usd is not None
                self.cost = EXACT.add(self.cost, one.cost_usd) if both else None  # type: ignore[arg-type]

    def entry(self, run: Run, part: Part, source: str) -> Entry:
        tokens: dict[str, Any] = {**self.tokens}
        return Entry(
            time=datetime.fromtimestamp((part.ended_at or part.created_at or 0) / 1_000_000, UTC),
            notebook=run.notebook,
            model=run.model,
            cost_usd=self.cost,
            outcome="ok" if self.paid else "error",
            request_id=part.batch_id,
            source=source,
            **tokens,
        )


def warn(desk: Desk, parts: Iterable[Part]) -> None:
    """Warn of results that nobody has stored, and that the service drops within days (M6)."""
    for part in parts:
        left = (part.created_at or 0) + KEPT - desk.now()
        if part.state in ("made", "ended") and 0 < left < NEAR:
            text = f"The results of {part.batch_id} ({part.job}) are kept for {left / DAY:.0f} more days"
            hint = f"store them: claude_magic.attach({part.batch_id!r}).wait()"
            warnings.warn(f"{text}; {hint}", BatchWarning, stacklevel=3)
