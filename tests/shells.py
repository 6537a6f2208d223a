"""How does a test run cells without a kernel?"""

from __future__ import annotations

import atexit
import contextlib
import sys
from collections.abc import Iterator
from typing import Any

from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from traitlets.config import Config

from claude_magic import errors, ledger

KEY = "sk-ant-api03-" + "0aB-_" * 12 + "LAST"


class Shell:
    """A shell in this process with the magics loaded, and what its cells showed."""

    def __init__(self, ip: InteractiveShell) -> None:
        self.ip, self.inserted = ip, list[tuple[str, bool]]()
        ip.set_next_input = lambda text, replace=False: self.inserted.append((text, replace))

    def run(self, code: str) -> Any:
        """Run a cell; `.outputs` and `.stdout` are what it showed."""
        with capture_output() as shown:
            result = self.ip.run_cell(code, store_history=True)
        result.outputs, result.stdout, result.stderr = shown.outputs, shown.stdout, shown.stderr
        result.seen = (
            shown.stdout + shown.stderr + "".join(o.data.get("text/plain", "") for o in shown.outputs)
        )
        return result

    def error(self, code: str) -> errors.ClaudeError:
        """Run a cell that must fail in two lines; return its error."""
        result = self.run(code)
        found = result.error_in_exec
        assert isinstance(found, errors.ClaudeError), result.seen
        assert [f"{type(found).__name__}: {found}", f"→ {found.hint}"] == result.stdout.strip().splitlines()[
            -2:
        ]
        assert found.hint
        return found

    def __getitem__(self, name: str) -> Any:
        return self.ip.user_ns[name]

    def __contains__(self, name: str) -> bool:
        return name in self.ip.user_ns


@contextlib.contextmanager
def made(**config: Any) -> Iterator[InteractiveShell]:
    """Give IPython's shell of this process a beginning and an end, with a history in memory."""
    before, main = InteractiveShell._instance, sys.modules["__main__"]
    InteractiveShell.clear_instance()
    ip = InteractiveShell.instance(config=Config(HistoryManager={"hist_file": ":memory:"}, **config))
    try:
        yield ip
    finally:
        sys.modules["__main__"] = main  # no process can be started from the one that a shell puts there
        ip.atexit_operations()
        atexit.unregister(ip.atexit_operations)
        InteractiveShell.clear_instance()
        for kind in InteractiveShell._walk_mro():
            kind._instance = before


@contextlib.contextmanager
def session(ip: InteractiveShell) -> Iterator[Shell]:
    """Load the magics for one test; what its cells leave behind is removed."""
    ip.extension_manager.load_extension("claude_magic")
    names = set(ip.user_ns)
    try:
        yield Shell(ip)
    finally:
        ip.extension_manager.unload_extension("claude_magic")
        ip.config.pop("ClaudeMagics", None)  # %config tells the whole shell
        for name in set(ip.user_ns) - names:
            del ip.user_ns[name]
        ip.user_ns["Out"].clear()


def rows() -> list[ledger.Entry]:
    """Return what this test has in the ledger."""
    return ledger.shared().rows()
