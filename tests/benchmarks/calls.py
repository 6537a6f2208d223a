"""What do a call and a stream cost? Bare httpx2, the official SDK and ours, in one run."""

from __future__ import annotations

import contextlib
import sys
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any

import anthropic
import httpx2

from claude_magic import Client
from tests.benchmarks import server
from tests.benchmarks.measure import Row, cheapest, child_cpu
from tests.benchmarks.samples import ASKED, KEY, text_frames, tool_frames

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

HEADERS = {"authorization": f"Bearer {KEY}", "anthropic-version": "2026-10-21"}
READ = 65_536  # bytes in a read that holds many events


def importing(rounds: int = 9) -> list[Row]:
    """Measure `import claude_magic` above bare Python."""
    codes = {
        "none": "pass",
        "ours": "import claude_magic",
        "bare": "import httpx2",
        "sdk": "import anthropic",
    }
    least = {
        name: min(child_cpu([sys.executable, "-c", code]) for _ in range(rounds + 1))
        for name, code in codes.items()
    }
    ours, bare, sdk = (max(least[name] - least["none"], 0) for name in ("ours", "bare", "sdk"))
    return [Row("import, above bare Python", "ms CPU", ours, bare, sdk, "", 30)]


def call(rounds: int = 7, calls: int = 200) -> list[Row]:
    """Measure `messages.create` over a kept connection to another process."""
    with _connected() as (url, http, sdk, ours):
        ways: dict[str, Callable[[], object]] = {
            "bare": lambda: http.post(f"{url}/v1/messages", headers=HEADERS, json=ASKED).json(),
            "sdk": lambda: sdk.messages.create(**ASKED),
            "ours": lambda: ours.messages.create(**ASKED),
        }
        return [Row("a call", "µs CPU", **_many(ways, calls, rounds), against="bare", target=1.2)]


def _many(ways: dict[str, Callable[[], object]], calls: int, rounds: int) -> dict[str, float]:
    def repeated(way: Callable[[], object]) -> None:
        for _ in range(calls):
            way()

    return cheapest({name: partial(repeated, way) for name, way in ways.items()}, rounds=rounds, events=calls)


def stream(rounds: int = 7, events: int = 10_000) -> list[Row]:
    """Measure an event of a stream, when each comes alone and when many come in a read."""
    frames = text_frames(events)
    body = b"".join(frames)
    reads = [body[i : i + READ] for i in range(0, len(body), READ)]
    return [
        *_events("an event that comes alone", frames, rounds, 0.35),
        *_events("an event among many in a read", reads, rounds, 0.08),
    ]


def _events(what: str, chunks: list[bytes], rounds: int, target: float) -> list[Row]:
    count = b"".join(chunks).count(b"\n\n")
    with _clients(chunks) as (http, sdk, ours):
        ways: dict[str, Callable[[], object]] = {
            "bare": lambda: _bare(http),
            "sdk": lambda: _all(sdk.messages.create(**ASKED, stream=True)),
            "ours": lambda: _all(ours.messages.stream(**ASKED).raw()),
            "items": lambda: _all(ours.messages.stream(**ASKED)),
            "helper": lambda: _all(sdk.messages.stream(**ASKED).__enter__()),
        }
        least = cheapest(ways, rounds=rounds, events=count)
    helper, items = least.pop("helper"), least.pop("items")
    return [
        Row(what, "µs CPU", **least, against="sdk", target=target),
        Row(f"{what}, with helper events", "µs CPU", items, least["bare"], helper, "sdk"),
    ]


def socket_stream(rounds: int = 3) -> list[Row]:
    """Measure an event that comes alone over a socket, where most of the CPU is the transport's."""
    with _connected() as (url, http, sdk, ours):
        ways: dict[str, Callable[[], object]] = {
            "bare": lambda: _bare(http, url, stream=True),
            "sdk": lambda: _all(sdk.messages.create(**ASKED, stream=True)),
            "ours": lambda: _all(ours.messages.stream(**ASKED).raw()),
        }
        least = cheapest(ways, rounds=rounds, events=server.EVENTS)
    return [Row("an event that comes alone, over a socket", "µs CPU", **least, against="sdk")]


def tool_argument(pieces: int = 20_000) -> list[Row]:
    """Measure a tool argument in many pieces, from the first byte to the whole Message."""
    read: dict[str, object] = {}

    def final(name: str, client: Any) -> None:
        with client.messages.stream(**ASKED) as stream:
            read[name] = stream.get_final_message().content[0].input

    with _clients(tool_frames(pieces)) as (http, sdk, ours):
        ways = {
            "bare": partial(_bare, http),
            "sdk": partial(final, "sdk", sdk),
            "ours": partial(final, "ours", ours),
        }
        least = {name: cpu / 1000 for name, cpu in cheapest(ways, rounds=1).items()}
    if read["sdk"] != read["ours"]:
        raise AssertionError("the two clients read different arguments")
    return [Row(f"a tool argument of {pieces:,} pieces", "ms CPU", **least, against="sdk", target=0.06)]


@contextlib.contextmanager
def _connected() -> Iterator[tuple[str, Any, Any, Any]]:
    """Give an address in another process, and bare httpx2, the official SDK and ours to call it with."""
    with server.running() as url, httpx2.Client() as http, httpx2.Client() as other, httpx2.Client() as third:
        sdk = anthropic.Anthropic(api_key=KEY, base_url=url, http_client=other)
        yield url, http, sdk, Client(api_key=KEY, base_url=url, http_client=third)


class _Chunks(httpx2.SyncByteStream):
    def __init__(self, chunks: list[bytes]) -> None:
        self.chunks = chunks

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.chunks)


@contextlib.contextmanager
def _clients(chunks: list[bytes]) -> Iterator[tuple[Any, Any, Any]]:
    """Give bare httpx2, the official SDK and ours, each answered with the same chunks in this process."""

    def answer(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, stream=_Chunks(chunks))

    with httpx2.Client(transport=httpx2.MockTransport(answer)) as http:
        sdk = anthropic.Anthropic(api_key=KEY, http_client=http)
        yield http, sdk, Client(api_key=KEY, base_url="https://api.example.org", http_client=http)


def _bare(http: httpx2.Client, url: str = "https://api.example.org", **more: object) -> None:
    with http.stream("POST", f"{url}/v1/messages", headers=HEADERS, json=ASKED | more) as response:
        _all(response.iter_raw())


def _all(items: Iterable[object]) -> None:
    deque(items, maxlen=0)
