"""Which batches were meant, made, ended and stored, on any day and from any kernel?

A job is one map in one or more batches; a part is one batch. What is about to be done is on disk first, and
a part is taken further by one kernel alone: `change` answers None to whoever comes second.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, NamedTuple

from claude_magic import wire
from claude_magic.errors import ConfigError
from claude_magic.ledger import place
from claude_magic.rows.kept import keylist
from claude_magic.rows.kept.store import JOBS, PARTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from claude_magic.rows.kept.keeping import Keeping

UNDER_WAY = ("intended", "sent", "made", "ended")
"""States of a part whose answers may still come: none of its requests is asked again.

intended: nothing was sent. sent: the creation is under way, or its answer was lost. made: the batch has an
id. ended: the service is done. Then it is stored: every answer is in the journal; or failed: surely no batch
came of it.
"""
_OPEN = ", ".join(f"'{state}'" for state in UNDER_WAY)
_WAITING = "state IN ('sent', 'made', 'ended') AND job IN (SELECT name FROM jobs WHERE run = ?)"
_UNDER_WAY = f"state IN ({_OPEN}) AND job IN (SELECT name FROM jobs WHERE bucket = ?)"  # noqa: S608


class Part(NamedTuple):
    """One batch of a job. Moments are microseconds since 1970, UTC; `sha256` is of the upload's bytes.

    `keys` is the digest of its custom_ids (see `Registry.custom_ids`), `size` their number; `owner` marks
    the process that changed it last (`ledger.place.is_gone`); `counts` is the batch's `request_counts`;
    `results` the path of a file of its result lines, where there is one.
    """

    job: str
    number: int
    sha256: str = ""
    keys: str = ""
    size: int = 0
    state: str = "intended"
    owner: str = ""
    batch_id: str | None = None
    created_at: int | None = None
    expires_at: int | None = None
    ended_at: int | None = None
    counts: Mapping[str, int] | None = None
    results: str | None = None
    error: str | None = None


class Job(NamedTuple):
    """A map that goes in batches: `about` is whatever else is to be known of it, as JSON can say it."""

    name: str
    run: str = ""
    bucket: str = "live"
    created_at: int = 0
    about: Mapping[str, Any] | None = None


class Registry:
    """The batches in a journal's file. Every change raises ConfigError where it cannot be written."""

    def __init__(self, disk: Keeping) -> None:
        self._disk = disk

    def intend(self, job: Job, parts: Sequence[tuple[str, Sequence[str]]]) -> list[Part]:
        """Write down, before anything is sent, a job and its parts: the sha256 and custom_ids of each.

        A job that is there already gets them as further parts. It survives a loss of power too.
        """
        known = self.parts(job.name) if self.job(job.name) else []
        lists = [keylist.pack(ids) for _, ids in parts]
        made = [
            Part(job.name, len(known) + n, sha256, digest, len(ids), owner=place.mark())
            for n, ((sha256, ids), (digest, _)) in enumerate(zip(parts, lists, strict=True))
        ]
        about = wire.encode(job.about or {}).decode()
        named = [] if known else [("job", [(*job[:3], job.created_at or now(), about)])]
        rows = [_row(part) for part in made]
        if self._disk.sure(*named, ("keylist", lists), ("part", rows)) < len(rows):
            raise ConfigError(
                f'Another kernel is making batches of "{job.name}"', hint="Try again when it has."
            )
        return made

    def change(self, part: Part, **new: Any) -> Part | None:
        """Write what became of a part and return it anew; None where another kernel changed its state first.

        `change(part, state="sent")` right before the request: only the kernel that gets a Part may send.
        """
        changed = part._replace(**{"owner": place.mark(), **new})
        met = self._disk.sure(("part again", [(*_row(changed), part.job, part.number, part.state)]))
        return changed if met else None

    def jobs(self) -> list[Job]:
        """Return every job, oldest first."""
        return self._jobs("1")

    def job(self, name: str) -> Job | None:
        """Return the job of a name, None where there is none."""
        return next(iter(self._jobs("name = ?", name)), None)

    def parts(self, name: str) -> list[Part]:
        """Return a job's parts in order, as they now are."""
        return self._parts("job = ?", name)

    def of_batch(self, batch_id: str) -> Part | None:
        """Return the part that a batch is, None where it is of no job here; of practice ones the newest."""
        return max(self._parts("batch_id = ?", batch_id), key=lambda part: part.created_at or 0, default=None)

    def all_parts(self) -> list[Part]:
        """Return the parts of all jobs."""
        return self._parts("1")

    def waiting(self, run: str) -> list[Part]:
        """Return the parts of a run that are paid for, or may be, and whose answers are not here yet."""
        return self._parts(_WAITING, run)

    def under_way(
        self, keys: Iterable[str], bucket: str, known: dict[str, frozenset[str]] | None = None
    ) -> dict[str, Part]:
        """Return the part in which each of these keys is being asked, for those that are in a batch.

        `known` keeps lists of custom_ids from one call to the next.
        """
        wanted, lists = {*keys}, {} if known is None else known
        found: dict[str, Part] = {}
        for part in self._parts(_UNDER_WAY, bucket) if wanted else ():
            if part.keys not in lists:
                lists[part.keys] = frozenset(self.custom_ids(part))
            found |= dict.fromkeys(wanted & lists[part.keys], part)
        return found

    def custom_ids(self, part: Part) -> list[str]:
        """Return the custom_ids of a part, in the order of its requests."""
        found = self._disk.select("SELECT keys FROM keylists WHERE digest = ?", (part.keys,))
        return keylist.unpack(found[-1][0]) if found else []

    def forget(self, name: str) -> None:
        """Remove a job and its parts from the file; answers stay in the journal (`Journal.forget`)."""
        self._disk.sure(("forget job", [(name,)]), ("forget parts", [(name,)]))

    def _jobs(self, where: str, *values: Any) -> list[Job]:
        sql = f"SELECT {', '.join(JOBS)} FROM jobs WHERE {where} ORDER BY created_at, name"  # noqa: S608
        self._disk.renew()
        rows = self._disk.select(sql, values)
        return [Job._make((*row[:-1], wire.decode(row[-1]))) for row in rows]

    def _parts(self, where: str, *values: Any) -> list[Part]:
        sql = f"SELECT {', '.join(PARTS)} FROM parts WHERE {where} ORDER BY job, number"  # noqa: S608
        self._disk.renew()
        rows = self._disk.select(sql, values)
        made = (Part(*row) for row in rows)
        return [p._replace(counts=wire.decode(p.counts) if p.counts else None) for p in made]  # type: ignore[arg-type] # text in the file


def now() -> int:
    """Return the moment: microseconds since 1970, UTC."""
    return time.time_ns() // 1000


def _row(part: Part) -> tuple[Any, ...]:
    counts = wire.encode(dict(part.counts)).decode() if part.counts else None
    return tuple(part._replace(counts=counts))  # type: ignore[arg-type] # text in the file
