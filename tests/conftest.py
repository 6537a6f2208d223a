"""How does every test get a machine of its own: no key, no network, no home, a real kernel when asked?"""

from __future__ import annotations

import atexit
import contextlib
import os
import re
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell
    from jupyter_client.blocking import BlockingKernelClient
    from jupyter_client.manager import KernelManager

    from claude_magic import Client, Practice
    from tests.shells import Shell

REPOSITORY = Path(__file__).parents[1]
STARTUP = REPOSITORY / "jupyter-config" / "startup" / "50-claude-magic.py"
Message = dict[str, Any]


# what a machine may have set that would change what is tested; for pytest itself it stays
FOREIGN = re.compile(
    r"(ANTHROPIC|CLAUDE_MAGIC|JUPYTER|JPY)_\w*|\w+_PROXY|(NO|FORCE|PY)_?COLORS?|CLICOLOR\w*"
    r"|PYTEST_(ADDOPTS|PLUGINS)|MPLBACKEND|TQDM_\w*",
    re.IGNORECASE,
)


def pytest_configure() -> None:
    """Hear interrupts in the background too, ask no proxy for what is here, and take the time it takes."""
    from hypothesis import HealthCheck, settings

    signal.signal(signal.SIGINT, signal.default_int_handler)
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        del os.environ[name]
    settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("any machine")
    if not os.access(os.environ.get("HOME", ""), os.W_OK):  # which IPython, jedi and matplotlib want
        os.environ["HOME"] = tempfile.mkdtemp(prefix="home-")
        atexit.register(shutil.rmtree, os.environ["HOME"], ignore_errors=True)


def isolated(folder: Path) -> dict[str, str]:
    """Return an environment whose homes are in `folder` and that holds no key."""
    kept = {k: v for k, v in os.environ.items() if not FOREIGN.fullmatch(k)}
    homes = {
        "CLAUDE_MAGIC_CONFIG_DIR": "config",
        "CLAUDE_MAGIC_DATA_DIR": "data",
        "IPYTHONDIR": "ipython",
        "JUPYTER_CONFIG_DIR": "jupyter",
        "JUPYTER_DATA_DIR": "jupyter-data",
        "JUPYTER_RUNTIME_DIR": "jupyter-runtime",
    }
    return kept | {name: str(folder / home) for name, home in homes.items()} | {"COLUMNS": "80"}


