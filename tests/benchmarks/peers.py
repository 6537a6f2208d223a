"""How does claude_magic compare with other tools that ask a prompt of many rows?

`python -m tests.benchmarks peers` asks the same of each on one simulated service (`service.py`), each in a
process of its own (`tools.py`), and prints a Markdown table. A tool that is not installed is left out. All
are there after this:

    python3.11 -m venv peers && peers/bin/pip install -e '.[dev]' chatlas litellm
    python3.11 -m venv curator && curator/bin/pip install bespokelabs-curator 'instructor<1.16'
    CURATOR_PYTHON=curator/bin/python peers/bin/python -m tests.benchmarks peers

curator has an environment of its own, as it needs another version of the official SDK.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.benchmarks import service
from tests.benchmarks.measure import environment
from tests.benchmarks.samples import KEY, USAGE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tests.benchmarks.service import Remote

AT_ONCE, FEW = 64, 16
LATENCY, SHORT = 0.25, 0.1  # seconds
RATE, BUDGET, BAD = 20, 24, (13, 77)
ROW_USD = (USAGE["input_tokens"] * 0.1 + USAGE["output_tokens"] * 0.5) / 10**6
"""What an answer costs: the price of the model, and what the service says it took."""
LONGEST = 600  # seconds that a task may take
VERSION = "import importlib.metadata as m, sys; print(m.version(sys.argv[1]))"


class Tool(NamedTuple):
    """A column of the table; `name` is its name in `tools.py`."""

    name: str
    shown: str
    package: str

    @property
    def python(self) -> str:
        """The interpreter that has it."""
        return os.environ.get(f"{self.name.upper()}_PYTHON", sys.executable)

    def version(self) -> str:
        """Return its version, "" where it is not installed."""
        command = [self.python, "-c", VERSION, self.package]
        return subprocess.run(command, check=False, capture_output=True, text=True).stdout.strip()


TOOLS = (
    Tool("ours", "claude_magic", "claude-magic"),
    Tool("sdk", "official SDK", "anthropic"),
    Tool("sdk_async", "official SDK, async", "anthropic"),
    Tool("chatlas", "chatlas", "chatlas"),
    Tool("curator", "curator", "bespokelabs-curator"),
    Tool("litellm", "litellm", "litellm"),
    Tool("litellm_async", "litellm, async", "litellm"),
)


class Sizes(NamedTuple):
    """How many rows each task has, and how often the first is measured."""

    rounds: int = 3
    rows: int = 1000
    killed: int = 600
    limited: int = 300
    others: int = 100

    @property
    def ideal(self) -> float:
        """The seconds that the rows take if all that may be under way always are."""
        return self.rows / AT_ONCE * LATENCY


Cells = dict[str, Any]
"""What was measured of one tool, by the name of the line of the table."""


def peers(tools: Sequence[Tool] = TOOLS, sizes: Sizes = Sizes()) -> str:  # noqa: B008 - it is immutable
    """Compare the tools, and return the table and what became of the goals."""
    versions = {tool: tool.version() for tool in tools}
    there = [tool for tool, version in versions.items() if version]
    with service.running() as remote:
        found = {tool.name: _behaviour(remote, tool, sizes) for tool in there}
        for name, cells in _speed(remote, there, sizes).items():
            found[name] = cells | found[name]
    missing = [f"{tool.shown}: not installed" for tool in tools if tool not in there]
    heads = [f"{tool.shown} {versions[tool]}" for tool in there]
    return "\n".join([*_table(heads, list(found.values())), "", *missing, *_goals(found, sizes)])


# ---- what is measured --------------------------------------------------------------------------------------


def _speed(remote: Remote, tools: Sequence[Tool], sizes: Sizes) -> dict[str, Cells]:
    """Measure all tools in turns, so that noise meets all, and keep the best of each."""
    best: dict[str, Cells] = {}
    for _ in range(sizes.rounds):
        for tool in tools:
            remote.behave(latency=LATENCY)
            slow = _asked(remote, tool, sizes.rows, warm=True)
            remote.behave()
            fast = _asked(remote, tool, sizes.rows, warm=True)
            for said in (slow, fast):
                if said["right"] != sizes.rows:
                    print(f"{tool.name} did not answer all rows: {said}", file=sys.stderr)
            cells = {
                f"CPU a row, {AT_ONCE} under way (µs)": slow["cpu"] * 1e6 / sizes.rows,
                f"{sizes.rows:,} rows of {LATENCY * 1e3:.0f} ms (s)": slow["seconds"],
                "a row at full speed (µs)": fast["seconds"] * 1e6 / sizes.rows,
                "most memory (MB)": slow["mb"],
            }
            least = best.get(tool.name, cells)
            best[tool.name] = {what: min(cells[what], least[what]) for what in cells}
    for cells in best.values():
        cells["rows a second at full speed"] = 1e6 / cells.pop("a row at full speed (µs)")
    return best


def _behaviour(remote: Remote, tool: Tool, sizes: Sizes) -> Cells:
    """Measure what a tool does when something goes wrong."""
    return {
        **_killed(remote, tool, sizes.killed),
        **_limited(remote, tool, sizes.limited),
        **_budget(remote, tool, sizes.others),
        **_bad(remote, tool, sizes.others),
        **_lost(remote, tool),
    }


def _killed(remote: Remote, tool: Tool, rows: int) -> Cells:
    """Kill it half way, and run it again."""
    remote.behave(latency=SHORT)
    with tempfile.TemporaryDirectory() as folder:
        with _started(remote, tool, folder, rows, at_once=FEW) as process:
            until = time.monotonic() + LONGEST
            while remote.counts().rows < rows / 2 and process.poll() is None and time.monotonic() < until:
                time.sleep(0.02)
            process.kill()
        _asked(remote, tool, rows, folder, at_once=FEW)
    what = f"killed half way through {rows:,} rows, {FEW} under way: rows paid twice"
    return {what: remote.counts().twice}


def _limited(remote: Remote, tool: Tool, rows: int) -> Cells:
    remote.behave(latency=SHORT, per_second=RATE)
    said = _asked(remote, tool, rows, patient=True, per_minute=RATE * 60)
    what = f"{rows:,} rows, {RATE} a second allowed"
    return {f"{what}: rows lost": rows - said["right"], f"{what}: refusals": remote.counts().refused}


def _budget(remote: Remote, tool: Tool, rows: int) -> Cells:
    remote.behave(latency=SHORT)
    said = _asked(remote, tool, rows, budget=BUDGET * ROW_USD)
    return {f"a budget worth {BUDGET} of {rows} rows: rows paid": said["lacking"] or remote.counts().rows}


def _bad(remote: Remote, tool: Tool, rows: int) -> Cells:
    remote.behave(latency=SHORT, bad=BAD)
    said = _asked(remote, tool, rows)
    came = f"{said['right']}" + (f", {said['wrong']} at a wrong row" if said["wrong"] else "")
    what = f"{len(BAD)} bad rows in {rows}: answers that come back"
    return {what: f"raises {said['raised']}" if said["raised"] else came}


def _lost(remote: Remote, tool: Tool) -> Cells:
    """Lose the answer to the creation of a batch."""
    remote.behave(lost=1)
    said = _asked(remote, tool, 10, task="batch")
    return {"a batch whose answer is lost: batches made": said["lacking"] or remote.counts().batches}


# ---- processes ---------------------------------------------------------------------------------------------


def _asked(
    remote: Remote, tool: Tool, rows: int, folder: str = "", *, task: str = "rows", **setting: Any
) -> dict[str, Any]:
    """Have a tool ask so many rows, and return its report."""
    with contextlib.ExitStack() as stack:
        folder = folder or stack.enter_context(tempfile.TemporaryDirectory())
        with _started(remote, tool, folder, rows, task, **setting) as process:
            process.wait(LONGEST)
        result, log = Path(folder, "result.json"), Path(folder, "log.txt")
        if not result.exists():
            raise RuntimeError(f"{tool.name} broke down: {log.read_text(errors='replace')[-2000:]}")
        return json.loads(result.read_text())


@contextlib.contextmanager
def _started(
    remote: Remote, tool: Tool, folder: str, rows: int, task: str = "rows", **setting: Any
) -> Iterator[subprocess.Popen[bytes]]:
    """Start a tool in a process of its own, with nothing of this user's."""
    told = json.dumps({"url": remote.url, "folder": folder, "towns": list(range(rows)), **setting})
    command = [tool.python, "-m", "tests.benchmarks.tools", tool.name, task, told, f"{folder}/result.json"]
    env = environment(
        HOME=folder,
        CLAUDE_MAGIC_DATA_DIR=f"{folder}/data",
        CLAUDE_MAGIC_CONFIG_DIR=f"{folder}/config",
        ANTHROPIC_API_KEY=KEY,
        LITELLM_LOCAL_MODEL_COST_MAP="True",
        TELEMETRY_ENABLED="false",
    )
    del env["PYTHONPYCACHEPREFIX"]  # imports are not measured here
    with (
        Path(folder, "log.txt").open("wb") as log,
        subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


# ---- what is shown -----------------------------------------------------------------------------------------


def _table(heads: Sequence[str], columns: Sequence[Cells]) -> list[str]:
    lines = [f"| | {' | '.join(heads)} |", f"|---|{'--:|' * len(heads)}"]
    for what in columns[0] if columns else ():
        lines.append(f"| {what} | {' | '.join(_shown(cells[what]) for cells in columns)} |")
    return lines


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3g}" if value < 1000 else f"{value:,.0f}"
    return str(value)


def _goals(found: dict[str, Cells], sizes: Sizes) -> Iterable[str]:
    """Say of each goal whether it is met."""
    if "ours" not in found:
        return
    cpu, seconds = list(found["ours"])[:2]
    ours, others = found["ours"][cpu], {n: cells[cpu] for n, cells in found.items() if n != "ours"}
    if "sdk" in others:
        yield _goal("CPU a row over the official SDK's", ours / others["sdk"], 0.55)
    if others:
        yield _goal("CPU a row over the least of all others", ours / min(others.values()), 1.0)
    yield _goal(f"time over the ideal {sizes.ideal:.1f} s", found["ours"][seconds] / sizes.ideal, 1.1)


def _goal(what: str, value: float, most: float) -> str:
    return f"- {what}: {value:.2f}, at most {most:g}: {'met' if value <= most else '**missed**'}"
