"""Who may use a workspace, and as what?

Admins and billing members of the organization are in every workspace, and stay there.
https://platform.claude.com/docs/en/manage-claude/workspaces
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from claude_magic.practice.messages.shapes import check
from claude_magic.practice.organization.workspaces import open_workspace, retrieve_workspace
from claude_magic.practice.pages import page
from claude_magic.practice.refusal import Refusal, refuse

if TYPE_CHECKING:
    from claude_magic.practice import Exchange
    from claude_magic.practice.organization import Organization

ADMIN, BILLING = "workspace_admin", "workspace_billing"
SETTABLE = ("workspace_user", "workspace_developer", "workspace_restricted_developer", ADMIN)
INHERITED = {"admin": ADMIN, "billing": BILLING}
"""Role in the organization -> role that it gives in every workspace."""


def list_members(org: Organization, exchange: Exchange) -> dict[str, Any]:
    """Return a page of a workspace's members, in the order of the organization's; raises Refusal."""
    workspace = _with_members(org, retrieve_workspace(org, exchange))
    shown = [_shown(org, workspace, user_id) for user_id in reversed(org.users)]
    return page([member for member in shown if member["workspace_role"]], exchange)


def add_member(org: Organization, exchange: Exchange) -> dict[str, Any]:
    """Add a member of the organization to a workspace; raises Refusal."""
    workspace, body = _with_members(org, open_workspace(org, exchange)), exchange.body()
    check(body, {"user_id*": "text", "workspace_role*": SETTABLE}, "")
    user_id = org.find("user", body["user_id"])["id"]
    if _shown(org, workspace, user_id)["workspace_role"]:
        refuse("user_id", f"{user_id} is a member of {workspace['id']} already")
    return _set(org, workspace, user_id, body["workspace_role"])


def retrieve_member(org: Organization, exchange: Exchange) -> dict[str, Any]:
    """Return a member of a workspace; raises Refusal."""
    return _member(org, _with_members(org, retrieve_workspace(org, exchange)), exchange)


def update_member(org: Organization, exchange: Exchange) -> dict[str, Any]:
    """Give a member another role in a workspace; raises Refusal."""
    workspace, body = _with_members(org, open_workspace(org, exchange)), exchange.body()
    check(body, {"workspace_role*": (*SETTABLE, BILLING)}, "")
    user_id, role = _member(org, workspace, exchange)["user_id"], body["workspace_role"]
    inherited = INHERITED.get(org.users[user_id]["role"])
    if role not in _allowed(inherited):
        why = f"comes from the role {org.users[user_id]['role']} in the organization; change that first"
        refuse("workspace_role", f"{inherited} {why}" if inherited else f"{BILLING} can only be inherited")
    return _set(org, workspace, user_id, role)


def remove_member(org: Organization, exchange: Exchange) -> dict[str, Any]:
    """Take a member out of a workspace; raises Refusal."""
    workspace = _with_members(org, open_workspace(org, exchange))
    user_id = _member(org, workspace, exchange)["user_id"]
    role = org.users[user_id]["role"]
    if role in INHERITED:
        refuse("", f"{user_id} has the role {role} in the organization, which is in every workspace")
    del org.members[workspace["id"]][user_id]
    return {"type": "workspace_member_deleted", "user_id": user_id, "workspace_id": workspace["id"]}


def _allowed(inherited: str | None) -> tuple[str, ...]:
    """Return the roles that a member may be given who has inherited one, or none."""
    return SETTABLE if inherited is None else (ADMIN,) if inherited == ADMIN else (ADMIN, BILLING)


def _with_members(org: Organization, workspace: dict[str, Any]) -> dict[str, Any]:
    if org.is_default(workspace["id"]):
        refuse("", "The default workspace has no members of its own: the role in the organization decides")
    return workspace


def _member(org: Organization, workspace: dict[str, Any], exchange: Exchange) -> dict[str, Any]:
    user_id = exchange.names["user_id"]
    member = _shown(org, workspace, user_id)
    if not member["workspace_role"]:
        raise Refusal(404, f"{user_id!r} is not a member of {workspace['id']}")
    return member


def _set(org: Organization, workspace: dict[str, Any], user_id: str, role: str) -> dict[str, Any]:
    given = org.members[workspace["id"]]
    given[user_id] = role
    if role == BILLING:  # it is inherited, so nothing is left to be given
        del given[user_id]
    return _shown(org, workspace, user_id)


def _shown(org: Organization, workspace: dict[str, Any], user_id: str) -> dict[str, Any]:
    """Return a member as the API shows it; the role is None for who is none."""
    given = org.members[workspace["id"]].get(user_id)
    inherited = INHERITED.get(org.users[user_id]["role"]) if user_id in org.users else None
    return {
        "type": "workspace_member",
        "workspace_id": workspace["id"],
        "user_id": user_id,
        "workspace_role": given if given == ADMIN else inherited or given,
    }


ROWS = {
    "organization.workspaces.members.list": list_members,
    "organization.workspaces.members.add": add_member,
    "organization.workspaces.members.retrieve": retrieve_member,
    "organization.workspaces.members.update": update_member,
    "organization.workspaces.members.remove": remove_member,
}
