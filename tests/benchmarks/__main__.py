"""What does claude_magic cost beside bare httpx2 and the official SDK?

`python -m tests.benchmarks` prints a Markdown table; `python -m tests.benchmarks call tool` only those rows.
Two are run only when they are named: `peers` compares it with other tools for many rows, `browser` with other
ways to show a long answer in JupyterLab, in real time, which takes minutes and a Chromium.
"""

from __future__ import annotations

import sys

from tests.benchmarks import browser, calls, kernels, lists, peers, results, rows, uploads
from tests.benchmarks.measure import table

BENCHMARKS = {
    "import": calls.importing,
    "call": calls.call,
    "stream": calls.stream,
    "socket": calls.socket_stream,
    "tool": calls.tool_argument,
    "list": lists.listing,
    "upload": uploads.upload,
    "results": results.results,
    "rows": rows.live,
    "lines": lists.lines,
    "load_ext": kernels.load_ext,
    "first_answer": kernels.first_answer,
}
APART = {"browser": browser.streaming, "peers": peers.peers}  # are run only when they are named


def main(names: list[str]) -> None:
    """Run the benchmarks named, or all of them, and print the table."""
    known = {*BENCHMARKS, *APART}
    unknown = set(names) - known
    if unknown:
        sys.exit(f"There is no benchmark {', '.join(sorted(unknown))}; there are {', '.join(sorted(known))}.")
    for name in APART:
        if name in names:
            print(APART[name]())
    if chosen := [name for name in names or BENCHMARKS if name not in APART]:
        print(table(row for name in chosen for row in BENCHMARKS[name]()))


if __name__ == "__main__":
    main(sys.argv[1:])
