"""What do many rows cost, and how long do they take? The official SDK in as many threads, and ours.

Ours writes each answer to the journal and keeps the ledger; the official SDK keeps nothing.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import anthropic

from claude_magic import Client
from claude_magic.rows.kept.journal import Journal
from claude_magic.rows.outcome import Ask
from claude_magic.rows.pace.engine import carry
from tests.benchmarks import server
from tests.benchmarks.measure import Row, cheapest
from tests.benchmarks.samples import ASKED, KEY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

AT_ONCE = 64
LATENCY = 0.25  # seconds


def live(rounds: int = 5, rows: int = 1000) -> list[Row]:
    """Measure the CPU of a row, and the time of all, at 64 under way and 250 ms an answer."""
    ideal = rows / AT_ONCE * LATENCY
    with server.running(LATENCY) as url, _data():
        ours = Client(api_key=KEY, base_url=url)
        sdk = anthropic.Anthropic(api_key=KEY, base_url=url)
        times: dict[str, float] = {}
        ways: dict[str, Callable[[], object]] = {
            "sdk": lambda: _timed(times, "sdk", lambda: _sdk(sdk, rows)),
            "ours": lambda: _timed(times, "ours", lambda: _ours(ours, rows)),
        }
        least = cheapest(ways, rounds=rounds, events=rows)
    what = f"a row, {AT_ONCE} under way"
    return [
        Row(what, "µs CPU", least["ours"], sdk=least["sdk"], against="sdk", target=0.55),
        Row(
            f"{rows:,} rows of {LATENCY * 1000:.0f} ms",
            "s",
            times["ours"],
            sdk=times["sdk"],
            target=ideal * 1.1,
        ),
    ]


def _timed(times: dict[str, float], name: str, way: Callable[[], object]) -> None:
    begun = time.perf_counter()
    way()
    times[name] = min(times.get(name, float("inf")), time.perf_counter() - begun)


def _asked(n: int) -> dict[str, Any]:
    return {**ASKED, "messages": [{"role": "user", "content": f"How many, in row {n}?"}]}


def _sdk(client: anthropic.Anthropic, rows: int) -> None:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = list(pool.map(lambda n: client.messages.create(**_asked(n)).content[0].text, range(rows)))
    if len(found) != rows:
        raise AssertionError("not all rows were answered")


def _ours(client: Client, rows: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        journal = Journal(f"{folder}/rows.sqlite")
        asks = (Ask(f"{n:032x}", _asked(n)) for n in range(rows))
        found = [
            o
            for o in carry(asks, client, journal=journal, concurrency=AT_ONCE, total=rows)
            if o.status == "ok"
        ]
        if len(found) != rows:
            raise AssertionError("not all rows were answered")


@contextlib.contextmanager
def _data() -> Iterator[None]:
    """Have the ledger in a folder of its own."""
    before = os.environ.get("CLAUDE_MAGIC_DATA_DIR")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["CLAUDE_MAGIC_DATA_DIR"] = folder
        try:
            yield
        finally:
            os.environ.pop("CLAUDE_MAGIC_DATA_DIR")
            if before is not None:
                os.environ["CLAUDE_MAGIC_DATA_DIR"] = before
