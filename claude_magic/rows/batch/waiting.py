"""How is a batch waited for, and what does it say of itself?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from claude_magic.errors import (
    APIConnectionError,
    ConfigError,
    InputError,
    InternalServerError,
    RateLimitError,
    Stopped,
)
from claude_magic.looks import watched
from claude_magic.rows.batch.jobview import Status, Watch, page

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from claude_magic.rows.batch.desk import Desk

FIRST, LONGEST = 1.0, 60.0  # seconds between two looks
SLOWER = 1.5
PATIENCE = 30  # looks in a row that may fail
PASSING = (APIConnectionError, InternalServerError, RateLimitError)
"""What ends by itself: a batch goes on meanwhile."""


class Waiting:
    """What a batch of this machine's and one that was made elsewhere have in common."""

    _desk: Desk
    _shown_in: str | None = None  # the cell that has shown it already, by waiting

    @property
    def name(self) -> str:
        """What `claude_magic.attach` finds it by."""
        raise NotImplementedError

    def status(self) -> Status:
        """Ask the service how far it is, and store the results of what has ended; raises ClaudeError."""
        raise NotImplementedError

    def _known(self) -> Status:
        """Return how far it is by what is written down."""
        raise NotImplementedError

    @property
    def ids(self) -> list[str]:
        """The ids of its batches at the service."""
        return [*self._known().ids]

    @property
    def expires_at(self) -> datetime | None:
        """When what has not been answered by then expires (UTC)."""
        return self._known().expires_at

    def wait(
        self,
        timeout: float | None = None,
        *,
        poll: float | None = None,
        watch: Callable[[Status], object] | None = None,
        progress: bool = True,
    ) -> Self:
        """Wait until it has ended, at most `timeout` seconds, and return it.

        It is looked at after a second, then more and more seldom, at last every minute; or every `poll`
        seconds. `watch` is told each time. An interrupt ends the waiting, not the batch. Raises ClaudeError.
        """
        shown, waited, pause, missed = Watch(show=progress), 0.0, FIRST, 0
        try:
            while True:
                now, missed = self._looked(missed)
                for tell in (shown, watch):
                    if tell is not None:
                        tell(now)
                if not now.is_open or (timeout is not None and waited >= timeout):
                    return self
                rest = poll or pause
                rest = rest if timeout is None else min(rest, timeout - waited)
                self._desk.sleep(rest)
                waited, pause = waited + rest, min(pause * SLOWER, LONGEST)
        except KeyboardInterrupt:
            raise Stopped(f"Stopped waiting; the batch goes on: {self._again}") from None
        finally:
            self._shown_in = watched.cell() if shown.end() else None

    @property
    def _again(self) -> str:
        return f'claude_magic.attach("{self.name}").wait()'

    def _looked(self, missed: int) -> tuple[Status, int]:
        """Look how far it is; that the service cannot be reached for a while does not end the waiting."""
        try:
            return self.status(), 0
        except PASSING as error:
            if missed >= PATIENCE:
                error.hint = f"The batch goes on; look later: {self._again}"
                raise
            return self._known(), missed + 1

    def _latest(self) -> Status:
        """Return how far it is; where the service cannot be asked, as far as is written down."""
        try:
            return self.status()
        except (ConfigError, *PASSING):
            return self._known()

    def _ended(self, *, partial: bool) -> None:
        """Raise InputError where it has not ended, unless that is no matter."""
        now = self._latest()
        if now.is_open and not partial:
            hint = "Type .wait() first, or .frame(partial=True) for what is there."
            raise InputError(f"{self.name} has not ended: {now}", hint=hint)

    def retry(self, statuses: Sequence[str] = ("errored", "expired")) -> Any:
        """Ask rows that came to nothing once more; raises InputError where that cannot be done here."""
        raise InputError(
            f"{self.name} was found by its name, and prompts are not kept with it ({', '.join(statuses)})",
            hint="Run the same claude_magic.batch(…) again: it asks only rows that have no answer.",
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}: {self._known()}>"

    def _ipython_display_(self) -> None:
        """Leave it out as the value of a cell that has shown it: raises NotImplementedError elsewhere."""
        before, self._shown_in = self._shown_in, None
        if before is None or before != watched.cell():
            raise NotImplementedError  # then it is shown as any value is

    def _repr_html_(self) -> str:
        return page(self._known())
