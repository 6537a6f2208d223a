"""Who and what is in the practice organization to begin with?

All of it is made up and says so: people called Practice, addresses of example.org (RFC 2606), ids with
`_practice_` in them, hints of keys that no key could have.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from claude_magic import catalog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from claude_magic.practice.quota import Limits

    Items = dict[str, dict[str, Any]]

DAY = 86_400.0  # seconds
INVITE_LASTS = 21 * DAY
ADMIN = "user_practice_000001"
PEOPLE = (
    # first name, role in the organization
    ("Ada", "admin"),
    ("Bela", "admin"),
    ("Chidi", "billing"),
    ("Dana", "developer"),
    ("Emre", "developer"),
    ("Fatou", "developer"),
    ("Goran", "claude_code_user"),
    ("Hana", "claude_code_user"),
    ("Ines", "user"),
    ("Jonas", "user"),
    ("Kofi", "user"),
    ("Lucia", "user"),
)
WORKSPACES = (
    # name, colour, who is in it: first name -> role in the workspace
    ("Practice course A", "#6C5BB9", {"Dana": "workspace_admin", "Ines": "workspace_user"}),
    ("Practice course B", "#3E8E7E", {"Emre": "workspace_developer", "Jonas": "workspace_user"}),
    ("Practice research", "#B9705B", {"Fatou": "workspace_restricted_developer"}),
)
KEYS = (
    # name, status, number of its workspace (0 the default one, None the organization), whose it is, last day
    ("Practice key", "active", None, "Ada", None),
    ("Practice key of the default workspace", "active", 0, None, None),
    ("Practice key of course A", "active", 1, None, None),
    ("Practice key of course B", "inactive", 2, None, None),
    ("Practice key of last year", "expired", 1, None, "2025-12-31"),
    ("Practice key put away", "archived", 3, None, None),
)
INVITES = (
    # first name, role, status, days since
    ("Mona", "user", "pending", 30),
    ("Lucia", "user", "accepted", 20),
    ("Nils", "developer", "pending", 2),
    ("Oona", "user", "pending", 1),
)
MODEL_LIMITS = ("requests_per_minute", "input_tokens_per_minute_cache_aware", "output_tokens_per_minute")
SEARCHES = 30  # a second


def moment(seconds: float) -> str:
    """Return a time (seconds since 1970) as the API writes it."""
    return (datetime.fromtimestamp(0, UTC) + timedelta(seconds=int(seconds))).strftime("%Y-%m-%dT%H:%M:%SZ")


def address(first_name: str) -> str:
    """Return a person's address."""
    return f"{first_name.lower()}@example.org"


def users(new_id: Callable[[str], str]) -> Items:
    """Return the people, the one who came first at the beginning."""
    rows = (
        {
            "id": new_id("user"),
            "type": "user",
            "email": address(name),
            "name": f"Practice {name}",
            "role": role,
            "added_at": f"2026-01-{day:02}T09:00:00Z",
        }
        for day, (name, role) in enumerate(PEOPLE, 1)
    )
    return _by_id(rows)


def workspace(id: str, name: str, created_at: str, color: str = "#6C5BB9") -> dict[str, Any]:
    """Return a new workspace with the API's defaults."""
    where = {
        "workspace_geo": "us",
        "default_inference_geo": "global",
        "allowed_inference_geos": "unrestricted",
    }
    return {
        "id": id,
        "type": "workspace",
        "name": name,
        "created_at": created_at,
        "archived_at": None,
        "display_color": color,
        "compartment_id": id.replace("wrkspc", "cmpt"),
        "data_residency": where,
        "tags": {},
        "external_key_id": None,
        "user_profile_id": None,
    }


def workspaces(default: str, new_id: Callable[[str], str]) -> Items:
    """Return the workspaces, the default one first."""
    rows = [workspace(default, "Default", "2026-01-01T08:00:00Z")]
    for day, (name, color, _) in enumerate(WORKSPACES, 1):
        rows.append(workspace(new_id("wrkspc"), name, f"2026-02-{day:02}T09:00:00Z", color))
    return _by_id(rows)


