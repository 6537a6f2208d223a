"""What does a reader wait for in a notebook? Measured in real kernels, on the practice server."""

from __future__ import annotations

import contextlib
import statistics
import subprocess
import tempfile
import time
from typing import TYPE_CHECKING, Any

from jupyter_client.manager import start_new_kernel

from tests.benchmarks.measure import Row, environment

if TYPE_CHECKING:
    from collections.abc import Iterator

LOAD = """
import time
begun = time.process_time()
get_ipython().run_line_magic("load_ext", "claude_magic")
print((time.process_time() - begun) * 1000)
"""
ASK = "%%claude\nSay in one sentence what a mean is."


def load_ext(rounds: int = 3) -> list[Row]:
    """Measure %load_ext in a warm kernel."""
    _loaded()  # compiles
    return [Row("%load_ext in a warm kernel", "ms CPU", min(_loaded() for _ in range(rounds)), target=40)]


def first_answer(rounds: int = 5) -> list[Row]:
    """Measure from the kernel being ready to its first answer, the extension's loading included."""
    _answered()  # compiles
    waited = statistics.median([_answered() for _ in range(rounds)])
    return [Row("first answer after the kernel is ready", "s", waited, target=0.4)]


def _loaded() -> float:
    with _kernel() as client:
        _run(client, "import json, pathlib, re")
        return float(_run(client, LOAD))


def _answered() -> float:
    with _kernel() as client:
        begun = time.perf_counter()
        _run(client, "%load_ext claude_magic")
        _run(client, ASK)
        return time.perf_counter() - begun


@contextlib.contextmanager
def _kernel() -> Iterator[Any]:
    with tempfile.TemporaryDirectory() as folder:
        homes = {
            n: f"{folder}/{n}" for n in ("CLAUDE_MAGIC_CONFIG_DIR", "CLAUDE_MAGIC_DATA_DIR", "IPYTHONDIR")
        }
        env = environment(CLAUDE_MAGIC_PRACTICE="1", CLAUDE_MAGIC_AUTOLOAD="0", **homes)
        manager, client = start_new_kernel(env=env, stderr=subprocess.DEVNULL)
        try:
            yield client
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)


def _run(client: Any, code: str) -> str:
    """Run a cell and return what it printed; raises RuntimeError with its error."""
    printed: list[str] = []

    def hear(message: dict[str, Any]) -> None:
        if message["msg_type"] == "stream":
            printed.append(message["content"]["text"])

    reply = client.execute_interactive(code, timeout=60, output_hook=hear, allow_stdin=False)["content"]
    if reply["status"] != "ok":
        raise RuntimeError("\n".join(reply.get("traceback") or [str(reply)]))
    return "".join(printed)
