"""How is a map paused, gone on with and cancelled while it is under way?

It runs in a thread of its own, so that a button is heard while it goes on. Where nobody watches it runs here,
as `claude_magic.map` does.
"""

from __future__ import annotations

import threading
from contextvars import copy_context
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from claude_magic.errors import ClaudeError, InputError, Stopped
from claude_magic.rows import mapping
from claude_magic.rows.pace.engine import Control
from claude_magic.ui import controls, progress
from claude_magic.ui.paper import Paper, Sheet, audience
from claude_magic.ui.progress import Progress

if TYPE_CHECKING:
    from claude_magic.rows.tally import Tally


class MapProgress(controls.Panel):
    """A map under way: `.pause()`, `.resume()`, `.cancel()`, `.wait()`, and `.frame` when it has ended."""

    def __init__(self, data: Any, prompt: Any, **given: Any) -> None:
        self.data, self.prompt, self.given = data, prompt, given
        self.error: BaseException | None = None
        self._control = Control(self._ended)
        self._tally: Tally | None = None
        self._before: Tally | None = None  # of the run before
        self._paid: Decimal | None = Decimal(0)  # in the runs before
        self._frame: Any = None
        self._thread: threading.Thread | None = None
        self._going = False
        self._shown_in: int | None = None
        self.paper = Paper(self._sheet)

    # ---- what one does with it -----------------------------------------------------------------------------

    def start(self) -> None:
        """Ask the rows that have no answer yet."""
        if self.busy:
            return
        self._control, self.error, self._frame = Control(self._ended), None, None
        if self._tally is not None:
            self._paid, self._tally = self._cost, self._tally._replace(spent=Decimal(0))
        self._before = self._tally
        if self._panel is None:  # nobody watches, but at a terminal
            watch: dict[str, Any] = {} if audience() == "terminal" else {"progress": self._told}
            given = {**self.given, "control": self._control, **watch}
            self._frame = mapping.map(self.data, self.prompt, **given)
            return
        self._going = True
        self._thread = threading.Thread(target=copy_context().run, args=(self._run,), daemon=True)
        self._thread.start()
        self._changed()

    def pause(self) -> None:
        """Send nothing more until `resume`; what is under way ends."""
        self._control.pause()
        self._changed()

    def resume(self) -> None:
        """Go on after `pause`."""
        self._control.resume()
        self._changed()

    def cancel(self) -> None:
        """Send nothing more; what was answered is kept, and `start` goes on."""
        self._control.cancel()
        self._changed()

    def wait(self, timeout: float | None = None) -> Any:
        """Wait for the end, at most for `timeout` seconds, and return the frame; an interrupt cancels."""
        try:
            if self._thread is not None:
                self._thread.join(timeout)
        except KeyboardInterrupt:
            self.cancel()
            raise Stopped from None
        return self.frame

    @property
    def busy(self) -> bool:
        """Whether it is under way."""
        return self._going

    @property
    def frame(self) -> Any:
        """The frame with the answers; raises InputError before the end, and what went wrong after it."""
        if self.busy:
            raise InputError("The rows are still being asked", hint="Wait for them: .wait()")
        if self._frame is None and self.error is not None:
            raise self.error
        return self._frame

    # ---- in a thread ---------------------------------------------------------------------------------------

    def _run(self) -> None:
        given = {**self.given, "control": self._control, "progress": self._told}
        try:
            self._frame = mapping.map(self.data, self.prompt, **given)
        except BaseException as error:  # in a thread nobody would hear of it
            self.error, self._frame = error, getattr(error, "answer", None)
        finally:
            self._going = False
            self._changed()

    def _told(self, tally: Tally) -> None:
        self._tally = tally
        self.paper.soon()

    def _ended(self, tally: Tally) -> None:
        if self._tally is self._before:  # nobody was told on the way
            self._tally = tally

    # ---- what is shown -------------------------------------------------------------------------------------

    def show(self) -> None:
        """Show the buttons, and how far it is, in the running cell."""
        self._shown_in = _cell()
        super()._ipython_display_()

    def _ipython_display_(self) -> None:
        if self._shown_in is None or self._shown_in != _cell():
            self.show()

    def _made(self) -> Any:
        press, tip = controls.button, "What was answered is kept"
        self._buttons = {
            "pause": press("Pause", self.pause, tip="Send nothing more for now"),
            "resume": press("Resume", self.resume, tip="Go on", look="primary"),
            "cancel": press("Cancel", self.cancel, tip=tip),
            "again": press("Ask the rest", self.start, tip="Ask the rows that have no answer"),
        }
        return controls.panel(controls.row(*self._buttons.values()))

    def _changed(self) -> None:
        if self._panel is not None:
            going, paused = self.busy and not self._control.cancelled, self._control.paused
            usable = {"pause": going and not paused, "resume": going and paused, "cancel": going}
            for name, button in self._buttons.items():
                button.disabled = not usable.get(name, not self.busy and bool(self.error or self._unanswered))
        self.paper.now()

    @property
    def _unanswered(self) -> int:
        return 0 if self._tally is None else self._tally.failed + self._tally.not_sent

    @property
    def _cost(self) -> Decimal | None:
        """What all runs of it cost, None where a price is not known."""
        spent = self._tally.spent if self._tally else Decimal(0)
        return None if spent is None or self._paid is None else self._paid + spent

    def _state(self) -> str:
        if self.busy:
            return (
                "stopping" if self._control.cancelled else "paused" if self._control.paused else "under way"
            )
        if isinstance(self.error, KeyboardInterrupt) or self._control.cancelled:
            return "stopped: what was answered is kept"
        return "ended" if self.error is None else "broken off"

    def _sheet(self) -> Sheet:
        now = Progress(self.given.get("name") or "Map", self._state(), 0, going=self.busy, note=self._wrong())
        tally = self._tally
        if tally is None:
            return progress.sheet(now)
        left, expected = max(tally.total - tally.done, 0), None
        rate = 0.0 if self._control.paused else tally.rate
        why = "" if tally.why == now.state else tally.why
        if tally.done and tally.spent is not None and self._paid is not None:
            expected = self._paid + tally.spent / tally.done * tally.total
        return progress.sheet(
            now._replace(
                total=tally.total + tally.cached,
                done=tally.ok + tally.failed + tally.cached,
                failed=tally.failed,
                waiting=tally.waiting,
                under_way=tally.in_flight,
                not_sent=tally.not_sent,
                before=tally.cached,
                cost=self._cost,
                expected=expected,
                rate=rate,
                left=left / rate if rate else None,
                note=now.note or (f"{why}: {tally.paused:.0f} s" if why and tally.paused else why),
                badge="" if tally.source == "live" else tally.source,
            )
        )

    def _wrong(self) -> str:
        error = self.error
        if error is None or isinstance(error, KeyboardInterrupt):
            return ""
        if isinstance(error, ClaudeError):
            return f"{error.message}. {error.hint or ''}".strip()
        return f"{type(error).__name__}: {error}"


def map(data: Any, prompt: Any, **given: Any) -> MapProgress:
    """Ask the prompt of each row, as `claude_magic.map` does, with buttons to pause, go on and cancel.

    In a notebook it returns at once, and `.wait()` or `.frame` gives the frame; elsewhere when it has ended.
    Raises as `claude_magic.map` does, in a notebook from `.frame`.
    """
    if given.get("mode") == "batch":
        raise InputError("A batch is not asked here", hint="Type ui.batch(claude_magic.batch(df, prompt))")
    made, mode = MapProgress(data, prompt, **given), audience()
    if mode in ("live", "page"):
        made.show()
    made.start()
    if mode == "static":
        made.show()
    return made


def _cell() -> int | None:
    from IPython.core.getipython import get_ipython

    shell = get_ipython()
    return shell.execution_count if shell else None