@pytest.fixture(autouse=True)
def isolation(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give each test empty config and data folders and an environment without keys; yield their parent."""
    folder = tmp_path_factory.mktemp("home")
    wanted = isolated(folder)
    for name in set(os.environ) - set(wanted):
        monkeypatch.delenv(name)
    for name, value in wanted.items():
        monkeypatch.setenv(name, value)
    yield folder
    _forget()


def _forget() -> None:
    """Drop what the package remembers in this process: settings, conversations, own prices, cassettes."""
    names = ("settings", "talk.thread", "protocol.catalog", "talk.replaying")
    loaded = {name.rpartition(".")[2]: sys.modules.get(f"claude_magic.{name}") for name in names}
    if replaying := loaded["replaying"]:
        replaying._tapes.clear()
        replaying._places.clear()
    if settings := loaded["settings"]:
        settings.session.clear()
    if thread := loaded["thread"]:
        thread.threads.__init__()
    if (catalog := loaded["catalog"]) and catalog._own:
        catalog.override(())


@pytest.fixture
def shallow() -> Iterator[None]:
    """Let recursion end early: IPython looks for each frame of a traceback in all modules."""
    limit, depth, frame = sys.getrecursionlimit(), 0, sys._getframe()
    while frame := frame.f_back:
        depth += 1
    sys.setrecursionlimit(depth + 120)
    yield
    sys.setrecursionlimit(limit)


@pytest.fixture
def one_day() -> None:
    """Let a test begin and end on one UTC day: skip it where this one is about to end."""
    if -time.time() % 86_400 < 20:
        pytest.skip("the UTC day ends within 20 seconds")


@pytest.fixture
def app() -> Practice:
    """A practice server of this test's own, answering at once."""
    from claude_magic.practice import Practice

    return Practice()


practice = app


@pytest.fixture
def client() -> Iterator[Client]:
    """A client of the in-process practice server."""
    from claude_magic import Client

    with contextlib.closing(Client(base_url="practice:")) as made:
        yield made


@pytest.fixture(scope="module")
def interactive() -> Iterator[InteractiveShell]:
    """One IPython shell for a file's tests: making one takes a quarter of a second."""
    from tests.shells import made

    with made() as ip:
        yield ip


@pytest.fixture
def bare(interactive: InteractiveShell) -> Iterator[Shell]:
    """A session with the magics, without key, practice and variables."""
    from tests.shells import session

    with session(interactive) as fresh:
        yield fresh


@pytest.fixture
def shell(bare: Shell) -> Shell:
    """A shell with the magics, in practice mode."""
    from claude_magic import settings

    settings.use("practice", True)
    return bare


@dataclass
class Outcome:
    """What one cell did: its iopub messages in order and its reply."""

    messages: list[Message] = field(default_factory=list)
    reply: Message = field(default_factory=dict)

    def of(self, *kinds: str) -> list[Message]:
        """Return the contents of the messages of these types."""
        return [m["content"] for m in self.messages if m["msg_type"] in kinds]

    @property
    def stdout(self) -> str:
        return "".join(c["text"] for c in self.of("stream") if c["name"] == "stdout")

    @property
    def stderr(self) -> str:
        return "".join(c["text"] for c in self.of("stream") if c["name"] == "stderr")

    @property
    def outputs(self) -> list[Message]:
        """What a notebook would save: displays with later updates, results and errors, where not cleared."""
        saved: list[Message] = []
        clear = False
        for m in self.messages:
            content = m["content"]
            clear = clear or m["msg_type"] == "clear_output"
            if clear and not (content.get("wait") or m["msg_type"] == "status"):
                saved, clear = [], False
            if m["msg_type"] == "update_display_data":
                name = content["transient"]["display_id"]
                for old in saved:
                    if old.get("transient", {}).get("display_id") == name:
                        old.update(data=content["data"], metadata=content["metadata"])
            elif m["msg_type"] in ("display_data", "execute_result", "error"):
                saved.append({"output_type": m["msg_type"], **content})
        return saved

    @property
    def text(self) -> str:
        """The plain text of what a notebook would save."""
        return "\n".join(o["data"].get("text/plain", "") for o in self.outputs if "data" in o)

    @property
    def html(self) -> str:
        return "\n".join(o["data"].get("text/html", "") for o in self.outputs if "data" in o)

    @property
    def error(self) -> Message | None:
        """The error's `ename`, `evalue` and `traceback` (a list of lines), or None."""
        return next(iter(self.of("error")), None)


@dataclass
class Kernel:
    """A real kernel in a process of its own."""

    manager: KernelManager
    client: BlockingKernelClient
    folder: Path

    def run(
        self,
        code: str,
        *,
        answers: Sequence[str] | None = None,
        watch: Callable[[Message], None] | None = None,
        timeout: float = 120,
        silent: bool = False,
    ) -> Outcome:
        """Run a cell and wait for its end.

        `answers` are what `input()` and `getpass()` get, and make the cell run as with someone watching
        (`allow_stdin`). `watch` is called with each iopub message as it comes, so a test can interrupt.
        """
        end = time.monotonic() + timeout
        request = self.client.execute(code, allow_stdin=answers is not None, silent=silent)
        waiting, outcome, idle = list(answers or ()), Outcome(), False
        while not (idle and outcome.reply):
            assert time.monotonic() < end, f"no end of {code!r}; so far {outcome}"
            if waiting and self.client.stdin_channel.msg_ready():
                self.client.stdin_channel.get_msg(timeout=0)
                self.client.input(waiting.pop(0))
            if not idle and (m := _message(self.client.get_iopub_msg, request)):
                idle = m["msg_type"] == "status" and m["content"]["execution_state"] == "idle"
                outcome.messages.append(m)
                if watch:
                    watch(m)
            elif idle and (m := _message(self.client.get_shell_msg, request)):
                outcome.reply = m["content"]
        return outcome

    def interrupt(self) -> None:
        """Do what the notebook's stop button does."""
        self.manager.interrupt_kernel()

    def complete(self, code: str, at: int | None = None) -> list[str]:
        """Return what Tab offers at the position (the end by default)."""
        reply = self.client.complete(code, at if at is not None else len(code), reply=True, timeout=120)
        return list(reply["content"]["matches"])

    def inspect(self, code: str) -> str:
        """Return what Shift-Tab shows at the end of the code."""
        reply = self.client.inspect(code, len(code), reply=True, timeout=120)
        return str(reply["content"]["data"].get("text/plain", ""))


def _message(get: Callable[..., Message], request: str) -> Message | None:
    from queue import Empty

    with contextlib.suppress(Empty):
        m = get(timeout=0.05)
        return m if m["parent_header"].get("msg_id") == request else None
    return None


@contextlib.contextmanager
def started(
    folder: Path, *, autoload: bool | None = True, python: Path | None = None, **env: str
) -> Iterator[Kernel]:
    """Start a kernel whose homes are in `folder`, in practice mode.

    `autoload` True gives it the start-up file a wheel installs, False keeps an installed one quiet, None does
    neither. `python` is the program to run it with.
    """
    from jupyter_client.manager import KernelManager

    environment = isolated(folder) | {"CLAUDE_MAGIC_PRACTICE": "1"} | env
    if autoload:
        place = Path(environment["IPYTHONDIR"]) / "profile_default" / "startup"
        place.mkdir(parents=True)
        shutil.copy(STARTUP, place)
    elif autoload is False:
        environment.setdefault("CLAUDE_MAGIC_AUTOLOAD", "0")
    manager = KernelManager(kernel_name="python3")
    if python:
        manager.kernel_spec.argv[0] = str(python)
    manager.start_kernel(env=environment, cwd=str(folder))
    client = manager.blocking_client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=180)
        yield Kernel(manager, client, folder)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
        manager.cleanup_resources()


@pytest.fixture(scope="session")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """One kernel for the whole session, in practice mode, with the magics as from a wheel."""
    with started(tmp_path_factory.mktemp("kernel")) as made:
        yield made


@pytest.fixture
def new_kernel(tmp_path: Path) -> Iterator[Callable[..., Kernel]]:
    """Start a private kernel: `new_kernel(autoload=False, CLAUDE_MAGIC_DISPLAY="static")`."""
    with contextlib.ExitStack() as stack:

        def start(**options: Any) -> Kernel:
            folder = tmp_path / f"kernel-{len(list(tmp_path.iterdir()))}"
            folder.mkdir()
            return stack.enter_context(started(folder, **options))

        yield start
