"""Whose is a request to the practice server?

The organization's people, workspaces and keys are kept like all else (`practice.stored`), and are made up:
https://platform.claude.com/docs/en/manage-claude/admin-api
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from claude_magic.practice.refusal import Refusal
from claude_magic.practice.stored.shelves import DEFAULT_WORKSPACE, objects

if TYPE_CHECKING:
    from claude_magic.practice import Exchange, Owner, Practice

ORGANIZATION, WORKSPACE = "org_practice", DEFAULT_WORKSPACE
KEY = "apikey_practice_000001"
"""The API key that every request to the practice server counts for."""


def owner(practice: Practice, exchange: Exchange) -> Owner:
    """Return the ids of the API key and the workspace that a request counts for; raises Refusal.

    As in the usage reports the workspace is None for the default one. The header `anthropic-workspace-id`
    chooses another: https://platform.claude.com/docs/en/api/overview
    """
    wanted = exchange.request.headers.get("anthropic-workspace-id") or WORKSPACE
    if wanted == WORKSPACE:
        return KEY, None
    workspace = objects(practice, "organization.workspaces").get(wanted)
    if workspace is None:
        raise Refusal(404, f"workspace {wanted} not found")
    if workspace["archived_at"]:
        raise Refusal(403, f"The workspace {wanted!r} is archived")
    return KEY, wanted
