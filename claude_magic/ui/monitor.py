"""How far is a batch, for whoever looks on while the notebook goes on?

A thread asks the service, after a second, then more and more seldom, at last every minute. Closing the
notebook ends the looking, not the batch.
"""

from __future__ import annotations

import threading
from contextvars import copy_context
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from claude_magic.errors import ClaudeError
from claude_magic.looks.readout import dollars
from claude_magic.rows.batch import job as jobs
from claude_magic.rows.batch.batchjob import BatchJob
from claude_magic.rows.batch.strangers import Stranger
from claude_magic.ui import controls, progress
from claude_magic.ui.paper import Paper, Sheet
from claude_magic.ui.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable

    from claude_magic.rows.batch.jobview import Status


class _NoMore(Exception):  # noqa: N818 - nothing went wrong
    """Nobody looks on any more."""


class BatchMonitor(controls.Panel):
    """How far a batch job is, kept up to date while it goes on; `job` is the BatchJob, `status` the newest.

    `.refresh()` looks now, `.cancel()` stops the batch, `.close()` stops looking.
    """

    def __init__(self, job: BatchJob | str) -> None:
        self.job: Any = job if isinstance(job, BatchJob | Stranger) else jobs.attach(job)
        self.status: Status = self.job.status()
        self.error = ""
        self._closed = self._looking = False
        self._thread: threading.Thread | None = None
        self.paper = Paper(self._sheet)

    def refresh(self) -> None:
        """Ask the service now."""
        self._do(self.job.status)
        self._watch()

    def cancel(self) -> None:
        """Stop the batch: rows that have an answer by then keep it."""
        self._do(self.job.cancel)

    def close(self) -> None:
        """Look no more; the batch goes on."""
        self._closed = True

    def _do(self, what: Callable[[], Status]) -> None:
        self.error = ""
        try:
            self.status = what()
        except ClaudeError as error:
            self.error = f"{error.message}. {error.hint or ''}".strip()
        self._changed()

    def _watch(self) -> None:
        if self.status.is_open and self._panel is not None and not self._looking:
            self._closed, self._looking = False, True
            self._thread = threading.Thread(target=copy_context().run, args=(self._look,), daemon=True)
            self._thread.start()

    def _look(self) -> None:
        try:
            self.job.wait(watch=self._told, progress=False)
        except ClaudeError as error:
            self.error = f"{error.message}. {error.hint or ''}".strip()
        except _NoMore:
            pass
        finally:
            self._looking = False
            self._changed()

    def _told(self, now: Status) -> None:
        if self._closed:
            raise _NoMore
        self.status = now
        self.paper.soon()

    # ---- what is shown -------------------------------------------------------------------------------------

    def _ipython_display_(self) -> None:
        super()._ipython_display_()
        self._watch()

    def _made(self) -> Any:
        self._cancel = controls.button("Cancel batch", self.cancel, tip="Rows with an answer keep it")
        self._cancel.disabled = not self.status.is_open
        refresh = controls.button("Refresh", self.refresh, tip="Ask the service now")
        return controls.panel(controls.row(refresh, self._cancel))

    def _changed(self) -> None:
        if self._panel is not None:
            self._cancel.disabled = not self.status.is_open
        self.paper.now()

    def _sheet(self) -> Sheet:
        now = self.status
        failed = now.errored + now.expired
        done = now.succeeded + failed + now.canceled
        took = ((now.ended_at or datetime.now(UTC)) - now.created_at).total_seconds() if now.created_at else 0
        limit = f"expires {now.expires_at:%Y-%m-%d %H:%M} UTC" if now.is_open and now.expires_at else ""
        early = now.is_open and now.expected_usd is None
        most = f"at most {dollars(now.most_usd)}" if early and now.most_usd is not None else ""
        return progress.sheet(
            Progress(
                f"Batch {now.name}",
                now.state.replace("_", " "),
                now.requests + now.before,
                done + now.before,
                failed,
                now.processing,
                not_sent=now.not_sent,
                before=now.before,
                canceled=now.canceled,
                cost=None if early and now.most_usd is None and not now.cost_usd else now.cost_usd,
                expected=now.expected_usd,
                rate=done / took if now.is_open and done and took > 1 else None,
                left=now.processing * took / done if done and took > 1 else None,
                note=" · ".join(filter(None, (self.error, most, limit, *now.notes))),
                badge="practice" if now.source == "practice" else "",
                going=now.is_open,
            )
        )


def batch(job: BatchJob | str) -> BatchMonitor:
    """Return how far a batch job is; `job` is a BatchJob, its name, or a batch's id. Raises ClaudeError."""
    return BatchMonitor(job)
