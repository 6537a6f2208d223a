"""Which rate limits are set for the organization and for a workspace?

The practice server keeps and shows a workspace's own limits; it holds a request to the organization's.
https://platform.claude.com/docs/en/manage-claude/rate-limits-api
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from claude_magic.practice.kinds import check, nullable, sized
from claude_magic.practice.organization import WORKSPACE
from claude_magic.practice.organization.workspaces import open_workspace
from claude_magic.practice.refusal import Refusal, refuse
from claude_magic.protocol import catalog

if TYPE_CHECKING:
    from claude_magic.practice.stored.shelves import Asked

MODEL_LIMITS = ("requests_per_minute", "input_tokens_per_minute_cache_aware", "output_tokens_per_minute")
LIMITERS = (
    *("fast_itpmca", "fast_otpm", "input_tokens_per_minute", *MODEL_LIMITS),
    *("tokens_per_day", "tokens_per_minute", "tool_uses_per_second"),
)
MOST_LIMITS, MOST_VALUE = 16, 2**53 - 1
SEARCHES = 30  # a second


class Overrides(dict[tuple[str, str], dict[str, int]]):
    """A server's workspaces' own limits: (workspace, rate limit) -> limiter -> value."""


def _value(value: Any, where: str) -> None:
    check(value, "whole", where)
    if not 0 <= value <= MOST_VALUE:
        refuse(where, f"Input should be from 0 to {MOST_VALUE}")


LIMITS = {"limits*": sized(1, MOST_LIMITS, [{"type*": LIMITERS, "value*": nullable(_value)}])}


def listed(asked: Asked) -> dict[str, Any]:
    """Return a page of the organization's limits; raises Refusal."""
    model, kept = asked.exchange.one("model"), _entries(asked)
    if model is not None:
        kept = [entry for entry in kept if model in (entry["models"] or ())]
        if not kept:
            raise Refusal(404, f"The model {model!r} has no rate limits in this organization")
    return asked.paged([asked.dated(entry) for entry in kept])


def in_workspace(asked: Asked) -> dict[str, Any]:
    """Return a page of a workspace's limits: its own, and with `include_inherited` the organization's too."""
    every = asked.exchange.one("include_inherited") == "true"
    shown = [_own(asked, entry, every=every) for entry in _entries(asked)]
    return asked.paged([entry for entry in shown if entry["limits"]])


def update(asked: Asked) -> dict[str, Any]:
    """Set limits of a workspace, or with null take them away; raises Refusal."""
    workspace, wanted = open_workspace(asked)["id"], asked.names["rate_limit_id"]
    entry = next((entry for entry in _entries(asked) if entry["id"] == wanted), None)
    if entry is None:
        raise Refusal(404, f"rate limit {wanted} not found")
    check(asked.body, LIMITS, "")
    if workspace == WORKSPACE:
        refuse("", "The default workspace has the organization's limits, and none of its own")
    own = asked.practice.of(Overrides).setdefault((workspace, wanted), {})
    for limit in asked.body["limits"]:
        own[limit["type"]] = limit["value"]
        if limit["value"] is None:
            del own[limit["type"]]
    return _own(asked, entry)


def _own(asked: Asked, entry: dict[str, Any], *, every: bool = False) -> dict[str, Any]:
    """Return an entry as it is in a workspace: its own limits, or every one with where it comes from."""
    workspace = asked.names["workspace_id"]
    own = asked.practice.of(Overrides).get((workspace, entry["id"]), {})
    whole = {limit["type"]: limit["value"] for limit in entry["limits"]}
    limits = [
        {
            "type": name,
            "value": own.get(name, whole.get(name)),
            "org_limit": whole.get(name),
            "source": {"type": "workspace" if name in own else "organization"},
        }
        for name in dict.fromkeys([*whole, *own])
        if every or name in own
    ]
    about = {"rate_limit_id": entry["id"], "workspace_id": workspace, "limits": limits}
    shown = {"type": "workspace_rate_limit", "group": entry["group"], "models": entry["models"], **about}
    return asked.dated(shown)


def _entries(asked: Asked) -> list[dict[str, Any]]:
    """Return the organization's limits: one group for each line of models, and one for each other thing."""
    limits, lines = asked.practice.limits, dict[str, list[str]]()
    for m in catalog.all_models():
        if m.line and m.status != "retired":
            lines.setdefault(m.line, []).extend([m.id, *m.aliases])
    each = {MODEL_LIMITS[0]: limits.requests}
    tokens = (limits.input_tokens, limits.output_tokens)
    minute = {**each, **dict(zip(MODEL_LIMITS[1:], tokens, strict=True))}
    rows = [
        *(_entry("model_group", name, minute, models) for name, models in lines.items()),
        _entry("batch", "batch", {**each, "enqueued_batch_requests": limits.queued}),
        *(_entry(kind, kind, each) for kind in ("token_count", "files", "skills")),
        _entry("web_search", "web_search", {"tool_uses_per_second": SEARCHES}),
    ]
    wanted = asked.exchange.one("group_type")
    return [row for row in rows if wanted in (None, row["group"]["type"])]


def _entry(kind: str, name: str, limits: dict[str, int], models: list[str] | None = None) -> dict[str, Any]:
    group = {"id": f"rlg_practice_{name}", "type": kind}
    if models:
        group["display_name"] = f"Claude {name.title()}"
    return {
        "id": f"rl_practice_{name}",
        "type": "rate_limit",
        "group": group,
        "models": models,
        "limits": [{"type": limiter, "value": value} for limiter, value in limits.items()],
    }


RULES = {
    "organization.rate_limits.list": listed,
    "organization.workspaces.rate_limits.list": in_workspace,
    "organization.workspaces.rate_limits.update": update,
}