def members(people: Items, places: Items) -> dict[str, dict[str, str]]:
    """Return who was added to a workspace by hand: workspace -> user -> role."""
    ids = {person["email"]: person["id"] for person in people.values()}
    added = [{ids[address(name)]: role for name, role in roles.items()} for _, _, roles in WORKSPACES]
    return dict(zip(places, [{}, *added], strict=True))


def keys(people: Items, places: Items, new_id: Callable[[str], str]) -> Items:
    """Return the API keys; a request to the practice server counts for the first, which acts as an admin."""
    ids = {person["email"]: person["id"] for person in people.values()}
    rows = []
    for number, (name, status, place, whose, last_day) in enumerate(KEYS, 1):
        owner = ids[address(whose)] if whose else None
        home = {"type": "organization"}
        if place is not None:
            home = {"type": "workspace", "workspace_id": list(places)[place]}
        rows.append(
            {
                "id": new_id("apikey"),
                "type": "api_key",
                "name": name,
                "status": status,
                "partial_key_hint": f"practice...{number}",
                "created_at": f"2025-03-{number:02}T09:00:00Z",
                "expires_at": f"{last_day}T00:00:00Z" if last_day else None,
                "created_by": {"id": owner or ADMIN, "type": "user"},
                "principal": {"type": "user_actor", "user_id": owner} if owner else None,
                "scope": home,
            }
        )
    return _by_id(rows)


def invite(id: str, email: str, role: str, at: float) -> dict[str, Any]:
    """Return a new invite, sent at a time in seconds since 1970."""
    return {
        "id": id,
        "type": "invite",
        "email": email,
        "role": role,
        "status": "pending",
        "invited_at": moment(at),
        "expires_at": moment(at + INVITE_LASTS),
        "accepted_at": None,
        "rbac_group_ids": [],
    }


def invites(now: float, new_id: Callable[[str], str]) -> Items:
    """Return the invites as they stand on a server that begins now: one expired, one accepted, two open."""
    rows = []
    for name, role, status, days in INVITES:
        row = invite(new_id("invite"), address(name), role, now - days * DAY)
        accepted = moment(now - (days - 1) * DAY) if status == "accepted" else None
        rows.append({**row, "status": status, "accepted_at": accepted})
    return _by_id(rows)


def rate_limits(limits: Limits) -> Items:
    """Return the organization's limits: one group for each line of models, and one for each other thing."""
    lines: dict[str, list[str]] = {}
    for m in catalog.all_models():
        if m.line and m.status != "retired":
            lines.setdefault(m.line, []).extend([m.id, *m.aliases])
    minute = (limits.requests, limits.input_tokens, limits.output_tokens)
    rows = [
        _group("model_group", line, dict(zip(MODEL_LIMITS, minute, strict=True)), models)
        for line, models in lines.items()
    ]
    each = {MODEL_LIMITS[0]: limits.requests}
    rows.append(_group("batch", "batch", {**each, "enqueued_batch_requests": limits.queued}))
    rows += [_group(kind, kind, each) for kind in ("token_count", "files", "skills")]
    rows.append(_group("web_search", "web_search", {"tool_uses_per_second": SEARCHES}))
    return _by_id(rows)


def _group(kind: str, name: str, limits: dict[str, int], models: list[str] | None = None) -> dict[str, Any]:
    group = {"id": f"rlg_practice_{name}", "type": kind}
    if models:
        group["display_name"] = f"Claude {name.title()}"
    return {
        "id": f"rl_practice_{name}",
        "type": "rate_limit",
        "group": group,
        "models": models,
        "limits": [{"type": limiter, "value": value} for limiter, value in limits.items()],
    }


def _by_id(rows: Iterator[dict[str, Any]] | list[dict[str, Any]]) -> Items:
    return {row["id"]: row for row in rows}
