"""What does a large upload add to memory?

Measured in a process of its own that sends to one that only takes; both are this module, run.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.benchmarks.measure import Row

if TYPE_CHECKING:
    from collections.abc import Iterator

MB = 2**20
KEY = "sk-ant-api03-" + "benchmark-" * 4  # too plain to be a key
ANSWER = b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\r\n{"id":"x"}'
COMMAND = [sys.executable, "-m", "tests.benchmarks.uploads"]


def upload(size: int = 200 * MB) -> list[Row]:
    """Measure what a large upload and a large batch add to memory at their highest."""
    ours, batch, sdk = (added(way, size) for way in ("file", "batch", "sdk"))
    return [
        Row(f"a {size // MB} MB upload adds to memory", "MB", ours, sdk=sdk, target=20),
        Row(f"a batch of {size // MB} MB from a generator adds to memory", "MB", batch, target=20),
    ]


def added(way: str, size: int) -> float:
    """Return the MB that a process grows by while it sends this many bytes."""
    with _taking() as url, tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.bin"
        path.touch()
        os.truncate(path, size)
        done = subprocess.run([*COMMAND, way, url, str(path)], check=True, capture_output=True, text=True)
        return float(done.stdout)


@contextlib.contextmanager
def _taking() -> Iterator[str]:
    """Start a server that takes requests and answers each shortly, and give its address."""
    with subprocess.Popen([*COMMAND, "take"], stdout=subprocess.PIPE, text=True) as process:
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        process.terminate()


def _take() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    while True:
        connection, _ = listener.accept()
        with connection, connection.makefile("rb") as file:
            while head := list(iter(file.readline, b"\r\n")):
                if not head[-1]:
                    break
                left = next(int(line[15:]) for line in head if line.lower().startswith(b"content-length:"))
                while left:
                    left -= len(file.read(min(left, 64 * 2**10)))
                connection.sendall(ANSWER)


def _send(way: str, url: str, path: Path) -> None:
    """Send a little, then much, and print by how many MB the process grew."""
    client = _client(way, url)
    ask = partial(_batch, client) if way == "batch" else lambda file: client.files.upload(file=file)
    small = path.with_name("small.bin")
    small.write_bytes(b"x")
    ask(small)
    before = _highest()
    ask(path)
    print(_highest() - before)


def _client(way: str, url: str) -> Any:
    if way == "sdk":
        import anthropic

        return anthropic.Anthropic(api_key=KEY, base_url=url)
    from claude_magic.api.client import Client

    return Client(api_key=KEY, base_url=url)


def _batch(client: Any, path: Path) -> None:
    params = {"model": "claude-haiku-5-5", "system": "x" * MB}
    requests = ({"custom_id": f"row-{n}", "params": params} for n in range(path.stat().st_size // MB))
    client.messages.batches.create(requests=requests)


def _highest() -> float:
    """Return the most memory this process has had, in MB."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


if __name__ == "__main__":
    if sys.argv[1] == "take":
        _take()
    else:
        _send(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
