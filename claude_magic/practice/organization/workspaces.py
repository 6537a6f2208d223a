"""What may be changed in a workspace, and who may use it as what?

Admins and billing members of the organization are in every workspace, and stay there.
https://platform.claude.com/docs/en/manage-claude/workspaces
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from claude_magic.practice.kinds import check, nullable, sized, written
from claude_magic.practice.organization import WORKSPACE
from claude_magic.practice.refusal import Refusal, refuse

if TYPE_CHECKING:
    from claude_magic.practice.stored.shelves import Asked

SPACE, MEMBERS, USERS = "organization.workspaces", "organization.workspaces.members", "organization.users"
MOST = 100  # workspaces in an organization, archived ones and the default one apart
GEOS = ("global", "us")
UNRESTRICTED = "unrestricted"
ADMIN, BILLING = "workspace_admin", "workspace_billing"
INHERITED = {"admin": ADMIN, "billing": BILLING}
"""Role in the organization -> role that it gives in every workspace."""


def _geos(value: Any, where: str) -> None:
    if value != UNRESTRICTED:
        sized(1, len(GEOS), [GEOS])(value, where)


def _tags(value: dict[str, Any], where: str) -> None:
    for name in value:
        if name.startswith("anthropic"):
            refuse(f"{where}.{name}", "Names that begin with anthropic are taken")


RESIDENCY = {"allowed_inference_geos": nullable(_geos), "default_inference_geo": nullable(GEOS)}
UPDATE = {
    "name": sized(1, 255),
    "data_residency": RESIDENCY,
    "display_color": written("#[0-9A-Fa-f]{6}", "a colour such as #6C5BB9"),
    "external_key_id": "text",
    "tags": _tags,
    "user_profile_id": "text",
}
CREATE = {**UPDATE, "data_residency": {**RESIDENCY, "workspace_geo": nullable(("us",))}}


def listed(asked: Asked) -> dict[str, Any]:
    """Return a page of the workspaces, the newest first; raises Refusal."""
    default = asked.exchange.one("include_default") == "true"
    return asked.listed([i for i in asked.items() if default or i.value["id"] != WORKSPACE])


def create(asked: Asked) -> dict[str, Any]:
    """Make a workspace; raises Refusal."""
    given = _given(asked, CREATE)
    if sum(not item.value["archived_at"] for item in asked.items()) > MOST:
        refuse("", f"The organization has {MOST} workspaces already; archive one first")
    made = asked.put(SPACE, given, {}).value
    _within(made["data_residency"])
    return made


def update(asked: Asked) -> dict[str, Any]:
    """Change a workspace; raises Refusal."""
    old = open_workspace(asked)
    given = _given(asked, UPDATE)
    for name in ("name", "user_profile_id"):
        if old["id"] == WORKSPACE and given.get(name, old[name]) != old[name]:
            refuse(name, "The default workspace keeps the one it has")
    profile = old["user_profile_id"]
    if profile and given.get("user_profile_id", profile) != profile:
        refuse("user_profile_id", "A user profile cannot be replaced once it is attached")
    _within({**old["data_residency"], **given.get("data_residency", {})})
    return asked.change(asked.own(), given)


def _given(asked: Asked, kinds: dict[str, Any]) -> dict[str, Any]:
    """Return what a body gives, where null is nothing; raises Refusal."""
    given = {name: value for name, value in asked.body.items() if value is not None}
    check(given, kinds, "")
    if residency := given.get("data_residency"):
        given["data_residency"] = {name: value for name, value in residency.items() if value is not None}
    return given


def _within(residency: dict[str, Any]) -> None:
    allowed = residency["allowed_inference_geos"]
    if allowed != UNRESTRICTED and residency["default_inference_geo"] not in allowed:
        refuse("data_residency.default_inference_geo", "Input should be one of allowed_inference_geos")


def archive(asked: Asked) -> dict[str, Any]:
    """Archive a workspace for good, and its keys with it; raises Refusal."""
    workspace = open_workspace(asked)
    if workspace["id"] == WORKSPACE:
        refuse("", "The default workspace cannot be archived")
    workspace["archived_at"] = asked.maker.now
    for key in asked.items("organization.api_keys"):
        if key.value["scope"].get("workspace_id") == workspace["id"]:
            key.value["status"] = "archived"
    return workspace


def open_workspace(asked: Asked) -> dict[str, Any]:
    """Return the workspace of a request that would change it; raises Refusal for an archived one."""
    workspace = asked.other("workspace_id", asked.names["workspace_id"])
    if workspace["archived_at"]:
        refuse("", f"The workspace {workspace['id']} is archived, and stays so")
    return workspace


def list_members(asked: Asked) -> dict[str, Any]:
    """Return a page of a workspace's members, in the order of the organization's; raises Refusal."""
    _with_members(asked)
    shown = [_member(asked, user.value["id"]) for user in reversed(asked.items(USERS))]
    return asked.paged([member for member in shown if member["workspace_role"]])


def add_member(asked: Asked) -> dict[str, Any]:
    """Add a member of the organization to a workspace; raises Refusal."""
    workspace, user_id, role = open_workspace(asked), asked.body["user_id"], asked.body["workspace_role"]
    _with_members(asked)
    if _member(asked, user_id)["workspace_role"]:
        refuse("user_id", f"{user_id} is a member of {workspace['id']} already")
    if role == BILLING:
        refuse("workspace_role", f"Input should be no {BILLING}, which can only be inherited")
    return asked.put(MEMBERS, asked.body, dict(asked.names)).value


def retrieve_member(asked: Asked) -> dict[str, Any]:
    """Return a member of a workspace; raises Refusal."""
    _with_members(asked)
    member = _member(asked, asked.names["user_id"])
    if not member["workspace_role"]:
        raise Refusal(404, f"user {asked.names['user_id']} not found")
    return member


def update_member(asked: Asked) -> dict[str, Any]:
    """Give a member another role in a workspace; raises Refusal."""
    open_workspace(asked)
    user_id, role = retrieve_member(asked)["user_id"], asked.body["workspace_role"]
    organization_role = asked.other("user_id", user_id)["role"]
    inherited = INHERITED.get(organization_role)
    if inherited and role not in (ADMIN, inherited):
        why = f"{inherited} comes from the role {organization_role} in the organization; change that first"
        refuse("workspace_role", why)
    if role == BILLING and not inherited:
        refuse("workspace_role", f"{BILLING} can only be inherited")
    for item in asked.found():
        asked.remove(item)
    if role != BILLING:  # which is inherited, so nothing is left to be given
        asked.put(MEMBERS, {"workspace_role": role}, dict(asked.names))
    return _member(asked, user_id)


def remove_member(asked: Asked) -> dict[str, Any]:
    """Take a member out of a workspace; raises Refusal."""
    open_workspace(asked)
    user_id = retrieve_member(asked)["user_id"]
    role = asked.other("user_id", user_id)["role"]
    if role in INHERITED:
        refuse("", f"{user_id} has the role {role} in the organization, which is in every workspace")
    item = asked.own()
    asked.remove(item)
    return asked.answer(item)


def _with_members(asked: Asked) -> None:
    if asked.names["workspace_id"] == WORKSPACE:
        refuse("", "The default workspace has no members of its own: the role in the organization decides")


def _member(asked: Asked, user_id: str) -> dict[str, Any]:
    """Return a member as the API shows it; the role is None for who is none."""
    place = {"workspace_id": asked.names["workspace_id"], "user_id": user_id}
    given = next((item.value["workspace_role"] for item in asked.found(MEMBERS, **place)), None)
    users = asked.found(USERS, user_id=user_id)
    inherited = INHERITED.get(users[0].value["role"]) if users else None
    role = given if given == ADMIN else inherited or given
    return {"type": "workspace_member", **place, "workspace_role": role}


RULES = {
    f"{SPACE}.list": listed,
    f"{SPACE}.create": create,
    f"{SPACE}.update": update,
    f"{SPACE}.archive": archive,
    f"{MEMBERS}.list": list_members,
    f"{MEMBERS}.add": add_member,
    f"{MEMBERS}.retrieve": retrieve_member,
    f"{MEMBERS}.update": update_member,
    f"{MEMBERS}.remove": remove_member,
}
