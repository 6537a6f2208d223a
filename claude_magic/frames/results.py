"""What did the requests of a batch come to, as a DataFrame?"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pandas as pd

COLUMNS = ("custom_id", "type", "text", "stop_reason", "input_tokens", "output_tokens", "error")


def results(items: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Return the results of a batch, a row for each request, by `custom_id` (row-2 before row-10).

    `type` is succeeded, errored, canceled or expired; only what succeeded has a text and tokens, and only
    what failed an error.
    """
    import pandas as pd

    rows = sorted(map(_row, items), key=lambda row: natural(row[0]))
    found = pd.DataFrame(rows, columns=list(COLUMNS)).set_index("custom_id")
    for name in ("input_tokens", "output_tokens"):
        found[name] = found[name].astype("Int64")
    return found


def lines(items: list[Any]) -> pd.DataFrame:
    """Return JSON lines as a frame, a row for each; those of a batch as its results."""
    from claude_magic.frames.records import frame

    batch = items and all(isinstance(one, dict) and "custom_id" in one and "result" in one for one in items)
    return results(items) if batch else frame(items)


def _row(item: Mapping[str, Any]) -> tuple[Any, ...]:
    from claude_magic.talk.answer import said

    result = item.get("result") or {}
    message, failed = result.get("message"), result.get("error") or {}
    why = (failed.get("error") or failed).get("message", "")
    facts = (str(item.get("custom_id")), result.get("type"))
    if not message:
        return (*facts, "", None, None, None, why)
    usage = message.get("usage") or {}
    tokens = (usage.get("input_tokens"), usage.get("output_tokens"))
    return (*facts, said(message.get("content") or ()), message.get("stop_reason"), *tokens, why)


def natural(name: str) -> list[tuple[int, str]]:
    """Return what sorts names as they are read: row-2 before row-10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]
