"""Which rate limits are set for the organization and for a workspace?

The practice server keeps and shows a workspace's own limits; it holds a request to the organization's.
https://platform.claude.com/docs/en/manage-claude/rate-limits-api
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from claude_magic.practice.messages.rules import OLD_VERSION
from claude_magic.practice.messages.shapes import check, nullable
from claude_magic.practice.organization.workspaces import open_workspace, retrieve_workspace
from claude_magic.practice.pages import page
from claude_magic.practice.refusal import Refusal, refuse

if TYPE_CHECKING:
    from claude_magic.practice import Exchange
    from claude_magic.practice.organization import Organization

GROUPS = ("batch", "files", "model_group", "skills", "token_count", "web_search")
LIMITERS = (
    "fast_itpmca",
    "fast_otpm",
    "input_tokens_per_minute",
    "input_tokens_per_minute_cache_aware",
    "output_tokens_per_minute",
    "requests_per_minute",
    "tokens_per_day",
    "tokens_per_minute",
    "tool_uses_per_second",
)
MOST_LIMITS, MOST_VALUE = 16, 2**53 - 1


def list_limits(org: Organization, exchange: Exchange) -> dict[str, Any]:
    """Return a page of the organization's limits; raises Refusal."""
    model, kept = exchange.one("model"), _of_group(org, exchange)
    if model is not None:
        kept = [entry for entry in kept if model in (entry["models"] or ())]
        if not kept:
            raise Refusal(404, f"The model {model!r} has no rate limits in this organization")
    return page([_named(entry, exchange) for entry in kept], exchange)


def list_workspace_limits(org: Organization, exchange: Exchange) -> dict[str, Any]:
    """Return a page of a workspace's limits: its own, and with `include_inherited` the organization's too."""
    workspace, kept = retrieve_workspace(org, exchange), _of_group(org, exchange)
    every = exchange.one("include_inherited") == "true"
    shown = [_in_workspace(org, workspace, entry, exchange, every=every) for entry in kept]
    return page([entry for entry in shown if entry["limits"]], exchange)


def update_workspace_limits(org: Organization, exchange: Exchange) -> dict[str, Any]:
    """Set limits of a workspace, or with null take them away; raises Refusal."""
    workspace, body = open_workspace(org, exchange), exchange.body()
    entry = org.find("rate_limit", exchange.names["rate_limit_id"])
    check(body, {"limits*": _limits}, "")
    if org.is_default(workspace["id"]):
        refuse("", "The default workspace has the organization's limits, and none of its own")
    own = org.overrides.setdefault((workspace["id"], entry["id"]), {})
    for limit in body["limits"]:
        own[limit["type"]] = limit["value"]
        if limit["value"] is None:
            del own[limit["type"]]
    return _in_workspace(org, workspace, entry, exchange)


def _of_group(org: Organization, exchange: Exchange) -> list[dict[str, Any]]:
    check(wanted := exchange.one("group_type"), nullable(GROUPS), "group_type")
    return [e for e in org.rate_limits.values() if wanted in (None, e["group"]["type"])]


def _in_workspace(
    org: Organization,
    workspace: dict[str, Any],
    entry: dict[str, Any],
    exchange: Exchange,
    *,
    every: bool = False,
) -> dict[str, Any]:
    """Return an entry as it is in a workspace: its own limits, or every one with where it comes from."""
    own = org.overrides.get((workspace["id"], entry["id"]), {})
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
    shown = {
        "type": "workspace_rate_limit",
        "rate_limit_id": entry["id"],
        "workspace_id": workspace["id"],
        "group": entry["group"],
        "models": entry["models"],
        "limits": limits,
    }
    return _named(shown, exchange)


def _named(entry: dict[str, Any], exchange: Exchange) -> dict[str, Any]:
    """Return an entry as the version has it: before 2026-10-21 `group_type` stands for `group`."""
    if exchange.version != OLD_VERSION:
        return entry
    rest = {name: value for name, value in entry.items() if name != "group"}
    return {**rest, "group_type": entry["group"]["type"]}


def _limits(value: Any, where: str) -> None:
    check(value, [{"type*": LIMITERS, "value*": nullable(_value)}], where)
    if not 1 <= len(value) <= MOST_LIMITS:
        refuse(where, f"List should have 1 to {MOST_LIMITS} items")


def _value(value: Any, where: str) -> None:
    check(value, "whole", where)
    if not 0 <= value <= MOST_VALUE:
        refuse(where, f"Input should be from 0 to {MOST_VALUE}")


ROWS = {
    "organization.rate_limits.list": list_limits,
    "organization.workspaces.rate_limits.list": list_workspace_limits,
    "organization.workspaces.rate_limits.update": update_workspace_limits,
}
