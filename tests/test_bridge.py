"""Does async work run while a kernel's loop is running, and stop when it is told to?"""

from __future__ import annotations

import ast
import asyncio
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

from claude_magic import bridge
from tests.conftest import Kernel

SETUP = """
import asyncio, threading
from claude_magic import bridge
kernels = asyncio.get_running_loop()

async def where():
    await asyncio.sleep(0)
    return asyncio.get_running_loop() is kernels, threading.current_thread() is threading.main_thread()

left = []
async def hang():
    print("hanging")
    try:
        await asyncio.sleep(600)
    finally:
        left.append("cancelled")
"""


async def where() -> tuple[asyncio.AbstractEventLoop, threading.Thread]:
    await asyncio.sleep(0)
    return asyncio.get_running_loop(), threading.current_thread()


def inside(call: Callable[[], Any]) -> Any:
    """Call a function while a loop is running in this thread, as a cell does."""

    async def main() -> Any:
        return call()

    return asyncio.run(main())


@pytest.mark.parametrize("own_loop", [False, True])
def test_work_returns_and_raises_where_no_loop_runs(own_loop):
    async def fail() -> None:
        raise LookupError("not there")

    assert 3 == bridge.run(asyncio.sleep(0, 3), own_loop=own_loop)
    with pytest.raises(LookupError, match="not there"):
        bridge.run(fail(), own_loop=own_loop)


def test_the_private_loop_stays_so_that_what_was_made_on_it_can_be_used_again():
    assert bridge.run(where()) == bridge.run(where()) == inside(lambda: bridge.run(where()))
    assert threading.current_thread() is not bridge.run(where())[1]


def test_without_a_running_loop_the_own_loop_is_one_in_this_thread():
    assert threading.current_thread() is bridge.run(where(), own_loop=True)[1]


def test_work_sees_the_context_of_its_caller():
    import contextvars

    name = contextvars.ContextVar("name")

    async def read() -> str:
        return name.get()

    name.set("ada")
    assert "ada" == bridge.run(read())


def test_work_may_itself_call_for_async_work():
    async def outer() -> int:
        return bridge.run(asyncio.sleep(0, 3))

    assert 3 == bridge.run(outer())


def test_many_threads_share_the_private_loop():
    found = list[Any]()
    threads = [threading.Thread(target=lambda: found.append(bridge.run(where()))) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [bridge.run(where())] * 20 == found


def test_o5_work_that_takes_too_long_is_cancelled():
    ended = list[str]()

    async def slow() -> None:
        try:
            await asyncio.sleep(600)
        finally:
            ended.append("cancelled")

    with pytest.raises(TimeoutError, match=r"It took longer than 0\.05 s"):
        bridge.run(slow(), timeout=0.05)
    assert ["cancelled"] == ended


def test_a_timeout_of_the_work_itself_stays_its_own():
    async def fail() -> None:
        raise TimeoutError("the database is slow")

    with pytest.raises(TimeoutError, match="the database is slow"):
        bridge.run(fail(), timeout=5)


def test_work_that_holds_its_thread_is_left_behind_and_the_next_gets_another_loop(monkeypatch):
    monkeypatch.setattr(bridge, "GRACE", 0.01)
    before, free = bridge.run(where()), threading.Event()

    async def block() -> None:
        free.wait(30)

    with pytest.raises(TimeoutError):
        bridge.run(block(), timeout=0.01)
    after = bridge.run(where())
    assert before[1] is not after[1]
    free.set()
    before[1].join(30)
    assert not before[1].is_alive()


def test_something_of_another_loop_is_explained():
    async def main() -> None:
        mine = asyncio.get_running_loop().create_future()

        async def waits() -> None:
            await mine

        bridge.run(waits())

    with pytest.raises(RuntimeError) as caught:
        asyncio.run(main())
    assert [bridge.OTHER_LOOP] == caught.value.__notes__


def test_work_that_never_began_leaves_no_warning(monkeypatch, recwarn):
    def no_thread() -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(bridge, "_home", no_thread)
    with pytest.raises(RuntimeError, match="can't start new thread"):
        bridge.run(where())
    assert [] == list(recwarn)


def test_nothing_is_patched_before_it_is_asked_for():
    code = """
import asyncio, sys
import claude_magic.bridge as bridge
bridge.run(asyncio.sleep(0)); bridge.run(asyncio.sleep(0), own_loop=True)
async def cell():
    before = "nest_asyncio2" in sys.modules, hasattr(asyncio, "_nest_patched")
    return before, bridge.run(asyncio.sleep(0, 3), own_loop=True), hasattr(asyncio, "_nest_patched")
print(asyncio.run(cell()))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ((False, False), 3, True) == ast.literal_eval(done.stdout)


def test_a_loop_that_is_not_asyncios_own_is_refused_with_the_way_out():
    code = """
import asyncio
from claude_magic import bridge, errors
class Loop(asyncio.AbstractEventLoop): pass
try:
    bridge._make_reentrant(Loop())
except errors.ConfigError as error:
    print(error, error.hint)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("A tool cannot run on this kernel's own loop, which is a Loop")
    assert "Leave own_loop=True out" in done.stdout


# ---- in a kernel -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ready(kernel: Kernel) -> Kernel:
    assert kernel.run(SETUP).error is None
    return kernel


def value(kernel: Kernel, code: str) -> Any:
    outcome = kernel.run(code)
    assert outcome.error is None, outcome.error
    return ast.literal_eval(outcome.of("execute_result")[0]["data"]["text/plain"])


@pytest.mark.kernel
def test_a_sync_cell_runs_work_on_a_private_loop_or_on_the_kernels_own(ready):
    assert (False, False) == value(ready, "bridge.run(where())")
    assert (True, True) == value(ready, "bridge.run(where(), own_loop=True)")


@pytest.mark.kernel
def test_work_on_the_kernels_own_loop_can_wait_for_what_an_earlier_cell_started(ready):
    ready.run("later = asyncio.ensure_future(asyncio.sleep(0.05, 'from the kernel'))")
    code = "async def wait():\n    return await later\nbridge.run(wait(), own_loop=True)"
    assert "from the kernel" == value(ready, code)
    assert 7 == value(ready, "await asyncio.sleep(0, 7)")


@pytest.mark.kernel
@pytest.mark.parametrize("own_loop", [False, True])
def test_m8_an_interrupt_gives_the_prompt_back_and_cancels_the_work(ready, own_loop):
    seen = list[str]()

    def interrupt(message: dict[str, Any]) -> None:
        if message["msg_type"] == "stream" and "hanging" in message["content"]["text"]:
            seen.append("hanging")
            ready.interrupt()

    ready.run("left.clear()")
    outcome = ready.run(f"bridge.run(hang(), own_loop={own_loop})", watch=interrupt)
    assert "KeyboardInterrupt" == outcome.error["ename"]
    assert ["cancelled"] == value(ready, "left")
    assert ["hanging"] == seen
    assert 2 == value(ready, "1 + 1")
