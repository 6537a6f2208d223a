"""How smooth is a long answer in a real browser, and what does showing it send?

4,000 tokens at 100 a second in JupyterLab, by `%%claude` and by other ways to show the same stream;
`python -m tests.benchmarks.browser 400` streams four times as fast. For the row of jupyter-ai's `%%ai`, which
shows an answer when it is complete, CLAUDE_MAGIC_BENCHMARK_AI names the Python of an environment with
`jupyter-ai-magics==2.31.7 'langchain-anthropic<1' 'langchain-core<1' ipykernel`.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.benchmarks.measure import Row, table
from tests.benchmarks.pacer import END, TOKENS
from tests.benchmarks.samples import KEY
from tests.browser.desk import PANEL, SHOWN, Front, opened

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import WebSocket

RATE = 100.0  # tokens a second
PATIENCE = 180.0  # seconds after the stream's end until a way is given up
AI = os.environ.get("CLAUDE_MAGIC_BENCHMARK_AI")
STREAM = """
from claude_magic import Client
from IPython.display import Markdown, display, update_display
import time
stream = Client().messages.stream(model="claude-haiku-5-5", max_tokens=5000,
                                  messages=[{"role": "user", "content": "Tell me more."}])
"""
MARKDOWN = """with stream:
    text, shown = "", 0.0
    display(Markdown(text), display_id="answer")
    for piece in stream.text_stream:
        text += piece
        if time.monotonic() - shown >= %s:
            update_display(Markdown(text), display_id="answer"); shown = time.monotonic()
    update_display(Markdown(text), display_id="answer")
