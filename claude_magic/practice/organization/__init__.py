"""What does the practice server know of its organization, and whose is a request?

https://platform.claude.com/docs/en/manage-claude/admin-api
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from claude_magic.practice.organization import (
    api_keys,
    people,
    population,
    rate_limits,
    workspace_members,
    workspaces,
)
from claude_magic.practice.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from claude_magic.app import Response
    from claude_magic.practice import Answers, Exchange, Practice

ORGANIZATION, WORKSPACE = "org_practice", "wrkspc_practice"
KEY = "apikey_practice_000001"
"""The API key that every request to the practice server counts for."""


class Organization:
    """The state of an organization: the API's objects by id, each kind in the order it was made.

    `members` is workspace -> user -> role, `overrides` (workspace, rate limit) -> limiter -> value.
    """

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self.id = ORGANIZATION
        self.users = population.users(self.new_id)
        self.workspaces = population.workspaces(WORKSPACE, self.new_id)
        self.members = population.members(self.users, self.workspaces)
        self.keys = population.keys(self.users, self.workspaces, self.new_id)
        self.invites: population.Items = {}
        self.rate_limits: population.Items = {}
        self.overrides: dict[tuple[str, str], dict[str, int]] = {}

    def new_id(self, prefix: str) -> str:
        """Return the next id of a kind, such as `user_practice_000013`."""
        number = self._counts[prefix] = self._counts.get(prefix, 0) + 1
        return f"{prefix}_practice_{number:06}"

    def find(self, kind: str, id: str) -> dict[str, Any]:
        """Return a "user", "invite", "workspace", "key" or "rate_limit"; raises Refusal (404)."""
        items: population.Items = getattr(self, f"{kind}s")
        if id not in items:
            raise Refusal(404, f"There is no {kind.replace('_', ' ')} {id!r} in this organization")
        return items[id]

    def is_default(self, workspace_id: str) -> bool:
        """Say whether a workspace is the one that every organization has."""
        return workspace_id == WORKSPACE


def of(practice: Practice) -> Organization:
    """Return a server's organization."""
    org = practice.of(Organization)
    if not org.invites:  # what hangs on the server's clock and limits is made on first use
        org.invites = population.invites(practice.clock(), org.new_id)
        org.rate_limits = population.rate_limits(practice.limits)
    return org


def owner(practice: Practice, exchange: Exchange) -> tuple[str | None, str | None]:
    """Return the ids of the API key and the workspace that a request counts for; raises Refusal.

    As in the usage reports the workspace is None for the default one. The header `anthropic-workspace-id`
    chooses another: https://platform.claude.com/docs/en/api/overview
    """
    wanted = exchange.request.headers.get("anthropic-workspace-id") or WORKSPACE
    workspace = of(practice).find("workspace", wanted)
    if workspace["archived_at"]:
        raise Refusal(403, f"The workspace {wanted!r} is archived")
    return KEY, None if wanted == WORKSPACE else wanted


def _retrieve(org: Organization, _: Exchange) -> dict[str, Any]:
    return {"id": org.id, "type": "organization", "name": "Practice organization"}


def _answer(
    row: Callable[[Organization, Exchange], dict[str, Any]], practice: Practice, exchange: Exchange
) -> Response:
    return practice.json(row(of(practice), exchange))


ANSWERS: Answers = {
    name: functools.partial(_answer, row)
    for name, row in {
        "organization.retrieve": _retrieve,
        **people.ROWS,
        **api_keys.ROWS,
        **workspaces.ROWS,
        **workspace_members.ROWS,
        **rate_limits.ROWS,
    }.items()
}
