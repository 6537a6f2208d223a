"""Which models does the server list, and what does it say of one?

https://docs.claude.com/en/api/models-list
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from claude_magic import catalog
from claude_magic.practice.refusal import refuse
from claude_magic.practice.rules import served

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST, USUAL = 1000, 20
LIFECYCLES = ("active", "deprecated", "retired")
EVERYWHERE = ("batch", "citations", "code_execution", "context_management", "image_input", "pdf_input")
THINKING_TYPES = ("adaptive", "enabled", "disabled", "between_tools")
NEW_SCHEMAS = "2025-09-29"  # structured outputs exist from this release on


def models(query: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Return a page of models, newest first; raises Refusal."""
    asked = dict(query)
    wanted = [value for name, value in query if name in ("lifecycle[]", "lifecycle")] or list(LIFECYCLES[:2])
    for value in wanted:
        if value not in LIFECYCLES:
            refuse("lifecycle", f"Input should be {', '.join(map(repr, LIFECYCLES))}")
    found = [info(m) for m in catalog.all_models() if m.status in wanted]
    return page(found, asked)


def page(items: list[dict[str, Any]], asked: dict[str, str]) -> dict[str, Any]:
    """Return a page of a list by `limit`, `after_id` and `before_id`; raises Refusal."""
    text = asked.get("limit", str(USUAL))
    if not text.isdecimal() or not 1 <= int(text[:9]) <= MOST:
        refuse("limit", f"Input should be a whole number from 1 to {MOST}")
    limit, ids = int(text), [item["id"] for item in items]
    if before := asked.get("before_id"):
        items = items[: _place(ids, before, "before_id")]
        shown = items[-limit:]
    else:
        after = asked.get("after_id")
        items = items[_place(ids, after, "after_id") + 1 :] if after else items
        shown = items[:limit]
    first, last = (shown[0]["id"], shown[-1]["id"]) if shown else (None, None)
    return {"data": shown, "has_more": len(items) > len(shown), "first_id": first, "last_id": last}


def _place(ids: list[str], wanted: str, where: str) -> int:
    if wanted not in ids:
        refuse(where, f"no item {wanted!r} in this list")
    return ids.index(wanted)


def model(name: str) -> dict[str, Any]:
    """Return what is known of a model by id or alias; raises Refusal (404)."""
    return info(served(name))


def info(m: catalog.Model) -> dict[str, Any]:
    """Return a model as the service describes it."""
    return {
        "type": "model",
        "id": m.id,
        "display_name": m.display_name,
        "created_at": f"{m.released or '1970-01-01'}T00:00:00Z",
        "lifecycle": m.status,
        "line": m.line,
        "deprecated_at": _moment(m.deprecated_at),
        "retires_at": _moment(m.retires_at),
        "max_input_tokens": m.context_window,
        "max_tokens": m.max_output_tokens,
        "capabilities": _capabilities(m),
    }


def _moment(day: str | None) -> str | None:
    return f"{day}T00:00:00Z" if day else None


def _capabilities(m: catalog.Model) -> dict[str, Any]:
    levels = m.effort_levels or ()
    thinks = m.thinking or {"adaptive": True}
    return {
        **{name: {"supported": True} for name in EVERYWHERE},
        "structured_outputs": {"supported": (m.released or "") >= NEW_SCHEMAS},
        "effort": {"supported": bool(levels), **{e: {"supported": e in levels} for e in catalog.EFFORTS}},
        "server_tools": {
            "supported": True,
            "web_search": {"supported": True},
            "code_execution": {"supported": True},
        },
        "thinking": {
            "supported": bool(m.thinking is None or m.thinking.get("adaptive") or m.thinking.get("enabled")),
            "types": {kind: {"supported": bool(thinks.get(kind))} for kind in THINKING_TYPES},
        },
    }
