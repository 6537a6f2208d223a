"""Which models does the server list, and what does it say of one?

https://docs.claude.com/en/api/models-list
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from claude_magic.practice.kinds import check
from claude_magic.practice.messages.rules import served
from claude_magic.practice.pages import page
from claude_magic.protocol import catalog

if TYPE_CHECKING:
    from claude_magic.app import Response
    from claude_magic.practice import Answers, Exchange, Practice

LIFECYCLES = ("active", "deprecated", "retired")
EVERYWHERE = ("batch", "citations", "code_execution", "context_management", "image_input", "pdf_input")
THINKING_TYPES = ("adaptive", "enabled", "disabled", "between_tools")
NEW_SCHEMAS = "2025-09-29"  # structured outputs exist from this release on


def models(practice: Practice, exchange: Exchange) -> Response:
    """Answer GET /v1/models, the newest first; raises Refusal."""
    practice.pool(exchange, "other").admit(exchange.now)
    wanted = exchange.many("lifecycle") or list(LIFECYCLES[:2])
    check(wanted, [LIFECYCLES], "lifecycle")
    return practice.json(page([info(m) for m in catalog.all_models() if m.status in wanted], exchange))


def model(practice: Practice, exchange: Exchange) -> Response:
    """Answer GET /v1/models/{model_id} by id or alias; raises Refusal (404)."""
    practice.pool(exchange, "other").admit(exchange.now)
    return practice.json(info(served(exchange.names["model_id"])))


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


ANSWERS: Answers = {"models.list": models, "models.retrieve": model}
