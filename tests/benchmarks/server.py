"""What answers the calls that are measured? The same bytes to every request, from a process of its own.

`python -m tests.benchmarks.server` prints its port and serves until its input ends; with a number each answer
takes so many seconds. A request that asks for a stream gets its events one by one, so far apart that each
comes alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from functools import partial
from typing import TYPE_CHECKING

from tests.benchmarks.samples import ANSWER, text_frames

if TYPE_CHECKING:
    from collections.abc import Iterator

EVENTS = 2000
PAUSE = 0.0004  # seconds between two events
OK = "HTTP/1.1 200 OK\r\nrequest-id: req_1\r\n"
WHOLE = f"{OK}content-type: application/json\r\ncontent-length: {len(ANSWER)}\r\n\r\n".encode()
STREAM = f"{OK}content-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n".encode()


@contextlib.contextmanager
def running(seconds: float = 0) -> Iterator[str]:
    """Start the server, whose answers take so many seconds, and give its address."""
    command = [sys.executable, "-m", "tests.benchmarks.server", str(seconds)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        process.stdin.close()


async def _answer(seconds: float, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = next(line for line in head.split(b"\r\n") if line.startswith(b"content-length:"))
            body = await reader.readexactly(int(length.partition(b":")[2]))
            if b'"stream":true' in body.replace(b" ", b""):
                await _stream(writer)
            else:
                if seconds:
                    await asyncio.sleep(seconds)
                writer.write(WHOLE + ANSWER)
    writer.close()


async def _stream(writer: asyncio.StreamWriter) -> None:
    writer.write(STREAM)
    for frame in text_frames(EVENTS):
        writer.write(b"%x\r\n%s\r\n" % (len(frame), frame))
        await asyncio.sleep(PAUSE)
    writer.write(b"0\r\n\r\n")


async def _serve(seconds: float) -> None:
    server = await asyncio.start_server(partial(_answer, seconds), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(_serve(float((sys.argv[1:] or ["0"])[0])))
