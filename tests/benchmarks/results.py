"""What does it take to make a frame of a batch's result lines?

Each way runs in a process of its own, which reads the same file as the answer of its transport: this module,
run. The official SDK's objects become dicts, and those a DataFrame of the fields that matter.
"""

from __future__ import annotations

import gc
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2

from tests.benchmarks.measure import Row, environment
from tests.benchmarks.samples import KEY, MESSAGE
from tests.benchmarks.uploads import _highest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

URL, BATCH, READ = "https://api.example.org", "msgbatch_1", 65_536
WORDS = tuple("the people who cycle to work report better sleep and fewer sick days in every region".split())  # noqa: SIM905
ENDED = MESSAGE | {"stop_reason": "end_turn"}
COMMAND = [sys.executable, "-m", "tests.benchmarks.results"]


def results(lines: int = 100_000, rounds: int = 3) -> list[Row]:
    """Measure CPU and memory from the first byte of the answer to the frame."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "results.jsonl"
        with path.open("wb") as file:
            file.writelines(_lines(lines))
        cpu, memory = {}, {}
        for way in WAYS:
            found = [_measured(way, path, lines) for _ in range(rounds)]
            cpu[way] = min(ms for ms, _ in found)
            memory[way] = min(mb for _, mb in found)
    what = f"{lines:,} result lines to a frame"
    return [
        Row(what, "ms CPU", cpu["ours"], sdk=cpu["sdk"], against="sdk", target=0.12),
        Row(f"{what} add to memory", "MB", memory["ours"], sdk=memory["sdk"], target=170),
    ]


def _measured(way: str, path: Path, lines: int) -> tuple[float, float]:
    done = subprocess.run(
        [*COMMAND, way, str(path), str(lines)], check=True, capture_output=True, text=True, env=environment()
    )
    cpu, memory = map(float, done.stdout.split())
    return cpu, memory


def _lines(count: int) -> Iterator[bytes]:
    rng = random.Random(7)
    for n in range(count):
        text = " ".join(rng.choices(WORDS, k=rng.randint(20, 60)))
        usage = {
            "input_tokens": rng.randint(20, 900),
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
            "output_tokens": rng.randint(5, 200),
            "service_tier": "batch",
            "inference_geo": "global",
            "server_tool_use": None,
        }
        content = [{"type": "text", "text": text}]
        message = ENDED | {
            "id": f"msg_{n:024}",
            "content": content,
            "stop_reason": "end_turn",
            "usage": usage,
        }
        result = {"type": "succeeded", "message": message}
        yield json.dumps({"custom_id": f"{n:032x}", "result": result}, separators=(",", ":")).encode() + b"\n"


class _File(httpx2.SyncByteStream):
    def __init__(self, path: str) -> None:
        self.path = path

    def __iter__(self) -> Iterator[bytes]:
        with Path(self.path).open("rb") as file:
            while chunk := file.read(READ):
                yield chunk


def _http(path: str) -> httpx2.Client:
    url = f"{URL}/v1/messages/batches/{BATCH}/results"
    batch = {"id": BATCH, "type": "message_batch", "processing_status": "ended", "results_url": url}

    def answer(request: httpx2.Request) -> httpx2.Response:
        if request.url.path.endswith("results"):
            return httpx2.Response(200, headers={"content-type": "application/x-jsonl"}, stream=_File(path))
        return httpx2.Response(200, json=batch)

    return httpx2.Client(transport=httpx2.MockTransport(answer))


def _ours(http: httpx2.Client, lines: int) -> Callable[[], Any]:
    import pandas as pd

    from claude_magic import Client
    from claude_magic.rows.columns.arranging import columns
    from claude_magic.rows.columns.lines import fetched

    client = Client(api_key=KEY, base_url=URL, http_client=http)
    keys = [f"{n:032x}" for n in range(lines)]

    def frame() -> Any:
        found = columns(fetched(client, BATCH), keys)
        return pd.DataFrame({one.name: pd.array(one.values, dtype=one.dtype) for one in found.columns})

    return frame


def _sdk(http: httpx2.Client, _lines: int) -> Callable[[], Any]:
    import anthropic
    import pandas as pd

    client = anthropic.Anthropic(api_key=KEY, base_url=URL, http_client=http)

    def frame() -> Any:
        return pd.DataFrame([_row(one.to_dict()) for one in client.messages.batches.results(BATCH)])

    return frame


def _row(line: dict[str, Any]) -> dict[str, Any]:
    message = line["result"]["message"]
    texts = [block["text"] for block in message["content"] if block["type"] == "text"]
    kept = {name: message["usage"][name] for name in ("input_tokens", "output_tokens")}
    status, reason = line["result"]["type"], message["stop_reason"]
    return {"key": line["custom_id"], "text": "".join(texts), "status": status, "stop_reason": reason, **kept}


WAYS = {"ours": _ours, "sdk": _sdk}


def _run(way: str, path: str, lines: str) -> None:
    """Make a small frame, then print the CPU (ms) and memory (MB) that the large one takes."""
    with tempfile.NamedTemporaryFile() as small:
        small.writelines(_lines(10))
        small.flush()
        WAYS[way](_http(small.name), 10)()
    frame = WAYS[way](_http(path), int(lines))
    gc.collect()
    before, begun = _highest(), time.process_time()
    frame()
    print((time.process_time() - begun) * 1e3, _highest() - before)


if __name__ == "__main__":
    _run(*sys.argv[1:])
