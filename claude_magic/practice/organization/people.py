"""Who belongs to the organization, and who is invited?

https://platform.claude.com/docs/en/manage-claude/user-management
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from claude_magic.practice.messages.shapes import check
from claude_magic.practice.organization import population
from claude_magic.practice.pages import page
from claude_magic.practice.refusal import Refusal, refuse

if TYPE_CHECKING:
    from claude_magic.practice import Exchange
    from claude_magic.practice.organization import Organization

SETTABLE = ("user", "claude_code_user", "developer", "billing")
ROLES = (*SETTABLE, "admin")
STATUSES = ("pending", "accepted", "expired")
DOMAINS = ("example.org", "example.com", "example.net")
"""Nobody's domains (RFC 2606): a practice invite must not look as if it went to a real person."""
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
LONGEST_EMAIL = 254  # RFC 5321
NO_ADMIN = "A member with the role admin cannot be {} through the API; use the Console"


def list_users(org: Organization, exchange: Exchange) -> dict[str, Any]:
    """Return a page of the members, the newest first; raises Refusal."""
    return page(_wanted(org.users, exchange), exchange)


def retrieve_user(org: Organization, exchange: Exchange) -> dict[str, Any]:
    """Return a member; raises Refusal."""
    return org.find("user", exchange.names["user_id"])


def update_user(org: Organization, exchange: Exchange) -> dict[str, Any]:
    """Give a member another role; raises Refusal."""
    user, body = retrieve_user(org, exchange), exchange.body()
    check(body, {"role*": SETTABLE}, "")
    _spare_admins(user, "changed")
    user["role"] = body["role"]
    return user


def remove_user(org: Organization, exchange: Exchange) -> dict[str, Any]:
    """Take a member out of the organization and its workspaces; the keys stay. Raises Refusal."""
    user = retrieve_user(org, exchange)
    _spare_admins(user, "removed")
    del org.users[user["id"]]
    for roles in org.members.values():
        roles.pop(user["id"], None)
    return {"id": user["id"], "type": "user_deleted"}


def sign_out(org: Organization, exchange: Exchange) -> dict[str, Any]:
    """End a member's sessions, of which there are none here; raises Refusal."""
    user = retrieve_user(org, exchange)
    if user["role"] == "admin":
        code = "cannot_sign_out_privileged_member"
        raise Refusal(403, NO_ADMIN.format("signed out"), error_code=code)
    return user


def list_invites(org: Organization, exchange: Exchange) -> dict[str, Any]:
    """Return a page of the invites that were not withdrawn, the newest first; raises Refusal."""
    statuses = exchange.many("statuses")
    check(statuses, [STATUSES], "statuses")
    shown = {id: _shown(invite, exchange) for id, invite in org.invites.items()}
    kept = {id: i for id, i in shown.items() if i["status"] in (statuses or STATUSES)}
    return page(_wanted(kept, exchange), exchange)


def create_invite(org: Organization, exchange: Exchange) -> dict[str, Any]:
    """Invite somebody; raises Refusal with the API's error code."""
    body = exchange.body()
    check(body, {"email*": _email, "role*": SETTABLE, "rbac_group_ids": _no_groups}, "")
    email = _normal(body["email"])
    domain = email.partition("@")[2]
    if domain not in DOMAINS:
        why = f"{domain} is not allowed here; the practice server invites to {', '.join(DOMAINS)}"
        refuse("email", why, error_code="email_domain_not_allowed")
    for user in org.users.values():
        if _normal(user["email"]) == email:
            refuse("email", f"{email} is a member already: {user['id']}", error_code="already_member")
    for invite in org.invites.values():
        if _normal(invite["email"]) == email and _shown(invite, exchange)["status"] == "pending":
            refuse("email", f"{email} is invited already: {invite['id']}", error_code="invite_already_exists")
    made = population.invite(org.new_id("invite"), body["email"].strip(), body["role"], exchange.now)
    org.invites[made["id"]] = made
    return made


def retrieve_invite(org: Organization, exchange: Exchange) -> dict[str, Any]:
    """Return an invite; raises Refusal."""
    return _shown(org.find("invite", exchange.names["invite_id"]), exchange)


def delete_invite(org: Organization, exchange: Exchange) -> dict[str, Any]:
    """Withdraw an invite that is still open; raises Refusal."""
    invite = retrieve_invite(org, exchange)
    if invite["status"] != "pending":
        refuse("", f"Only a pending invite can be withdrawn; {invite['id']} is {invite['status']}")
    org.invites[invite["id"]]["status"] = "deleted"
    return {"id": invite["id"], "type": "invite_deleted"}


def _wanted(items: population.Items, exchange: Exchange) -> list[dict[str, Any]]:
    """Return the people or invites that the filters keep, the newest first; raises Refusal."""
    email, roles = exchange.one("email"), exchange.many("roles")
    check(roles, [ROLES], "roles")
    kept = [i for i in items.values() if i["role"] in (roles or ROLES)]
    return [i for i in reversed(kept) if not email or _normal(i["email"]) == _normal(email)]


def _shown(invite: dict[str, Any], exchange: Exchange) -> dict[str, Any]:
    over = invite["status"] == "pending" and invite["expires_at"] <= population.moment(exchange.now)
    return {**invite, "status": "expired"} if over else invite


def _spare_admins(user: dict[str, Any], what: str) -> None:
    if user["role"] == "admin":
        refuse("", NO_ADMIN.format(what))


def _normal(email: str) -> str:
    """Return an address without case and without what follows a plus sign."""
    name, _, domain = email.strip().casefold().partition("@")
    return f"{name.partition('+')[0]}@{domain}"


def _email(value: Any, where: str) -> None:
    check(value, "text", where)
    if len(value) > LONGEST_EMAIL or not EMAIL.fullmatch(value.strip()):
        refuse(where, "Input should be a valid email address")


def _no_groups(value: Any, where: str) -> None:
    check(value, ["text"], where)
    if value:
        refuse(where, "RBAC groups exist only in Claude Enterprise organizations")


ROWS = {
    "organization.users.list": list_users,
    "organization.users.retrieve": retrieve_user,
    "organization.users.update": update_user,
    "organization.users.remove": remove_user,
    "organization.users.sign_out": sign_out,
    "organization.invites.list": list_invites,
    "organization.invites.create": create_invite,
    "organization.invites.retrieve": retrieve_invite,
    "organization.invites.delete": delete_invite,
}
