"""Which workspaces are there, and what may be changed in one?

https://platform.claude.com/docs/en/manage-claude/workspaces
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from claude_magic.practice.messages.shapes import check, nullable
from claude_magic.practice.organization import population
from claude_magic.practice.pages import page
from claude_magic.practice.refusal import refuse

if TYPE_CHECKING:
    from claude_magic.practice import Exchange
    from claude_magic.practice.organization import Organization

MOST, MOST_ASKED = 100, 100
"""Workspaces in an organization (archived ones and the default one apart), and ids in one question."""
LONGEST_NAME = 255
COLOR = re.compile(r"#[0-9A-Fa-f]{6}")
GEOS = ("global", "us")
UNRESTRICTED = "unrestricted"


def list_workspaces(org: Organization, exchange: Exchange) -> dict[str, Any]:
    """Return a page of the workspaces, the newest first; raises Refusal."""
    ids = exchange.many("ids")
    if len(ids) > MOST_ASKED:
        refuse("ids", f"List should have at most {MOST_ASKED} items")
    archived, default = (exchange.one(f"include_{name}") == "true" for name in ("archived", "default"))
    kept = [
        workspace
        for id, workspace in reversed(org.workspaces.items())
        if (not ids or id in ids)
        and (archived or not workspace["archived_at"])
        and (default or not org.is_default(id))
    ]
    return page(kept, exchange)


def retrieve_workspace(org: Organization, exchange: Exchange) -> dict[str, Any]:
    """Return a workspace; raises Refusal."""
    return org.find("workspace", exchange.names["workspace_id"])


def create_workspace(org: Organization, exchange: Exchange) -> dict[str, Any]:
    """Make a workspace; raises Refusal."""
    body = exchange.body()
    check(body, CREATE, "")
    if sum(not w["archived_at"] for w in org.workspaces.values()) > MOST:
        refuse("", f"The organization has {MOST} workspaces already; archive one first")
    plain = population.workspace("", body["name"], population.moment(exchange.now))
    made = _changed(plain, body)
    made["id"] = org.new_id("wrkspc")
    made["compartment_id"] = made["id"].replace("wrkspc", "cmpt")
    org.workspaces[made["id"]], org.members[made["id"]] = made, {}
    return made


def update_workspace(org: Organization, exchange: Exchange) -> dict[str, Any]:
    """Change a workspace; raises Refusal."""
    workspace, body = open_workspace(org, exchange), exchange.body()
    check(body, UPDATE, "")
    if org.is_default(workspace["id"]):
        for name in ("name", "user_profile_id"):
            if body.get(name, workspace[name]) != workspace[name]:
                refuse(name, "The default workspace keeps the one it has")
    workspace |= _changed(workspace, body)
    return workspace


def archive_workspace(org: Organization, exchange: Exchange) -> dict[str, Any]:
    """Archive a workspace for good, and its keys with it; raises Refusal."""
    workspace = open_workspace(org, exchange)
    if org.is_default(workspace["id"]):
        refuse("", "The default workspace cannot be archived")
    workspace["archived_at"] = population.moment(exchange.now)
    for key in org.keys.values():
        if key["scope"].get("workspace_id") == workspace["id"]:
            key["status"] = "archived"
    return workspace


def open_workspace(org: Organization, exchange: Exchange) -> dict[str, Any]:
    """Return the workspace of a request that would change it; raises Refusal for an archived one."""
    workspace = retrieve_workspace(org, exchange)
    if workspace["archived_at"]:
        refuse("", f"The workspace {workspace['id']} is archived, and stays so")
    return workspace


def _changed(workspace: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    """Return a workspace with what a body gives; null in `tags` takes a tag away. Raises Refusal."""
    given = {name: value for name, value in body.items() if value is not None}
    if given.get("external_key_id"):
        refuse("external_key_id", "Encryption keys of your own are not enabled for this organization")
    profile = workspace["user_profile_id"]
    if profile and given.get("user_profile_id", profile) != profile:
        refuse("user_profile_id", "A user profile cannot be replaced once it is attached")
    tags = {**workspace["tags"], **given.get("tags", {})}
    given["tags"] = {name: value for name, value in tags.items() if value is not None}
    given["data_residency"] = _residency(workspace["data_residency"], given.get("data_residency", {}))
    return {**workspace, **given}


def _residency(old: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    new = {**old, **{name: value for name, value in body.items() if value is not None}}
    allowed = new["allowed_inference_geos"]
    if allowed != UNRESTRICTED and new["default_inference_geo"] not in allowed:
        why = "Input should be one of allowed_inference_geos"
        refuse("data_residency.default_inference_geo", why)
    return new


def _name(value: Any, where: str) -> None:
    check(value, "text", where)
    if not 1 <= len(value) <= LONGEST_NAME:
        refuse(where, f"String should have 1 to {LONGEST_NAME} characters")


def _color(value: Any, where: str) -> None:
    check(value, "text", where)
    if not COLOR.fullmatch(value):
        refuse(where, "Input should be a colour such as #6C5BB9")


def _geos(value: Any, where: str) -> None:
    if value == UNRESTRICTED:
        return
    check(value, [GEOS], where)
    if not value:
        refuse(where, "List should have at least 1 item")


def _profile(value: Any, where: str) -> None:
    check(value, "text", where)
    if not value.startswith("uprof_"):
        refuse(where, f"There is no user profile {value!r}", error_code="user_profile_not_found")


def _tags(value_kind: str) -> Any:
    """Return a kind: names that do not begin with `anthropic`, and values of a kind."""

    def kind(value: Any, where: str) -> None:
        check(value, "object", where)
        for name, item in value.items():
            if name.startswith("anthropic"):
                refuse(f"{where}.{name}", "Names that begin with anthropic are taken")
            check(item, value_kind, f"{where}.{name}")

    return nullable(kind)


RESIDENCY = {"allowed_inference_geos": nullable(_geos), "default_inference_geo": nullable(GEOS)}
CREATE = {
    "name*": _name,
    "data_residency": nullable({**RESIDENCY, "workspace_geo": nullable(("us",))}),
    "display_color": nullable(_color),
    "external_key_id": "text?",
    "tags": _tags("text"),
    "user_profile_id": nullable(_profile),
}
UPDATE = {
    "name": _name,
    "data_residency": nullable(RESIDENCY),
    "display_color": _color,
    "external_key_id": "text",
    "tags": _tags("text?"),
    "user_profile_id": _profile,
}
ROWS = {
    "organization.workspaces.list": list_workspaces,
    "organization.workspaces.retrieve": retrieve_workspace,
    "organization.workspaces.create": create_workspace,
    "organization.workspaces.update": update_workspace,
    "organization.workspaces.archive": archive_workspace,
}
