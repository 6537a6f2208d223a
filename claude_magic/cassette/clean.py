"""What must not be in a cassette?

Keys, whatever they were sent as, and values of fields that are named like secrets (K1). A request is cleaned
before its key is made, so a conversation that was cleaned goes on to the same requests when it is replayed.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Any

from claude_magic.cassette import lines
from claude_magic.keys import Secret, hide, is_private
from claude_magic.prompts import private
from claude_magic.protocol import canonical, endpoints

if TYPE_CHECKING:
    from collections.abc import Mapping

    from claude_magic.protocol.canonical import Asked

TOKENS = frozenset(("authorization_token", "refresh_token", "id_token", "assertion"))
SPOKEN = frozenset(("messages", "content", "input", "events"))
"""Below these fields a name is the model's or a tool's own and removes nothing; a key's shape still does."""
NEVER = re.compile(r"oauth|credential|_token\b|_secret\b")
"""Calls whose whole point is a secret, by the names of their rows."""


def is_kept(asked: Asked) -> bool:
    """Say whether a call may be recorded at all: not one that creates or shows a secret."""
    found = endpoints.match(asked.method, asked.path)
    return found is None or not NEVER.search(found[0].name)


def secrets(headers: Mapping[str, Any]) -> tuple[Secret, ...]:
    """Return what proves in a request's headers who sends it."""
    found = (hide(name, value) for name, value in headers.items())
    bare = (Secret(s.reveal().removeprefix("Bearer ")) for s in found if isinstance(s, Secret))
    return tuple(s for s in bare if is_private(s))


def request(asked: Asked, hidden: tuple[Secret, ...]) -> Asked:
    """Return what was asked without secrets."""
    try:
        body = value(asked.body, hidden)
    except RecursionError:
        body = canonical.digest(canonical.sorted_json(asked.body))
    query = tuple((name, text(value, hidden)) for name, value in asked.query)
    return asked._replace(path=text(asked.path, hidden), query=query, body=body)


def response(held: dict[str, Any], hidden: tuple[Secret, ...], *, message: bool) -> dict[str, Any]:
    """Return a line's response without secrets; a message's stream as a whole where one lay across events."""
    made: dict[str, Any] = value(held, hidden, named=not message)
    if message and "events" in held:
        whole = value(lines.added(held["events"]), hidden, named=False)
        if whole != lines.added(made["events"]):
            headers = {**made["headers"], "content-type": lines.JSON}
            return {"status": made["status"], "headers": headers, "body": whole}
    return made


def value(found: Any, hidden: tuple[Secret, ...], *, named: bool = True) -> Any:
    """Return JSON without secrets; `named`: nor those of fields, or of addresses, whose names say it."""
    if isinstance(found, str):
        return private.without_passes(text(found, hidden)) if named else text(found, hidden)
    if isinstance(found, dict):
        return {text(k, hidden): _field(k, v, hidden, named) for k, v in found.items()}
    if isinstance(found, list):
        return [value(item, hidden, named=named) for item in found]
    return found


def _field(name: str, found: Any, hidden: tuple[Secret, ...], named: bool) -> Any:
    if named and isinstance(found, str) and found and _says_secret(name):
        return private.REMOVED
    return value(found, hidden, named=named and name not in SPOKEN)


@functools.lru_cache(4096)
def _says_secret(name: str) -> bool:
    return name in TOKENS or private.secret_name(name)


def text(found: str, hidden: tuple[Secret, ...]) -> str:
    """Return a text without keys."""
    for secret in hidden:
        found = found.replace(secret.reveal(), private.REMOVED)
    return private.without_keys(found)
