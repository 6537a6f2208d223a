"""How is a list cut into pages?

The five ways of the API, by the row of the call: https://platform.claude.com/docs/en/api/overview
"""

from __future__ import annotations

import base64
import zlib
from typing import TYPE_CHECKING, Any

from claude_magic.practice.kinds import number
from claude_magic.practice.refusal import refuse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from claude_magic.practice import Exchange

USUAL, MOST = 20, 1000


def page(items: Sequence[dict[str, Any]], exchange: Exchange, **more: Any) -> dict[str, Any]:
    """Return the page of a list that an exchange asks for; `more` are further fields. Raises Refusal."""
    limit = _limit(exchange)
    if exchange.row.paging == "id":
        return {**_by_id(items, limit, exchange), **more}
    start = _start(exchange)
    end = start + limit if limit else len(items)
    found: dict[str, Any] = {"data": list(items[start:end])}
    found["next_page"] = _cursor(end, exchange) if end < len(items) else None
    if exchange.row.paging == "pages":
        found["prev_page"] = _cursor(max(0, start - (limit or 0)), exchange) if start else None
    if exchange.row.paging == "report":
        found["has_more"] = end < len(items)
    return {**found, **more}


def _limit(exchange: Exchange) -> int | None:
    """Return how many items a page has; None is all, where the row has no number of its own."""
    row, text = exchange.row, exchange.one("limit")
    most = row.most_items or MOST
    if text is None:
        return row.usual or (None if row.most_items else USUAL)
    return number(text, 1, most, "limit")


def _by_id(items: Sequence[dict[str, Any]], limit: int | None, exchange: Exchange) -> dict[str, Any]:
    ids = [item["id"] if "id" in item else item["user_id"] for item in items]
    before, after = exchange.one("before_id"), exchange.one("after_id")
    if before and after:
        refuse("", "before_id and after_id cannot be given together")
    for name, value in (("before_id", before), ("after_id", after)):
        if value and value not in ids:
            refuse(name, f"no item {value!r} in this list")
    low = ids.index(after) + 1 if after else 0
    high = ids.index(before) if before else len(items)
    size = limit or len(items)
    low, high = (max(low, high - size), high) if before else (low, min(high, low + size))
    more = low > 0 if before else high < len(items)
    first, last = (ids[low], ids[high - 1]) if high > low else (None, None)
    return {"data": list(items[low:high]), "has_more": more, "first_id": first, "last_id": last}


def _cursor(start: int, exchange: Exchange) -> str:
    made = f"{start}.{_asked(exchange)}".encode()
    return "page_" + base64.urlsafe_b64encode(made).decode().rstrip("=")


def _start(exchange: Exchange) -> int:
    """Return where a page starts; a cursor holds only for the list and the filters it was made with."""
    cursor = exchange.one("page")
    if not cursor:
        return 0
    text = cursor.removeprefix("page_")
    try:
        start, _, asked = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode().partition(".")
        known = asked == str(_asked(exchange))
    except ValueError:
        known = False
    if not known:
        refuse("page", "the cursor does not belong to this list and these filters")
    return int(start)


def _asked(exchange: Exchange) -> int:
    filters = sorted((k, v) for k, v in exchange.request.query if k not in ("page", "limit"))
    return zlib.crc32(repr((exchange.request.path, filters)).encode())
