"""How does async work run while a kernel's loop is running?

On a private loop in a thread of its own, which lives as long as the process, so that what an async function
keeps (a connection pool) is there when it is called again. With `own_loop`, on the loop that is running here:
in a kernel, the kernel's own, whose patching by nest_asyncio2 is done then and only then.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import sys
import threading
import time
from typing import TYPE_CHECKING, TypeVar

from claude_magic.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Awaitable

T = TypeVar("T")
GRACE = 0.5  # seconds that cancelled work has to clean up, before the prompt is back without it
LOOK = 0.2  # seconds between looks for an interrupt, which a waiting thread on Windows does not see
OTHER_LOOP = "It waits for something of the kernel's own loop: mark the function with tool(own_loop=True)"


def run(work: Awaitable[T], *, own_loop: bool = False, timeout: float | None = None) -> T:
    """Run async work to its end and return what it returns; an interrupt cancels it.

    `own_loop` runs it on the loop of this thread; `timeout` is in seconds. Raises what the work raises,
    TimeoutError, and ConfigError where this thread's loop cannot be used so.
    """
    try:
        if not own_loop:
            return _elsewhere(work, timeout)
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            with asyncio.Runner() as runner:
                return runner.run(_limited(work, timeout))
        return _nested(loop, work, timeout)
    finally:
        if inspect.iscoroutine(work) and inspect.getcoroutinestate(work) == inspect.CORO_CREATED:
            work.close()  # it did not begin


async def _limited(work: Awaitable[T], timeout: float | None) -> T:
    limit = asyncio.timeout(timeout)
    try:
        async with limit:
            return await work
    except TimeoutError:
        if limit.expired():
            raise TimeoutError(_too_long(timeout)) from None
        raise
    except RuntimeError as error:
        if "different loop" in str(error) or "different event loop" in str(error):
            error.add_note(OTHER_LOOP)
        raise


def _too_long(timeout: float | None) -> str:
    return f"It took longer than {timeout:g} s"


# -- the loop of this thread -------------------------------------------------------------------------------


def _nested(loop: asyncio.AbstractEventLoop, work: Awaitable[T], timeout: float | None) -> T:
    _make_reentrant(loop)
    task = loop.create_task(_limited(work, timeout))
    try:
        loop.run_until_complete(asyncio.wait({task}))
        return task.result()
    finally:
        if not task.done():
            task.cancel()
            loop.run_until_complete(asyncio.wait({task}, timeout=GRACE))


def _make_reentrant(loop: asyncio.AbstractEventLoop) -> None:
    """Let the loop that is running run something to its end; raises ConfigError where that cannot be."""
    old = hasattr(asyncio, "_nest_patched") and not hasattr(asyncio, "_nest_asyncio2")
    if old and sys.version_info >= (3, 14):
        raise ConfigError(
            "nest_asyncio has patched this process, and on Python 3.14 and later it breaks asyncio",
            hint="Restart the kernel and leave nest_asyncio.apply() out; nest_asyncio2 is there already.",
        )
    import nest_asyncio2

    try:
        nest_asyncio2.apply(loop)
    except ValueError:  # a loop that is not asyncio's own, such as uvloop
        raise ConfigError(
            f"A tool cannot run on this kernel's own loop, which is a {type(loop).__name__}",
            hint="Leave own_loop=True out; the tool then runs on a loop of its own.",
        ) from None


# -- a private loop in a thread ----------------------------------------------------------------------------


class _Loop:
    """A loop that runs in a daemon thread until it is stopped or the process ends."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self._run, name="claude_magic async", daemon=True)
        self.thread.start()
        self.stuck = False

    def _run(self) -> None:
        try:
            self.loop.run_forever()
        finally:
            self.loop.close()

    @property
    def usable(self) -> bool:
        """Whether new work gets done: not after a fork, nor where work has not let go of the thread."""
        return self.thread.is_alive() and not self.stuck and threading.current_thread() is not self.thread

    def stop(self) -> None:
        """End the thread once what it does lets go of it."""
        with contextlib.suppress(RuntimeError):  # it is closed already
            self.loop.call_soon_threadsafe(self.loop.stop)


_lock = threading.Lock()
_shared: list[_Loop] = []


def _elsewhere(work: Awaitable[T], timeout: float | None) -> T:
    home, passing = _home()
    ended, tasks = threading.Event(), list[asyncio.Task[T]]()

    def start() -> None:
        tasks.append(home.loop.create_task(_limited(work, timeout)))
        tasks[0].add_done_callback(lambda _: ended.set())

    home.loop.call_soon_threadsafe(start)
    last = None if timeout is None else time.monotonic() + timeout + GRACE
    try:
        while not ended.wait(LOOK):
            if last is not None and time.monotonic() > last:  # it holds the thread, so that none can tell it
                raise TimeoutError(_too_long(timeout))
        return tasks[0].result()
    finally:
        if not ended.is_set():
            home.loop.call_soon_threadsafe(lambda: tasks[0].cancel())
            home.stuck = not ended.wait(GRACE)
        if passing or home.stuck:
            home.stop()


def _home() -> tuple[_Loop, bool]:
    """Return the loop to use, and whether it is for this once: async work may itself call for async work."""
    with _lock:
        if any(threading.current_thread() is one.thread for one in _shared):
            return _Loop(), True
        if not (_shared and _shared[0].usable):
            _shared[:] = [_Loop()]
        return _shared[0], False
