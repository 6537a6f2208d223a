"""Which file was uploaded already?

A file that a question needs is uploaded once, for 30 days, and its id used again: within a session, and by
the next one after a look at what the service knows of it. What is kept for that in the data folder, 0600, is
the address, hashes and an id. https://platform.claude.com/docs/en/build-with-claude/files
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import mimetypes
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from claude_magic import keys
from claude_magic.errors import ConfigError, InputError, NotFoundError
from claude_magic.prompts import citing, media
from claude_magic.talk import replaying

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from claude_magic.api.client import Client
    from claude_magic.prompts.media import Waiting

    Message = Mapping[str, Any]

DAYS = 30  # an upload of ours is kept
SOON = timedelta(hours=1)  # what expires before that is uploaded again
MOST_KEPT = 1_000  # files that are remembered
DOCUMENTS = ("application/pdf", "text/plain")
TABLES = ("text/csv", "text/tab-separated-values")  # for code
IMAGES = ("image/jpeg", "image/png", "image/gif", "image/webp")

_sure: WeakKeyDictionary[Client, dict[str, str]] = WeakKeyDictionary()
"""What each client has uploaded, or found to be there: the key of a file to its id."""


def sent(messages: Sequence[Message], client: Client) -> tuple[list[dict[str, Any]], list[str]]:
    """Return messages with the ids of files that wait, and a line for each upload; raises ClaudeError."""
    lines: list[str] = []
    return _filled(messages, lambda file, title: _block(file, title, client, lines)), lines


def unsent(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Return messages with the content of files that wait, or a word for it: nothing is uploaded."""
    return _filled(messages, media.inline)


def _filled(
    messages: Sequence[Message], made: Callable[[Waiting, str], dict[str, Any]]
) -> list[dict[str, Any]]:
    def fill(block: Any) -> Any:
        file = media.waiting(block) if isinstance(block, dict) else None
        if not file:
            return block
        title = str(block.get("title"))
        filled = made(file, title)
        return (citing.document(filled, title) or filled) if block.get("citations") else filled

    return [
        {**message, "content": [fill(block) for block in message["content"]]}
        if isinstance(message.get("content"), list)
        else dict(message)
        for message in messages
    ]


def _block(file: Waiting, title: str, client: Client, lines: list[str]) -> dict[str, Any]:
    if file.id:
        facts = client.files.retrieve_metadata(file.id)
        kind, file_id, title = _type(facts, code=file.code), file.id, str(facts.get("filename", title))
    else:
        kind, file_id = file.block, _uploaded(file, title, client, lines)
    if kind == "container_upload":
        return {"type": kind, "file_id": file_id}
    made = {"type": kind, "source": {"type": "file", "file_id": file_id}}
    return {**made, "title": title} if kind == "document" else made


def _type(facts: Mapping[str, Any], *, code: bool) -> str:
    """Return the type of block that a file goes into; raises InputError for one that only code can read."""
    mime_type = str(facts.get("mime_type", "")).partition(";")[0]
    if mime_type in DOCUMENTS + IMAGES:
        return "image" if mime_type in IMAGES else "document"
    if code:
        return "container_upload"
    name = facts.get("filename") or "FILE"
    raise InputError(
        f"{facts.get('filename', 'The file')} is {mime_type or 'of no known type'}, which only code can read",
        hint=f"Attach the file itself: --attach {name}, or let code read it: --skill xlsx.",
    )


def readable_type(name: str) -> str | None:
    """Return the type under which Claude itself can read a text that is no table, else None for its own.

    A document is PDF or plain text: https://platform.claude.com/docs/en/build-with-claude/files
    """
    kind = mimetypes.guess_type(name)[0] or ""
    return "text/plain" if kind.startswith("text/") and kind not in TABLES else None


def _uploaded(file: Waiting, title: str, client: Client, lines: list[str]) -> str:
    """Return the id of a file, which is uploaded where it is not there already; raises ClaudeError."""
    path, sure = Path(file.path), _sure.setdefault(client, {})
    try:
        with path.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}", hint="Look where it is now.") from None
    key = f"{client.base_url} {file.mime_type} {digest}"
    if file.block == "container_upload":  # code sees the name
        key += f" {hashlib.sha256(title.encode()).hexdigest()[:16]}"
    replayed = replaying.is_replayed(client)  # whose ids are those of its cassette
    known = sure.get(key) or (None if replayed else _kept().get(key))
    if known and (key in sure or _there(known, path, file, client)):
        sure[key] = known
        return known
    made = client.files.upload(path, mime_type=file.mime_type, expires_in_seconds=DAYS * 86_400)
    sure[key] = file_id = str(made["id"])
    # a practice server forgets its files, and gives their ids again
    if "_practice_" not in file_id and not replayed:
        _keep({**_kept(), key: file_id})
    size = media.shown_size(path.stat().st_size)
    lines.append(f"uploaded {title} ({size}) as {file_id}, kept for {DAYS} days")
    return file_id


def _there(file_id: str, path: Path, file: Waiting, client: Client) -> bool:
    """Say whether the service still has a file, with the size and type that ours has."""
    try:
        facts = client.files.retrieve_metadata(file_id)
    except NotFoundError:
        return False
    same = facts.get("size_bytes") == path.stat().st_size and facts.get("mime_type") == file.mime_type
    return same and not expires_soon(facts)


def expires_soon(facts: Mapping[str, Any]) -> bool:
    """Say whether a file or container is gone within the hour; what has no such time stays."""
    with contextlib.suppress(KeyError, TypeError, ValueError):
        return datetime.fromisoformat(facts["expires_at"]) - SOON < datetime.now(UTC)
    return False


def forget(file_ids: Iterable[str] | None = None) -> None:
    """Forget uploads that were deleted; None: look again at each before it is used."""
    gone = None if file_ids is None else set(file_ids)
    for sure in list(_sure.values()):
        for key in [k for k, v in sure.items() if gone is None or v in gone]:
            del sure[key]
    kept = _kept()
    if gone and not gone.isdisjoint(kept.values()):
        _keep({k: v for k, v in kept.items() if v not in gone})


def _place() -> Path:
    return keys.data_dir() / "uploads.json"


def _kept() -> dict[str, str]:
    try:
        found = json.loads(_place().read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return {k: v for k, v in found.items() if isinstance(v, str)} if isinstance(found, dict) else {}


def _keep(ids: Mapping[str, str]) -> None:
    newest = dict(list(ids.items())[-MOST_KEPT:])
    with contextlib.suppress(ConfigError):  # it only saves uploads
        keys.write_private(_place(), json.dumps(newest, indent=1) + "\n")
