"""Is the page on ten million rows what its command works out today?"""

from __future__ import annotations

import runpy
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_is_what_its_command_writes():
    written = runpy.run_path(str(DOCS / "scale.py"))["page"]()
    assert written == (DOCS / "ten-million-rows.md").read_text("utf-8"), "type: python docs/scale.py"
