"""Who may ask for what?

A key that begins with practice reaches everything. Of the service's own kinds an admin key reaches the
organization's calls and no others, and a workspace's key all but those.
https://platform.claude.com/docs/en/manage-claude/admin-api-keys
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from claude_magic.practice.refusal import Refusal, refuse

if TYPE_CHECKING:
    from claude_magic.practice import Exchange

NOT_BEARER, NOT_KEY = "Invalid bearer token", "invalid x-api-key"
KEY = re.compile(r"(?:sk-ant-|practice)[\x21-\x7e]*")
REACH = (
    # how a key begins, whether it reaches the organization's calls, and the others
    ("practice", True, True),
    ("sk-ant-oat", True, True),
    ("sk-ant-admin", True, False),
    ("sk-ant-api01-", True, False),  # the scoped keys of Claude Enterprise
    ("sk-ant-", False, True),
)
OAUTH_ONLY = re.compile(r"/v1/organizations/(service_accounts|federation_\w+)\b")
EITHER = {"agent-memory-2026-07-22": "managed-agents-2026-04-01"}
"""A beta that another may stand for; both together are refused."""
WRONG = {
    True: "this call takes an admin key, which begins with sk-ant-admin, or here with practice",
    False: "an admin key reaches the organization's calls only; this one takes a workspace's key, "
    "which begins with sk-ant-api, or here with practice",
}


def check(exchange: Exchange) -> None:
    """Let a request pass whose key reaches its call; raises Refusal (401, 403)."""
    headers = exchange.request.headers
    scheme, _, token = headers.get("authorization", "").partition(" ")
    bearer, plain = token.strip() if scheme.casefold() == "bearer" else "", headers.get("x-api-key", "")
    for key, fault in ((bearer, NOT_BEARER), (plain, NOT_KEY)):
        if KEY.fullmatch(key):
            return _reaches(key, exchange, fault)
    told = NOT_BEARER if scheme else NOT_KEY if plain else "x-api-key header is required"
    raise Refusal(401, f"{told}: the practice server takes a key that begins with practice or sk-ant-")


def _reaches(key: str, exchange: Exchange, fault: str) -> None:
    admin = exchange.row.admin
    reach = next((row for row in REACH if key.startswith(row[0])), REACH[-1])
    if not reach[1 if admin else 2]:
        raise Refusal(401, f"{fault}: {WRONG[admin]}")
    if admin and not reach[2] and OAUTH_ONLY.match(exchange.row.path):
        why = "This call takes an OAuth token with the scope org:admin, not an admin key"
        raise Refusal(403, f"{why}; here a key that begins with practice will do")


def betas(exchange: Exchange) -> None:
    """Let a call of the beta part pass that names its beta; raises Refusal."""
    for name in exchange.row.betas:
        other = EITHER.get(name, name)
        if not {name, other} & exchange.betas:
            refuse("anthropic-beta", f"this endpoint is in beta: requests must send {name!r} in this header")
        if name != other and {name, other} <= exchange.betas:
            refuse("anthropic-beta", f"{name!r} and {other!r} cannot be sent together")
