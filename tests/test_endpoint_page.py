"""Is the page of all calls what the table says today?"""

from __future__ import annotations

import runpy
from pathlib import Path

from claude_magic.protocol.endpoints import ENDPOINTS

DOCS = Path(__file__).parents[1] / "docs"


def test_the_page_is_what_python_docs_writes():
    written = runpy.run_path(str(DOCS / "__main__.py"))["page"]()
    assert written == (DOCS / "endpoints.md").read_text("utf-8"), "type: python docs"


def test_every_call_is_on_the_page_once():
    rows = [
        line for line in (DOCS / "endpoints.md").read_text("utf-8").splitlines() if line.startswith("| `")
    ]
    assert sorted(ENDPOINTS) == sorted(line[3:].partition("(")[0] for line in rows)
