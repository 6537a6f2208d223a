"""Which client does this session ask, and is it Claude or the practice server?"""

from __future__ import annotations

import functools
import os
import uuid
from typing import TYPE_CHECKING, Any

from claude_magic import keys, settings
from claude_magic.errors import ConfigError
from claude_magic.keys import PRACTICE_URL

if TYPE_CHECKING:
    from claude_magic.client import Client
    from claude_magic.keys import Secret
    from claude_magic.wire import Record

PRACTICE_ORGANIZATION = "org_practice"  # in the answers of a practice server on any address


def client() -> Client:
    """Return the session's client for the settings in force, the same one until they change.

    Raises ConfigError when there is no key and practice is off: nothing is simulated unasked.
    """
    address = settings.base_url().value
    found = None if address == PRACTICE_URL else settings.credential()
    admin = keys.admin_key()
    headers = keys.custom_headers()
    signed = {"authorization", "x-api-key"} & {name.lower() for name in headers}
    if found is None and admin is None and address != PRACTICE_URL and not signed:
        raise ConfigError("There is no API key", hint=settings.no_key_hint(address))
    if address == PRACTICE_URL:
        from claude_magic.practice import shared

        shared().speed = settings.option("practice_speed").value
    names = ("timeout", "max_retries", "anthropic_version")
    return _client(
        address,
        found.value if found else None,
        admin,
        tuple((name, settings.option(name).value) for name in names),
        tuple(headers.items()),
    )


@functools.lru_cache(maxsize=1)
def _client(
    address: str,
    key: Secret | None,
    admin: Secret | None,
    options: tuple[tuple[str, Any], ...],
    _headers: tuple[tuple[str, Any], ...],
) -> Client:
    from claude_magic.client import Client

    return Client(api_key=key, admin_key=admin, base_url=address, **dict(options))


def source_of(client: Client, message: Record | None = None) -> str:
    """Return "practice" or "live", by the address a client asks and what the server says of itself."""
    headers = message.response.headers if message is not None and message.response else {}
    signed = headers.get("anthropic-organization-id") == PRACTICE_ORGANIZATION
    return "practice" if signed or client.base_url == PRACTICE_URL else "live"


def session_id() -> str:
    """Return what names this process's session in the ledger."""
    return _session(os.getpid())


@functools.cache
def _session(_pid: int) -> str:
    return uuid.uuid4().hex[:12]
