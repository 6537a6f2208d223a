"""What does a long list cost, and how much code is the client?"""

from __future__ import annotations

import ast
import io
import json
import tokenize
from collections import deque
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anthropic
import httpx2

import claude_magic
from claude_magic import Client
from tests.benchmarks.measure import Row, cheapest
from tests.benchmarks.samples import KEY

if TYPE_CHECKING:
    from collections.abc import Callable

PAGE = 1000  # objects: the most that the API gives at once
URL = "https://api.example.org"
CLIENT = """app protocol/endpoints protocol/body protocol/bundles api/parameters api/pages api/feeds
            protocol/saving api/spaces api/caller api/resources api/client api/stream transport
            protocol/signatures protocol/writing protocol/instead policy pool faults protocol/sse
            protocol/accumulate wire errors"""


def listing(rounds: int = 5, objects: int = 20_000) -> list[Row]:
    """Measure a list from its first page to its last object."""
    with httpx2.Client(transport=httpx2.MockTransport(_pages(objects))) as http:
        sdk = anthropic.Anthropic(api_key=KEY, http_client=http)
        ours = Client(api_key=KEY, base_url=URL, http_client=http)
        ways: dict[str, Callable[[], object]] = {
            "bare": partial(_bare, http),
            "sdk": lambda: deque(sdk.files.list(limit=PAGE), maxlen=0),
            "ours": lambda: deque(ours.files.list(limit=PAGE), maxlen=0),
        }
        least = {name: cpu / 1000 for name, cpu in cheapest(ways, rounds=rounds).items()}
    return [Row(f"listing {objects:,} objects", "ms CPU", **least, against="sdk", target=0.08)]


def _pages(objects: int) -> Callable[[httpx2.Request], httpx2.Response]:
    """Return what answers files, a page at a time."""
    starts = range(0, objects, PAGE)
    following = [f"page_{start}" for start in starts[1:]] + [None]
    pages = {
        f"page_{start}": json.dumps(
            {"data": [_file(n) for n in range(start, min(start + PAGE, objects))], "next_page": after}
        ).encode()
        for start, after in zip(starts, following, strict=True)
    }

    def answer(request: httpx2.Request) -> httpx2.Response:
        body = pages[request.url.params.get("page", "page_0")]
        return httpx2.Response(200, headers={"content-type": "application/json"}, content=body)

    return answer


def _file(n: int) -> dict[str, Any]:
    return {
        "id": f"file_{n:024}",
        "type": "file",
        "filename": f"report {n}.csv",
        "mime_type": "text/csv",
        "size_bytes": n,
        "created_at": "2026-11-01T12:30:00.123456Z",
        "downloadable": False,
        "expires_at": None,
        "scope": {"type": "session", "id": f"sesn_{n:024}"},
    }


def _bare(http: httpx2.Client) -> None:
    query: dict[str, Any] = {"limit": PAGE}
    while True:
        page = http.get(f"{URL}/v1/files", params=query, headers={"authorization": f"Bearer {KEY}"}).json()
        deque(page["data"], maxlen=0)
        if not page["next_page"]:
            return
        query["page"] = page["next_page"]


def lines() -> list[Row]:
    """Count the client's lines of code: without blank lines, comments and docstrings."""
    folder = Path(claude_magic.__file__).parent
    count = sum(_code((folder / f"{name}.py").read_text()) for name in CLIENT.split())
    return [Row("the client", "lines", count, target=2500)]


def _code(source: str) -> int:
    skipped = {
        tokenize.COMMENT,
        tokenize.NL,
        tokenize.NEWLINE,
        tokenize.INDENT,
        tokenize.DEDENT,
        tokenize.ENDMARKER,
    }
    docs = {
        n
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and ast.get_docstring(node) is not None
        for n in range(node.body[0].lineno, node.body[0].end_lineno + 1)
    }
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    code = {n for t in tokens if t.type not in skipped for n in range(t.start[0], t.end[0] + 1)}
    return len(code - docs)
