"""Who belongs to the organization, who is invited, and which keys are there?

Keys are made in the Console: the API lists, renames and switches them.
https://platform.claude.com/docs/en/manage-claude/user-management
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from claude_magic.practice.kinds import check, nullable, sized, written
from claude_magic.practice.moments import seconds
from claude_magic.practice.refusal import Refusal, refuse

if TYPE_CHECKING:
    from claude_magic.practice.stored.shelves import Asked, Item

USERS, INVITES = "organization.users", "organization.invites"
STATUSES = ("pending", "accepted", "expired")
DOMAINS = ("example.org", "example.com", "example.net")
"""Nobody's domains (RFC 2606): a practice invite must not look as if it went to a real person."""
EMAIL = written(
    r"(?=.{3,254}\Z)[^@\s]+@[^@\s]+\.[^@\s]+", "a valid email address"
)  # as long as RFC 5321 has it
KEY = {"name": nullable(sized(1, 500)), "status": "text?"}
NO_ADMIN = "A member with the role admin cannot be {} through the API; use the Console"


def listed(asked: Asked) -> dict[str, Any]:
    """Return a page of members, or of the invites that were not withdrawn, the newest first."""
    check(asked.exchange.many("statuses"), [STATUSES], "statuses")
    email = _normal(asked.exchange.one("email") or "")
    kept = [i for i in _settled(asked) if i.value.get("status") != "deleted"]
    return asked.listed([i for i in kept if email in ("@", _normal(i.value["email"]))])


def update_user(asked: Asked) -> dict[str, Any]:
    """Give a member another role; raises Refusal."""
    item = asked.own()
    _settable(asked.body["role"])
    _spare_admins(item, "changed")
    return asked.change(item, asked.body)


def remove_user(asked: Asked) -> dict[str, Any]:
    """Take a member out of the organization and its workspaces; the keys stay. Raises Refusal."""
    item = asked.own()
    _spare_admins(item, "removed")
    asked.remove(item)
    return asked.answer(item)


def sign_out(asked: Asked) -> dict[str, Any]:
    """End a member's sessions, of which there are none here; raises Refusal."""
    user = asked.own().value
    if user["role"] == "admin":
        code = "cannot_sign_out_privileged_member"
        raise Refusal(403, NO_ADMIN.format("signed out"), error_code=code)
    return user


def create_invite(asked: Asked) -> dict[str, Any]:
    """Invite somebody; raises Refusal with the API's error code."""
    given = {**asked.body, "email": asked.body["email"].strip()}
    EMAIL(given["email"], "email")
    _settable(given["role"])
    email = _normal(given["email"])
    domain = email.partition("@")[2]
    if domain not in DOMAINS:
        why = f"{domain} is not allowed here; the practice server invites to {', '.join(DOMAINS)}"
        refuse("email", why, error_code="email_domain_not_allowed")
    for user in asked.items(USERS):
        if _normal(user.value["email"]) == email:
            why = f"{email} is a member already: {user.value['id']}"
            refuse("email", why, error_code="already_member")
    for invite in _settled(asked):
        if _normal(invite.value["email"]) == email and invite.value["status"] == "pending":
            why = f"{email} is invited already: {invite.value['id']}"
            refuse("email", why, error_code="invite_already_exists")
    return asked.put(INVITES, given, {}).value


def retrieve_invite(asked: Asked) -> dict[str, Any]:
    """Return an invite; raises Refusal."""
    _settled(asked)
    return asked.own().value


def delete_invite(asked: Asked) -> dict[str, Any]:
    """Withdraw an invite that is still open; raises Refusal."""
    invite = retrieve_invite(asked)
    if invite["status"] != "pending":
        refuse("", f"Only a pending invite can be withdrawn; {invite['id']} is {invite['status']}")
    invite["status"] = "deleted"
    return asked.answer(asked.own())


def update_key(asked: Asked) -> dict[str, Any]:
    """Rename a key or switch it; raises Refusal."""
    item = asked.own()
    check(asked.body, KEY, "")
    if item.value["status"] == "archived":
        refuse("", "An archived API key cannot be changed")
    if item.value["status"] == "expired" and asked.body.get("status") in ("active", "inactive"):
        refuse("status", "An expired API key cannot be switched on or off; make a new one in the Console")
    asked.change(item, {name: value for name, value in asked.body.items() if value is not None})
    return asked.answer(item)


def _settled(asked: Asked) -> list[Item]:
    """Return all of a namespace; invites that nobody took in time have expired."""
    for item in asked.items(INVITES):
        late = asked.exchange.now >= seconds(item.value["expires_at"], "expires_at")
        if item.value["status"] == "pending" and late:
            item.value["status"] = "expired"
    return asked.items()


def _settable(role: str) -> None:
    if role == "managed":
        refuse("role", "'managed' exists only in Claude Enterprise organizations")


def _spare_admins(item: Item, what: str) -> None:
    if item.value["role"] == "admin":
        refuse("", NO_ADMIN.format(what))


def _normal(email: str) -> str:
    """Return an address without case and without what follows a plus sign."""
    name, _, domain = email.strip().casefold().partition("@")
    return f"{name.partition('+')[0]}@{domain}"


RULES = {
    f"{USERS}.list": listed,
    f"{USERS}.update": update_user,
    f"{USERS}.remove": remove_user,
    f"{USERS}.sign_out": sign_out,
    f"{INVITES}.list": listed,
    f"{INVITES}.create": create_invite,
    f"{INVITES}.retrieve": retrieve_invite,
    f"{INVITES}.delete": delete_invite,
    "organization.api_keys.update": update_key,
}
