"""Which API keys are there, and which still work?

Keys are made in the Console: the API lists, renames and switches them.
https://platform.claude.com/docs/en/manage-claude/admin-api
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from claude_magic.practice.messages.rules import OLD_VERSION
from claude_magic.practice.messages.shapes import check, nullable
from claude_magic.practice.pages import page
from claude_magic.practice.refusal import refuse

if TYPE_CHECKING:
    from claude_magic.practice import Exchange
    from claude_magic.practice.organization import Organization

STATUSES = ("active", "inactive", "archived", "expired")
LONGEST_NAME = 500


def list_keys(org: Organization, exchange: Exchange) -> dict[str, Any]:
    """Return a page of the keys, the newest first; raises Refusal."""
    check(status := exchange.one("status"), nullable(STATUSES), "status")
    wanted = {
        "status": status,
        "workspace_id": exchange.one("workspace_id"),
        "created_by_user_id": exchange.one("created_by_user_id"),
    }
    kept = [key for key in reversed(org.keys.values()) if _matches(key, wanted)]
    return page([_shown(org, key, exchange) for key in kept], exchange)


def retrieve_key(org: Organization, exchange: Exchange) -> dict[str, Any]:
    """Return a key; raises Refusal."""
    return _shown(org, org.find("key", exchange.names["api_key_id"]), exchange)


def update_key(org: Organization, exchange: Exchange) -> dict[str, Any]:
    """Rename a key or switch it; raises Refusal."""
    key, body = org.find("key", exchange.names["api_key_id"]), exchange.body()
    check(body, {"name": nullable(_name), "status": nullable(STATUSES[:3])}, "")
    if key["status"] == "archived":
        refuse("", "An archived API key cannot be changed")
    if key["status"] == "expired" and body.get("status") in ("active", "inactive"):
        refuse("status", "An expired API key cannot be switched on or off; make a new one in the Console")
    key |= {name: value for name, value in body.items() if value is not None}
    return _shown(org, key, exchange)


def _matches(key: dict[str, Any], wanted: dict[str, str | None]) -> bool:
    has = {
        "status": key["status"],
        "workspace_id": key["scope"].get("workspace_id"),
        "created_by_user_id": key["created_by"]["id"],
    }
    return all(value is None or value == has[name] for name, value in wanted.items())


def _shown(org: Organization, key: dict[str, Any], exchange: Exchange) -> dict[str, Any]:
    """Return a key as the version has it: before 2026-10-21 `workspace_id`, null for the default one."""
    if exchange.version != OLD_VERSION:
        return key
    home = key["scope"].get("workspace_id")
    rest = {name: value for name, value in key.items() if name != "scope"}
    return {**rest, "workspace_id": None if home is None or org.is_default(home) else home}


def _name(value: Any, where: str) -> None:
    check(value, "text", where)
    if not 1 <= len(value) <= LONGEST_NAME:
        refuse(where, f"String should have 1 to {LONGEST_NAME} characters")


ROWS = {
    "organization.api_keys.list": list_keys,
    "organization.api_keys.retrieve": retrieve_key,
    "organization.api_keys.update": update_key,
}
