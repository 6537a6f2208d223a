"""What was used, and by whom?

Reports are about `practice.used`: the answers that this server gave and would have charged for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from claude_magic.practice.organization import WORKSPACE
from claude_magic.practice.reports.sums import total_input
from claude_magic.practice.stored.shelves import objects

if TYPE_CHECKING:
    from collections.abc import Callable

    from claude_magic.practice import Practice, Used

    Dimension = Callable[[Used], str | None]

LONG_CONTEXT = 200_000
NOT_HERE = """agent_id claude_tag_category claude_tag_user_id deployment_id environment_id organization_id
    rbac_group_id session_id slack_channel_id user_profile_id"""
"""What nothing on this server is done by or for."""


class People:
    """Who is behind an API key: the user or service account that it acts as, else the key itself."""

    def __init__(self, practice: Practice) -> None:
        self._keys, self._users = (
            objects(practice, f"organization.{kept}") for kept in ("api_keys", "users")
        )

    def actor(self, key_id: str | None) -> str | None:
        """Return the id of who a key's usage is attributed to."""
        principal = self._keys.get(key_id or "", {}).get("principal") or {}
        return principal.get("user_id") or principal.get("service_account_id") or key_id

    def show(self, actor: str | None) -> dict[str, Any] | None:
        """Return an actor as the reports write it."""
        if actor is None:
            return None
        kind = kind_of(actor)
        if kind != "user_actor":
            name = "service_account_id" if kind == "service_account_actor" else "api_key_id"
            return {"type": kind, name: actor}
        user = self._users.get(actor)
        known = {"name": user["name"], "email_address": user["email"]} if user else GONE
        return {"type": kind, "user_id": actor, **known, "deleted": user is None}

    def key_name(self, key_id: str) -> str:
        """Return the name of an API key, its id where it has none."""
        return str(self._keys.get(key_id, {}).get("name") or key_id)


GONE = {"name": "Deleted User", "email_address": None}


def kind_of(actor: str | None) -> str | None:
    """Return the type of an actor by its id."""
    if actor is None:
        return None
    kinds = {"user": "user_actor", "svac": "service_account_actor"}
    return kinds.get(actor.partition("_")[0], "api_actor")


def dimensions(people: People) -> dict[str, Dimension]:
    """Return what usage can be grouped and filtered by; None is a value of each."""
    found: dict[str, Dimension] = dict.fromkeys(NOT_HERE.split(), lambda _used: None)
    return found | {
        "actor": lambda used: people.actor(used.api_key_id),
        "actor_type": lambda used: kind_of(people.actor(used.api_key_id)),
        "api_key_id": lambda used: used.api_key_id,
        "context_window": _context_window,
        "inference_geo": _geo,
        "model": lambda used: used.model,
        "product": lambda used: used.product,
        "service_tier": lambda used: used.usage.get("service_tier"),
        "speed": lambda used: used.usage.get("speed") or "standard",
        "workspace_id": lambda used: used.workspace_id or WORKSPACE,
    }


def legacy_dimensions(people: People) -> dict[str, Dimension]:
    """Return the dimensions of the legacy reports, where the default workspace has no id."""

    def owner(kind: str) -> Dimension:
        return lambda used: who if kind_of(who := people.actor(used.api_key_id)) == kind else None

    return dimensions(people) | {
        "account_id": owner("user_actor"),
        "service_account_id": owner("service_account_actor"),
        "inference_geo": lambda used: _geo(used) or "not_available",
        "workspace_id": lambda used: None if used.workspace_id == WORKSPACE else used.workspace_id,
    }


def _context_window(used: Used) -> str:
    return "200k-1M" if total_input(used.usage) > LONG_CONTEXT else "0-200k"


def _geo(used: Used) -> str | None:
    geo = used.usage.get("inference_geo")
    return geo if geo in ("global", "us") else None
