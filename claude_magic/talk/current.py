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
    from collections.abc import Mapping

    from claude_magic.api.client import Client
    from claude_magic.cassette.tape import Cassette
    from claude_magic.keys import Secret
    from claude_magic.wire import Record

PRACTICE_ORGANIZATION = "org_practice"  # in the answers of a practice server on any address


def client(replay: str | None = None) -> Client:
    """Return the session's client for the settings in force, the same one until they change.

    `replay` is the mode of replay, else that of the settings. Raises ConfigError when there is no key,
    practice is off and nothing recorded is to be played: nothing is simulated unasked.
    """
    mode = settings.option("replay", replay).value
    address = settings.base_url().value
    found = None if address == PRACTICE_URL else settings.credential()
    admin = keys.admin_key()
    headers = keys.custom_headers()
    signed = {"authorization", "x-api-key"} & {name.lower() for name in headers}
    playing = mode in ("auto", "only")
    if found is None and admin is None and address != PRACTICE_URL and not signed and not playing:
        raise ConfigError("There is no API key", hint=settings.no_key_hint(address))
    if address == PRACTICE_URL:
        from claude_magic.practice import shared

        shared().speed = settings.option("practice_speed").value
    names = ("timeout", "max_retries", "anthropic_version")
    made = _client(
        address,
        found.value if found else None,
        admin,
        tuple((name, settings.option(name).value) for name in names),
        tuple(headers.items()),
    )
    if mode == "off":
        return made
    from claude_magic.talk import replaying

    return _replaying(made, mode, replaying.opened(replaying.place().value))


@functools.lru_cache(maxsize=4)  # a cell with --replay has one of its own
def _replaying(made: Client, mode: str, tape: Cassette) -> Client:
    from claude_magic.talk import replaying

    return replaying.through(made, tape, mode)


@functools.lru_cache(maxsize=1)
def _client(
    address: str,
    key: Secret | None,
    admin: Secret | None,
    options: tuple[tuple[str, Any], ...],
    _headers: tuple[tuple[str, Any], ...],
) -> Client:
    from claude_magic.api.client import Client

    return Client(api_key=key, admin_key=admin, base_url=address, **dict(options))


def source_of(client: Client, message: Record | None = None) -> str:
    """Return "live", "practice" or "replay": by what a client asks, and what the answer says of itself.

    Before there is an answer a practice server on a port is known by its key: the service takes no such key.
    """
    if recorded(client, message) is not None:
        return "replay"
    if client.base_url == PRACTICE_URL:
        return "practice"
    said = _headers(message)
    signed = said.get("anthropic-organization-id") == PRACTICE_ORGANIZATION if said else _practises(client)
    return "practice" if signed else "live"


def _practises(client: Client) -> bool:
    caller = getattr(client, "_caller", None)
    return caller is not None and caller.route.credential == keys.Secret(keys.PRACTICE_KEY)


def recorded(client: Client, message: Record | None = None) -> str | None:
    """Return when what a client was answered was recorded (UTC), or None where it was not.

    It is "" before there is an answer, of a client that can do nothing but play.
    """
    http = getattr(getattr(client, "_caller", None), "http", None)
    if http is None:
        return None
    from claude_magic import cassette
    from claude_magic.cassette.lines import REPLAY

    taped = cassette.of(http)
    if taped is None:  # a server may say what it likes
        return None
    return _headers(message).get(REPLAY, "" if taped.mode == "only" else None)


def _headers(message: Record | None) -> Mapping[str, str]:
    return message.response.headers if message is not None and message.response else {}


def session_id() -> str:
    """Return what names this process's session in the ledger."""
    return _session(os.getpid())


@functools.cache
def _session(_pid: int) -> str:
    return uuid.uuid4().hex[:12]