"""
LOAD = "%load_ext claude_magic"
# what is measured: the cell before, the cell
WAYS = {
    "%%claude": (LOAD, "%%claude -n 5000\nTell me more."),
    "print": (STREAM, "with stream:\n    for piece in stream.text_stream: print(piece, end='')"),
    "Markdown 10 times a second": (STREAM, MARKDOWN % 0.1),
    "Markdown at every piece": (STREAM, MARKDOWN % 0),
    "%%ai": ("%load_ext jupyter_ai_magics", "%%ai anthropic-chat:claude-3-haiku-20240307\nTell me more."),
}
RUN = "() => { jupyterapp.commands.execute('notebook:run-cell') }"
SELECT = f"i => {{ {PANEL} panel.content.activeCellIndex = i }}"
WATCH = """([selector, end]) => {
  const area = document.querySelectorAll(selector)[1];
  const seen = window.seen = {frames: [], first: null, rest: null};
  const frame = () => {
    seen.frames.push(Date.now());
    const text = area.textContent;
    if (seen.first === null && text.includes('median')) seen.first = Date.now();
    if (text.includes(end) && !area.querySelector('[aria-busy]')) seen.rest ??= Date.now();
    if (seen.rest === null || Date.now() - seen.rest < 200) requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}"""


class Seen(NamedTuple):
    """What a reader had of a way to show a stream; None where it was given up. Times are in seconds."""

    way: str
    first: float | None
    late: float | None
    slowest: float
    worst: float
    sent: float

    def line(self) -> str:
        """Return it as a row of the table."""
        first = "" if self.first is None else f"{self.first:.1f} s"
        late = f"> {PATIENCE:.0f} s" if self.late is None else f"{self.late:.2f} s"
        frames = f"{self.slowest:.0f} | {self.worst:,.0f} ms"
        return f"| {self.way} | {first} | {late} | {frames} | {self.sent:,.0f} kB |"


HEAD = """| way | first words | at rest after the end | frames, slowest second | worst frame | websocket |
|---|--:|--:|--:|--:|--:|"""


def streaming(rate: float = RATE) -> str:
    """Return a table of what every way sends and how smooth it is, and one of the goals of ours."""
    seen = {}
    for name, (before, cell) in WAYS.items():
        if name != "%%ai" or AI:
            seen[name] = _measured(name, before, cell, rate)
            print(seen[name].line(), file=sys.stderr, flush=True)
    told = f"{TOKENS:,} tokens at {rate:g} a second in JupyterLab:"
    missed = "" if AI else "\n\n(for %%ai set CLAUDE_MAGIC_BENCHMARK_AI: see tests/benchmarks/browser.py)"
    lines = "\n".join([HEAD, *(way.line() for way in seen.values())])
    return f"{told}\n\n{lines}{missed}\n\n{table(_goals(seen['%%claude']))}\n"


def _goals(ours: Seen) -> list[Row]:
    what = "a long answer in JupyterLab"
    late = float("inf") if ours.late is None else ours.late
    return [
        Row(f"{what}: a frame in the slowest second", "ms", 1000 / ours.slowest, target=1000 / 30),
        Row(f"{what}: at rest after the stream's end", "s", late, target=0.3),
        Row(f"{what}: over the websocket", "kB", ours.sent, target=200),
    ]


def _measured(name: str, before: str, cell: str, rate: float) -> Seen:
    with tempfile.TemporaryDirectory() as folder, _paced(rate) as (url, ends):
        _kernel(Path(folder))
        env = {"ANTHROPIC_BASE_URL": url, "ANTHROPIC_API_KEY": KEY, "CLAUDE_MAGIC_PRACTICE": "0"}
        with opened(Path(folder) / "desk", **env) as desk:
            kernel = {"name": "ai", "display_name": "ai"} if name == "%%ai" else None
            more = {"kernelspec": kernel} if kernel else {}
            front, frames = Front("lab", desk), []
            front.page.on("websocket", lambda socket: _listen(socket, frames))
            notebook = front.reopen(desk.write(before, cell, **more))
            front.page.evaluate(SELECT, 0)
            front.page.evaluate(RUN)
            notebook.settle()
            front.page.evaluate(SELECT, 1)
            front.page.evaluate(WATCH, [f"{SHOWN} .jp-Cell-outputArea", END])
            frames.clear()
            begun = time.time()
            front.page.evaluate(RUN)
            ended = _ended(front, ends)
            with contextlib.suppress(Exception):
                front.page.wait_for_function("() => seen.rest", timeout=PATIENCE * 1000)
                front.page.wait_for_timeout(300)
            seen = front.page.evaluate("() => seen")
            assert not notebook.errors(2), notebook.errors(2)
            front.page.close()
    return _seen(name, seen, begun, ended, sum(frames) / 1000)


def _seen(name: str, seen: dict[str, Any], begun: float, ended: float, sent: float) -> Seen:
    times = [at / 1000 for at in seen["frames"] if at / 1000 >= begun]
    gaps = [later - at for at, later in pairwise(times)]
    last = min(times[-1], ended)
    windows = [sum(at <= t < at + 1 for t in times) for at in times if at + 1 <= last]
    first, rest = (seen[key] and seen[key] / 1000 for key in ("first", "rest"))
    return Seen(
        name,
        first and first - begun,
        rest and max(0.0, rest - ended),
        min(windows, default=0) or 0.1,
        max(gaps) * 1000,
        sent,
    )


def _listen(socket: WebSocket, frames: list[int]) -> None:
    if "/api/kernels/" in socket.url:
        socket.on("framereceived", lambda data: frames.append(len(data)))


def _ended(front: Front, ends: Any) -> float:
    """Wait for the server's word that the stream has ended, while the browser's news are taken in."""
    os.set_blocking(ends.fileno(), False)
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if line := ends.readline().strip():
            return float(line)
        front.page.wait_for_timeout(100)
    raise TimeoutError("the stream did not end")


@contextlib.contextmanager
def _paced(rate: float) -> Iterator[tuple[str, Any]]:
    command = [sys.executable, "-m", "tests.benchmarks.pacer", str(rate)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}", process.stdout
        process.stdin.close()


def _kernel(home: Path) -> None:
    """Write the kernel that has jupyter-ai's magics, where the server of a desk in `home` finds it."""
    place = home / "desk" / "jupyter-data" / "kernels" / "ai"
    place.mkdir(parents=True)
    argv = [AI or sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (place / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "ai", "language": "python"}))


if __name__ == "__main__":
    print(streaming(float(sys.argv[1]) if sys.argv[1:] else RATE))
