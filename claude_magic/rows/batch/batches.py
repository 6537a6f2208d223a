"""Which batches are there, on this machine and at the service, and how far is each?"""

from __future__ import annotations

from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING, Any

from claude_magic.errors import ClaudeError
from claude_magic.rows.batch import collecting, doubt, settling, standing
from claude_magic.rows.batch.desk import Desk
from claude_magic.rows.batch.jobview import COUNTS, Status, when
from claude_magic.rows.kept import journal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import pandas as pd

    from claude_magic.api.client import Client
    from claude_magic.wire import Record

UTC = "datetime64[us, UTC]"
COLUMNS = {
    "name": "string",
    "state": "string",
    "created": UTC,
    "expires": UTC,
    "ended": UTC,
    "rows": "Int64",
    **dict.fromkeys(COUNTS, "Int64"),
    "cost_usd": "Float64",
    "orphan": "boolean",
    "ids": "object",
}
"""The columns of `batches()` and their dtypes; the first is the index."""
MOST = 1_000  # batches of the service that are looked through
HERE = "service"
"""Under this name the attrs of the frame say whether the service was asked."""


def batches(*, store: str | Path | None = None, client: Client | None = None) -> pd.DataFrame:
    """Return the jobs of this machine and the other batches of the workspace, the newest first.

    Counts are of requests; results of what has ended are stored. `orphan` are batches that no job here has,
    by whose id `attach` gives their results, and jobs of which it is not known whether a batch was made.
    Where the service cannot be asked there are the jobs alone, and `frame.attrs["service"]` says why.
    """
    return overview(Desk(journal.shared(store), client))


def overview(desk: Desk) -> pd.DataFrame:
    """Return what there is at a desk; see `batches`."""
    import pandas as pd

    listed: dict[str, Record] = {}
    asked = "asked"
    try:
        listed = {one["id"]: one for one in islice(doubt.listed(desk.client), MOST)}
    except ClaudeError as error:
        asked = f"not asked: {error.message}"
    found = [*_jobs(desk, online=asked == "asked"), *_strangers(desk, listed)]
    found.sort(key=lambda line: (line["created"] is not None, line["created"]), reverse=True)
    made = pd.DataFrame({name: [line[name] for line in found] for name in COLUMNS})
    made = made.astype(COLUMNS).set_index("name")
    made.attrs[HERE] = asked
    return made


def _jobs(desk: Desk, *, online: bool) -> Iterator[dict[str, Any]]:
    """Yield the jobs that have a batch, as far as they are known or can be asked after."""
    for run in desk.journal.runs():
        if run.mode != "batch" or run.bucket != desk.bucket:
            continue
        parts = standing.parts_of(desk, run)
        collecting.warn(desk, parts)
        if online:
            with suppress(ClaudeError):
                parts = [collecting.refresh(desk, part) for part in parts]
        if parts:
            doubtful = any(settling.is_doubtful(desk, part) for part in parts)
            yield _line(standing.status(desk, run, parts), orphan=doubtful)


def _strangers(desk: Desk, listed: Mapping[str, Record]) -> Iterator[dict[str, Any]]:
    """Yield the batches of the service that are of no job."""
    ours = {part.batch_id for part in desk.batches.all_parts()}
    for name, batch in listed.items():
        if name not in ours:
            yield _line(stranger(batch), orphan=True)


def stranger(batch: Record, source: str = "batch") -> Status:
    """Return how far a batch of the service is."""
    said = settling.facts(batch)
    counts = {name: said["counts"].get(name, 0) for name in COUNTS}
    times: dict[str, Any] = {name: when(said[name]) for name in ("created_at", "expires_at", "ended_at")}
    rows = sum(counts.values())
    name, state = batch["id"], batch["processing_status"]
    return Status(name, state, rows, **counts, **times, cost_usd=None, ids=(name,), source=source)


def _line(now: Status, *, orphan: bool) -> dict[str, Any]:
    return {
        "name": now.name,
        "state": now.state,
        "created": now.created_at,
        "expires": now.expires_at,
        "ended": now.ended_at,
        "rows": now.rows,
        **{name: getattr(now, name) for name in COUNTS},
        "cost_usd": None if now.cost_usd is None else float(now.cost_usd),
        "orphan": orphan,
        "ids": [*now.ids],
    }
