"""What streams a long answer at a steady pace, and says when it ended?

`python -m tests.benchmarks.pacer 100` prints its port and serves until its input ends: 4,000 tokens at 100 a
second, one event a token. Who asks for no stream waits as long and gets the whole. Each end is printed, in
seconds since 1970.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from typing import Any

from tests.benchmarks.samples import MESSAGE, TEXT

TOKENS = 4_000
CHARACTERS = 4  # of a token
END = "the-last-word"
SECTION = r"""## Section {n}

The **median** of a column is the value in the middle once its rows are in order, so that one very large value
does not move it; the mean{formula} follows every value there is, and so do variance and range.

| species | rows | mean |
|---|--:|--:|
| Adelie | 151 | 3,700.7 |
| Gentoo | 123 | 5,076.0 |

- `groupby` splits the table, `agg` sums up what is in each part;
- what is missing is left out, and counted nowhere.

```python
heaviest = penguins.groupby("species")["body_mass_g"].agg(["count", "mean", "median"])
print(heaviest.sort_values("mean", ascending=False).head({n}))
```

"""
FORMULA = r", $\bar{x} = \frac{1}{n}\sum_{i=1}^{n} x_i$,"  # in every third section


def answer() -> str:
    """Return an answer of as many tokens, as models write them: prose, a formula, a table, a list, code."""
    size = TOKENS * CHARACTERS - len(END) - 2
    numbers = range(1, size // len(SECTION) + 3)
    text = "".join(SECTION.format(n=n, formula="" if n % 3 else FORMULA) for n in numbers)
    return f"{text[:size]}\n\n{END}"


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, rate: float) -> None:
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = next(line for line in head.split(b"\r\n") if line.startswith(b"content-length:"))
            body = json.loads(await reader.readexactly(int(length.partition(b":")[2])))
            await (_stream if body.get("stream") else _whole)(writer, answer(), rate)
            print(f"{time.time():.3f}", flush=True)
    writer.close()


async def _whole(writer: asyncio.StreamWriter, text: str, rate: float) -> None:
    await asyncio.sleep(TOKENS / rate)
    usage = {"input_tokens": 12, "output_tokens": TOKENS}
    told = MESSAGE | {
        "content": [{"type": "text", "text": text}],
        "stop_reason": "end_turn",
        "usage": usage,
    }
    body = json.dumps(told).encode()
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n")
    writer.write(b"content-length: %d\r\n\r\n%s" % (len(body), body))


async def _stream(writer: asyncio.StreamWriter, text: str, rate: float) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
    _send(writer, {"type": "message_start", "message": MESSAGE})
    _send(writer, {"type": "content_block_start", "index": 0, "content_block": TEXT})
    begun = time.monotonic()
    for n in range(TOKENS):
        await asyncio.sleep(begun + n / rate - time.monotonic())
        piece = {"type": "text_delta", "text": text[n * CHARACTERS : (n + 1) * CHARACTERS]}
        _send(writer, {"type": "content_block_delta", "index": 0, "delta": piece})
    _send(writer, {"type": "content_block_stop", "index": 0})
    ended = {"stop_reason": "end_turn", "stop_sequence": None}
    usage = {"output_tokens": TOKENS}
    _send(writer, {"type": "message_delta", "delta": ended, "usage": usage})
    _send(writer, {"type": "message_stop"})
    writer.write(b"0\r\n\r\n")


def _send(writer: asyncio.StreamWriter, event: dict[str, Any]) -> None:
    frame = f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()
    writer.write(b"%x\r\n%s\r\n" % (len(frame), frame))


async def _serve(rate: float) -> None:
    server = await asyncio.start_server(lambda r, w: _answer(r, w, rate), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(_serve(float(sys.argv[1])))
