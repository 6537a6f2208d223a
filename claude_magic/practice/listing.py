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
    wanted = [value for name, value in query if name in ("lifecycle[]", "lifecycle")] or list(LIFECYCLES[:2])
    for value in wanted:
        if value not in LIFECYCLES:
            refuse("lifecycle", f"Input should be {', '.join(map(repr, LIFECYCLES))}")
    return page([info(m) for m in catalog.all_models() if m.status in wanted], dict(query))


def page(items: list[dict[str, Any]], asked: dict[str, str]) -> dict[str, Any]:
    """Return a page of a list by `limit`, `after_id` and `before_id`; raises Refusal."""
    text = asked.get("limit", str(USUAL))
    if not text.isdecimal() or not 1 <= int(text[:9]) <= MOST:
        refuse("limit", f"Input should be a whole number from 1 to {MOST}")
    limit, ids = int(text), [item["id"] for item in items]
    for name in ("before_id", "after_id"):
        if name in asked and asked[name] not in ids:
            refuse(name, f"no item {asked[name]!r} in this list")
    if "before_id" in asked:
        items = items[: ids.index(asked["before_id"])]
        shown = items[-limit:]
    else:
        items = items[ids.index(asked["after_id"]) + 1 :] if "after_id" in asked else items
        shown = items[:limit]
    first, last = (shown[0]["id"], shown[-1]["id"]) if shown else (None, None)
    return {"data": shown, "has_more": len(items) > len(shown), "first_id": first, "last_id": last}


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
    levels, thinks = m.effort_levels or (), m.thinking or {"adaptive": True}
    kinds = {kind: _supported(thinks.get(kind)) for kind in THINKING_TYPES}
    tools = {name: _supported(True) for name in ("web_search", "code_execution")}
    return {
        **{name: _supported(True) for name in EVERYWHERE},
        "structured_outputs": _supported((m.released or "") >= NEW_SCHEMAS),
        "effort": {**_supported(levels), **{e: _supported(e in levels) for e in catalog.EFFORTS}},
        "server_tools": {**_supported(True), **tools},
        "thinking": {**_supported(thinks.get("adaptive") or thinks.get("enabled")), "types": kinds},
    }


def _supported(value: object) -> dict[str, bool]:
    return {"supported": bool(value)}
