"""What do the verbs of %claude admin do?

https://platform.claude.com/docs/en/manage-claude/admin-api
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from claude_magic import admin
from claude_magic.api import called
from claude_magic.api.called import PAGE
from claude_magic.cells.jobs import Said, each
from claude_magic.errors import InputError, nearest
from claude_magic.frames.reports import REPORTS
from claude_magic.protocol.endpoints import ENDPOINTS
from claude_magic.show import listings, showing
from claude_magic.show.listings import listed, see, table
from claude_magic.talk import current

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import pandas as pd

    from claude_magic.cells.jobs import Job
    from claude_magic.wire import Record


KINDS = {
    # what stands for it: how its ids begin, and its part of the organization
    "USER": ("user_", "users"),
    "WORKSPACE": ("wrkspc_", "workspaces"),
    "KEY": ("apikey_", "api_keys"),
    "INVITE": ("invite_", "invites"),
}


def _id(job: Job, kind: str, word: str) -> str:
    """Return the id of what is called by its id, name or address; raises InputError for what is not there."""
    start, part = KINDS[kind]
    if word.startswith(start):
        return word
    found = getattr(job.client.organization, part).list(limit=PAGE)
    return called.chosen(word, found, kind.lower(), f"%claude admin {part.removeprefix('api_')}")


def _those(job: Job, kind: str) -> list[str]:
    return [_id(job, kind, word) for word in job.all]


def _role(row: str, name: str, word: str) -> str:
    """Return a role; raises InputError for one that the endpoint's row does not have."""
    roles = ENDPOINTS[row].params[name].type.split("|")
    if len(roles) < 2 or word in roles:
        return word
    near = nearest(word, roles)
    hint = f"{f'Did you mean {near}? ' if near else ''}There is: {', '.join(roles)}."
    raise InputError(f"There is no role {word!r} to give", hint=hint)


def _change_role(job: Job) -> Record:
    who, role = job.all
    role = _role("organization.users.update", "role", role)
    found: Record = job.client.organization.users.update(_id(job, "USER", who), role=role)
    return see("USER", found)


def _remove(job: Job) -> Said:
    users = _those(job, "USER")
    if place := job.option("from"):
        members, workspace = job.client.organization.workspaces.members, _id(job, "WORKSPACE", place)
        return each(job, "USER", lambda one: members.remove(workspace, one), users)
    return each(job, "USER", job.client.organization.users.remove, users)


def _members(job: Job) -> pd.DataFrame:
    organization = job.client.organization
    people = {user["id"]: user for user in organization.users.list(limit=PAGE)}
    found = organization.workspaces.members.list(_id(job, "WORKSPACE", job.first), limit=PAGE)
    return table("members", [{**people.get(member["user_id"], {}), **member} for member in found])


def _add(job: Job) -> Record:
    who, place, *role = job.all
    given = _role("organization.workspaces.members.add", "workspace_role", (role or ["workspace_user"])[0])
    members = job.client.organization.workspaces.members
    found: Record = members.add(
        _id(job, "WORKSPACE", place), user_id=_id(job, "USER", who), workspace_role=given
    )
    return found


def _send_invite(job: Job) -> Record:
    email, role = job.all
    role = _role("organization.invites.create", "role", role)
    found: Record = job.client.organization.invites.create(email=email, role=role)
    return see("INVITE", found)


def _disable(job: Job) -> Said:
    update = job.client.organization.api_keys.update
    found = _those(job, "KEY")
    return each(job, "KEY", lambda one: update(one, status="inactive"), found)


def _scoped(key: Record) -> Mapping[str, Any]:
    """Return an API key that tells its workspace as 2026-10-21 does, where it is of 2023-06-01."""
    return {"scope": {"workspace_id": key.get("workspace_id")}, **key}


def _enable(job: Job) -> Said:
    found = _those(job, "KEY")
    for one in found:
        job.client.organization.api_keys.update(one, status="active")
    return Said(f"Enabled: {', '.join(found)}")


def _limits(job: Job) -> pd.DataFrame:
    organization = job.client.organization
    found = (
        organization.workspaces.rate_limits.list(_id(job, "WORKSPACE", job.first), include_inherited=True)
        if job.values
        else organization.rate_limits.list()
    )
    return table("limits", [row for item in found for row in _limiters(item)])


def _limiters(item: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a rate limit as rows, one for each limiter."""
    group = item.get("group") or {"type": item.get("group_type")}  # as 2023-06-01 calls it
    for one in item.get("limits") or ():
        name = group.get("display_name") or group.get("type")
        source = (one.get("source") or {}).get("type")
        yield {"group": name, "limit": one.get("type"), "value": one.get("value"), "set_by": source}


def _report(what: str, report: Callable[..., pd.DataFrame]) -> Callable[[Job], pd.DataFrame]:
    """Return what shows usage or cost; of practice it says so."""

    def show(job: Job) -> pd.DataFrame:
        start, end = [*_times(what, job), None, None][:2]
        by, width = job.options.get("by"), job.option("every") or "1d"
        found = report(start or "7d", end, by=by, every=width, client=job.client)
        if current.source_of(job.client) == "practice":
            showing.note(NOTHING_YET if found.empty else MADE_UP)
        return listings.report(found)

    return show


def _times(what: str, job: Job) -> list[str]:
    """Return where a report begins and ends; raises InputError for a group without its `by`."""
    words = [str(value) for value in job.values]
    groups = [word for word in words if set(word.split(",")) <= {*REPORTS[what]["analytics"].groups}]
    if not groups:
        return words
    times = " ".join(word for word in words if word not in groups)
    typed = f"%claude admin {' '.join(part for part in (what, times, 'by', *groups) if part)}"
    raise InputError(f"{groups[0]} is no time", hint=f"Did you mean {typed}?")


MADE_UP = "practice: asked of the practice server, or made up; nothing was paid"
NOTHING_YET = (
    "practice: in this time nothing was asked of the practice server. To make up 60 days of use: "
    "from claude_magic import practice; practice.shared().rehearse()"
)

DO: dict[str, Callable[[Job], Any]] = {
    "admin who": lambda job: job.client.organization.retrieve(),
    "admin users": lambda job: listed("USER", job.client.organization.users.list(limit=PAGE)),
    "admin role": _change_role,
    "admin remove": _remove,
    "admin invites": lambda job: listed("INVITE", job.client.organization.invites.list(limit=PAGE)),
    "admin invite": _send_invite,
    "admin withdraw": lambda job: each(
        job, "INVITE", job.client.organization.invites.delete, _those(job, "INVITE")
    ),
    "admin workspaces": lambda job: listed("WORKSPACE", job.client.organization.workspaces.list(limit=PAGE)),
    "admin members": _members,
    "admin add": _add,
    "admin archive": lambda job: each(
        job, "WORKSPACE", job.client.organization.workspaces.archive, _those(job, "WORKSPACE")
    ),
    "admin keys": lambda job: listed("KEY", map(_scoped, job.client.organization.api_keys.list(limit=PAGE))),
    "admin disable": _disable,
    "admin enable": _enable,
    "admin limits": _limits,
    "admin usage": _report("usage", admin.usage),
    "admin cost": _report("cost", admin.cost),
}
