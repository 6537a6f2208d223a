"""What does claude_magic cost beside bare httpx2 and the official SDK?

`python -m tests.benchmarks` prints a Markdown table; `python -m tests.benchmarks call tool` only those rows.
"""

from __future__ import annotations

import sys

from tests.benchmarks import calls, kernels, lists, uploads
from tests.benchmarks.measure import table

BENCHMARKS = {
    "import": calls.importing,
    "call": calls.call,
    "stream": calls.stream,
    "socket": calls.socket_stream,
    "tool": calls.tool_argument,
    "list": lists.listing,
    "upload": uploads.upload,
    "lines": lists.lines,
    "load_ext": kernels.load_ext,
    "first_answer": kernels.first_answer,
}


def main(names: list[str]) -> None:
    """Run the benchmarks named, or all of them, and print the table."""
    unknown = set(names) - set(BENCHMARKS)
    if unknown:
        sys.exit(f"There is no benchmark {', '.join(sorted(unknown))}; there are {', '.join(BENCHMARKS)}.")
    print(table(row for name in names or BENCHMARKS for row in BENCHMARKS[name]()))


if __name__ == "__main__":
    main(sys.argv[1:])
